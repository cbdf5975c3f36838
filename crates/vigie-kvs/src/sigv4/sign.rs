//! The client's side: signing requests of our own.

use base16ct::lower::encode_string;
use vigie_media::Timestamp;

use super::canonical::{Scope, SigningKey, canonical_request, sha256_hex, string_to_sign};
use super::verify::date_time_text;
use super::{ALGORITHM, EMPTY_PAYLOAD_SHA256, RequestHead};
use crate::sensitive::Sensitive;
use crate::wire::header;

/// An access key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// `AKIA…`.
    pub access_key_id: String,
    pub secret_access_key: Sensitive,
    /// Of temporary credentials.
    pub session_token: Option<Sensitive>,
}

/// The headers to add to a request to make it signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedHeaders {
    /// `authorization`.
    pub authorization: Sensitive,
    /// `x-amz-date`.
    pub date: String,
    /// `x-amz-security-token`, with temporary credentials.
    pub security_token: Option<Sensitive>,
}

/// Signs a request. `head` holds every header that is to be signed, `host` among them, and must not change after;
/// the three headers of the answer are to be added. `body` is hashed; `None` is for PutMedia, whose body is still to
/// come: then the hash of nothing is signed, as Amazon's C producers do.
pub fn sign(
    head: &RequestHead<'_>,
    body: Option<&[u8]>,
    credentials: &Credentials,
    region: &str,
    service: &str,
    now: Timestamp,
) -> SignedHeaders {
    let date = date_time_text(now);
    let scope = Scope {
        date: date[..8].to_owned(),
        region: region.to_owned(),
        service: service.to_owned(),
    };
    let mut headers: Vec<(&str, &[u8])> = head.headers.to_vec();
    headers.push((header::DATE, date.as_bytes()));
    let session_token = credentials.session_token.as_ref();
    if let Some(token) = session_token {
        headers.push((header::SECURITY_TOKEN, token.expose().as_bytes()));
    }
    let mut names: Vec<String> =
        headers.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
    names.sort_unstable();
    names.dedup();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();

    let payload = body.map_or_else(|| EMPTY_PAYLOAD_SHA256.to_owned(), sha256_hex);
    let head = RequestHead { headers: &headers, ..*head };
    let request = canonical_request(&head, &names, None, &payload);
    let key = SigningKey::derive(credentials.secret_access_key.expose(), &scope);
    let signature = encode_string(&key.signature(&string_to_sign(&date, &scope, &request)));
    let credential = scope.credential(&credentials.access_key_id);
    let signed = names.join(";");
    let authorization = format!(
        "{ALGORITHM} Credential={credential}, SignedHeaders={signed}, Signature={signature}"
    );
    SignedHeaders {
        authorization: authorization.into(),
        date,
        security_token: session_token.cloned(),
    }
}
