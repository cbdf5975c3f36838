//! Content that a browser fetches: what of it is sent, and how long it may be kept (RFC 9110, RFC 9111).
//!
//! Decides between the whole, a part, and "you have it already". Never knows what the content is.

use std::hash::Hasher;
use std::ops::Range;

use bytes::Bytes;
use fnv::FnvHasher;
use hyper::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_RANGE, CONTENT_TYPE, ETAG,
    HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH, IF_RANGE, RANGE,
};
use hyper::{Method, Response, StatusCode};
use tokio::sync::mpsc;

use super::body::ResponseBody;

#[derive(Clone, Debug)]
pub(crate) struct Content {
    /// MIME type.
    pub content_type: &'static str,
    /// The bytes, in order.
    pub pieces: Vec<Bytes>,
    /// For how long.
    pub keep: Keep,
    /// A strong validator, with its quotes.
    pub etag: String,
}

/// How long content may be kept by whoever has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    /// Only when it was asked anew whether it still holds.
    Revalidate,
    /// It never changes.
    Immutable {
        /// After this nobody wants it any more.
        seconds: u64,
    },
    /// Not at all: it is too long for a cache, and nobody else's business.
    Nowhere,
}

impl Content {
    /// A text that may be another one next time.
    pub(crate) fn text(content_type: &'static str, text: String) -> Self {
        let mut hash = FnvHasher::default();
        hash.write(text.as_bytes());
        let etag = format!("\"{:016x}\"", hash.finish());
        let pieces = vec![Bytes::from(text)];
        Self { content_type, pieces, keep: Keep::Revalidate, etag }
    }

    /// The answer to a request with these headers.
    pub(crate) fn respond(self, request: &HeaderMap) -> Response<ResponseBody> {
        let Self { content_type, pieces, keep, etag } = self;
        let size_bytes = pieces.iter().map(|piece| piece.len() as u64).sum();
        let of = Description { content_type, size_bytes, keep, etag };
        of.respond(request, |range| ResponseBody::parts(cut(pieces, range)))
    }
}

/// A file that is made while it is sent.
pub(crate) struct Download {
    pub description: Description,
    /// Under which it is saved. Letters, digits, `.`, `_` and `-`.
    pub file_name: String,
    /// Begins to make the bytes of a part.
    pub begin: Box<dyn FnOnce(Range<u64>) -> mpsc::Receiver<Bytes> + Send>,
}

impl Download {
    /// The answer to a request with these headers. Of one that wants no bytes nothing is made.
    pub(crate) fn respond(self, method: &Method, request: &HeaderMap) -> Response<ResponseBody> {
        let Self { description, file_name, begin } = self;
        let mut response = description.respond(request, |range| match range.end - range.start {
            0 => ResponseBody::whole(Bytes::new()),
            left_bytes => {
                // The length is told all the same.
                let is_wanted = method != Method::HEAD;
                let pieces = if is_wanted { begin(range) } else { mpsc::channel(1).1 };
                ResponseBody::Sized { left_bytes, pieces }
            }
        });
        let disposition = format!("attachment; filename=\"{file_name}\"");
        if let Ok(value) = HeaderValue::try_from(disposition) {
            response.headers_mut().insert(CONTENT_DISPOSITION, value);
        }
        response
    }
}

/// What is said of content, whatever brings its bytes.
pub(crate) struct Description {
    /// MIME type.
    pub content_type: &'static str,
    /// Length of the whole.
    pub size_bytes: u64,
    /// For how long.
    pub keep: Keep,
    /// A strong validator, with its quotes.
    pub etag: String,
}

impl Description {
    /// The answer to a request with these headers; `body` gives the bytes of a part, which may be empty.
    fn respond(
        self,
        request: &HeaderMap,
        body: impl FnOnce(Range<u64>) -> ResponseBody,
    ) -> Response<ResponseBody> {
        let size = self.size_bytes;
        let keep = match self.keep {
            Keep::Revalidate => "no-cache".to_owned(),
            Keep::Immutable { seconds } => format!("private, max-age={seconds}, immutable"),
            Keep::Nowhere => "no-store".to_owned(),
        };
        let known = text(request, IF_NONE_MATCH);
        let (status, range) = if known.is_some_and(|known| names(known, &self.etag)) {
            (StatusCode::NOT_MODIFIED, 0..0)
        } else {
            match wanted_range(request, &self.etag, size) {
                None => (StatusCode::OK, 0..size),
                Some(Some(range)) => (StatusCode::PARTIAL_CONTENT, range),
                Some(None) => (StatusCode::RANGE_NOT_SATISFIABLE, 0..0),
            }
        };
        let content_range = match status {
            StatusCode::PARTIAL_CONTENT => {
                Some(format!("bytes {}-{}/{size}", range.start, range.end.saturating_sub(1)))
            }
            StatusCode::RANGE_NOT_SATISFIABLE => Some(format!("bytes */{size}")),
            _ => None,
        };
        let mut response = Response::new(body(range));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        let more =
            [(CACHE_CONTROL, Some(keep)), (ETAG, Some(self.etag)), (CONTENT_RANGE, content_range)];
        for (name, value) in more {
            // Made of digits and letters above.
            if let Some(Ok(value)) = value.map(HeaderValue::try_from) {
                headers.insert(name, value);
            }
        }
        response
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// Whether an `If-None-Match` names the validator.
fn names(known: &str, etag: &str) -> bool {
    known.split(',').map(str::trim).any(|tag| tag == "*" || tag.trim_start_matches("W/") == etag)
}

/// The one range that is asked for: none, one that cannot be had, or one that can. Several at once, and units other
/// than bytes, are answered with the whole, which is always allowed.
fn wanted_range(request: &HeaderMap, etag: &str, size: u64) -> Option<Option<Range<u64>>> {
    let range = text(request, RANGE)?.trim().strip_prefix("bytes=")?;
    if request.contains_key(IF_RANGE) && text(request, IF_RANGE) != Some(etag) {
        return None;
    }
    let (first, last) = range.trim().split_once('-')?;
    let range = match (first.trim(), last.trim()) {
        ("", suffix) => size.saturating_sub(suffix.parse().ok()?)..size,
        (first, "") => first.parse().ok()?..size,
        (first, last) => {
            let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
            if last < first {
                return None;
            }
            first..last.saturating_add(1).min(size)
        }
    };
    Some((range.start < range.end).then_some(range))
}

/// The bytes of `range`, without copying.
fn cut(pieces: Vec<Bytes>, range: Range<u64>) -> Vec<Bytes> {
    let mut at = 0;
    let mut kept = Vec::with_capacity(pieces.len());
    for piece in pieces {
        let length = piece.len() as u64;
        let from = range.start.clamp(at, at + length) - at;
        let until = range.end.clamp(at, at + length) - at;
        if from < until {
            // Both are at most the length of the piece.
            kept.push(piece.slice(from as usize..until as usize));
        }
        at += length;
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(request: &[(HeaderName, &str)], status: u16, body: &str, range: Option<&str>) {
        let headers = request
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap()));
        let content = Content {
            content_type: "video/mp4",
            pieces: vec![Bytes::from_static(b"0123"), Bytes::new(), Bytes::from_static(b"456789")],
            keep: Keep::Immutable { seconds: 60 },
            etag: "\"a\"".to_owned(),
        };
        let response = content.respond(&headers.collect());
        assert_eq!(response.status().as_u16(), status, "{request:?}");
        let found = response.headers().get(CONTENT_RANGE).map(|range| range.to_str().unwrap());
        assert_eq!(found, range, "{request:?}");
        assert_eq!(response.headers()[CACHE_CONTROL], "private, max-age=60, immutable");
        assert_eq!(response.headers()[ETAG], "\"a\"");
        let ResponseBody::Parts(parts) = response.into_body() else { panic!("no parts") };
        let parts: Vec<u8> = parts.into_iter().flatten().collect();
        assert_eq!(String::from_utf8(parts).unwrap(), body, "{request:?}");
    }

    #[test]
    fn a_range_is_cut_out_and_what_is_no_range_gets_the_whole() {
        check(&[], 200, "0123456789", None);
        check(&[(RANGE, "bytes=0-0")], 206, "0", Some("bytes 0-0/10"));
        check(&[(RANGE, "bytes=2-5")], 206, "2345", Some("bytes 2-5/10"));
        check(&[(RANGE, "bytes=8-")], 206, "89", Some("bytes 8-9/10"));
        check(&[(RANGE, "bytes=8-99")], 206, "89", Some("bytes 8-9/10"));
        check(&[(RANGE, "bytes=-3")], 206, "789", Some("bytes 7-9/10"));
        check(&[(RANGE, "bytes=-99")], 206, "0123456789", Some("bytes 0-9/10"));
        check(&[(RANGE, "bytes=10-")], 416, "", Some("bytes */10"));
        check(&[(RANGE, "bytes=-0")], 416, "", Some("bytes */10"));
        for whole in ["bytes=5-2", "bytes=0-1,4-5", "bytes=a-b", "lines=1-2", "bytes"] {
            check(&[(RANGE, whole)], 200, "0123456789", None);
        }
    }

    #[test]
    fn a_text_has_the_same_tag_in_every_version() {
        // Computed apart: players keep what they have while the server is upgraded.
        let content = Content::text("application/vnd.apple.mpegurl", "#EXTM3U".to_owned());
        assert_eq!(content.etag, "\"4bbdfeca4c54fb18\"");
    }

    #[test]
    fn what_the_caller_has_is_not_sent_again() {
        check(&[(IF_NONE_MATCH, "\"a\"")], 304, "", None);
        check(&[(IF_NONE_MATCH, "\"b\", W/\"a\"")], 304, "", None);
        check(&[(IF_NONE_MATCH, "\"b\"")], 200, "0123456789", None);
        let of_another = [(RANGE, "bytes=0-1"), (IF_RANGE, "\"b\"")];
        check(&of_another, 200, "0123456789", None);
        check(&[(RANGE, "bytes=0-1"), (IF_RANGE, "\"a\"")], 206, "01", Some("bytes 0-1/10"));
    }
}
