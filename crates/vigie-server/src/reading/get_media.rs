//! The shell of GetMedia: sends fragments in order of ingestion, then follows the stream live.
//!
//! A consumer that does not read holds up nothing but itself. An answer ends after 3 s with nothing to send (KVS
//! API_GetMedia), or after 30 s while a producer is connected, so that a live consumer outlasts long fragments; and
//! with an error in the band when there can be nothing more.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, watch};
use vigie_kvs::shapes::media::GetMediaInput;
use vigie_kvs::{ErrorKind, FragmentNumber, KvsError};

use super::Consumers;
use super::chunk::{self, ReadError};
use super::readers::Place;
use super::sender::{ChunkSender, NotSent};
use super::start::after_sequence;
use crate::api::Call;
use crate::api::fragments::fragment_number;
use crate::archive::{ArchiveError, ERASED, FragmentOrder, FragmentQuery, StoredFragment};
use crate::db::Stream;
use crate::failure::Answer;
use crate::media::expired_before;
use crate::process::Stopping;

/// Index entries that are read at a time.
const ENTRIES_PER_READ: usize = 64;
const NOTHING_TO_SEND: Duration = Duration::from_secs(3);
const NOTHING_TO_SEND_LIVE: Duration = Duration::from_secs(30);

/// Begins an answer; its body is the channel that is returned.
pub(crate) async fn get_media(
    consumers: &Arc<Consumers>,
    call: &Call,
    input: GetMediaInput,
) -> Answer<mpsc::Receiver<Bytes>> {
    let stream = consumers.media.streams.active(call, &input.stream()?).await?;
    let start = input.start_selector.start()?;
    let key = consumers.media.config.media_key(&stream);
    let place = consumers.readers.get_media.enter(&key).ok_or_else(|| {
        let message = "the stream has as many GetMedia connections as it may have";
        KvsError::new(ErrorKind::ConnectionLimitExceeded, message)
    })?;
    // Watching before the start is looked up: what is persisted in between is not missed.
    let persisted = consumers.media.fragments.watch(&key);
    let after = after_sequence(&consumers.media, &key, start).await?;
    let newest = consumers.media.fragments.latest(&key).await?.map_or(0, |newest| newest.sequence);
    let (sender, answer) = ChunkSender::new(&consumers.media);
    let reading = Reading {
        consumers: Arc::clone(consumers),
        stream,
        key,
        after,
        newest,
        last: None,
        persisted,
        sender,
        _place: place,
    };
    consumers.media.process.spawn(reading.run());
    Ok(answer)
}

struct Reading {
    consumers: Arc<Consumers>,
    stream: Stream,
    key: String,
    /// The sequence of the last fragment that was sent.
    after: u64,
    /// The newest sequence when the answer began.
    newest: u64,
    /// The number of the last fragment that was to be sent.
    last: Option<FragmentNumber>,
    /// The newest sequence since.
    persisted: watch::Receiver<u64>,
    sender: ChunkSender,
    _place: Place,
}

/// What came of waiting.
enum Waited {
    /// Look again.
    ForMore,
    /// Nothing came, or nobody wants it.
    InVain,
}

impl Reading {
    async fn run(mut self) {
        self.consumers.media.metrics.get_media_connections.inc();
        let error = match self.send_all().await {
            Ok(()) | Err(NotSent::ConsumerGone) => None,
            Err(NotSent::FragmentGone) => Some(ReadError::FragmentNotFound),
            Err(NotSent::Failed(error)) => {
                tracing::error!(stream = self.stream.name, %error, "GetMedia ended");
                Some(ReadError::Internal)
            }
        };
        // The consumer may have gone by now, and then there is nobody to tell.
        if let Some(error) = error
            && self.sender.send(chunk::error(self.last, error)).await.is_err()
        {
            tracing::debug!(stream = self.stream.name, "nobody was told why GetMedia ended");
        }
        self.consumers.media.metrics.get_media_connections.dec();
    }

    async fn send_all(&mut self) -> Result<(), NotSent> {
        let mut stopping = self.consumers.media.process.stopping();
        loop {
            // Before the index is read, so that what comes after is seen as a change.
            if *self.persisted.borrow_and_update() == ERASED {
                return Err(NotSent::FragmentGone);
            }
            let fragments = self.next_fragments().await?;
            if fragments.is_empty() {
                match self.wait(&mut stopping).await {
                    Waited::ForMore => continue,
                    Waited::InVain => return Ok(()),
                }
            }
            for fragment in fragments {
                self.send_fragment(&fragment).await?;
                self.after = fragment.sequence;
                if stopping.is_now() {
                    return Ok(());
                }
            }
        }
    }

    /// Waits for a commit; asks now and then whether it is worth it, for producers come and go.
    async fn wait(&mut self, stopping: &mut Stopping) -> Waited {
        let process = Arc::clone(&self.consumers.media.process);
        let mut quiet = Duration::ZERO;
        loop {
            tokio::select! {
                biased;
                changed = self.persisted.changed() => {
                    return if changed.is_ok() { Waited::ForMore } else { Waited::InVain };
                }
                () = self.sender.consumer_gone() => return Waited::InVain,
                () = stopping.wait() => return Waited::InVain,
                () = process.sleep(NOTHING_TO_SEND) => {
                    quiet += NOTHING_TO_SEND;
                    let patience = match self.consumers.connections.has_connection(&self.key) {
                        true => NOTHING_TO_SEND_LIVE,
                        false => NOTHING_TO_SEND,
                    };
                    if quiet >= patience {
                        return Waited::InVain;
                    }
                }
            }
        }
    }

    async fn next_fragments(&self) -> Result<Vec<StoredFragment>, ArchiveError> {
        let from = i64::try_from(self.after.saturating_add(1)).unwrap_or(i64::MAX);
        let all = FragmentQuery::all(FragmentOrder::Sequence, ENTRIES_PER_READ);
        self.consumers.media.fragments.list(&self.key, FragmentQuery { from, ..all }).await
    }

    /// Sends a fragment, unless it has expired.
    async fn send_fragment(&mut self, fragment: &StoredFragment) -> Result<(), NotSent> {
        let now = self.consumers.media.process.now().wall;
        if fragment.server_timestamp < expired_before(&self.stream, now) {
            return Ok(());
        }
        let number = fragment_number(fragment);
        self.last = Some(number);
        self.sender.send_fragment(fragment, chunk::leading).await?;
        let newest = self.newest.max(*self.persisted.borrow());
        let ended_at = fragment.server_timestamp.plus_millis(fragment.duration_ms.into());
        let millis_behind_now = match fragment.sequence >= newest {
            true => 0,
            false => now.millis_since(ended_at).max(0),
        };
        self.sender.send(chunk::trailing(number, millis_behind_now)).await
    }
}
