//! From a request to its answer: finds who answers it (a probe, the console, a playback session, an operation),
//! and does with every answer what is done with all: the audit log, the delay of refusals, the metrics, the request id.
//!
//! Decides the order of these and nothing else. Which handler an operation has stands in [`super::carry_out`].

use std::net::SocketAddr;
use std::sync::Arc;

use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response};
use vigie_kvs::operation::{by_path, by_target, signaling};
use vigie_kvs::wire::header;
use vigie_kvs::{ErrorKind, KvsError, Protocol, sts};

use super::body::{RequestBody, ResponseBody};
use super::call::UnverifiedCall;
use super::carry_out::carry_out;
use super::content::Content;
use super::{cors, probes, response};
use crate::app::App;
use crate::clip_files::Served;
use crate::console::sign_in::SignIn;
use crate::failure::Answer;
use crate::guard::{Answered, Asked, CallRecord, Caller, Repeated};
use crate::metrics::RequestLabels;
use crate::{clip_files, console, playback};

pub(super) async fn dispatch(
    app: Arc<App>,
    remote: SocketAddr,
    request: Request<RequestBody>,
) -> Response<ResponseBody> {
    let request_id = app.process.new_request_id();
    if request.method() == Method::GET
        && let Some(response) = probes::probe(&app, request.uri().path()).await
    {
        return response;
    }
    let caller = Caller::of(&app.config, remote, request.headers());
    if request.method() == Method::POST && request.uri().path() == console::sign_in::PATH {
        let rooms = (&app.access, app.audit.as_ref());
        let share = app.guards.body_budget.share(remote.ip());
        let (head, body) = request.into_parts();
        let asked = SignIn { caller, headers: &head.headers, request_id: &request_id };
        return console::sign_in::answer(rooms, share, asked, body).await;
    }
    if request.method() == Method::POST && request.uri().path() == console::shared::PATH {
        let rooms = console::shared::Rooms {
            links: &app.share_links,
            audit: app.audit.as_ref(),
            limits: app.guards.limits.as_ref(),
            opened: &app.opened_links,
        };
        let share = app.guards.body_budget.share(remote.ip());
        let body = request.into_body();
        return console::shared::answer(rooms, share, caller.remote, body, &request_id).await;
    }
    let (path, headers) = (request.uri().path(), request.headers());
    if let Some(response) = console::answer(&app.config, request.method(), path, headers) {
        return response;
    }
    let (head, body) = request.into_parts();
    if let Some(response) = cors::preflight(&head) {
        return response;
    }
    let asked_by_script = cors::is_asked(&head.headers);
    let (operation, mut response) = match find_asked(&head) {
        _ if head_bytes(&head) > super::HEAD_BYTES_MAX => ("unknown", response::head_too_large()),
        Some(asked) => answer(&app, asked, caller, head, body, &request_id).await,
        None if let Some((name, answer)) = playback::serve(&app.playback, &head).await => {
            (name, content(answer, name, &request_id, &head))
        }
        None if let Some((name, answer)) = clip_files::serve(&app.clip_files, &head).await => {
            (name, clip_file(answer, name, &request_id, &head))
        }
        None => ("unknown", unknown_operation(&head, &request_id)),
    };
    let labels = RequestLabels { operation, status: response.status().as_u16() };
    app.metrics.requests.get_or_create(&labels).inc();
    if let Ok(id) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert(header::REQUEST_ID, id);
    }
    if asked_by_script {
        cors::allow(response.headers_mut());
    }
    response
}

/// Answers a signed call; says which operation it was.
async fn answer(
    app: &Arc<App>,
    asked: Asked,
    caller: Caller,
    head: Parts,
    body: RequestBody,
    request_id: &str,
) -> (&'static str, Response<ResponseBody>) {
    let mut record = CallRecord::new(asked);
    let call = UnverifiedCall { app, caller, request_id, record: &mut record, head, body };
    let answered = async { carry_out(app, call.verify().await?).await }.await;
    let operation = record.asked.name();
    let mut refused = None;
    let response = answered.unwrap_or_else(|failure| {
        let error = failure.into_error(operation, request_id);
        tracing::debug!(operation, request_id, %error, "call refused");
        refused = Some(error.kind);
        response::error(record.asked.protocol(), &error, request_id)
    });
    let status = response.status().as_u16();
    let remote = caller.remote;
    let (answered, now) = (Answered { request_id, remote, status, refused }, app.process.now());
    record.audit(&app.audit, app.access.db.as_ref(), answered, now).await;
    tarpit(app, &record, answered).await;
    (operation, response)
}

/// Waits as long as the answer is to be held back, or until the server stops.
async fn tarpit(app: &App, record: &CallRecord, answered: Answered<'_>) {
    let Answered { remote, refused, .. } = answered;
    let (repeated, now) = (Repeated::of(record, remote.ip(), refused), app.process.now().mono);
    let Some(held) = app.guards.limits.answered(repeated, refused.is_some(), now) else { return };
    app.metrics.held_back_answers.inc();
    let mut stopped = app.process.stopping();
    tokio::select! {
        biased;
        () = stopped.wait() => {}
        () = app.process.sleep(held.delay) => {}
    }
}

/// The answer to a URL of a clip file.
fn clip_file(
    answer: Answer<Served>,
    name: &str,
    request_id: &str,
    head: &Parts,
) -> Response<ResponseBody> {
    match answer {
        Ok(Served::File(file)) => file.respond(&head.method, &head.headers),
        Ok(Served::Checksum(checksum)) => content(Ok(checksum), name, request_id, head),
        Err(failure) => content(Err(failure), name, request_id, head),
    }
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
            response::error(Protocol::RestJson, &error, request_id)
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

fn find_asked(head: &Parts) -> Option<Asked> {
    if head.method != Method::POST {
        return None;
    }
    let operation = match head.headers.get(header::TARGET) {
        Some(target) => by_target(target.to_str().ok()?),
        None if is_form(head) => return Some(Asked::StsForm),
        None => by_path(head.uri.path()),
    };
    operation.map(Asked::Operation)
}

/// Whether a request speaks the Query protocol: a form to the path of all its services.
fn is_form(head: &Parts) -> bool {
    let is_form = |content_type: &HeaderValue| {
        content_type.as_bytes().starts_with(sts::REQUEST_CONTENT_TYPE.as_bytes())
    };
    head.uri.path() == "/" && head.headers.get(CONTENT_TYPE).is_some_and(is_form)
}

fn unknown_operation(head: &Parts, request_id: &str) -> Response<ResponseBody> {
    let protocol = match head.headers.contains_key(header::TARGET) {
        true => Protocol::AwsJson11,
        false => Protocol::RestJson,
    };
    let error = signaling(head.uri.path()).map_or_else(
        || KvsError::new(ErrorKind::UnknownOperation, "no operation has this path or target"),
        |(_, error)| error,
    );
    response::error(protocol, &error, request_id)
}
