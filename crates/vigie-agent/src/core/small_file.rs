//! A small file that is read and replaced as a whole: write a new file, sync it, rename it over the old one, sync the folder.
//!
//! A crash leaves the old content or the new. It decides nothing about what is in the file.

use std::io;
use std::path::Path;

use bytes::Bytes;
use vigie_store::disk::Disk;

/// The whole file, unless it is larger than any that was written.
pub(super) fn read(disk: &dyn Disk, path: &Path, bytes_max: u64) -> io::Result<Bytes> {
    let file = disk.open_read_only(path)?;
    let length_bytes = file.length_bytes()?;
    if length_bytes > bytes_max {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    file.read_exact_at(0, usize::try_from(length_bytes).unwrap_or(usize::MAX))
}

/// Replaces the file, durably.
pub(super) fn replace(
    disk: &dyn Disk,
    directory: &Path,
    name: &str,
    bytes: &[u8],
) -> io::Result<()> {
    let path = directory.join(name);
    let new = path.with_extension("new");
    match disk.unlink(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let file = disk.create_new(&new)?;
    file.write_all_at(&[bytes], 0)?;
    file.sync()?;
    disk.rename(&new, &path)?;
    disk.sync_dir(directory)
}
