//! RTP payloads of sound to frames: AAC (RFC 3640), and what is one frame a packet: G.711 (RFC 3551) and Opus (RFC 7587).
//!
//! Sound that cannot be described is left out, and said why: it never costs the pictures. A packet that cannot be read
//! costs itself.

use std::time::Duration;

use bytes::Bytes;
use vigie_media::codec::{CodecError, aac, g711, opus};
use vigie_media::{FrameData, Track};

use super::clock::Clock;
use super::order::InOrder;
use super::parts::{Arena, Parts};
use super::{LeftOut, Out, Produced};
use crate::Deviation;
use crate::format::MediaFormat;
use crate::output::AccessUnit;

/// A frame of AAC has at most 768 bytes a channel.
const FRAME_BYTES_MAX: usize = 64 * 1024;
/// Frames of one packet.
const FRAMES_MAX: usize = 256;
/// Channels that AAC configurations name are at most 8; G.711 is taken as mono where more are said.
const CHANNELS_MAX: u16 = 8;
/// RFC 3551 section 4.5.14.
const G711_CLOCK_RATE_HZ: u32 = 8_000;

/// One audio track.
#[derive(Debug)]
pub(super) struct Sound {
    track: Track,
    clock: Clock,
    /// `None` where a packet is a frame.
    aac: Option<Aac>,
    lost: u32,
}

/// How AAC stands in packets.
#[derive(Debug)]
struct Aac {
    headers: AuHeaders,
    /// Of the RTP clock.
    ticks_per_frame: i64,
    /// An access unit that comes in fragments.
    fragments: Option<AacFragments>,
    arena: Arena,
}

#[derive(Debug)]
struct AacFragments {
    timestamp: u32,
    parts: Parts,
    bytes_missing: usize,
}

/// The lengths, in bits, of the fields in an AU-header (RFC 3640 section 3.2.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct AuHeaders {
    size: u32,
    index: u32,
    index_delta: u32,
    cts_delta: u32,
    dts_delta: u32,
    random_access: bool,
    stream_state: u32,
    auxiliary_size: u32,
    constant_size: usize,
}

impl Sound {
    /// The track that a format says, or why there is none.
    pub(super) fn new(track_number: u64, format: &MediaFormat) -> Result<Self, LeftOut> {
        let number = track_number;
        let channels = format.channels.filter(|channels| (1..=CHANNELS_MAX).contains(channels));
        let g711 = |law| {
            let clock = Clock::new(format.clock_rate_hz, G711_CLOCK_RATE_HZ);
            let track = g711::track(number, "audio", law, clock.rate_hz(), channels.unwrap_or(1));
            (track, clock, None)
        };
        let (track, clock, aac) = match format.encoding.as_str() {
            "pcma" => g711(g711::Law::A),
            "pcmu" => g711(g711::Law::Mu),
            "opus" => {
                // The rtpmap always says 48000/2 (RFC 7587 section 7); senders that know of mono say sprop-stereo.
                let is_mono =
                    format.parameter("sprop-stereo").is_some_and(|said| said.trim() == "0");
                let rate_hz = opus::SAMPLING_FREQUENCY_HZ;
                let track = opus::track(number, "audio", if is_mono { 1 } else { 2 });
                (track, Clock::new(rate_hz, rate_hz), None)
            }
            "mpeg4-generic" => {
                let config = aac_config(format)?;
                let parsed =
                    aac::AudioSpecificConfig::parse(&config).map_err(LeftOut::AacConfig)?;
                let clock = Clock::new(format.clock_rate_hz, parsed.sampling_frequency_hz);
                let ticks_per_frame = i64::from(parsed.samples_per_frame)
                    * i64::from(clock.rate_hz())
                    / i64::from(parsed.sampling_frequency_hz.max(1));
                let headers = AuHeaders::of(format)?;
                let track = aac::track(number, "audio", config).map_err(LeftOut::AacConfig)?;
                (
                    track,
                    clock,
                    Some(Aac {
                        headers,
                        ticks_per_frame,
                        fragments: None,
                        arena: Arena::default(),
                    }),
                )
            }
            _ => return Err(LeftOut::Codec { encoding: format.encoding.clone() }),
        };
        Ok(Self { track, clock, aac, lost: 0 })
    }

    pub(super) const fn clock(&mut self) -> &mut Clock {
        &mut self.clock
    }

    pub(super) const fn track(&self) -> &Track {
        &self.track
    }

    /// Takes a packet in.
    pub(super) fn packet(&mut self, next: InOrder, began: Duration, out: &mut Out) {
        self.lose(next.lost_before);
        let packet = next.packet;
        if next.is_new_source {
            self.clock.begin_source();
        }
        let has_hole = next.lost_before > 0 || next.is_new_source;
        if let Some(aac) = &mut self.aac
            && aac.drop_fragments_but_of(packet.timestamp, has_hole)
            && !has_hole
        {
            self.bad(out);
        }
        if packet.payload.is_empty() {
            return out.push_back(Produced::Deviation(Deviation::BadRtpPacket));
        }
        let ticks = self.clock.ticks(packet.timestamp, packet.arrival, began);
        let Some(aac) = &mut self.aac else {
            self.give(ticks, packet.arrival, packet.payload.into(), out);
            return;
        };
        let (frames, is_whole) = aac.frames(packet.timestamp, &packet.payload).unwrap_or_default();
        let ticks_per_frame = aac.ticks_per_frame;
        for (data, count) in frames.into_iter().zip(0..) {
            self.give(ticks.saturating_add(ticks_per_frame * count), packet.arrival, data, out);
        }
        if !is_whole {
            self.bad(out);
        }
    }

    /// A packet whose place is known and nothing else of it can be used.
    pub(super) fn passed_over(&mut self, lost_before: u32) {
        let fragments = self.aac.as_mut().and_then(|aac| aac.fragments.take());
        self.lose(lost_before.saturating_add(u32::from(fragments.is_some())));
    }

    fn lose(&mut self, packets: u32) {
        self.lost = self.lost.saturating_add(packets);
    }

    fn bad(&mut self, out: &mut Out) {
        self.lose(1);
        out.push_back(Produced::Deviation(Deviation::BadRtpPacket));
    }

    fn give(&mut self, ticks: i64, arrival: Duration, data: FrameData, out: &mut Out) {
        out.push_back(Produced::AccessUnit(AccessUnit {
            track_number: self.track.number,
            media_us: self.clock.us(ticks),
            arrival,
            key_frame: true,
            packets_lost: std::mem::take(&mut self.lost),
            data,
        }));
    }
}

impl Aac {
    /// Drops what came of an access unit that cannot go on with a packet of this time. Returns whether there was any.
    fn drop_fragments_but_of(&mut self, timestamp: u32, has_hole: bool) -> bool {
        let go_on = |fragments: &mut AacFragments| !has_hole && fragments.timestamp == timestamp;
        self.fragments.take_if(|fragments| !go_on(fragments)).is_some()
    }

    /// The frames of a payload, and whether all of it could be read; `None` when nothing could.
    fn frames(&mut self, timestamp: u32, payload: &Bytes) -> Option<(Vec<FrameData>, bool)> {
        let (sizes, mut at) = self.headers.read(payload)?;
        if let Some(mut fragments) = self.fragments.take() {
            // Each fragment says the whole size; what matters is how much is missing.
            let data = payload.slice(at..);
            if data.len() > fragments.bytes_missing {
                return None;
            }
            fragments.bytes_missing -= data.len();
            fragments.parts.push(data, &mut self.arena, FRAME_BYTES_MAX).ok()?;
            if fragments.bytes_missing > 0 {
                self.fragments = Some(fragments);
                return Some((Vec::new(), true));
            }
            return Some((vec![fragments.parts.into_data()], true));
        }
        let mut frames = Vec::with_capacity(sizes.len());
        for &size in &sizes {
            let end = at + size;
            if end > payload.len() {
                let data = payload.slice(at..);
                // A fragment is alone in its packet (RFC 3640 section 3.2.3.1).
                if sizes.len() > 1 || data.is_empty() || size > FRAME_BYTES_MAX {
                    return Some((frames, false));
                }
                let bytes_missing = size - data.len();
                let mut parts = Parts::default();
                parts.push(data, &mut self.arena, FRAME_BYTES_MAX).ok()?;
                self.fragments = Some(AacFragments { timestamp, parts, bytes_missing });
                return Some((frames, true));
            }
            if size > 0 {
                frames.push(payload.slice(at..end).into());
            }
            at = end;
        }
        Some((frames, true))
    }
}

impl AuHeaders {
    fn of(format: &MediaFormat) -> Result<Self, LeftOut> {
        let number = |key: &str| {
            format.parameter(key).map(|value| value.trim().trim_matches('"').parse::<u32>())
        };
        let bits = |key: &str| match number(key) {
            None => Ok(0),
            Some(Ok(bits @ 0..=32)) => Ok(bits),
            Some(_) => Err(LeftOut::AacHeaders),
        };
        let is_low =
            format.parameter("mode").is_some_and(|m| m.trim().eq_ignore_ascii_case("aac-lbr"));
        let usual = if is_low { (6, 2, 2) } else { (13, 3, 3) };
        let is_said = ["sizelength", "constantsize"].iter().any(|key| number(key).is_some());
        let (size, index, index_delta) = match is_said {
            true => (bits("sizelength")?, bits("indexlength")?, bits("indexdeltalength")?),
            false => usual,
        };
        let constant_size = match number("constantsize") {
            Some(Ok(bytes)) if (bytes as usize) <= FRAME_BYTES_MAX => bytes as usize,
            None => 0,
            Some(_) => return Err(LeftOut::AacHeaders),
        };
        Ok(Self {
            size,
            index,
            index_delta,
            cts_delta: bits("ctsdeltalength")?,
            dts_delta: bits("dtsdeltalength")?,
            random_access: bits("randomaccessindication")? > 0,
            stream_state: bits("streamstateindication")?,
            auxiliary_size: bits("auxiliarydatasizelength")?,
            constant_size,
        })
    }

    const fn is_empty(&self) -> bool {
        self.size
            | self.index
            | self.index_delta
            | self.cts_delta
            | self.dts_delta
            | self.stream_state
            == 0
            && !self.random_access
    }

    /// The sizes of the access units in a payload, and where they begin; `None` when the headers are broken.
    fn read(&self, payload: &[u8]) -> Option<(Vec<usize>, usize)> {
        let (mut sizes, mut at) = (Vec::new(), 0);
        if !self.is_empty() {
            let bits = usize::from(u16::from_be_bytes(*payload.first_chunk()?));
            at = 2 + bits.div_ceil(8);
            let mut header = Bits { data: payload.get(2..at)?, at: 0, end: bits };
            while header.at < header.end {
                if sizes.len() == FRAMES_MAX {
                    return None;
                }
                sizes.push(self.read_header(&mut header, sizes.is_empty())?);
            }
        }
        if self.auxiliary_size > 0 {
            let rest = payload.get(at..)?;
            let mut auxiliary = Bits { data: rest, at: 0, end: rest.len() * 8 };
            let bits = auxiliary.take(self.auxiliary_size)? as usize;
            at += (self.auxiliary_size as usize + bits).div_ceil(8);
        }
        let left = payload.len().checked_sub(at)?;
        if self.size == 0 {
            // Of constant size, or one that fills the packet.
            let size = if self.constant_size == 0 { left } else { self.constant_size };
            let count = left.checked_div(size).unwrap_or(0).clamp(1, FRAMES_MAX);
            sizes = vec![size; count];
        }
        (!sizes.is_empty()).then_some((sizes, at))
    }

    fn read_header(&self, header: &mut Bits<'_>, is_first: bool) -> Option<usize> {
        let size = header.take(self.size)? as usize;
        header.take(if is_first { self.index } else { self.index_delta })?;
        for delta in [self.cts_delta, self.dts_delta] {
            if delta > 0 && header.take(1)? == 1 {
                header.take(delta)?;
            }
        }
        header.take(u32::from(self.random_access))?;
        header.take(self.stream_state)?;
        Some(size)
    }
}

/// Bits of a header, from the most significant down.
struct Bits<'a> {
    data: &'a [u8],
    at: usize,
    end: usize,
}

impl Bits<'_> {
    /// At most 32.
    fn take(&mut self, count: u32) -> Option<u32> {
        let mut value = 0_u64;
        for _ in 0..count {
            let byte = self.data.get(self.at / 8).filter(|_| self.at < self.end)?;
            value = value << 1 | u64::from(byte >> (7 - self.at % 8) & 1);
            self.at += 1;
        }
        u32::try_from(value).ok()
    }
}

/// `config` of the format parameters (RFC 3640 section 4.1), in hexadecimal digits.
fn aac_config(format: &MediaFormat) -> Result<Bytes, LeftOut> {
    /// An AudioSpecificConfig has some bytes, with a program config element some dozens.
    const DIGITS_MAX: usize = 1024;
    let value = format.parameter("config").map(|value| value.trim().trim_matches('"'));
    let text = value.filter(|text| !text.is_empty()).ok_or(LeftOut::NoAacConfig)?;
    let bad = LeftOut::AacConfig(CodecError::Invalid("the AAC configuration is not hexadecimal"));
    let text = Some(text).filter(|text| text.len() <= DIGITS_MAX);
    text.and_then(|text| base16ct::mixed::decode_vec(text).ok()).map(Bytes::from).ok_or(bad)
}
