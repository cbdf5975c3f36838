//! Puts the agent together, and ends it in order.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use thiserror::Error;
use tokio::sync::mpsc;
use url::Url;
use vigie_engine::chance::Chance;
use vigie_engine::clock::Clock;
use vigie_engine::pulse::Pulse;
use vigie_kvs::arn::ThingArn;
use vigie_store::disk::{Disk, create_dir_durably};
use vigie_store::source::SourceBounds;
use vigie_store::{SpaceReserve, Store, StoreError, StoreReader, StoreSettings, describe};

use crate::core::{Event, Hub, HubError, HubSettings};
use crate::ledger::{LedgerError, SqliteLedger};
use crate::shell::api_client::{ApiClient, Endpoints, endpoint_url, is_exposed};
use crate::shell::camera_tls::{CameraTls, CameraTlsError};
use crate::shell::core_thread::{CoreHandle, CoreThread};
use crate::shell::credentials::CredentialsChain;
use crate::shell::drain_pace::DrainPace;
use crate::shell::executor::Executor;
use crate::shell::read_pool::ReadPool;
use crate::shell::rtsp_source::Cameras;
use crate::shell::upload_pace::UploadPace;
use crate::shell::{core_thread, status_server};

/// Everything that an operator says about a hub.
pub struct AgentConfig {
    /// This hub: the `HubDeviceArn` of the edge configurations it takes.
    pub hub_device_arn: String,
    /// The service.
    pub endpoint_url: String,
    /// Where the cameras' secrets are; the service itself when `None`.
    pub secrets_endpoint_url: Option<String>,
    /// Plain `http://` to another host is meant.
    pub insecure_http: bool,
    /// Region of the signatures.
    pub region: String,
    /// Folder for configuration and media; created when it does not exist.
    pub data_dir: PathBuf,
    /// The zone of the schedules.
    pub time_zone: TimeZone,
    /// Where `/healthz`, `/readyz` and `/metrics` are served; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Certificates in PEM that cameras' `rtsps://` is trusted by besides the system's: of authorities, or of the
    /// cameras themselves.
    pub camera_ca: Option<PathBuf>,
    /// The folders under which `FILE_URI` may name files; without any it may name none.
    pub file_roots: Vec<PathBuf>,
    /// Bytes a second that all uploads together may take; `None`: as fast as it goes.
    pub upload_bytes_per_second: Option<u64>,
    /// Where the access keys come from.
    pub credentials: CredentialsChain,
}

/// Why the agent did not start, or ended.
#[derive(Debug, Error)]
pub enum AgentError {
    /// Not the ARN of an IoT thing.
    #[error("the hub device ARN is not of the form arn:aws:iot:REGION:ACCOUNT:thing/NAME")]
    HubDeviceArn,
    /// Not an `http://` or `https://` URL.
    #[error("{option} is not an http:// or https:// URL")]
    EndpointUrl { option: &'static str },
    /// Plain http to another host, which was not said to be meant.
    #[error(
        "{option} is http:// and not on this machine: others on the way could read video, secrets and commands. Give an \
         https:// URL, or say --insecure-http if the network is trusted"
    )]
    InsecureHttp { option: &'static str },
    /// The port is taken, or not ours to take.
    #[error("cannot listen on {address}; choose another with --listen")]
    Listen {
        address: SocketAddr,
        #[source]
        source: io::Error,
    },
    /// The certificates for cameras cannot be used.
    #[error("cannot use the certificates of --camera-ca in {path}")]
    CameraCa {
        path: PathBuf,
        #[source]
        source: CameraTlsError,
    },
    /// A folder of files cannot be one.
    #[error("--file-root {path} is not a full path and cannot be made one")]
    FileRoot {
        /// The folder.
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The data folder cannot be made.
    #[error("cannot create the folder {path}")]
    Folder {
        /// The folder.
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The media store in the data folder cannot be opened.
    #[error("cannot open the media store in {path}")]
    Store {
        /// The folder.
        path: PathBuf,
        #[source]
        source: StoreError,
    },
    /// The configuration in the data folder cannot be read.
    #[error(transparent)]
    Hub(#[from] HubError),
    /// The ledgers in the data folder cannot be opened.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The machine refuses a thread or a runtime.
    #[error("cannot start the agent's threads")]
    Threads(#[source] io::Error),
    /// The core gave up: its disk cannot be trusted any more.
    #[error("the agent stopped because its disk failed; its log says how")]
    DiskFailed,
}

/// An agent that is open but does not run yet.
pub struct Agent {
    hub: Hub,
    reader: StoreReader,
    api: ApiClient,
    clock: Arc<dyn Clock>,
    disk: Arc<dyn Disk>,
    camera_tls: CameraTls,
    file_bounds: Arc<SourceBounds>,
    listener: TcpListener,
    pulse: Option<Pulse>,
    pace: UploadPace,
    settings: Option<mpsc::UnboundedReceiver<LiveSettings>>,
    space_reserve: SpaceReserve,
}

/// What an operator may change while the agent runs.
pub struct LiveSettings {
    /// The zone of the schedules.
    pub time_zone: TimeZone,
    /// Bytes a second that all uploads together may take; `None`: as fast as it goes.
    pub upload_bytes_per_second: Option<u64>,
    /// See [`AgentConfig::camera_ca`]; read again.
    pub camera_ca: Option<PathBuf>,
}

/// The URL of a service that an option names, unless calls to it could be read on the way and that was not said to be meant.
///
/// # Errors
///
/// [`AgentError::EndpointUrl`], [`AgentError::InsecureHttp`].
pub fn service_url(
    text: &str,
    option: &'static str,
    insecure_http: bool,
) -> Result<Url, AgentError> {
    let url = endpoint_url(text).ok_or(AgentError::EndpointUrl { option })?;
    match is_exposed(&url) && !insecure_http {
        true => Err(AgentError::InsecureHttp { option }),
        false => Ok(url),
    }
}

/// How often what was recorded is made durable: a power cut costs at most so much.
const COMMIT_INTERVAL: Duration = Duration::from_secs(1);

impl Agent {
    /// Opens the hub's folder, recovers what a crash left there, and takes the port.
    ///
    /// # Errors
    ///
    /// When the configuration is unusable or the folder or the port cannot be had.
    pub fn open(
        config: AgentConfig,
        clock: Arc<dyn Clock>,
        chance: Box<dyn Chance>,
        disk: Arc<dyn Disk>,
    ) -> Result<Self, AgentError> {
        if config.hub_device_arn.parse::<ThingArn>().is_err() {
            return Err(AgentError::HubDeviceArn);
        }
        let url = |text: &str, option| service_url(text, option, config.insecure_http);
        let kinesisvideo = url(&config.endpoint_url, "--endpoint-url")?;
        let secrets = match &config.secrets_endpoint_url {
            Some(text) => url(text, "--secrets-endpoint-url")?,
            None => kinesisvideo.clone(),
        };
        let path = config.camera_ca;
        let camera_tls = CameraTls::open(path.as_deref(), disk.as_ref())
            .map_err(|source| AgentError::CameraCa { path: path.unwrap_or_default(), source })?;
        let insecure_http = config.insecure_http;
        let endpoints = Endpoints { kinesisvideo, secrets, region: config.region, insecure_http };
        let listen = |address| {
            let listener = TcpListener::bind(address)?;
            listener.set_nonblocking(true)?;
            Ok(listener)
        };
        let address = config.listen;
        let listener = listen(address).map_err(|source| AgentError::Listen { address, source })?;

        let data_dir = &config.data_dir;
        let store_error = |source| AgentError::Store { path: data_dir.clone(), source };
        create_dir_durably(disk.as_ref(), data_dir)
            .map_err(|source| AgentError::Folder { path: data_dir.clone(), source })?;
        let reserve = StoreSettings::HUB.free_bytes_reserve;
        let space_reserve = SpaceReserve::new(disk.clone(), data_dir, reserve);
        say_no_space(space_reserve.give_up_if_full());
        let (media, index) = (data_dir.join("media"), data_dir.join("index.sqlite"));
        let opened = Store::open_or_begin_anew(&disk, &media, &index, StoreSettings::HUB);
        let (store, recovered) = opened.map_err(store_error)?;
        tracing::info!(%recovered, "media store open");
        let reader = store.reader();
        let ledgers = SqliteLedger::open(data_dir)?;
        let settings = HubSettings {
            hub_device_arn: config.hub_device_arn,
            time_zone: config.time_zone,
            commit_interval: COMMIT_INTERVAL,
        };
        let hub = Hub::open(
            settings,
            store,
            Box::new(ledgers),
            disk.clone(),
            data_dir,
            chance,
            clock.now(),
        )?;
        // In a folder that is ours by now, and before there is media.
        say_no_space(space_reserve.keep());
        let file_bounds = file_bounds(&config.file_roots, data_dir)?;
        let api = ApiClient::new(endpoints, config.credentials, disk.clone(), clock.clone())
            .map_err(AgentError::Threads)?;
        let pace = UploadPace::new(config.upload_bytes_per_second, clock.clone());
        Ok(Self {
            settings: None,
            pace,
            pulse: None,
            hub,
            reader,
            api,
            clock,
            disk,
            camera_tls,
            file_bounds,
            listener,
            space_reserve,
        })
    }

    /// Where `/healthz`, `/readyz` and `/metrics` are served.
    ///
    /// # Errors
    ///
    /// When the system does not say.
    pub fn listen_address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Gives this sign of life from the loop that records, uploads and deletes.
    #[must_use]
    pub fn with_pulse(self, pulse: Pulse) -> Self {
        Self { pulse: Some(pulse), ..self }
    }

    /// Works by each of these from when it comes.
    #[must_use]
    pub fn with_settings(self, settings: mpsc::UnboundedReceiver<LiveSettings>) -> Self {
        Self { settings: Some(settings), ..self }
    }

    /// Runs until `shutdown` is ready, then ends in order: what is open is sealed and made durable.
    ///
    /// # Errors
    ///
    /// When threads cannot be had, or when the disk failed so that nothing more can be recorded.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), AgentError> {
        let Self {
            settings,
            pace,
            pulse,
            hub,
            reader,
            api,
            clock,
            disk,
            camera_tls,
            file_bounds,
            listener,
            space_reserve,
        } = self;
        let listener = tokio::net::TcpListener::from_std(listener).map_err(AgentError::Threads)?;
        let drain_pace = DrainPace::default();
        let started = core_thread::start(hub, clock.clone(), pulse, drain_pace.clone());
        let CoreThread { core, core_here, tasks, effects, thread } =
            started.map_err(AgentError::Threads)?;
        let status = tokio::spawn(status_server::serve(listener, core.clone()));
        let keeping = tokio::spawn(keep_space(space_reserve));
        if let Some(settings) = settings {
            let (tls, disk) = (camera_tls.clone(), disk.clone());
            tokio::spawn(follow(settings, pace.clone(), tls, disk, core.clone()));
        }
        let cameras = Cameras {
            core: core_here,
            clock: clock.clone(),
            tls: camera_tls,
            pool: Arc::new(ReadPool::default()),
            pace: drain_pace.clone(),
            datagram_runtime: tokio::runtime::Handle::current(),
        };
        let executor = Executor {
            api,
            core: core.clone(),
            clock,
            pace,
            reader,
            disk,
            file_bounds,
            core_tasks: tasks,
            drain_pace,
            cameras,
        };
        let mut executing = tokio::spawn(executor.run(effects));

        tokio::select! {
            () = shutdown => {
                core.send(Event::Shutdown).await;
                tracing::info!("stopping");
                joined((&mut executing).await);
            }
            ended = &mut executing => joined(ended),
        }
        status.abort();
        keeping.abort();
        match tokio::task::spawn_blocking(move || thread.join()).await {
            Ok(Ok(false)) => Ok(()),
            _ => Err(AgentError::DiskFailed),
        }
    }
}

/// The agent goes on without: that there is no space is said by whoever needs it.
fn say_no_space(kept: io::Result<()>) {
    if let Err(error) = kept {
        tracing::warn!(%error, "no space can be set aside for a full disk, or given up");
    }
}

/// How often it is looked whether the disk is full.
const SPACE_PERIOD: Duration = Duration::from_secs(2);

/// Keeps some space set aside while there is any, and gives it up when others have filled the disk.
async fn keep_space(space_reserve: SpaceReserve) {
    let space_reserve = Arc::new(space_reserve);
    let mut is_said = false;
    loop {
        tokio::time::sleep(SPACE_PERIOD).await;
        let reserve = Arc::clone(&space_reserve);
        let kept = tokio::task::spawn_blocking(move || reserve.keep()).await;
        match kept.map_err(io::Error::other).flatten() {
            Ok(()) => is_said = false,
            Err(error) if !std::mem::replace(&mut is_said, true) => say_no_space(Err(error)),
            Err(_) => {}
        }
    }
}

/// The roots as full paths. That one is not there yet, such as a disk to be mounted, is said when it is needed.
fn file_bounds(roots: &[PathBuf], data_dir: &Path) -> Result<Arc<SourceBounds>, AgentError> {
    let mut bounds = SourceBounds { roots: Vec::new(), own_folder: data_dir.to_owned() };
    for root in roots {
        let path = std::path::absolute(root)
            .map_err(|source| AgentError::FileRoot { path: root.clone(), source })?;
        bounds.roots.push(path);
    }
    Ok(Arc::new(bounds))
}

/// Hands on what the operator changes.
async fn follow(
    mut settings: mpsc::UnboundedReceiver<LiveSettings>,
    pace: UploadPace,
    camera_tls: CameraTls,
    disk: Arc<dyn Disk>,
    core: CoreHandle,
) {
    while let Some(settings) = settings.recv().await {
        let LiveSettings { time_zone, upload_bytes_per_second, camera_ca } = settings;
        pace.set(upload_bytes_per_second);
        if let Err(error) = camera_tls.reload(camera_ca.as_deref(), disk.as_ref()) {
            tracing::error!(
                error = describe(&error),
                "--camera-ca cannot be read again; the former certificates stay trusted"
            );
        }
        if !core.send(Event::ZoneChanged(time_zone)).await {
            return;
        }
    }
}

/// The executor ends with the core; it can end otherwise only by a mistake in it.
fn joined(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "the agent's executor ended early");
    }
}
