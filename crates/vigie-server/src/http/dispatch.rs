//! From a request to its answer: finds who answers it (a probe, the console, a playback session, STS, an operation),
//! and does with every answer what is done with all: the audit log, the delay of refusals, the metrics, the request id.
//!
//! Decides the order of these and nothing else. Which handler an operation has stands in [`super::carry_out`].

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::{HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response};
use vigie_kvs::operation::{by_path, by_target, signaling};
use vigie_kvs::wire::header;
use vigie_kvs::{ErrorKind, KvsError, Operation, Protocol};

use super::body::ResponseBody;
use super::call::UnverifiedCall;
use super::carry_out::carry_out;
use super::content::Content;
use super::{cors, probes, query, response};
use crate::app::App;
use crate::failure::Answer;
use crate::limits::Repeated;
use crate::metrics::RequestLabels;
use crate::subject::Subject;
use crate::{console, playback};

pub(super) async fn dispatch(
    app: Arc<App>,
    remote: SocketAddr,
    request: Request<Incoming>,
) -> Result<Response<ResponseBody>, Infallible> {
    let request_id = app.new_request_id();
    if request.method() == Method::GET
        && let Some(response) = probes::probe(&app, request.uri().path()).await
    {
        return Ok(response);
    }
    if request.method() == Method::POST && request.uri().path() == console::sign_in::PATH {
        return Ok(console::sign_in::answer(&app, remote, request.into_body(), &request_id).await);
    }
    let (path, headers) = (request.uri().path(), request.headers());
    if let Some(response) = console::answer(&app.config, request.method(), path, headers) {
        return Ok(response);
    }
    let (head, body) = request.into_parts();
    if let Some(response) = cors::preflight(&head) {
        return Ok(response);
    }
    let asked_by_script = cors::is_asked(&head.headers);
    let (operation, mut response) = match find_operation(&head) {
        _ if head_bytes(&head) > super::HEAD_BYTES_MAX => ("unknown", response::head_too_large()),
        None if let Some((name, answer)) = playback::serve(&app, &head).await => {
            (name, content(answer, name, &request_id, &head))
        }
        _ if query::is_query(&head) => query::answer(&app, remote, &head, body, &request_id).await,
        Some(operation) => {
            let mut subject = Subject::new(operation);
            let call = UnverifiedCall {
                app: &app,
                remote: remote.ip(),
                subject: &mut subject,
                head,
                body,
            };
            let answer = carry_out(call).await;
            let mut refused = None;
            let response = answer.unwrap_or_else(|failure| {
                let error = failure.into_error(operation.name, &request_id);
                tracing::debug!(operation = operation.name, request_id, %error, "call refused");
                refused = Some(error.kind);
                response::error(operation.protocol(), &error)
            });
            let status = response.status().as_u16();
            subject.audit(&app, &request_id, remote, status, refused).await;
            let repeated = Repeated::of(&subject, remote.ip(), refused);
            app.limits.hold_back(&app, repeated, refused.is_some()).await;
            (operation.name, response)
        }
        None => ("unknown", unknown_operation(&head)),
    };
    let labels = RequestLabels { operation, status: response.status().as_u16() };
    app.metrics.requests.get_or_create(&labels).inc();
    if let Ok(id) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert(header::REQUEST_ID, id);
    }
    if asked_by_script {
        cors::allow(response.headers_mut());
    }
    Ok(response)
}

/// The answer to a URL of a playback session.
fn content(
    answer: Answer<Content>,
    name: &str,
    request_id: &str,
    head: &Parts,
) -> Response<ResponseBody> {
    match answer {
        Ok(content) => content.respond(&head.headers),
        Err(failure) => {
            let error = failure.into_error(name, request_id);
            tracing::debug!(operation = name, request_id, %error, "content refused");
            response::error(Protocol::RestJson, &error)
        }
    }
}

/// How long the head is on the wire, but for blanks that mean nothing.
fn head_bytes(head: &Parts) -> usize {
    let target = head.uri.path_and_query().map_or(0, |target| target.as_str().len());
    let line = head.method.as_str().len() + " ".len() + target + " HTTP/1.1\r\n".len();
    let headers = head.headers.iter();
    let of_header = |(name, value): (&HeaderName, &HeaderValue)| {
        name.as_str().len() + value.len() + ": \r\n".len()
    };
    line + headers.map(of_header).sum::<usize>() + "\r\n".len()
}

fn find_operation(head: &Parts) -> Option<&'static Operation> {
    if head.method != Method::POST {
        return None;
    }
    match head.headers.get(header::TARGET) {
        Some(target) => by_target(target.to_str().ok()?),
        None => by_path(head.uri.path()),
    }
}

fn unknown_operation(head: &Parts) -> Response<ResponseBody> {
    let protocol = match head.headers.contains_key(header::TARGET) {
        true => Protocol::AwsJson11,
        false => Protocol::RestJson,
    };
    let error = signaling(head.uri.path()).map_or_else(
        || KvsError::new(ErrorKind::UnknownOperation, "no operation has this path or target"),
        |(_, error)| error,
    );
    response::error(protocol, &error)
}
