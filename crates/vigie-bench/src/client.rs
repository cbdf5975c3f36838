//! One connection of a caller that signs every call anew.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use vigie_kvs::sigv4::{Credentials, RequestHead, sign};
use vigie_media::Timestamp;

use crate::Outcome;

pub(crate) const REGION: &str = "us-east-1";
pub(crate) const SERVICE: &str = "kinesisvideo";

pub(crate) struct Caller {
    sender: SendRequest<Full<Bytes>>,
    host: String,
    credentials: Arc<Credentials>,
}

impl Caller {
    pub(crate) async fn connect(
        address: SocketAddr,
        credentials: &Arc<Credentials>,
    ) -> Outcome<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let credentials = Arc::clone(credentials);
        Ok(Self { sender, host: address.to_string(), credentials })
    }

    /// A signed POST; anything but 200 is a failure.
    pub(crate) async fn call(&mut self, path: &str, body: Bytes) -> Outcome<Bytes> {
        let request = self.signed(path, &body)?.map(|()| Full::new(body));
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        let status = response.status();
        let answer = response.into_body().collect().await?.to_bytes();
        if status == 200 {
            return Ok(answer);
        }
        Err(format!("{path}: {status} {}", String::from_utf8_lossy(&answer)).into())
    }

    /// A request without a signature, on a connection of its own; its answer is read while it comes.
    pub(crate) async fn get(
        address: SocketAddr,
        request: Request<Full<Bytes>>,
    ) -> Outcome<Incoming> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let response = sender.send_request(request).await?;
        match response.status().as_u16() {
            200 => Ok(response.into_body()),
            status => Err(format!("status {status}").into()),
        }
    }

    /// A signed POST whose answer is read while it comes. The connection is the answer's alone.
    pub(crate) async fn stream(self, path: &str, body: &Bytes) -> Outcome<Incoming> {
        let request = self.signed(path, body)?.map(|()| Full::new(body.clone()));
        self.send(request).await
    }

    /// Sends a request as it is; anything but 200 is a failure.
    pub(crate) async fn send(mut self, request: Request<Full<Bytes>>) -> Outcome<Incoming> {
        let response = self.sender.send_request(request).await?;
        if response.status() == 200 {
            return Ok(response.into_body());
        }
        Err(format!("{}", response.status()).into())
    }

    /// A call whose answer is JSON.
    pub(crate) async fn json(&mut self, path: &str, input: &Value) -> Outcome<Value> {
        Ok(serde_json::from_slice(&self.call(path, input.to_string().into()).await?)?)
    }

    /// Stores a secret; its ARN.
    pub(crate) async fn create_secret(&mut self, name: &str, value: &str) -> Outcome<String> {
        let body = Bytes::from(json!({"Name": name, "SecretString": value}).to_string());
        const TARGET: &str = "secretsmanager.CreateSecret";
        let headers: [(&str, &[u8]); 3] = [
            ("host", self.host.as_bytes()),
            ("content-type", b"application/x-amz-json-1.1"),
            ("x-amz-target", TARGET.as_bytes()),
        ];
        let head = RequestHead { method: "POST", path: "/", query: "", headers: &headers };
        let now = Timestamp::EPOCH + SystemTime::now().duration_since(UNIX_EPOCH)?;
        let signed = sign(&head, Some(&body), &self.credentials, REGION, "secretsmanager", now);
        let request = Request::post("/")
            .header("host", &self.host)
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", TARGET)
            .header("x-amz-date", signed.date)
            .header("authorization", signed.authorization.expose())
            .body(Full::new(body))?;
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        let status = response.status();
        let answer = response.into_body().collect().await?.to_bytes();
        let answer: Value = serde_json::from_slice(&answer)?;
        let arn = answer.get("ARN").and_then(Value::as_str);
        Ok(arn.ok_or_else(|| format!("CreateSecret: {status} {answer}"))?.to_owned())
    }

    fn signed(&self, path: &str, body: &[u8]) -> Outcome<Request<()>> {
        let headers: [(&str, &[u8]); 2] =
            [("host", self.host.as_bytes()), ("content-type", b"application/json")];
        let head = RequestHead { method: "POST", path, query: "", headers: &headers };
        let now = Timestamp::EPOCH + SystemTime::now().duration_since(UNIX_EPOCH)?;
        let signed = sign(&head, Some(body), &self.credentials, REGION, SERVICE, now);
        Ok(Request::post(path)
            .header("host", &self.host)
            .header("content-type", "application/json")
            .header("x-amz-date", signed.date)
            .header("authorization", signed.authorization.expose())
            .body(())?)
    }
}

/// A plain GET; its body, whatever the status.
pub(crate) async fn get(address: SocketAddr, path: &str) -> Outcome<String> {
    let (mut sender, connection) =
        handshake(TokioIo::new(TcpStream::connect(address).await?)).await?;
    tokio::spawn(connection);
    let request = Request::get(path).header("host", address.to_string());
    let response = sender.send_request(request.body(Full::<Bytes>::default())?).await?;
    Ok(String::from_utf8_lossy(&response.into_body().collect().await?.to_bytes()).into_owned())
}

/// Whether a server says that it is ready. It listens before it is.
pub(crate) async fn is_ready(address: SocketAddr) -> bool {
    let ask = async {
        let (mut sender, connection) =
            handshake(TokioIo::new(TcpStream::connect(address).await?)).await?;
        tokio::spawn(connection);
        let request = Request::get("/readyz").header("host", address.to_string());
        let response = sender.send_request(request.body(Full::<Bytes>::default())?).await?;
        Outcome::Ok(response.status() == 200)
    };
    ask.await.unwrap_or(false)
}
