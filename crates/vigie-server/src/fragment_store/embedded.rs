//! The embedded media engine: media files of this machine, written by one thread with group commits, read by anyone.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::{Semaphore, oneshot, watch};
use vigie_media::Timestamp;
use vigie_store::thread::{Reply, StoreHandle};
use vigie_store::{
    Findings, Fragment, FragmentBlocks, FragmentEntry, FragmentOrder, FragmentQuery, MediaFile,
    MediaFileId, StoreError, StoreReader, StoreSettings, StreamTotals, WholeFragment,
};

use super::{Blocks, ERASED, Erased, FragmentStore, FragmentStoreError, Persisting};

/// Fragments that wait for their commit, of all streams together: a slow disk slows producers down rather than
/// filling the memory. Room for one commit under way, one that gathers, and what is on its way to the store's thread.
const WAITING_KIBIBYTES_MAX: u32 = 96 << 10;

/// Media files that one request of the retention deletes.
const FILES_PER_DELETION: usize = 1000;

/// See the module's documentation.
pub struct EmbeddedFragmentStore {
    handle: StoreHandle,
    /// Kibibytes of fragments that may still be given to the store's thread.
    room: Arc<Semaphore>,
    shared: Arc<Shared>,
    /// Free space below which nothing is appended.
    free_bytes_reserve: u64,
}

/// What the store's thread tells back.
#[derive(Default)]
struct Shared {
    watchers: Mutex<HashMap<String, watch::Sender<u64>>>,
}

impl Shared {
    /// Wakes the readers of a stream and forgets it when there are none.
    fn notify(&self, stream: &str, sequence: u64) {
        let mut watchers = self.watchers.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(watcher) = watchers.get(stream) else { return };
        if watcher.receiver_count() == 0 {
            watchers.remove(stream);
        } else {
            watcher.send_replace(sequence);
        }
    }
}

impl From<StoreError> for FragmentStoreError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::StreamDeleted { .. } => Self::StreamDeleted,
            StoreError::MediaFileGone { .. } => Self::FragmentGone,
            error => Self::Engine(error),
        }
    }
}

impl EmbeddedFragmentStore {
    /// Over a store thread of those settings, which the caller shuts down in the end.
    pub fn new(handle: StoreHandle, settings: StoreSettings) -> Self {
        let room = Arc::new(Semaphore::new(WAITING_KIBIBYTES_MAX as usize));
        let free_bytes_reserve = settings.free_bytes_reserve;
        Self { handle, room, shared: Arc::default(), free_bytes_reserve }
    }

    /// A reply that hands its outcome on to a task.
    fn reply<T: Send + 'static>(
        &self,
    ) -> (Reply<T>, oneshot::Receiver<Result<T, FragmentStoreError>>) {
        let (sender, receiver) = oneshot::channel();
        let reply: Reply<T> = Box::new(move |outcome| {
            if sender.send(outcome.map_err(FragmentStoreError::from)).is_err() {
                tracing::debug!("nobody waits for an outcome of the store");
            }
        });
        (reply, receiver)
    }

    async fn delete_media_files(
        &self,
        stream: &str,
        ids: Vec<MediaFileId>,
    ) -> Result<(), FragmentStoreError> {
        if ids.is_empty() {
            return Ok(());
        }
        let (reply, receiver) = self.reply();
        self.handle.delete_media_files(stream.into(), ids, reply);
        let deleted = outcome(receiver).await?;
        let (fragments, bytes) = (deleted.fragment_count, deleted.size_bytes);
        tracing::info!(stream, fragments, bytes, "media beyond its retention deleted");
        Ok(())
    }

    /// Reads on a thread that may block: a cold disk must not hold up the connections.
    async fn reading<T: Send + 'static>(
        &self,
        read: impl FnOnce(&StoreReader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, FragmentStoreError> {
        let reader = self.handle.reader().clone();
        let outcome = tokio::task::spawn_blocking(move || read(&reader)).await;
        Ok(outcome.map_err(|_| FragmentStoreError::Cancelled)??)
    }
}

/// Bytes that are read at a time for those who send them on: large enough that the hop to a thread that may block costs
/// little, small enough that a viewer who does not read holds little.
const BLOCK_BYTES: usize = 256 << 10;

struct EmbeddedBlocks {
    reader: StoreReader,
    fragment: Fragment,
    open: Option<FragmentBlocks>,
}

#[async_trait]
impl Blocks for EmbeddedBlocks {
    async fn next_block(&mut self) -> Result<Option<Bytes>, FragmentStoreError> {
        if self.open.as_ref().is_some_and(FragmentBlocks::is_at_end) {
            return Ok(None);
        }
        let (reader, fragment, open) =
            (self.reader.clone(), self.fragment.clone(), self.open.take());
        let read = tokio::task::spawn_blocking(move || {
            let mut open = open.map_or_else(|| reader.blocks(&fragment), Ok)?;
            let block = open.next_block(BLOCK_BYTES)?;
            Ok::<_, StoreError>((open, block))
        });
        let (open, block) = read.await.map_err(|_| FragmentStoreError::Cancelled)??;
        self.open = Some(open);
        Ok(block)
    }
}

/// What is left over when at least so many bytes of the first are kept.
fn beyond<T>(newest_first: impl Iterator<Item = (T, u64)>, kept_bytes_min: u64) -> Vec<T> {
    let mut kept_bytes = 0;
    let is_kept = |(_, size_bytes): &(T, u64)| {
        let is_kept = kept_bytes < kept_bytes_min;
        kept_bytes += size_bytes;
        is_kept
    };
    newest_first.skip_while(is_kept).map(|(id, _)| id).collect()
}

async fn outcome<T>(
    receiver: oneshot::Receiver<Result<T, FragmentStoreError>>,
) -> Result<T, FragmentStoreError> {
    receiver.await.map_err(|_| FragmentStoreError::Engine(StoreError::Closed))?
}

#[async_trait]
impl FragmentStore for EmbeddedFragmentStore {
    async fn reserve_sequences(
        &self,
        stream: &str,
        count: u64,
    ) -> Result<Range<u64>, FragmentStoreError> {
        let (reply, receiver) = self.reply();
        self.handle.reserve_sequences(stream.into(), count, reply);
        outcome(receiver).await
    }

    async fn append(&self, stream: &str, header: &Bytes, fragment: WholeFragment) -> Persisting {
        let kibibytes = u32::try_from(fragment.bytes.len() / 1024 + 1).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room).acquire_many_owned(kibibytes.min(WAITING_KIBIBYTES_MAX));
        let room = room.await;
        let (sender, receiver) = oneshot::channel();
        let (shared, key) = (Arc::clone(&self.shared), stream.to_owned());
        let reply: Reply<FragmentEntry> = Box::new(move |outcome| {
            // Given back here rather than where the outcome is read: that one may be waiting for room itself.
            drop(room);
            if let Ok(entry) = &outcome {
                shared.notify(&key, entry.sequence);
            }
            if sender.send(outcome.map_err(FragmentStoreError::from)).is_err() {
                tracing::debug!(stream = key, "nobody waits for a fragment to be persisted");
            }
        });
        self.handle.append_fragment(stream.into(), header.clone(), fragment, reply);
        Box::pin(outcome(receiver))
    }

    async fn list(
        &self,
        stream: &str,
        query: FragmentQuery,
    ) -> Result<Vec<Fragment>, FragmentStoreError> {
        let key = stream.to_owned();
        self.reading(move |reader| reader.fragments(&key, &query)).await
    }

    async fn last_at_or_before(
        &self,
        stream: &str,
        order: FragmentOrder,
        value: i64,
    ) -> Result<Option<Fragment>, FragmentStoreError> {
        let key = stream.to_owned();
        self.reading(move |reader| reader.last_at_or_before(&key, order, value)).await
    }

    async fn read_header(&self, fragment: &Fragment) -> Result<Bytes, FragmentStoreError> {
        let place = Arc::clone(&fragment.media_file);
        self.reading(move |reader| reader.read_document_header(&place)).await
    }

    fn blocks(&self, fragment: &Fragment) -> Box<dyn Blocks> {
        let reader = self.handle.reader().clone();
        Box::new(EmbeddedBlocks { reader, fragment: fragment.clone(), open: None })
    }

    async fn read(&self, fragment: &Fragment) -> Result<Bytes, FragmentStoreError> {
        let fragment = fragment.clone();
        self.reading(move |reader| reader.read(&fragment)).await
    }

    async fn delete_stream(&self, stream: &str) -> Result<Erased, FragmentStoreError> {
        let (reply, receiver) = self.reply();
        self.handle.delete_stream(stream.into(), reply);
        let deleted = outcome(receiver).await?;
        self.shared.notify(stream, ERASED);
        if deleted.fragment_count > 0 {
            let (fragments, bytes) = (deleted.fragment_count, deleted.size_bytes);
            tracing::info!(stream, fragments, bytes, "media of a deleted stream erased");
        }
        Ok(Erased { fragment_count: deleted.fragment_count, size_bytes: deleted.size_bytes })
    }

    async fn delete_older_than(
        &self,
        stream: &str,
        before: Timestamp,
    ) -> Result<(), FragmentStoreError> {
        if self.handle.reader().findings().is_searching {
            return Ok(());
        }
        if self.handle.reader().findings().unclaimed_file_count > 0 {
            let (reply, receiver) = self.reply();
            self.handle.discard_unclaimed_before(stream.into(), before, reply);
            outcome(receiver).await?;
        }
        loop {
            let key = stream.to_owned();
            let read = move |reader: &StoreReader| {
                let mut ids = reader.received_before(&key, before, FILES_PER_DELETION)?;
                let is_old = |file: &MediaFile| file.span.is_some_and(|s| s.server_max < before);
                let open = reader.open_media_files(&key)?;
                ids.extend(open.iter().filter(|file| is_old(file)).map(|file| file.id));
                Ok(ids)
            };
            let ids = self.reading(read).await?;
            let is_last = ids.len() < FILES_PER_DELETION;
            self.delete_media_files(stream, ids).await?;
            if is_last {
                return Ok(());
            }
        }
    }

    async fn delete_but_newest(
        &self,
        stream: &str,
        kept_bytes_min: u64,
    ) -> Result<(), FragmentStoreError> {
        if self.handle.reader().findings().is_searching {
            return Ok(());
        }
        let key = stream.to_owned();
        let files = self.reading(move |reader| reader.media_files(&key)).await?;
        let newest_first = files.iter().rev().map(|file| (file.id, file.size_bytes));
        self.delete_media_files(stream, beyond(newest_first, kept_bytes_min)).await
    }

    fn watch(&self, stream: &str) -> watch::Receiver<u64> {
        let mut watchers = self.shared.watchers.lock().unwrap_or_else(PoisonError::into_inner);
        watchers.entry(stream.to_owned()).or_default().subscribe()
    }

    async fn totals(&self, stream: &str) -> Result<StreamTotals, FragmentStoreError> {
        let key = stream.to_owned();
        self.reading(move |reader| reader.totals(&key)).await
    }

    async fn size_bytes(&self) -> Result<u64, FragmentStoreError> {
        let unclaimed_bytes = self.findings().unclaimed_size_bytes;
        Ok(self.reading(StoreReader::size_bytes).await?.saturating_add(unclaimed_bytes))
    }

    fn findings(&self) -> Findings {
        self.handle.reader().findings()
    }

    async fn check(&self) -> Result<(), FragmentStoreError> {
        self.handle.check()?;
        let reserve_bytes = self.free_bytes_reserve;
        self.reading(move |reader| {
            reader.check_space(reserve_bytes)?;
            reader.stream_keys().map(drop)
        })
        .await
    }

    fn has_ended(&self) -> bool {
        self.handle.check().is_err_and(|error| error.is_fatal())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_files_are_kept_until_they_hold_enough() {
        let check = |sizes: &[u64], kept_bytes_min, expect: &[usize]| {
            let files = sizes.iter().copied().enumerate();
            assert_eq!(beyond(files, kept_bytes_min), expect, "{sizes:?}");
        };
        check(&[], 200, &[]);
        check(&[120, 90], 200, &[]);
        check(&[120, 90, 10, 500], 200, &[2, 3]);
        check(&[200, 1], 200, &[1]);
        check(&[900], 200, &[]);
    }
}
