//! A caller of an instance: signs requests as the SDKs and the agent do, and reads the answers. Nothing is listened to; a
//! request is handed in where the listener would.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Frame};
use hyper::{Method, Request, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::{mpsc, oneshot};
use vigie_agent::core::CallFailure;
use vigie_engine::clock::Clock;
use vigie_kvs::error::RemoteError;
use vigie_kvs::operation::{self, Operation, Protocol};
use vigie_kvs::sigv4::{Credentials, RequestHead, sign};
use vigie_kvs::wire::{self, header};
use vigie_server::{BodyError, Instance, RequestBody, ResponseBody, Runtime};

use crate::clock::SimClock;

const REGION: &str = "us-east-1";
const HOST: &str = "server";
const REMOTE: ([u8; 4], u16) = ([192, 0, 2, 1], 7);

/// See the module's documentation.
#[derive(Clone)]
pub struct Client {
    pub(super) instance: Arc<Instance>,
    /// Runs the instance's tasks: with its process its answers are gone.
    pub(super) runtime: Arc<dyn Runtime>,
    pub(super) clock: SimClock,
    pub(super) credentials: Credentials,
}

impl Client {
    /// Any operation that is answered with JSON.
    pub async fn call<T: DeserializeOwned>(
        &self,
        operation: &'static Operation,
        input: &impl Serialize,
    ) -> Result<T, CallFailure> {
        let body = serde_json::to_vec(input).map_err(|_| CallFailure::UnreadableAnswer)?;
        let (path, mut headers) = match operation.protocol() {
            Protocol::AwsJson11 => ("/", vec![(header::TARGET, operation.address)]),
            Protocol::RestJson | Protocol::AwsQuery => (operation.address, Vec::new()),
        };
        headers.push((header::CONTENT_TYPE, operation.protocol().content_type()));
        let whole = Full::new(Bytes::from(body.clone())).map_err(|never| match never {});
        let request = self.signed(operation, path, &headers, Some(&body), RequestBody::new(whole));
        let answer = self.send(request).await?;
        let Ok(body) = answer.into_body().collect().await;
        serde_json::from_slice(&body.to_bytes()).map_err(|_| CallFailure::UnreadableAnswer)
    }

    /// PutMedia with absolute timecodes: the answer once its head has come, while the body still goes out.
    pub async fn put_media(
        &self,
        stream_arn: &str,
        body: mpsc::UnboundedReceiver<Result<Bytes, BodyError>>,
    ) -> Result<ResponseBody, CallFailure> {
        let start = wire::format_producer_start_timestamp(self.clock.now().wall);
        let headers = [
            (header::STREAM_ARN, stream_arn),
            (header::FRAGMENT_TIMECODE_TYPE, "ABSOLUTE"),
            (header::PRODUCER_START_TIMESTAMP, start.as_str()),
        ];
        let (put_media, body) = (&operation::PUT_MEDIA, RequestBody::new(Pieces(body)));
        let request = self.signed(put_media, put_media.address, &headers, None, body);
        Ok(self.send(request).await?.into_body())
    }

    /// GetMedia and its like: the body as it comes.
    pub async fn stream(
        &self,
        operation: &'static Operation,
        input: &impl Serialize,
    ) -> Result<ResponseBody, CallFailure> {
        let body = serde_json::to_vec(input).map_err(|_| CallFailure::UnreadableAnswer)?;
        let headers = [(header::CONTENT_TYPE, operation.protocol().content_type())];
        let whole = Full::new(Bytes::from(body.clone())).map_err(|never| match never {});
        let whole = RequestBody::new(whole);
        let request = self.signed(operation, operation.address, &headers, Some(&body), whole);
        Ok(self.send(request).await?.into_body())
    }

    async fn send(
        &self,
        request: Request<RequestBody>,
    ) -> Result<Response<ResponseBody>, CallFailure> {
        let (mut caller, answer) = oneshot::channel();
        let answering = self.instance.answer(SocketAddr::from(REMOTE), request);
        self.runtime.spawn(Box::pin(async move {
            let answer = tokio::select! {
                biased;
                // Who calls has hung up: as behind a listener, nobody goes on with the call.
                () = caller.closed() => return,
                answer = answering => answer,
            };
            drop(caller.send(answer));
        }));
        let answer = answer.await.map_err(|_| CallFailure::Disconnected)?;
        let status = answer.status().as_u16();
        if status == 200 {
            return Ok(answer);
        }
        let error_type = answer.headers().get(header::ERROR_TYPE).cloned();
        let error_type = error_type.as_ref().and_then(|value| value.to_str().ok());
        let Ok(body) = answer.into_body().collect().await;
        Err(CallFailure::from(&RemoteError::read(status, error_type, &body.to_bytes())))
    }

    fn signed(
        &self,
        operation: &Operation,
        path: &str,
        headers: &[(&str, &str)],
        signed_body: Option<&[u8]>,
        body: RequestBody,
    ) -> Request<RequestBody> {
        let mut to_sign: Vec<(&str, &[u8])> = vec![(header::HOST, HOST.as_bytes())];
        to_sign.extend(headers.iter().map(|(name, value)| (*name, value.as_bytes())));
        let method = Method::POST;
        let head = RequestHead { method: method.as_str(), path, query: "", headers: &to_sign };
        let service = operation.service.signing_name();
        let now = self.clock.now().wall;
        let signed = sign(&head, signed_body, &self.credentials, REGION, service, now);
        let mut request = Request::post(path)
            .header(header::AUTHORIZATION, signed.authorization.expose())
            .header(header::DATE, &signed.date);
        for (name, value) in to_sign {
            request = request.header(name, value);
        }
        request.body(body).unwrap_or_else(|error| panic!("a request: {error}"))
    }
}

/// A body that comes in pieces, or breaks off.
struct Pieces(mpsc::UnboundedReceiver<Result<Bytes, BodyError>>);

impl Body for Pieces {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.0.poll_recv(context).map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}
