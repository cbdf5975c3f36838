//! A camera in memory: bytes in, bytes out. A test says where it deviates.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use url::Url;

use super::super::*;
use crate::Deviation;

pub(crate) const SDP: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=Live\r\nt=0 0\r\na=control:*\r\n\
    m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n\
    a=fmtp:96 packetization-mode=1;sprop-parameter-sets=Z0IAHukBQHsg,aM44gA==\r\na=control:trackID=0\r\n\
    m=audio 0 RTP/AVP 97\r\na=rtpmap:97 MPEG4-GENERIC/16000/1\r\n\
    a=fmtp:97 streamtype=5;mode=AAC-hbr;config=1408\r\na=control:trackID=1\r\n";

pub(crate) const PEER: &str = "10.0.0.7:554";

/// A request as the camera sees it.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) uri: String,
    pub(crate) cseq: String,
    /// The whole head.
    pub(crate) text: String,
    /// How many requests of this method came before it.
    pub(crate) nth: usize,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    pub(crate) fn is(&self, method: &str) -> bool {
        self.method == method
    }

    /// SETUP of the sound.
    pub(crate) fn is_sound(&self) -> bool {
        self.is("SETUP") && self.uri.ends_with("trackID=1")
    }

    pub(crate) fn reply(&self, status: &str, headers: &str) -> String {
        let cseq = &self.cseq;
        let headers: String = headers.lines().map(|line| format!("{line}\r\n")).collect();
        format!("RTSP/1.0 {status}\r\nCSeq: {cseq}\r\n{headers}\r\n")
    }

    pub(crate) fn describe(&self, sdp: &str) -> String {
        let base = self.uri.trim_end_matches('/');
        let length = sdp.len();
        self.reply(
            "200 OK",
            &format!(
                "Content-Base: {base}/\nContent-Type: application/sdp\nContent-Length: {length}"
            ),
        ) + sdp
    }

    /// What a camera without deviations answers.
    pub(crate) fn standard(&self) -> Vec<u8> {
        let public = "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER";
        let mut text = match self.method.as_str() {
            "OPTIONS" => self.reply("200 OK", public),
            "DESCRIBE" => self.describe(SDP),
            "SETUP" => {
                let transport = self.header("Transport").unwrap();
                let transport = match transport.contains("TCP") {
                    true => transport.to_owned(),
                    false => format!("{transport};server_port=6970-6971"),
                };
                self.reply(
                    "200 OK",
                    &format!("Session: 12345678;timeout=60\nTransport: {transport}"),
                )
            }
            _ => self.reply("200 OK", "Session: 12345678"),
        }
        .into_bytes();
        if self.is("PLAY") {
            text.extend(media());
        }
        text
    }
}

pub(crate) fn frame(channel: u8, payload: &[u8]) -> Vec<u8> {
    let size = u16::try_from(payload.len()).unwrap().to_be_bytes();
    [&[b'$', channel, size[0], size[1]], payload].concat()
}

/// An RTP packet; its payload holds what might be taken for a message or a frame.
pub(crate) fn rtp(sequence: u8) -> Vec<u8> {
    let mut packet = vec![0x80, 96, 0, sequence, 0, 0, 0, 9, 1, 2, 3, 4];
    packet.extend_from_slice(b"RTSP/1.0 200 OK\r\n\r\n$\0\0\x04");
    packet
}

pub(crate) fn media() -> Vec<u8> {
    let rtcp = [0x80, 200, 0, 1, 1, 2, 3, 4];
    [frame(0, &rtp(1)), frame(1, &rtcp), frame(2, &rtp(7)), frame(0, &rtp(2))].concat()
}

/// What the camera does on a request.
pub(crate) enum Reply {
    Bytes(Vec<u8>),
    Silence,
    Close,
    CloseBehind(Vec<u8>),
}

impl From<Vec<u8>> for Reply {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<String> for Reply {
    fn from(text: String) -> Self {
        Self::Bytes(text.into_bytes())
    }
}

/// What came of a session.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Run {
    /// `METHOD uri`, in order.
    pub(crate) requests: Vec<String>,
    /// Whole heads.
    pub(crate) heads: Vec<String>,
    /// Everything but Send, Packet and Deviation.
    pub(crate) outputs: Vec<Output>,
    /// Medium, kind, bytes.
    pub(crate) packets: Vec<(usize, PacketKind, Bytes)>,
    pub(crate) deviations: BTreeMap<Deviation, u32>,
    pub(crate) end: Option<End>,
    pub(crate) connections: usize,
    /// Time that passed.
    pub(crate) waited: Duration,
}

impl Run {
    pub(crate) fn seen(&self) -> Vec<Deviation> {
        self.deviations.keys().copied().collect()
    }

    pub(crate) fn methods(&self) -> Vec<&str> {
        self.requests.iter().map(|request| request.split(' ').next().unwrap()).collect()
    }

    pub(crate) fn is_playing(&self) -> bool {
        self.outputs.iter().any(|output| matches!(output, Output::Playing { .. }))
    }

    pub(crate) fn left_out(&self) -> Vec<(usize, LeftOut)> {
        let left_out = self.outputs.iter().filter_map(|output| match output {
            Output::LeftOut { medium, why } => Some((medium.index, why.clone())),
            _ => None,
        });
        left_out.collect()
    }

    pub(crate) fn playing(&self) -> &[PlayingMedium] {
        let playing = self.outputs.iter().find_map(|output| match output {
            Output::Playing { media } => Some(media.as_slice()),
            _ => None,
        });
        playing.unwrap_or_default()
    }

    /// Of the video, and of the sound.
    pub(crate) fn packet_counts(&self) -> (usize, usize) {
        let of = |medium| {
            self.packets
                .iter()
                .filter(|(m, kind, _)| *m == medium && *kind == PacketKind::Rtp)
                .count()
        };
        (of(0), of(1))
    }
}

pub(crate) fn settings(transport: TransportChoice) -> RtspSessionSettings {
    RtspSessionSettings {
        uri: Url::parse("rtsp://camera/live").unwrap(),
        login: None,
        transport,
        user_agent: "vigie".to_owned(),
        seed: *b"0123456789abcdef",
        wanted: Wanted::Record { sound: true, metadata: true },
    }
}

pub(crate) fn with_login() -> RtspSessionSettings {
    let password = Password::new("secret");
    let login = Some(Login { user: "viewer".to_owned(), password });
    RtspSessionSettings { login, ..settings(TransportChoice::TcpThenUdp) }
}

/// A session with a camera, until both have nothing more to say.
pub(crate) struct Dialogue<'a> {
    pub(crate) settings: RtspSessionSettings,
    /// Bytes of one read.
    pub(crate) piece: usize,
    /// Keep-alives to wait for before the session is closed.
    pub(crate) keep_alives: usize,
    pub(crate) camera: &'a mut dyn FnMut(&Request) -> Reply,
}

/// The default camera, but for what `camera` answers.
pub(crate) fn dialogue(mut camera: impl FnMut(&Request) -> Option<Reply>) -> Run {
    run_with(settings(TransportChoice::TcpThenUdp), &mut camera)
}

pub(crate) fn run_with(
    settings: RtspSessionSettings,
    camera: &mut dyn FnMut(&Request) -> Option<Reply>,
) -> Run {
    let mut camera =
        |request: &Request| camera(request).unwrap_or_else(|| request.standard().into());
    Dialogue { settings, piece: usize::MAX, keep_alives: 2, camera: &mut camera }.run()
}

impl Dialogue<'_> {
    pub(crate) fn run(&mut self) -> Run {
        let mut run = Run::default();
        let mut now = Duration::from_secs(1000);
        let began = now;
        let mut session = RtspSession::new(self.settings.clone(), now);
        let peer: SocketAddr = PEER.parse().unwrap();
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        let mut keep_alives = 0;
        let mut is_open = false;
        // Each round lets time pass until something is due.
        for _ in 0..64 {
            while let Some(output) = session.poll() {
                match output {
                    Output::Act(Action::Connect { .. }) => {
                        run.connections += 1;
                        run.outputs.push(output);
                        is_open = true;
                        session.connected(peer, now);
                    }
                    Output::Act(Action::Send(_)) if !is_open => {}
                    Output::Act(Action::Send(bytes)) => {
                        let text = String::from_utf8(bytes.to_vec());
                        let Ok(text) = text else {
                            run.heads.push(format!("{bytes:?}"));
                            continue;
                        };
                        run.heads.push(text.clone());
                        if text.starts_with("RTSP/") {
                            continue;
                        }
                        let mut words = text.split(' ');
                        let (method, uri) = (words.next().unwrap(), words.next().unwrap());
                        let nth = counts.entry(method.to_owned()).or_default();
                        let mut request = Request {
                            method: method.to_owned(),
                            uri: uri.to_owned(),
                            cseq: String::new(),
                            text: text.clone(),
                            nth: *nth,
                        };
                        *nth += 1;
                        request.cseq = request.header("CSeq").unwrap().to_owned();
                        run.requests.push(format!("{method} {uri}"));
                        now += Duration::from_millis(3);
                        let (bytes, closes) = match (self.camera)(&request) {
                            Reply::Bytes(bytes) => (bytes, false),
                            Reply::Silence => (Vec::new(), false),
                            Reply::Close => (Vec::new(), true),
                            Reply::CloseBehind(bytes) => (bytes, true),
                        };
                        receive(&mut session, &bytes, self.piece, now);
                        if closes {
                            is_open = false;
                            session.disconnected(now);
                        }
                    }
                    Output::Act(Action::OpenUdp { medium }) => {
                        run.outputs.push(output);
                        let port = 7000 + 2 * u16::try_from(medium).unwrap();
                        session.udp_opened(medium, port, port + 1, now);
                    }
                    output => note(output, &mut run),
                }
            }
            if run.end.is_some() {
                break;
            }
            let Some(deadline) = session.next_deadline() else { break };
            if run.is_playing() {
                if keep_alives == self.keep_alives {
                    session.close();
                    continue;
                }
                keep_alives += 1;
            }
            assert!(deadline >= now, "a deadline in the past: {deadline:?} at {now:?}");
            now = deadline;
            session.timeout(now);
        }
        run.waited = now - began;
        assert!(run.end.is_some(), "the session neither ends nor goes on: {run:#?}");
        run
    }
}

/// Hands bytes over in pieces.
fn receive(session: &mut RtspSession, bytes: &[u8], piece: usize, now: Duration) {
    // As from a socket: pieces of one buffer.
    let mut buffer = BytesMut::from(bytes).freeze();
    while !buffer.is_empty() {
        let bytes = buffer.split_to(piece.min(buffer.len()));
        session.received(bytes, now);
    }
}

fn note(output: Output, run: &mut Run) {
    match output {
        Output::Packet { medium, kind, bytes, .. } => run.packets.push((medium, kind, bytes)),
        Output::Deviation { kind, count } => *run.deviations.entry(kind).or_default() += count,
        Output::Ended(end) => {
            assert_eq!(run.end, None, "ended twice");
            run.end = Some(end);
        }
        output => run.outputs.push(output),
    }
}
