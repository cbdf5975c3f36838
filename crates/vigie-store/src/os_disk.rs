//! The operating system's file system behind the disk seam. The only place where the store's files are opened.

mod behind;
mod scratch;
mod source;

use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use rustix::buffer::spare_capacity;

use self::behind::Behind;
use crate::disk::{Disk, DiskFile};
use crate::source::{Source, SourceBounds, SourceError};

/// `IOV_MAX` of Linux: no call takes more parts.
const PARTS_PER_CALL_MAX: usize = 1024;

/// Syncs that wait for the disk at once. A file system writes its journal once for all that wait, so that many take
/// little longer than one.
const SYNC_THREADS_MAX: usize = 16;

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
        self.behind.flush(&self.file)?;
        write_parts(&self.file, parts, offset)
    }

    fn read_exact_at(&self, offset: u64, length_bytes: usize) -> io::Result<Bytes> {
        // The length may come from a damaged index: reserve no more than the file can give.
        let there = self.file.metadata()?.len().saturating_sub(offset);
        if (length_bytes as u64) > there {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut buffer = Vec::with_capacity(length_bytes);
        while buffer.len() < length_bytes {
            let at = offset.saturating_add(buffer.len() as u64);
            match rustix::io::pread(&self.file, spare_capacity(&mut buffer), at) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        // The allocator may have given more room than asked for, and the file may have more bytes.
        buffer.truncate(length_bytes);
        Ok(Bytes::from(buffer))
    }

    fn write_behind(&self, parts: &[Bytes], offset: u64) -> io::Result<()> {
        self.behind.push(&self.file, parts, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.behind.flush(&self.file)?;
        self.file.sync_data()
    }

    fn length_bytes(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len().max(self.behind.end()))
    }

    fn truncate(&self, length_bytes: u64) -> io::Result<()> {
        self.behind.truncate(length_bytes);
        self.file.set_len(length_bytes)
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

    fn sync_files(&self, files: &[Arc<dyn DiskFile>]) -> Vec<io::Result<()>> {
        side_by_side(files, |file| file.sync())
    }

    fn sync_dirs(&self, paths: &[PathBuf]) -> Vec<io::Result<()>> {
        side_by_side(paths, |path| self.sync_dir(path))
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

/// All of `parts`, in as few calls as may be.
fn write_parts(file: &File, parts: &[&[u8]], offset: u64) -> io::Result<()> {
    let mut slices: Vec<IoSlice<'_>> =
        parts.iter().filter(|part| !part.is_empty()).map(|part| IoSlice::new(part)).collect();
    let mut left: &mut [IoSlice<'_>] = &mut slices;
    let mut offset = offset;
    while !left.is_empty() {
        let batch = left.len().min(PARTS_PER_CALL_MAX);
        match rustix::io::pwritev(file, &left[..batch], offset) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                offset = offset.saturating_add(written as u64);
                IoSlice::advance_slices(&mut left, written);
            }
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Does `sync` to each of `items` on a few threads that live as long as this call.
fn side_by_side<T: Sync>(
    items: &[T],
    sync: impl Fn(&T) -> io::Result<()> + Sync,
) -> Vec<io::Result<()>> {
    if items.len() < 2 {
        return items.iter().map(sync).collect();
    }
    let outcomes: Vec<OnceLock<io::Result<()>>> = items.iter().map(|_| OnceLock::new()).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some((item, outcome)) =
            items.iter().zip(&outcomes).nth(next.fetch_add(1, Ordering::Relaxed))
        {
            outcome.get_or_init(|| sync(item));
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..items.len().min(SYNC_THREADS_MAX) {
            // Without more threads this one does it all.
            let spawned =
                std::thread::Builder::new().name("sync".to_owned()).spawn_scoped(scope, work);
            if let Err(error) = spawned {
                tracing::warn!(%error, "start a thread that syncs");
                break;
            }
        }
        work();
    });
    let not_tried = || Err(io::Error::other("the sync was not tried"));
    outcomes.into_iter().map(|outcome| outcome.into_inner().unwrap_or_else(not_tried)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_of_many_is_synced_once_and_has_its_own_outcome() {
        for count in [0, 1, 2, 15, 16, 100] {
            let tried: Vec<AtomicUsize> = (0..count).map(|_| AtomicUsize::new(0)).collect();
            let numbers: Vec<usize> = (0..count).collect();
            let outcomes = side_by_side(&numbers, |&number| {
                tried[number].fetch_add(1, Ordering::Relaxed);
                if number % 3 == 0 { Err(io::Error::other(number.to_string())) } else { Ok(()) }
            });
            assert!(tried.iter().all(|tried| tried.load(Ordering::Relaxed) == 1));
            for (number, outcome) in outcomes.into_iter().enumerate() {
                let error = outcome.err().map(|error| error.to_string());
                assert_eq!(error, (number % 3 == 0).then(|| number.to_string()));
            }
        }
    }
}
