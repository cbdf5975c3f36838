//! The AWS Query protocol, which STS speaks: a form comes, XML goes.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode};
use vigie_kvs::operation::BODY_BYTES_MAX;
use vigie_kvs::sigv4::Payload;
use vigie_kvs::sts::{self, StsError, StsOperation, StsRequest};
use vigie_kvs::wire::header;
use vigie_kvs::{ErrorKind, KvsError};

use super::body::ResponseBody;
use super::call::{signed_head, signed_headers};
use super::request_body;
use crate::api;
use crate::app::App;
use crate::audit::{AuditLine, note_refused, rfc3339};
use crate::auth::{Identity, authenticate};
use crate::failure::Failure;
use crate::limits::Repeated;
use crate::strangers;
use crate::subject::claimed_key;

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
    remote: SocketAddr,
    head: &Parts,
    body: Incoming,
    request_id: &str,
) -> (&'static str, Response<ResponseBody>) {
    let mut call = StsCall::default();
    let mut refused = None;
    let answered = try_answer(app, remote.ip(), head, body, request_id, &mut call).await;
    let answered = answered.map_err(|refusal| match refusal {
        Refusal::Any(failure) => {
            let error = failure.into_error("sts", request_id);
            tracing::debug!(request_id, %error, "call refused");
            refused = Some(error.kind);
            StsError::from(error)
        }
        Refusal::Sts(error) => error,
    });
    let (status, error) = match &answered {
        Ok(_) => (200, None),
        Err(error) => (error.status, Some(error.code())),
    };
    call.audit(app, request_id, remote, status, error);
    if let (None, Some(refused)) = (&call.identity, refused) {
        let key = call.claimed_key.as_deref();
        let unproven = (status, refused);
        note_refused(app, sts::UNKNOWN_ACTION, key, request_id, remote, unproven).await;
    }
    let repeated = Repeated::credentials(call.claimed_key.as_deref(), remote.ip(), refused);
    app.limits.hold_back(app, repeated, refused.is_some()).await;
    let body = answered.unwrap_or_else(|error| error.body(request_id));
    let mut response = Response::new(ResponseBody::whole(body));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let content_type = HeaderValue::from_static(sts::ANSWER_CONTENT_TYPE);
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    (call.operation.map_or("unknown", StsOperation::name), response)
}

/// A call, as far as it is known.
#[derive(Default)]
struct StsCall {
    operation: Option<StsOperation>,
    /// The access key id that the request claims; nothing is proven by it.
    claimed_key: Option<String>,
    identity: Option<Identity>,
    /// The temporary key that it made.
    made_key: Option<String>,
}

/// A refusal, in the words of any service or in those of STS alone.
enum Refusal {
    Any(Failure),
    Sts(StsError),
}

impl<E: Into<Failure>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self::Any(error.into())
    }
}

impl StsCall {
    fn audit(
        &self,
        app: &App,
        request_id: &str,
        remote: SocketAddr,
        status: u16,
        error: Option<&str>,
    ) {
        let operation = self.operation.filter(|operation| operation.is_audited());
        let (Some(operation), Some(identity)) = (operation, &self.identity) else { return };
        let resource = self.made_key.as_deref().map(|id| app.config.access_key_resource(id));
        app.audit.write(&AuditLine {
            time: &rfc3339(app.clock.now().wall),
            request_id: Some(request_id),
            access_key_id: Some(&identity.access_key_id),
            principal_arn: &identity.principal_arn,
            action: operation.action(),
            resource: resource.as_deref(),
            status,
            error,
            remote_address: Some(&remote.to_string()),
            ..AuditLine::default()
        });
    }
}

async fn try_answer(
    app: &Arc<App>,
    remote: IpAddr,
    head: &Parts,
    body: Incoming,
    request_id: &str,
    call: &mut StsCall,
) -> Result<String, Refusal> {
    let too_large = KvsError::new(ErrorKind::InvalidRequest, "the form is too large");
    let too_large = (BODY_BYTES_MAX, too_large);
    let mut share = app.body_budget.share(remote);
    let body = request_body::read_or(ErrorKind::Serialization, too_large, &mut share, body).await?;
    app.limits.admit_sts_from(app, remote)?;
    let headers = signed_headers(head);
    let signed = signed_head(head, &headers);
    call.claimed_key = claimed_key(&signed);
    let identity = authenticate(app, sts::SIGNING_NAME, &signed, Payload::Whole(&body)).await?;
    strangers::verified(&head.extensions);
    let identity = call.identity.insert(identity);
    drop(share);
    app.limits.admit_sts(app, identity)?;
    let request = StsRequest::parse(&body).map_err(Refusal::Sts)?;
    call.operation = Some(request.operation());
    match request {
        StsRequest::GetSessionToken { duration } => {
            let made = api::sts::get_session_token(app, identity, duration)?;
            let body = api::sts::session_token_answer(&made, request_id);
            call.made_key = Some(made.access_key_id);
            Ok(body)
        }
        StsRequest::GetCallerIdentity => {
            Ok(api::sts::get_caller_identity(app, identity, request_id))
        }
    }
}
