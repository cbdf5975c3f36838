//! The server's side: whose signature it is, and whether it holds.

use std::fmt;
use std::time::Duration;

use jiff::civil;
use jiff::tz::TimeZone;
use subtle::ConstantTimeEq;
use vigie_media::Timestamp;

use super::canonical::{
    Scope, SigningKey, canonical_request, from_hex, query_pairs, sha256_hex, string_to_sign,
};
use super::{
    ALGORITHM, EMPTY_PAYLOAD_SHA256, RequestHead, STREAMING_PAYLOAD, TERMINATOR, UNSIGNED_PAYLOAD,
};
use crate::error::{ErrorKind, KvsError};
use crate::sensitive::Sensitive;
use crate::wire::header;

/// Why a request is refused. The texts follow the service's; Amazon's C producer looks for "Signature expired" and
/// "Signature not yet current" and corrects its clock by the answer's `Date`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SigV4Error {
    /// No credentials at all.
    #[error("Missing Authentication Token")]
    Missing,
    /// Something is missing from them or malformed.
    #[error("{0}")]
    Incomplete(String),
    /// The access key or session token is not known. [`Claim`] never says so; whoever looks keys up does.
    #[error("The security token included in the request is invalid.")]
    UnknownKey,
    /// Another region, service or day.
    #[error("{0}")]
    Scope(String),
    /// Signed too long ago, or a presigned URL that has run out.
    #[error(
        "Signature expired: {signed} is now earlier than {earliest} ({now} - {window_seconds} s)"
    )]
    Expired {
        signed: String,
        /// What would still have done.
        earliest: String,
        /// The server's time.
        now: String,
        /// For how long a signature holds.
        window_seconds: u64,
    },
    /// Signed in the future.
    #[error(
        "Signature not yet current: {signed} is still later than {latest} ({now} + {window_seconds} s)"
    )]
    NotYetCurrent {
        signed: String,
        /// What would have done.
        latest: String,
        /// The server's time.
        now: String,
        /// How far clocks may differ.
        window_seconds: u64,
    },
    #[error(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
    )]
    Mismatch,
}

impl From<SigV4Error> for KvsError {
    fn from(error: SigV4Error) -> Self {
        let kind = match error {
            SigV4Error::Missing => ErrorKind::MissingAuthenticationToken,
            SigV4Error::Incomplete(_) => ErrorKind::IncompleteSignature,
            SigV4Error::UnknownKey => ErrorKind::UnrecognizedClient,
            _ => ErrorKind::InvalidSignature,
        };
        Self::new(kind, error.to_string())
    }
}

/// What a signature has to be for.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The service of the operation, see [`crate::Service::signing_name`].
    pub service: &'a str,
    /// The server's region; `None` takes any.
    pub region: Option<&'a str>,
    /// How far the clocks of client and server may differ; AWS allows 5 minutes.
    pub skew_window: Duration,
}

/// What is known of the body when the signature is checked.
#[derive(Clone, Copy, Debug)]
pub enum Payload<'a> {
    /// All of it: its hash has to be the signed one.
    Whole(&'a [u8]),
    /// It is still to come (PutMedia): every convention of Amazon's producers is taken.
    Streaming,
}

/// Whose signature a request claims to carry; nothing about it is true before [`Claim::verify`].
#[derive(Clone)]
pub struct Claim {
    access_key_id: String,
    scope: Scope,
    signed_headers: Vec<String>,
    signature: [u8; 32],
    date_time: String,
    signed_at: Timestamp,
    security_token: Option<Sensitive>,
    /// Of a presigned URL.
    expires_after: Option<Duration>,
}

impl fmt::Debug for Claim {
    /// Without the signature: whoever reads it in a log could repeat the request until it expires.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claim")
            .field("access_key_id", &self.access_key_id)
            .field("scope", &self.scope)
            .field("date_time", &self.date_time)
            .finish_non_exhaustive()
    }
}

/// More is no signature of any client.
const SIGNED_HEADERS_MAX: usize = 64;
/// Longest time for which a URL may be presigned: seven days.
const EXPIRES_SECONDS_MAX: u64 = 604_800;

impl Claim {
    /// Reads the credentials of a request, from its header or its query.
    pub fn parse(head: &RequestHead<'_>) -> Result<Self, SigV4Error> {
        let presigned = Query::of(head.query);
        let mut headers = head.values(header::AUTHORIZATION);
        match (headers.next(), presigned.signature.is_some() || presigned.algorithm.is_some()) {
            (None, false) => Err(SigV4Error::Missing),
            (None, true) => presigned.claim(),
            (Some(_), true) => Err(incomplete(
                "the request is signed twice, by the Authorization header and by its query; leave one out",
            )),
            (Some(_), false) if headers.next().is_some() => {
                Err(incomplete("the request has more than one Authorization header"))
            }
            (Some(value), false) => {
                let value = std::str::from_utf8(value)
                    .map_err(|_| incomplete("the Authorization header is not text"))?;
                claim_of_header(head, value)
            }
        }
    }

    /// Whose secret key is needed.
    pub fn access_key_id(&self) -> &str {
        &self.access_key_id
    }

    /// The session token; the caller holds it against the one that belongs to the key.
    pub fn security_token(&self) -> Option<&Sensitive> {
        self.security_token.as_ref()
    }

    /// The region that the client signed for.
    pub fn region(&self) -> &str {
        &self.scope.region
    }

    /// Whether the request carries this claim by right: scope and time are as expected and the signature was made
    /// with `secret_access_key` over this head and payload. `head` is the one that the claim was read from.
    pub fn verify(
        &self,
        head: &RequestHead<'_>,
        payload: Payload<'_>,
        secret_access_key: &Sensitive,
        expected: &Expected<'_>,
        now: Timestamp,
    ) -> Result<(), SigV4Error> {
        self.check_scope(expected)?;
        self.check_time(expected.skew_window, now)?;
        let signed_headers: Vec<&str> = self.signed_headers.iter().map(String::as_str).collect();
        for name in &signed_headers {
            if head.values(name).next().is_none() {
                return Err(incomplete(&format!(
                    "the signed header {name} is not in the request; a proxy may have taken it out"
                )));
            }
        }
        self.check_meaning_is_signed(head)?;
        let key = SigningKey::derive(secret_access_key.expose(), &self.scope);
        let matches = |payload: &str, host: Option<&str>| {
            let request = canonical_request(head, &signed_headers, host, payload);
            let signature = key.signature(&string_to_sign(&self.date_time, &self.scope, &request));
            bool::from(signature.ct_eq(&self.signature))
        };
        let hosts = [None, host_without_port(head)];
        for payload in self.payload_lines(head, payload)? {
            if matches(&payload, hosts[0])
                || hosts[1].is_some_and(|host| matches(&payload, Some(host)))
            {
                return Ok(());
            }
        }
        Err(SigV4Error::Mismatch)
    }

    /// Amazon's Java producer scopes PutMedia to `kinesis-video` (its KinesisVideoAWS4Signer), all others to
    /// `kinesisvideo`.
    fn check_scope(&self, expected: &Expected<'_>) -> Result<(), SigV4Error> {
        let Scope { date, region, service } = &self.scope;
        let java = service == "kinesis-video" && expected.service == "kinesisvideo";
        if service != expected.service && !java {
            return Err(SigV4Error::Scope(format!(
                "Credential should be scoped to correct service: '{}'.",
                expected.service
            )));
        }
        if let Some(valid) = expected.region.filter(|valid| valid != region) {
            return Err(SigV4Error::Scope(format!(
                "Credential should be scoped to a valid region: '{valid}'."
            )));
        }
        let signed = &self.date_time[..8];
        if date != signed {
            return Err(SigV4Error::Scope(format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{date}' != '{signed}', from '{}'.",
                self.date_time
            )));
        }
        Ok(())
    }

    fn check_time(&self, skew_window: Duration, now: Timestamp) -> Result<(), SigV4Error> {
        let age_max = self.expires_after.unwrap_or(skew_window);
        if self.signed_at + age_max < now {
            return Err(SigV4Error::Expired {
                signed: self.date_time.clone(),
                earliest: date_time_text(now - age_max),
                now: date_time_text(now),
                window_seconds: age_max.as_secs(),
            });
        }
        if self.signed_at > now + skew_window {
            return Err(SigV4Error::NotYetCurrent {
                signed: self.date_time.clone(),
                latest: date_time_text(now + skew_window),
                now: date_time_text(now),
                window_seconds: skew_window.as_secs(),
            });
        }
        Ok(())
    }

    /// Headers that say what to do have to be signed, or somebody on the way could change them. Amazon's producers
    /// leave the session token and the payload's hash unsigned; a changed one of these only makes the check fail.
    fn check_meaning_is_signed(&self, head: &RequestHead<'_>) -> Result<(), SigV4Error> {
        for (name, _) in head.headers {
            let name = name.to_ascii_lowercase();
            let means = name == header::TARGET
                || name == header::STREAM_NAME
                || name == header::STREAM_ARN
                || name == header::FRAGMENT_TIMECODE_TYPE
                || name == header::PRODUCER_START_TIMESTAMP;
            if means && !self.signed_headers.contains(&name) {
                return Err(incomplete(&format!("the header {name} must be signed")));
            }
        }
        Ok(())
    }

    /// The payload lines with which the signature may have been made, the likeliest first.
    fn payload_lines(
        &self,
        head: &RequestHead<'_>,
        payload: Payload<'_>,
    ) -> Result<Vec<String>, SigV4Error> {
        let declared = head.text(header::CONTENT_SHA256);
        match payload {
            Payload::Whole(body) => {
                let hash = sha256_hex(body);
                match declared {
                    Some(declared) if declared != hash => Err(SigV4Error::Mismatch),
                    _ => Ok(vec![hash]),
                }
            }
            Payload::Streaming => {
                let mut lines: Vec<String> = declared.map(str::to_owned).into_iter().collect();
                for line in [EMPTY_PAYLOAD_SHA256, UNSIGNED_PAYLOAD, STREAMING_PAYLOAD] {
                    if declared != Some(line) {
                        lines.push(line.to_owned());
                    }
                }
                Ok(lines)
            }
        }
    }
}

fn incomplete(message: &str) -> SigV4Error {
    SigV4Error::Incomplete(message.to_owned())
}

/// The Host header without its port, when it has one: Amazon's C producers sign it so.
fn host_without_port<'a>(head: &RequestHead<'a>) -> Option<&'a str> {
    let (host, port) = head.text(header::HOST)?.rsplit_once(':')?;
    // The end of an IPv6 address is no port: `[::1]` stays whole.
    (!port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())).then_some(host)
}

fn claim_of_header(head: &RequestHead<'_>, value: &str) -> Result<Claim, SigV4Error> {
    let parameters = value
        .strip_prefix(ALGORITHM)
        .filter(|rest| rest.starts_with([' ', '\t']))
        .ok_or_else(|| {
            SigV4Error::Incomplete(format!("the Authorization header must begin with {ALGORITHM}"))
        })?;
    let (mut credential, mut signed_headers, mut signature) = (None, None, None);
    for parameter in parameters.split(',') {
        let (name, value) = parameter
            .trim()
            .split_once('=')
            .ok_or_else(|| incomplete("a part of the Authorization header is not NAME=VALUE"))?;
        let slot = match name {
            "Credential" => &mut credential,
            "SignedHeaders" => &mut signed_headers,
            "Signature" => &mut signature,
            _ => continue,
        };
        if slot.replace(value.trim()).is_some() {
            return Err(SigV4Error::Incomplete(format!(
                "the Authorization header has the parameter {name} twice"
            )));
        }
    }
    let requires = |name: &str| {
        SigV4Error::Incomplete(format!("Authorization header requires '{name}' parameter."))
    };
    let date_time = head.text(header::DATE).ok_or_else(|| {
        incomplete("Authorization header requires existence of a 'X-Amz-Date' header.")
    })?;
    claim(
        credential.ok_or_else(|| requires("Credential"))?,
        signed_headers.ok_or_else(|| requires("SignedHeaders"))?,
        signature.ok_or_else(|| requires("Signature"))?,
        date_time,
        head.text(header::SECURITY_TOKEN),
        None,
    )
}

/// The parameters of a presigned URL.
#[derive(Default)]
struct Query {
    algorithm: Option<String>,
    credential: Option<String>,
    date: Option<String>,
    expires: Option<String>,
    signed_headers: Option<String>,
    signature: Option<String>,
    security_token: Option<String>,
    repeated: bool,
}

impl Query {
    fn of(query: &str) -> Self {
        let mut this = Self::default();
        for (name, value) in query_pairs(query) {
            let slot = match name.as_slice() {
                b"X-Amz-Algorithm" => &mut this.algorithm,
                b"X-Amz-Credential" => &mut this.credential,
                b"X-Amz-Date" => &mut this.date,
                b"X-Amz-Expires" => &mut this.expires,
                b"X-Amz-SignedHeaders" => &mut this.signed_headers,
                b"X-Amz-Signature" => &mut this.signature,
                b"X-Amz-Security-Token" => &mut this.security_token,
                _ => continue,
            };
            this.repeated |= slot.replace(String::from_utf8_lossy(&value).into_owned()).is_some();
        }
        this
    }

    fn claim(self) -> Result<Claim, SigV4Error> {
        if self.repeated {
            return Err(incomplete("a parameter of the signature stands in the query twice"));
        }
        let requires = |name: &str| {
            SigV4Error::Incomplete(format!("AWS query-string parameters must include '{name}'."))
        };
        if self.algorithm.as_deref() != Some(ALGORITHM) {
            return Err(requires("X-Amz-Algorithm"));
        }
        let expires = self.expires.ok_or_else(|| requires("X-Amz-Expires"))?;
        let expires_seconds = expires
            .parse()
            .ok()
            .filter(|seconds| (1..=EXPIRES_SECONDS_MAX).contains(seconds))
            .ok_or_else(|| incomplete("X-Amz-Expires must be 1 to 604800 seconds"))?;
        claim(
            &self.credential.ok_or_else(|| requires("X-Amz-Credential"))?,
            &self.signed_headers.ok_or_else(|| requires("X-Amz-SignedHeaders"))?,
            &self.signature.ok_or_else(|| requires("X-Amz-Signature"))?,
            &self.date.ok_or_else(|| requires("X-Amz-Date"))?,
            self.security_token.as_deref(),
            Some(Duration::from_secs(expires_seconds)),
        )
    }
}

fn claim(
    credential: &str,
    signed_headers: &str,
    signature: &str,
    date_time: &str,
    security_token: Option<&str>,
    expires_after: Option<Duration>,
) -> Result<Claim, SigV4Error> {
    let (access_key_id, scope) = parse_credential(credential)?;
    let signed_at = parse_date_time(date_time)
        .ok_or_else(|| incomplete("X-Amz-Date must be of the form YYYYMMDD'T'HHMMSS'Z'"))?;
    let signature = from_hex(signature)
        .ok_or_else(|| incomplete("the signature must be 64 small hexadecimal digits"))?;
    let names: Vec<String> = signed_headers.split(';').map(str::to_owned).collect();
    let well_formed = names.len() <= SIGNED_HEADERS_MAX
        && names.iter().all(|name| {
            !name.is_empty()
                && name.bytes().all(|b| b.is_ascii_graphic() && !b.is_ascii_uppercase())
        });
    if !well_formed {
        return Err(incomplete("SignedHeaders must be lower-case header names separated by ;"));
    }
    if (1..names.len()).any(|index| names[..index].contains(&names[index])) {
        return Err(incomplete("SignedHeaders names a header twice"));
    }
    if !names.iter().any(|name| name == header::HOST) {
        return Err(incomplete("'Host' must be a signed header"));
    }
    Ok(Claim {
        access_key_id,
        scope,
        signed_headers: names,
        signature,
        date_time: date_time.to_owned(),
        signed_at,
        security_token: security_token.map(Sensitive::new),
        expires_after,
    })
}

fn parse_credential(credential: &str) -> Result<(String, Scope), SigV4Error> {
    let malformed =
        || incomplete("Credential must be of the form KEY/YYYYMMDD/REGION/SERVICE/aws4_request");
    let mut parts = credential.rsplitn(5, '/');
    let mut part = || parts.next().filter(|part| !part.is_empty()).ok_or_else(malformed);
    let (terminator, service, region, date, key) = (part()?, part()?, part()?, part()?, part()?);
    if terminator != TERMINATOR {
        return Err(SigV4Error::Scope(format!(
            "Credential should be scoped with a valid terminator: '{TERMINATOR}'."
        )));
    }
    let scope =
        Scope { date: date.to_owned(), region: region.to_owned(), service: service.to_owned() };
    Ok((key.to_owned(), scope))
}

/// Reads `YYYYMMDD'T'HHMMSS'Z'`.
fn parse_date_time(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    if bytes.len() != 16 || bytes[8] != b'T' || bytes[15] != b'Z' {
        return None;
    }
    let number = |from: usize, to: usize| -> Option<i16> {
        let digits = text.get(from..to)?;
        if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None }
    };
    let small = |from| number(from, from + 2).and_then(|value| i8::try_from(value).ok());
    let date_time = civil::DateTime::new(
        number(0, 4)?,
        small(4)?,
        small(6)?,
        small(9)?,
        small(11)?,
        small(13)?,
        0,
    );
    let instant = TimeZone::UTC.to_timestamp(date_time.ok()?).ok()?;
    Some(Timestamp::from_millis(instant.as_millisecond()))
}

/// Writes `YYYYMMDD'T'HHMMSS'Z'`. Times that have no such form are written as the first or last that has.
pub(super) fn date_time_text(time: Timestamp) -> String {
    let millis = time.as_millis().clamp(0, 253_402_300_799_000);
    match jiff::Timestamp::from_millisecond(millis) {
        Ok(instant) => instant.strftime("%Y%m%dT%H%M%SZ").to_string(),
        Err(_) => "19700101T000000Z".to_owned(),
    }
}
