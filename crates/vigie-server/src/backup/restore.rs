//! Brings a backup back into a folder, beside media or where media is to be put.
//!
//! Replaces nothing: what is there must be the same as in the backup, as after a restore that was cut off. The metadata
//! comes last: a folder without it is refused by every start.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use vigie_store::disk::{Disk, create_dir_durably};
use vigie_store::{IndexLock, create_private, sqlite_files};

use super::manifest::{ListedFile, Manifest};
use super::{BackupError, FILES, INDEX, METADATA, io_error};
use crate::config::ServerConfig;
use crate::db::GenerationFile;

const CHUNK_BYTES: u64 = 1 << 20;

/// Brings the backup in `source` back to the config's folder.
pub fn restore_backup(
    config: &ServerConfig,
    source: &Path,
    disk: &dyn Disk,
) -> Result<Manifest, BackupError> {
    let manifest = Manifest::verified(source, disk)?;
    let folder = &config.data_dir;
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .and_then(|()| create_dir_durably(disk, folder))
        .map_err(io_error("create", folder))?;
    let _lock = IndexLock::acquire(&config.index_path())?;
    let mut missing = Vec::new();
    for name in FILES {
        let target = folder.join(name);
        let is_there = target.symlink_metadata().is_ok();
        match manifest.file(name) {
            Some(listed) if is_there => check_same(&target, listed, disk)?,
            Some(_) => missing.push(name),
            None => {}
        }
    }
    for name in [INDEX, METADATA] {
        check_no_log(&folder.join(name), disk)?;
    }
    for name in missing {
        copy(&source.join(name), &folder.join(name), disk)?;
    }
    // It is the newest that this folder has from now on, whatever was here before.
    GenerationFile::of(&config.metadata_path()).write(manifest.generation)?;
    Ok(manifest)
}

fn check_same(target: &Path, listed: &ListedFile, disk: &dyn Disk) -> Result<(), BackupError> {
    if ListedFile::of(target, &listed.name, disk)? == *listed {
        return Ok(());
    }
    Err(BackupError::WouldReplace(target.to_owned()))
}

/// A log of another database would be taken for the log of the one that is brought back.
fn check_no_log(database: &Path, disk: &dyn Disk) -> Result<(), BackupError> {
    let [_, log, _] = sqlite_files(database);
    if log.symlink_metadata().is_err() {
        return Ok(());
    }
    let length = disk.open_read_only(&log).and_then(|file| file.length_bytes());
    match length.map_err(io_error("read", &log))? {
        0 => Ok(()),
        _ => Err(BackupError::WouldReplace(log)),
    }
}

/// Under another name first, so that what has the name is whole.
fn copy(from: &Path, to: &Path, disk: &dyn Disk) -> Result<(), BackupError> {
    let mut written = to.as_os_str().to_owned();
    written.push(".new");
    let written = PathBuf::from(written);
    let source = disk.open_read_only(from).map_err(io_error("read", from))?;
    let length = source.length_bytes().map_err(io_error("read", from))?;
    create_private(&written).map_err(io_error("create", &written))?;
    let target = disk.open(&written).map_err(io_error("create", &written))?;
    // A restore that was cut off may have left one.
    target.truncate(0).map_err(io_error("write", &written))?;
    let mut offset = 0;
    while offset < length {
        let size = usize::try_from((length - offset).min(CHUNK_BYTES)).unwrap_or(0);
        let chunk = source.read_exact_at(offset, size).map_err(io_error("read", from))?;
        target.write_all_at(&[&chunk], offset).map_err(io_error("write", &written))?;
        offset += size as u64;
    }
    target.sync().map_err(io_error("sync", &written))?;
    disk.rename(&written, to).map_err(io_error("rename", &written))?;
    match to.parent() {
        Some(folder) => disk.sync_dir(folder).map_err(io_error("sync", folder)),
        None => Ok(()),
    }
}
