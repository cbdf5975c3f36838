//! Takes a backup, of a server that may be running.
//!
//! Each database is copied by `VACUUM INTO`, one read transaction: what is in the copy is one moment of it, and in WAL
//! mode the writer is not held up. (SQLite's backup API begins anew with every write of another process, or else holds
//! the same transaction.) The log of the source grows meanwhile.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use vigie_media::Timestamp;
use vigie_store::create_private;
use vigie_store::disk::{Disk, create_dir_durably};

use super::manifest::{ListedFile, Manifest};
use super::{BackupError, CREDENTIALS, INDEX, MANIFEST, MASTER_KEY, METADATA, io_error};
use crate::auth::MASTER_KEY_PROOF;
use crate::config::ServerConfig;
use crate::data_dir::{MetadataLoss, metadata_loss};
use crate::db::{self, DbError};
use crate::private_file::{read_private, write_private};
use crate::start_error::ServerError;
use crate::time_text::rfc3339;

/// Only a program that locks even readers out makes it wait.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Copies index, metadata and keys of the server in the config's folder to `target`, a new folder. Every fragment that
/// was persisted before `now` is in the media that is copied after this.
pub fn take_backup(
    config: &ServerConfig,
    target: &Path,
    disk: &dyn Disk,
    now: Timestamp,
) -> Result<Manifest, BackupError> {
    let path = config.metadata_path();
    match metadata_loss(config, disk)? {
        MetadataLoss::None if path.symlink_metadata().is_err() => {
            return Err(BackupError::NotAServer(config.data_dir.clone()));
        }
        MetadataLoss::None => {}
        MetadataLoss::Missing { beside } => {
            return Err(ServerError::MetadataMissing { path, beside }.into());
        }
        MetadataLoss::Older { found, known } => {
            return Err(DbError::Older { path, found, known }.into());
        }
    }
    create_target(target, disk)?;
    copy_database(&config.index_path(), &target.join(INDEX), disk)?;
    copy_database(&config.metadata_path(), &target.join(METADATA), disk)?;
    let mut names = vec![INDEX, METADATA];
    for (name, path) in
        [(MASTER_KEY, config.master_key_path()), (CREDENTIALS, config.credentials_path())]
    {
        // The key may be kept elsewhere, and so may the credentials.
        if path.symlink_metadata().is_ok() {
            let text = read_private(&path).map_err(io_error("read", &path))?;
            write_private(&target.join(name), text.as_bytes())?;
            names.push(name);
        }
    }
    let files = names.into_iter().map(|name| ListedFile::of(&target.join(name), name, disk));
    let files = files.collect::<Result<Vec<_>, _>>()?;
    let generation = db::peek(&target.join(METADATA), MASTER_KEY_PROOF)?.generation;
    let manifest = Manifest::new(rfc3339(now), generation, files);
    let mut text = serde_json::to_vec_pretty(&manifest)
        .map_err(|error| io_error("write", target.join(MANIFEST))(error.into()))?;
    text.push(b'\n');
    write_private(&target.join(MANIFEST), &text)?;
    Ok(manifest)
}

fn create_target(target: &Path, disk: &dyn Disk) -> Result<(), BackupError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(target)
        .and_then(|()| create_dir_durably(disk, target))
        .map_err(io_error("create", target))?;
    if disk.list(target).map_err(io_error("list", target))?.is_empty() {
        return Ok(());
    }
    Err(BackupError::TargetNotEmpty(target.to_owned()))
}

fn copy_database(from: &Path, to: &Path, disk: &dyn Disk) -> Result<(), BackupError> {
    let copy = || -> rusqlite::Result<()> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(from, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        let target = to.to_str().ok_or_else(|| rusqlite::Error::InvalidPath(to.to_owned()))?;
        connection.execute("VACUUM INTO ?1", [target]).map(drop)
    };
    // SQLite takes an empty file, and would make one that others may read.
    create_private(to).map_err(io_error("create", to))?;
    copy().map_err(|source| BackupError::Copy { path: from.to_owned(), source })?;
    // SQLite does not sync such a copy.
    disk.open(to).and_then(|file| file.sync()).map_err(io_error("sync", to))
}
