//! Why a server does not start or stop as it should.

use std::io;
use std::path::PathBuf;

use vigie_store::StoreError;

use crate::auth::SealError;
use crate::db::DbError;
use crate::private_file::PrivateFileError;
use crate::tls::TlsError;

/// Why a server does not start or stop as it should.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The data folder cannot be made.
    #[error("create {}", path.display())]
    DataDir {
        /// The folder.
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The metadata cannot be opened or written.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The media cannot be opened or closed.
    #[error("media store")]
    Store(#[from] StoreError),
    /// The credentials cannot be written.
    #[error(transparent)]
    PrivateFile(#[from] PrivateFileError),
    /// Something cannot be sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The certificate cannot be served.
    #[error("TLS")]
    Tls(#[from] TlsError),
    /// The audit log cannot be opened.
    #[error("open the audit log {}", path.display())]
    AuditLog {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The metadata is not there, and what it was for is.
    #[error(
        "{} is missing or empty, but {} is there: without it the streams, keys and secrets of this folder are out of \
         reach. Put it back, with its -wal where there is one, or restore a backup (`vigie server restore`). If it is \
         lost for good, or if this folder was made ready by hand, `vigie server accept-metadata` lets the server begin \
         anew; media and files stay",
        path.display(), beside.display()
    )]
    MetadataMissing {
        /// The metadata database.
        path: PathBuf,
        /// What shows that there was one.
        beside: PathBuf,
    },
    /// The metadata was stored under a master key that is not there.
    #[error(
        "{} is missing, and the secrets in {} open with no other key: put it back from a copy, or give it as \
         VIGIE_MASTER_KEY",
        path.display(), metadata.display()
    )]
    MasterKeyMissing {
        /// Where it should be.
        path: PathBuf,
        /// The metadata database.
        metadata: PathBuf,
    },
    /// The stored secrets belong to another master key.
    #[error(
        "this master key is not the one that the secrets in {} were stored with; start with that one",
        path.display()
    )]
    OtherMasterKey {
        /// The metadata database.
        path: PathBuf,
        /// Which is known where it was noted.
        #[source]
        source: SealError,
    },
    /// Metadata or media could not be used any more: what is on disk is known again after a start.
    #[error("the server stopped because its disk failed; its log says how; start it again")]
    DiskFailed,
    /// The listener or a thread failed.
    #[error("{action}")]
    Io {
        /// What was tried.
        action: &'static str,
        #[source]
        source: io::Error,
    },
}
