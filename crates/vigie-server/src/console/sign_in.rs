//! A link that signs in once, for whoever starts a demonstration: the code in it is good for one exchange and some
//! minutes, and gives temporary credentials of the root key.
//!
//! There is no such code unless the composition asks for one. It stands behind `#` in the link, so that it is in no
//! request line and no log.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{CACHE_CONTROL, HeaderValue};
use hyper::{Response, StatusCode};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use vigie_kvs::Sensitive;
use vigie_kvs::operation::BODY_BYTES_MAX;
use vigie_kvs::wire::timestamp;
use vigie_kvs::{ErrorKind, KvsError};
use vigie_media::Timestamp;

use super::{HEADERS, whole};
use crate::app::App;
use crate::audit::{AuditLine, ServerAction};
use crate::auth::{NewAccessKey, SealError, TemporaryCredentials};
use crate::failure::{Answer, Failure};
use crate::http::body::ResponseBody;
use crate::http::request_body::{self, Bounds};
use crate::time_text::rfc3339;

pub(crate) const PATH: &str = "/console/sign-in";
const CODE_HOLDS: Duration = Duration::from_secs(3600);
const SESSION_HOLDS: Duration = Duration::from_secs(12 * 3600);

/// The code that was offered, until it is used.
#[derive(Default)]
pub(crate) struct OneTimeCode(Mutex<Option<Offered>>);

struct Offered {
    code: Sensitive,
    until: Timestamp,
}

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

impl OneTimeCode {
    /// A new code, in the place of any other.
    pub(crate) fn offer(&self, now: Timestamp) -> Result<Sensitive, SealError> {
        // The secret half of a key that is never a key: as random as one, and from the same source. Its letters are
        // made fit for a URL.
        let key = NewAccessKey::generate()?;
        let code = secrecy::ExposeSecret::expose_secret(&key.secret_access_key);
        let code = Sensitive::new(code.replace('+', "-").replace('/', "_"));
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(Offered { code: code.clone(), until: now + CODE_HOLDS });
        Ok(code)
    }

    /// Whether this is the code; if so, it is one no more.
    fn take(&self, code: &Sensitive, now: Timestamp) -> bool {
        let mut offered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_it = offered.as_ref().is_some_and(|offered| {
            let same = offered.code.expose().as_bytes().ct_eq(code.expose().as_bytes());
            now < offered.until && bool::from(same)
        });
        if is_it {
            *offered = None;
        }
        is_it
    }
}

/// Exchanges a code for temporary credentials.
pub(crate) async fn answer(
    app: &App,
    remote: SocketAddr,
    body: Incoming,
    request_id: &str,
) -> Response<ResponseBody> {
    let exchanged = exchange(app, remote, body, request_id).await;
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
    app: &App,
    remote: SocketAddr,
    body: Incoming,
    request_id: &str,
) -> Answer<Vec<u8>> {
    let unreadable =
        || KvsError::new(ErrorKind::InvalidArgument, "the request is not {\"Code\": …}");
    let bounds = Bounds {
        size_bytes_max: BODY_BYTES_MAX,
        too_large: unreadable(),
        unreadable: ErrorKind::InvalidArgument,
    };
    let mut share = app.body_budget.share(remote.ip());
    let body = request_body::read(bounds, &mut share, body).await?;
    let input: Input = serde_json::from_slice(&body).map_err(|_| unreadable())?;
    let now = app.clock.now().wall;
    let keys = app.db.access_keys().await?;
    let root = keys.iter().find(|key| key.policy_json.is_none() && key.revoked_at.is_none());
    let denied = || {
        let message = "This link was used already, or is too old. Sign in with an access key.";
        KvsError::new(ErrorKind::AccessDenied, message)
    };
    let Some(root) = root.filter(|_| app.one_time_code.take(&input.code, now)) else {
        return Err(denied().into());
    };
    let made =
        TemporaryCredentials::issue(&app.master_key, &root.access_key_id, now, SESSION_HOLDS)?;
    app.audit.write(&AuditLine {
        time: &rfc3339(now),
        request_id: Some(request_id),
        access_key_id: Some(&root.access_key_id),
        principal_arn: &root.principal_arn,
        action: ServerAction::ConsoleSignIn.action(),
        resource: Some(&app.config.access_key_resource(&made.access_key_id)),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_good_once_and_for_an_hour() {
        let codes = OneTimeCode::default();
        let now = Timestamp::from_millis(1_795_000_000_000);
        assert!(!codes.take(&Sensitive::new(""), now), "none was offered");
        let code = codes.offer(now).unwrap();
        assert!(code.expose().len() >= 40);
        assert!(!codes.take(&Sensitive::new("x"), now));
        assert!(!codes.take(&code, now + CODE_HOLDS), "too late");
        assert!(codes.take(&code, now), "a wrong try does not use it up");
        assert!(!codes.take(&code, now), "used");
    }
}
