//! What lies in a server's folder before anything in it is opened: whether the metadata and the master key are those that
//! belong to the rest of it.
//!
//! Decides which folders a server starts on, and what it says of the others. A lost database is never made anew beside
//! what it was for: the media would be out of reach, the credentials of no use, and nobody would know.

use std::io;
use std::path::{Path, PathBuf};

use vigie_store::disk::Disk;
use vigie_store::{IndexLock, StoreError, sqlite_files};

use crate::auth::{MASTER_KEY_PROOF, MasterKey};
use crate::config::ServerConfig;
use crate::db::{self, DbError, GenerationFile};
use crate::private_file::{PrivateFileError, create_master_key, read_master_key};
use crate::start_error::ServerError;

/// Where a server has its master key from.
#[derive(Debug)]
pub enum MasterKeySource {
    /// From elsewhere.
    Given(Box<MasterKey>),
    /// From [`ServerConfig::master_key_path`], where the first start makes it.
    File,
}

impl From<MasterKey> for MasterKeySource {
    fn from(key: MasterKey) -> Self {
        Self::Given(Box::new(key))
    }
}

/// The master key of a folder on which a server may start; `None` is one that is to be made. Changes nothing.
pub(crate) fn check(
    config: &ServerConfig,
    source: MasterKeySource,
    disk: &dyn Disk,
) -> Result<Option<MasterKey>, ServerError> {
    let metadata = config.metadata_path();
    // Before the database: whoever writes meanwhile is ahead of what is read here.
    let known = GenerationFile::of(&metadata).read()?;
    let peek = db::peek(&metadata, MASTER_KEY_PROOF)?;
    if !peek.is_made
        && let Some(beside) = trace(config, disk)
    {
        return Err(ServerError::MetadataMissing { path: metadata, beside });
    }
    if peek.generation < known {
        let (path, found) = (metadata, peek.generation);
        return Err(DbError::Older { path, found, known }.into());
    }
    let key = match source {
        MasterKeySource::Given(key) => Some(*key),
        MasterKeySource::File => existing(read_master_key(&config.master_key_path()))?,
    };
    match (&peek.setting, &key) {
        (Some(_), None) => {
            Err(ServerError::MasterKeyMissing { path: config.master_key_path(), metadata })
        }
        (Some(proof), Some(opener)) => match opener.open(MASTER_KEY_PROOF, proof) {
            Ok(_) => Ok(key),
            Err(source) => Err(ServerError::OtherMasterKey { path: metadata, source }),
        },
        (None, _) => Ok(key),
    }
}

/// Makes the master key of a folder, under its lock: another start may have made it since it was looked for.
pub(crate) fn make_master_key(config: &ServerConfig) -> Result<MasterKey, PrivateFileError> {
    let path = config.master_key_path();
    match existing(read_master_key(&path))? {
        Some(key) => Ok(key),
        None => create_master_key(&path),
    }
}

fn existing(
    read: Result<MasterKey, PrivateFileError>,
) -> Result<Option<MasterKey>, PrivateFileError> {
    match read {
        Ok(key) => Ok(Some(key)),
        Err(PrivateFileError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Something in the folder that only a server with metadata leaves there.
fn trace(config: &ServerConfig, disk: &dyn Disk) -> Option<PathBuf> {
    let metadata = config.metadata_path();
    let [_, log, _] = sqlite_files(&metadata);
    let files = [
        config.index_path(),
        config.master_key_path(),
        config.credentials_path(),
        GenerationFile::of(&metadata).path().to_owned(),
    ];
    // Beside a database that has begun and has no tables it is of a first start that was cut off.
    let is_begun = metadata.metadata().is_ok_and(|metadata| metadata.len() > 0);
    let log = (!is_begun).then_some(log);
    let file = files.into_iter().chain(log).find(|path| path.symlink_metadata().is_ok());
    file.or_else(|| media_file(&config.media_dir(), disk))
}

/// A media file, where there is one. A disk for media may have been mounted for the first start, with folders in it.
fn media_file(media_dir: &Path, disk: &dyn Disk) -> Option<PathBuf> {
    let is_media = |path: &PathBuf| path.extension().is_some_and(|name| name == "mkv");
    let folders = disk.list(media_dir).unwrap_or_default().into_iter();
    folders.filter_map(|folder| disk.list(&folder).ok()?.into_iter().find(is_media)).next()
}

/// What there is to accept about the metadata of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetadataLoss {
    /// It is what the folder has last seen.
    None,
    /// It is not there.
    Missing {
        /// A file beside it that shows that it was.
        beside: PathBuf,
    },
    /// It is an older copy, or has lost its log.
    Older {
        /// Its generation.
        found: u64,
        /// The one that the folder has seen.
        known: u64,
    },
}

/// What a start on this folder would refuse of its metadata.
pub fn metadata_loss(config: &ServerConfig, disk: &dyn Disk) -> Result<MetadataLoss, ServerError> {
    let metadata = config.metadata_path();
    let known = GenerationFile::of(&metadata).read()?;
    let peek = db::peek(&metadata, MASTER_KEY_PROOF)?;
    Ok(if !peek.is_made {
        trace(config, disk).map_or(MetadataLoss::None, |beside| MetadataLoss::Missing { beside })
    } else if peek.generation < known {
        MetadataLoss::Older { found: peek.generation, known }
    } else {
        MetadataLoss::None
    })
}

/// Lets the next start take the metadata as it is, older or from the beginning. What would be in its way is kept under
/// another name; no media is touched.
pub fn accept_metadata_loss(
    config: &ServerConfig,
    disk: &dyn Disk,
) -> Result<Vec<PathBuf>, ServerError> {
    // Nothing is done under a server that runs.
    let _lock = IndexLock::acquire(&config.index_path()).map_err(StoreError::from)?;
    let mut kept = Vec::new();
    if let MetadataLoss::Missing { .. } = metadata_loss(config, disk)? {
        // Keys that the new metadata will not know, and the log of a database that is gone.
        kept.push(config.credentials_path());
        kept.extend(sqlite_files(&config.metadata_path()));
        kept.retain(|path| path.symlink_metadata().is_ok());
        for path in &mut kept {
            *path = move_aside(path, disk)
                .map_err(|source| PrivateFileError::Io { path: path.clone(), source })?;
        }
    }
    db::accept(&config.metadata_path())?;
    Ok(kept)
}

/// Gives a file another name, never that of another file: with the first number that is free.
pub(crate) fn move_aside(path: &Path, disk: &dyn Disk) -> io::Result<PathBuf> {
    let numbered = |number: u32| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".old-{number}"));
        PathBuf::from(name)
    };
    let aside = (1..).map(numbered).find(|aside| aside.symlink_metadata().is_err());
    let aside = aside.ok_or(io::ErrorKind::AlreadyExists)?;
    disk.rename(path, &aside)?;
    if let Some(folder) = path.parent() {
        disk.sync_dir(folder)?;
    }
    Ok(aside)
}
