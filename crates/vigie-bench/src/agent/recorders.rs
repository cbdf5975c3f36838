//! The recorders that are measured: `vigie agent` with a server of its own, and ffmpeg.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use vigie_kvs::sigv4::Credentials;

use super::cameras::{Cameras, free_address};
use super::program::Program;
use crate::Outcome;
use crate::client::{self, Caller};
use crate::process::{CORE, Server, on_one_core};
use crate::producer::Producer;

/// All cameras record by then, or something is wrong.
const START_MAX: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(100);

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

    /// Where the agent of this work keeps its media.
    pub(crate) fn data_dir(&self, work: &Work) -> PathBuf {
        self.folder.join(&work.name)
    }

    /// A producer of a new stream of this name.
    pub(crate) async fn producer(&self, stream: &str) -> Outcome<Producer> {
        let mut caller = Caller::connect(self.server.address, &self.credentials).await?;
        let input = json!({"StreamName": stream, "DataRetentionInHours": 24});
        caller.json("/createStream", &input).await?;
        Producer::connect(self.server.address, &self.credentials, stream).await
    }

    /// The same with the server on the core of what is measured.
    pub(crate) async fn on_one_core(vigie: &Path, folder: &Path) -> Outcome<Self> {
        let (server, credentials) = Server::vigie_on(CORE, vigie, folder).await?;
        let credentials = Arc::new(credentials);
        Ok(Self { vigie: vigie.to_owned(), folder: folder.to_owned(), server, credentials })
    }

    pub(crate) fn server_pid(&self) -> u32 {
        self.server.pid()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address
    }

    pub(crate) fn credentials(&self) -> &Arc<Credentials> {
        &self.credentials
    }

    /// Creates the work's streams with their edge configurations; their ARNs.
    pub(crate) async fn configure(&self, work: &Work) -> Outcome<Vec<String>> {
        let mut caller = Caller::connect(self.server.address, &self.credentials).await?;
        let mut arns = Vec::with_capacity(work.uris.len());
        for (number, uri) in work.uris.iter().enumerate() {
            let stream = work.stream(number);
            let input = json!({"StreamName": stream, "DataRetentionInHours": 24});
            let created = caller.json("/createStream", &input).await?;
            arns.push(created["StreamARN"].as_str().ok_or("no StreamARN")?.to_owned());
            let secret_string = json!({"MediaURI": uri}).to_string();
            let secret = caller.create_secret(&stream, &secret_string).await?;
            let input = work.edge_configuration(number, &secret);
            caller.json("/startEdgeConfigurationUpdate", &input).await?;
        }
        Ok(arns)
    }

    /// Tells the hub to record by this schedule from now on, a minute at each fire.
    pub(crate) async fn reschedule(&self, work: &Work, expression: &str) -> Outcome<()> {
        let mut caller = Caller::connect(self.server.address, &self.credentials).await?;
        for number in 0..work.uris.len() {
            let input = json!({"StreamName": work.stream(number)});
            let known = caller.json("/describeEdgeConfiguration", &input).await?;
            let recorder = &known["EdgeConfig"]["RecorderConfig"]["MediaSourceConfig"];
            let secret = recorder["MediaUriSecretArn"].as_str().ok_or("no MediaUriSecretArn")?;
            let mut input = work.edge_configuration(number, secret);
            input["EdgeConfig"]["RecorderConfig"]["ScheduleConfig"] =
                json!({"ScheduleExpression": expression, "DurationInSeconds": 60});
            caller.json("/startEdgeConfigurationUpdate", &input).await?;
        }
        Ok(())
    }

    /// How many calls of an operation the server has answered.
    pub(crate) async fn calls(&self, operation: &str) -> Outcome<f64> {
        let text = client::get(self.server.address, "/metrics").await?;
        let of_operation = format!("operation=\"{operation}\"");
        let lines = text
            .lines()
            .filter(|line| line.starts_with("vigie_") && line.contains("requests_total"));
        let values = lines.filter(|line| line.contains(&of_operation));
        let value = |line: &str| Ok(line.rsplit(' ').next().unwrap_or_default().parse::<f64>()?);
        values.map(value).sum()
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

    pub(crate) fn hub_arn(&self) -> String {
        format!("arn:aws:iot:us-east-1:000000000000:thing/{}", self.name)
    }

    /// The name of a camera's stream.
    pub(crate) fn stream(&self, number: usize) -> String {
        format!("{}-{number}", self.name)
    }

    fn edge_configuration(&self, number: usize, secret: &str) -> Value {
        let is_file = self.uris.get(number).is_some_and(|uri| uri.starts_with("file:"));
        let uri_type = if is_file { "FILE_URI" } else { "RTSP_URI" };
        json!({"StreamName": self.stream(number), "EdgeConfig": {
            "HubDeviceArn": self.hub_arn(),
            "RecorderConfig": {
                "MediaSourceConfig": {"MediaUriSecretArn": secret, "MediaUriType": uri_type},
            },
            "UploaderConfig": {"ScheduleConfig": {
                "ScheduleExpression": self.upload, "DurationInSeconds": 3600,
            }},
            "DeletionConfig": {"DeleteAfterUpload": false},
        }})
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
    /// Configures the work and starts an agent that does it, with an empty folder.
    pub(crate) async fn start(hub: &Hub, work: &Work) -> Outcome<Self> {
        hub.configure(work).await?;
        Self::spawn(hub, &hub.vigie, work)
    }

    /// Starts `program` as the agent of work that is configured, on whatever its folder holds.
    pub(crate) fn spawn(hub: &Hub, program: &Path, work: &Work) -> Outcome<Self> {
        let listen = free_address()?;
        let data_dir = hub.data_dir(work);
        let child = on_one_core(program)
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
        self.wait_until_all_record_within(START_MAX).await
    }

    pub(crate) async fn wait_until_all_record_within(&self, most: Duration) -> Outcome<()> {
        let deadline = Instant::now() + most;
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

    /// Until it says that it is ready.
    pub(crate) async fn wait_until_ready(&self, most: Duration) -> Outcome<()> {
        let deadline = Instant::now() + most;
        while !client::is_ready(self.listen).await {
            if Instant::now() > deadline {
                return Err(format!("the agent is not ready after {most:?}").into());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    pub(crate) async fn stop(&mut self) -> Outcome<()> {
        self.program.stop().await
    }

    /// kill -9.
    pub(crate) fn kill(&mut self) -> Outcome<()> {
        self.program.kill()
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
