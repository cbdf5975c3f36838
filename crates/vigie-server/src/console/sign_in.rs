//! A link that signs in once, for whoever starts a demonstration: the code in it is good for one exchange and some
//! minutes, and gives temporary credentials of the root key.
//!
//! There is no such code unless the composition asks for one. It stands behind `#` in the link, so that it is in no
//! request line and no log.

use std::net::SocketAddr;
use std::time::Duration;

use hyper::header::{CACHE_CONTROL, HeaderValue};
use hyper::{Response, StatusCode};
use serde::{Deserialize, Serialize};
use vigie_kvs::Sensitive;
use vigie_kvs::operation::BODY_BYTES_MAX;
use vigie_kvs::wire::timestamp;
use vigie_kvs::{ErrorKind, KvsError};
use vigie_media::Timestamp;

use super::{HEADERS, whole};
use crate::audit::{Audit, AuditLine, ServerAction};
use crate::auth::{Access, TemporaryCredentials};
use crate::failure::{Answer, Failure};
use crate::guard::BodyShare;
use crate::http::body::{RequestBody, ResponseBody};
use crate::http::request_body::{self, Bounds};
use crate::time_text::rfc3339;

pub(crate) const PATH: &str = "/console/sign-in";
const SESSION_HOLDS: Duration = Duration::from_secs(12 * 3600);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    code: Sensitive,
}

/// Who is signed in, and the temporary credentials.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output<'a> {
    signed_in_as: &'a str,
    access_key_id: &'a str,
    secret_access_key: &'a str,
    session_token: &'a str,
    #[serde(with = "timestamp")]
    expiration: Timestamp,
}

/// Exchanges a code for temporary credentials.
pub(crate) async fn answer(
    (access, audit): (&Access, &Audit),
    share: BodyShare,
    remote: SocketAddr,
    body: RequestBody,
    request_id: &str,
) -> Response<ResponseBody> {
    let exchanged = exchange((access, audit), share, remote, body, request_id).await;
    let mut response = match exchanged {
        Ok(body) => whole(StatusCode::OK, "application/json", body),
        Err(Failure::Refused(error)) if error.kind == ErrorKind::AccessDenied => {
            whole(StatusCode::FORBIDDEN, "text/plain", error.message)
        }
        Err(failure) => {
            let error = failure.into_error("console sign-in", "");
            whole(StatusCode::BAD_REQUEST, "text/plain", error.message)
        }
    };
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn exchange(
    (access, audit): (&Access, &Audit),
    mut share: BodyShare,
    remote: SocketAddr,
    body: RequestBody,
    request_id: &str,
) -> Answer<Vec<u8>> {
    let unreadable =
        || KvsError::new(ErrorKind::InvalidArgument, "the request is not {\"Code\": …}");
    let bounds = Bounds {
        size_bytes_max: BODY_BYTES_MAX,
        too_large: unreadable(),
        unreadable: ErrorKind::InvalidArgument,
    };
    let body = request_body::read(&access.process, bounds, &mut share, body).await?;
    let input: Input = serde_json::from_slice(&body).map_err(|_| unreadable())?;
    let now = access.process.now().wall;
    let root = access.db.root_key().await?;
    let denied = || {
        let message = "This link was used already, or is too old. Sign in with an access key.";
        KvsError::new(ErrorKind::AccessDenied, message)
    };
    let Some(root) = root.filter(|_| access.one_time_code.take(&input.code, now)) else {
        return Err(denied().into());
    };
    let made =
        TemporaryCredentials::issue(&access.master_key, &root.access_key_id, now, SESSION_HOLDS)?;
    audit.write(&AuditLine {
        time: &rfc3339(now),
        request_id: Some(request_id),
        access_key_id: Some(&root.access_key_id),
        principal_arn: &root.principal_arn,
        action: ServerAction::ConsoleSignIn.action(),
        resource: Some(&access.config.access_key_resource(&made.access_key_id)),
        status: StatusCode::OK.as_u16(),
        remote_address: Some(&remote.to_string()),
        ..AuditLine::default()
    });
    tracing::info!(
        key = made.access_key_id,
        of = root.access_key_id,
        "console signed in by a link"
    );
    let output = Output {
        signed_in_as: &root.access_key_id,
        access_key_id: &made.access_key_id,
        secret_access_key: made.secret_access_key.expose(),
        session_token: made.session_token.expose(),
        expiration: made.expires_at,
    };
    serde_json::to_vec(&output)
        .map_err(|_| Failure::Internal("credentials could not be written as JSON".to_owned()))
}
