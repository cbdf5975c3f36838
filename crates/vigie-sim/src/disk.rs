//! A disk in memory that fails as real ones do.
//!
//! Until a file is synced a loss of power may keep any of its writes and lose any other, the last one in part; until
//! a directory is synced the same holds for its names. A failed sync loses what it should have kept, and a later
//! success does not bring it back. It can be cut off in the middle of any operation, fill up, and refuse writes,
//! reads and syncs. Everything follows from one seed.

mod behind;
mod content;
mod names;
mod work;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use vigie_engine::chance::Chance;
use vigie_store::disk::{Disk, DiskFile, Workers};

use self::behind::Behind;
use self::content::Content;
use self::names::{FileId, Names};
use self::work::{SharedPile, SimWorkers};
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

/// The simulated disk. Clones are the same disk.
#[derive(Clone)]
pub struct SimDisk {
    inner: Arc<Mutex<Inner>>,
    pile: SharedPile,
}

struct Inner {
    chance: SimChance,
    names: Names,
    contents: std::collections::BTreeMap<FileId, Content>,
    /// What waits in the memory of the process to be written.
    behind: Behind,
    next_file: u64,
    capacity_bytes: u64,
    faults: Faults,
    /// Operations until the power goes.
    fuse: Option<u64>,
    off: bool,
    file_syncs: u64,
    /// Counts starts of the process: a file opened before is not open after.
    process: u64,
    boot: u64,
}

struct SimFile {
    disk: SimDisk,
    file: FileId,
    process: u64,
    has_ended: AtomicBool,
    /// Opened to be written: it knows what waits.
    writes: bool,
}

/// What a direct write is made of.
const BLOCK_BYTES: u64 = 4096;

/// A write that failed, and where what it wrote of its bytes ends.
struct CutWrite {
    error: io::Error,
    end: u64,
}

impl SimDisk {
    /// An empty disk. All its chances follow from `seed`.
    pub fn new(seed: u64, capacity_bytes: u64) -> Self {
        Self {
            inner: Arc::new(Mutex::new(Inner {
                chance: SimChance::new(seed),
                names: Names::new(),
                contents: std::collections::BTreeMap::new(),
                behind: Behind::default(),
                next_file: 0,
                capacity_bytes,
                faults: Faults::default(),
                fuse: None,
                off: false,
                file_syncs: 0,
                process: 0,
                boot: 0,
            })),
            pile: SharedPile::default(),
        }
    }

    /// What goes wrong from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.lock().faults = faults;
    }

    /// How much it holds from now on.
    pub fn set_capacity_bytes(&self, capacity_bytes: u64) {
        self.lock().capacity_bytes = capacity_bytes;
    }

    /// The power goes in the middle of the `operations`-th change from now; every operation fails from then on.
    pub fn cut_after(&self, operations: u64) {
        self.lock().fuse = Some(operations);
    }

    /// Counts as one change; false when the power is off. For what commits beside the disk: an index.
    pub fn tick(&self) -> bool {
        self.lock().burn()
    }

    /// Syncs of files that were tried, in all.
    pub fn file_sync_count(&self) -> u64 {
        self.lock().file_syncs
    }

    /// Whether the power went.
    pub fn is_off(&self) -> bool {
        self.lock().off
    }

    /// Power was lost, and is back: what was not synced survives by chance.
    pub fn lose_power(&self) {
        self.forget_work();
        let mut inner = self.lock();
        let Inner { chance, names, contents, .. } = &mut *inner;
        names.lose_power(chance);
        for content in contents.values_mut() {
            content.lose_power(chance);
        }
        contents.retain(|file, _| names.has_file(*file));
        inner.boot += 1;
        inner.restart();
    }

    /// The process was killed, and starts again: everything that was written is there. What waited may have been under
    /// way to the disk: a part of it may be there as well.
    pub fn kill_process(&self) {
        self.forget_work();
        let mut inner = self.lock();
        inner.write_some_of_what_waits();
        let Inner { names, contents, .. } = &mut *inner;
        contents.retain(|file, _| names.has_file(*file));
        inner.restart();
    }

    /// The lengths of all files whose path begins with `path`, added up; with what waits to be written, and what could not
    /// be written until the file is cut.
    pub fn size_bytes_under(&self, path: &Path) -> u64 {
        let inner = self.lock();
        let length = |file| inner.length_bytes(file).max(inner.behind.lost_end(file));
        inner.names.files_under(path).map(length).sum()
    }

    /// Flips bits of the byte at `offset` of a file: a rotten disk.
    pub fn rot(&self, path: &Path, offset: u64) -> io::Result<()> {
        let mut inner = self.lock();
        let file = inner.names.file(path)?;
        inner
            .contents
            .get_mut(&file)
            .map_or_else(|| Err(not_found()), |content| content.rot(offset))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn file(&self, inner: &Inner, file: FileId, writes: bool) -> Arc<dyn DiskFile> {
        let has_ended = AtomicBool::new(false);
        let process = inner.process;
        Arc::new(SimFile { disk: self.clone(), file, process, has_ended, writes })
    }
}

impl Inner {
    /// Whether the power is still on after one more change.
    fn burn(&mut self) -> bool {
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
    fn change(&mut self) -> io::Result<()> {
        if self.burn() { Ok(()) } else { Err(power_cut()) }
    }

    fn powered(&self) -> io::Result<()> {
        if self.off { Err(power_cut()) } else { Ok(()) }
    }

    fn restart(&mut self) {
        self.behind = Behind::default();
        self.process += 1;
        self.fuse = None;
        self.off = false;
    }

    /// A removed file takes no space, though a reader may still have it open.
    fn used_bytes(&self) -> u64 {
        let files = self.names.files_under(Path::new("/"));
        files.filter_map(|file| Some(self.contents.get(&file)?.length_bytes())).sum()
    }

    fn length_bytes(&self, file: FileId) -> u64 {
        let written = self.contents.get(&file).map_or(0, Content::length_bytes);
        self.behind.length_bytes(file, written)
    }

    /// What a kill finds under way: of each file the beginning of what waits, up to a page. The kernel writes no part of
    /// one.
    fn write_some_of_what_waits(&mut self) {
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

    fn content(&mut self, file: FileId, process: u64) -> io::Result<&mut Content> {
        if process != self.process {
            return Err(io::Error::other("opened by a process that has ended"));
        }
        self.powered()?;
        self.contents.get_mut(&file).ok_or_else(not_found)
    }

    fn write(
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
    fn write_behind_now(&mut self, file: FileId, process: u64) -> io::Result<()> {
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
    fn fail_behind(&mut self, file: FileId, end: u64, cut: CutWrite) -> io::Error {
        let is_full = cut.error.kind() == io::ErrorKind::StorageFull;
        self.behind.fail(file, end, is_full.then_some(cut.end));
        cut.error
    }

    /// Cuts the zeros off, and makes the bytes all there is.
    fn cut_zeros(&mut self, file: FileId) -> io::Result<()> {
        if let Some(end) = self.behind.end_before_zeros(file) {
            self.change()?;
            if let Some(content) = self.contents.get_mut(&file) {
                content.truncate(end);
            }
            self.behind.forget_zeros(file);
        }
        Ok(())
    }

    fn fails(&mut self, per_mille: u64, what: &'static str) -> io::Result<()> {
        if self.chance.happens(per_mille) { Err(io::Error::other(what)) } else { Ok(()) }
    }
}

impl DiskFile for SimFile {
    fn write_all_at(&self, parts: &[&[u8]], offset: u64) -> io::Result<()> {
        let mut inner = self.disk.lock();
        inner.write_behind_now(self.file, self.process)?;
        let written = inner.write(self.file, self.process, parts.concat(), offset);
        written.map_err(|cut| cut.error)?;
        let end = offset + parts.iter().map(|part| part.len() as u64).sum::<u64>();
        inner.behind.note_written(self.file, end);
        Ok(())
    }

    fn write_behind(&self, parts: &[Bytes], offset: u64) -> io::Result<()> {
        let mut inner = self.disk.lock();
        inner.content(self.file, self.process)?;
        inner.behind.push(self.file, parts.concat(), offset);
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        self.disk.lock().write_behind_now(self.file, self.process)
    }

    fn full_at(&self) -> Option<u64> {
        self.disk.lock().behind.full_at(self.file)
    }

    fn waiting_bytes(&self) -> usize {
        self.disk.lock().behind.waiting_bytes(self.file)
    }

    fn end(&self) {
        self.has_ended.store(true, Ordering::Relaxed);
    }

    fn read_exact_at(&self, offset: u64, length_bytes: usize) -> io::Result<Bytes> {
        let mut inner = self.disk.lock();
        if self.writes {
            inner.write_behind_now(self.file, self.process)?;
        }
        inner.content(self.file, self.process)?;
        let per_mille = inner.faults.read_per_mille;
        inner.fails(per_mille, "read failed")?;
        inner.content(self.file, self.process)?.read(offset, length_bytes)
    }

    fn sync(&self) -> io::Result<()> {
        let mut inner = self.disk.lock();
        inner.file_syncs += 1;
        inner.write_behind_now(self.file, self.process)?;
        if self.has_ended.load(Ordering::Relaxed) {
            inner.cut_zeros(self.file)?;
        }
        let per_mille = inner.faults.sync_per_mille;
        let result = inner.fails(per_mille, "sync failed");
        let result = if inner.burn() { result } else { Err(power_cut()) };
        let Inner { contents, chance, .. } = &mut *inner;
        let content = contents.get_mut(&self.file).ok_or_else(not_found)?;
        match &result {
            Ok(()) => content.sync(),
            // The kernel reports the loss once and forgets: what was to be synced counts as clean.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => content.fail_sync(chance),
            // The power went while it ran: the writes are as unsure as before.
            Err(_) => {}
        }
        result
    }

    fn length_bytes(&self) -> io::Result<u64> {
        let mut inner = self.disk.lock();
        let written = inner.content(self.file, self.process)?.length_bytes();
        Ok(if self.writes { inner.length_bytes(self.file) } else { written })
    }

    fn truncate(&self, length_bytes: u64) -> io::Result<()> {
        let mut inner = self.disk.lock();
        inner.content(self.file, self.process)?;
        inner.behind.forget_lost(self.file);
        let per_mille = inner.faults.truncate_per_mille;
        inner.fails(per_mille, "truncate failed")?;
        inner.change()?;
        inner.behind.truncate(self.file, length_bytes);
        inner.behind.forget_zeros(self.file);
        inner.content(self.file, self.process)?.truncate(length_bytes);
        Ok(())
    }
}

impl Disk for SimDisk {
    fn create_new(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let mut inner = self.lock();
        inner.change()?;
        inner.next_file += 1;
        let file = FileId(inner.next_file);
        inner.names.create(path, file)?;
        inner.contents.insert(file, Content::default());
        Ok(self.file(&inner, file, true))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let inner = self.lock();
        inner.powered()?;
        let file = inner.names.file(path)?;
        Ok(self.file(&inner, file, true))
    }

    fn open_read_only(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let inner = self.lock();
        inner.powered()?;
        let file = inner.names.file(path)?;
        Ok(self.file(&inner, file, false))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut inner = self.lock();
        inner.change()?;
        inner.names.rename(from, to)
    }

    fn unlink(&self, path: &Path) -> io::Result<()> {
        let mut inner = self.lock();
        let per_mille = inner.faults.unlink_per_mille;
        inner.fails(per_mille, "unlink failed")?;
        inner.change()?;
        inner.names.unlink(path)?;
        // A file that is open stays readable until its process ends.
        Ok(())
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        let mut inner = self.lock();
        inner.change()?;
        inner.names.create_dir_all(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        let mut inner = self.lock();
        inner.change()?;
        inner.names.remove_dir(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let mut inner = self.lock();
        let per_mille = inner.faults.sync_dir_per_mille;
        inner.fails(per_mille, "directory sync failed")?;
        inner.change()?;
        inner.names.sync_dir(path)
    }

    fn workers(&self) -> Arc<dyn Workers> {
        Arc::new(SimWorkers(self.clone()))
    }

    fn list(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
        let inner = self.lock();
        inner.powered()?;
        inner.names.list(path)
    }

    fn free_bytes(&self, _path: &Path) -> io::Result<u64> {
        let inner = self.lock();
        inner.powered()?;
        Ok(inner.capacity_bytes.saturating_sub(inner.used_bytes()))
    }

    fn boot_id(&self) -> Option<String> {
        Some(format!("boot-{}", self.lock().boot))
    }
}

fn power_cut() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "the power was cut")
}

fn not_found() -> io::Error {
    io::ErrorKind::NotFound.into()
}

#[cfg(test)]
mod tests;
