//! The canonical request, the string to sign and the signature: what signing and verifying share.

use std::fmt::Write as _;

use base16ct::lower::encode_string;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use super::{ALGORITHM, RequestHead, TERMINATOR};

/// `date/region/service/aws4_request`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Scope {
    pub(super) date: String,
    pub(super) region: String,
    pub(super) service: String,
}

impl Scope {
    fn text(&self) -> String {
        let Self { date, region, service } = self;
        format!("{date}/{region}/{service}/{TERMINATOR}")
    }

    pub(super) fn credential(&self, access_key_id: &str) -> String {
        format!("{access_key_id}/{}", self.text())
    }
}

/// The path, with dot segments and repeated slashes taken out and then encoded once more: every service but S3
/// signs the encoding of what is already encoded.
fn canonical_path(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            segment => segments.push(segment),
        }
    }
    let mut canonical = String::with_capacity(path.len() + 1);
    for segment in &segments {
        canonical.push('/');
        encode(segment.as_bytes(), &mut canonical);
    }
    if segments.is_empty() || path.ends_with('/') {
        canonical.push('/');
    }
    canonical
}

/// The query, each name and value decoded and encoded anew, sorted, without the signature itself.
fn canonical_query(query: &str) -> String {
    let mut pairs: Vec<(String, String)> = query_pairs(query)
        .filter(|(name, _)| name != b"X-Amz-Signature")
        .map(|(name, value)| {
            let (mut encoded_name, mut encoded_value) = (String::new(), String::new());
            encode(&name, &mut encoded_name);
            encode(&value, &mut encoded_value);
            (encoded_name, encoded_value)
        })
        .collect();
    pairs.sort();
    let mut canonical = String::with_capacity(query.len());
    for (name, value) in pairs {
        if !canonical.is_empty() {
            canonical.push('&');
        }
        canonical.push_str(&name);
        canonical.push('=');
        canonical.push_str(&value);
    }
    canonical
}

/// Names and values of a query, percent-decoded. A percent sign without two digits stands for itself.
pub(crate) fn query_pairs(query: &str) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(name), decode(value))
    })
}

fn decode(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let digits = bytes.get(at + 1..at + 3).and_then(|digits| {
            let digit = |digit: u8| char::from(digit).to_digit(16);
            Some((digit(digits[0])? * 16 + digit(digits[1])?) as u8)
        });
        match digits {
            Some(value) if byte == b'%' => {
                decoded.push(value);
                at += 3;
            }
            _ => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    decoded
}

/// Percent-encodes all but RFC 3986's unreserved characters.
fn encode(bytes: &[u8], out: &mut String) {
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _infallible = write!(out, "%{byte:02X}");
        }
    }
}

/// Pushes a header's value with runs of spaces made one.
fn push_value(value: &[u8], out: &mut Vec<u8>) {
    let mut space = false;
    for &byte in value.trim_ascii() {
        if byte == b' ' && space {
            continue;
        }
        space = byte == b' ';
        out.push(byte);
    }
}

/// The canonical request. `signed_headers` are lower-case names in the signer's order; `host` replaces the value of
/// the Host header when given.
pub(super) fn canonical_request(
    head: &RequestHead<'_>,
    signed_headers: &[&str],
    host: Option<&str>,
    payload: &str,
) -> Vec<u8> {
    let mut request = Vec::with_capacity(512);
    request.extend_from_slice(head.method.as_bytes());
    request.push(b'\n');
    request.extend_from_slice(canonical_path(head.path).as_bytes());
    request.push(b'\n');
    request.extend_from_slice(canonical_query(head.query).as_bytes());
    request.push(b'\n');
    for name in signed_headers {
        request.extend_from_slice(name.as_bytes());
        request.push(b':');
        match host {
            Some(host) if *name == "host" => request.extend_from_slice(host.as_bytes()),
            _ => {
                for (index, value) in head.values(name).enumerate() {
                    if index > 0 {
                        request.push(b',');
                    }
                    push_value(value, &mut request);
                }
            }
        }
        request.push(b'\n');
    }
    request.push(b'\n');
    request.extend_from_slice(signed_headers.join(";").as_bytes());
    request.push(b'\n');
    request.extend_from_slice(payload.as_bytes());
    request
}

/// What the signature is made of.
pub(super) fn string_to_sign(date_time: &str, scope: &Scope, canonical_request: &[u8]) -> String {
    let hash = sha256_hex(canonical_request);
    format!("{ALGORITHM}\n{date_time}\n{}\n{hash}", scope.text())
}

/// The key of one day, region and service.
pub(super) struct SigningKey([u8; 32]);

impl SigningKey {
    pub(super) fn derive(secret_access_key: &str, scope: &Scope) -> Self {
        let date = hmac(format!("AWS4{secret_access_key}").as_bytes(), scope.date.as_bytes());
        let region = hmac(&date, scope.region.as_bytes());
        let service = hmac(&region, scope.service.as_bytes());
        Self(hmac(&service, TERMINATOR.as_bytes()))
    }

    pub(super) fn signature(&self, string_to_sign: &str) -> [u8; 32] {
        hmac(&self.0, string_to_sign.as_bytes())
    }
}

fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    // HMAC takes keys of any length, so that this cannot fail; were it to, the signature would match nothing.
    match Hmac::<Sha256>::new_from_slice(key) {
        Ok(mac) => mac.chain_update(message).finalize().into_bytes().into(),
        Err(_) => [0; 32],
    }
}

/// SHA-256 in small hexadecimal digits.
pub(super) fn sha256_hex(bytes: &[u8]) -> String {
    encode_string(&Sha256::digest(bytes))
}

/// 32 bytes of small hexadecimal digits; capitals are refused, so that a signature has one form.
pub(super) fn from_hex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    let is_whole = base16ct::lower::decode(text, &mut bytes).ok()?.len() == bytes.len();
    is_whole.then_some(bytes)
}
