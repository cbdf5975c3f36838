//! The engines behind the seams: the one file that names them.
//!
//! Decides which engine a server has and how it is set. Everything else knows the seams alone.

use std::io;
use std::sync::Arc;

use vigie_engine::clock::Clock;
use vigie_store::disk::Disk;
use vigie_store::thread::{StoreThread, ThreadSettings};
use vigie_store::{Store, StoreError, StoreSettings};

use crate::archive::{Archive, EmbeddedArchive};
use crate::audit::{AuditLog, FileAuditLog};
use crate::config::ServerConfig;
use crate::db::{
    DbError, InProcessLeases, InProcessNotices, Leases, MetadataDb, Notices, SqliteMetadataDb,
};
use crate::runtime::Runtime;
use crate::start_error::ServerError;

/// What a server keeps, each behind its seam.
#[derive(Clone)]
pub struct Engines {
    /// Streams, configurations, keys, secrets, hubs.
    pub db: Arc<dyn MetadataDb>,
    /// Media.
    pub fragments: Arc<dyn Archive>,
    /// Who did what.
    pub audit: Arc<dyn AuditLog>,
    /// Who of several instances writes to a stream.
    pub leases: Arc<dyn Leases>,
    /// Hints of what has changed: any of them may get lost.
    pub notices: Arc<dyn Notices>,
}

/// How much of the disk is left to others.
pub(crate) const FREE_BYTES_RESERVE: u64 = StoreSettings::SERVER.free_bytes_reserve;

/// The leases of a server that is alone.
pub(crate) fn own_leases(clock: Arc<dyn Clock>) -> Arc<dyn Leases> {
    Arc::new(InProcessLeases::new(clock))
}

/// Notices within this process, where none is lost.
pub(crate) fn own_notices() -> Arc<dyn Notices> {
    Arc::new(InProcessNotices::default())
}

/// The metadata of a folder, made where there is none.
pub(crate) fn open_metadata(config: &ServerConfig) -> Result<Arc<dyn MetadataDb>, DbError> {
    Ok(Arc::new(SqliteMetadataDb::open(&config.metadata_path())?))
}

/// The metadata of a folder that has some.
pub(crate) fn existing_metadata(config: &ServerConfig) -> Result<Arc<dyn MetadataDb>, DbError> {
    Ok(Arc::new(SqliteMetadataDb::open_existing(&config.metadata_path())?))
}

/// The audit log, opened for appending.
pub(crate) fn open_audit_log(config: &ServerConfig) -> io::Result<Arc<dyn AuditLog>> {
    Ok(Arc::new(FileAuditLog::open(config)?))
}

/// The media of a folder, and the thread that writes it.
pub(crate) struct OpenMedia {
    pub fragments: Arc<dyn Archive>,
    thread: StoreThread,
}

impl OpenMedia {
    /// Opens it, or begins anew; holds the folder's lock from here on.
    pub(crate) fn open(
        config: &ServerConfig,
        disk: &Arc<dyn Disk>,
        clock: &Arc<dyn Clock>,
        runtime: &Arc<dyn Runtime>,
    ) -> Result<Self, ServerError> {
        let (mut store, recovery) = Store::open_or_begin_anew(
            disk,
            &config.media_dir(),
            &config.index_path(),
            StoreSettings::SERVER,
        )?;
        store.search_at_start()?;
        tracing::info!(recovered = %recovery, "media store open");
        for path in &recovery.missing {
            tracing::error!(path = %path.display(), "a media file is missing; run `vigie store check`");
        }
        let clock = Arc::clone(clock);
        let monotonic = Box::new(move || clock.now().mono);
        // What waits is bounded by its bytes (see the archive), not by its number.
        let settings = ThreadSettings {
            requests_max: 16_384,
            // Enough to keep the disk busy, and what is gathered meanwhile is as much again.
            commit_bytes: 32 << 20,
            ..ThreadSettings::default()
        };
        let thread = StoreThread::spawn(store, settings, monotonic)
            .map_err(|source| ServerError::Io { action: "start the store's thread", source })?;
        let fragments =
            EmbeddedArchive::new(thread.handle(), StoreSettings::SERVER, Arc::clone(runtime));
        Ok(Self { fragments: Arc::new(fragments), thread })
    }

    /// The keys of all streams that have media.
    pub(crate) fn stream_keys(&self) -> Result<Vec<String>, StoreError> {
        self.thread.handle().reader().stream_keys()
    }

    /// Finishes what was begun.
    pub(crate) fn close(self) -> Result<(), StoreError> {
        self.thread.shutdown()
    }
}
