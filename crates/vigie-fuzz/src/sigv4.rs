//! Signatures: nobody gets in without the secret, whoever signs with it gets in, and nothing may be changed after.

use std::time::Duration;

use vigie_kvs::Sensitive;
use vigie_kvs::sigv4::{Claim, Credentials, Expected, Payload, RequestHead, SigV4Error, sign};
use vigie_media::Timestamp;

/// The secret of no seed of the corpus.
const SECRET: &str = "a secret that no request of the corpus was signed with";
/// 2015-08-30T12:36:00Z, the time of AWS's examples.
const NOW: Timestamp = Timestamp::from_millis(1_440_938_160_000);
const REGION: &str = "us-east-1";
const SERVICE: &str = "kinesisvideo";
/// Wide, so that the times of the seeds do not keep the rest from being looked at.
const SKEW_WINDOW: Duration = Duration::from_secs(100 * 365 * 86_400);

/// A request as it goes over the wire: request line, headers, empty line, body.
struct Request<'a> {
    method: &'a str,
    path: &'a str,
    query: &'a str,
    headers: Vec<(&'a str, &'a [u8])>,
    body: &'a [u8],
}

/// The bytes are a request.
pub fn sigv4(data: &[u8]) {
    let Some(request) = Request::read(data) else { return };
    refused_without_the_secret(&request);
    accepted_when_signed(request);
}

fn refused_without_the_secret(request: &Request<'_>) {
    let head = request.head();
    let claim = match Claim::parse(&head) {
        Ok(claim) => claim,
        Err(error) => return assert!(!matches!(error, SigV4Error::Mismatch), "{error:?}"),
    };
    let region = claim.region().to_owned();
    for service in [SERVICE, "secretsmanager"] {
        let expected = Expected { service, region: Some(&region), skew_window: SKEW_WINDOW };
        for payload in [Payload::Whole(request.body), Payload::Streaming] {
            let verified = claim.verify(&head, payload, &Sensitive::new(SECRET), &expected, NOW);
            assert!(verified.is_err(), "accepted without the secret");
        }
    }
}

fn accepted_when_signed(mut request: Request<'_>) {
    // What signing adds, and what speaks of another body.
    const ADDED: [&str; 4] =
        ["authorization", "x-amz-date", "x-amz-security-token", "x-amz-content-sha256"];
    request.headers.retain(|(name, _)| !ADDED.contains(&name.to_ascii_lowercase().as_str()));
    if !request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        request.headers.push(("Host", b"localhost:8440"));
    }
    let presigned = !matches!(Claim::parse(&request.head()), Err(SigV4Error::Missing));
    if presigned || request.headers.len() > 60 {
        return;
    }
    let credentials = Credentials {
        access_key_id: "AKIDEXAMPLE".to_owned(),
        secret_access_key: Sensitive::new(SECRET),
        session_token: (request.body.len() % 2 == 1).then(|| Sensitive::new("a session token")),
    };
    let head = request.head();
    let signed = sign(&head, Some(request.body), &credentials, REGION, SERVICE, NOW);
    let mut headers = request.headers.clone();
    headers.push(("x-amz-date", signed.date.as_bytes()));
    headers.push(("authorization", signed.authorization.expose().as_bytes()));
    if let Some(token) = &signed.security_token {
        headers.push(("x-amz-security-token", token.expose().as_bytes()));
    }
    let head = RequestHead { headers: &headers, ..head };
    assert_eq!(verify(&head, request.body), Ok(()));

    let body = [request.body, b"x"].concat();
    assert_eq!(verify(&head, &body), Err(SigV4Error::Mismatch), "another body");
    let path = format!("{}/x", head.path);
    let other = RequestHead { path: &path, ..head };
    assert_eq!(verify(&other, request.body), Err(SigV4Error::Mismatch), "another path");
    let query = format!("{}&x=y", head.query);
    let other = RequestHead { query: &query, ..head };
    assert_eq!(verify(&other, request.body), Err(SigV4Error::Mismatch), "another query");
}

fn verify(head: &RequestHead<'_>, body: &[u8]) -> Result<(), SigV4Error> {
    let expected =
        Expected { service: SERVICE, region: Some(REGION), skew_window: Duration::from_secs(300) };
    let claim = Claim::parse(head)?;
    claim.verify(head, Payload::Whole(body), &Sensitive::new(SECRET), &expected, NOW)
}

impl<'a> Request<'a> {
    /// What an HTTP library would let through; `None` for the rest.
    fn read(data: &'a [u8]) -> Option<Self> {
        let (line, mut rest) = line(data);
        let mut parts = std::str::from_utf8(line).ok()?.split(' ');
        let (method, target) = (parts.next()?, parts.next()?);
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut headers = Vec::new();
        loop {
            let (line, after) = self::line(rest);
            rest = after;
            if line.is_empty() {
                break;
            }
            let colon = line.iter().position(|&byte| byte == b':')?;
            let name = std::str::from_utf8(&line[..colon]).ok()?;
            let is_token =
                |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
            if name.is_empty() || !name.bytes().all(is_token) {
                return None;
            }
            headers.push((name, &line[colon + 1..]));
        }
        Some(Self { method, path, query, headers, body: rest })
    }

    fn head(&self) -> RequestHead<'_> {
        RequestHead {
            method: self.method,
            path: self.path,
            query: self.query,
            headers: &self.headers,
        }
    }
}

/// Splits a line off, whatever it ends with.
fn line(data: &[u8]) -> (&[u8], &[u8]) {
    let (line, rest) = crate::first_line(data);
    (line.strip_suffix(b"\r").unwrap_or(line), rest)
}
