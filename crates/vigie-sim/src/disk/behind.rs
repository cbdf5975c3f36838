//! What a process gave to be written with the next sync: in its memory until then, and gone with it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use super::names::FileId;

/// See the module's documentation.
#[derive(Default)]
pub(super) struct Behind {
    files: BTreeMap<FileId, Vec<(u64, Vec<u8>)>>,
    /// Files of which something was lost: no sync may say otherwise.
    failed: BTreeSet<FileId>,
}

impl Behind {
    /// Where the last byte that waits ends; 0 when none does.
    pub(super) fn end(&self, file: FileId) -> u64 {
        let last = self.files.get(&file).and_then(|writes| writes.last());
        last.map_or(0, |(offset, data)| offset + data.len() as u64)
    }

    pub(super) fn push(&mut self, file: FileId, data: Vec<u8>, offset: u64) {
        self.files.entry(file).or_default().push((offset, data));
    }

    pub(super) fn truncate(&mut self, file: FileId, length_bytes: u64) {
        let Some(writes) = self.files.get_mut(&file) else { return };
        writes.retain_mut(|(offset, data)| {
            data.truncate(length_bytes.saturating_sub(*offset) as usize);
            !data.is_empty()
        });
    }

    /// What is to be written now, in order.
    pub(super) fn take(&mut self, file: FileId) -> io::Result<Vec<(u64, Vec<u8>)>> {
        if self.failed.contains(&file) {
            return Err(io::Error::other("an earlier write of this file was lost"));
        }
        Ok(self.files.remove(&file).unwrap_or_default())
    }

    pub(super) fn fail(&mut self, file: FileId) {
        self.failed.insert(file);
    }
}
