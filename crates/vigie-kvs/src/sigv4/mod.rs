//! AWS Signature Version 4, both sides of it.
//!
//! Decides whether a request was signed with a given secret key, for this place and at this time, and signs requests
//! of our own; both share one canonicalisation. Takes every payload convention that Amazon's producers use on
//! PutMedia. Never looks a key up and never reads a clock: [`Claim::parse`] says whose key is needed, then
//! [`Claim::verify`] takes it.

mod canonical;
mod sign;
#[cfg(test)]
mod tests;
mod verify;

pub(crate) use canonical::query_pairs;
pub use sign::{Credentials, SignedHeaders, sign};
pub use verify::{Claim, Expected, Payload, SigV4Error};

/// The head of a request as it came or will go, for signing.
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'a> {
    /// `POST`.
    pub method: &'a str,
    /// The path as it stands in the request line, percent-encoded.
    pub path: &'a str,
    /// The query as it stands in the request line, without `?`; empty when there is none.
    pub query: &'a str,
    /// Header names in any case and values, in their order, repeated names included.
    pub headers: &'a [(&'a str, &'a [u8])],
}

impl<'a> RequestHead<'a> {
    /// The values of a header, in order.
    fn values(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.headers
            .iter()
            .filter(move |(header, _)| header.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim_ascii())
    }

    /// The first value of a header, if it is text.
    fn text(&self, name: &str) -> Option<&'a str> {
        self.values(name).next().and_then(|value| std::str::from_utf8(value).ok())
    }
}

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// The last part of every credential scope.
const TERMINATOR: &str = "aws4_request";
/// SHA-256 of nothing: the payload line of Amazon's C producers on PutMedia.
pub const EMPTY_PAYLOAD_SHA256: &str =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
/// The payload line of Amazon's Java producer on PutMedia.
pub const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";
/// The payload line of the AWS SDK for Java v1 on PutMedia; no signatures of chunks follow.
pub const STREAMING_PAYLOAD: &str = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";
