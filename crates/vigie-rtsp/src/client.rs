//! A camera, recorded: the conversation and its media as one machine, for whoever moves the bytes.
//!
//! [`Client`] hands the session's packets to the receiver and says what comes of both in one order. It decides nothing of
//! its own but which track numbers media get.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;

use crate::media::{self, Receiver, Transport};
use crate::session::{
    Action, End, LeftOut as SessionLeftOut, Medium, MediumName, Output, PacketKind, PlayingMedium,
    RtspSession, RtspSessionSettings,
};
use crate::{AccessUnit, Deviation, MediaEvent, MediaKind, Metadata};
use vigie_media::Track;

/// KVS producers number video 1 and audio 2.
pub const VIDEO_TRACK: u64 = 1;
/// See [`VIDEO_TRACK`].
pub const AUDIO_TRACK: u64 = 2;

/// Why a medium of the camera is not recorded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LeftOut {
    /// It is not set up.
    #[error(transparent)]
    Session(#[from] SessionLeftOut),
    /// It plays, and its packets cannot be read.
    #[error(transparent)]
    Media(#[from] media::LeftOut),
}

/// What is to be done, or has come.
#[derive(Clone, Debug, PartialEq)]
pub enum ClientOutput {
    /// See [`Output::Act`].
    Act(Action),
    /// A medium is not recorded.
    LeftOut {
        medium: MediumName,
        /// Its codec as the camera names it; empty when it does not.
        codec: String,
        why: LeftOut,
    },
    /// What the camera offers is known.
    Described,
    /// Media is to come.
    Playing {
        /// The video as datagrams, which a network may lose.
        video_over_udp: bool,
    },
    /// See [`MediaEvent::Tracks`].
    Tracks(Vec<Track>),
    /// See [`MediaEvent::AccessUnit`].
    AccessUnit(AccessUnit),
    /// See [`MediaEvent::Metadata`].
    Metadata(Metadata),
    /// Something is not as it should be, and is lived with.
    Deviation {
        kind: Deviation,
        /// How often since the last time.
        count: u32,
    },
    /// The session has ended; nothing comes after it.
    Ended(End),
}

/// See the module's documentation. After each call, [`Client::poll`] is to be called until it returns `None`, and then
/// [`Client::next_deadline`].
#[derive(Debug)]
pub struct Client {
    session: RtspSession,
    receiver: Receiver,
    /// Said by the session, behind what the receiver still has to say.
    end: Option<End>,
    has_ended: bool,
    left_out: Vec<(MediumName, LeftOut)>,
    /// Of each medium of the description.
    codecs: Vec<String>,
}

impl Client {
    /// A client that asks for its connection at once.
    pub fn new(settings: RtspSessionSettings, limits: media::Limits, now: Duration) -> Self {
        Self {
            session: RtspSession::new(settings, now),
            receiver: Receiver::new(limits),
            end: None,
            has_ended: false,
            left_out: Vec::new(),
            codecs: Vec::new(),
        }
    }

    /// See [`RtspSession::connected`].
    pub fn connected(&mut self, peer: SocketAddr, now: Duration) {
        self.session.connected(peer, now);
    }

    /// See [`RtspSession::received`].
    pub fn received(&mut self, bytes: Bytes, now: Duration) {
        self.session.received(bytes, now);
    }

    /// See [`RtspSession::datagram`].
    pub fn datagram(
        &mut self,
        medium: usize,
        kind: PacketKind,
        from: SocketAddr,
        bytes: Bytes,
        now: Duration,
    ) {
        self.session.datagram(medium, kind, from, bytes, now);
    }

    /// See [`RtspSession::udp_opened`].
    pub fn udp_opened(&mut self, medium: usize, rtp_port: u16, rtcp_port: u16, now: Duration) {
        self.session.udp_opened(medium, rtp_port, rtcp_port, now);
    }

    /// See [`RtspSession::udp_failed`].
    pub fn udp_failed(&mut self, medium: usize, now: Duration) {
        self.session.udp_failed(medium, now);
    }

    /// See [`RtspSession::disconnected`].
    pub fn disconnected(&mut self, now: Duration) {
        self.session.disconnected(now);
    }

    /// Ends the session in order; what is under way comes out as far as it is whole.
    pub fn close(&mut self) {
        self.session.close();
    }

    /// The time is past [`Client::next_deadline`].
    pub fn timeout(&mut self, now: Duration) {
        self.session.timeout(now);
        self.receiver.timeout(now);
    }

    /// See [`Receiver::detach`].
    pub fn detach(&mut self) {
        self.receiver.detach();
    }

    /// When [`Client::timeout`] is to be called; later calls move it.
    pub fn next_deadline(&self) -> Option<Duration> {
        [self.session.next_deadline(), self.receiver.next_deadline()].into_iter().flatten().min()
    }

    /// The next thing to do or take, until there is none.
    pub fn poll(&mut self) -> Option<ClientOutput> {
        loop {
            if let Some((medium, why)) = self.left_out.pop() {
                return Some(self.left_out(medium, why));
            }
            match self.receiver.poll() {
                Some(MediaEvent::Tracks(tracks)) => return Some(ClientOutput::Tracks(tracks)),
                Some(MediaEvent::AccessUnit(unit)) => return Some(ClientOutput::AccessUnit(unit)),
                Some(MediaEvent::Metadata(metadata)) => {
                    return Some(ClientOutput::Metadata(metadata));
                }
                Some(MediaEvent::Deviation(kind)) => {
                    return Some(ClientOutput::Deviation { kind, count: 1 });
                }
                Some(MediaEvent::VideoEnded) => self.session.video_ended(),
                None => {}
            }
            if self.has_ended {
                return self.end.take().map(ClientOutput::Ended);
            }
            let output = self.session.poll()?;
            if let Some(output) = self.take(output) {
                return Some(output);
            }
        }
    }

    fn take(&mut self, output: Output) -> Option<ClientOutput> {
        match output {
            Output::Act(action) => return Some(ClientOutput::Act(action)),
            Output::LeftOut { medium, why } => {
                return Some(self.left_out(medium, why.into()));
            }
            Output::Deviation { kind, count } => {
                return Some(ClientOutput::Deviation { kind, count });
            }
            Output::Described { media } => {
                self.codecs = media.iter().map(codec).collect();
                return Some(ClientOutput::Described);
            }
            Output::Playing { media } => {
                media.iter().for_each(|medium| self.add(medium));
                let is_video = |medium: &&PlayingMedium| medium.format.kind == MediaKind::Video;
                let video_over_udp = media.iter().filter(is_video).any(|medium| medium.is_over_udp);
                return Some(ClientOutput::Playing { video_over_udp });
            }
            Output::Packet { medium, kind: PacketKind::Rtp, bytes, arrival } => {
                self.receiver.rtp(medium, bytes, arrival);
            }
            Output::Packet { medium, kind: PacketKind::Rtcp, bytes, arrival } => {
                self.receiver.rtcp(medium, bytes, arrival);
            }
            Output::Ended(end) => {
                self.receiver.finish();
                self.has_ended = true;
                self.end = Some(end);
            }
        }
        None
    }

    fn left_out(&self, medium: MediumName, why: LeftOut) -> ClientOutput {
        let codec = self.codecs.get(medium.index).cloned().unwrap_or_default();
        ClientOutput::LeftOut { medium, codec, why }
    }

    fn add(&mut self, medium: &PlayingMedium) {
        let transport = if medium.is_over_udp { Transport::Datagrams } else { Transport::Ordered };
        let track_number = match medium.format.kind {
            MediaKind::Audio => AUDIO_TRACK,
            MediaKind::Video | MediaKind::Application => VIDEO_TRACK,
        };
        let index = medium.name.index;
        match self.receiver.add_track(index, &medium.format, transport, track_number) {
            Ok(()) => {
                if let Some(rtptime) = medium.rtp_info.rtp_time {
                    self.receiver.set_rtptime(index, rtptime);
                }
            }
            Err(why) => self.left_out.push((medium.name, why.into())),
        }
    }
}

/// What a medium is coded in, by the first of its payload types.
fn codec(medium: &Medium) -> String {
    let encoding = medium.formats.first().map_or("", |format| format.encoding.as_str());
    match encoding {
        // As people call it.
        "mpeg4-generic" => "AAC".to_owned(),
        encoding => encoding.to_uppercase(),
    }
}
