//! The composition of a server: opens what it keeps, serves until it is told to stop, closes in order.

use std::collections::BTreeSet;
use std::fs::DirBuilder;
use std::future::Future;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret;
use tokio::net::TcpListener;
use vigie_engine::chance::Chance;
use vigie_engine::clock::Clock;
use vigie_engine::pulse::Pulse;
use vigie_kvs::Sensitive;
use vigie_media::Timestamp;
use vigie_store::disk::{Disk, create_dir_durably};
use vigie_store::thread::{StoreThread, ThreadSettings};
use vigie_store::{SpaceReserve, Store, StoreError, StoreReader, StoreSettings, describe};

use crate::age_hold::ServerAgeHold;
use crate::app::App;
use crate::audit::{self, Audit, AuditLine, FileAuditLog, ServerAction};
use crate::auth::{MasterKey, NewAccessKey, SealError, seal_purpose};
use crate::config::ServerConfig;
use crate::data_dir::{self, MasterKeySource, move_aside};
use crate::db::{AccessKey, DbError, MetadataDb, SqliteMetadataDb};
use crate::fragment_store::{EmbeddedFragmentStore, FragmentStoreError};
use crate::private_file::{PrivateFileError, create_master_key, write_private};
use crate::time_text::rfc3339;
use crate::tls::{Tls, TlsError};
use crate::{http, reconcile};

/// Why a server does not start or stop as it should.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The data folder cannot be made.
    #[error("create {}", path.display())]
    DataDir {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The metadata cannot be opened or written.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The media cannot be opened or closed.
    #[error("media store")]
    Store(
        /// Why.
        #[from]
        StoreError,
    ),
    /// The credentials cannot be written.
    #[error(transparent)]
    PrivateFile(#[from] PrivateFileError),
    /// Something cannot be sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The certificate cannot be served.
    #[error("TLS")]
    Tls(
        /// Why.
        #[from]
        TlsError,
    ),
    /// The audit log cannot be opened.
    #[error("open the audit log {}", path.display())]
    AuditLog {
        /// The file.
        path: PathBuf,
        /// Why.
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
    },
    /// Metadata or media could not be used any more: what is on disk is known again after a start.
    #[error("the server stopped because its disk failed; its log says how; start it again")]
    DiskFailed,
    /// The listener or a thread failed.
    #[error("{action}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Tasks that are still busy this long after the connections have ended are left.
const STOP_GRACE: Duration = Duration::from_secs(10);

/// An opened server.
pub struct Server {
    app: Arc<App>,
    store: StoreThread,
    tls: Option<Tls>,
    space_reserve: SpaceReserve,
}

/// Who made the root key of the first start, in the audit log.
const FIRST_START: &str = "vigie:first-start";

/// The name of the value that tells whether a master key is the one that secrets were stored with.
pub(crate) const MASTER_KEY_PROOF: &str = "master-key-proof";

impl Server {
    /// Opens the data folder, or fills a new one: databases, media, and at first start the root access key, which is
    /// written to [`ServerConfig::credentials_path`]. A folder that has lost its metadata or its master key is refused
    /// before anything is written.
    pub async fn open(
        config: ServerConfig,
        master_key: impl Into<MasterKeySource>,
        clock: Arc<dyn Clock>,
        chance: Box<dyn Chance>,
        disk: Arc<dyn Disk>,
    ) -> Result<Self, ServerError> {
        let tls =
            config.tls.clone().map(|files| Tls::open(files, Arc::clone(&disk))).transpose()?;
        let path = config.data_dir.clone();
        let made = create_data_dir(&path).and_then(|()| create_dir_durably(disk.as_ref(), &path));
        made.map_err(|source| ServerError::DataDir { path, source })?;
        let reserve = StoreSettings::SERVER.free_bytes_reserve;
        let space_reserve = SpaceReserve::new(Arc::clone(&disk), &config.data_dir, reserve);
        give_up_if_full(&space_reserve);
        let master_key = data_dir::check(&config, master_key.into(), disk.as_ref())?;
        let db = Arc::new(SqliteMetadataDb::open(&config.metadata_path())?);
        // After the database: a key without one is what a lost one leaves.
        let master_key = match master_key {
            Some(key) => key,
            None => create_master_key(&config.master_key_path())?,
        };
        check_master_key(db.as_ref(), &master_key, &config).await?;
        let (mut store, recovery) = Store::open_or_begin_anew(
            &disk,
            &config.media_dir(),
            &config.index_path(),
            StoreSettings::SERVER,
        )?;
        store.search_at_start()?;
        tracing::info!(recovered = %recovery, "media store open");
        for path in &recovery.missing {
            tracing::error!(path = %path.display(), "a media file is missing; run `vigie store check`");
        }
        let monotonic = Arc::clone(&clock);
        let monotonic = Box::new(move || monotonic.now().mono);
        // What waits is bounded by its bytes (see the fragment store), not by its number.
        let settings = ThreadSettings {
            requests_max: 16_384,
            // Enough to keep the disk busy, and what is gathered meanwhile is as much again.
            commit_bytes: 32 << 20,
            ..ThreadSettings::default()
        };
        let store = StoreThread::spawn(store, settings, monotonic)
            .map_err(|source| ServerError::Io { action: "start the store's thread", source })?;
        let now = clock.now().wall;
        let made = create_root_key(db.as_ref(), &master_key, &config, disk.as_ref(), now).await?;
        say_unknown_media(db.as_ref(), store.handle().reader(), &config).await?;
        let fragments = Arc::new(EmbeddedFragmentStore::new(store.handle(), StoreSettings::SERVER));
        let audit = FileAuditLog::open(&config)
            .map_err(|source| ServerError::AuditLog { path: config.audit_log_path(), source })?;
        let audit = Audit::new(Arc::new(audit));
        audit::note_path(db.as_ref(), &config).await?;
        if let Some(access_key_id) = made {
            audit.write(&AuditLine {
                time: &rfc3339(now),
                principal_arn: FIRST_START,
                action: ServerAction::CreateRootKey.action(),
                resource: Some(&config.access_key_resource(&access_key_id)),
                status: 200,
                ..AuditLine::default()
            });
        }
        let age_hold = ServerAgeHold::open(db.as_ref(), clock.now()).await?;
        let app = App::new(config, clock, chance, db, fragments, master_key, audit);
        let app = Arc::new(app.with_age_hold(age_hold));
        Ok(Self { app, store, tls, space_reserve })
    }

    /// Gives a sign of life as long as metadata and media answer.
    pub fn give_pulse(&self, mut pulse: Pulse) {
        let app = Arc::clone(&self.app);
        self.app.spawn(async move {
            let mut stopping = app.stopping();
            loop {
                // They answer, if only with what is wrong: what passes is not put right by a new start.
                let passing = |error: DbError| (!error.is_fatal()).then_some(()).ok_or(error);
                let metadata = app.db.check().await.or_else(passing);
                let metadata = metadata.map_err(|error| error.to_string());
                let passing =
                    |error: FragmentStoreError| error.is_passing().then_some(()).ok_or(error);
                let media = app.fragments.check().await.or_else(passing);
                let wait = match metadata.and(media.map_err(|error| error.to_string())) {
                    Ok(()) => pulse.beat(app.clock.now().mono),
                    Err(error) => {
                        tracing::error!(error, "no sign of life: metadata or media do not answer");
                        pulse.every()
                    }
                };
                tokio::select! {
                    () = tokio::time::sleep(wait) => {}
                    () = stopping.wait() => return,
                }
            }
        });
    }

    /// A code that signs in to the console once, with the rights of the root key, for an hour at most. The link is
    /// `/console/#/welcome/CODE`. For demonstrations: whoever has the link first is root.
    pub fn offer_console_sign_in(&self) -> Result<Sensitive, ServerError> {
        let now = self.app.clock.now().wall;
        self.app.one_time_code.offer(now).map_err(ServerError::Seal)
    }

    /// Serves until `shutdown` resolves; then ends connections, finishes what was acknowledged and closes the store.
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), ServerError> {
        let Self { app, store, tls, space_reserve } = self;
        let io = |action| move |source| ServerError::Io { action, source };
        let address = listener.local_addr().map_err(io("read the listener's address"))?;
        app.set_listen_port(address.port());
        tracing::info!(%address, tls = tls.is_some(), "serving");
        let acceptor = tls.as_ref().map(Tls::acceptor);
        if let Some(tls) = tls {
            app.spawn(tls.follow(Arc::clone(&app)));
        }
        app.spawn(reconcile::run(Arc::clone(&app)));
        let failed = app.spawn(stop_on_failure(Arc::clone(&app)));
        app.spawn(keep_space(space_reserve, Arc::clone(&app)));
        let stopper = tokio::spawn({
            let app = Arc::clone(&app);
            async move {
                shutdown.await;
                app.stop();
            }
        });
        let served = http::serve(Arc::clone(&app), listener, acceptor).await;
        app.stop();
        stopper.abort();
        if tokio::time::timeout(STOP_GRACE, app.tasks_ended()).await.is_err() {
            tracing::warn!("tasks are still busy; leaving them");
        }
        let closed = tokio::task::spawn_blocking(move || store.shutdown()).await;
        served.map_err(io("serve"))?;
        let has_failed = failed.await.unwrap_or(false);
        let closed = closed.map_err(io_error).map_err(io("close the store"))?;
        if has_failed {
            if let Err(error) = closed {
                tracing::error!(error = describe(&error), "the store did not close cleanly");
            }
            return Err(ServerError::DiskFailed);
        }
        closed?;
        // The last one, unless a task was left: closes the metadata.
        drop(app);
        tracing::info!("stopped");
        Ok(())
    }
}

/// How often it is looked whether metadata and media still take anything.
const FAILURE_PERIOD: Duration = Duration::from_secs(1);

/// Ends a server that takes nothing any more: only a start puts that right, and whoever supervises it gives it one.
/// Whether it was so.
async fn stop_on_failure(app: Arc<App>) -> bool {
    let mut stopping = app.stopping();
    loop {
        tokio::select! {
            () = tokio::time::sleep(FAILURE_PERIOD) => {}
            () = stopping.wait() => return false,
        }
        if app.has_failed() {
            tracing::error!(
                "the server stops: metadata or media cannot be written any more; start it again"
            );
            app.stop();
            return true;
        }
    }
}

/// A start goes on without: that there is no space is said by whoever needs it.
fn give_up_if_full(space_reserve: &SpaceReserve) {
    if let Err(error) = space_reserve.give_up_if_full() {
        tracing::warn!(%error, "what was set aside for a full disk is not given up");
    }
}

/// How often it is looked whether the disk is full.
const SPACE_PERIOD: Duration = Duration::from_secs(2);

/// Keeps some space set aside while there is any, and gives it up when others have filled the disk.
async fn keep_space(space_reserve: SpaceReserve, app: Arc<App>) {
    let space_reserve = Arc::new(space_reserve);
    let mut stopping = app.stopping();
    let mut is_said = false;
    loop {
        tokio::select! {
            () = tokio::time::sleep(SPACE_PERIOD) => {}
            () = stopping.wait() => return,
        }
        let reserve = Arc::clone(&space_reserve);
        let kept = tokio::task::spawn_blocking(move || reserve.keep()).await;
        match kept.map_err(io_error).flatten() {
            Ok(()) => is_said = false,
            Err(error) if !std::mem::replace(&mut is_said, true) => {
                tracing::warn!(%error, "no space can be set aside for a full disk");
            }
            Err(_) => {}
        }
    }
}

fn io_error(error: tokio::task::JoinError) -> io::Error {
    io::Error::other(error)
}

/// Refuses a master key under which the stored secrets would not open; notes the first one.
pub(crate) async fn check_master_key(
    db: &dyn MetadataDb,
    master_key: &MasterKey,
    config: &ServerConfig,
) -> Result<(), ServerError> {
    match db.setting(MASTER_KEY_PROOF).await? {
        Some(proof) => match master_key.open(MASTER_KEY_PROOF, &proof) {
            Ok(_) => Ok(()),
            Err(_) => Err(ServerError::OtherMasterKey { path: config.metadata_path() }),
        },
        None => {
            let proof = master_key.seal(MASTER_KEY_PROOF, b"")?;
            Ok(db.save_setting(MASTER_KEY_PROOF, &proof).await?)
        }
    }
}

async fn create_root_key(
    db: &dyn MetadataDb,
    master_key: &MasterKey,
    config: &ServerConfig,
    disk: &dyn Disk,
    now: Timestamp,
) -> Result<Option<String>, ServerError> {
    if !db.access_keys().await?.is_empty() {
        return Ok(None);
    }
    let key = NewAccessKey::generate()?;
    let secret = key.secret_access_key.expose_secret().as_bytes();
    let sealed_secret = master_key.seal(&seal_purpose(&key.access_key_id), secret)?;
    // The file first: a crash in between makes another key at the next start, and none is lost. One that is there
    // already is somebody's.
    let path = config.credentials_path();
    if path.symlink_metadata().is_ok() {
        let aside = move_aside(&path, disk)
            .map_err(|source| PrivateFileError::Io { path: path.clone(), source })?;
        tracing::warn!(path = %aside.display(), "the credentials that were there are kept");
    }
    write_private(&path, key.credentials_file().as_bytes())?;
    db.create_access_key(&AccessKey {
        access_key_id: key.access_key_id.clone(),
        sealed_secret,
        principal_arn: config.root_principal_arn(),
        created_at: now,
        policy_json: None,
        revoked_at: None,
    })
    .await?;
    tracing::info!(key = key.access_key_id, path = %path.display(), "root access key created");
    Ok(Some(key.access_key_id))
}

/// A new folder is its owner's alone: it holds video and secrets. One that is there stays as it is.
fn create_data_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Says which media belongs to no stream: after the metadata was lost, or an older one accepted. It is kept.
async fn say_unknown_media(
    db: &dyn MetadataDb,
    reader: &StoreReader,
    config: &ServerConfig,
) -> Result<(), ServerError> {
    let known: BTreeSet<String> =
        db.all_streams().await?.iter().map(|stream| config.media_key(stream)).collect();
    let mut unknown = reader.stream_keys()?;
    unknown.retain(|key| !known.contains(key));
    if let Some(first) = unknown.first() {
        tracing::warn!(
            streams = unknown.len(),
            first,
            "media of streams that the metadata does not know is kept; `vigie store list` and `vigie store export` reach it"
        );
    }
    Ok(())
}
