//! The disk seam: everything that Vigie's store asks of a file system, and nothing else.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use crate::source::{Source, SourceBounds, SourceError};

/// What is written past a cache is a multiple of this: any disk takes it as a unit, and the kernel's page is as large.
pub const BLOCK_BYTES: usize = 4096;

/// A file that is open for appending or reading. All methods take `&self`: readers share a file with its writer.
pub trait DiskFile: Send + Sync {
    /// Writes all of `parts`, in order, at `offset`. Bytes are not durable before [`DiskFile::sync`].
    fn write_all_at(&self, parts: &[&[u8]], offset: u64) -> io::Result<()>;
    /// The same at the end of the file, for bytes that may wait in the memory of the process until [`DiskFile::flush`] or
    /// [`DiskFile::sync`]: a kill can lose them, and that they cannot be written, for want of space too, is those calls'
    /// failure. They are in the file, in their order, before anything else is written to it or read from it by this
    /// value; others do not see them before. A disk to which it makes no difference writes them at once.
    fn write_behind(&self, parts: &[Bytes], offset: u64) -> io::Result<()> {
        let parts: Vec<&[u8]> = parts.iter().map(AsRef::as_ref).collect();
        self.write_all_at(&parts, offset)
    }
    /// The same, and the CRC-32C of what `crc32c` is of and then `parts`: where they are copied, it is the copy that is
    /// summed, in one piece.
    fn write_behind_summed(&self, parts: &[Bytes], offset: u64, crc32c: u32) -> io::Result<u32> {
        self.write_behind(parts, offset)?;
        Ok(parts.iter().fold(crc32c, |crc32c, part| crc32c::crc32c_append(crc32c, part)))
    }
    /// Writes what waits, so that a kill cannot lose it any more. A failure is final as that of [`DiskFile::sync`], which
    /// fails as well from then on; but see [`DiskFile::full_at`].
    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
    /// Where the bytes end that were written in a row, when no more of what waited could be written for want of space, and
    /// nothing else has failed. Such bytes are lost, and no sync was tried with them: once the file is cut to this length or
    /// a shorter one, it may be synced as any other. `None` in all other cases.
    fn full_at(&self) -> Option<u64> {
        None
    }
    /// Bytes that wait to be written.
    fn waiting_bytes(&self) -> usize {
        0
    }
    /// Whether what is written from now on will be read at once, so that the kernel should keep it in memory.
    fn set_read_at_once(&self, is_read_at_once: bool) {
        let _ = is_read_at_once;
    }
    /// No more will be written: the next [`DiskFile::sync`] makes the file exactly as long as its bytes. Until then it may
    /// be longer on the disk, by zeros, while [`DiskFile::length_bytes`] of this value tells the bytes alone.
    fn end(&self) {}
    /// Reads exactly `length_bytes` at `offset`; `UnexpectedEof` when the file ends before.
    fn read_exact_at(&self, offset: u64, length_bytes: usize) -> io::Result<Bytes>;
    /// Makes content and length durable (fdatasync), what waits to be written included. A failure is final: never call
    /// it again for this file.
    fn sync(&self) -> io::Result<()>;
    /// The length in bytes now, with what waits to be written.
    fn length_bytes(&self) -> io::Result<u64>;
    /// Cuts the file to `length_bytes`, or makes it as long; what waits to be written beyond is forgotten.
    fn truncate(&self, length_bytes: u64) -> io::Result<()>;
}

/// What a [`Workers`] does once.
pub type Work = Box<dyn FnOnce() + Send>;

/// Does what waits for a disk, so that others need not. Dropping it ends it when all that it was given is done.
pub trait Workers: Send + Sync {
    /// Does `work` soon, beside others.
    fn run(&self, work: Work);
    /// Somebody is about to wait for what was given: where nothing does it by itself, it is done now.
    fn catch_up(&self) {}
}

/// Does everything at once and on the spot.
#[derive(Clone, Copy, Debug, Default)]
pub struct OnTheSpot;

impl Workers for OnTheSpot {
    fn run(&self, work: Work) {
        work();
    }
}

/// A file system as the store sees it. [`crate::OsDisk`] is the real one; the simulated one can lose unsynced
/// data, tear the last write, fail a sync and fill up.
pub trait Disk: Send + Sync + 'static {
    /// Creates a new file for reading and writing; `AlreadyExists` when there is one.
    fn create_new(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;
    /// Opens an existing file for reading and writing.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;
    /// Opens an existing file for reading.
    fn open_read_only(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;
    /// Renames a file, replacing the target. Durable only after [`Disk::sync_dir`].
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file. Durable only after [`Disk::sync_dir`].
    fn unlink(&self, path: &Path) -> io::Result<()>;
    /// Creates a directory and its parents.
    fn create_dir_all(&self, path: &Path) -> io::Result<()>;
    /// Removes an empty directory.
    fn remove_dir(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a directory durable. A failure is final.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
    /// Workers for one who writes to this disk. What they are given may be done in any order and side by side: a crash
    /// meanwhile leaves any of it done.
    fn workers(&self) -> Arc<dyn Workers> {
        Arc::new(OnTheSpot)
    }
    /// The full paths of the files and directories in a directory, sorted.
    fn list(&self, path: &Path) -> io::Result<Vec<PathBuf>>;
    /// Opens what others have put on the disk, for reading: only within `bounds`, and only a regular file or a folder.
    /// Never waits for anybody, whatever stands at the path. The default has nothing: a store never asks.
    fn open_source(&self, path: &Path, bounds: &SourceBounds) -> Result<Source, SourceError> {
        let _ = (path, bounds);
        Err(SourceError::Io(io::ErrorKind::Unsupported.into()))
    }
    /// Bytes that an unprivileged process can still write on the file system that holds `path`.
    fn free_bytes(&self, path: &Path) -> io::Result<u64>;
    /// Names the machine's present boot, where that can be known. While it stays the same no power was lost, so
    /// what a killed process had written is still there, synced or not.
    fn boot_id(&self) -> Option<String>;
}

/// Creates a directory and its parents so that a loss of power does not take them back.
///
/// All parents are synced also when they are there already: whoever made them may have died before he did so. One that may not
/// be read, or whose file system syncs no directory, was made by somebody else.
pub fn create_dir_durably(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    let is_missing = |directory: &&Path| disk.list(directory).is_err();
    let own_count = path.ancestors().take_while(is_missing).count().max(1);
    disk.create_dir_all(path)?;
    for (number, parent) in path.ancestors().skip(1).enumerate() {
        let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        match disk.sync_dir(parent) {
            Err(error) if number >= own_count && is_of_another(&error) => break,
            synced => synced?,
        }
    }
    Ok(())
}

fn is_of_another(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidInput, PermissionDenied, ReadOnlyFilesystem, Unsupported};
    matches!(error.kind(), PermissionDenied | ReadOnlyFilesystem | InvalidInput | Unsupported)
}
