//! Names of files: asked for, changed, removed, and made durable.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::disk::Disk;
use crate::error::StoreError;

pub(crate) fn with_extension(path: &Path, extension: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(extension);
    PathBuf::from(name)
}

pub(crate) fn exists(disk: &dyn Disk, path: &Path) -> bool {
    disk.open_read_only(path).is_ok()
}

/// Renames; what is not there needs no other name.
pub(crate) fn rename(disk: &dyn Disk, from: &Path, to: &Path) -> Result<(), StoreError> {
    match disk.rename(from, to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(StoreError::io("rename", from, error))
        }
        _ => Ok(()),
    }
}

pub(crate) fn remove(disk: &dyn Disk, path: &Path) -> Result<(), StoreError> {
    match disk.unlink(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(StoreError::io("remove", path, error))
        }
        _ => Ok(()),
    }
}

pub(crate) fn sync_directory(disk: &dyn Disk, path: &Path) -> Result<(), StoreError> {
    disk.sync_dir(path).map_err(|error| StoreError::DirectorySyncFailed {
        path: path.to_owned(),
        source: error.into(),
    })
}

/// Makes the names in a directory durable, unless it has gone as well.
pub(crate) fn sync_directory_if_there(disk: &dyn Disk, path: &Path) -> Result<(), StoreError> {
    match disk.sync_dir(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            let source = Arc::new(error);
            Err(StoreError::DirectorySyncFailed { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}
