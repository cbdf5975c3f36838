//! The operating system's file system behind the disk seam. The only place where the store's files are opened.

mod behind;
mod copied;
mod parts;
mod scratch;
mod source;
mod workers;

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use rustix::buffer::spare_capacity;

use self::behind::Behind;
use self::workers::DiskThreads;
use crate::disk::{Disk, DiskFile, Workers};
use crate::source::{Source, SourceBounds, SourceError};

/// The real disk.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsDisk;

struct OsFile {
    file: File,
    behind: Behind,
}

impl OsFile {
    fn open(options: &OpenOptions, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(Self { file: options.open(path)?, behind: Behind::new(path) }))
    }
}

impl DiskFile for OsFile {
    fn write_all_at(&self, parts: &[&[u8]], offset: u64) -> io::Result<()> {
        self.behind.write_plainly(&self.file, parts, offset)
    }

    fn read_exact_at(&self, offset: u64, length_bytes: usize) -> io::Result<Bytes> {
        self.behind.plainly(&self.file, || read_exact_at(&self.file, offset, length_bytes))
    }

    fn write_behind(&self, parts: &[Bytes], offset: u64) -> io::Result<()> {
        self.behind.push(&self.file, parts, offset, None).map(drop)
    }

    fn write_behind_summed(&self, parts: &[Bytes], offset: u64, crc32c: u32) -> io::Result<u32> {
        self.behind.push(&self.file, parts, offset, Some(crc32c))
    }

    fn flush(&self) -> io::Result<()> {
        self.behind.flush(&self.file)
    }

    fn full_at(&self) -> Option<u64> {
        self.behind.full_at()
    }

    fn waiting_bytes(&self) -> usize {
        self.behind.waiting_bytes()
    }

    fn set_read_at_once(&self, is_read_at_once: bool) {
        self.behind.set_read_at_once(is_read_at_once);
    }

    fn end(&self) {
        self.behind.end();
    }

    fn sync(&self) -> io::Result<()> {
        self.behind.sync(&self.file)
    }

    fn length_bytes(&self) -> io::Result<u64> {
        self.behind.length_bytes(&self.file)
    }

    fn truncate(&self, length_bytes: u64) -> io::Result<()> {
        self.behind.truncate(&self.file, length_bytes)
    }
}

impl Disk for OsDisk {
    fn create_new(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        // Media shows what cameras saw: nobody else reads it.
        OsFile::open(OpenOptions::new().read(true).write(true).create_new(true).mode(0o600), path)
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        OsFile::open(OpenOptions::new().read(true).write(true), path)
    }

    fn open_read_only(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        OsFile::open(OpenOptions::new().read(true), path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    #[allow(clippy::disallowed_methods, reason = "this is the disk seam")]
    fn unlink(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_dir(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        OpenOptions::new().read(true).open(path)?.sync_all()
    }

    fn workers(&self) -> Arc<dyn Workers> {
        Arc::new(DiskThreads::default())
    }

    fn list(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
        let mut paths = std::fs::read_dir(path)?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<io::Result<Vec<_>>>()?;
        paths.sort();
        Ok(paths)
    }

    fn open_source(&self, path: &Path, bounds: &SourceBounds) -> Result<Source, SourceError> {
        source::open(path, bounds)
    }

    fn free_bytes(&self, path: &Path) -> io::Result<u64> {
        let stat = rustix::fs::statvfs(path)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    fn boot_id(&self) -> Option<String> {
        let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        Some(id.trim().to_owned())
    }
}

fn read_exact_at(file: &File, offset: u64, length_bytes: usize) -> io::Result<Bytes> {
    // The length may come from a damaged index: reserve no more than the file can give.
    let there = file.metadata()?.len().saturating_sub(offset);
    if (length_bytes as u64) > there {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let mut buffer = Vec::with_capacity(length_bytes);
    while buffer.len() < length_bytes {
        let at = offset.saturating_add(buffer.len() as u64);
        match rustix::io::pread(file, spare_capacity(&mut buffer), at) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    // The allocator may have given more room than asked for, and the file may have more bytes.
    buffer.truncate(length_bytes);
    Ok(Bytes::from(buffer))
}
