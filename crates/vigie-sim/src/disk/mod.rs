//! A disk in memory that fails as real ones do.
//!
//! Until a file is synced a loss of power may keep any of its writes and lose any other, the last one in part; until
//! a directory is synced the same holds for its names. A failed sync loses what it should have kept, and a later
//! success does not bring it back. It can be cut off in the middle of any operation, fill up, and refuse writes,
//! reads and syncs. Everything follows from one seed.

mod behind;
mod content;
mod inner;
mod names;
mod work;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, MutexGuard};

use bytes::Bytes;
use vigie_store::disk::{Disk, DiskFile, Workers};

use self::content::Content;
pub use self::inner::Faults;
use self::inner::{Inner, SharedInner, not_found, power_cut};
use self::names::FileId;
use self::work::SimWorkers;

/// The simulated disk. Clones are the same disk.
#[derive(Clone)]
pub struct SimDisk {
    inner: SharedInner,
    workers: SimWorkers,
}

struct SimFile {
    disk: SimDisk,
    file: FileId,
    process: u64,
    has_ended: AtomicBool,
    /// Opened to be written: it knows what waits.
    writes: bool,
}

impl SimDisk {
    /// An empty disk. All its chances follow from `seed`.
    pub fn new(seed: u64, capacity_bytes: u64) -> Self {
        let inner = SharedInner::new(Inner::new(seed, capacity_bytes));
        Self { workers: SimWorkers::new(inner.clone()), inner }
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
        self.workers.forget();
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
        self.workers.forget();
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

    /// Whether what its workers are given lies from now on until [`SimDisk::work`] does it.
    pub fn let_work_lie(&self, lies: bool) {
        self.workers.let_work_lie(lies);
    }

    /// Does some of what lies; whether anything is left.
    pub fn work(&self) -> bool {
        self.workers.work()
    }

    /// Whether any lies.
    pub fn has_work(&self) -> bool {
        self.workers.has_work()
    }

    /// Does all of what lies, also what comes of it.
    pub fn work_off(&self) {
        self.workers.work_off();
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock()
    }

    fn file(&self, inner: &Inner, file: FileId, writes: bool) -> Arc<dyn DiskFile> {
        let has_ended = AtomicBool::new(false);
        let process = inner.process;
        Arc::new(SimFile { disk: self.clone(), file, process, has_ended, writes })
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
        Arc::new(self.workers.clone())
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

#[cfg(test)]
mod tests;
