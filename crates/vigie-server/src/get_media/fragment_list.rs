//! The shell of GetMediaForFragmentList: sends the fragments that a caller lists, in the caller's order.
//!
//! A fragment that cannot be had is answered with an error in its place, and the next ones are sent all the same.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;
use vigie_kvs::shapes::archived_media::GetMediaForFragmentListInput;
use vigie_kvs::{ErrorKind, FragmentNumber, KvsError};

use super::Consumers;
use super::chunk::{self, ReadError};
use super::readers::Place;
use super::sender::{ChunkSender, NotSent, may_read};
use crate::api::Call;
use crate::api::fragments::fragment_number;
use crate::archive::{ArchiveError, FragmentOrder, FragmentQuery, StoredFragment};
use crate::auth::HeldGrant;
use crate::db::Stream;
use crate::failure::Answer;
use crate::media::Media;

/// Index entries that are read at a time: callers mostly ask for fragments that follow each other.
const ENTRIES_PER_READ: usize = 64;

/// Begins an answer; its body is the channel that is returned.
pub(crate) async fn get_media_for_fragment_list(
    consumers: &Consumers,
    call: &Call,
    input: GetMediaForFragmentListInput,
) -> Answer<mpsc::Receiver<Bytes>> {
    let media = Arc::clone(&consumers.media);
    let stream = media.streams.active(call, &input.stream()?).await?;
    let key = media.config.media_key(&stream);
    // Its model knows no ConnectionLimitExceededException.
    let place = consumers.readers.fragment_list.enter(&key).ok_or_else(|| {
        let message = "the stream has as many GetMediaForFragmentList connections as it may have";
        KvsError::new(ErrorKind::ClientLimitExceeded, message)
    })?;
    let (sender, answer) = ChunkSender::new(&media);
    let grant = consumers.held_grant(call, &stream.arn);
    let reading = Reading { media, grant, stream, key, found: Vec::new(), sender, _place: place };
    consumers.media.process.spawn(reading.run(input.fragments));
    Ok(answer)
}

struct Reading {
    media: Arc<Media>,
    grant: HeldGrant,
    stream: Stream,
    key: String,
    /// What the last look into the index found, for the next numbers.
    found: Vec<StoredFragment>,
    sender: ChunkSender,
    _place: Place,
}

impl Reading {
    async fn run(mut self, numbers: Vec<String>) {
        let stopping = self.media.process.stopping();
        for number in numbers {
            if may_read(&mut self.grant, &self.media).await.is_err() {
                return;
            }
            let sent = match self.send(&number).await {
                Err(NotSent::FragmentGone) => {
                    let error = chunk::listed_error(&number, ReadError::FragmentNotFound);
                    self.sender.send(error).await
                }
                Err(NotSent::Failed(error)) => {
                    tracing::error!(stream = self.stream.name, %error, "a fragment was not read");
                    self.sender.send(chunk::listed_error(&number, ReadError::Internal)).await
                }
                sent => sent,
            };
            if sent.is_err() || stopping.is_now() {
                return;
            }
        }
    }

    async fn send(&mut self, number: &str) -> Result<(), NotSent> {
        let fragment = match number.parse() {
            Ok(number) => self.find(number).await?,
            Err(_) => None,
        };
        let fragment = fragment.ok_or(NotSent::FragmentGone)?;
        self.sender.send_fragment(&fragment, chunk::listed).await
    }

    /// The fragment of exactly this number, if it is archived and has not expired.
    async fn find(
        &mut self,
        number: FragmentNumber,
    ) -> Result<Option<StoredFragment>, ArchiveError> {
        if self.stream.retention_hours == 0 {
            return Ok(None);
        }
        let is_it = |fragment: &&StoredFragment| fragment_number(fragment) == number;
        if !self.found.iter().any(|fragment| is_it(&fragment)) {
            let Ok(from) = i64::try_from(number.sequence()) else { return Ok(None) };
            let all = FragmentQuery::all(FragmentOrder::Sequence, ENTRIES_PER_READ);
            self.found =
                self.media.fragments.list(&self.key, FragmentQuery { from, ..all }).await?;
        }
        let expired_before = self.media.expired_before(&self.stream);
        let kept = |fragment: &&StoredFragment| fragment.server_timestamp >= expired_before;
        Ok(self.found.iter().find(is_it).filter(kept).cloned())
    }
}
