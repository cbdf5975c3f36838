//! The shell of GetMedia: sends fragments in order of ingestion, then follows the stream live.
//!
//! A consumer that does not read holds up nothing but itself. An answer ends after 3 s with nothing to send (KVS
//! API_GetMedia), or after 30 s while a producer is connected, so that a live consumer outlasts long fragments; and
//! with an error in the band when there can be nothing more. Notices are hints: each 3 s it is looked without one.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use vigie_kvs::shapes::media::GetMediaInput;
use vigie_kvs::{ErrorKind, FragmentNumber, KvsError};

use super::Consumers;
use super::chunk::{self, ReadError};
use super::readers::Place;
use super::sender::{ChunkSender, NotSent, may_read};
use super::start::after_sequence;
use crate::api::Call;
use crate::api::fragments::fragment_number;
use crate::archive::{ArchiveError, FragmentOrder, FragmentQuery, StoredFragment};
use crate::auth::HeldGrant;
use crate::db::{Notice, Stream, StreamKey, StreamStatus, Subscription};
use crate::failure::Answer;
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
    // Listening before the start is looked up: what is persisted in between is not missed.
    let changed = Notice::MediaChanged { stream: key.clone() };
    let changes = consumers.media.notices.subscribe([changed].into());
    let after = after_sequence(&consumers.media, &key, start).await?;
    let newest = consumers.media.fragments.latest(&key).await?.map_or(0, |newest| newest.sequence);
    let (sender, answer) = ChunkSender::new(&consumers.media);
    let reading = Reading {
        consumers: Arc::clone(consumers),
        grant: consumers.held_grant(call, &stream.arn),
        stream,
        key,
        after,
        newest,
        last: None,
        changes,
        has_changed: false,
        sender,
        _place: place,
    };
    consumers.media.process.spawn(reading.run());
    Ok(answer)
}

struct Reading {
    consumers: Arc<Consumers>,
    grant: HeldGrant,
    stream: Stream,
    key: String,
    /// The sequence of the last fragment that was sent.
    after: u64,
    /// The newest sequence that is known.
    newest: u64,
    /// The number of the last fragment that was to be sent.
    last: Option<FragmentNumber>,
    /// Of the stream.
    changes: Box<dyn Subscription>,
    /// Whether one was heard while fragments were sent.
    has_changed: bool,
    sender: ChunkSender,
    _place: Place,
}

/// What came of waiting.
enum Waited {
    /// There may be more.
    ForMore,
    /// For so long, and nobody said that there is.
    Quiet(Duration),
    /// Nobody wants more.
    InVain,
}

impl Reading {
    async fn run(mut self) {
        self.consumers.media.metrics.get_media_connections.inc();
        let error = match self.send_all().await {
            Ok(()) | Err(NotSent::ConsumerGone) => None,
            // The reference has no id for it: the answer ends.
            Err(NotSent::NotAllowed) => None,
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
        let mut quiet = Duration::ZERO;
        let mut has_waited = false;
        loop {
            has_waited |= std::mem::take(&mut self.has_changed);
            may_read(&mut self.grant, &self.consumers.media).await?;
            let fragments = self.next_fragments().await?;
            let Some(newest) = fragments.last() else {
                // What it was told, or was not.
                if has_waited && self.is_stream_gone().await {
                    return Err(NotSent::FragmentGone);
                }
                if quiet >= self.patience().await {
                    return Ok(());
                }
                match self.wait(&mut stopping).await {
                    Waited::ForMore => quiet = Duration::ZERO,
                    Waited::Quiet(elapsed) => quiet += elapsed,
                    Waited::InVain => return Ok(()),
                }
                has_waited = true;
                continue;
            };
            self.newest = self.newest.max(newest.sequence);
            (quiet, has_waited) = (Duration::ZERO, false);
            for fragment in fragments {
                may_read(&mut self.grant, &self.consumers.media).await?;
                self.send_fragment(&fragment).await?;
                self.after = fragment.sequence;
                if stopping.is_now() {
                    return Ok(());
                }
            }
        }
    }

    /// Waits for a commit, for a while.
    async fn wait(&mut self, stopping: &mut Stopping) -> Waited {
        let process = Arc::clone(&self.consumers.media.process);
        tokio::select! {
            biased;
            () = self.changes.heard() => Waited::ForMore,
            () = self.sender.consumer_gone() => Waited::InVain,
            () = stopping.wait() => Waited::InVain,
            () = process.sleep(NOTHING_TO_SEND) => Waited::Quiet(NOTHING_TO_SEND),
        }
    }

    /// How long it is worth to wait: producers come and go.
    async fn patience(&self) -> Duration {
        match self.consumers.turns.is_taken(&self.key).await {
            Ok(false) => NOTHING_TO_SEND,
            Ok(true) => NOTHING_TO_SEND_LIVE,
            Err(error) => {
                tracing::warn!(stream = self.stream.name, %error, "a lease could not be read");
                NOTHING_TO_SEND_LIVE
            }
        }
    }

    /// Whether nothing more can come. As long as that cannot be read, it is waited.
    async fn is_stream_gone(&self) -> bool {
        match self.consumers.media.streams.db.stream(StreamKey::Arn(&self.stream.arn)).await {
            Ok(Some(stream)) => stream.status == StreamStatus::Deleting,
            Ok(None) => true,
            Err(error) => {
                tracing::warn!(stream = self.stream.name, %error, "a stream could not be read");
                false
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
        if fragment.server_timestamp < self.consumers.media.expired_before(&self.stream) {
            return Ok(());
        }
        let number = fragment_number(fragment);
        self.last = Some(number);
        self.sender.send_fragment(fragment, chunk::leading).await?;
        if self.changes.has_heard() {
            self.has_changed = true;
            let latest = self.consumers.media.fragments.latest(&self.key).await?;
            self.newest = latest.map_or(self.newest, |latest| self.newest.max(latest.sequence));
        }
        let ended_at = fragment.server_timestamp.plus_millis(fragment.duration_ms.into());
        let millis_behind_now = match fragment.sequence >= self.newest {
            true => 0,
            false => self.consumers.media.process.now().wall.millis_since(ended_at).max(0),
        };
        self.sender.send(chunk::trailing(number, millis_behind_now)).await
    }
}
