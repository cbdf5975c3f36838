//! What can go wrong in the store, and whether it may go on.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use rusqlite::ErrorCode;

use crate::fragment::MediaFileId;

/// Why the store did not do what it was asked.
///
/// Cloneable, because one failed commit answers many callers.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// No space is left above the reserve. Nothing already stored is harmed; free space and try again.
    #[error("the disk is full: {free_bytes} bytes free, {reserve_bytes} kept in reserve")]
    DiskFull {
        /// Free bytes when last measured, less what was written since.
        free_bytes: u64,
        /// [`crate::StoreSettings::free_bytes_reserve`].
        reserve_bytes: u64,
    },
    /// A file could not be written, read, created or removed. Nothing already stored is harmed.
    #[error("{action} {}", path.display())]
    Io {
        /// What was tried, as a verb: "write", "read", "create" …
        action: &'static str,
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: Arc<io::Error>,
    },
    /// A sync failed, so the media file was abandoned: the fragment was not persisted and must be sent again.
    #[error("sync {} failed; the media file was abandoned", path.display())]
    MediaFileAbandoned {
        path: PathBuf,
        /// Why the sync failed.
        #[source]
        source: Arc<io::Error>,
    },
    /// No space was left for the fragment when it was written behind, or for what stands before it in its media file: it was
    /// not persisted. The whole fragments before it were. Free space and send it again.
    #[error("no space was left to write to {}; the media file ends before the fragment", path.display())]
    NoSpaceLeft {
        path: PathBuf,
        /// What the disk said.
        #[source]
        source: Arc<io::Error>,
    },
    /// Names in a directory could not be made durable. Fatal: the process must stop and start again.
    #[error("sync of directory {} failed; restart to recover", path.display())]
    DirectorySyncFailed {
        /// The directory.
        path: PathBuf,
        #[source]
        source: Arc<io::Error>,
    },
    /// The index refused or lost a transaction. See [`StoreError::is_fatal`].
    #[error("index")]
    Index(#[source] Arc<IndexError>),
    /// There are media files but the index knows nothing: it was lost, or belongs elsewhere.
    #[error(
        "the index is empty but {} holds media files; restore the index or run `vigie store repair`",
        path.display()
    )]
    IndexMissing {
        /// The media directory.
        path: PathBuf,
    },
    /// The bytes read are not the bytes written.
    #[error("fragment {sequence} in {} is damaged: checksum {found:08x}, expected {expected:08x}", path.display())]
    Damaged {
        path: PathBuf,
        /// The fragment; 0 for the document header.
        sequence: u64,
        /// CRC-32C in the index.
        expected: u32,
        /// CRC-32C of the bytes read.
        found: u32,
    },
    /// The media file was deleted after the fragment was listed.
    #[error("media file {} is gone", path.display())]
    MediaFileGone { path: PathBuf },
    /// The media file is being written; seal the stream and commit first.
    #[error("media file {} is open; seal the stream first", id.0)]
    MediaFileOpen { id: MediaFileId },
    /// No fragment was begun on this stream, or it ended with its abandoned file.
    #[error("stream {key} has no open fragment")]
    NoOpenFragment { key: String },
    /// A fragment was begun while another is open.
    #[error("stream {key} already has an open fragment")]
    FragmentOpen { key: String },
    /// The stream was deleted while the fragment waited for its commit.
    #[error("stream {key} was deleted")]
    StreamDeleted { key: String },
    /// Keys are 1 to 1024 bytes long.
    #[error("media key of {length_bytes} bytes: must be 1 to 1024")]
    InvalidKey {
        /// Length of the key given.
        length_bytes: usize,
    },
    /// A sequence that was not reserved.
    #[error("sequence {sequence} of stream {key} was not reserved")]
    SequenceNotReserved {
        key: String,
        /// The sequence given.
        sequence: u64,
    },
    /// The store thread has more requests waiting than it takes, or a commit is under way that this has to wait for.
    #[error("the store is busy; try again")]
    Busy,
    /// The store thread has ended.
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    /// Whether the store refuses everything from now on, so that the process has to start again.
    pub fn is_fatal(&self) -> bool {
        match self {
            Self::DirectorySyncFailed { .. } | Self::Closed => true,
            Self::Index(error) => error.is_fatal(),
            _ => false,
        }
    }

    /// Whether it is for want of space.
    pub fn is_disk_full(&self) -> bool {
        match self {
            Self::DiskFull { .. } | Self::NoSpaceLeft { .. } => true,
            Self::Index(error) => matches!(**error, IndexError::Full),
            Self::Io { source, .. } | Self::MediaFileAbandoned { source, .. } => {
                source.kind() == io::ErrorKind::StorageFull
            }
            _ => false,
        }
    }

    /// Whether another program keeps the index from being used.
    pub fn is_index_locked(&self) -> bool {
        matches!(self, Self::Index(error) if matches!(**error, IndexError::Locked))
    }

    /// Whether the index is damaged, see [`IndexError::is_damage`].
    pub fn is_index_damaged(&self) -> bool {
        matches!(self, Self::Index(error) if error.is_damage())
    }

    /// Whether it passes by itself, or when there is space: the same may be asked again.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Busy) || self.is_index_locked() || self.is_disk_full()
    }

    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::Io { action, path: path.into(), source: Arc::new(source) }
    }
}

impl From<IndexError> for StoreError {
    fn from(error: IndexError) -> Self {
        Self::Index(Arc::new(error))
    }
}

/// Why the index did not take or give.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// No space for the transaction; it was rolled back and may be tried again.
    #[error("no space for the index transaction")]
    Full,
    /// Another program holds the database's lock; nothing was changed, and it may be tried again.
    #[error("the index is locked by another program")]
    Locked,
    /// Another process has this index open for writing.
    #[error("{} is in use by another process", path.display())]
    InUse {
        /// The database file.
        path: PathBuf,
    },
    /// The index was written by a newer Vigie.
    #[error("index version {found} is newer than {supported}; use a newer vigie")]
    Version {
        /// In the file.
        found: i64,
        /// By this program.
        supported: i64,
    },
    /// The file is there and has no tables: whoever made it was ended before it wrote them.
    #[error("the index is still empty; start the server or the agent on its folder once")]
    Unmade,
    /// A row cannot be what the store wrote.
    #[error("index row of {what} is damaged; run `vigie store check`")]
    Damaged { what: &'static str },
    /// Something in the index is not as the store writes it.
    #[error("the index is damaged ({what}); run `vigie store repair`")]
    Unsound {
        /// What was found first.
        what: String,
    },
    /// The lock file or the database could not be opened or made.
    #[error("open {}", path.display())]
    Lock {
        /// The lock file.
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// SQLite failed. After a failed write it is not known what is on disk.
    #[error("sqlite")]
    Sqlite(#[source] rusqlite::Error),
    /// The simulator cut the power.
    #[error("the power was cut")]
    PowerCut,
}

impl IndexError {
    /// Whether the outcome is unknown or beyond repair in this process.
    pub const fn is_fatal(&self) -> bool {
        !matches!(self, Self::Full | Self::Locked)
    }

    /// Whether what the index holds is not what the store wrote: not that it cannot be had, which passes or is another
    /// fault.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Damaged { .. } | Self::Unsound { .. } => true,
            Self::Sqlite(error) => match error.sqlite_error_code() {
                // Statements are fixed: one that SQLite cannot understand meets other tables.
                Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::Unknown) => {
                    true
                }
                // A file that was cut off, where its log has pages from behind the cut: not that the disk failed.
                Some(ErrorCode::SystemIoFailure) => error.sqlite_error().is_some_and(|error| {
                    error.extended_code == rusqlite::ffi::SQLITE_IOERR_SHORT_READ
                }),
                Some(_) => false,
                None => matches!(
                    error,
                    rusqlite::Error::FromSqlConversionFailure(..)
                        | rusqlite::Error::IntegralValueOutOfRange(..)
                        | rusqlite::Error::InvalidColumnType(..)
                        | rusqlite::Error::Utf8Error(..)
                ),
            },
            _ => false,
        }
    }
}

impl From<rusqlite::Error> for IndexError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked,
            _ => Self::Sqlite(error),
        }
    }
}

/// An error with its causes, on one line: this project's errors do not repeat their causes in their own text.
pub fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
