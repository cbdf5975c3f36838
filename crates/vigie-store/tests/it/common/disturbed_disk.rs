//! The machine's own disk, and what a test does to it: changes of names are held up or refused, files are wrapped, and as
//! much space is free as the test says. Everything else is as the disk has it. Tests of other crates take this file from
//! here.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use vigie_store::OsDisk;
use vigie_store::disk::{Disk, DiskFile};

/// What changes the names in a directory, or makes them durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NameChange {
    CreateNew,
    Rename,
    Unlink,
    SyncDir,
}

/// What a test does to a disk.
pub(crate) trait Disturbance: Send + Sync + 'static {
    /// Comes before a change of names, which is not made when this fails.
    fn before(&self, change: NameChange) -> io::Result<()> {
        let _ = change;
        Ok(())
    }

    /// What stands in a file's place that is open for writing.
    fn wrap(&self, file: Arc<dyn DiskFile>) -> Arc<dyn DiskFile> {
        file
    }

    /// The machine's present boot.
    fn boot_id(&self) -> Option<String> {
        OsDisk.boot_id()
    }

    /// How much space is said to be free; `None` for as much as there is.
    fn free_bytes(&self) -> Option<u64> {
        None
    }
}

pub(crate) struct DisturbedDisk<D>(pub(crate) D);

impl<D: Disturbance> Disk for DisturbedDisk<D> {
    fn create_new(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.0.before(NameChange::CreateNew)?;
        OsDisk.create_new(path).map(|file| self.0.wrap(file))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        OsDisk.open(path).map(|file| self.0.wrap(file))
    }

    fn open_read_only(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        OsDisk.open_read_only(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.before(NameChange::Rename)?;
        OsDisk.rename(from, to)
    }

    fn unlink(&self, path: &Path) -> io::Result<()> {
        self.0.before(NameChange::Unlink)?;
        OsDisk.unlink(path)
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        OsDisk.create_dir_all(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        OsDisk.remove_dir(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.0.before(NameChange::SyncDir)?;
        OsDisk.sync_dir(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
        OsDisk.list(path)
    }

    fn free_bytes(&self, path: &Path) -> io::Result<u64> {
        self.0.free_bytes().map_or_else(|| OsDisk.free_bytes(path), Ok)
    }

    fn boot_id(&self) -> Option<String> {
        self.0.boot_id()
    }
}
