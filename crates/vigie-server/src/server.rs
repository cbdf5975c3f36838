//! The composition of a server: opens what it keeps, serves until it is told to stop, closes in order.

use std::collections::BTreeSet;
use std::fs::DirBuilder;
use std::future::Future;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use vigie_engine::chance::Chance;
use vigie_engine::clock::Clock;
use vigie_engine::pulse::Pulse;
use vigie_kvs::Sensitive;
use vigie_store::disk::{Disk, create_dir_durably};
use vigie_store::{SpaceReserve, describe};

use crate::app::App;
use crate::archive::ArchiveError;
use crate::audit::{self, Audit, AuditLine, ServerAction};
use crate::config::ServerConfig;
use crate::data_dir::{self, MasterKeySource};
use crate::db::{DbError, MetadataDb, PAGE};
use crate::engines::{
    Engines, FREE_BYTES_RESERVE, OpenMedia, open_audit_log, open_metadata, own_leases, own_notices,
};
use crate::first_start::FirstStart;
use crate::health::Health;
use crate::http;
use crate::instance::{Instance, Seams};
use crate::process::Process;
use crate::runtime::{Runtime, TokioRuntime};
use crate::start_error::ServerError;
use crate::time_text::rfc3339;
use crate::tls::Tls;

/// Tasks that are still busy this long after the connections have ended are left.
const STOP_GRACE: Duration = Duration::from_secs(10);

/// An opened server.
pub struct Server {
    instance: Instance,
    media: OpenMedia,
    tls: Option<Tls>,
    space_reserve: SpaceReserve,
}

/// Who made the root key of the first start, in the audit log.
const FIRST_START: &str = "vigie:first-start";

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
        let space_reserve =
            SpaceReserve::new(Arc::clone(&disk), &config.data_dir, FREE_BYTES_RESERVE);
        say_no_space(space_reserve.give_up_if_full());
        let master_key = data_dir::check(&config, master_key.into(), disk.as_ref())?;
        let db = open_metadata(&config)?;
        // Before any key is made: who holds the folder's lock makes them alone.
        let runtime: Arc<dyn Runtime> = Arc::new(TokioRuntime);
        let media = OpenMedia::open(&config, &disk, &clock, &runtime)?;
        // After the database: a key without one is what a lost one leaves.
        let master_key = match master_key {
            Some(key) => key,
            None => data_dir::make_master_key(&config)?,
        };
        let now = clock.now();
        let first_start = FirstStart {
            db: db.as_ref(),
            master_key: &master_key,
            config: &config,
            disk: disk.as_ref(),
            now: now.wall,
        };
        let made = first_start.finish().await?;
        say_unknown_media(db.as_ref(), &media, &config).await?;
        let audit = open_audit_log(&config)
            .map_err(|source| ServerError::AuditLog { path: config.audit_log_path(), source })?;
        audit::note_path(db.as_ref(), &config).await?;
        if let Some(access_key_id) = made {
            let first = Audit::new(Arc::clone(&audit));
            first.write(&AuditLine {
                time: &rfc3339(now.wall),
                principal_arn: FIRST_START,
                action: ServerAction::CreateRootKey.action(),
                resource: Some(&config.access_key_resource(&access_key_id)),
                status: 200,
                ..AuditLine::default()
            });
            first.written().await;
            first_start.note().await?;
        }
        // In a folder that is ours by now, and before there is media.
        say_no_space(space_reserve.keep());
        let (fragments, notices) = (Arc::clone(&media.fragments), own_notices());
        let leases = own_leases(Arc::clone(&clock));
        let engines = Engines { db, fragments, audit, leases, notices };
        let seams = Seams { clock, chance, runtime };
        let instance = Instance::open(config, engines, seams, master_key).await?;
        Ok(Self { instance, media, tls, space_reserve })
    }

    fn app(&self) -> &Arc<App> {
        self.instance.app()
    }

    /// Gives a sign of life as long as metadata and media answer.
    pub fn give_pulse(&self, mut pulse: Pulse) {
        let app = Arc::clone(self.app());
        self.app().process.spawn(async move {
            let mut stopping = app.process.stopping();
            loop {
                // They answer, if only with what is wrong: what passes is not put right by a new start.
                let passing = |error: DbError| (!error.is_fatal()).then_some(()).ok_or(error);
                let metadata = app.health.db.check().await.or_else(passing);
                let metadata = metadata.map_err(|error| error.to_string());
                let passing = |error: ArchiveError| error.is_passing().then_some(()).ok_or(error);
                let media = app.health.fragments.check().await.or_else(passing);
                let wait = match metadata.and(media.map_err(|error| error.to_string())) {
                    Ok(()) => pulse.beat(app.process.now().mono),
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
        let now = self.app().process.now().wall;
        self.app().access.one_time_code.offer(now).map_err(ServerError::Seal)
    }

    /// Serves until `shutdown` resolves; then ends connections, finishes what was acknowledged and closes the store.
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), ServerError> {
        let Self { instance, media, tls, space_reserve } = self;
        let app = Arc::clone(instance.app());
        let io = |action| move |source| ServerError::Io { action, source };
        let address = listener.local_addr().map_err(io("read the listener's address"))?;
        app.process.set_listen_port(address.port());
        tracing::info!(%address, tls = tls.is_some(), "serving");
        let acceptor = tls.as_ref().map(Tls::acceptor);
        if let Some(tls) = tls {
            app.process.spawn(tls.follow(Arc::clone(&app.process), Arc::clone(&app.metrics)));
        }
        instance.start_background();
        let (process, health) = (Arc::clone(&app.process), app.health.clone());
        let failed = app.process.spawn(stop_on_failure(process, health));
        app.process.spawn(keep_space(space_reserve, Arc::clone(&app.process)));
        let stopper = tokio::spawn({
            let process = Arc::clone(&app.process);
            async move {
                shutdown.await;
                process.stop();
            }
        });
        let served = http::serve(Arc::clone(&app), listener, acceptor).await;
        app.process.stop();
        stopper.abort();
        if tokio::time::timeout(STOP_GRACE, app.process.tasks_ended()).await.is_err() {
            tracing::warn!("tasks are still busy; leaving them");
        }
        let closed = tokio::task::spawn_blocking(move || media.close()).await;
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
        drop((app, instance));
        tracing::info!("stopped");
        Ok(())
    }
}

/// How often it is looked whether metadata and media still take anything.
const FAILURE_PERIOD: Duration = Duration::from_secs(1);

/// Ends a server that takes nothing any more: only a start puts that right, and whoever supervises it gives it one.
/// Whether it was so.
async fn stop_on_failure(process: Arc<Process>, health: Health) -> bool {
    let mut stopping = process.stopping();
    loop {
        tokio::select! {
            () = tokio::time::sleep(FAILURE_PERIOD) => {}
            () = stopping.wait() => return false,
        }
        if health.has_failed() {
            tracing::error!(
                "the server stops: metadata or media cannot be written any more; start it again"
            );
            process.stop();
            return true;
        }
    }
}

/// The server goes on without: that there is no space is said by whoever needs it.
fn say_no_space(kept: io::Result<()>) {
    if let Err(error) = kept {
        tracing::warn!(%error, "no space can be set aside for a full disk, or given up");
    }
}

/// How often it is looked whether the disk is full.
const SPACE_PERIOD: Duration = Duration::from_secs(2);

/// Keeps some space set aside while there is any, and gives it up when others have filled the disk.
async fn keep_space(space_reserve: SpaceReserve, process: Arc<Process>) {
    let space_reserve = Arc::new(space_reserve);
    let mut stopping = process.stopping();
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
            Err(error) if !std::mem::replace(&mut is_said, true) => say_no_space(Err(error)),
            Err(_) => {}
        }
    }
}

fn io_error(error: tokio::task::JoinError) -> io::Error {
    io::Error::other(error)
}

/// A new folder is its owner's alone: it holds video and secrets. One that is there stays as it is.
fn create_data_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Says which media belongs to no stream: after the metadata was lost, or an older one accepted. It is kept.
async fn say_unknown_media(
    db: &dyn MetadataDb,
    media: &OpenMedia,
    config: &ServerConfig,
) -> Result<(), ServerError> {
    let mut unknown = BTreeSet::from_iter(media.stream_keys()?);
    let mut after_name = String::new();
    loop {
        let page = db.list_streams("", &after_name, PAGE).await?;
        let Some(last) = page.last() else { break };
        after_name.clone_from(&last.name);
        for stream in &page {
            unknown.remove(&config.media_key(stream));
        }
    }
    if let Some(first) = unknown.first() {
        tracing::warn!(
            streams = unknown.len(),
            first,
            "media of streams that the metadata does not know is kept; `vigie store list` and `vigie store export` reach it"
        );
    }
    Ok(())
}
