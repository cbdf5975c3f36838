//! The machine's own disk, with faults that a test switches on. Everything else is as the disk has it, but that what its workers
//! are given is done on the spot.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use vigie_store::OsDisk;
use vigie_store::disk::{Disk, DiskFile};

/// See the module's documentation.
#[derive(Default)]
pub struct FaultyDisk {
    faults: Arc<Faults>,
}

#[derive(Default)]
struct Faults {
    next_sync_fails: AtomicBool,
    next_directory_sync_fails: AtomicBool,
    refuses_to_unlink: AtomicBool,
    free_bytes: Mutex<Option<u64>>,
    boot_id: Mutex<Option<String>>,
    /// Changes of names before it is cut off.
    changes_left: Mutex<Option<usize>>,
    is_stuck: Mutex<bool>,
    freed: Condvar,
}

/// What changes the names in a directory, or makes them durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NameChange {
    CreateNew,
    Rename,
    Unlink,
    SyncDir,
}

impl FaultyDisk {
    /// So many changes of names are done and no more, as if the process were killed then.
    pub fn cut_off_after(change_count: usize) -> Self {
        let disk = Self::default();
        *lock(&disk.faults.changes_left) = Some(change_count);
        disk
    }

    /// The next file to be synced is not.
    pub fn fail_next_sync(&self) {
        self.faults.next_sync_fails.store(true, Ordering::SeqCst);
    }

    /// The next directory to be synced is not.
    pub fn fail_next_directory_sync(&self) {
        self.faults.next_directory_sync_fails.store(true, Ordering::SeqCst);
    }

    /// Whether no file may be removed.
    pub fn refuse_to_unlink(&self, refuses: bool) {
        self.faults.refuses_to_unlink.store(refuses, Ordering::SeqCst);
    }

    /// How much space is said to be free; `None` for as much as there is.
    pub fn set_free_bytes(&self, free_bytes: Option<u64>) {
        *lock(&self.faults.free_bytes) = free_bytes;
    }

    /// Whether who makes or removes a file has to wait.
    pub fn set_stuck(&self, is_stuck: bool) {
        *lock(&self.faults.is_stuck) = is_stuck;
        self.faults.freed.notify_all();
    }

    /// The machine was started anew.
    pub fn reboot(&self) {
        *lock(&self.faults.boot_id) = Some("another boot".to_owned());
    }

    fn file(&self, file: Arc<dyn DiskFile>) -> Arc<dyn DiskFile> {
        Arc::new(FaultyFile { file, faults: Arc::clone(&self.faults) })
    }
}

impl Faults {
    /// Comes before a change of names, which is not made when this fails.
    fn before(&self, change: NameChange) -> io::Result<()> {
        if matches!(change, NameChange::CreateNew | NameChange::Unlink) {
            let stuck = lock(&self.is_stuck);
            let freed = self.freed.wait_while(stuck, |is_stuck| *is_stuck);
            drop(freed.unwrap_or_else(PoisonError::into_inner));
        }
        if let Some(left) = lock(&self.changes_left).as_mut() {
            *left = left.checked_sub(1).ok_or_else(|| io::Error::other("cut off"))?;
        }
        if change == NameChange::Unlink && self.refuses_to_unlink.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        if change == NameChange::SyncDir
            && self.next_directory_sync_fails.swap(false, Ordering::SeqCst)
        {
            return Err(not_taken());
        }
        Ok(())
    }
}

impl Disk for FaultyDisk {
    fn create_new(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.faults.before(NameChange::CreateNew)?;
        OsDisk.create_new(path).map(|file| self.file(file))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        OsDisk.open(path).map(|file| self.file(file))
    }

    fn open_read_only(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        OsDisk.open_read_only(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.faults.before(NameChange::Rename)?;
        OsDisk.rename(from, to)
    }

    fn unlink(&self, path: &Path) -> io::Result<()> {
        self.faults.before(NameChange::Unlink)?;
        OsDisk.unlink(path)
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        OsDisk.create_dir_all(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        OsDisk.remove_dir(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.faults.before(NameChange::SyncDir)?;
        OsDisk.sync_dir(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
        OsDisk.list(path)
    }

    fn free_bytes(&self, path: &Path) -> io::Result<u64> {
        let said = *lock(&self.faults.free_bytes);
        said.map_or_else(|| OsDisk.free_bytes(path), Ok)
    }

    fn boot_id(&self) -> Option<String> {
        lock(&self.faults.boot_id).clone().or_else(|| OsDisk.boot_id())
    }
}

/// A file that is open for writing.
struct FaultyFile {
    file: Arc<dyn DiskFile>,
    faults: Arc<Faults>,
}

impl DiskFile for FaultyFile {
    fn write_all_at(&self, parts: &[&[u8]], offset: u64) -> io::Result<()> {
        self.file.write_all_at(parts, offset)
    }

    fn write_behind(&self, parts: &[Bytes], offset: u64) -> io::Result<()> {
        self.file.write_behind(parts, offset)
    }

    fn write_behind_summed(&self, parts: &[Bytes], offset: u64, crc32c: u32) -> io::Result<u32> {
        self.file.write_behind_summed(parts, offset, crc32c)
    }

    fn flush(&self) -> io::Result<()> {
        self.file.flush()
    }

    fn full_at(&self) -> Option<u64> {
        self.file.full_at()
    }

    fn waiting_bytes(&self) -> usize {
        self.file.waiting_bytes()
    }

    fn set_read_at_once(&self, is_read_at_once: bool) {
        self.file.set_read_at_once(is_read_at_once);
    }

    fn end(&self) {
        self.file.end();
    }

    fn read_exact_at(&self, offset: u64, length_bytes: usize) -> io::Result<Bytes> {
        self.file.read_exact_at(offset, length_bytes)
    }

    fn sync(&self) -> io::Result<()> {
        match self.faults.next_sync_fails.swap(false, Ordering::SeqCst) {
            true => Err(not_taken()),
            false => self.file.sync(),
        }
    }

    fn length_bytes(&self) -> io::Result<u64> {
        self.file.length_bytes()
    }

    fn truncate(&self, length_bytes: u64) -> io::Result<()> {
        self.file.truncate(length_bytes)
    }
}

fn not_taken() -> io::Error {
    io::Error::other("the disk did not take it")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
