//! Deletion: the index entries go first, durably, then the files. What a crash leaves between is reclaimed at start.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use vigie_media::Timestamp;

use crate::discarded::DiscardedMedia;
use crate::erased::ErasedStream;
use crate::error::StoreError;
use crate::fragment::{MediaFile, MediaFileId};
use crate::index::{Change, StreamId};
use crate::journal::Deletion;
use crate::layout::{UNCLAIMED_DIRECTORY, media_file_number, stream_directory};
use crate::names::{remove, sync_directory_if_there};
use crate::report::{Deleted, FailedFragment};
use crate::store::Store;
use crate::unclaimed::{Discarded, UnclaimedFile, discard};

impl Store {
    /// Deletes whole media files. Those that are gone already are passed over; one that is open is refused, and
    /// then none is deleted. Done when this returns: the space is free.
    pub fn delete_media_files(&mut self, ids: &[MediaFileId]) -> Result<Deleted, StoreError> {
        self.check_idle()?;
        let reader = self.index.reader();
        let mut deleted = Deleted::default();
        let mut changes = Vec::new();
        let mut files: Vec<(StreamId, PathBuf, u64)> = Vec::new();
        let mut by_stream: BTreeMap<StreamId, Vec<MediaFileId>> = BTreeMap::new();
        for &id in ids {
            if self.is_being_written(id) {
                return Err(StoreError::MediaFileOpen { id });
            }
            let Some((stream, file)) = reader.media_file(id)? else { continue };
            deleted.media_file_count += 1;
            deleted.size_bytes += file.size_bytes;
            deleted.fragment_count += file.fragment_count;
            deleted.not_uploaded_count += file.not_uploaded_count;
            deleted.not_uploaded_size_bytes += file.not_uploaded_size_bytes;
            changes.push(Change::DeleteMediaFile { id });
            by_stream.entry(stream).or_default().push(id);
            let size_bytes = self.unsealed_size_bytes.get(&id).copied().unwrap_or(file.size_bytes);
            files.push((stream, self.root.join(&file.place.path), size_bytes));
        }
        if changes.is_empty() {
            return Ok(deleted);
        }
        let deletions: Vec<Deletion> = by_stream
            .into_iter()
            .filter_map(|(stream, ids)| {
                let state = self.streams.values().find(|state| state.id == stream)?;
                Some(Deletion::Files { key: state.key.as_ref().to_owned(), ids })
            })
            .collect();
        let number = self.journal.last_number() + deletions.len() as u64;
        changes.push(Change::NoteDeletions { number });
        self.apply(&changes)?;
        for deletion in deletions {
            self.journal.add(deletion);
        }

        for (stream, path, size_bytes) in files {
            let state = self.streams.values_mut().find(|state| state.id == stream);
            if let Some(state) = state {
                state.leftovers.push((path, size_bytes));
            }
        }
        let removed = self.remove_leftovers();
        self.shorten_journal();
        self.remeasure();
        removed.map(|()| deleted)
    }

    /// Removes the files that no entry refers to. What cannot be removed stays a leftover, for the next time.
    fn remove_leftovers(&mut self) -> Result<(), StoreError> {
        self.flush_journal()?;
        let mut first_error = None;
        let mut directories = BTreeSet::new();
        let mut removed = Vec::new();
        let disk = self.disk.as_ref();
        for state in self.streams.values_mut() {
            let size_bytes = &mut state.size_bytes;
            state.leftovers.retain(|(path, file_size_bytes)| match remove(disk, path) {
                Ok(()) => {
                    *size_bytes = size_bytes.saturating_sub(*file_size_bytes);
                    directories.extend(path.parent().map(Path::to_owned));
                    removed.extend(media_file_number(path));
                    false
                }
                Err(error) => {
                    first_error.get_or_insert(error);
                    true
                }
            });
        }
        for directory in directories {
            self.sync_directory(directory)?;
        }
        self.removed.extend(removed);
        first_error.map_or(Ok(()), Err)
    }

    /// Erases a stream: every fragment, every file and its place in the index. A stream that is not there is
    /// erased already. Done when this returns; when a file could not be removed, the next call tries again.
    pub fn delete_stream(&mut self, key: &str) -> Result<Deleted, StoreError> {
        let deleted = self.begin_delete_stream(key)?;
        for erased in std::mem::take(&mut self.erased) {
            if *erased.key != *key {
                self.erased.push_back(erased);
                continue;
            }
            let files = erased.files.len();
            self.erased.push_front(erased);
            self.reclaim(files)?;
        }
        Ok(deleted)
    }

    /// Erases a stream's place in the index: from now on none of it is there for anyone. Its files go with
    /// [`Store::reclaim`], which takes time where there are many; until then they count.
    pub fn begin_delete_stream(&mut self, key: &str) -> Result<Deleted, StoreError> {
        self.check_idle()?;
        let mut deleted = Deleted::default();
        let Some(state) = self.streams.get(key) else {
            // Media that the search has not come to is deleted as well: it must not be taken in later.
            let below = MediaFileId(self.next_media_file_id);
            let last = MediaFileId(below.0.saturating_sub(1));
            if self.search.is_some() && !self.journal.is_deleted(&stream_directory(key), last) {
                let number = self.journal.last_number() + 1;
                self.apply(&[Change::NoteDeletions { number }])?;
                self.journal.add(Deletion::Stream { key: key.to_owned(), below });
            }
            // What could not be written down before is written now.
            self.flush_journal()?;
            // What lies aside may be all that is left of it.
            let discarded = self.discard_unclaimed(|file| file.is_of(key))?;
            deleted.size_bytes = discarded.size_bytes;
            return Ok(deleted);
        };
        let id = state.id;
        let reader = self.index.reader();
        let totals = reader.totals(id)?;
        deleted.fragment_count = totals.fragment_count;
        deleted.not_uploaded_count = totals.not_uploaded_count;
        deleted.not_uploaded_size_bytes = totals.not_uploaded_size_bytes;
        let files = reader.media_files(id)?.into_iter();
        let size_bytes = |file: &MediaFile| {
            self.unsealed_size_bytes.get(&file.id).copied().unwrap_or(file.size_bytes)
        };
        let mut files: BTreeMap<PathBuf, u64> =
            files.map(|file| (self.root.join(&file.place.path), size_bytes(&file))).collect();
        files.extend(state.leftovers.iter().cloned());
        let aside = self.unclaimed.iter().filter(|file| file.is_of(key));
        files.extend(aside.map(|file| (file.path.clone(), file.size_bytes)));
        for writer in state.closing.iter().chain(&state.writer) {
            files.insert(writer.path.clone(), writer.length_bytes);
            let open = writer.open.as_ref().map(|open| open.meta.sequence);
            let sequences = writer.uncommitted.iter().map(|entry| entry.sequence).chain(open);
            // Those for which there was no space and of which no commit has told yet as well.
            let sequences = sequences.chain(writer.lost.iter().copied());
            deleted.failed.extend(sequences.map(|sequence| FailedFragment {
                key: Arc::clone(&state.key),
                sequence,
                error: StoreError::StreamDeleted { key: key.to_owned() },
            }));
        }
        deleted.media_file_count = files.len() as u64;
        deleted.size_bytes = state.size_bytes + state.unclaimed_size_bytes;
        let key = Arc::clone(&state.key);
        let number = self.journal.last_number() + 1;
        self.apply(&[Change::DeleteStream { id }, Change::NoteDeletions { number }])?;
        self.streams.remove(&key);
        self.unclaimed.retain(|file| !file.is_of(&key));
        self.count_unclaimed();
        let files = files.into_iter().collect();
        let below = MediaFileId(self.next_media_file_id);
        self.journal.add(Deletion::Stream { key: key.as_ref().to_owned(), below });
        self.erased.push_back(ErasedStream { key, files, removed: Vec::new() });
        self.flush_journal()?;
        Ok(deleted)
    }

    /// Whether files of any erased stream are still to be removed.
    pub fn is_reclaiming(&self) -> bool {
        !self.erased.is_empty()
    }

    /// Whether files of this one are.
    pub fn is_reclaiming_of(&self, key: &str) -> bool {
        self.erased.iter().any(|erased| *erased.key == *key)
    }

    /// Removes files of erased streams, at most `files_max` of them. One that cannot be removed stays for a later call.
    pub fn reclaim(&mut self, files_max: usize) -> Result<(), StoreError> {
        self.check_idle()?;
        self.flush_journal()?;
        for _ in 0..files_max.max(1) {
            let Some(erased) = self.erased.front_mut() else { break };
            if let Some((path, size_bytes)) = erased.files.pop_front() {
                if let Err(error) = remove(self.disk.as_ref(), &path) {
                    erased.files.push_back((path, size_bytes));
                    self.erased.rotate_left(1);
                    return Err(error);
                }
                erased.removed.extend(media_file_number(&path));
            }
            if let Some(erased) = self.erased.pop_front_if(|erased| erased.files.is_empty()) {
                let directory = stream_directory(&erased.key);
                let aside = self.root.join(UNCLAIMED_DIRECTORY).join(&directory);
                sync_directory_if_there(self.disk.as_ref(), &aside)
                    .map_err(|error| self.note_failure(error))?;
                self.remove_stream_directory(&self.root.join(directory))?;
                self.removed.extend(erased.removed);
            }
        }
        self.shorten_journal();
        self.remeasure();
        Ok(())
    }

    /// Makes durable that what is to be removed was deleted: nothing is removed before.
    fn flush_journal(&mut self) -> Result<(), StoreError> {
        let flushed = self.journal.flush(self.disk.as_ref());
        flushed.map_err(|error| self.note_failure(error))
    }

    /// Drops the oldest deletions of a long journal, once no file of them can be there.
    fn shorten_journal(&mut self) {
        let has_leftovers = self.streams.values().any(|stream| !stream.leftovers.is_empty());
        let is_done = self.search.is_none() && self.erased.is_empty() && !has_leftovers;
        if !is_done || !self.journal.is_long() {
            return;
        }
        // What is dropped is in the index's own file, whatever becomes of its log.
        let shortened = self.index.checkpoint().map_err(StoreError::from);
        let shortened = shortened.and_then(|()| self.journal.compact(self.disk.as_ref()));
        if let Err(error) = shortened.map_err(|error| self.note_failure(error)) {
            tracing::warn!(%error, "shorten the journal of deletions");
        }
    }

    /// Removes files that lie aside, those that `is_meant` names. Each is in the journal before it goes.
    pub fn discard_unclaimed(
        &mut self,
        is_meant: impl Fn(&UnclaimedFile) -> bool,
    ) -> Result<Discarded, StoreError> {
        self.check_idle()?;
        let meant: Vec<UnclaimedFile> =
            self.unclaimed.iter().filter(|file| is_meant(file)).cloned().collect();
        if meant.is_empty() {
            return Ok(Discarded::default());
        }
        let number = self.journal.last_number() + meant.len() as u64;
        self.apply(&[Change::NoteDeletions { number }])?;
        let discarded = discard(self.disk.as_ref(), &self.root, &mut self.journal, &meant, false);
        let discarded = discarded.map_err(|error| self.note_failure(error))?;
        self.unclaimed.retain(|file| !meant.contains(file));
        self.count_unclaimed();
        Ok(discarded)
    }

    /// The number of the last deletion that the journal has: they are counted.
    pub const fn deletion_number(&self) -> u64 {
        self.journal.last_number()
    }

    /// The media of files that lay aside, as far as the journal tells of their removal behind the deletion with this number;
    /// and whether each is gone: cut off between its entry and its removal it lies there still.
    pub fn discarded_after(&self, number: u64) -> Vec<(&DiscardedMedia, bool)> {
        // Of one that was cut off and removed again there is an entry for each time.
        let mut found: BTreeMap<&str, &DiscardedMedia> = BTreeMap::new();
        for entry in self.journal.entries_after(number) {
            if let Deletion::Discarded { path, media: Some(media), .. } = &entry.deletion {
                found.insert(path, media);
            }
        }
        let is_gone = |path: &str| {
            let file = self.disk.open_read_only(&self.root.join(path));
            file.is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
        };
        found.into_iter().map(|(path, media)| (media, is_gone(path))).collect()
    }

    /// The files that lie aside, once the search has counted them.
    pub fn unclaimed(&self) -> &[UnclaimedFile] {
        &self.unclaimed
    }

    /// What lies aside of a stream, once the search has counted it.
    pub fn unclaimed_of(&self, key: &str) -> Discarded {
        let mut all = Discarded::default();
        for file in self.unclaimed.iter().filter(|file| file.is_of(key)) {
            all.add(file);
        }
        all
    }

    /// Removes what lies aside of a stream and holds nothing received at `before` or later, by its own marks. What has no
    /// mark stays: nobody knows how old it is.
    pub fn discard_unclaimed_before(
        &mut self,
        key: &str,
        before: Timestamp,
    ) -> Result<Discarded, StoreError> {
        self.discard_unclaimed(|file| {
            file.is_of(key) && file.newest.is_some_and(|newest| newest < before)
        })
    }

    /// Removes a stream's directory when nothing is left in it, and makes all of that durable.
    fn remove_stream_directory(&mut self, directory: &Path) -> Result<(), StoreError> {
        match self.disk.remove_dir(directory) {
            Ok(()) => {
                // Whoever makes it again has to make its name durable again.
                for stream in self.streams.values_mut() {
                    stream.directory_synced &=
                        self.root.join(stream_directory(&stream.key)) != directory;
                }
                self.sync_directory(self.root.clone())
            }
            // It was never there.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            // Another key has files there, or something that is not ours.
            Err(error) => {
                tracing::debug!(path = %directory.display(), %error, "keep a stream's directory");
                self.sync_directory(directory.to_owned())
            }
        }
    }

    fn is_being_written(&self, id: MediaFileId) -> bool {
        self.streams
            .values()
            .flat_map(|stream| stream.closing.iter().chain(&stream.writer))
            .any(|writer| writer.place.id == id)
    }

    fn remeasure(&mut self) {
        if let Err(error) = self.measure_free_bytes() {
            tracing::warn!(%error, "measure free space");
        }
    }
}
