//! All media of one session: which packets are whose, and in what order their tracks and access units are said.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use vigie_media::Track;

use super::clock::Clock;
use super::metadata::Metadata;
use super::order::{InOrder, Order};
use super::packet::{self, Packet};
use super::sound::Sound;
use super::video::Video;
use super::video_codec::VideoCodec;
use super::{LeftOut, Out, Produced, Transport, rtcp};
use crate::Deviation;
use crate::format::{MediaFormat, MediaKind};
use crate::output::MediaEvent;

/// Media of one session.
const MEDIA_MAX: usize = 16;

/// What a camera may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one access unit; what is larger is dropped. A key picture of 8K at two bits a pixel has 8 MiB.
    pub access_unit_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { access_unit_bytes_max: 8 * 1024 * 1024 }
    }
}

/// The receiver of one session. Give it packets, then [`Self::poll`] until `None`.
#[derive(Debug)]
pub struct Receiver {
    limits: Limits,
    media: Vec<Medium>,
    /// When the first packet came.
    began: Option<Duration>,
    /// The tracks were said as they are now.
    is_said: bool,
    /// They were said ever.
    has_said: bool,
    produced: Out,
    events: VecDeque<MediaEvent>,
}

#[derive(Debug)]
struct Medium {
    number: usize,
    payload_type: u8,
    /// As far as it is known; none of metadata.
    track: Option<Track>,
    order: Order,
    depacketizer: Depacketizer,
}

#[derive(Debug)]
enum Depacketizer {
    Video(Box<Video>),
    Sound(Box<Sound>),
    Metadata(Box<Metadata>),
}

impl Receiver {
    /// Without media.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            media: Vec::new(),
            began: None,
            is_said: false,
            has_said: false,
            produced: Out::new(),
            events: VecDeque::new(),
        }
    }

    /// Adds a medium, whose number is the caller's. `track_number` becomes [`Track::number`]; metadata has no track.
    pub fn add_track(
        &mut self,
        medium: usize,
        format: &MediaFormat,
        transport: Transport,
        track_number: u64,
    ) -> Result<(), LeftOut> {
        if self.media.len() >= MEDIA_MAX {
            return Err(LeftOut::TooMany);
        }
        let video = |codec| {
            let bytes_max = self.limits.access_unit_bytes_max;
            Depacketizer::Video(Box::new(Video::new(codec, track_number, bytes_max, format)))
        };
        let depacketizer = match (format.kind, format.encoding.as_str()) {
            (MediaKind::Video, "h264") => video(VideoCodec::H264),
            (MediaKind::Video, "h265") => video(VideoCodec::H265),
            (MediaKind::Video, _) => {
                return Err(LeftOut::Codec { encoding: format.encoding.clone() });
            }
            (MediaKind::Audio, _) => {
                Depacketizer::Sound(Box::new(Sound::new(track_number, format)?))
            }
            (MediaKind::Application, _) => {
                Depacketizer::Metadata(Box::new(Metadata::new(medium, format)))
            }
        };
        let track = match &depacketizer {
            Depacketizer::Video(video) => video.track().cloned(),
            Depacketizer::Sound(sound) => Some(sound.track().clone()),
            Depacketizer::Metadata(_) => None,
        };
        self.media.push(Medium {
            number: medium,
            payload_type: format.payload_type,
            track,
            order: Order::new(transport),
            depacketizer,
        });
        Ok(())
    }

    /// What RTP-Info says of a medium (RFC 2326 section 12.33): its timestamp at the moment when playing begins. It puts
    /// sound and pictures on one time line. One that cannot be right is not used, nor one that comes behind packets.
    pub fn set_rtptime(&mut self, medium: usize, rtptime: u32) {
        if let Some(medium) = self.media.iter_mut().find(|known| known.number == medium) {
            medium.depacketizer.clock().announce(rtptime);
        }
    }

    /// An RTP packet of a medium. Packets of media that were not added are passed over.
    pub fn rtp(&mut self, medium: usize, packet: Bytes, arrival: Duration) {
        let Some(at) = self.media.iter().position(|known| known.number == medium) else { return };
        let Some(medium) = self.media.get_mut(at) else { return };
        let is_of_medium = |second: &u8| second & 0x7F == medium.payload_type;
        if packet::is_rtcp(&packet) && !packet.get(1).is_some_and(is_of_medium) {
            let number = medium.number;
            return self.rtcp(number, packet, arrival);
        }
        let Some(packet) = Packet::parse(packet, arrival) else {
            self.events.push_back(MediaEvent::Deviation(Deviation::BadRtpPacket));
            return;
        };
        if packet.payload_type != medium.payload_type && medium.order.ssrc() != Some(packet.ssrc) {
            // Of another stream altogether.
            self.events.push_back(MediaEvent::Deviation(Deviation::OtherPayloadType));
            return;
        }
        let began = *self.began.get_or_insert(arrival);
        let deviation = medium.order.push(packet);
        self.events.extend(deviation.map(MediaEvent::Deviation));
        medium.take_ordered(began, &mut self.produced);
        self.say(at);
    }

    /// An RTCP packet of a medium. Only the BYE of a video that is received counts.
    pub fn rtcp(&mut self, medium: usize, packet: Bytes, arrival: Duration) {
        let Some(at) = self.media.iter().position(|known| known.number == medium) else { return };
        let Some(medium) = self.media.get_mut(at) else { return };
        let report = rtcp::read(&packet, medium.order.ssrc());
        if !report.is_whole {
            self.events.push_back(MediaEvent::Deviation(Deviation::BadRtcpPacket));
        }
        if report.bye && matches!(medium.depacketizer, Depacketizer::Video(_)) {
            self.finish_medium(at, arrival);
            self.events.push_back(MediaEvent::VideoEnded);
        }
    }

    /// When [`Self::timeout`] is to be called.
    pub fn next_deadline(&self) -> Option<Duration> {
        self.media.iter().filter_map(|medium| medium.order.next_deadline()).min()
    }

    /// Goes on without packets that were waited for long enough.
    pub fn timeout(&mut self, now: Duration) {
        for at in 0..self.media.len() {
            let Some(medium) = self.media.get_mut(at) else { continue };
            if medium.order.next_deadline().is_some_and(|deadline| deadline <= now) {
                medium.order.timeout(now);
                medium.take_ordered(self.began.unwrap_or(now), &mut self.produced);
                self.say(at);
            }
        }
    }

    /// The session is over: what is under way comes out as far as it is whole.
    pub fn finish(&mut self) {
        for at in 0..self.media.len() {
            self.finish_medium(at, Duration::ZERO);
        }
    }

    /// Nothing more comes at once: receive buffers are let go, of which pictures that are not whole yet would keep some.
    pub fn detach(&mut self) {
        for medium in &mut self.media {
            if let Depacketizer::Video(video) = &mut medium.depacketizer {
                video.detach();
            }
        }
    }

    /// What comes next.
    pub fn poll(&mut self) -> Option<MediaEvent> {
        self.events.pop_front()
    }

    fn finish_medium(&mut self, at: usize, now: Duration) {
        let Some(medium) = self.media.get_mut(at) else { return };
        medium.order.flush();
        medium.take_ordered(self.began.unwrap_or(now), &mut self.produced);
        match &mut medium.depacketizer {
            Depacketizer::Video(video) => video.finish(&mut self.produced),
            Depacketizer::Sound(_) => {}
            Depacketizer::Metadata(metadata) => metadata.finish(&mut self.produced),
        }
        self.say(at);
    }

    /// Says what the medium `at` produced, its tracks first where they are not said yet.
    fn say(&mut self, at: usize) {
        while let Some(produced) = self.produced.pop_front() {
            match produced {
                Produced::Deviation(deviation) => {
                    self.events.push_back(MediaEvent::Deviation(deviation));
                }
                Produced::Metadata(metadata) => {
                    self.events.push_back(MediaEvent::Metadata(metadata));
                }
                Produced::Track(track) => {
                    if let Some(medium) = self.media.get_mut(at) {
                        medium.track = Some(track);
                        self.is_said = false;
                    }
                }
                Produced::AccessUnit(unit) => {
                    self.say_tracks();
                    // Sound before the first pictures is of no use to anyone.
                    if self.has_said {
                        self.events.push_back(MediaEvent::AccessUnit(unit));
                    }
                }
            }
        }
    }

    /// Says the tracks when they changed and all of them are known.
    fn say_tracks(&mut self) {
        let is_known = |medium: &Medium| medium.track.is_some() || !medium.is_video();
        if self.is_said || !self.media.iter().all(is_known) {
            return;
        }
        let (mut media, others): (Vec<_>, Vec<_>) =
            self.media.iter().partition(|medium| medium.is_video());
        media.extend(others);
        let tracks = media.into_iter().filter_map(|medium| medium.track.clone()).collect();
        self.is_said = true;
        self.has_said = true;
        self.events.push_back(MediaEvent::Tracks(tracks));
    }
}

impl Medium {
    const fn is_video(&self) -> bool {
        matches!(self.depacketizer, Depacketizer::Video(_))
    }

    fn take_ordered(&mut self, began: Duration, out: &mut Out) {
        while let Some(next) = self.order.pop() {
            if next.packet.payload_type == self.payload_type {
                self.depacketizer.packet(next, began, out);
            } else {
                self.depacketizer.passed_over(&next);
                out.push_back(Produced::Deviation(Deviation::OtherPayloadType));
            }
        }
    }
}

impl Depacketizer {
    const fn clock(&mut self) -> &mut Clock {
        match self {
            Self::Video(video) => video.clock(),
            Self::Sound(sound) => sound.clock(),
            Self::Metadata(metadata) => metadata.clock(),
        }
    }

    fn packet(&mut self, next: InOrder, began: Duration, out: &mut Out) {
        match self {
            Self::Video(video) => video.packet(next, began, out),
            Self::Sound(sound) => sound.packet(next, began, out),
            Self::Metadata(metadata) => metadata.packet(next, began, out),
        }
    }

    /// A packet of another payload type: it has a number, and nothing of this medium.
    fn passed_over(&mut self, next: &InOrder) {
        match self {
            Self::Video(video) => video.passed_over(next.lost_before),
            Self::Sound(sound) => sound.passed_over(next.lost_before),
            Self::Metadata(metadata) if next.lost_before > 0 => metadata.damage(),
            Self::Metadata(_) => {}
        }
    }
}
