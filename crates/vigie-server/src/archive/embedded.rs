//! The embedded media engine: media files of this machine, written by one thread with group commits, read by anyone.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::Semaphore;
use vigie_media::Timestamp;
use vigie_store::thread::StoreHandle;
use vigie_store::{FragmentBlocks, MediaFile, MediaFileId, StoreError, StoreReader, StoreSettings};

use super::embedded_types::{found, media_file, of_store, order_of, query_of, stored, totals_of};
use super::embedded_writer::{EmbeddedWriter, Streams};
use super::store_thread::{WAITING_KIBIBYTES_MAX, outcome, reply};
use super::{
    Archive, ArchiveError, Blocks, Erased, Findings, FragmentOrder, FragmentQuery, StoredFragment,
    StreamTotals, StreamWriter,
};
use crate::runtime::{Runtime, blocking};

/// Media files that one request of the retention deletes.
const FILES_PER_DELETION: usize = 1000;

pub struct EmbeddedArchive {
    handle: StoreHandle,
    /// Kibibytes of fragments that may still be given to the store's thread.
    room: Arc<Semaphore>,
    streams: Arc<Mutex<Streams>>,
    /// Free space below which nothing is appended.
    free_bytes_reserve: u64,
    /// Who reads: a cold disk must not hold up the connections.
    runtime: Arc<dyn Runtime>,
}

impl EmbeddedArchive {
    /// Over a store thread of those settings, which the caller shuts down in the end.
    pub fn new(handle: StoreHandle, settings: StoreSettings, runtime: Arc<dyn Runtime>) -> Self {
        let room = Arc::new(Semaphore::new(WAITING_KIBIBYTES_MAX as usize));
        let free_bytes_reserve = settings.free_bytes_reserve;
        Self { handle, room, streams: Arc::default(), free_bytes_reserve, runtime }
    }

    fn streams(&self) -> std::sync::MutexGuard<'_, Streams> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn delete_media_files(
        &self,
        stream: &str,
        ids: Vec<MediaFileId>,
    ) -> Result<(), ArchiveError> {
        if ids.is_empty() {
            return Ok(());
        }
        let (reply, receiver) = reply();
        self.handle.delete_media_files(stream.into(), ids, reply);
        let deleted = outcome(receiver).await?;
        let (fragments, bytes) = (deleted.fragment_count, deleted.size_bytes);
        tracing::info!(stream, fragments, bytes, "media beyond its retention deleted");
        Ok(())
    }

    /// Reads where it may block.
    async fn reading<T: Send + 'static>(
        &self,
        read: impl FnOnce(&StoreReader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, ArchiveError> {
        let reader = self.handle.reader().clone();
        let outcome = blocking(self.runtime.as_ref(), move || read(&reader)).await;
        outcome.map_err(|_| ArchiveError::Cancelled)?.map_err(of_store)
    }
}

/// Bytes that are read at a time for those who send them on: large enough that the hop to a thread that may block costs
/// little, small enough that a viewer who does not read holds little.
const BLOCK_BYTES: usize = 256 << 10;

struct EmbeddedBlocks {
    runtime: Arc<dyn Runtime>,
    reader: StoreReader,
    fragment: StoredFragment,
    open: Option<FragmentBlocks>,
}

#[async_trait]
impl Blocks for EmbeddedBlocks {
    async fn next_block(&mut self) -> Result<Option<Bytes>, ArchiveError> {
        if self.open.as_ref().is_some_and(FragmentBlocks::is_at_end) {
            return Ok(None);
        }
        let (reader, fragment, open) =
            (self.reader.clone(), self.fragment.clone(), self.open.take());
        let read = blocking(self.runtime.as_ref(), move || {
            let open = open.map_or_else(|| reader.blocks(&found(&fragment)?), Ok);
            let mut open = open?;
            let block = open.next_block(BLOCK_BYTES)?;
            Ok::<_, StoreError>((open, block))
        });
        let read = read.await.map_err(|_| ArchiveError::Cancelled)?;
        let (open, block) = read.map_err(of_store)?;
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

#[async_trait]
impl Archive for EmbeddedArchive {
    async fn writer(
        &self,
        stream: &str,
        epoch: u64,
    ) -> Result<Box<dyn StreamWriter>, ArchiveError> {
        let (handle, room) = (self.handle.clone(), Arc::clone(&self.room));
        let streams = Arc::clone(&self.streams);
        Ok(Box::new(EmbeddedWriter::begin(handle, room, streams, stream, epoch)?))
    }

    async fn list(
        &self,
        stream: &str,
        query: FragmentQuery,
    ) -> Result<Vec<StoredFragment>, ArchiveError> {
        let (key, query) = (stream.to_owned(), query_of(&query));
        let fragments = self.reading(move |reader| reader.fragments(&key, &query)).await?;
        Ok(fragments.into_iter().map(stored).collect())
    }

    async fn last_at_or_before(
        &self,
        stream: &str,
        order: FragmentOrder,
        value: i64,
    ) -> Result<Option<StoredFragment>, ArchiveError> {
        let (key, order) = (stream.to_owned(), order_of(order));
        let last = self.reading(move |reader| reader.last_at_or_before(&key, order, value)).await?;
        Ok(last.map(stored))
    }

    async fn read_header(&self, fragment: &StoredFragment) -> Result<Bytes, ArchiveError> {
        let fragment = fragment.clone();
        let read = move |reader: &StoreReader| {
            let place = media_file(&fragment)?;
            reader.read_document_header(&place)
        };
        self.reading(read).await
    }

    fn blocks(&self, fragment: &StoredFragment) -> Box<dyn Blocks> {
        let (runtime, reader) = (Arc::clone(&self.runtime), self.handle.reader().clone());
        Box::new(EmbeddedBlocks { runtime, reader, fragment: fragment.clone(), open: None })
    }

    async fn read(&self, fragment: &StoredFragment) -> Result<Bytes, ArchiveError> {
        let fragment = fragment.clone();
        self.reading(move |reader| reader.read(&found(&fragment)?)).await
    }

    async fn delete_stream(&self, stream: &str) -> Result<Erased, ArchiveError> {
        let (reply, receiver) = reply();
        // Whoever writes is fenced first, so that nothing of his comes behind the erasure.
        self.streams().end_writer(stream, || self.handle.delete_stream(stream.into(), reply));
        let deleted = outcome(receiver).await?;
        if deleted.fragment_count > 0 {
            let (fragments, bytes) = (deleted.fragment_count, deleted.size_bytes);
            tracing::info!(stream, fragments, bytes, "media of a deleted stream erased");
        }
        Ok(Erased { fragment_count: deleted.fragment_count, size_bytes: deleted.size_bytes })
    }

    async fn delete_older_than(&self, stream: &str, before: Timestamp) -> Result<(), ArchiveError> {
        if self.handle.reader().findings().is_searching {
            return Ok(());
        }
        if self.handle.reader().findings().unclaimed_file_count > 0 {
            let (reply, receiver) = reply();
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
    ) -> Result<(), ArchiveError> {
        if self.handle.reader().findings().is_searching {
            return Ok(());
        }
        let key = stream.to_owned();
        let files = self.reading(move |reader| reader.media_files(&key)).await?;
        let newest_first = files.iter().rev().map(|file| (file.id, file.size_bytes));
        self.delete_media_files(stream, beyond(newest_first, kept_bytes_min)).await
    }

    async fn totals(&self, stream: &str) -> Result<StreamTotals, ArchiveError> {
        let key = stream.to_owned();
        Ok(totals_of(self.reading(move |reader| reader.totals(&key)).await?))
    }

    async fn size_bytes(&self) -> Result<u64, ArchiveError> {
        let unclaimed_bytes = self.findings().unclaimed_size_bytes;
        Ok(self.reading(StoreReader::size_bytes).await?.saturating_add(unclaimed_bytes))
    }

    fn findings(&self) -> Findings {
        let found = self.handle.reader().findings();
        Findings {
            is_searching: found.is_searching,
            claimed_fragment_count: found.claimed_fragment_count,
            unclaimed_file_count: found.unclaimed_file_count,
            unclaimed_size_bytes: found.unclaimed_size_bytes,
            missing_media_file_count: found.missing_media_file_count,
            is_index_new: found.is_index_new,
        }
    }

    async fn check(&self) -> Result<(), ArchiveError> {
        self.handle.check().map_err(of_store)?;
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
