//! The control connection's bytes, taken apart into messages and interleaved frames (RFC 2326 section 10.12).
//!
//! A frame is a slice of what was received; one that spans two reads is copied once. Payloads are not looked at. Bytes
//! that begin neither a message nor a frame are passed over until something does. How the bytes were cut into reads
//! changes nothing.

use bytes::{Buf as _, Bytes, BytesMut};

use super::limits::{
    BODY_BYTES_MAX, FIRST_JUNK_BYTES_MAX, HEAD_BYTES_MAX, JUNK_BYTES_MAX, SDP_BYTES_MAX,
};
use super::message::{CAMERA_METHODS, Head};
use super::tally::Tally;
use crate::Deviation;

/// One whole thing that the camera sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Item {
    /// An interleaved frame.
    Frame { channel: u8, bytes: Bytes },
    /// A message. Only an answer with a session description has its body.
    Message { head: Head, body: Vec<u8> },
}

/// What the reader must know of the session to read on.
pub(crate) struct Expect<'a> {
    /// DESCRIBE was sent: a successful answer has a body, whatever it says about its length.
    pub(crate) sdp: bool,
    /// Channels on which media comes: where bytes were lost, only a frame on one of them is believed.
    pub(crate) is_channel: &'a dyn Fn(u8) -> bool,
}

/// Why reading cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadError {
    /// Something other than RTSP, before any message.
    NotRtsp,
    /// Bytes of no message, without end.
    Junk,
    /// The body of a message.
    Body,
    /// The session description.
    Sdp,
}

/// Reads items from bytes as they come.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    state: State,
    /// Bytes that may begin an item, as long as they do not tell; at most 14.
    ahead: Vec<u8>,
    /// Bytes in a row that belong to nothing; above 0, an item's beginning must be beyond doubt.
    junk_bytes: usize,
    /// A whole one: what is no RTSP may have the words that begin one in it.
    has_read_message: bool,
    has_read_junk: bool,
    has_begun_message: bool,
}

#[derive(Debug, Default)]
enum State {
    /// Between items.
    #[default]
    Between,
    /// In a frame that began in an earlier read.
    Frame { channel: u8, bytes: BytesMut, size_bytes: usize },
    /// In the head of a message; `line` is where the last line begins.
    Head { text: Vec<u8>, line: usize },
    /// In a body of known length. Kept only when it is a session description.
    Body { head: Head, body: Option<Vec<u8>>, left_bytes: usize },
    /// In a session description whose length is not known; `line` is where its last line begins.
    Sdp { head: Head, body: Vec<u8>, line: usize },
}

/// What bytes between items begin.
enum Beginning {
    Frame,
    Message,
    /// More bytes will tell.
    Open,
    Nothing,
}

const DOLLAR: u8 = b'$';
const FRAME_HEADER_BYTES: usize = 4;

impl Reader {
    /// The next item, or `None` when `input` is used up. Takes off `input` what it has read.
    pub(crate) fn next(
        &mut self,
        input: &mut Bytes,
        expect: &Expect<'_>,
        tally: &mut Tally,
    ) -> Result<Option<Item>, ReadError> {
        loop {
            let item = match &mut self.state {
                State::Between => {
                    if self.ahead.is_empty()
                        && self.junk_bytes == 0
                        && let Some(item) = whole_frame(input)
                    {
                        return Ok(Some(item));
                    }
                    if input.is_empty() {
                        return Ok(None);
                    }
                    self.begin(input, expect, tally)?
                }
                State::Frame { channel, bytes, size_bytes } => {
                    let more = input.len().min(size_bytes.saturating_sub(bytes.len()));
                    bytes.extend_from_slice(&input.split_to(more));
                    if bytes.len() < *size_bytes {
                        return Ok(None);
                    }
                    let item =
                        Item::Frame { channel: *channel, bytes: std::mem::take(bytes).freeze() };
                    self.state = State::Between;
                    Some(item)
                }
                State::Head { .. } => {
                    if input.is_empty() {
                        return Ok(None);
                    }
                    self.read_head(input, expect, tally)?
                }
                State::Body { body, left_bytes, .. } => {
                    let more = input.len().min(*left_bytes);
                    let bytes = input.split_to(more);
                    *left_bytes -= more;
                    if let Some(body) = body {
                        body.extend_from_slice(&bytes);
                    }
                    if *left_bytes > 0 {
                        return Ok(None);
                    }
                    self.take_body(tally)
                }
                State::Sdp { .. } => {
                    if input.is_empty() {
                        return Ok(None);
                    }
                    self.read_sdp(input, tally)?
                }
            };
            if item.is_some() {
                self.has_read_message |= matches!(item, Some(Item::Message { .. }));
                return Ok(item);
            }
        }
    }

    /// Whether all that came is no RTSP.
    pub(crate) fn has_read_only_junk(&self) -> bool {
        !self.has_read_message && (self.has_read_junk || !self.ahead.is_empty())
    }

    /// Whether a session description comes whose end only silence tells.
    pub(crate) fn is_in_open_sdp(&self) -> bool {
        matches!(self.state, State::Sdp { .. })
    }

    /// Takes a session description as it is: no more will come of it.
    pub(crate) fn finish_sdp(&mut self, tally: &mut Tally) -> Option<Item> {
        match &self.state {
            State::Sdp { .. } => self.take_body(tally),
            State::Body { body: Some(body), .. } if !body.is_empty() => {
                tally.add(Deviation::ContentLength);
                self.take_body(tally)
            }
            _ => None,
        }
    }

    /// Bytes that wait for more.
    #[cfg(test)]
    pub(crate) fn kept_bytes(&self) -> usize {
        self.ahead.len()
            + match &self.state {
                State::Between => 0,
                State::Frame { bytes, .. } => bytes.capacity(),
                State::Head { text, .. } => text.len(),
                State::Body { body, .. } => body.as_ref().map_or(0, Vec::len),
                State::Sdp { body, .. } => body.len(),
            }
    }

    fn take_body(&mut self, tally: &mut Tally) -> Option<Item> {
        match std::mem::take(&mut self.state) {
            State::Body { head, body, .. } => {
                Some(Item::Message { head, body: body.unwrap_or_default() })
            }
            State::Sdp { head, body, .. } => {
                if !body.is_empty() {
                    tally.add(Deviation::ContentLength);
                }
                Some(Item::Message { head, body })
            }
            State::Between | State::Frame { .. } | State::Head { .. } => None,
        }
    }

    /// Reads byte by byte until it is clear what begins.
    fn begin(
        &mut self,
        input: &mut Bytes,
        expect: &Expect<'_>,
        tally: &mut Tally,
    ) -> Result<Option<Item>, ReadError> {
        while let Some(&byte) = input.first() {
            input.advance(1);
            self.ahead.push(byte);
            loop {
                match beginning(&self.ahead, self.junk_bytes > 0, expect) {
                    Beginning::Open => break,
                    Beginning::Nothing => self.pass_over(tally)?,
                    Beginning::Frame => {
                        self.begin_frame();
                        return Ok(None);
                    }
                    Beginning::Message => {
                        self.junk_bytes = 0;
                        self.has_begun_message = true;
                        let text = std::mem::take(&mut self.ahead);
                        self.state = State::Head { text, line: 0 };
                        return Ok(None);
                    }
                }
            }
        }
        Ok(None)
    }

    fn begin_frame(&mut self) {
        self.junk_bytes = 0;
        let &[_, channel, high, low, ..] = self.ahead.as_slice() else { return };
        let size_bytes = usize::from(u16::from_be_bytes([high, low]));
        let mut bytes = BytesMut::with_capacity(size_bytes);
        bytes.extend_from_slice(self.ahead.get(FRAME_HEADER_BYTES..).unwrap_or_default());
        self.ahead.clear();
        self.state = State::Frame { channel, bytes, size_bytes };
    }

    /// Drops the first of the bytes ahead.
    fn pass_over(&mut self, tally: &mut Tally) -> Result<(), ReadError> {
        let passed = self.ahead.remove(0);
        // Empty lines before a message are allowed (RFC 2326 section 4.1 by RFC 2068 section 4.1).
        if self.junk_bytes == 0 && matches!(passed, b'\r' | b'\n' | b' ' | b'\0') {
            return Ok(());
        }
        if self.junk_bytes == 0 {
            tally.add(Deviation::Junk);
        }
        self.junk_bytes += 1;
        self.has_read_junk = true;
        if !self.has_begun_message && self.junk_bytes > FIRST_JUNK_BYTES_MAX {
            return Err(ReadError::NotRtsp);
        }
        if self.junk_bytes > JUNK_BYTES_MAX { Err(ReadError::Junk) } else { Ok(()) }
    }

    /// Takes lines of a head up to the empty one.
    fn read_head(
        &mut self,
        input: &mut Bytes,
        expect: &Expect<'_>,
        tally: &mut Tally,
    ) -> Result<Option<Item>, ReadError> {
        let State::Head { text, line } = &mut self.state else { return Ok(None) };
        // A frame where a header line should be: the empty line is missing.
        if *line == text.len() && input.first() == Some(&DOLLAR) {
            tally.add(Deviation::HeaderLine);
            return self.head_read(0, expect, tally);
        }
        let rest = HEAD_BYTES_MAX - text.len().min(HEAD_BYTES_MAX);
        let window = input.get(..input.len().min(rest)).unwrap_or_default();
        let Some(end) = window.iter().position(|&byte| byte == b'\n') else {
            text.extend_from_slice(window);
            let taken = window.len();
            input.advance(taken);
            if text.len() >= HEAD_BYTES_MAX {
                // Whatever this is, the next message or frame is looked for.
                tally.add(Deviation::Junk);
                self.junk_bytes = text.len();
                self.state = State::Between;
            }
            return Ok(None);
        };
        text.extend_from_slice(&input.split_to(end + 1));
        let last = text.get(*line..).unwrap_or_default();
        if !last.ends_with(b"\r\n") {
            tally.add(Deviation::LineEnds);
        }
        if last == b"\n" || last == b"\r\n" {
            return self.head_read(0, expect, tally);
        }
        if *line > 0 && last.get(..5).is_some_and(|start| start.eq_ignore_ascii_case(b"RTSP/")) {
            // The next answer where a header line should be.
            tally.add(Deviation::HeaderLine);
            let next = last.len();
            return self.head_read(next, expect, tally);
        }
        *line = text.len();
        Ok(None)
    }

    /// A head is complete but for its last `next` bytes, which begin the next one.
    fn head_read(
        &mut self,
        next: usize,
        expect: &Expect<'_>,
        tally: &mut Tally,
    ) -> Result<Option<Item>, ReadError> {
        let State::Head { mut text, .. } = std::mem::take(&mut self.state) else { return Ok(None) };
        let next = text.split_off(text.len().saturating_sub(next));
        let head = Head::parse(&text, tally);
        if !next.is_empty() {
            let line = next.len();
            self.state = State::Head { text: next, line };
            return Ok(Some(Item::Message { head, body: Vec::new() }));
        }
        let is_sdp = expect.sdp && head.is_success();
        let length = head.content_length();
        match length {
            None | Some(0) if is_sdp => {
                self.state = State::Sdp { head, body: Vec::new(), line: 0 };
                Ok(None)
            }
            None | Some(0) => Ok(Some(Item::Message { head, body: Vec::new() })),
            Some(length) => {
                let (max, error) = match is_sdp {
                    true => (SDP_BYTES_MAX, ReadError::Sdp),
                    false => (BODY_BYTES_MAX, ReadError::Body),
                };
                let left_bytes =
                    usize::try_from(length).ok().filter(|&length| length <= max).ok_or(error)?;
                // A successful answer alone has a description; it grows as it comes, not as it is promised.
                self.state = State::Body { head, body: is_sdp.then(Vec::new), left_bytes };
                Ok(None)
            }
        }
    }

    /// Takes lines of the form `x=…` and empty ones; anything else begins the next item.
    fn read_sdp(
        &mut self,
        input: &mut Bytes,
        tally: &mut Tally,
    ) -> Result<Option<Item>, ReadError> {
        let State::Sdp { body, line, .. } = &mut self.state else { return Ok(None) };
        while let Some(&byte) = input.first() {
            let is_of_sdp = match body.len() - *line {
                0 => byte.is_ascii_lowercase() || matches!(byte, b'\r' | b'\n'),
                1 => byte == b'=',
                _ => true,
            };
            if !is_of_sdp {
                self.ahead = body.split_off(*line);
                return Ok(self.take_body(tally));
            }
            if body.len() >= SDP_BYTES_MAX {
                return Err(ReadError::Sdp);
            }
            input.advance(1);
            body.push(byte);
            if matches!(byte, b'\r' | b'\n') {
                *line = body.len();
            }
        }
        Ok(None)
    }
}

/// The frame at the beginning of `input`, when all of it is there.
fn whole_frame(input: &mut Bytes) -> Option<Item> {
    let &[DOLLAR, channel, high, low, ..] = input.as_ref() else { return None };
    let size_bytes = usize::from(u16::from_be_bytes([high, low]));
    if input.len() - FRAME_HEADER_BYTES < size_bytes {
        return None;
    }
    input.advance(FRAME_HEADER_BYTES);
    Some(Item::Frame { channel, bytes: input.split_to(size_bytes) })
}

fn beginning(ahead: &[u8], in_doubt: bool, expect: &Expect<'_>) -> Beginning {
    let Some(&first) = ahead.first() else { return Beginning::Open };
    if first == DOLLAR {
        return match (ahead, in_doubt) {
            // Where bytes were lost, a frame must be of a channel in use and begin as RTP and RTCP do: version 2.
            (&[_, channel, ..], true) if !(expect.is_channel)(channel) => Beginning::Nothing,
            (&[_, _, 0, 0, ..], true) => Beginning::Nothing,
            (&[_, _, _, _, version, ..], true) if version >> 6 != 2 => Beginning::Nothing,
            (&[_, _, _, _, _, ..], true) | (&[_, _, _, _, ..], false) => Beginning::Frame,
            _ => Beginning::Open,
        };
    }
    let begins = |word: &[u8]| {
        let common = ahead.len().min(word.len());
        ahead.get(..common).is_some_and(|start| word.get(..common) == Some(start))
    };
    let upper: Vec<u8>;
    let rtsp = b"RTSP/";
    if ahead.len() <= rtsp.len() {
        upper = ahead.to_ascii_uppercase();
        if rtsp.starts_with(&upper) {
            return if upper.len() == rtsp.len() { Beginning::Message } else { Beginning::Open };
        }
    }
    for method in CAMERA_METHODS {
        if begins(method.as_bytes()) {
            return match ahead.get(method.len()) {
                Some(b' ') => Beginning::Message,
                // `PLAYX`; no method begins another one.
                Some(_) => Beginning::Nothing,
                None => Beginning::Open,
            };
        }
    }
    Beginning::Nothing
}
