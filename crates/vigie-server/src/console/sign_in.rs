//! Signing in without an access key: with a user's name and password, or with the code of a link that was made for whoever
//! starts a demonstration. Either gives temporary credentials.
//!
//! What does not come over TLS, nor from this machine, is refused before it is read; so is what another site's page sends. A
//! code is good for one exchange and some time; there is none unless the composition asks for one, and it stands behind `#`
//! in the link, so that it is in no request line and no log.

use std::time::Duration;

use hyper::header::{CACHE_CONTROL, HeaderMap, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};
use serde::{Deserialize, Serialize};
use vigie_kvs::Sensitive;
use vigie_kvs::iam::StreamScope;
use vigie_kvs::operation::BODY_BYTES_MAX;
use vigie_kvs::shapes::users::Role;
use vigie_kvs::wire::timestamp;
use vigie_kvs::{ErrorKind, KvsError};
use vigie_media::Timestamp;

use super::{HEADERS, whole};
use crate::audit::{Audit, AuditLine, RefusedSignIn, ServerAction};
use crate::auth::{Access, Principal, TemporaryCredentials, Tried, too_soon, try_password};
use crate::db::User;
use crate::failure::{Answer, Failure};
use crate::guard::{BodyShare, Caller};
use crate::http::body::{RequestBody, ResponseBody};
use crate::http::request_body::{self, Bounds};
use crate::time_text::rfc3339;

pub(crate) const PATH: &str = "/console/sign-in";
const SESSION_HOLDS: Duration = Duration::from_secs(12 * 3600);
/// Longest name and password that are looked at; no user has longer ones.
const NAME_BYTES_MAX: usize = 64;
const PASSWORD_BYTES_MAX: usize = 1024;
const WRONG: &str = "The name or the password is wrong, or the user is disabled.";

#[derive(Deserialize)]
#[serde(untagged)]
enum Input {
    #[serde(rename_all = "PascalCase")]
    Password { user_name: String, password: Sensitive },
    #[serde(rename_all = "PascalCase")]
    Code { code: Sensitive },
}

/// Who is signed in, and the temporary credentials.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output<'a> {
    signed_in_as: &'a str,
    /// Of a user.
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<Role>,
    /// Which streams the role is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    streams: Option<&'static str>,
    access_key_id: &'a str,
    secret_access_key: &'a str,
    session_token: &'a str,
    #[serde(with = "timestamp")]
    expiration: Timestamp,
}

/// A request to sign in, and from where it comes.
pub(crate) struct SignIn<'a> {
    pub caller: Caller,
    pub headers: &'a HeaderMap,
    pub request_id: &'a str,
}

/// Why nobody is signed in.
enum Refusal {
    Failed(Failure),
    /// So many seconds have to pass before the next try.
    TooSoon(u64),
}

impl<F: Into<Failure>> From<F> for Refusal {
    fn from(failure: F) -> Self {
        Self::Failed(failure.into())
    }
}

/// Exchanges a password or a code for temporary credentials.
pub(crate) async fn answer(
    (access, audit): (&Access, &Audit),
    share: BodyShare,
    asked: SignIn<'_>,
    body: RequestBody,
) -> Response<ResponseBody> {
    let exchanged = exchange((access, audit), share, &asked, body).await;
    let text = |status, message: String| whole(status, "text/plain", message);
    let mut response = match exchanged {
        Ok(body) => whole(StatusCode::OK, "application/json", body),
        Err(Refusal::TooSoon(seconds)) => {
            let mut response = text(StatusCode::TOO_MANY_REQUESTS, too_soon(seconds).message);
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
            response
        }
        Err(Refusal::Failed(Failure::Refused(error))) => {
            let status = match error.kind {
                ErrorKind::AccessDenied => StatusCode::FORBIDDEN,
                ErrorKind::ClientLimitExceeded => StatusCode::TOO_MANY_REQUESTS,
                _ => StatusCode::BAD_REQUEST,
            };
            text(status, error.message)
        }
        Err(Refusal::Failed(failure)) => {
            let error = failure.into_error("console sign-in", asked.request_id);
            text(StatusCode::INTERNAL_SERVER_ERROR, error.message)
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
    asked: &SignIn<'_>,
    body: RequestBody,
) -> Result<Vec<u8>, Refusal> {
    check_way(asked)?;
    let unreadable = || {
        let message = "the request is neither {\"UserName\": …, \"Password\": …} nor {\"Code\": …}";
        KvsError::new(ErrorKind::InvalidArgument, message)
    };
    let bounds = Bounds {
        size_bytes_max: BODY_BYTES_MAX,
        too_large: unreadable(),
        unreadable: ErrorKind::InvalidArgument,
    };
    let body = request_body::read(&access.process, bounds, &mut share, body).await?;
    let input: Input = serde_json::from_slice(&body).map_err(|_| unreadable())?;
    match input {
        Input::Code { code } => Ok(by_code((access, audit), asked, &code).await?),
        Input::Password { user_name, password } => {
            by_password((access, audit), asked, &user_name, &password).await
        }
    }
}

/// What is sent in the clear over a network others can read, and what another site's page sends can be tried by it.
fn check_way(asked: &SignIn<'_>) -> Result<(), KvsError> {
    asked.caller.check_may_send_password()?;
    let site = asked.headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    match site {
        None | Some(b"same-origin" | b"none") => Ok(()),
        Some(_) => {
            let message = "Only the console's own page signs in here.";
            Err(KvsError::new(ErrorKind::AccessDenied, message))
        }
    }
}

async fn by_password(
    (access, audit): (&Access, &Audit),
    asked: &SignIn<'_>,
    user_name: &str,
    password: &Sensitive,
) -> Result<Vec<u8>, Refusal> {
    let too_long = |what: &str, bytes_max: usize| {
        KvsError::invalid_argument(format!("{what} has at most {bytes_max} bytes"))
    };
    if user_name.len() > NAME_BYTES_MAX {
        return Err(too_long("UserName", NAME_BYTES_MAX).into());
    }
    if password.expose().len() > PASSWORD_BYTES_MAX {
        return Err(too_long("Password", PASSWORD_BYTES_MAX).into());
    }
    let refused = async |status: StatusCode, kind: ErrorKind| {
        let refused = RefusedSignIn {
            user_name,
            request_id: asked.request_id,
            remote: asked.caller.remote,
            status: status.as_u16(),
            refused: kind,
        };
        let now = access.process.now();
        audit.note_refused_sign_in((access.db.as_ref(), &access.config), refused, now).await;
    };
    let user = match try_password(access, user_name, password, asked.caller.remote.ip()).await? {
        Tried::Right(user) => user,
        Tried::Wrong => {
            refused(StatusCode::FORBIDDEN, ErrorKind::AccessDenied).await;
            return Err(KvsError::new(ErrorKind::AccessDenied, WRONG).into());
        }
        Tried::TooSoon { seconds } => {
            refused(StatusCode::TOO_MANY_REQUESTS, ErrorKind::ClientLimitExceeded).await;
            return Err(Refusal::TooSoon(seconds));
        }
    };
    access.db.note_sign_in(&user.id, access.process.now().wall).await?;
    let given = Given {
        principal: Principal::of_user(&user),
        principal_arn: access.config.user_resource(&user.name),
        signed_in_as: &user.name,
        user: Some(&user),
        access_key_id: None,
        action: ServerAction::PasswordSignIn,
    };
    Ok(give((access, audit), asked, given)?)
}

async fn by_code(
    (access, audit): (&Access, &Audit),
    asked: &SignIn<'_>,
    code: &Sensitive,
) -> Answer<Vec<u8>> {
    let now = access.process.now().wall;
    let root = access.db.root_key().await?;
    let Some(root) = root.filter(|_| access.one_time_code.take(code, now)) else {
        let message = "This link was used already, or is too old. Sign in with an access key.";
        return Err(KvsError::new(ErrorKind::AccessDenied, message).into());
    };
    let given = Given {
        principal: Principal::AccessKey(root.access_key_id.clone()),
        principal_arn: root.principal_arn,
        signed_in_as: &root.access_key_id,
        user: None,
        access_key_id: Some(&root.access_key_id),
        action: ServerAction::ConsoleSignIn,
    };
    give((access, audit), asked, given)
}

/// Who gets credentials, and what the audit log says of it.
struct Given<'a> {
    principal: Principal,
    principal_arn: String,
    signed_in_as: &'a str,
    user: Option<&'a User>,
    access_key_id: Option<&'a str>,
    action: ServerAction,
}

fn give(
    (access, audit): (&Access, &Audit),
    asked: &SignIn<'_>,
    given: Given<'_>,
) -> Answer<Vec<u8>> {
    let now = access.process.now().wall;
    let made =
        TemporaryCredentials::issue(&access.master_key, &given.principal, now, SESSION_HOLDS)?;
    audit.write(&AuditLine {
        time: &rfc3339(now),
        request_id: Some(asked.request_id),
        access_key_id: given.access_key_id,
        principal_arn: &given.principal_arn,
        action: given.action.action(),
        resource: Some(&access.config.access_key_resource(&made.access_key_id)),
        status: StatusCode::OK.as_u16(),
        remote_address: Some(&asked.caller.remote.to_string()),
        ..AuditLine::default()
    });
    tracing::info!(key = made.access_key_id, of = given.signed_in_as, "signed in to the console");
    let output = Output {
        signed_in_as: given.signed_in_as,
        role: given.user.map(|user| user.role),
        streams: given.user.map(|user| match user.scope {
            StreamScope::All => "ALL",
            StreamScope::Names(_) => "NAMES",
            StreamScope::Tag { .. } => "TAG",
        }),
        access_key_id: &made.access_key_id,
        secret_access_key: made.secret_access_key.expose(),
        session_token: made.session_token.expose(),
        expiration: made.expires_at,
    };
    serde_json::to_vec(&output)
        .map_err(|_| Failure::Internal("credentials could not be written as JSON".to_owned()))
}
