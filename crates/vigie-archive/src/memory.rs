//! The media in memory, for tests and the simulator: the rules of the seam and nothing else. Nothing outlives it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use vigie_media::Timestamp;

use crate::{
    Archive, ArchiveError, Blocks, DocumentId, Erased, Findings, FragmentOrder, FragmentQuery,
    Location, Persisting, StoredFragment, StreamTotals, StreamWriter, WholeFragment,
};

/// See the module's documentation.
#[derive(Clone, Default)]
pub struct MemoryArchive(Arc<Mutex<Streams>>);

#[derive(Default)]
struct Streams {
    streams: BTreeMap<String, Stream>,
    documents: BTreeMap<DocumentId, Bytes>,
    /// Of all streams: no two fragments lie in the same place.
    next_location: u128,
}

#[derive(Default)]
struct Stream {
    /// Of who writes; of nobody, once it was erased.
    epoch: Option<u64>,
    next_sequence: u64,
    /// By sequence.
    fragments: BTreeMap<u64, (StoredFragment, Bytes)>,
}

impl MemoryArchive {
    fn streams(&self) -> MutexGuard<'_, Streams> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fragments<T>(&self, stream: &str, look: impl FnOnce(Vec<&StoredFragment>) -> T) -> T {
        let streams = self.streams();
        let stream = streams.streams.get(stream);
        let fragments = stream.into_iter().flat_map(|stream| stream.fragments.values());
        look(fragments.map(|(fragment, _)| fragment).collect())
    }

    fn remove(&self, stream: &str, is_meant: impl Fn(&StoredFragment) -> bool) {
        if let Some(stream) = self.streams().streams.get_mut(stream) {
            stream.fragments.retain(|_, (fragment, _)| !is_meant(fragment));
        }
    }

    fn bytes(&self, fragment: &StoredFragment) -> Result<Bytes, ArchiveError> {
        let streams = self.streams();
        let of_streams = streams.streams.values();
        let mut all = of_streams.filter_map(|stream| stream.fragments.get(&fragment.sequence));
        let found = all.find(|(stored, _)| stored.at == fragment.at);
        found.map(|(_, bytes)| bytes.clone()).ok_or(ArchiveError::FragmentGone)
    }
}

struct MemoryWriter {
    archive: MemoryArchive,
    stream: String,
    epoch: u64,
}

impl MemoryWriter {
    /// The stream, as long as it is this one's to write.
    fn write<T>(
        &self,
        write: impl FnOnce(&mut Stream, &mut BTreeMap<DocumentId, Bytes>, &mut u128) -> T,
    ) -> Result<T, ArchiveError> {
        let Streams { streams, documents, next_location } = &mut *self.archive.streams();
        match streams.get_mut(&self.stream) {
            Some(stream) if stream.epoch == Some(self.epoch) => {
                Ok(write(stream, documents, next_location))
            }
            Some(_) => Err(ArchiveError::Fenced),
            None => Err(ArchiveError::StreamDeleted),
        }
    }
}

#[async_trait]
impl StreamWriter for MemoryWriter {
    fn epoch(&self) -> u64 {
        self.epoch
    }

    async fn reserve_sequences(&mut self, count: u64) -> Result<Range<u64>, ArchiveError> {
        self.write(|stream, _, _| {
            let first = stream.next_sequence + 1;
            stream.next_sequence += count;
            first..first + count
        })
    }

    async fn append(&mut self, header: &Bytes, fragment: WholeFragment) -> Persisting {
        let appended = self.write(|stream, documents, next_location| {
            let WholeFragment { meta, duration_ms, frame_count, bytes, crc32c } = fragment;
            let document = DocumentId(crc32c::crc32c(header).into());
            documents.insert(document, header.clone());
            *next_location += 1;
            let stored = StoredFragment {
                sequence: meta.sequence,
                producer_timestamp: meta.producer_timestamp,
                server_timestamp: meta.server_timestamp,
                timecode_ms: meta.timecode_ms,
                duration_ms,
                size_bytes: bytes.len() as u64,
                frame_count,
                crc32c,
                number_tail: meta.number_tail,
                begins_with_key_frame: meta.begins_with_key_frame,
                document,
                at: Location::new(*next_location, Arc::new(())),
            };
            stream.fragments.insert(meta.sequence, (stored, bytes));
        });
        Box::pin(std::future::ready(appended))
    }
}

struct MemoryBlocks {
    archive: MemoryArchive,
    fragment: Option<StoredFragment>,
}

#[async_trait]
impl Blocks for MemoryBlocks {
    async fn next_block(&mut self) -> Result<Option<Bytes>, ArchiveError> {
        let fragment = self.fragment.take();
        fragment.map(|fragment| self.archive.bytes(&fragment)).transpose()
    }
}

#[async_trait]
impl Archive for MemoryArchive {
    async fn writer(
        &self,
        stream: &str,
        epoch: u64,
    ) -> Result<Box<dyn StreamWriter>, ArchiveError> {
        let mut streams = self.streams();
        let state = streams.streams.entry(stream.to_owned()).or_default();
        if state.epoch >= Some(epoch) {
            return Err(ArchiveError::Fenced);
        }
        state.epoch = Some(epoch);
        Ok(Box::new(MemoryWriter { archive: self.clone(), stream: stream.to_owned(), epoch }))
    }

    async fn list(
        &self,
        stream: &str,
        query: FragmentQuery,
    ) -> Result<Vec<StoredFragment>, ArchiveError> {
        Ok(self.fragments(stream, |mut fragments| {
            fragments.retain(|fragment| query.includes(fragment));
            fragments.sort_by_key(|fragment| query.order.position(fragment));
            fragments.into_iter().take(query.limit).cloned().collect()
        }))
    }

    async fn last_at_or_before(
        &self,
        stream: &str,
        order: FragmentOrder,
        value: i64,
    ) -> Result<Option<StoredFragment>, ArchiveError> {
        Ok(self.fragments(stream, |fragments| {
            let before = fragments.into_iter().filter(|fragment| order.value(fragment) <= value);
            before.max_by_key(|fragment| order.position(fragment)).cloned()
        }))
    }

    async fn read_header(&self, fragment: &StoredFragment) -> Result<Bytes, ArchiveError> {
        self.bytes(fragment)?;
        let header = self.streams().documents.get(&fragment.document).cloned();
        header.ok_or(ArchiveError::FragmentGone)
    }

    fn blocks(&self, fragment: &StoredFragment) -> Box<dyn Blocks> {
        Box::new(MemoryBlocks { archive: self.clone(), fragment: Some(fragment.clone()) })
    }

    async fn read(&self, fragment: &StoredFragment) -> Result<Bytes, ArchiveError> {
        self.bytes(fragment)
    }

    async fn totals(&self, stream: &str) -> Result<StreamTotals, ArchiveError> {
        Ok(self.fragments(stream, |fragments| StreamTotals {
            size_bytes: fragments.iter().map(|fragment| fragment.size_bytes).sum(),
            fragment_count: fragments.len() as u64,
            oldest_producer_timestamp: fragments.iter().map(|one| one.producer_timestamp).min(),
            newest_producer_timestamp: fragments.iter().map(|one| one.producer_until()).max(),
        }))
    }

    async fn delete_older_than(&self, stream: &str, before: Timestamp) -> Result<(), ArchiveError> {
        self.remove(stream, |fragment| fragment.server_timestamp < before);
        Ok(())
    }

    async fn delete_but_newest(
        &self,
        stream: &str,
        kept_bytes_min: u64,
    ) -> Result<(), ArchiveError> {
        let first_kept = self.fragments(stream, |fragments| {
            let mut kept_bytes = 0;
            let newest_first = fragments.into_iter().rev();
            let kept = newest_first.take_while(|fragment| {
                let is_kept = kept_bytes < kept_bytes_min;
                kept_bytes += fragment.size_bytes;
                is_kept
            });
            kept.last().map_or(u64::MAX, |last| last.sequence)
        });
        self.remove(stream, |fragment| fragment.sequence < first_kept);
        Ok(())
    }

    async fn delete_stream(&self, stream: &str) -> Result<Erased, ArchiveError> {
        let mut streams = self.streams();
        let Some(state) = streams.streams.get_mut(stream) else { return Ok(Erased::default()) };
        // It stays, so that whoever wrote to it is fenced, also where it is written to again.
        state.epoch = None;
        let fragments = std::mem::take(&mut state.fragments);
        Ok(Erased {
            fragment_count: fragments.len() as u64,
            size_bytes: fragments.values().map(|(fragment, _)| fragment.size_bytes).sum(),
        })
    }

    fn findings(&self) -> Findings {
        Findings::default()
    }

    async fn size_bytes(&self) -> Result<u64, ArchiveError> {
        let streams = self.streams();
        let all = streams.streams.values().flat_map(|stream| stream.fragments.values());
        Ok(all.map(|(fragment, _)| fragment.size_bytes).sum())
    }

    async fn check(&self) -> Result<(), ArchiveError> {
        Ok(())
    }

    fn has_ended(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_holds_to_the_contract() {
        crate::contract::hold(|| ((), Arc::new(MemoryArchive::default()))).await;
    }
}
