//! Space that is set aside for the time when others have filled the disk: a file of zeros that is given up then.
//!
//! Media leaves [`crate::StoreSettings::free_bytes_reserve`] free, but others on the disk do not. Then nothing could be
//! deleted any more, for a deletion is a transaction of the index, and nothing started, for SQLite's log takes space. What
//! is given up is enough for both. Decides when; never touches anything else. On a file system that stores zeros in no
//! space (compression, copy on write without reservation) it is of no use and does no harm.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::disk::Disk;

/// The file in the data folder.
const NAME: &str = "space-reserve";
/// Its size: the logs of two databases between two checkpoints, twice.
const SIZE_BYTES: u64 = 8 << 20;
/// It is given up when no more than this is free …
const GIVE_UP_BELOW_BYTES: u64 = 4 << 20;
static CHUNK: [u8; 64 << 10] = [0; 64 << 10];

pub struct SpaceReserve {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    /// … and made when so much is free.
    make_above_bytes: u64,
}

impl SpaceReserve {
    /// In a data folder whose media leaves `free_bytes_reserve` free.
    pub fn new(disk: Arc<dyn Disk>, folder: &Path, free_bytes_reserve: u64) -> Self {
        let make_above_bytes = free_bytes_reserve.saturating_add(2 * SIZE_BYTES);
        Self { disk, folder: folder.to_owned(), make_above_bytes }
    }

    fn path(&self) -> PathBuf {
        self.folder.join(NAME)
    }

    fn is_there(&self) -> bool {
        self.disk.open_read_only(&self.path()).is_ok()
    }

    /// Gives the file up where the disk is full. A start does this before anything else.
    pub fn give_up_if_full(&self) -> io::Result<()> {
        let free_bytes = self.disk.free_bytes(&self.folder)?;
        if free_bytes > GIVE_UP_BELOW_BYTES || !self.is_there() {
            return Ok(());
        }
        self.disk.unlink(&self.path())?;
        self.disk.sync_dir(&self.folder)?;
        tracing::warn!(
            free_bytes,
            given_up_bytes = SIZE_BYTES,
            "the disk is full: what was set aside is given up, so that media can be deleted; free space soon"
        );
        Ok(())
    }

    /// Gives it up or makes it, as there is space. To be called before media is taken, which may fill the disk at once, and
    /// now and again; may take a moment.
    pub fn keep(&self) -> io::Result<()> {
        self.give_up_if_full()?;
        if self.disk.free_bytes(&self.folder)? < self.make_above_bytes || self.is_there() {
            return Ok(());
        }
        let written = self.folder.join(format!("{NAME}.new"));
        match self.disk.unlink(&written) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = self.disk.create_new(&written)?;
        for offset in (0..SIZE_BYTES).step_by(CHUNK.len()) {
            file.write_all_at(&[&CHUNK], offset)?;
        }
        file.sync()?;
        self.disk.rename(&written, &self.path())?;
        self.disk.sync_dir(&self.folder)
    }
}
