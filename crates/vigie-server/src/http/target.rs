//! Which request targets are none (RFC 9112, section 3.2), so that nobody in front of the server can read one otherwise
//! than the server does.
//!
//! hyper refuses blanks and controls. What its URI type leaves out in silence, a fragment (`#` and what follows), it
//! cannot tell any more: that is seen in the request's line as it comes in. Decides nothing about paths. What a caller
//! sends ahead of an answer, together with the request before, is not seen; of it a fragment goes as it always did.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};

use hyper::{Method, Uri};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Whether hyper's form of a target is one that a server has to understand. CONNECT is for proxies.
pub(super) fn is_target(method: &Method, uri: &Uri) -> bool {
    let Some(target) = uri.path_and_query() else { return false };
    let is_form = match target.as_str() {
        // Of the server as a whole.
        "*" => *method == Method::OPTIONS,
        path => path.starts_with('/') || path.starts_with('?'),
    };
    // A URI is ASCII (RFC 3986, section 2); hyper lets any UTF-8 pass.
    is_form && target.as_str().bytes().all(|byte| byte.is_ascii_graphic())
}

/// What is known of the line of a connection's next request, shared by what reads it and what answers it.
#[derive(Debug, Default)]
pub(super) struct RequestLine(AtomicU8);

/// It is yet to come.
const AWAITED: u8 = 0;
/// It has come, or what comes now is a body.
const PASSED: u8 = 1;
const HAS_FRAGMENT: u8 = 2;

impl RequestLine {
    /// Whether the request that has come had a fragment. What follows is its body.
    pub(super) fn take_has_fragment(&self) -> bool {
        self.0.swap(PASSED, Ordering::Relaxed) == HAS_FRAGMENT
    }

    /// What comes now is the line of the next request.
    pub(super) fn await_next(&self) {
        self.0.store(AWAITED, Ordering::Relaxed);
    }

    fn is_awaited(&self) -> bool {
        self.0.load(Ordering::Relaxed) == AWAITED
    }
}

/// Longest end of a line that tells a request's line from any other.
const VERSION: &[u8] = b" HTTP/1.";

/// A connection whose request lines are looked at.
pub(super) struct LineGuard<S> {
    stream: S,
    line: Arc<RequestLine>,
    /// Of the line that is coming: whether it has a `#`, and its last bytes.
    has_fragment: bool,
    end: Vec<u8>,
}

impl<S> LineGuard<S> {
    pub(super) fn new(stream: S, line: Arc<RequestLine>) -> Self {
        Self { stream, line, has_fragment: false, end: Vec::new() }
    }

    fn look_at(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            match byte {
                // An empty line may come before a request (RFC 9112, section 2.2).
                b'\r' | b'\n' if self.end.is_empty() => {}
                b'\n' => {
                    // `HTTP/1.1`, perhaps with the return before the line's feed.
                    let end = self.end.strip_suffix(b"\r").unwrap_or(&self.end);
                    let is_request = end.split_last().is_some_and(|(_, up)| up.ends_with(VERSION));
                    let found = if self.has_fragment && is_request { HAS_FRAGMENT } else { PASSED };
                    self.line.0.store(found, Ordering::Relaxed);
                    self.has_fragment = false;
                    self.end.clear();
                    return;
                }
                _ => {
                    self.has_fragment |= byte == b'#';
                    if self.end.len() == VERSION.len() + 2 {
                        self.end.remove(0);
                    }
                    self.end.push(byte);
                }
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for LineGuard<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        if self.line.is_awaited() {
            self.look_at(buffer.filled().get(before..).unwrap_or_default());
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for LineGuard<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origin_form_and_absolute_form_are_targets_and_others_are_not() {
        let get = |uri: &str| is_target(&Method::GET, &uri.parse().unwrap());
        for target in ["/", "/describeStream", "/a?b=c&d=%20~", "/%C3%A9?é".trim_end_matches("?é")]
        {
            assert!(get(target), "{target}");
        }
        assert!(get("http://host:8440/healthz") && get("http://host"));
        for wrong in ["*", "host:80", "healthz", "/é", "/a?é"] {
            assert!(!get(wrong), "{wrong}");
        }
        assert!(is_target(&Method::OPTIONS, &"*".parse().unwrap()));
        assert!(!is_target(&Method::CONNECT, &"host:80".parse().unwrap()));
    }

    /// Whether the bytes, in pieces of any size, are a request with a fragment.
    fn check(bytes: &[u8], has_fragment: bool) {
        for size in 1..=bytes.len() {
            let line = Arc::new(RequestLine::default());
            let mut guard = LineGuard::new((), Arc::clone(&line));
            for piece in bytes.chunks(size) {
                if line.is_awaited() {
                    guard.look_at(piece);
                }
            }
            let text = String::from_utf8_lossy(bytes);
            assert_eq!(line.take_has_fragment(), has_fragment, "{text:?} by {size}");
        }
    }

    #[test]
    fn a_fragment_is_seen_in_the_line_of_a_request_and_nowhere_else() {
        check(b"GET /healthz#x HTTP/1.1\r\nhost: a\r\n\r\n", true);
        check(b"\r\nGET /healthz?a=b# HTTP/1.0\n", true);
        check(b"GET # HTTP/1.1\r\n", true);
        check(b"GET /healthz HTTP/1.1\r\nx: #\r\n\r\nGET /#a HTTP/1.1\r\n", false);
        check(b"GET /%23 HTTP/1.1\r\n\r\n#", false);
        // The rest of a head that began before it was looked at.
        check(b"x-tag: #7\r\nhost: a\r\n\r\n", false);
        check(b"GET /a#b", false);
        check(b"\n\r\n", false);
    }

    #[test]
    fn the_next_request_is_looked_at_when_it_is_awaited() {
        let line = Arc::new(RequestLine::default());
        let mut guard = LineGuard::new((), Arc::clone(&line));
        guard.look_at(b"POST / HTTP/1.1\r\n\r\n");
        assert!(!line.take_has_fragment() && !line.is_awaited());
        line.await_next();
        guard.look_at(b"GET /a#b HTTP/1.1\r\n\r\n");
        assert!(line.take_has_fragment() && !line.take_has_fragment());
    }
}
