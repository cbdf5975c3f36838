//! Why the metadata cannot be read or written.

use std::path::PathBuf;

/// Why the metadata could not be read or written. The text goes to the log, never to a caller.
#[derive(Debug, Clone, thiserror::Error)]
pub enum DbError {
    /// The engine failed.
    #[error("metadata database: {0}")]
    Engine(String),
    /// The database was written by a newer version.
    #[error(
        "metadata database: schema version {found} is newer than {known}; start a newer version"
    )]
    TooNew {
        /// Version in the file.
        found: i64,
        /// Version this program writes.
        known: i64,
    },
    /// The database has not been brought to this version yet: opening one that several servers share does not.
    #[error(
        "metadata database: schema version {found}, and this version needs {known}; run `vigie server migrate` once, \
         while the older servers go on"
    )]
    TooOld {
        /// Version in the database; 0 where there is nothing.
        found: i64,
        /// Version this program needs.
        known: i64,
    },
    /// It is behind what this folder has seen.
    #[error(
        "{} is older than this folder: it is at generation {found}, the folder has seen {known}. Streams, keys and \
         secrets that came later are missing in it. Put the newest copy in its place, with its -wal where there is one, \
         or restore a backup (`vigie server restore`); where there is none, `vigie server accept-metadata` lets the \
         server start from it",
        path.display()
    )]
    Older {
        /// The database.
        path: PathBuf,
        /// In it.
        found: u64,
        /// In the file beside it.
        known: u64,
    },
    /// More changes wait than it takes; a caller may try again.
    #[error("metadata database: too many changes are waiting")]
    TooBusy,
    /// Another program holds the database's lock. Nothing was changed; it goes on by itself when the lock is gone.
    #[error("metadata database: locked by another program")]
    Locked,
    /// No space is left for it. Nothing was changed.
    #[error("metadata database: no space is left")]
    Full,
    /// The engine cannot be reached, or does not answer. It goes on by itself when it is back. Whether a change was made may not
    /// be known, which the text says.
    #[error("metadata database: cannot be used now: {0}")]
    Away(String),
    /// The engine has stopped; the process has to be restarted.
    #[error("metadata database: the writer has stopped")]
    Stopped,
}

impl DbError {
    /// Whether nothing will be written any more before the process starts again.
    pub const fn is_fatal(&self) -> bool {
        !matches!(self, Self::TooBusy | Self::Locked | Self::Full | Self::Away(_))
    }
}
