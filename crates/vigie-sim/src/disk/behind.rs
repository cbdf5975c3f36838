//! What a process gave to be written later: in its memory until then, and gone with it; and the zeros that fill up what was
//! written so.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use super::names::FileId;

#[derive(Default)]
pub(super) struct Behind {
    files: BTreeMap<FileId, Vec<(u64, Vec<u8>)>>,
    /// Files of which something was lost: no sync may say otherwise.
    failed: BTreeSet<FileId>,
    /// Files of which nothing else was lost than what found no space, and where what was written ends.
    full: BTreeMap<FileId, u64>,
    /// Where what was lost would have ended, until the file is cut.
    lost: BTreeMap<FileId, u64>,
    /// Files whose last block was filled up with zeros, and where their bytes end.
    zeros: BTreeMap<FileId, u64>,
}

impl Behind {
    /// A file's length with what waits and without zeros; `written` is what the disk has of it.
    pub(super) fn length_bytes(&self, file: FileId, written: u64) -> u64 {
        let written = self.zeros.get(&file).copied().unwrap_or(written);
        let last = self.files.get(&file).and_then(|writes| writes.last());
        written.max(last.map_or(0, |(offset, data)| offset + data.len() as u64))
    }

    pub(super) fn waiting_files(&self) -> Vec<FileId> {
        self.files.keys().copied().collect()
    }

    pub(super) fn waiting_bytes(&self, file: FileId) -> usize {
        let writes = self.files.get(&file);
        writes.map_or(0, |writes| writes.iter().map(|(_, data)| data.len()).sum())
    }

    /// Zeros stand behind its bytes, which end at `end`.
    pub(super) fn note_zeros(&mut self, file: FileId, end: u64) {
        self.zeros.insert(file, end);
    }

    /// Bytes were written up to `end`, perhaps over zeros.
    pub(super) fn note_written(&mut self, file: FileId, end: u64) {
        if let Some(known) = self.zeros.get_mut(&file) {
            *known = (*known).max(end);
        }
    }

    pub(super) fn end_before_zeros(&self, file: FileId) -> Option<u64> {
        self.zeros.get(&file).copied()
    }

    pub(super) fn forget_zeros(&mut self, file: FileId) {
        self.zeros.remove(&file);
    }

    pub(super) fn push(&mut self, file: FileId, data: Vec<u8>, offset: u64) {
        self.files.entry(file).or_default().push((offset, data));
    }

    pub(super) fn truncate(&mut self, file: FileId, length_bytes: u64) {
        if self.full.get(&file).is_some_and(|end| length_bytes <= *end) {
            self.full.remove(&file);
            self.failed.remove(&file);
        }
        let Some(writes) = self.files.get_mut(&file) else { return };
        writes.retain_mut(|(offset, data)| {
            data.truncate(length_bytes.saturating_sub(*offset) as usize);
            !data.is_empty()
        });
    }

    /// What is to be written now, in order.
    pub(super) fn take(&mut self, file: FileId) -> io::Result<Vec<(u64, Vec<u8>)>> {
        if self.full.contains_key(&file) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        if self.failed.contains(&file) {
            return Err(io::Error::other("an earlier write of this file was lost"));
        }
        Ok(self.files.remove(&file).unwrap_or_default())
    }

    /// What should have ended at `end` was lost; for want of space, where `full_at` says how far it was written.
    pub(super) fn fail(&mut self, file: FileId, end: u64, full_at: Option<u64>) {
        self.failed.insert(file);
        self.lost.insert(file, end);
        if let Some(full_at) = full_at {
            self.full.insert(file, full_at);
        }
    }

    pub(super) fn full_at(&self, file: FileId) -> Option<u64> {
        self.full.get(&file).copied()
    }

    /// 0 when nothing was lost.
    pub(super) fn lost_end(&self, file: FileId) -> u64 {
        self.lost.get(&file).copied().unwrap_or(0)
    }

    pub(super) fn forget_lost(&mut self, file: FileId) {
        self.lost.remove(&file);
    }
}
