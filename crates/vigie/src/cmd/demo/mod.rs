//! `vigie demo`: server, agent and a simulated camera in one process, configured through the public API as a user
//! would.

mod setup;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::tz::TimeZone;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use vigie_agent::{Agent, AgentConfig, ApiClient, CredentialsChain, Endpoints};
use vigie_camera::{AuthScheme, Camera, CameraConfig, Credentials, Media};
use vigie_engine::clock::Clock;
use vigie_kvs::Sensitive;
use vigie_server::ServerConfig;
use vigie_store::OsDisk;

use crate::cli::DemoOptions;
use crate::cmd::server;
use crate::failure::{Doing, Failure};
use crate::output;
use crate::stop;
use crate::system::{SystemChance, SystemClock};

use setup::{HUB_DEVICE_ARN, STREAM_NAME};

/// Made by `scripts/make-demo-clip.sh`.
const CLIP: &[u8] = include_bytes!("../../../assets/demo.mp4");
const REGION: &str = "us-east-1";
/// The simulated camera wants to be asked properly, as real ones do.
const CAMERA_USER: &str = "demo";
const CAMERA_PASSWORD: &str = "demo";
/// How long the first media may take before the demonstration says that something is wrong.
const FIRST_MEDIA_TIMEOUT: Duration = Duration::from_secs(60);

pub fn run(options: DemoOptions) -> Result<(), Failure> {
    stop::runtime()?.block_on(demonstrate(options))
}

/// Everything that runs, to be ended in the opposite order.
struct Running {
    camera: Camera,
    server: JoinHandle<Result<(), Failure>>,
    agent: JoinHandle<Result<(), Failure>>,
    stop_server: watch::Sender<bool>,
    stop_agent: watch::Sender<bool>,
    /// Signs in to the console once.
    console_code: Sensitive,
}

async fn demonstrate(options: DemoOptions) -> Result<(), Failure> {
    if !options.listen.ip().to_canonical().is_loopback() {
        let message =
            "the demonstration speaks plain http: let it listen on loopback, or run `vigie server`";
        return Err(Failure::usage(message));
    }
    let stop = stop::requested()?;
    tokio::pin!(stop);
    let started_at = SystemClock::new().now().wall;
    let listener =
        TcpListener::bind(options.listen).await.doing(format!("listen on {}", options.listen))?;
    let endpoint_url = format!("http://{}", listener.local_addr().doing("read the address")?);
    let config = ServerConfig {
        image_decoders: server::image_decoders(None, None),
        ..ServerConfig::new(options.data_dir.join("server"))
    };
    let credentials_path = config.credentials_path();
    let mut running = tokio::select! {
        running = start(config, listener, &endpoint_url, &options.data_dir) => running?,
        () = &mut stop => return Ok(()),
    };
    let api = api_client(&endpoint_url, &credentials_path)?;
    let ended = tokio::select! {
        ready = setup::first_media(&api, started_at, FIRST_MEDIA_TIMEOUT) => match ready {
            Ok(()) => {
                print_guide(&endpoint_url, &credentials_path, &running.console_code)?;
                wait(&mut running, &mut stop).await
            }
            Err(failure) => Err(failure),
        },
        () = &mut stop => Ok(()),
    };
    finish(running).await.and(ended)
}

async fn start(
    config: ServerConfig,
    listener: TcpListener,
    endpoint_url: &str,
    data_dir: &Path,
) -> Result<Running, Failure> {
    let credentials_path = config.credentials_path();
    let opened = server::open(config).await?;
    let console_code = opened.offer_console_sign_in().doing("offer a link to the console")?;
    let (stop_server, server_stopped) = watch::channel(false);
    let server = tokio::spawn(async move {
        opened.serve(listener, stopped(server_stopped)).await.doing("serve")
    });

    let camera = start_camera().await?;
    let api = api_client(endpoint_url, &credentials_path)?;
    let camera_url =
        camera.url(0).replacen("rtsp://", &format!("rtsp://{CAMERA_USER}:{CAMERA_PASSWORD}@"), 1);
    setup::configure(&api, &camera_url).await?;

    let agent = Agent::open(
        agent_config(endpoint_url, &credentials_path, data_dir)?,
        Arc::new(SystemClock::new()),
        Box::new(SystemChance),
        Arc::new(OsDisk),
    )
    .doing("start the agent")?;
    let (stop_agent, agent_stopped) = watch::channel(false);
    let agent = tokio::spawn(async move { agent.run(stopped(agent_stopped)).await.doing("go on") });
    Ok(Running { camera, server, agent, stop_server, stop_agent, console_code })
}

async fn start_camera() -> Result<Camera, Failure> {
    let media = Media::parse(Bytes::from_static(CLIP)).doing("load the demonstration's clip")?;
    let credentials =
        Credentials { user: CAMERA_USER.to_owned(), password: CAMERA_PASSWORD.to_owned() };
    let config = CameraConfig {
        credentials: Some(credentials),
        auth: AuthScheme::Digest,
        ..CameraConfig::new(([127, 0, 0, 1], 0).into(), media)
    };
    let clock = SystemClock::new();
    Camera::start(config, move || clock.now().wall).await.doing("start the camera")
}

fn agent_config(
    endpoint_url: &str,
    credentials_path: &Path,
    data_dir: &Path,
) -> Result<AgentConfig, Failure> {
    Ok(AgentConfig {
        hub_device_arn: HUB_DEVICE_ARN.to_owned(),
        endpoint_url: endpoint_url.to_owned(),
        secrets_endpoint_url: None,
        insecure_http: false,
        region: REGION.to_owned(),
        data_dir: data_dir.join("hub"),
        time_zone: TimeZone::system(),
        listen: ([127, 0, 0, 1], 0).into(),
        camera_ca: None,
        file_roots: Vec::new(),
        upload_bytes_per_second: None,
        credentials: credentials(credentials_path)?,
    })
}

/// The server's root key and nothing from the user's own environment.
fn credentials(path: &Path) -> Result<CredentialsChain, Failure> {
    let path = path.to_str().map(str::to_owned).ok_or_else(|| {
        Failure::usage(format!("--data-dir {} is not valid UTF-8", path.display()))
    })?;
    Ok(CredentialsChain::from_environment(|name| {
        (name == "AWS_SHARED_CREDENTIALS_FILE").then(|| path.clone())
    }))
}

fn api_client(endpoint_url: &str, credentials_path: &Path) -> Result<ApiClient, Failure> {
    let url: url::Url = endpoint_url.parse().doing("read the endpoint's URL")?;
    let endpoints = Endpoints {
        kinesisvideo: url.clone(),
        secrets: url,
        region: REGION.to_owned(),
        insecure_http: false,
    };
    let clock = Arc::new(SystemClock::new());
    ApiClient::new(endpoints, credentials(credentials_path)?, Arc::new(OsDisk), clock)
        .doing("start the HTTP client")
}

fn print_guide(
    endpoint_url: &str,
    credentials_path: &Path,
    console_code: &Sensitive,
) -> Result<(), Failure> {
    let credentials_path: PathBuf =
        credentials_path.canonicalize().doing("find the credentials file")?;
    output::line(&format!(
        "
Vigie runs. A simulated camera is recorded, uploaded and kept in the stream {STREAM_NAME:?}.

  console      {endpoint_url}/console/#/welcome/{code}/{STREAM_NAME}
               (live video; this link signs in once, afterwards the access key does)
  endpoint     {endpoint_url}
  access key   {credentials}

Try it with the AWS CLI:

  export AWS_SHARED_CREDENTIALS_FILE={credentials} AWS_DEFAULT_REGION={REGION}
  aws kinesisvideo describe-edge-configuration --stream-name {STREAM_NAME} --endpoint-url {endpoint_url}
  aws kinesis-video-archived-media list-fragments --stream-name {STREAM_NAME} --fragment-selector 'FragmentSelectorType=PRODUCER_TIMESTAMP,TimestampRange={{StartTimestamp=2020-01-01,EndTimestamp=2100-01-01}}' --endpoint-url {endpoint_url}
  timeout 10 aws kinesis-video-media get-media --stream-name {STREAM_NAME} --start-selector StartSelectorType=EARLIEST --endpoint-url {endpoint_url} {STREAM_NAME}.mkv

Ctrl-C stops it.",
        credentials = credentials_path.display(),
        code = console_code.expose(),
    ))
}

/// Until somebody wants it to stop, or a part of it stops by itself.
async fn wait(
    running: &mut Running,
    stop: &mut (impl Future<Output = ()> + Unpin),
) -> Result<(), Failure> {
    let ended = tokio::select! {
        () = stop => return Ok(()),
        ended = &mut running.server => ended,
        ended = &mut running.agent => ended,
    };
    ended.doing("go on").flatten().and(Err(Failure::other("a part of the demonstration stopped")))
}

/// The agent first, so that its last fragments still reach the server.
async fn finish(running: Running) -> Result<(), Failure> {
    let Running { camera, server, agent, stop_server, stop_agent, .. } = running;
    stop_agent.send_replace(true);
    let agent = if agent.is_finished() { Ok(()) } else { agent.await.doing("stop").flatten() };
    camera.shutdown().await;
    stop_server.send_replace(true);
    let server = if server.is_finished() { Ok(()) } else { server.await.doing("stop").flatten() };
    agent.and(server)
}

async fn stopped(mut stop: watch::Receiver<bool>) {
    // An error means that nobody is left who could say it: then it is time to stop as well.
    if stop.wait_for(|stop| *stop).await.is_err() {
        tracing::debug!("nobody is left to say when to stop");
    }
}
