//! The recorders that are measured: `vigie agent` with a server of its own, and ffmpeg.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use vigie_kvs::sigv4::Credentials;

use super::cameras::{Cameras, free_address};
use crate::Outcome;
use crate::client::{self, Caller};
use crate::process::{Server, on_one_core};

/// All cameras record by then, or something is wrong.
const START_MAX: Duration = Duration::from_secs(60);
const STOP_MAX: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(100);

/// A child that ends with this value.
pub(crate) struct Program(Child);

impl Program {
    pub(crate) fn new(child: Child) -> Self {
        Self(child)
    }

    fn pid(&self) -> u32 {
        self.0.id()
    }

    /// SIGTERM, and waits.
    async fn stop(&mut self) -> Outcome<()> {
        let done = Command::new("kill").args(["-TERM", &self.pid().to_string()]).status()?;
        if !done.success() {
            return Err(format!("kill: {done}").into());
        }
        let deadline = Instant::now() + STOP_MAX;
        while self.0.try_wait()?.is_none() {
            if Instant::now() > deadline {
                return Err("a recorder does not stop".into());
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It is the benchmark's own; that it has ended already does no harm.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// What agents need: a server with its root key, and where they live.
pub(crate) struct Hub {
    vigie: PathBuf,
    folder: PathBuf,
    server: Server,
    credentials: Arc<Credentials>,
}

impl Hub {
    pub(crate) async fn new(vigie: &Path, folder: &Path) -> Outcome<Self> {
        let (server, credentials) = Server::vigie_beside(vigie, folder).await?;
        let credentials = Arc::new(credentials);
        Ok(Self { vigie: vigie.to_owned(), folder: folder.to_owned(), server, credentials })
    }

    /// Streams of a hub of this name, one a camera, that record always and never upload.
    async fn configure(&self, hub_arn: &str, cameras: &Cameras, count: usize) -> Outcome<()> {
        let mut caller = Caller::connect(self.server.address, &self.credentials).await?;
        for camera in 0..count {
            let stream = format!("of-{count}-camera-{camera}");
            let input = json!({"StreamName": stream, "DataRetentionInHours": 24});
            caller.json("/createStream", &input).await?;
            let secret_string = json!({"MediaURI": cameras.uri(camera)}).to_string();
            let secret = caller.create_secret(&stream, &secret_string).await?;
            let never = json!({"ScheduleExpression": "0 0 0 1 1 ? 2099", "DurationInSeconds": 60});
            let input = json!({"StreamName": stream, "EdgeConfig": {
                "HubDeviceArn": hub_arn,
                "RecorderConfig": {
                    "MediaSourceConfig": {"MediaUriSecretArn": secret, "MediaUriType": "RTSP_URI"},
                },
                "UploaderConfig": {"ScheduleConfig": never},
            }});
            caller.json("/startEdgeConfigurationUpdate", &input).await?;
        }
        Ok(())
    }
}

/// A running agent.
pub(crate) struct Agent {
    program: Program,
    listen: SocketAddr,
    count: usize,
    pub(crate) data_dir: PathBuf,
}

impl Agent {
    pub(crate) async fn start(hub: &Hub, cameras: &Cameras, count: usize) -> Outcome<Self> {
        let hub_arn = format!("arn:aws:iot:us-east-1:000000000000:thing/hub-of-{count}");
        hub.configure(&hub_arn, cameras, count).await?;
        let listen = free_address()?;
        let data_dir = hub.folder.join(format!("hub-of-{count}"));
        let child = on_one_core(&hub.vigie)
            .args(["--log", "warn", "agent", "--hub-device-arn", &hub_arn, "--endpoint-url"])
            .arg(format!("http://{}", hub.server.address))
            .args(["--listen", &listen.to_string(), "--data-dir"])
            .arg(&data_dir)
            .env_remove("VIGIE_CONFIG")
            .env("AWS_ACCESS_KEY_ID", &hub.credentials.access_key_id)
            .env("AWS_SECRET_ACCESS_KEY", hub.credentials.secret_access_key.expose())
            .spawn()?;
        Ok(Self { program: Program::new(child), listen, count, data_dir })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.program.pid()
    }

    pub(crate) fn media_dir(&self) -> PathBuf {
        self.data_dir.join("media")
    }

    pub(crate) async fn wait_until_all_record(&self) -> Outcome<()> {
        let deadline = Instant::now() + START_MAX;
        loop {
            let text = client::get(self.listen, "/metrics").await.unwrap_or_default();
            let recording = text
                .lines()
                .filter(|line| {
                    line.starts_with("vigie_agent_frames_total{") && !line.ends_with(" 0.0")
                })
                .count();
            if recording == self.count {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(format!("{recording} of {} cameras are recorded", self.count).into());
            }
            tokio::time::sleep(POLL).await;
        }
    }

    pub(crate) async fn stop(&mut self) -> Outcome<()> {
        self.program.stop().await
    }
}

/// One ffmpeg a camera.
pub(crate) struct Ffmpegs(Vec<Program>);

impl Ffmpegs {
    pub(crate) fn start(cameras: &Cameras, folder: &Path, count: usize) -> Outcome<Self> {
        let start = |camera: usize| {
            let child = on_one_core(Path::new("ffmpeg"))
                .args(["-nostdin", "-v", "error", "-rtsp_transport", "tcp", "-i"])
                .arg(cameras.uri(camera))
                .args(["-c", "copy", "-f", "matroska"])
                .arg(folder.join(format!("{camera}.mkv")))
                .stdout(Stdio::null())
                .spawn()?;
            Ok(Program::new(child))
        };
        (0..count).map(start).collect::<Outcome<_>>().map(Self)
    }

    pub(crate) fn pids(&self) -> Vec<u32> {
        self.0.iter().map(Program::pid).collect()
    }

    pub(crate) async fn wait_until_all_record(&self, folder: &Path) -> Outcome<()> {
        let deadline = Instant::now() + START_MAX;
        let has_begun = |camera: usize| {
            std::fs::metadata(folder.join(format!("{camera}.mkv"))).is_ok_and(|file| file.len() > 0)
        };
        while !(0..self.0.len()).all(has_begun) {
            if Instant::now() > deadline {
                return Err("ffmpeg does not record".into());
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    pub(crate) async fn stop(&mut self) -> Outcome<()> {
        for program in &mut self.0 {
            program.stop().await?;
        }
        Ok(())
    }
}
