//! A real server on a loopback port in a folder of its own, with a clock that tests move, and a client that signs. Tests of the
//! server from outside are made with it, and those of others who call one.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

pub mod chunks;
pub mod keys;
pub mod media;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use vigie_fakes::chance::SimChance;
use vigie_fakes::clock::TestClock;
use vigie_kvs::Sensitive;
use vigie_kvs::sigv4::{Credentials, RequestHead, sign};
use vigie_media::Timestamp;
use vigie_server::auth::MasterKey;
use vigie_server::{MasterKeySource, Server, ServerConfig, ServerError};
use vigie_store::OsDisk;
use vigie_store::disk::Disk;

/// Of all signatures.
pub const REGION: &str = "us-east-1";
/// A hub, by its name.
pub const HUB: &str = "arn:aws:iot:us-east-1:000000000000:thing/hub-1";

/// Every test that starts at the same time draws the same numbers.
fn chance(clock: &TestClock) -> Box<SimChance> {
    Box::new(SimChance::new(clock.wall().as_millis() as u64))
}

/// An answer that has come whole.
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl Answer {
    /// Its body, which is JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {:?}", self.body))
    }

    /// The status and the exception of a refusal.
    pub fn error(&self) -> (u16, &str) {
        (self.status, self.headers["x-amzn-errortype"].to_str().unwrap())
    }

    /// The body of a call that was not refused.
    pub fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{:?}", self.body);
        assert!(self.headers.contains_key("x-amzn-requestid"));
        self.json()
    }
}

/// See the crate's documentation.
pub struct TestServer {
    /// Where it listens.
    pub address: SocketAddr,
    /// What it takes the time from.
    pub clock: Arc<TestClock>,
    /// Its root key.
    pub credentials: Credentials,
    folder: Arc<tempfile::TempDir>,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<Result<(), ServerError>>,
}

/// The settings of a server in this folder, as they are by default.
pub fn config(folder: &Path) -> ServerConfig {
    ServerConfig::new(folder.join("data"))
}

/// A server that listens to nothing yet, with a master key of this byte.
pub async fn open(
    config: ServerConfig,
    master_key: u8,
    clock: Arc<TestClock>,
) -> Result<Server, ServerError> {
    open_on(Arc::new(OsDisk), config, master_key, clock).await
}

/// With the master key in its file, as the program does.
pub async fn open_with_key_file(
    config: ServerConfig,
    clock: Arc<TestClock>,
) -> Result<Server, ServerError> {
    let chance = chance(&clock);
    Server::open(config, MasterKeySource::File, clock, chance, Arc::new(OsDisk)).await
}

async fn open_on(
    disk: Arc<dyn Disk>,
    config: ServerConfig,
    master_key: u8,
    clock: Arc<TestClock>,
) -> Result<Server, ServerError> {
    let master_key = MasterKey::from_bytes([master_key; 32]);
    let chance = chance(&clock);
    Server::open(config, master_key, clock, chance, disk).await
}

impl TestServer {
    /// In a folder of its own.
    pub async fn start() -> Self {
        Self::start_on(Arc::new(OsDisk)).await
    }

    /// On a disk of the test's.
    pub async fn start_on(disk: Arc<dyn Disk>) -> Self {
        Self::start_in(disk, Arc::new(tempfile::tempdir().unwrap()), TestClock::new()).await
    }

    /// With other settings than the defaults.
    pub async fn start_configured(change: impl FnOnce(&mut ServerConfig)) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let mut config = config(folder.path());
        change(&mut config);
        Self::start_as(config, Arc::new(OsDisk), folder, TestClock::new()).await
    }

    /// In a folder that is there.
    pub async fn start_in(
        disk: Arc<dyn Disk>,
        folder: Arc<tempfile::TempDir>,
        clock: Arc<TestClock>,
    ) -> Self {
        Self::start_as(config(folder.path()), disk, folder, clock).await
    }

    async fn start_as(
        config: ServerConfig,
        disk: Arc<dyn Disk>,
        folder: Arc<tempfile::TempDir>,
        clock: Arc<TestClock>,
    ) -> Self {
        let server = open_on(disk, config.clone(), 7, Arc::clone(&clock)).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(server.serve(listener, async {
            stopped.await.ok();
        }));
        let credentials = read_credentials(&config.credentials_path());
        Self { address, clock, credentials, folder, stop, serving }
    }

    /// Stops gracefully and gives the folder back.
    pub async fn stop(self) -> (Arc<tempfile::TempDir>, Arc<TestClock>) {
        self.stop.send(()).unwrap();
        self.serving.await.unwrap().unwrap();
        (self.folder, self.clock)
    }

    /// Waits for a server that ends by itself.
    pub async fn ended(self) -> Result<(), ServerError> {
        self.serving.await.unwrap()
    }

    /// Stops gracefully, and starts in the same folder at the same time.
    pub async fn restart(self) -> Self {
        let (folder, clock) = self.stop().await;
        Self::start_in(Arc::new(OsDisk), folder, clock).await
    }

    /// Its folder, which stays when the server goes.
    pub fn shared_folder(&self) -> Arc<tempfile::TempDir> {
        Arc::clone(&self.folder)
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The folders of the streams that have media files.
    pub fn media_folders(&self) -> Vec<PathBuf> {
        let media = self.folder().join("data/media");
        let paths = std::fs::read_dir(media).unwrap().map(|entry| entry.unwrap().path());
        paths.filter(|path| path.is_dir()).collect()
    }

    /// A plain GET, without a signature.
    pub async fn get(&self, path: &str) -> Answer {
        let request = Request::get(path).header("host", self.host()).body(Full::default()).unwrap();
        collect(self.send(request).await).await
    }

    /// A rest-json call.
    pub async fn call(&self, path: &str, input: Value) -> Answer {
        self.call_as(&self.credentials, path, input).await
    }

    /// The same, in the name of another key.
    pub async fn call_as(&self, credentials: &Credentials, path: &str, input: Value) -> Answer {
        let body = Bytes::from(input.to_string());
        let headers = [("content-type", "application/json".to_owned())];
        let request = self.signed(
            credentials,
            path,
            "kinesisvideo",
            &headers,
            Some(&body),
            self.clock.wall(),
        );
        collect(self.send(request.map(|()| Full::new(body))).await).await
    }

    /// An awsJson call of Secrets Manager.
    pub async fn secrets(&self, operation: &str, input: Value) -> Answer {
        let body = Bytes::from(input.to_string());
        let headers = [
            ("content-type", "application/x-amz-json-1.1".to_owned()),
            ("x-amz-target", format!("secretsmanager.{operation}")),
        ];
        let now = self.clock.wall();
        let request =
            self.signed(&self.credentials, "/", "secretsmanager", &headers, Some(&body), now);
        collect(self.send(request.map(|()| Full::new(body))).await).await
    }

    /// As requests name it.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// A signed request without its body; `None` signs as Amazon's C producers do.
    pub fn signed(
        &self,
        credentials: &Credentials,
        path: &str,
        service: &str,
        headers: &[(&str, String)],
        body: Option<&[u8]>,
        now: Timestamp,
    ) -> Request<()> {
        let host = self.host();
        let mut to_sign: Vec<(&str, &[u8])> = vec![("host", host.as_bytes())];
        to_sign.extend(headers.iter().map(|(name, value)| (*name, value.as_bytes())));
        let head = RequestHead { method: "POST", path, query: "", headers: &to_sign };
        let signature = sign(&head, body, credentials, REGION, service, now);
        let mut request = Request::post(path).header("host", &host);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        if let Some(token) = &signature.security_token {
            request = request.header("x-amz-security-token", token.expose());
        }
        request
            .header("authorization", signature.authorization.expose())
            .header("x-amz-date", signature.date)
            .body(())
            .unwrap()
    }

    /// Sends a request on a connection of its own.
    pub async fn send<B>(&self, request: Request<B>) -> Response<Incoming>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        send_to(self.address, request).await
    }

    /// CreateStream; gives its ARN.
    pub async fn create_stream(&self, name: &str, retention_hours: u32) -> String {
        let input = serde_json::json!({
            "StreamName": name, "DataRetentionInHours": retention_hours,
        });
        self.call("/createStream", input).await.ok()["StreamARN"].as_str().unwrap().to_owned()
    }
}

/// Sends a request on a connection of its own.
pub async fn send_to<B>(address: SocketAddr, request: Request<B>) -> Response<Incoming>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(async move {
        connection.await.ok();
    });
    sender.send_request(request).await.unwrap()
}

/// Waits for the whole of an answer.
pub async fn collect(response: Response<Incoming>) -> Answer {
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answer { status: head.status.as_u16(), headers: head.headers, body }
}

/// The key in a credentials file.
pub fn read_credentials(path: &Path) -> Credentials {
    parse_credentials(&std::fs::read_to_string(path).unwrap())
}

/// Of the form that AWS's tools read.
pub fn parse_credentials(text: &str) -> Credentials {
    let value = |key: &str| {
        let line = text.lines().find(|line| line.starts_with(key)).unwrap();
        line.split_once(" = ").unwrap().1.to_owned()
    };
    Credentials {
        access_key_id: value("aws_access_key_id"),
        secret_access_key: Sensitive::new(value("aws_secret_access_key")),
        session_token: None,
    }
}

/// Waits for what comes soon; a test that hangs fails instead.
pub async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("it did not come in time")
}
