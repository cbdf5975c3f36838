//! What the simulated disk holds, behind its one lock: what a change costs, what a write leaves when it fails, what waits.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use vigie_engine::chance::Chance;

use super::behind::Behind;
use super::content::Content;
use super::names::{FileId, Names};
use crate::chance::SimChance;

/// How often things go wrong, in a thousand operations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// File syncs that fail.
    pub sync_per_mille: u64,
    /// Directory syncs that fail.
    pub sync_dir_per_mille: u64,
    /// Writes that fail after a part of them.
    pub write_per_mille: u64,
    /// Cuts that fail.
    pub truncate_per_mille: u64,
    /// Removals that fail.
    pub unlink_per_mille: u64,
    /// Reads that fail.
    pub read_per_mille: u64,
}

pub(super) struct Inner {
    pub(super) chance: SimChance,
    pub(super) names: Names,
    pub(super) contents: BTreeMap<FileId, Content>,
    /// What waits in the memory of the process to be written.
    pub(super) behind: Behind,
    pub(super) next_file: u64,
    pub(super) capacity_bytes: u64,
    pub(super) faults: Faults,
    /// Operations until the power goes.
    pub(super) fuse: Option<u64>,
    pub(super) off: bool,
    pub(super) file_syncs: u64,
    /// Counts starts of the process: a file opened before is not open after.
    pub(super) process: u64,
    pub(super) boot: u64,
}

/// Shared by the disk, its files and its workers.
#[derive(Clone)]
pub(super) struct SharedInner(Arc<Mutex<Inner>>);

impl SharedInner {
    pub(super) fn new(inner: Inner) -> Self {
        Self(Arc::new(Mutex::new(inner)))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a direct write is made of.
const BLOCK_BYTES: u64 = 4096;

/// A write that failed, and where what it wrote of its bytes ends.
pub(super) struct CutWrite {
    pub(super) error: io::Error,
    pub(super) end: u64,
}

impl Inner {
    /// An empty one. All its chances follow from `seed`.
    pub(super) fn new(seed: u64, capacity_bytes: u64) -> Self {
        Self {
            chance: SimChance::new(seed),
            names: Names::new(),
            contents: BTreeMap::new(),
            behind: Behind::default(),
            next_file: 0,
            capacity_bytes,
            faults: Faults::default(),
            fuse: None,
            off: false,
            file_syncs: 0,
            process: 0,
            boot: 0,
        }
    }

    /// Whether the power is still on after one more change.
    pub(super) fn burn(&mut self) -> bool {
        if self.off {
            return false;
        }
        if let Some(fuse) = &mut self.fuse {
            *fuse = fuse.saturating_sub(1);
            self.off = *fuse == 0;
        }
        !self.off
    }

    /// A change of names: done, or not done because the power went before.
    pub(super) fn change(&mut self) -> io::Result<()> {
        if self.burn() { Ok(()) } else { Err(power_cut()) }
    }

    pub(super) fn powered(&self) -> io::Result<()> {
        if self.off { Err(power_cut()) } else { Ok(()) }
    }

    pub(super) fn restart(&mut self) {
        self.behind = Behind::default();
        self.process += 1;
        self.fuse = None;
        self.off = false;
    }

    /// A removed file takes no space, though a reader may still have it open.
    pub(super) fn used_bytes(&self) -> u64 {
        let files = self.names.files_under(Path::new("/"));
        files.filter_map(|file| Some(self.contents.get(&file)?.length_bytes())).sum()
    }

    pub(super) fn length_bytes(&self, file: FileId) -> u64 {
        let written = self.contents.get(&file).map_or(0, Content::length_bytes);
        self.behind.length_bytes(file, written)
    }

    /// What a kill finds under way: of each file the beginning of what waits, up to a page. The kernel writes no part of
    /// one.
    pub(super) fn write_some_of_what_waits(&mut self) {
        for file in self.behind.waiting_files() {
            let process = self.process;
            let Ok(writes) = self.behind.take(file) else { continue };
            let (Some((start, _)), Some((last, data))) = (writes.first(), writes.last()) else {
                continue;
            };
            let (start, end) = (*start, last + data.len() as u64);
            let cut = match self.chance.below(3) {
                0 => end,
                1 => start,
                _ => (start + self.chance.below(end - start + 1)) / BLOCK_BYTES * BLOCK_BYTES,
            };
            for (offset, mut data) in writes {
                data.truncate(cut.saturating_sub(offset) as usize);
                if data.is_empty() || self.write(file, process, data, offset).is_err() {
                    break;
                }
            }
        }
    }

    pub(super) fn content(&mut self, file: FileId, process: u64) -> io::Result<&mut Content> {
        if process != self.process {
            return Err(io::Error::other("opened by a process that has ended"));
        }
        self.powered()?;
        self.contents.get_mut(&file).ok_or_else(not_found)
    }

    pub(super) fn write(
        &mut self,
        file: FileId,
        process: u64,
        mut data: Vec<u8>,
        offset: u64,
    ) -> Result<(), CutWrite> {
        let wanted = data.len();
        let zeros_from = self.behind.end_before_zeros(file);
        let content = self.content(file, process);
        let length = content.map_err(|error| CutWrite { error, end: offset })?.length_bytes();
        let end_max = length + self.capacity_bytes.saturating_sub(self.used_bytes());
        let room = usize::try_from(end_max.saturating_sub(offset)).unwrap_or(usize::MAX);
        let mut failure = None;
        if room < wanted {
            data.truncate(room);
            failure = Some(io::ErrorKind::StorageFull.into());
        } else if let per_mille = self.faults.write_per_mille
            && self.fails(per_mille, "write failed").is_err()
        {
            let part = self.chance.below(wanted as u64) as usize;
            data.truncate(part);
            failure = Some(io::Error::other("write failed"));
        }
        if !self.burn() {
            let part = self.chance.below(data.len() as u64 + 1) as usize;
            data.truncate(part);
            failure = Some(power_cut());
        }
        if data.len() < wanted && zeros_from.is_some() {
            // A page that has zeros is written whole or not at all: what is missing of a frame never looks as if it were
            // zeros.
            let end = (offset + data.len() as u64) / BLOCK_BYTES * BLOCK_BYTES;
            data.truncate(end.saturating_sub(offset) as usize);
        }
        if let Some(content) = self.contents.get_mut(&file) {
            content.write(offset, &data);
        }
        let end = offset + data.len() as u64;
        failure.map_or(Ok(()), |error| Err(CutWrite { error, end }))
    }

    /// What waits of a file is written before anything else is written to it; a failure is for ever.
    pub(super) fn write_behind_now(&mut self, file: FileId, process: u64) -> io::Result<()> {
        self.content(file, process)?;
        let writes = self.behind.take(file)?;
        let Some(end) = writes.last().map(|(offset, data)| offset + data.len() as u64) else {
            return Ok(());
        };
        for (offset, data) in writes {
            if let Err(cut) = self.write(file, process, data, offset) {
                return Err(self.fail_behind(file, end, cut));
            }
        }
        self.behind.note_written(file, end);
        // Past the cache only whole blocks are written: zeros fill the last one.
        let zero_bytes = end.next_multiple_of(BLOCK_BYTES) - end;
        if zero_bytes > 0 && self.chance.happens(500) {
            self.behind.note_zeros(file, end);
            if let Err(CutWrite { error, .. }) =
                self.write(file, process, vec![0; zero_bytes as usize], end)
            {
                return Err(self.fail_behind(file, end, CutWrite { error, end }));
            }
        }
        Ok(())
    }

    /// What waited up to `end` is lost from where its write was cut.
    pub(super) fn fail_behind(&mut self, file: FileId, end: u64, cut: CutWrite) -> io::Error {
        let is_full = cut.error.kind() == io::ErrorKind::StorageFull;
        self.behind.fail(file, end, is_full.then_some(cut.end));
        cut.error
    }

    /// Cuts the zeros off, and makes the bytes all there is.
    pub(super) fn cut_zeros(&mut self, file: FileId) -> io::Result<()> {
        if let Some(end) = self.behind.end_before_zeros(file) {
            self.change()?;
            if let Some(content) = self.contents.get_mut(&file) {
                content.truncate(end);
            }
            self.behind.forget_zeros(file);
        }
        Ok(())
    }

    pub(super) fn fails(&mut self, per_mille: u64, what: &'static str) -> io::Result<()> {
        if self.chance.happens(per_mille) { Err(io::Error::other(what)) } else { Ok(()) }
    }
}

pub(super) fn power_cut() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "the power was cut")
}

pub(super) fn not_found() -> io::Error {
    io::ErrorKind::NotFound.into()
}
