//! Copies of what a server's folder holds besides media: taken while the server runs, and brought back.
//!
//! Decides what belongs to a copy and in which order it is taken: the index first, so that all it tells of is in the media
//! that is copied after it, and then the metadata, which knows every stream of it. Copies no media.

mod manifest;
mod restore;
mod take;

use std::io;
use std::path::PathBuf;

use vigie_store::IndexError;

pub use manifest::Manifest;
pub use restore::restore_backup;
pub use take::take_backup;

use crate::db::DbError;
use crate::private_file::PrivateFileError;
use crate::start_error::ServerError;

/// What says that a backup is whole: written last.
const MANIFEST: &str = "backup.json";
const INDEX: &str = "index.sqlite";
const METADATA: &str = "metadata.sqlite";
const MASTER_KEY: &str = "master.key";
const CREDENTIALS: &str = "credentials";

/// The files of a backup, in the order in which they are brought back: a folder without the last is no server's.
const FILES: [&str; 4] = [INDEX, MASTER_KEY, CREDENTIALS, METADATA];

/// Why a backup is not taken or not brought back.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The folder to write to holds something.
    #[error("{} is not empty; give a folder that is not there yet", .0.display())]
    TargetNotEmpty(PathBuf),
    /// The folder holds no server.
    #[error("{} is no server's folder", .0.display())]
    NotAServer(PathBuf),
    /// The folder to bring back to holds another server, or a part of one.
    #[error(
        "{} is there and differs from the backup; a restore replaces nothing: move it away, or give another folder",
        .0.display()
    )]
    WouldReplace(PathBuf),
    /// The backup is not whole, or was changed.
    #[error("{}: {what}; take another backup", path.display())]
    Damaged {
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// A newer version took it.
    #[error("the backup is of form {found}, this is {known}; use a newer vigie")]
    TooNew {
        /// Of the backup.
        found: u32,
        /// What this program knows.
        known: u32,
    },
    /// A file cannot be used.
    #[error("{action} {}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// A database cannot be copied.
    #[error("copy {}", path.display())]
    Copy {
        /// The database.
        path: PathBuf,
        #[source]
        source: rusqlite::Error,
    },
    /// The generation of the metadata cannot be read or written.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The folder is refused.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// A key or the manifest cannot be written.
    #[error(transparent)]
    PrivateFile(#[from] PrivateFileError),
    /// A server runs on the folder.
    #[error(transparent)]
    Index(#[from] IndexError),
}

fn io_error(
    action: &'static str,
    path: impl Into<PathBuf>,
) -> impl FnOnce(io::Error) -> BackupError {
    let path = path.into();
    move |source| BackupError::Io { action, path, source }
}
