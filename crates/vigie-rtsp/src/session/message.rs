//! RTSP messages (RFC 2326 sections 4 to 7): the head of what a camera sends, read with tolerance, and requests and
//! answers to send. Never decides what a message means.

use std::fmt;

use bytes::Bytes;

use super::limits::HEADERS_MAX;
use super::tally::Tally;
use crate::Deviation;

/// A request that a session sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// What the camera can do.
    Options,
    /// The session description.
    Describe,
    /// The transport of a medium.
    Setup,
    /// Media is to come.
    Play,
    /// Without a body: a keep-alive.
    GetParameter,
    /// The same.
    SetParameter,
    /// The session ends.
    Teardown,
}

impl Method {
    /// As it stands in a request.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Options => "OPTIONS",
            Self::Describe => "DESCRIBE",
            Self::Setup => "SETUP",
            Self::Play => "PLAY",
            Self::GetParameter => "GET_PARAMETER",
            Self::SetParameter => "SET_PARAMETER",
            Self::Teardown => "TEARDOWN",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What begins a request from a camera (RFC 2326 section 10); anything else there is no message.
pub(crate) const CAMERA_METHODS: [&str; 11] = [
    "OPTIONS",
    "ANNOUNCE",
    "REDIRECT",
    "GET_PARAMETER",
    "SET_PARAMETER",
    "TEARDOWN",
    "DESCRIBE",
    "SETUP",
    "PLAY",
    "PAUSE",
    "RECORD",
];

/// The first line of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StartLine {
    /// An answer; without a status when there is no number where it should be.
    Response { status: Option<u16> },
    /// A request from the camera: one of [`CAMERA_METHODS`].
    Request { method: String },
}

/// The head of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) start: StartLine,
    /// Names in lower case, values trimmed, in order.
    headers: Vec<(String, String)>,
}

impl Head {
    /// Reads the lines of a head. What is no header line is passed over.
    pub(crate) fn parse(text: &[u8], tally: &mut Tally) -> Self {
        let text = String::from_utf8_lossy(text);
        let mut lines = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
        let start = start_line(lines.next().unwrap_or_default(), tally);
        let mut headers: Vec<(String, String)> = Vec::new();
        for line in lines.filter(|line| !line.trim().is_empty()) {
            if line.starts_with([' ', '\t']) {
                // Folded (RFC 822): the value goes on.
                tally.add(Deviation::FoldedHeader);
                match headers.last_mut() {
                    Some((_, value)) => {
                        value.push(' ');
                        value.push_str(line.trim());
                    }
                    None => tally.add(Deviation::HeaderLine),
                }
                continue;
            }
            match line.split_once(':') {
                Some((name, value)) if headers.len() < HEADERS_MAX => {
                    headers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
                }
                _ => tally.add(Deviation::HeaderLine),
            }
        }
        Self { start, headers }
    }

    /// The first value of a header; `name` in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// All values of a header.
    pub(crate) fn headers<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'h str> {
        self.headers.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// `CSeq`; cameras were seen to write more behind the number.
    pub(crate) fn cseq(&self) -> Option<u32> {
        leading_number(self.header("cseq")?)
    }

    /// `Content-Length`, when it is a number.
    pub(crate) fn content_length(&self) -> Option<u64> {
        let text = self.header("content-length")?;
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        match text.get(..digits) {
            None | Some("") => None,
            // More digits than a number holds is more than may come.
            Some(digits) => Some(digits.parse().unwrap_or(u64::MAX)),
        }
    }

    /// Whether it answers with success.
    pub(crate) fn is_success(&self) -> bool {
        matches!(self.start, StartLine::Response { status: Some(200..=299) })
    }
}

/// The number that a text begins with.
pub(crate) fn leading_number(text: &str) -> Option<u32> {
    let text = text.trim_start();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.get(..end)?.parse().ok()
}

fn start_line(line: &str, tally: &mut Tally) -> StartLine {
    let mut words = line.split_ascii_whitespace();
    let first = words.next().unwrap_or_default();
    if !is_rtsp(first) {
        return StartLine::Request { method: first.to_owned() };
    }
    if !first.eq_ignore_ascii_case("RTSP/1.0") {
        tally.add(Deviation::RtspVersion);
    }
    // `RTSP/1.0200 OK` has no place for a status; a status has three digits (RFC 2326 section 7.1.1).
    let status = words
        .next()
        .filter(|word| word.len() == 3 && word.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|word| word.parse().ok());
    if words.next().is_none() {
        tally.add(Deviation::ReasonPhrase);
    }
    StartLine::Response { status }
}

fn is_rtsp(word: &str) -> bool {
    word.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("RTSP/"))
}

/// Writes a request. `headers` follow `CSeq` and `User-Agent`.
pub(crate) fn request(
    method: Method,
    uri: &str,
    cseq: u32,
    user_agent: &str,
    headers: &[(&str, &str)],
) -> Bytes {
    let mut text = format!("{method} {uri} RTSP/1.0\r\nCSeq: {cseq}\r\n");
    let user_agent = (!user_agent.is_empty()).then_some(("User-Agent", user_agent));
    for (name, value) in user_agent.iter().chain(headers) {
        push_header(&mut text, name, value);
    }
    text.push_str("\r\n");
    Bytes::from(text)
}

/// Writes an answer to a request of the camera.
pub(crate) fn response(status: &str, cseq: Option<u32>, headers: &[(&str, &str)]) -> Bytes {
    let mut text = format!("RTSP/1.0 {status}\r\n");
    if let Some(cseq) = cseq {
        text.push_str(&format!("CSeq: {cseq}\r\n"));
    }
    for (name, value) in headers {
        push_header(&mut text, name, value);
    }
    text.push_str("\r\n");
    Bytes::from(text)
}

/// No value of a header begins another header.
fn push_header(text: &mut String, name: &str, value: &str) {
    text.push_str(name);
    text.push_str(": ");
    text.extend(value.chars().filter(|c| !matches!(c, '\r' | '\n' | '\0')));
    text.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> (Head, Vec<(Deviation, u32)>) {
        let mut tally = Tally::default();
        let head = Head::parse(text.as_bytes(), &mut tally);
        (head, std::iter::from_fn(|| tally.take()).collect())
    }

    #[track_caller]
    fn check(text: &str, status: Option<u16>, headers: &[(&str, &str)], seen: &[Deviation]) {
        let (head, deviations) = parse(text);
        assert_eq!(head.start, StartLine::Response { status });
        let found: Vec<_> =
            head.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(found, headers);
        assert_eq!(deviations.iter().map(|(kind, _)| *kind).collect::<Vec<_>>(), seen);
    }

    #[test]
    fn heads_are_read_as_cameras_write_them() {
        check("RTSP/1.0 200 OK\r\nCSeq: 1\r\n", Some(200), &[("cseq", "1")], &[]);
        check("RTSP/1.0 200 OK\ncseq:1\n", Some(200), &[("cseq", "1")], &[]);
        check("RTSP/1.0 404\r\n", Some(404), &[], &[Deviation::ReasonPhrase]);
        check("RTSP/2.0 200 OK\r\n", Some(200), &[], &[Deviation::RtspVersion]);
        check("rtsp/x.! 200 OK\r\n", Some(200), &[], &[Deviation::RtspVersion]);
        check("RTSP/1.0 OK\r\n", None, &[], &[Deviation::ReasonPhrase]);
        check("RTSP/1.0 2000 OK\r\n", None, &[], &[]);
        check(
            "RTSP/1.0 200 OK\r\nPublic: OPTIONS,\r\n\tPLAY\r\n",
            Some(200),
            &[("public", "OPTIONS, PLAY")],
            &[Deviation::FoldedHeader],
        );
        check(
            "RTSP/1.0 200 OK\r\nno header\r\n : x\r\nA : b:c \r\n",
            Some(200),
            &[("a", "b:c")],
            &[Deviation::FoldedHeader, Deviation::HeaderLine],
        );
    }

    #[test]
    fn numbers_are_read_from_their_first_digits() {
        let value = |text: &str| parse(&format!("RTSP/1.0 200 OK\r\n{text}\r\n")).0;
        assert_eq!(value("CSeq: 12 ").cseq(), Some(12));
        assert_eq!(value("CSeq: 12 OPTIONS").cseq(), Some(12));
        assert_eq!(value("CSeq: -12").cseq(), None);
        assert_eq!(value("CSeq: 99999999999").cseq(), None);
        assert_eq!(value("Content-Length: 12").content_length(), Some(12));
        assert_eq!(value("Content-Length: x").content_length(), None);
        assert_eq!(value("Content-Length: -1").content_length(), None);
        let many = "9".repeat(40);
        assert_eq!(value(&format!("Content-Length: {many}")).content_length(), Some(u64::MAX));
    }

    #[test]
    fn more_headers_than_are_kept_are_passed_over() {
        let lines: String = (0..HEADERS_MAX + 9).map(|n| format!("X-{n}: {n}\r\n")).collect();
        let (head, deviations) = parse(&format!("RTSP/1.0 200 OK\r\n{lines}"));
        assert_eq!(head.headers.len(), HEADERS_MAX);
        assert_eq!(deviations, [(Deviation::HeaderLine, 9)]);
    }

    #[test]
    fn requests_and_answers_are_written_and_no_value_begins_a_line() {
        let bytes = request(Method::Play, "rtsp://a/b", 7, "vigie", &[("Session", "a\r\nX: b")]);
        assert_eq!(
            bytes,
            "PLAY rtsp://a/b RTSP/1.0\r\nCSeq: 7\r\nUser-Agent: vigie\r\nSession: aX: b\r\n\r\n"
        );
        let bytes = response("200 OK", Some(3), &[("Public", "OPTIONS")]);
        assert_eq!(bytes, "RTSP/1.0 200 OK\r\nCSeq: 3\r\nPublic: OPTIONS\r\n\r\n");
        assert_eq!(
            response("501 Not Implemented", None, &[]),
            "RTSP/1.0 501 Not Implemented\r\n\r\n"
        );
    }
}
