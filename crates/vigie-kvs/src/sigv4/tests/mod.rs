//! Signing and verifying, held against AWS's published vectors, an independent signer, and the requests of real
//! producers.

mod independent;
mod producers;
mod refusals;
mod vectors;

use std::time::Duration;

use vigie_media::Timestamp;

use super::*;
use crate::sensitive::Sensitive;

/// The secret key of AWS's published examples.
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const SKEW_WINDOW: Duration = Duration::from_secs(300);

/// A request that a test can change.
#[derive(Clone, Debug)]
struct Request {
    method: Vec<u8>,
    path: Vec<u8>,
    query: Vec<u8>,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl Request {
    fn new(method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut this = Self {
            method: method.into(),
            path: path.into(),
            query: query.into(),
            headers: Vec::new(),
            body: body.as_bytes().to_vec(),
        };
        headers.iter().for_each(|(name, value)| this.push(name, value));
        this
    }

    fn push(&mut self, name: &str, value: &str) {
        self.headers.push((name.to_owned(), value.as_bytes().to_vec()));
    }

    fn set(&mut self, name: &str, value: &str) {
        self.headers.retain(|(header, _)| !header.eq_ignore_ascii_case(name));
        self.push(name, value);
    }

    fn with_head<T>(&self, then: impl FnOnce(&RequestHead<'_>) -> T) -> T {
        let headers: Vec<(&str, &[u8])> =
            self.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
        then(&RequestHead {
            method: std::str::from_utf8(&self.method).unwrap(),
            path: std::str::from_utf8(&self.path).unwrap(),
            query: std::str::from_utf8(&self.query).unwrap(),
            headers: &headers,
        })
    }

    /// Signs with our own signer and adds its headers.
    fn sign(&mut self, streaming: bool, now: Timestamp) {
        let credentials = Credentials {
            access_key_id: "AKIDEXAMPLE".to_owned(),
            secret_access_key: SECRET.into(),
            session_token: None,
        };
        let body = (!streaming).then_some(self.body.as_slice());
        let signed =
            self.with_head(|head| sign(head, body, &credentials, "us-east-1", "kinesisvideo", now));
        self.push("x-amz-date", &signed.date);
        self.push("authorization", signed.authorization.expose());
    }

    fn verify_as(
        &self,
        streaming: bool,
        service: &str,
        now: Timestamp,
    ) -> Result<Claim, SigV4Error> {
        let expected = Expected { service, region: Some("us-east-1"), skew_window: SKEW_WINDOW };
        let payload = if streaming { Payload::Streaming } else { Payload::Whole(&self.body) };
        self.with_head(|head| {
            let claim = Claim::parse(head)?;
            claim.verify(head, payload, &Sensitive::new(SECRET), &expected, now)?;
            Ok(claim)
        })
    }

    fn verify(&self, streaming: bool, now: Timestamp) -> Result<Claim, SigV4Error> {
        self.verify_as(streaming, "kinesisvideo", now)
    }
}

/// 2015-08-30T12:36:00Z, the time of AWS's examples.
fn then() -> Timestamp {
    Timestamp::from_millis(1_440_938_160_000)
}

fn describe_stream() -> Request {
    let headers = [("host", "localhost:8440"), ("content-type", "application/json")];
    Request::new("POST", "/describeStream", &headers, r#"{"StreamName":"gate"}"#)
}
