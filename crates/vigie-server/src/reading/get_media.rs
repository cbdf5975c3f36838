//! The shell of GetMedia: reads fragments in order of ingestion and sends them, then follows the stream live.
//!
//! Memory is bounded by one fragment and the pieces in the channel; a consumer that does not read holds up nothing
//! but itself. An answer ends after 3 s with nothing to send (KVS API_GetMedia), or after 30 s while a producer is
//! connected, so that a live consumer outlasts long fragments.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use vigie_kvs::acknowledgement::ErrorId;
use vigie_kvs::shapes::media::GetMediaInput;
use vigie_store::{Fragment, FragmentOrder, FragmentQuery, MediaFileId};

use super::chunk::{self, ChunkTags};
use super::start::after_sequence;
use crate::api::Call;
use crate::api::fragments::fragment_number;
use crate::app::App;
use crate::db::{Stream, StreamKey};
use crate::failure::Answer;
use crate::fragment_store::FragmentStoreError;
use crate::reconcile::expired_before;

/// Pieces that may wait for the socket; a chunk has four.
const PIECES_WAITING_MAX: usize = 8;
/// Index entries that are read at a time.
const ENTRIES_PER_READ: usize = 64;
const NOTHING_TO_SEND: Duration = Duration::from_secs(3);
const NOTHING_TO_SEND_LIVE: Duration = Duration::from_secs(30);

/// Begins an answer; its body is the channel that is returned.
pub(crate) async fn get_media(call: &Call, input: GetMediaInput) -> Answer<mpsc::Receiver<Bytes>> {
    let app = Arc::clone(&call.app);
    let stream = call.stream(&input.stream()?).await?;
    let start = input.start_selector.start()?;
    let key = app.config.media_key(&stream);
    // Watching before the start is looked up: what is persisted in between is not missed.
    let persisted = app.fragments.watch(&key);
    let after = after_sequence(&app, &key, start).await?;
    let (pieces, answer) = mpsc::channel(PIECES_WAITING_MAX);
    let reading = Reading { app, stream, key, after, header: None, pieces };
    call.app.spawn(reading.run(persisted));
    Ok(answer)
}

struct Reading {
    app: Arc<App>,
    stream: Stream,
    key: String,
    /// The sequence of the last fragment that was sent.
    after: u64,
    /// The document header of the media file that is being read.
    header: Option<(MediaFileId, Bytes)>,
    pieces: mpsc::Sender<Bytes>,
}

/// Why an answer ends.
enum End {
    /// The consumer has gone.
    ConsumerGone,
    /// A fragment or the index cannot be read.
    Failed(FragmentStoreError),
}

impl From<FragmentStoreError> for End {
    fn from(error: FragmentStoreError) -> Self {
        Self::Failed(error)
    }
}

impl Reading {
    async fn run(mut self, persisted: tokio::sync::watch::Receiver<u64>) {
        self.app.metrics.get_media_connections.inc();
        if let Err(End::Failed(error)) = self.send_all(persisted).await {
            tracing::error!(stream = self.stream.name, %error, "GetMedia ended");
        }
        self.app.metrics.get_media_connections.dec();
    }

    async fn send_all(
        &mut self,
        mut persisted: tokio::sync::watch::Receiver<u64>,
    ) -> Result<(), End> {
        let mut stopping = self.app.stopping();
        let mut quiet = Duration::ZERO;
        loop {
            persisted.mark_unchanged();
            let fragments = self.next_fragments().await?;
            if fragments.is_empty() {
                let consumer = self.pieces.clone();
                tokio::select! {
                    changed = persisted.changed() => {
                        if changed.is_err() || !self.stream_exists().await {
                            return Ok(());
                        }
                    }
                    () = tokio::time::sleep(NOTHING_TO_SEND) => {
                        quiet += NOTHING_TO_SEND;
                        if quiet >= self.patience() {
                            return Ok(());
                        }
                    }
                    () = consumer.closed() => return Ok(()),
                    () = stopping.wait() => return Ok(()),
                }
                continue;
            }
            quiet = Duration::ZERO;
            for fragment in fragments {
                self.send_fragment(&fragment).await?;
                self.after = fragment.entry.sequence;
                if stopping.is_now() {
                    return Ok(());
                }
            }
        }
    }

    /// How long an answer with nothing to send goes on; looked at anew all the time, for producers come and go.
    fn patience(&self) -> Duration {
        match self.app.connections.has_connection(&self.key) {
            true => NOTHING_TO_SEND_LIVE,
            false => NOTHING_TO_SEND,
        }
    }

    async fn stream_exists(&self) -> bool {
        let found = self.app.db.stream(StreamKey::Arn(&self.stream.arn)).await;
        found.is_ok_and(|stream| stream.is_some())
    }

    async fn next_fragments(&self) -> Result<Vec<Fragment>, FragmentStoreError> {
        let from = i64::try_from(self.after.saturating_add(1)).unwrap_or(i64::MAX);
        let all = FragmentQuery::all(FragmentOrder::Sequence, ENTRIES_PER_READ);
        self.app.fragments.list(&self.key, FragmentQuery { from, ..all }).await
    }

    async fn send_fragment(&mut self, fragment: &Fragment) -> Result<(), End> {
        let now = self.app.clock.now().wall;
        let entry = &fragment.entry;
        if entry.server_timestamp < expired_before(&self.stream, now) {
            return Ok(());
        }
        let number = fragment_number(entry);
        let (header, bytes) = match self.read(fragment).await {
            Ok(read) => read,
            // Deleted since it was listed: it has expired.
            Err(FragmentStoreError::FragmentGone) => return Ok(()),
            Err(error) => {
                self.send(chunk::error(number, ErrorId::InternalError)).await?;
                return Err(error.into());
            }
        };
        let newest = self.app.fragments.latest(&self.key).await?;
        let is_newest = newest.is_none_or(|newest| newest.entry.sequence == entry.sequence);
        let ended_at = entry.server_timestamp.plus_millis(entry.duration_ms.into());
        let tags = ChunkTags {
            number,
            server_timestamp: entry.server_timestamp,
            producer_timestamp: entry.producer_timestamp,
            millis_behind_now: if is_newest { 0 } else { now.millis_since(ended_at).max(0) },
        };
        for piece in chunk::chunk(header, bytes, &tags) {
            self.send(piece).await?;
        }
        self.app.metrics.get_media_fragments.inc();
        Ok(())
    }

    async fn read(&mut self, fragment: &Fragment) -> Result<(Bytes, Bytes), FragmentStoreError> {
        let file = fragment.media_file.id;
        let header = match &self.header {
            Some((of, header)) if *of == file => header.clone(),
            _ => self.app.fragments.read_header(fragment).await?,
        };
        self.header = Some((file, header.clone()));
        Ok((header, self.app.fragments.read(fragment).await?))
    }

    async fn send(&self, piece: Bytes) -> Result<(), End> {
        let size_bytes = piece.len() as u64;
        self.pieces.send(piece).await.map_err(|_| End::ConsumerGone)?;
        self.app.metrics.get_media_bytes.inc_by(size_bytes);
        Ok(())
    }
}
