//! The search for what earlier processes left: media files that no entry refers to, and entries without a file.
//!
//! A store is open before it: there may be a million files, and listing them takes longer than anybody wants to wait.
//! What a crash keeps from being removed after its entry is gone is not looked for here, that is noted in the index; here
//! it is about files that were created and never committed. They have numbers below those that this process uses.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::check::list_directory;
use crate::delete::unlink;
use crate::error::StoreError;
use crate::fragment::MediaFileId;
use crate::index::IndexRead;
use crate::layout::media_file_number;
use crate::store::Store;

/// Where the search stands.
pub(crate) struct OrphanSearch {
    reader: Arc<dyn IndexRead>,
    /// The first number that this process may use.
    first_own: MediaFileId,
    /// Still to be listed; `None` before the first step.
    directories: Option<VecDeque<PathBuf>>,
    /// Listed and not compared yet.
    files: VecDeque<PathBuf>,
    /// Numbers that are on the disk and in the index, 64 of them in each word.
    seen: HashMap<u64, u64>,
    /// Rows up to this number were looked for on the disk.
    compared: MediaFileId,
}

impl OrphanSearch {
    pub(crate) fn new(reader: Arc<dyn IndexRead>, first_own: MediaFileId) -> Self {
        Self {
            reader,
            first_own,
            directories: None,
            files: VecDeque::new(),
            seen: HashMap::new(),
            compared: MediaFileId(0),
        }
    }

    fn see(&mut self, id: MediaFileId) {
        *self.seen.entry(id.0 / 64).or_default() |= 1 << (id.0 % 64);
    }

    fn has_seen(&self, id: MediaFileId) -> bool {
        self.seen.get(&(id.0 / 64)).is_some_and(|word| word & (1 << (id.0 % 64)) != 0)
    }
}

impl Store {
    /// Whether [`Store::search_orphans`] has something left to do.
    pub const fn is_searching_orphans(&self) -> bool {
        self.search.is_some()
    }

    /// Compares some more of the disk with the index: one directory is listed, or at most `files_max` files or entries
    /// are compared. Files that no entry refers to are removed; entries without a file are said and kept. An error ends
    /// the search; the next start begins it anew.
    pub fn search_orphans(&mut self, files_max: usize) -> Result<(), StoreError> {
        self.check_idle()?;
        let Some(mut search) = self.search.take() else { return Ok(()) };
        if self.search_step(&mut search, files_max)? {
            self.search = Some(search);
        }
        Ok(())
    }

    /// Whether there is more to do.
    fn search_step(
        &mut self,
        search: &mut OrphanSearch,
        files_max: usize,
    ) -> Result<bool, StoreError> {
        if search.directories.is_none() {
            let root = &self.root;
            let listed = self.disk.list(root);
            let listed = listed.map_err(|error| StoreError::io("list", root.clone(), error))?;
            search.directories = Some(listed.into());
            return Ok(true);
        }
        if search.files.is_empty() {
            let Some(directory) = search.directories.as_mut().and_then(VecDeque::pop_front) else {
                return self.search_missing(search, files_max);
            };
            search.files = list_directory(self.disk.as_ref(), &directory)?.into();
            return Ok(true);
        }
        self.compare_files(search, files_max)?;
        Ok(true)
    }

    fn compare_files(
        &mut self,
        search: &mut OrphanSearch,
        files_max: usize,
    ) -> Result<(), StoreError> {
        // All of them lie in one directory.
        let mut directory = None;
        for _ in 0..files_max.max(1) {
            let Some(path) = search.files.pop_front() else { break };
            let Some(id) = media_file_number(&path) else { continue };
            if id >= search.first_own {
                continue;
            }
            let known = search.reader.place(id)?;
            if known.is_some_and(|known| self.root.join(known) == path) {
                search.see(id);
                continue;
            }
            tracing::info!(path = %path.display(), "remove a media file that no index entry refers to");
            unlink(self.disk.as_ref(), &path)?;
            directory = path.parent().map(Path::to_owned);
        }
        if let Some(directory) = directory
            && let Err(error) = crate::recovery::sync_directory(self.disk.as_ref(), &directory)
        {
            return Err(self.note_failure(error));
        }
        Ok(())
    }

    /// Looks for the files of entries that were not seen on the disk.
    fn search_missing(
        &self,
        search: &mut OrphanSearch,
        files_max: usize,
    ) -> Result<bool, StoreError> {
        let places = search.reader.places(search.compared, files_max.max(1))?;
        for (id, path) in &places {
            if *id >= search.first_own {
                return Ok(false);
            }
            search.compared = *id;
            let path = self.root.join(path);
            if !search.has_seen(*id)
                && let Err(error) = self.disk.open_read_only(&path)
                && error.kind() == io::ErrorKind::NotFound
            {
                tracing::error!(path = %path.display(), "media file is missing");
            }
        }
        Ok(places.len() >= files_max.max(1))
    }
}
