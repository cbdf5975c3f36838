//! The conversation with the camera: requests, answers, transports, authentication, keep-alive.
//!
//! A [`RtspSession`] is told what happens (bytes, datagrams, connections, time) and asked with [`RtspSession::poll`] what is to be
//! done. It opens nothing, and one connection at a time is all that it asks for. Packets are slices of the bytes that
//! were handed in. It ends once, with an [`End`] that says why; whoever drives it then closes what it opened.

mod answer;
mod auth;
mod choice;
mod end;
mod fault;
mod keep_alive;
mod limits;
mod media_plan;
mod message;
mod opening;
mod output;
mod reader;
mod request;
mod rtcp;
mod rtp_info;
mod sdp;
mod settings;
mod tally;
mod transport;
mod uri;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use url::Url;

pub use auth::{Login, Password};
pub use end::{End, LeftOut, MediumName, TooLong};
pub use message::Method;
pub use output::{Action, ConnectReason, Output, PacketKind, PlayingMedium};
pub use rtp_info::RtpInfo;
pub use sdp::{Direction, Medium};
pub use settings::{RtspSessionSettings, TransportChoice, Wanted};

use crate::Deviation;
use crate::format::MediaFormat;
use auth::Authenticator;
use keep_alive::KeepAlive;
use limits::{EARLY_BYTES_MAX, EARLY_PACKETS_MAX, RECONNECTS_MAX, SDP_QUIET};
use media_plan::MediumPlan;
use message::Head;
use reader::{Expect, Item, ReadError, Reader};
use request::{Pending, PlayWay};
use tally::Tally;

impl fmt::Debug for RtspSession {
    /// Without addresses: those of cameras hold secrets in paths and queries.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RtspSession").field("stage", &self.stage).finish_non_exhaustive()
    }
}

/// How far a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Connecting,
    Opening,
    Playing,
    Ended,
}

/// What a connection's first bytes look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FirstBytes {
    /// A record of TLS, as a server answers what is no TLS: an alert (RFC 8446 section 5.1).
    Tls,
    Other,
}

impl FirstBytes {
    fn of(bytes: &[u8]) -> Self {
        match bytes {
            [0x15, 0x03, 0x00..=0x04, ..] => Self::Tls,
            _ => Self::Other,
        }
    }
}

/// One camera's session, from its first connection to its end.
///
/// After each call, [`RtspSession::poll`] is to be called until it returns `None`, and then
/// [`RtspSession::next_deadline`]. Times are of one monotonic clock.
pub struct RtspSession {
    settings: RtspSessionSettings,
    supports: fn(&MediaFormat) -> bool,
    stage: Stage,
    /// Where the camera is, after redirections.
    uri: Url,
    /// The login is for this host.
    may_log_in: bool,
    peer: Option<IpAddr>,

    reader: Reader,
    inputs: VecDeque<(Bytes, Duration)>,
    last_input: Duration,
    /// What the connection's first bytes are; `None` before them.
    first_bytes: Option<FirstBytes>,
    disconnected_at: Option<Duration>,
    outputs: VecDeque<Output>,
    tally: Tally,

    pending: Option<Pending>,
    /// A successful answer with another request's CSeq.
    doubtful: Option<(Head, Vec<u8>)>,
    next_cseq: u32,
    /// Answers that repeated their request's CSeq: then another one is another request's.
    cseqs_echoed: u8,
    authenticator: Option<Authenticator>,
    challenges_seen: u32,
    redirects: u8,
    reconnects: u8,
    /// A closed connection is no end: the last answer was a challenge or a redirection.
    may_reconnect: bool,
    camera_requests: u8,

    /// The session's own address.
    aggregate: String,
    session_id: Option<String>,
    keep_alive: KeepAlive,
    media: Vec<MediumPlan>,
    shunned: Vec<MediumName>,
    over_udp: bool,
    /// Why the first medium was refused over TCP.
    tcp_refusal: Option<u16>,
    /// The medium whose sockets are being opened.
    opening_udp: Option<usize>,
    play_way: PlayWay,
    /// Medium and kind of each interleaved channel.
    channels: [Option<(u8, PacketKind)>; 256],
    early: VecDeque<Output>,
    early_bytes: usize,
}

impl RtspSession {
    /// A session that asks for its connection at once.
    pub fn new(settings: RtspSessionSettings, now: Duration) -> Self {
        let uri = uri::without_login(settings.uri.clone());
        let over_udp = settings.transport == TransportChoice::Udp;
        let mut session = Self {
            supports: crate::media::supports,
            stage: Stage::Connecting,
            uri,
            may_log_in: true,
            peer: None,
            reader: Reader::default(),
            inputs: VecDeque::new(),
            last_input: now,
            first_bytes: None,
            disconnected_at: None,
            outputs: VecDeque::new(),
            tally: Tally::default(),
            pending: None,
            doubtful: None,
            next_cseq: 1,
            cseqs_echoed: 0,
            authenticator: None,
            challenges_seen: 0,
            redirects: 0,
            reconnects: 0,
            may_reconnect: false,
            camera_requests: 0,
            aggregate: String::new(),
            session_id: None,
            keep_alive: KeepAlive::default(),
            media: Vec::new(),
            shunned: Vec::new(),
            over_udp,
            tcp_refusal: None,
            opening_udp: None,
            play_way: PlayWay::default(),
            channels: [None; 256],
            early: VecDeque::new(),
            early_bytes: 0,
            settings,
        };
        session.connect(ConnectReason::First);
        session
    }

    /// The control connection is up; `peer` is its other end.
    pub fn connected(&mut self, peer: SocketAddr, now: Duration) {
        if self.stage == Stage::Connecting {
            self.stage = Stage::Opening;
            self.peer = Some(peer.ip().to_canonical());
            self.last_input = now;
            self.send_options(now);
        }
    }

    /// Bytes came on the control connection. What [`RtspSession::poll`] returns are slices of them.
    pub fn received(&mut self, bytes: Bytes, now: Duration) {
        if matches!(self.stage, Stage::Opening | Stage::Playing) && !bytes.is_empty() {
            self.last_input = now;
            self.first_bytes.get_or_insert_with(|| FirstBytes::of(&bytes));
            self.inputs.push_back((bytes, now));
        }
    }

    /// A datagram came on one of a medium's sockets.
    pub fn datagram(
        &mut self,
        medium: usize,
        kind: PacketKind,
        from: SocketAddr,
        bytes: Bytes,
        now: Duration,
    ) {
        if !matches!(self.stage, Stage::Opening | Stage::Playing) {
            return;
        }
        let peer = self.peer;
        let Some(plan) = self.media.iter_mut().find(|plan| plan.name.index == medium) else {
            return;
        };
        if !plan.takes_from(from, kind, peer) {
            self.tally.add(Deviation::StrangersDatagram);
            return;
        }
        if let Some(packet) = self.packet(medium, kind, bytes, now) {
            self.outputs.push_back(packet);
        }
    }

    /// Both sockets that [`Action::OpenUdp`] asked for are open on these ports.
    pub fn udp_opened(&mut self, medium: usize, rtp_port: u16, rtcp_port: u16, now: Duration) {
        if self.stage == Stage::Opening && self.opening_udp == Some(medium) {
            self.opening_udp = None;
            self.send_setup(medium, transport::Asked::Udp(rtp_port, rtcp_port), now);
        }
    }

    /// The sockets that [`Action::OpenUdp`] asked for could not be opened.
    pub fn udp_failed(&mut self, medium: usize, now: Duration) {
        if self.stage == Stage::Opening && self.opening_udp == Some(medium) {
            self.opening_udp = None;
            self.setup_failed(medium, fault::Fault::NoUdpPorts, now);
        }
    }

    /// The control connection has ended: closed or reset by the camera. What was received before still counts.
    pub fn disconnected(&mut self, now: Duration) {
        if matches!(self.stage, Stage::Opening | Stage::Playing) {
            self.disconnected_at = Some(now);
        }
    }

    /// The time is past [`RtspSession::next_deadline`].
    pub fn timeout(&mut self, now: Duration) {
        if self.open_sdp_ends_at().is_some_and(|at| at <= now) {
            self.finish_sdp(now);
        }
        if let Some(pending) = self.pending.take_if(|pending| pending.deadline <= now) {
            self.unanswered(pending, now);
        }
        if self.stage == Stage::Playing && self.keep_alive.next_at().is_some_and(|at| at <= now) {
            self.send_keep_alive(now);
        }
    }

    /// When [`RtspSession::timeout`] is to be called; later calls move it. `None` while connecting and after the end.
    pub fn next_deadline(&self) -> Option<Duration> {
        match self.stage {
            Stage::Connecting | Stage::Ended => None,
            Stage::Opening | Stage::Playing => {
                let answer = self.pending.as_ref().map(|pending| pending.deadline);
                let keep_alive = self.keep_alive.next_at().filter(|_| self.stage == Stage::Playing);
                [answer, keep_alive, self.open_sdp_ends_at()].into_iter().flatten().min()
            }
        }
    }

    /// The camera said that its video ends (RTCP BYE): so does the session.
    pub fn video_ended(&mut self) {
        self.end(End::EndedByCamera);
    }

    /// Ends the session in order: TEARDOWN is sent where something was set up.
    pub fn close(&mut self) {
        self.end(End::Closed);
    }

    /// The next thing to do or take, until there is none.
    pub fn poll(&mut self) -> Option<Output> {
        loop {
            if let Some(output) = self.outputs.pop_front() {
                return Some(output);
            }
            let Some((bytes, arrival)) = self.inputs.front_mut() else {
                let Some(now) = self.disconnected_at.take() else { break };
                match self.stage {
                    Stage::Connecting | Stage::Ended => {}
                    Stage::Playing => self.end(End::EndedByCamera),
                    Stage::Opening => self.disconnected_while_opening(now),
                }
                continue;
            };
            let arrival = *arrival;
            let channels = &self.channels;
            let expect = Expect {
                sdp: self.stage == Stage::Opening
                    && self.pending.as_ref().is_some_and(|p| p.method == Method::Describe),
                is_channel: &|channel| channels[usize::from(channel)].is_some(),
            };
            match self.reader.next(bytes, &expect, &mut self.tally) {
                Ok(Some(Item::Frame { channel, bytes })) => {
                    if let Some(packet) = self.frame(channel, bytes, arrival) {
                        return Some(packet);
                    }
                }
                Ok(Some(Item::Message { head, body })) => self.message(&head, &body, arrival),
                Ok(None) => {
                    self.inputs.pop_front();
                }
                Err(error) => self.end(match error {
                    ReadError::NotRtsp => self.not_rtsp(),
                    ReadError::Junk => End::TooMuch(TooLong::Junk),
                    ReadError::Body => End::TooMuch(TooLong::Body),
                    ReadError::Sdp => End::TooMuch(TooLong::Sdp),
                }),
            }
        }
        let (kind, count) = self.tally.take()?;
        Some(Output::Deviation { kind, count })
    }

    fn frame(&mut self, channel: u8, bytes: Bytes, arrival: Duration) -> Option<Output> {
        let Some((medium, kind)) = self.channels[usize::from(channel)] else {
            self.tally.add(Deviation::UnassignedChannel);
            return None;
        };
        if self.stage != Stage::Playing {
            self.tally.add(Deviation::EarlyPackets);
        }
        self.packet(medium.into(), kind, bytes, arrival)
    }

    /// A packet as it goes out; kept instead while PLAY is not answered.
    fn packet(
        &mut self,
        medium: usize,
        kind: PacketKind,
        bytes: Bytes,
        arrival: Duration,
    ) -> Option<Output> {
        let (bytes_min, deviation) = match kind {
            PacketKind::Rtp => (rtcp::RTP_BYTES_MIN, Deviation::BadRtpPacket),
            PacketKind::Rtcp => (rtcp::RTCP_BYTES_MIN, Deviation::BadRtcpPacket),
        };
        if bytes.len() < bytes_min {
            self.tally.add(deviation);
            return None;
        }
        if self.stage == Stage::Playing {
            return Some(Output::Packet { medium, kind, bytes, arrival });
        }
        let is_full = |session: &Self, more: usize| {
            session.early_bytes + more > EARLY_BYTES_MAX || session.early.len() >= EARLY_PACKETS_MAX
        };
        if is_full(self, bytes.len()) && self.last_play_is_pending() {
            // So much media is an answer; the one in words may come later.
            self.tally.add(Deviation::PlayUnanswered);
            self.play(arrival);
            // Behind those that were kept.
            self.outputs.push_back(Output::Packet { medium, kind, bytes, arrival });
            return None;
        }
        while is_full(self, bytes.len())
            && let Some(Output::Packet { bytes, .. }) = self.early.pop_front()
        {
            self.early_bytes -= bytes.len();
            self.tally.add(Deviation::EarlyPacketsDropped);
        }
        self.early_bytes += bytes.len();
        // Copied, so that what is kept does not hold on to whole receive buffers.
        let bytes = Bytes::copy_from_slice(&bytes);
        self.early.push_back(Output::Packet { medium, kind, bytes, arrival });
        None
    }

    fn open_sdp_ends_at(&self) -> Option<Duration> {
        self.reader.is_in_open_sdp().then_some(self.last_input + SDP_QUIET)
    }

    /// Takes the session description as far as it came.
    fn finish_sdp(&mut self, now: Duration) {
        if let Some(Item::Message { head, body }) = self.reader.finish_sdp(&mut self.tally) {
            self.message(&head, &body, now);
        }
    }

    /// Nothing that came is RTSP.
    fn not_rtsp(&self) -> End {
        let host = self.host();
        match self.first_bytes {
            Some(FirstBytes::Tls) if !self.is_tls() => End::SpeaksTls { host },
            _ => End::NotRtsp { host },
        }
    }

    fn is_tls(&self) -> bool {
        self.uri.scheme().eq_ignore_ascii_case("rtsps")
    }

    fn host(&self) -> String {
        let host = self.uri.host_str().unwrap_or_default();
        host.trim_start_matches('[').trim_end_matches(']').to_owned()
    }

    fn port(&self) -> u16 {
        self.uri.port().unwrap_or(if self.is_tls() { 322 } else { 554 })
    }

    fn connect(&mut self, reason: ConnectReason) {
        self.stage = Stage::Connecting;
        let (host, port, tls) = (self.host(), self.port(), self.is_tls());
        self.act(Action::Connect { host, port, tls, reason });
    }

    /// Asks whoever moves the bytes for something.
    fn act(&mut self, action: Action) {
        self.outputs.push_back(Output::Act(action));
    }

    /// Begins again on a new connection.
    fn reconnect(&mut self, reason: ConnectReason, otherwise: End) {
        if self.reconnects >= RECONNECTS_MAX {
            return self.end(otherwise);
        }
        self.reconnects += 1;
        self.may_reconnect = false;
        self.pending = None;
        self.doubtful = None;
        self.reader = Reader::default();
        self.inputs.clear();
        self.first_bytes = None;
        self.disconnected_at = None;
        if let Some(authenticator) = &mut self.authenticator {
            authenticator.may_be_outworn = true;
        }
        self.forget_media();
        self.connect(reason);
    }

    /// Nothing is set up any more.
    fn forget_media(&mut self) {
        for plan in std::mem::take(&mut self.media) {
            if plan.has_sockets {
                self.act(Action::CloseUdp { medium: plan.name.index });
            }
        }
        self.session_id = None;
        self.opening_udp = None;
        self.over_udp = self.settings.transport == TransportChoice::Udp;
        self.tcp_refusal = None;
        self.play_way = PlayWay::default();
        self.channels = [None; 256];
        self.early.clear();
        self.early_bytes = 0;
    }

    /// Bytes of the camera's that wait for more, or for PLAY's answer.
    #[cfg(test)]
    fn kept_bytes(&self) -> usize {
        self.early_bytes
            + self.reader.kept_bytes()
            + self.doubtful.as_ref().map_or(0, |(_, body)| body.len())
    }

    fn end(&mut self, end: End) {
        if self.stage == Stage::Ended {
            return;
        }
        if matches!(self.stage, Stage::Opening | Stage::Playing)
            && self.session_id.is_some()
            && end != End::EndedByCamera
        {
            self.send_teardown();
        }
        self.stage = Stage::Ended;
        self.pending = None;
        self.doubtful = None;
        self.inputs.clear();
        self.disconnected_at = None;
        self.early = VecDeque::new();
        self.reader = Reader::default();
        while let Some((kind, count)) = self.tally.take() {
            self.outputs.push_back(Output::Deviation { kind, count });
        }
        self.outputs.push_back(Output::Ended(end));
    }
}
