//! The AWS Query protocol, which STS speaks: a form comes, XML goes.

use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode};
use vigie_kvs::sigv4::Payload;
use vigie_kvs::sts::{self, StsError, StsRequest};
use vigie_kvs::wire::header;
use vigie_kvs::{ErrorKind, KvsError};

use super::body::ResponseBody;
use super::dispatch::verified;
use super::request_body;
use crate::api;
use crate::app::App;
use crate::failure::Failure;

/// Whether a request speaks this protocol: a form to the path of all Query services.
pub(super) fn is_query(head: &Parts) -> bool {
    head.method == Method::POST
        && head.uri.path() == "/"
        && !head.headers.contains_key(header::TARGET)
        && head.headers.get(CONTENT_TYPE).is_some_and(|content_type| {
            content_type.as_bytes().starts_with(sts::REQUEST_CONTENT_TYPE.as_bytes())
        })
}

/// Answers a request; says which operation it was.
pub(super) async fn answer(
    app: &Arc<App>,
    head: &Parts,
    body: Incoming,
    request_id: &str,
) -> (&'static str, Response<ResponseBody>) {
    let mut operation = "unknown";
    let answered = try_answer(app, head, body, request_id, &mut operation).await;
    let (status, body) = match answered {
        Ok(body) => (200, body),
        Err(error) => (error.status, error.body(request_id)),
    };
    let mut response = Response::new(ResponseBody::whole(body));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let content_type = HeaderValue::from_static(sts::ANSWER_CONTENT_TYPE);
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    (operation, response)
}

async fn try_answer(
    app: &Arc<App>,
    head: &Parts,
    body: Incoming,
    request_id: &str,
    operation: &mut &'static str,
) -> Result<String, StsError> {
    let refused = |failure: Failure| {
        let error = failure.into_error("sts", request_id);
        tracing::debug!(request_id, %error, "call refused");
        StsError::from(error)
    };
    let too_large = KvsError::new(ErrorKind::InvalidRequest, "the form is too large");
    let body = request_body::read_or(ErrorKind::Serialization, too_large, body).await;
    let body = body.map_err(refused)?;
    let identity = verified(app, sts::SIGNING_NAME, head, Payload::Whole(&body)).await;
    let identity = identity.map_err(refused)?;
    let request = StsRequest::parse(&body)?;
    *operation = request.name();
    match request {
        StsRequest::GetSessionToken { duration } => {
            api::sts::get_session_token(app, &identity, duration, request_id).map_err(refused)
        }
        StsRequest::GetCallerIdentity => {
            Ok(api::sts::get_caller_identity(app, &identity, request_id))
        }
    }
}
