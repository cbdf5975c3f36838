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
use crate::producer::Producer;

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

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// A producer of a new stream of this name.
    pub(crate) async fn producer(&self, stream: &str) -> Outcome<Producer> {
        let mut caller = Caller::connect(self.server.address, &self.credentials).await?;
        let input = json!({"StreamName": stream, "DataRetentionInHours": 24});
        caller.json("/createStream", &input).await?;
        Producer::connect(self.server.address, &self.credentials, stream).await
    }

    async fn configure(&self, work: &Work) -> Outcome<()> {
        let mut caller = Caller::connect(self.server.address, &self.credentials).await?;
        for (number, uri) in work.uris.iter().enumerate() {
            let stream = format!("{}-{number}", work.name);
            let input = json!({"StreamName": stream, "DataRetentionInHours": 24});
            caller.json("/createStream", &input).await?;
            let secret_string = json!({"MediaURI": uri}).to_string();
            let secret = caller.create_secret(&stream, &secret_string).await?;
            let uri_type = if uri.starts_with("file:") { "FILE_URI" } else { "RTSP_URI" };
            let input = json!({"StreamName": stream, "EdgeConfig": {
                "HubDeviceArn": work.hub_arn(),
                "RecorderConfig": {
                    "MediaSourceConfig": {"MediaUriSecretArn": secret, "MediaUriType": uri_type},
                },
                "UploaderConfig": {"ScheduleConfig": {
                    "ScheduleExpression": work.upload, "DurationInSeconds": 3600,
                }},
                "DeletionConfig": {"DeleteAfterUpload": false},
            }});
            caller.json("/startEdgeConfigurationUpdate", &input).await?;
        }
        Ok(())
    }
}

/// What a hub does: a stream for each URI, recorded always.
pub(crate) struct Work {
    /// Of the hub, and the beginning of its streams' names.
    pub(crate) name: String,
    pub(crate) uris: Vec<String>,
    /// When uploads begin, as a cron expression in UTC.
    pub(crate) upload: String,
}

impl Work {
    /// The folder of the file that is recorded, if it is one.
    fn file_root(&self) -> Option<&str> {
        let path = self.uris.first()?.strip_prefix("file://")?;
        path.rsplit_once('/').map(|(folder, _)| folder)
    }

    fn hub_arn(&self) -> String {
        format!("arn:aws:iot:us-east-1:000000000000:thing/{}", self.name)
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
    pub(crate) async fn start(hub: &Hub, work: &Work) -> Outcome<Self> {
        hub.configure(work).await?;
        let listen = free_address()?;
        let data_dir = hub.folder.join(&work.name);
        let child = on_one_core(&hub.vigie)
            .args(["--log", "warn", "agent", "--hub-device-arn", &work.hub_arn()])
            .args(["--endpoint-url", &format!("http://{}", hub.server.address)])
            .args(["--timezone", "UTC", "--listen", &listen.to_string(), "--data-dir"])
            .arg(&data_dir)
            .env_remove("VIGIE_CONFIG")
            // In the environment: an older build beside this one does not know the option.
            .envs(work.file_root().map(|folder| ("VIGIE_FILE_ROOT", folder)))
            .env("AWS_ACCESS_KEY_ID", &hub.credentials.access_key_id)
            .env("AWS_SECRET_ACCESS_KEY", hub.credentials.secret_access_key.expose())
            .spawn()?;
        Ok(Self { program: Program::new(child), listen, count: work.uris.len(), data_dir })
    }

    /// A metric's values, one of each stream.
    pub(crate) async fn metric(&self, name: &str) -> Outcome<Vec<f64>> {
        let text = client::get(self.listen, "/metrics").await.unwrap_or_default();
        let of_stream = format!("vigie_agent_{name}{{");
        let values = text.lines().filter(|line| line.starts_with(&of_stream));
        let value = |line: &str| Ok(line.rsplit(' ').next().unwrap_or_default().parse()?);
        values.map(value).collect()
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
            let frames = self.metric("frames_total").await?;
            let recording = frames.iter().filter(|frames| **frames > 0.0).count();
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
