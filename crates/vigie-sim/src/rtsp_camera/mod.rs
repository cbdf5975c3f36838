//! A camera that speaks RTSP and RTP, without I/O: bytes of its viewers come in, answers and packets go out.
//!
//! It answers as a camera without deviations does; those are the subject of `vigie-rtsp`'s own tests. It decides nothing
//! about time: when it answers, and what becomes of a packet on its way, is the world's.

pub mod pictures;

use std::collections::BTreeMap;

use vigie_engine::chance::Chance;

use crate::chance::SimChance;

pub const PEER: &str = "10.0.0.7:554";
/// Where its RTP comes from, over UDP.
pub const PEER_RTP: &str = "10.0.0.7:6970";
/// RTP clock ticks from picture to picture: 25 a second.
const TICKS_PER_PICTURE: u32 = 3600;
const PAYLOAD_TYPE: u8 = 96;
/// After so long without a word a viewer is forgotten, it says.
const TIMEOUT_SECONDS: u32 = 60;

const SDP: &str = "v=0\r\no=- 1 1 IN IP4 10.0.0.7\r\ns=Live\r\nt=0 0\r\na=control:*\r\n\
    m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n\
    a=fmtp:96 packetization-mode=1;sprop-parameter-sets=Z0IAHukBQHsg,aM44gA==\r\na=control:trackID=0\r\n";

/// A request of a viewer.
#[derive(Clone, Debug)]
pub struct Request {
    /// Its head.
    text: String,
}

impl Request {
    /// Such as `SETUP`.
    pub fn method(&self) -> &str {
        self.text.split(' ').next().unwrap_or_default()
    }

    fn uri(&self) -> &str {
        self.text.split(' ').nth(1).unwrap_or_default()
    }

    fn header<'a>(&'a self, name: &str) -> &'a str {
        let value = |line: &'a str| line.strip_prefix(name)?.strip_prefix(": ");
        self.text.lines().find_map(value).unwrap_or_default()
    }
}

/// Who is connected.
#[derive(Debug)]
struct Viewer {
    unread: Vec<u8>,
    is_over_udp: bool,
    plays: bool,
    sequence: u16,
    timestamp_base: u32,
    ssrc: u32,
}

#[derive(Debug)]
pub struct RtspCamera {
    chance: SimChance,
    viewers: BTreeMap<u64, Viewer>,
}

impl RtspCamera {
    /// Without viewers.
    pub fn new(chance: SimChance) -> Self {
        Self { chance, viewers: BTreeMap::new() }
    }

    /// Somebody connects.
    pub fn connected(&mut self, connection: u64) {
        let viewer = Viewer {
            unread: Vec::new(),
            is_over_udp: false,
            plays: false,
            // Near their ends, now and then.
            sequence: self.chance.next_u64() as u16,
            timestamp_base: self.chance.next_u64() as u32,
            ssrc: self.chance.next_u64() as u32,
        };
        self.viewers.insert(connection, viewer);
    }

    /// A viewer is gone, or forgotten.
    pub fn forget(&mut self, connection: u64) {
        self.viewers.remove(&connection);
    }

    /// It restarts: it knows nobody.
    pub fn forget_all(&mut self) {
        self.viewers.clear();
    }

    /// Bytes of a viewer; the requests that are whole now. What is no request (RTCP in the stream) is read over.
    pub fn received(&mut self, connection: u64, bytes: &[u8]) -> Vec<Request> {
        let Some(viewer) = self.viewers.get_mut(&connection) else { return Vec::new() };
        viewer.unread.extend_from_slice(bytes);
        let mut requests = Vec::new();
        loop {
            let unread = &mut viewer.unread;
            if let [b'$', _, high, low, ..] = unread[..] {
                let whole = 4 + usize::from(u16::from_be_bytes([high, low]));
                if unread.len() < whole {
                    return requests;
                }
                unread.drain(..whole);
            } else if let Some(at) = unread.windows(4).position(|end| end == b"\r\n\r\n") {
                let head: Vec<u8> = unread.drain(..at + 4).collect();
                let text = String::from_utf8(head);
                let text =
                    text.unwrap_or_else(|error| panic!("a request that is no text: {error}"));
                requests.push(Request { text });
            } else {
                return requests;
            }
        }
    }

    pub fn answer(&mut self, connection: u64, request: &Request) -> Vec<u8> {
        let Some(viewer) = self.viewers.get_mut(&connection) else { return Vec::new() };
        let session = format!("Session: {:08X};timeout={TIMEOUT_SECONDS}\r\n", viewer.ssrc);
        let (headers, body) = match request.method() {
            "OPTIONS" => {
                let methods = "OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER";
                (format!("Public: {methods}\r\n"), "")
            }
            "DESCRIBE" => {
                let base = request.uri().trim_end_matches('/');
                let length = SDP.len();
                let headers = format!(
                    "Content-Base: {base}/\r\nContent-Type: application/sdp\r\nContent-Length: {length}\r\n"
                );
                (headers, SDP)
            }
            "SETUP" => {
                let transport = request.header("Transport");
                viewer.is_over_udp = !transport.contains("TCP");
                let ports = if viewer.is_over_udp { ";server_port=6970-6971" } else { "" };
                (format!("{session}Transport: {transport}{ports}\r\n"), "")
            }
            "PLAY" => {
                viewer.plays = true;
                (session, "")
            }
            "TEARDOWN" => {
                viewer.plays = false;
                (session, "")
            }
            _ => (session, ""),
        };
        let cseq = request.header("CSeq");
        format!("RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\n{headers}\r\n{body}").into_bytes()
    }

    /// Who gets packets: connections, and whether over UDP.
    pub fn playing(&self) -> Vec<(u64, bool)> {
        let playing = self.viewers.iter().filter(|(_, viewer)| viewer.plays);
        playing.map(|(&connection, viewer)| (connection, viewer.is_over_udp)).collect()
    }

    /// The RTP packets of a picture, for this viewer.
    pub fn packets(&mut self, connection: u64, number: u64) -> Vec<Vec<u8>> {
        let Some(viewer) = self.viewers.get_mut(&connection) else { return Vec::new() };
        let ticks = (number as u32).wrapping_mul(TICKS_PER_PICTURE);
        let timestamp = viewer.timestamp_base.wrapping_add(ticks);
        let mut packet = |payload: pictures::Payload| {
            let mut packet = vec![0x80, u8::from(payload.marker) << 7 | PAYLOAD_TYPE];
            packet.extend(viewer.sequence.to_be_bytes());
            packet.extend(timestamp.to_be_bytes());
            packet.extend(viewer.ssrc.to_be_bytes());
            packet.extend(payload.bytes);
            viewer.sequence = viewer.sequence.wrapping_add(1);
            packet
        };
        pictures::payloads(number).into_iter().map(&mut packet).collect()
    }
}

/// A packet as it goes on the RTSP connection (RFC 2326 section 10.12).
pub fn interleaved(packet: &[u8]) -> Vec<u8> {
    let [high, low] = (packet.len() as u16).to_be_bytes();
    [&[b'$', 0, high, low], packet].concat()
}
