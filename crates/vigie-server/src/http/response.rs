//! Answers: a body of JSON or XML, an exception, or a body in pieces.

use bytes::Bytes;
use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};
use serde::Serialize;
use tokio::sync::mpsc;
use vigie_kvs::wire::header;
use vigie_kvs::{ErrorKind, KvsError, Operation, Protocol, sts};

use super::body::ResponseBody;
use crate::failure::{Answer, Failure};

pub(super) fn json<T: Serialize>(protocol: Protocol, output: &T) -> Answer<Response<ResponseBody>> {
    let body = serde_json::to_vec(output).map_err(|_| {
        // The text is left out: it may quote a value.
        Failure::Internal("an answer could not be written as JSON".to_owned())
    })?;
    let mut response = Response::new(ResponseBody::whole(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(protocol.content_type()));
    Ok(response)
}

/// The answer of an operation whose result is XML.
pub(super) fn xml(operation: &Operation, result: &str, request_id: &str) -> Response<ResponseBody> {
    let content_type = operation.protocol().content_type();
    text(StatusCode::OK, content_type, sts::answer(operation, result, request_id))
}

pub(super) fn error(
    protocol: Protocol,
    error: &KvsError,
    request_id: &str,
) -> Response<ResponseBody> {
    let written = error.response(protocol, request_id);
    let mut response = Response::new(ResponseBody::whole(written.body));
    *response.status_mut() =
        StatusCode::from_u16(written.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(written.content_type));
    // Clients of STS know neither header.
    let Some(error_type) = written.error_type else { return response };
    headers.insert(header::ERROR_TYPE, HeaderValue::from_static(error_type));
    if matches!(error.kind, ErrorKind::ServiceUnavailable | ErrorKind::ClientLimitExceeded) {
        headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

/// As hyper answers most of them itself, and without a body.
pub(super) fn head_too_large() -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::whole(Bytes::new()));
    *response.status_mut() = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// As hyper answers what it does not take for a request itself.
pub(super) fn bad_target() -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::whole(Bytes::new()));
    *response.status_mut() = StatusCode::BAD_REQUEST;
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

pub(super) fn pieces(
    content_type: &'static str,
    pieces: mpsc::Receiver<Bytes>,
) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::Pieces(pieces));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// A body of known length that comes as it is made.
pub(super) fn sized(
    content_type: &'static str,
    size_bytes: u64,
    pieces: mpsc::Receiver<Bytes>,
) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::Sized { left_bytes: size_bytes, pieces });
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

pub(super) fn text(
    status: StatusCode,
    content_type: &'static str,
    text: String,
) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::whole(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
