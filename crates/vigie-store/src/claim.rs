//! What becomes of a media file that no index entry refers to: it is taken into the index again by its own marks, or it
//! is set aside. Never is it removed: that an index does not know it says nothing about what it holds.
//!
//! A file without an entry is most often one that a crash left before its first commit; where the index is older than the
//! media, because it was damaged or an older copy was put in its place, it may be years of recordings.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::contents::Contents;
use crate::error::{StoreError, describe};
use crate::examine::{Examined, WholeMedia};
use crate::fragment::{FragmentEntry, MediaFileId, MediaFilePlace};
use crate::index::{Change, FragmentOrder, FragmentQuery, StreamId};
use crate::layout::stream_directory;
use crate::names::remove;
use crate::store::Store;
use crate::stream_state::StreamState;
use crate::unclaimed::{UnclaimedFile, set_aside};

impl Contents {
    /// Where the file is, for the index.
    pub(crate) fn place(&self, path: PathBuf) -> MediaFilePlace {
        MediaFilePlace {
            id: self.mark.id,
            path,
            header_size_bytes: self.header_size_bytes,
            header_crc32c: self.header_crc32c,
        }
    }
}

impl Store {
    /// Whether the file at `path` is one that this process writes, or is about to remove.
    pub(crate) fn is_own(&self, path: &Path) -> bool {
        let is_writing = |stream: &StreamState| {
            let mut writers = stream.closing.iter().chain(&stream.writer);
            writers.any(|writer| writer.path == path)
                || stream.leftovers.iter().any(|(leftover, _)| leftover == path)
        };
        self.streams.values().any(is_writing)
            || self.erased.iter().any(|erased| erased.has_file(path))
    }

    /// Does with an examined file what is to be done; what is whole in it is durable.
    pub(crate) fn settle_examined(
        &mut self,
        path: &Path,
        examined: Result<Examined<WholeMedia>, StoreError>,
    ) -> Result<(), StoreError> {
        match examined {
            Ok(Examined::Gone) => Ok(()),
            Ok(Examined::Empty) => {
                tracing::info!(path = %path.display(), "remove a media file that never had a whole fragment");
                remove(self.disk.as_ref(), path)?;
                let directory = path.parent().unwrap_or(&self.root).to_owned();
                self.sync_directory(directory)
            }
            Ok(Examined::Media(media)) => self.claim(path, media),
            Ok(Examined::Unreadable) => self.put_aside(path, "nothing can be read back from it"),
            Err(error) if error.is_fatal() => Err(self.note_failure(error)),
            Err(error) => {
                let error = describe(&error);
                tracing::warn!(
                    path = %path.display(),
                    error,
                    "a media file that the index does not know cannot be looked at; left to the next start"
                );
                Ok(())
            }
        }
    }

    /// Takes a media file into the index again, unless what is there already is the same or stands in its way.
    fn claim(
        &mut self,
        path: &Path,
        WholeMedia { contents, mut entries, size_bytes }: WholeMedia,
    ) -> Result<(), StoreError> {
        let (id, key) = (contents.mark.id, contents.mark.key.clone());
        if self.journal.is_deleted(&stream_directory(&key), id) {
            return self.finish_deletion(path);
        }
        let reader = self.index.reader();
        let mut changes = Vec::new();
        let mut replaced_bytes = 0;
        if let Some((_, known)) = reader.media_file(id)? {
            let known_path = self.root.join(&known.place.path);
            if self.is_own(&known_path) || self.disk.open_read_only(&known_path).is_ok() {
                return self.put_aside(path, "another media file has its number");
            }
            // Its entry looks for it in the wrong place.
            let uploaded = reader.fragments_of(id)?.into_iter().filter(|entry| entry.uploaded);
            let uploaded: Vec<(u64, u32)> = uploaded.map(|e| (e.sequence, e.crc32c)).collect();
            for entry in &mut entries {
                entry.uploaded = uploaded.contains(&(entry.sequence, entry.crc32c));
            }
            replaced_bytes = known.size_bytes;
            changes.push(Change::ForgetMediaFile { id });
        }
        let Some(relative) =
            path.strip_prefix(&self.root).ok().filter(|path| path.to_str().is_some())
        else {
            return self.put_aside(path, "its name cannot be kept in the index");
        };
        let stream = match reader.stream(&key)? {
            Some(row) if self.has_any(row.id, &entries, id)? => {
                return self.put_aside(path, "fragments of its numbers are there already");
            }
            Some(row) => row.id,
            None => self.create_stream_of(&key)?,
        };
        let last = entries.iter().map(|entry| entry.sequence).max().unwrap_or(0);
        let next_sequence = last.saturating_add(1);
        changes.push(Change::ReserveSequences { id: stream, next_sequence });
        let fragment_count = entries.len() as u64;
        let place = Arc::new(contents.place(relative.to_owned()));
        changes.push(Change::AddSealedMediaFile { stream, place, entries, size_bytes });
        self.apply(&changes)?;
        self.next_media_file_id = self.next_media_file_id.max(id.0.saturating_add(1));
        if let Some(state) = self.streams.get_mut(key.as_str()) {
            state.size_bytes = (state.size_bytes + size_bytes).saturating_sub(replaced_bytes);
            state.next_sequence = state.next_sequence.max(next_sequence);
            state.reserved_sequence = state.reserved_sequence.max(next_sequence);
        }
        if self.findings.get().claimed_media_file_count == 0 {
            tracing::warn!(
                "there is media on the disk that the index does not know: it is taken in again"
            );
        }
        self.findings.add_claimed(1, fragment_count, size_bytes);
        tracing::info!(
            path = %path.display(),
            stream = key,
            fragments = fragment_count,
            size_bytes,
            damaged_bytes = contents.unknown_bytes,
            "media that the index did not know is in it again"
        );
        Ok(())
    }

    /// Removes a file that was deleted: the journal tells of it.
    pub(crate) fn finish_deletion(&mut self, path: &Path) -> Result<(), StoreError> {
        tracing::info!(path = %path.display(), "remove a media file that was deleted");
        remove(self.disk.as_ref(), path)?;
        let directory = path.parent().unwrap_or(&self.root).to_owned();
        self.sync_directory(directory)
    }

    /// A stream that the index does not know, as its media says it was.
    fn create_stream_of(&mut self, key: &str) -> Result<StreamId, StoreError> {
        self.reserve_sequences(key, 0)?;
        let row = self.index.reader().stream(key)?;
        row.map(|row| row.id).ok_or_else(|| StoreError::StreamDeleted { key: key.to_owned() })
    }

    /// Whether the index has one of these fragments in another file than `own`.
    fn has_any(
        &self,
        stream: StreamId,
        entries: &[FragmentEntry],
        own: MediaFileId,
    ) -> Result<bool, StoreError> {
        let reader = self.index.reader();
        let sequences = || entries.iter().map(|entry| FragmentOrder::Sequence.value(entry));
        let (Some(from), Some(until)) = (sequences().min(), sequences().max()) else {
            return Ok(false);
        };
        let wanted: std::collections::BTreeSet<i64> = sequences().collect();
        let mut query =
            FragmentQuery { from, until, ..FragmentQuery::all(FragmentOrder::Sequence, 1000) };
        loop {
            let page = reader.fragments(stream, &query)?;
            let is_taken = page.iter().any(|fragment| {
                fragment.media_file.id != own
                    && wanted.contains(&FragmentOrder::Sequence.value(&fragment.entry))
            });
            match page.last() {
                _ if is_taken => return Ok(true),
                Some(last) if page.len() == query.limit => {
                    query = query.after(FragmentOrder::Sequence.position(&last.entry));
                }
                _ => return Ok(false),
            }
        }
    }

    /// Sets a media file aside, and says so.
    fn put_aside(&mut self, path: &Path, reason: &str) -> Result<(), StoreError> {
        let aside = match set_aside(self.disk.as_ref(), &self.root, path) {
            Ok(aside) => aside,
            Err(error) if error.is_fatal() => return Err(self.note_failure(error)),
            Err(error) => {
                let error = describe(&error);
                tracing::error!(path = %path.display(), error, "set a media file aside; left to the next start");
                return Ok(());
            }
        };
        tracing::warn!(
            path = %path.display(),
            aside = %aside.display(),
            reason,
            "a media file that the index does not know lies aside; see `vigie store unclaimed`"
        );
        Ok(())
    }

    /// Counts a file that lies aside.
    pub(crate) fn note_unclaimed(&mut self, file: UnclaimedFile) {
        self.unclaimed.push(file);
        self.count_unclaimed();
    }

    pub(crate) fn count_unclaimed(&mut self) {
        for stream in self.streams.values_mut() {
            let own = self.unclaimed.iter().filter(|file| file.is_of(&stream.key));
            stream.unclaimed_size_bytes = own.map(|file| file.size_bytes).sum();
        }
        let size_bytes = self.unclaimed.iter().map(|file| file.size_bytes).sum();
        self.findings.set_unclaimed(self.unclaimed.len() as u64, size_bytes);
    }
}
