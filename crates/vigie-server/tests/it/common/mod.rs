//! A real server on a loopback port in a folder of its own, a clock that tests move, and a client that signs.

pub(crate) mod chunks;
pub(crate) mod keys;
pub(crate) mod media;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
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
use vigie_engine::chance::Chance;
use vigie_engine::clock::{Clock, Now};
use vigie_kvs::Sensitive;
use vigie_kvs::sigv4::{Credentials, RequestHead, sign};
use vigie_media::Timestamp;
use vigie_server::auth::MasterKey;
use vigie_server::{MasterKeySource, Server, ServerConfig, ServerError};
use vigie_store::OsDisk;
use vigie_store::disk::Disk;

pub(crate) const REGION: &str = "us-east-1";
pub(crate) const HUB: &str = "arn:aws:iot:us-east-1:000000000000:thing/hub-1";

/// Runs with real time, from a wall time that tests move.
pub(crate) struct TestClock {
    started: tokio::time::Instant,
    wall_at_start_ms: AtomicI64,
    passed_ms: AtomicI64,
    held: Mutex<Option<Duration>>,
}

impl Clock for TestClock {
    fn now(&self) -> Now {
        let passed_ms = self.passed_ms.load(Ordering::SeqCst);
        let ran = self.held.lock().unwrap().unwrap_or_else(|| self.started.elapsed());
        let mono = ran + Duration::from_millis(passed_ms as u64);
        let wall = Timestamp::from_millis(self.wall_at_start_ms.load(Ordering::SeqCst)) + mono;
        Now { wall, mono }
    }
}

impl TestClock {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            started: tokio::time::Instant::now(),
            wall_at_start_ms: AtomicI64::new(1_795_000_000_000),
            passed_ms: AtomicI64::new(0),
            held: Mutex::new(None),
        })
    }

    /// Stands still from now on, but for what the test adds: what happens in a second does not depend on the machine.
    pub(crate) fn hold(&self) {
        *self.held.lock().unwrap() = Some(self.started.elapsed());
    }

    /// Time passes, by both clocks.
    pub(crate) fn advance(&self, by: Duration) {
        self.passed_ms.fetch_add(by.as_millis() as i64, Ordering::SeqCst);
    }

    /// The wall clock is set, by so much.
    pub(crate) fn step(&self, by_ms: i64) {
        self.wall_at_start_ms.fetch_add(by_ms, Ordering::SeqCst);
    }

    /// Makes it that time now.
    pub(crate) fn set_wall(&self, wall: Timestamp) {
        let ran_ms = self.now().mono.as_millis() as i64;
        self.wall_at_start_ms.store(wall.as_millis() - ran_ms, Ordering::SeqCst);
    }

    pub(crate) fn wall(&self) -> Timestamp {
        self.now().wall
    }
}

/// Every test draws the same numbers.
struct TestChance(u64);

impl Chance for TestChance {
    fn next_u64(&mut self) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 ^ self.0 >> 31
    }
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {:?}", self.body))
    }

    pub(crate) fn error(&self) -> (u16, &str) {
        (self.status, self.headers["x-amzn-errortype"].to_str().unwrap())
    }

    pub(crate) fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{:?}", self.body);
        assert!(self.headers.contains_key("x-amzn-requestid"));
        self.json()
    }
}

pub(crate) struct TestServer {
    pub(crate) address: SocketAddr,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) credentials: Credentials,
    folder: Arc<tempfile::TempDir>,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<Result<(), ServerError>>,
}

pub(crate) fn config(folder: &Path) -> ServerConfig {
    ServerConfig::new(folder.join("data"))
}

pub(crate) async fn open(
    config: ServerConfig,
    master_key: u8,
    clock: Arc<TestClock>,
) -> Result<Server, ServerError> {
    open_on(Arc::new(OsDisk), config, master_key, clock).await
}

/// With the master key in its file, as the program does.
pub(crate) async fn open_with_key_file(
    config: ServerConfig,
    clock: Arc<TestClock>,
) -> Result<Server, ServerError> {
    let chance = Box::new(TestChance(clock.wall().as_millis() as u64));
    Server::open(config, MasterKeySource::File, clock, chance, Arc::new(OsDisk)).await
}

async fn open_on(
    disk: Arc<dyn Disk>,
    config: ServerConfig,
    master_key: u8,
    clock: Arc<TestClock>,
) -> Result<Server, ServerError> {
    let master_key = MasterKey::from_bytes([master_key; 32]);
    let chance = Box::new(TestChance(clock.wall().as_millis() as u64));
    Server::open(config, master_key, clock, chance, disk).await
}

impl TestServer {
    pub(crate) async fn start() -> Self {
        Self::start_on(Arc::new(OsDisk)).await
    }

    /// On a disk of the test's.
    pub(crate) async fn start_on(disk: Arc<dyn Disk>) -> Self {
        Self::start_in(disk, Arc::new(tempfile::tempdir().unwrap()), TestClock::new()).await
    }

    /// With other settings than the defaults.
    pub(crate) async fn start_configured(change: impl FnOnce(&mut ServerConfig)) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let mut config = config(folder.path());
        change(&mut config);
        Self::start_as(config, Arc::new(OsDisk), folder, TestClock::new()).await
    }

    pub(crate) async fn start_in(
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
    pub(crate) async fn stop(self) -> (Arc<tempfile::TempDir>, Arc<TestClock>) {
        self.stop.send(()).unwrap();
        self.serving.await.unwrap().unwrap();
        (self.folder, self.clock)
    }

    /// Waits for a server that ends by itself.
    pub(crate) async fn ended(self) -> Result<(), ServerError> {
        self.serving.await.unwrap()
    }

    pub(crate) async fn restart(self) -> Self {
        let (folder, clock) = self.stop().await;
        Self::start_in(Arc::new(OsDisk), folder, clock).await
    }

    pub(crate) fn shared_folder(&self) -> Arc<tempfile::TempDir> {
        Arc::clone(&self.folder)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The folders of the streams that have media files.
    pub(crate) fn media_folders(&self) -> Vec<PathBuf> {
        let media = self.folder().join("data/media");
        let paths = std::fs::read_dir(media).unwrap().map(|entry| entry.unwrap().path());
        paths.filter(|path| path.is_dir()).collect()
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        let request = Request::get(path).header("host", self.host()).body(Full::default()).unwrap();
        collect(self.send(request).await).await
    }

    /// A rest-json call.
    pub(crate) async fn call(&self, path: &str, input: Value) -> Answer {
        self.call_as(&self.credentials, path, input).await
    }

    pub(crate) async fn call_as(
        &self,
        credentials: &Credentials,
        path: &str,
        input: Value,
    ) -> Answer {
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
    pub(crate) async fn secrets(&self, operation: &str, input: Value) -> Answer {
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

    pub(crate) fn host(&self) -> String {
        self.address.to_string()
    }

    /// A signed request without its body; `None` signs as Amazon's C producers do.
    pub(crate) fn signed(
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
    pub(crate) async fn send<B>(&self, request: Request<B>) -> Response<Incoming>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        send_to(self.address, request).await
    }

    pub(crate) async fn create_stream(&self, name: &str, retention_hours: u32) -> String {
        let input = serde_json::json!({
            "StreamName": name, "DataRetentionInHours": retention_hours,
        });
        self.call("/createStream", input).await.ok()["StreamARN"].as_str().unwrap().to_owned()
    }
}

pub(crate) async fn send_to<B>(address: SocketAddr, request: Request<B>) -> Response<Incoming>
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

pub(crate) async fn collect(response: Response<Incoming>) -> Answer {
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answer { status: head.status.as_u16(), headers: head.headers, body }
}

pub(crate) fn read_credentials(path: &Path) -> Credentials {
    parse_credentials(&std::fs::read_to_string(path).unwrap())
}

/// Of the form that AWS's tools read.
pub(crate) fn parse_credentials(text: &str) -> Credentials {
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
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("it did not come in time")
}
