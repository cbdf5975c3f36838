//! The two operations of AWS STS that clients use with long-lived keys: `GetSessionToken` and `GetCallerIdentity`, in
//! the AWS Query protocol (a form comes, XML goes; STS API reference 2011-06-15).
//!
//! Decides what such a request asks for and how its answers are written. Never makes a key and never checks one.

use std::time::Duration;

use vigie_media::Timestamp;

use crate::error::{ErrorKind, KvsError};
use crate::operation::{BODY_BYTES_MAX, Operation, OperationId, by_action};
use crate::schema::sts::{DURATION_SECONDS_MAX, DURATION_SECONDS_MIN};
use crate::sensitive::Sensitive;
use crate::sigv4::query_pairs;
use crate::xml::{self, escaped};

/// The content type of a request.
pub const REQUEST_CONTENT_TYPE: &str = "application/x-www-form-urlencoded";

const VERSION: &str = "2011-06-15";
/// 12 hours (STS API_GetSessionToken).
const DURATION_SECONDS_DEFAULT: u64 = 43_200;

/// In the audit log, of a call whose operation is not known because its signature does not hold.
pub const UNKNOWN_ACTION: &str = "sts:unknown";

/// Longest form.
pub const FORM_BYTES_MAX: usize = BODY_BYTES_MAX;

/// The form of a request, read.
#[derive(Clone, Copy, Debug)]
pub struct StsForm {
    /// What is asked for.
    pub operation: &'static Operation,
    /// How long temporary credentials are to hold; as long as they do by default where none are asked for.
    pub duration: Duration,
}

/// The refusal of a form over [`FORM_BYTES_MAX`].
pub fn form_too_large() -> KvsError {
    KvsError::new(ErrorKind::InvalidRequest, "the form is too large")
}

fn refused(message: impl Into<String>) -> KvsError {
    KvsError::new(ErrorKind::Validation, message)
}

impl StsForm {
    /// Reads the body of a request.
    pub fn parse(body: &[u8]) -> Result<Self, KvsError> {
        let form = std::str::from_utf8(body)
            .map_err(|_| refused("the form is not text"))?
            .replace('+', " ");
        let (mut action, mut version, mut duration) = (None, None, None);
        for (name, value) in query_pairs(&form) {
            let slot = match name.as_slice() {
                b"Action" => &mut action,
                b"Version" => &mut version,
                b"DurationSeconds" => &mut duration,
                b"SerialNumber" | b"TokenCode" => {
                    let message =
                        "MFA devices are not supported; leave SerialNumber and TokenCode out";
                    return Err(refused(message));
                }
                _ => continue,
            };
            let value = String::from_utf8_lossy(&value).into_owned();
            if slot.replace(value).is_some() {
                let name = String::from_utf8_lossy(&name);
                return Err(refused(format!("{name} is given twice")));
            }
        }
        let missing = || KvsError::new(ErrorKind::MissingAction, "the form must have an Action");
        let action = action.ok_or_else(missing)?;
        let known = by_action(&action).filter(|_| version.as_deref() == Some(VERSION));
        let operation = known.ok_or_else(|| {
            let version = version.unwrap_or_default();
            let message = format!("Could not find operation {action} for version {version}");
            KvsError::new(ErrorKind::InvalidAction, message)
        })?;
        let duration = duration.filter(|_| operation.id == OperationId::GetSessionToken);
        Ok(Self { operation, duration: read_duration(duration.as_deref())? })
    }
}

fn read_duration(text: Option<&str>) -> Result<Duration, KvsError> {
    let Some(text) = text else { return Ok(Duration::from_secs(DURATION_SECONDS_DEFAULT)) };
    text.parse()
        .ok()
        .filter(|seconds| (DURATION_SECONDS_MIN..=DURATION_SECONDS_MAX).contains(seconds))
        .map(Duration::from_secs)
        .ok_or_else(|| {
            refused(format!(
                "DurationSeconds must be {DURATION_SECONDS_MIN} to {DURATION_SECONDS_MAX}"
            ))
        })
}

/// The result of GetSessionToken. It holds the secret: send it and drop it.
pub fn session_token_result(
    access_key_id: &str,
    secret_access_key: &Sensitive,
    session_token: &Sensitive,
    expiration: Timestamp,
) -> String {
    format!(
        "<Credentials><AccessKeyId>{}</AccessKeyId><SecretAccessKey>{}</SecretAccessKey>\
         <SessionToken>{}</SessionToken><Expiration>{}</Expiration></Credentials>",
        escaped(access_key_id),
        escaped(secret_access_key.expose()),
        escaped(session_token.expose()),
        expiration_text(expiration)
    )
}

/// The result of GetCallerIdentity.
pub fn caller_identity_result(arn: &str, user_id: &str, account_id: &str) -> String {
    format!(
        "<Arn>{}</Arn><UserId>{}</UserId><Account>{}</Account>",
        escaped(arn),
        escaped(user_id),
        escaped(account_id)
    )
}

/// The body of an answer with the result of its operation.
pub fn answer(operation: &Operation, result: &str, request_id: &str) -> String {
    xml::answer(operation.name, result, request_id)
}

/// `2026-11-22T18:00:00Z`, rounded down: a client that renews in time is never late.
fn expiration_text(time: Timestamp) -> String {
    match jiff::Timestamp::from_second(time.as_millis().div_euclid(1000)) {
        Ok(time) => time.to_string(),
        Err(_) => "1970-01-01T00:00:00Z".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::operation::{GET_SESSION_TOKEN, Protocol};

    #[test]
    fn the_requests_of_boto3_are_read() {
        let check = |form: &str, operation: OperationId, seconds: u64| {
            let form = StsForm::parse(form.as_bytes()).unwrap();
            let expect = (operation, Duration::from_secs(seconds));
            assert_eq!((form.operation.id, form.duration), expect);
        };
        let (session, caller) = (OperationId::GetSessionToken, OperationId::GetCallerIdentity);
        check("Action=GetSessionToken&Version=2011-06-15", session, 43_200);
        check("Action=GetSessionToken&Version=2011-06-15&DurationSeconds=900", session, 900);
        check("DurationSeconds=129600&Version=2011-06-15&Action=GetSessionToken", session, 129_600);
        check("Action=GetCallerIdentity&Version=2011%2D06-15", caller, 43_200);
        check("Action=GetCallerIdentity&Version=2011-06-15&DurationSeconds=1", caller, 43_200);
    }

    #[test]
    fn what_cannot_be_answered_is_refused_by_name() {
        let check = |form: &[u8], code: &str, text: &str| {
            let error = StsForm::parse(form).unwrap_err();
            assert_eq!(
                (error.kind.status(Protocol::AwsQuery), error.kind.code(Protocol::AwsQuery)),
                (400, code)
            );
            assert!(error.message.contains(text), "{}", error.message);
        };
        check(b"", "MissingAction", "Action");
        check(b"\xff", "ValidationError", "not text");
        check(b"Action=AssumeRole&Version=2011-06-15", "InvalidAction", "AssumeRole");
        check(b"Action=GetSessionToken", "InvalidAction", "for version ");
        check(b"Action=GetSessionToken&Action=x", "ValidationError", "twice");
        let session = "Action=GetSessionToken&Version=2011-06-15&";
        for seconds in ["899", "129601", "", "-1", "1e3", "99999999999999999999999"] {
            let form = format!("{session}DurationSeconds={seconds}");
            check(form.as_bytes(), "ValidationError", "900 to 129600");
        }
        let form = format!("{session}SerialNumber=x&TokenCode=123456");
        check(form.as_bytes(), "ValidationError", "MFA");
    }

    #[test]
    fn answers_are_written_as_sts_writes_them() {
        let (secret, token) = (Sensitive::new("se/cr+et"), Sensitive::new("to+ken="));
        let at = Timestamp::from_millis(1_795_370_400_999);
        let body =
            answer(&GET_SESSION_TOKEN, &session_token_result("ASIAX", &secret, &token, at), "id-1");
        assert_eq!(
            body,
            "<GetSessionTokenResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
             <GetSessionTokenResult><Credentials><AccessKeyId>ASIAX</AccessKeyId>\
             <SecretAccessKey>se/cr+et</SecretAccessKey><SessionToken>to+ken=</SessionToken>\
             <Expiration>2026-11-22T18:00:00Z</Expiration></Credentials></GetSessionTokenResult>\
             <ResponseMetadata><RequestId>id-1</RequestId></ResponseMetadata>\
             </GetSessionTokenResponse>\n"
        );
    }

    proptest! {
        #[test]
        fn any_form_is_read_without_panic(
            form in proptest::collection::vec(any::<u8>(), 0..200),
            text in "((Action|Version|DurationSeconds)=[%a-zA-Z0-9-]{0,16}&){0,4}",
        ) {
            for form in [form.as_slice(), text.as_bytes()] {
                if let Err(error) = StsForm::parse(form) {
                    prop_assert_eq!(error.kind.status(Protocol::AwsQuery), 400);
                }
            }
        }
    }
}
