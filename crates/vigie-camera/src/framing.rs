//! Requests out of a client's bytes: RTSP messages (RFC 2326 §4) with interleaved binary data (§10.12) between them.
//!
//! Interleaved data from a client is RTCP, of which a camera makes no use: it is passed over. Nothing is buffered
//! beyond one message's bound.

use bytes::{Buf as _, BytesMut};
use rtsp_types::{Message, ParseError, Request};

/// Longest request, body included.
pub(crate) const REQUEST_BYTES_MAX: usize = 16 * 1024;

/// Bytes that are no RTSP, or more of them than a request may have.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// The reading state of one connection.
#[derive(Debug, Default)]
pub(crate) struct Framer {
    /// Bytes of interleaved data still to be passed over.
    skip: usize,
}

impl Framer {
    /// Takes the next request off `input`; `None` when more bytes are needed.
    pub(crate) fn next(
        &mut self,
        input: &mut BytesMut,
    ) -> Result<Option<Request<Vec<u8>>>, Malformed> {
        loop {
            let skipped = self.skip.min(input.len());
            input.advance(skipped);
            self.skip -= skipped;
            while input.starts_with(b"\r") || input.starts_with(b"\n") {
                input.advance(1);
            }
            if input.first() == Some(&b'$') {
                let &[_, _, high, low, ..] = &input[..] else { return Ok(None) };
                input.advance(4);
                self.skip = usize::from(u16::from_be_bytes([high, low]));
                continue;
            }
            // Parsing begins when the header is whole, so that a dribbled request is not parsed for each byte.
            let parsed = match input.windows(4).any(|end| end == b"\r\n\r\n") {
                true => Message::<Vec<u8>>::parse(&input[..]),
                false => Err(ParseError::Incomplete(None)),
            };
            match parsed {
                Ok((message, len)) if len <= REQUEST_BYTES_MAX => {
                    input.advance(len);
                    if let Message::Request(request) = message {
                        return Ok(Some(request));
                    }
                    // A response: nothing was asked, nothing is done.
                }
                Err(ParseError::Incomplete(_)) if input.len() <= REQUEST_BYTES_MAX => {
                    return Ok(None);
                }
                _ => return Err(Malformed),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rtsp_types::Method;

    use super::*;

    const OPTIONS: &[u8] = b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n";
    const SET: &[u8] =
        b"SET_PARAMETER rtsp://a/cam0 RTSP/1.0\r\nCSeq: 2\r\nContent-Length: 3\r\n\r\nabc";

    /// The methods found when the input comes in pieces of `piece` bytes, and how it ends.
    fn check(input: &[u8], piece: usize) -> (Vec<Method>, Result<(), Malformed>) {
        let (mut framer, mut buffer, mut found) = (Framer::default(), BytesMut::new(), Vec::new());
        for bytes in input.chunks(piece) {
            buffer.extend_from_slice(bytes);
            loop {
                match framer.next(&mut buffer) {
                    Ok(Some(request)) => found.push(request.method().clone()),
                    Ok(None) => break,
                    Err(malformed) => return (found, Err(malformed)),
                }
            }
        }
        (found, Ok(()))
    }

    #[test]
    fn pipelined_requests_and_interleaved_data_come_apart_in_any_pieces() {
        let receiver_report = [b"$\x01\x00\x0a", &b"\r\n\r\n$OPTIO"[..]].concat();
        let empty = b"$\x01\x00\x00".to_vec();
        let input =
            [OPTIONS, &receiver_report, b"\r\n", SET, &empty, &receiver_report, OPTIONS].concat();
        for piece in 1..input.len() {
            let expect = vec![Method::Options, Method::SetParameter, Method::Options];
            assert_eq!(check(&input, piece), (expect, Ok(())), "in pieces of {piece}");
        }
    }

    #[test]
    fn what_is_not_rtsp_or_too_long_is_malformed() {
        let endless = vec![b'A'; 2 * REQUEST_BYTES_MAX];
        let huge_body = b"OPTIONS * RTSP/1.0\r\nContent-Length: 99999999999\r\n\r\n".repeat(400);
        let no_length = b"OPTIONS * RTSP/1.0\r\nContent-Length: x\r\n\r\n".to_vec();
        let http = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec();
        let no_uri = b"DESCRIBE /cam0 RTSP/1.0\r\nCSeq: 1\r\n\r\n".to_vec();
        for input in [endless, huge_body, no_length, http, no_uri] {
            assert_eq!(check(&input, 512), (vec![], Err(Malformed)));
        }
    }

    #[test]
    fn a_response_is_passed_over() {
        let input = [b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n", OPTIONS].concat();
        assert_eq!(check(&input, 7), (vec![Method::Options], Ok(())));
    }
}
