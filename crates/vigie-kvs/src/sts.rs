//! The two operations of AWS STS that clients use with long-lived keys: `GetSessionToken` and `GetCallerIdentity`, in
//! the AWS Query protocol (a form comes, XML goes; STS API reference 2011-06-15).
//!
//! Decides what such a request asks for and how its answers are written. Never makes a key and never checks one.

use std::borrow::Cow;
use std::fmt::Write;
use std::time::Duration;

use vigie_media::Timestamp;

use crate::error::{ErrorKind, KvsError};
use crate::sensitive::Sensitive;
use crate::sigv4::query_pairs;

/// The service in the credential scope of a signature.
pub const SIGNING_NAME: &str = "sts";
/// The content type of a request.
pub const REQUEST_CONTENT_TYPE: &str = "application/x-www-form-urlencoded";
/// The content type of an answer.
pub const ANSWER_CONTENT_TYPE: &str = "text/xml";

const VERSION: &str = "2011-06-15";
const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";
/// 15 minutes, 36 hours and 12 hours (STS API_GetSessionToken).
const DURATION_SECONDS_MIN: u64 = 900;
const DURATION_SECONDS_MAX: u64 = 129_600;
const DURATION_SECONDS_DEFAULT: u64 = 43_200;

/// In the audit log, of a call whose operation is not known because its signature does not hold.
pub const UNKNOWN_ACTION: &str = "sts:unknown";

/// An operation of STS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StsOperation {
    /// Gives temporary credentials.
    GetSessionToken,
    /// Says who the caller is.
    GetCallerIdentity,
}

impl StsOperation {
    /// Both.
    pub const ALL: [Self; 2] = [Self::GetSessionToken, Self::GetCallerIdentity];

    /// The name, as the form has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::GetSessionToken => "GetSessionToken",
            Self::GetCallerIdentity => "GetCallerIdentity",
        }
    }

    /// In the audit log. No policy has to allow it, as in AWS.
    pub const fn action(self) -> &'static str {
        match self {
            Self::GetSessionToken => "sts:GetSessionToken",
            Self::GetCallerIdentity => "sts:GetCallerIdentity",
        }
    }

    /// Whether it belongs in an audit log: what is done with temporary credentials later bears their key's id.
    pub const fn is_audited(self) -> bool {
        match self {
            Self::GetSessionToken => true,
            Self::GetCallerIdentity => false,
        }
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StsRequest {
    /// Temporary credentials with what the caller may do.
    GetSessionToken {
        /// How long they are to hold.
        duration: Duration,
    },
    /// Who the caller is.
    GetCallerIdentity,
}

/// A refusal as STS writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StsError {
    /// The HTTP status.
    pub status: u16,
    code: Cow<'static, str>,
    message: String,
}

impl StsError {
    fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code: Cow::Borrowed(code), message: message.into() }
    }

    fn validation(message: impl Into<String>) -> Self {
        Self::new(400, "ValidationError", message)
    }

    /// The error's name.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The XML body.
    pub fn body(&self, request_id: &str) -> String {
        let fault = if self.status < 500 { "Sender" } else { "Receiver" };
        format!(
            "<ErrorResponse xmlns=\"{NAMESPACE}\"><Error><Type>{fault}</Type><Code>{}</Code>\
             <Message>{}</Message></Error><RequestId>{}</RequestId></ErrorResponse>\n",
            escaped(&self.code),
            escaped(&self.message),
            escaped(request_id)
        )
    }
}

impl From<KvsError> for StsError {
    /// STS has names of its own for what every service refuses.
    fn from(error: KvsError) -> Self {
        let (status, code) = match error.kind {
            ErrorKind::AccessDenied => (403, "AccessDenied"),
            ErrorKind::ClientLimitExceeded => (400, "Throttling"),
            ErrorKind::ExpiredToken => (403, "ExpiredToken"),
            ErrorKind::IncompleteSignature => (400, "IncompleteSignature"),
            ErrorKind::InvalidSignature => (403, "SignatureDoesNotMatch"),
            ErrorKind::MissingAuthenticationToken => (403, "MissingAuthenticationToken"),
            ErrorKind::UnrecognizedClient => (403, "InvalidClientTokenId"),
            kind => (kind.status(crate::Protocol::AwsJson11), kind.name()),
        };
        Self::new(status, code, error.message)
    }
}

impl StsRequest {
    /// Reads the form of a request.
    pub fn parse(body: &[u8]) -> Result<Self, StsError> {
        let form = std::str::from_utf8(body)
            .map_err(|_| StsError::validation("the form is not text"))?
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
                    return Err(StsError::validation(message));
                }
                _ => continue,
            };
            let value = String::from_utf8_lossy(&value).into_owned();
            if slot.replace(value).is_some() {
                let name = String::from_utf8_lossy(&name);
                return Err(StsError::validation(format!("{name} is given twice")));
            }
        }
        let action = action
            .ok_or_else(|| StsError::new(400, "MissingAction", "the form must have an Action"))?;
        let known = StsOperation::ALL.into_iter().find(|operation| operation.name() == action);
        match known.filter(|_| version.as_deref() == Some(VERSION)) {
            Some(StsOperation::GetSessionToken) => {
                Ok(Self::GetSessionToken { duration: read_duration(duration.as_deref())? })
            }
            Some(StsOperation::GetCallerIdentity) => Ok(Self::GetCallerIdentity),
            None => {
                let version = version.unwrap_or_default();
                let message = format!("Could not find operation {action} for version {version}");
                Err(StsError::new(400, "InvalidAction", message))
            }
        }
    }

    /// Which operation it is of.
    pub const fn operation(self) -> StsOperation {
        match self {
            Self::GetSessionToken { .. } => StsOperation::GetSessionToken,
            Self::GetCallerIdentity => StsOperation::GetCallerIdentity,
        }
    }
}

fn read_duration(text: Option<&str>) -> Result<Duration, StsError> {
    let Some(text) = text else { return Ok(Duration::from_secs(DURATION_SECONDS_DEFAULT)) };
    text.parse()
        .ok()
        .filter(|seconds| (DURATION_SECONDS_MIN..=DURATION_SECONDS_MAX).contains(seconds))
        .map(Duration::from_secs)
        .ok_or_else(|| {
            StsError::validation(format!(
                "DurationSeconds must be {DURATION_SECONDS_MIN} to {DURATION_SECONDS_MAX}"
            ))
        })
}

/// The body of GetSessionToken's answer. It holds the secret: send it and drop it.
pub fn session_token_body(
    access_key_id: &str,
    secret_access_key: &Sensitive,
    session_token: &Sensitive,
    expiration: Timestamp,
    request_id: &str,
) -> String {
    let result = format!(
        "<Credentials><AccessKeyId>{}</AccessKeyId><SecretAccessKey>{}</SecretAccessKey>\
         <SessionToken>{}</SessionToken><Expiration>{}</Expiration></Credentials>",
        escaped(access_key_id),
        escaped(secret_access_key.expose()),
        escaped(session_token.expose()),
        expiration_text(expiration)
    );
    answer(StsOperation::GetSessionToken, &result, request_id)
}

/// The body of GetCallerIdentity's answer.
pub fn caller_identity_body(
    arn: &str,
    user_id: &str,
    account_id: &str,
    request_id: &str,
) -> String {
    let result = format!(
        "<Arn>{}</Arn><UserId>{}</UserId><Account>{}</Account>",
        escaped(arn),
        escaped(user_id),
        escaped(account_id)
    );
    answer(StsOperation::GetCallerIdentity, &result, request_id)
}

fn answer(operation: StsOperation, result: &str, request_id: &str) -> String {
    let operation = operation.name();
    format!(
        "<{operation}Response xmlns=\"{NAMESPACE}\"><{operation}Result>{result}</{operation}Result>\
         <ResponseMetadata><RequestId>{}</RequestId></ResponseMetadata></{operation}Response>\n",
        escaped(request_id)
    )
}

/// `2026-11-22T18:00:00Z`, rounded down: a client that renews in time is never late.
fn expiration_text(time: Timestamp) -> String {
    match jiff::Timestamp::from_second(time.as_millis().div_euclid(1000)) {
        Ok(time) => time.to_string(),
        Err(_) => "1970-01-01T00:00:00Z".to_owned(),
    }
}

/// Text as it may stand in XML; control characters, which may not, become `?`.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' | '<' | '>' | '"' | '\'' => {
                let _infallible = write!(escaped, "&#{};", u32::from(character));
            }
            character if character.is_control() => escaped.push('?'),
            '\u{fffe}' | '\u{ffff}' => escaped.push('?'),
            character => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn session(seconds: u64) -> StsRequest {
        StsRequest::GetSessionToken { duration: Duration::from_secs(seconds) }
    }

    #[test]
    fn the_requests_of_boto3_are_read() {
        let check = |form: &str, expect| {
            assert_eq!(StsRequest::parse(form.as_bytes()), Ok(expect), "{form}");
        };
        check("Action=GetSessionToken&Version=2011-06-15", session(43_200));
        check("Action=GetSessionToken&Version=2011-06-15&DurationSeconds=900", session(900));
        check("DurationSeconds=129600&Version=2011-06-15&Action=GetSessionToken", session(129_600));
        check("Action=GetCallerIdentity&Version=2011%2D06-15", StsRequest::GetCallerIdentity);
    }

    #[test]
    fn what_cannot_be_answered_is_refused_by_name() {
        let check = |form: &[u8], code: &str, text: &str| {
            let error = StsRequest::parse(form).unwrap_err();
            assert_eq!((error.status, &*error.code), (400, code));
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
        let body = session_token_body("ASIAX", &secret, &token, at, "id-1");
        assert_eq!(
            body,
            "<GetSessionTokenResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
             <GetSessionTokenResult><Credentials><AccessKeyId>ASIAX</AccessKeyId>\
             <SecretAccessKey>se/cr+et</SecretAccessKey><SessionToken>to+ken=</SessionToken>\
             <Expiration>2026-11-22T18:00:00Z</Expiration></Credentials></GetSessionTokenResult>\
             <ResponseMetadata><RequestId>id-1</RequestId></ResponseMetadata>\
             </GetSessionTokenResponse>\n"
        );
        let denied = KvsError::new(ErrorKind::UnrecognizedClient, "a <b> & \u{1}");
        assert_eq!(
            StsError::from(denied).body("id-2"),
            "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error>\
             <Type>Sender</Type><Code>InvalidClientTokenId</Code>\
             <Message>a &#60;b&#62; &#38; ?</Message></Error><RequestId>id-2</RequestId>\
             </ErrorResponse>\n"
        );
    }

    proptest! {
        #[test]
        fn any_form_is_read_without_panic(
            form in proptest::collection::vec(any::<u8>(), 0..200),
            text in "((Action|Version|DurationSeconds)=[%a-zA-Z0-9-]{0,16}&){0,4}",
        ) {
            for form in [form.as_slice(), text.as_bytes()] {
                if let Err(error) = StsRequest::parse(form) {
                    prop_assert_eq!(error.status, 400);
                }
            }
        }
    }
}
