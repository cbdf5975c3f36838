//! The search for what index and disk do not agree about: media files that no entry refers to, entries without a file,
//! and what lies aside.
//!
//! A store is open before it: there may be a million files, and listing them takes longer than anybody wants to wait.
//! It goes in steps, and whatever has to be read is read by the disk's workers. Decides which file is looked at when;
//! what becomes of one that no entry refers to is [`crate::claim`]'s.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, PoisonError};

use crate::check::{list_directory, list_stream_directories};
use crate::disk::OnTheSpot;
use crate::error::{StoreError, describe};
use crate::examine::examine;
use crate::fragment::{MediaFileId, MediaFileState};
use crate::index::{Change, UnsealedMediaFile};
use crate::layout::media_file_number;
use crate::names::sync_directory_if_there;
use crate::orphan_search::{Found, OrphanSearch, Slot};
use crate::recovery::seal_file;
use crate::report::RecoveryReport;
use crate::store::Store;
use crate::unclaimed::{UnclaimedFile, list_unclaimed};

/// What of the search is done before a start is ready: a tenth of a second where nothing has to be taken in.
const START_STEPS_MAX: usize = 128;
const START_FILES_PER_STEP: usize = 64;
const START_BYTES_MAX: u64 = 64 << 20;

impl Store {
    /// Whether [`Store::search_orphans`] has something left to do.
    pub const fn is_searching_orphans(&self) -> bool {
        self.search.is_some()
    }

    /// Whether the search waits for a worker of the disk: another step does nothing before that is done.
    pub fn is_search_waiting(&self) -> bool {
        self.search.as_ref().is_some_and(OrphanSearch::is_waiting)
    }

    /// Compares some more of the disk with the index: one directory is listed, at most `files_max` files or entries are
    /// compared, or one file is read. Files that no entry refers to are taken in, or set aside; entries without a file
    /// are said and kept. After an error the next call goes on where this one failed.
    pub fn search_orphans(&mut self, files_max: usize) -> Result<(), StoreError> {
        self.check_idle()?;
        let Some(mut search) = self.search.take() else { return Ok(()) };
        let step = self.search_step(&mut search, files_max);
        if !matches!(step, Ok(false)) {
            self.search = Some(search);
            return step.map(drop);
        }
        if search.trust.is_older {
            let generation = self.journal.generation();
            if let Err(error) = self.apply(&[Change::SetGeneration { generation }]) {
                self.search = Some(search);
                return Err(error);
            }
        }
        self.findings.set_searching(false);
        let found = self.findings.get();
        if found.claimed_fragment_count > 0 {
            tracing::warn!(
                media_files = found.claimed_media_file_count,
                fragments = found.claimed_fragment_count,
                size_bytes = found.claimed_size_bytes,
                "the index did not know all media on the disk: what it did not know is in it again"
            );
        }
        if found.unclaimed_file_count > 0 {
            tracing::warn!(
                files = found.unclaimed_file_count,
                size_bytes = found.unclaimed_size_bytes,
                "media lies aside that no index entry refers to; see `vigie store unclaimed`"
            );
        }
        Ok(())
    }

    /// Begins the search before anybody asks for anything, so that of a store that is not large all is there at once.
    ///
    /// # Errors
    ///
    /// A fatal one. What passes is left to the search.
    pub fn search_at_start(&mut self) -> Result<(), StoreError> {
        let workers = std::mem::replace(&mut self.workers, Arc::new(OnTheSpot));
        for _ in 0..START_STEPS_MAX {
            let found = self.findings.get();
            let read_bytes = found.claimed_size_bytes.saturating_add(found.unclaimed_size_bytes);
            if !self.is_searching_orphans() || read_bytes >= START_BYTES_MAX {
                break;
            }
            if let Err(error) = self.search_orphans(START_FILES_PER_STEP) {
                tracing::warn!(
                    error = describe(&error),
                    "compare the disk with the index; trying again"
                );
                break;
            }
        }
        self.workers = workers;
        self.check_failed()
    }

    /// Whether there is more to do.
    fn search_step(
        &mut self,
        search: &mut OrphanSearch,
        files_max: usize,
    ) -> Result<bool, StoreError> {
        if let Some(slot) = &search.work {
            let found = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
            let Some(found) = found else { return Ok(true) };
            search.work = None;
            return self.settle_found(search, found).map(|()| true);
        }
        if !search.is_examined {
            search.is_examined = true;
            let reader = Arc::clone(&search.reader);
            self.work(search, move || Found::Index(reader.examine()));
            return Ok(true);
        }
        let Some(unsealed) = &mut search.unsealed else {
            let mut unsealed: VecDeque<_> = search.reader.unsealed_media_files()?.into();
            unsealed.retain(|file| {
                let path = self.root.join(&file.media_file.place.path);
                file.media_file.state == MediaFileState::Open && !self.is_own(&path)
            });
            search.unsealed = Some(unsealed);
            return Ok(true);
        };
        if let Some(unsealed) = unsealed.pop_front() {
            self.seal_by_worker(search, unsealed);
            return Ok(true);
        }
        let Some(directories) = &mut search.directories else {
            search.directories =
                Some(list_stream_directories(self.disk.as_ref(), &self.root)?.into());
            return Ok(true);
        };
        if !search.files.is_empty() {
            self.compare_files(search, files_max)?;
            return Ok(true);
        }
        if let Some(directory) = directories.front() {
            search.files = list_directory(self.disk.as_ref(), directory)?.into();
            directories.pop_front();
            return Ok(true);
        }
        if search.compared.is_some() {
            self.search_missing(search, files_max)?;
            return Ok(true);
        }
        let Some(aside) = &mut search.aside else {
            search.aside = Some(list_unclaimed(self.disk.as_ref(), &self.root)?.into());
            return Ok(true);
        };
        let Some(path) = aside.pop_front() else { return Ok(false) };
        if self.journal.is_stream_deleted(&path) {
            if let Err(error) = self.finish_deletion(&path) {
                aside.push_front(path);
                return Err(error);
            }
            return Ok(true);
        }
        let disk = Arc::clone(&self.disk);
        self.work(search, move || {
            let file = UnclaimedFile::read(disk.as_ref(), &path);
            Found::Aside(path, file)
        });
        Ok(true)
    }

    fn work(&self, search: &mut OrphanSearch, find: impl FnOnce() -> Found + Send + 'static) {
        let slot = Slot::default();
        search.work = Some(Arc::clone(&slot));
        self.workers.run(Box::new(move || {
            let found = find();
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
        }));
    }

    fn seal_by_worker(&self, search: &mut OrphanSearch, unsealed: UnsealedMediaFile) {
        let (disk, root) = (Arc::clone(&self.disk), self.root.clone());
        let (settings, trust) = (self.settings, search.trust);
        self.work(search, move || {
            let mut report = RecoveryReport::default();
            let changes = seal_file(disk.as_ref(), &root, settings, trust, &unsealed, &mut report);
            Found::Sealed(Box::new(unsealed), report, changes)
        });
    }

    fn settle_found(&mut self, search: &mut OrphanSearch, found: Found) -> Result<(), StoreError> {
        match found {
            Found::Index(Ok(())) => Ok(()),
            Found::Index(Err(error)) if error.is_damage() => Err(self.note_failure(error.into())),
            Found::Index(Err(error)) => {
                search.is_examined = false;
                Err(error.into())
            }
            Found::Examined(path, examined) => {
                let settled = self.settle_examined(&path, examined);
                if settled.is_err() {
                    search.files.push_front(path);
                }
                settled
            }
            Found::Sealed(unsealed, report, changes) => {
                let settled = changes.and_then(|changes| self.settle_sealed(&unsealed, &changes));
                match settled {
                    Ok(()) => {
                        self.findings.add_claimed(0, report.recovered_fragment_count, 0);
                        Ok(())
                    }
                    Err(error) => {
                        let unsealed = *unsealed;
                        search.unsealed.get_or_insert_default().push_front(unsealed);
                        Err(error)
                    }
                }
            }
            Found::Aside(_, Ok(file)) => {
                self.note_unclaimed(file);
                Ok(())
            }
            Found::Aside(path, Err(error)) => {
                let error = describe(&error);
                tracing::warn!(path = %path.display(), error, "read a file that lies aside");
                Ok(())
            }
        }
    }

    /// A file that was open and no longer is. Deleted meanwhile it stays so.
    fn settle_sealed(
        &mut self,
        unsealed: &UnsealedMediaFile,
        changes: &[Change],
    ) -> Result<(), StoreError> {
        let reader = self.index.reader();
        let id = unsealed.media_file.id;
        if reader.place(id)?.is_none() || changes.is_empty() {
            return Ok(());
        }
        let path = self.root.join(&unsealed.media_file.place.path);
        let counted_bytes = self.unsealed_size_bytes.get(&id).copied().unwrap_or(0);
        self.apply(changes)?;
        self.unsealed_size_bytes.remove(&id);
        let file = self.index.reader().media_file(id)?;
        let size_bytes = file.map_or(0, |(_, file)| file.size_bytes);
        let sequences = self.index.reader().streams()?;
        let row = sequences.into_iter().find(|row| row.id == unsealed.stream);
        let state = self.streams.values_mut().find(|state| state.id == unsealed.stream);
        if let (Some(state), Some(row)) = (state, row) {
            state.size_bytes = (state.size_bytes + size_bytes).saturating_sub(counted_bytes);
            state.next_sequence = state.next_sequence.max(row.next_sequence);
            state.reserved_sequence = state.reserved_sequence.max(row.next_sequence);
        }
        tracing::info!(path = %path.display(), size_bytes, "a media file with much behind its last commit is sealed");
        Ok(())
    }

    fn compare_files(
        &mut self,
        search: &mut OrphanSearch,
        files_max: usize,
    ) -> Result<(), StoreError> {
        for _ in 0..files_max.max(1) {
            let Some(path) = search.files.front() else { break };
            let Some(id) = media_file_number(path) else {
                search.files.pop_front();
                continue;
            };
            let known = search.reader.place(id)?;
            let is_known = known.is_some_and(|known| self.root.join(known) == *path);
            let Some(path) = search.files.pop_front() else { break };
            if is_known {
                search.see(id);
            } else if self.is_own(&path) {
                // Of this process: the index is told, or it is removed.
            } else if path.parent().is_some_and(|parent| self.journal.is_deleted(parent, id)) {
                if let Err(error) = self.finish_deletion(&path) {
                    search.files.push_front(path);
                    return Err(error);
                }
            } else {
                let (disk, root) = (Arc::clone(&self.disk), self.root.clone());
                let of_this_boot = search.trust.of_this_boot;
                let next_id = MediaFileId(self.next_media_file_id);
                self.work(search, move || {
                    let disk = disk.as_ref();
                    let durable = examine(disk, &path, of_this_boot).and_then(|examined| {
                        examined.try_map(|media| {
                            let durable =
                                media.make_durable(disk, &root, &path, of_this_boot, next_id)?;
                            for directory in [path.parent().unwrap_or(&root), &root] {
                                sync_directory_if_there(disk, directory)?;
                            }
                            Ok(durable)
                        })
                    });
                    Found::Examined(path, durable)
                });
                break;
            }
        }
        Ok(())
    }

    /// Looks for the files of entries that were not seen on the disk.
    fn search_missing(
        &self,
        search: &mut OrphanSearch,
        files_max: usize,
    ) -> Result<(), StoreError> {
        let compared = search.compared.unwrap_or(MediaFileId(0));
        let places = search.reader.places(compared, files_max.max(1))?;
        for (id, path) in &places {
            search.compared = Some(*id);
            let path = self.root.join(path);
            if !search.has_seen(*id)
                && let Err(error) = self.disk.open_read_only(&path)
                && error.kind() == io::ErrorKind::NotFound
            {
                tracing::error!(path = %path.display(), "media file is missing");
                self.findings.add_missing();
            }
        }
        if places.len() < files_max.max(1) {
            search.compared = None;
        }
        Ok(())
    }
}
