//! A sender: pictures and sound cut into RTP packets in the ways that cameras do it, and what a receiver makes of them.

use std::time::Duration;

use bytes::Bytes;
use vigie_media::Track;
use vigie_rtsp::media::{Limits, Receiver, Transport};
use vigie_rtsp::{AccessUnit, Deviation, MediaEvent, MediaFormat, MediaKind, Metadata};

/// Main profile, 640x360, as kvssink sent them.
pub(crate) const H264_SPS: &str = "674d401ed900a02ff97016a0c0c0d4a0000003002000000651e2c5c9";
pub(crate) const H264_PPS: &str = "68ebccb2";
/// Main profile, 640x360, of AWS's H.265 sample.
pub(crate) const H265_VPS: &str =
    "40010c01ffff01600000030000030000030000030096ac0c00000300040000030065 40";
pub(crate) const H265_SPS: &str = "42010101600000030000030000030000030096a005020169636b924c9ae59c02000003\
                            0002000003003210";
pub(crate) const H265_PPS: &str = "4401e076b02640";

pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |group: &[u8]| {
        let mut bytes = [0; 4];
        bytes[1..=group.len()].copy_from_slice(group);
        let bits = u32::from_be_bytes(bytes);
        let digit = |at: usize| match at <= group.len() {
            true => char::from(DIGITS[(bits >> (18 - 6 * at) & 0x3F) as usize]),
            false => '=',
        };
        (0..4).map(digit).collect::<String>()
    };
    bytes.chunks(3).map(group).collect()
}

/// SplitMix64: the same numbers for the same seed on every machine.
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    /// Bytes without a start code.
    pub(crate) fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.below(255) as u8 + 1).collect()
    }
}

/// Bits, most significant first, then the trailing ones.
fn bits(header: u8, fields: &[(u32, u32)]) -> Vec<u8> {
    let mut bits = String::new();
    for &(value, count) in fields {
        match count {
            // Exponential Golomb code.
            0 => bits += &format!("{0:0>1$b}", value + 1, 2 * (value + 1).ilog2() as usize + 1),
            count => bits += &format!("{value:0>0$b}", count as usize),
        }
    }
    bits.push('1');
    while !bits.len().is_multiple_of(8) {
        bits.push('0');
    }
    let bytes = bits.as_bytes().chunks(8);
    let byte = |bits: &[u8]| u8::from_str_radix(std::str::from_utf8(bits).unwrap(), 2).unwrap();
    [vec![header], bytes.map(byte).collect()].concat()
}

/// Baseline, so many macroblocks of 16 pixels wide and high.
pub(crate) fn h264_sps(id: u32, width: u32, height: u32) -> Vec<u8> {
    let size = [(width - 1, 0), (height - 1, 0)];
    let before = [(66, 8), (0, 8), (30, 8), (id, 0), (0, 0), (2, 0), (1, 0), (0, 1)];
    bits(0x67, &[&before[..], &size, &[(1, 1), (1, 1), (0, 1), (0, 1)]].concat())
}

pub(crate) fn h264_pps(id: u32, of: u32) -> Vec<u8> {
    let fields = [(id, 0), (of, 0), (0, 1), (0, 1), (0, 0), (0, 0), (0, 0), (0, 3)];
    bits(0x68, &[&fields[..], &[(0, 0), (0, 0), (0, 0), (0, 3)]].concat())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Codec {
    H264,
    H265,
}

/// A picture: its NAL units with parameter sets, as the camera sends them.
#[derive(Clone, Debug)]
pub(crate) struct Picture {
    pub(crate) codec: Codec,
    pub(crate) key_frame: bool,
    pub(crate) nal_units: Vec<Vec<u8>>,
}

impl Codec {
    pub(crate) fn parameter_sets(self) -> Vec<Vec<u8>> {
        match self {
            Self::H264 => vec![hex(H264_SPS), hex(H264_PPS)],
            Self::H265 => vec![hex(H265_VPS), hex(H265_SPS), hex(H265_PPS)],
        }
    }

    pub(crate) fn slice(self, key_frame: bool, first: bool, rest: &[u8]) -> Vec<u8> {
        let start: &[u8] = match (self, key_frame, first) {
            (Self::H264, true, true) => &[0x65, 0x88],
            (Self::H264, true, false) => &[0x65, 0x08],
            (Self::H264, false, true) => &[0x41, 0x9A],
            (Self::H264, false, false) => &[0x41, 0x1A],
            (Self::H265, true, true) => &[19 << 1, 1, 0xAC],
            (Self::H265, true, false) => &[19 << 1, 1, 0x2C],
            (Self::H265, false, true) => &[1 << 1, 1, 0xD0],
            (Self::H265, false, false) => &[1 << 1, 1, 0x50],
        };
        [start, rest].concat()
    }

    pub(crate) fn is_parameter_set(self, nal: &[u8]) -> bool {
        match self {
            Self::H264 => matches!(nal[0] & 0x1F, 7 | 8),
            Self::H265 => matches!(nal[0] >> 1 & 0x3F, 32..=34),
        }
    }

    pub(crate) fn is_slice(self, nal: &[u8]) -> bool {
        match self {
            Self::H264 => matches!(nal[0] & 0x1F, 1 | 5),
            Self::H265 => nal[0] >> 1 & 0x3F < 32,
        }
    }

    pub(crate) fn sei(self) -> Vec<u8> {
        match self {
            Self::H264 => vec![6, 5, 3, 1, 2, 3, 0x80],
            Self::H265 => vec![39 << 1, 1, 5, 3, 1, 2, 3, 0x80],
        }
    }

    /// With the parameter sets in the SDP.
    pub(crate) fn format_with_sets(self) -> MediaFormat {
        let sets: Vec<String> = self.parameter_sets().iter().map(|set| base64(set)).collect();
        match self {
            Self::H264 => self.format(&[("sprop-parameter-sets", &sets.join(","))]),
            Self::H265 => self.format(&[
                ("sprop-vps", &sets[0]),
                ("sprop-sps", &sets[1]),
                ("sprop-pps", &sets[2]),
            ]),
        }
    }

    pub(crate) fn format(self, fmtp: &[(&str, &str)]) -> MediaFormat {
        let encoding = if self == Self::H264 { "h264" } else { "h265" };
        format(MediaKind::Video, encoding, 90_000, fmtp)
    }
}

pub(crate) fn format(
    kind: MediaKind,
    encoding: &str,
    rate_hz: u32,
    fmtp: &[(&str, &str)],
) -> MediaFormat {
    MediaFormat {
        kind,
        payload_type: 96,
        encoding: encoding.to_owned(),
        clock_rate_hz: rate_hz,
        channels: None,
        fmtp: fmtp.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
    }
}

impl Picture {
    /// What comes out of it: length-prefixed, without parameter sets.
    pub(crate) fn expected(&self) -> Vec<u8> {
        length_prefixed(self.nal_units.iter().filter(|nal| !self.codec.is_parameter_set(nal)))
    }
}

pub(crate) fn length_prefixed<'a>(units: impl IntoIterator<Item = &'a Vec<u8>>) -> Vec<u8> {
    let mut out = Vec::new();
    for nal in units {
        out.extend((nal.len() as u32).to_be_bytes());
        out.extend(nal);
    }
    out
}

/// Groups of `gop` pictures with so many slices each.
pub(crate) fn pictures(
    codec: Codec,
    seed: u64,
    count: usize,
    gop: usize,
    slices: usize,
) -> Vec<Picture> {
    let mut chance = Chance(seed);
    let picture = |index: usize| {
        let key_frame = index.is_multiple_of(gop);
        let mut nal_units = Vec::new();
        if key_frame {
            nal_units.extend(codec.parameter_sets());
        }
        if chance.below(3) == 0 {
            nal_units.push(codec.sei());
        }
        for slice in 0..slices {
            let len = if key_frame { 300 + chance.below(2000) } else { 10 + chance.below(1200) };
            let rest = chance.bytes(len);
            nal_units.push(codec.slice(key_frame, slice == 0, &rest));
        }
        Picture { codec, key_frame, nal_units }
    };
    (0..count).map(picture).collect()
}

/// An RTP packet with plain fields.
#[derive(Clone, Debug)]
pub(crate) struct Rtp {
    /// Which picture or frame it is of.
    pub(crate) of: usize,
    pub(crate) marker: bool,
    pub(crate) payload_type: u8,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) ssrc: u32,
    pub(crate) payload: Vec<u8>,
    pub(crate) at: Duration,
}

impl Rtp {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut out = vec![0x80, u8::from(self.marker) << 7 | self.payload_type];
        out.extend(self.sequence.to_be_bytes());
        out.extend(self.timestamp.to_be_bytes());
        out.extend(self.ssrc.to_be_bytes());
        out.extend(&self.payload);
        out
    }
}

/// Where the marker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    Picture,
    Slice,
    NalUnit,
    Packet,
    Never,
}

pub(crate) const MTU: usize = 500;

/// Payloads of a NAL unit: itself, or fragments.
pub(crate) fn payloads(codec: Codec, nal: &[u8]) -> Vec<Vec<u8>> {
    if nal.len() <= MTU {
        return vec![nal.to_vec()];
    }
    let (header, nal_type, body) = match codec {
        Codec::H264 => (vec![nal[0] & 0xE0 | 28], nal[0] & 0x1F, &nal[1..]),
        Codec::H265 => (vec![nal[0] & 0x81 | 49 << 1, nal[1]], nal[0] >> 1 & 0x3F, &nal[2..]),
    };
    let pieces: Vec<&[u8]> = body.chunks(MTU).collect();
    let last = pieces.len() - 1;
    let fragment = |(at, piece): (usize, &&[u8])| {
        let start = if at == 0 { 0x80 } else { 0 };
        let end = if at == last { 0x40 } else { 0 };
        [&header[..], &[nal_type | start | end], piece].concat()
    };
    pieces.iter().enumerate().map(fragment).collect()
}

/// The packets of pictures, 25 a second.
pub(crate) fn packets(pictures: &[Picture], mark: Mark) -> Vec<Rtp> {
    let mut out = Vec::new();
    let mut sequence = 65_500_u16;
    for (of, picture) in pictures.iter().enumerate() {
        let last_nal = picture.nal_units.len() - 1;
        for (at_nal, nal) in picture.nal_units.iter().enumerate() {
            let payloads = payloads(picture.codec, nal);
            let last = payloads.len() - 1;
            for (at, payload) in payloads.into_iter().enumerate() {
                let marker = match mark {
                    Mark::Picture => at == last && at_nal == last_nal,
                    Mark::Slice => at == last && picture.codec.is_slice(nal),
                    Mark::NalUnit => at == last,
                    Mark::Packet => true,
                    Mark::Never => false,
                };
                out.push(Rtp {
                    of,
                    marker,
                    payload_type: 96,
                    sequence,
                    timestamp: 4_294_900_000_u32.wrapping_add(of as u32 * 3600),
                    ssrc: 0x1234_5678,
                    payload,
                    at: Duration::from_millis(1_000 + of as u64 * 40),
                });
                sequence = sequence.wrapping_add(1);
            }
        }
    }
    out
}

/// What a receiver made of it.
#[derive(Debug, Default)]
pub(crate) struct Received {
    pub(crate) tracks: Vec<Vec<Track>>,
    pub(crate) units: Vec<AccessUnit>,
    pub(crate) metadata: Vec<Metadata>,
    pub(crate) deviations: Vec<Deviation>,
    pub(crate) is_ended: bool,
    /// In the order of events: `T`racks, access `U`nits.
    pub(crate) order: String,
}

impl Received {
    pub(crate) fn take(&mut self, receiver: &mut Receiver) {
        while let Some(event) = receiver.poll() {
            match event {
                MediaEvent::Tracks(tracks) => {
                    self.order.push('T');
                    self.tracks.push(tracks);
                }
                MediaEvent::AccessUnit(unit) => {
                    self.order.push('U');
                    self.units.push(unit);
                }
                MediaEvent::Metadata(metadata) => self.metadata.push(metadata),
                MediaEvent::Deviation(deviation) => self.deviations.push(deviation),
                MediaEvent::VideoEnded => self.is_ended = true,
            }
        }
    }

    pub(crate) fn data(&self) -> Vec<Vec<u8>> {
        self.units.iter().map(|unit| unit.data.to_bytes().to_vec()).collect()
    }

    pub(crate) fn lost(&self) -> u32 {
        self.units.iter().map(|unit| unit.packets_lost).sum()
    }
}

pub(crate) fn receive(
    format: &MediaFormat,
    transport: Transport,
    packets: impl IntoIterator<Item = (Duration, Vec<u8>)>,
) -> Received {
    let mut receiver = Receiver::new(Limits::default());
    receiver.add_track(0, format, transport, 1).unwrap();
    let mut received = Received::default();
    for (at, packet) in packets {
        if receiver.next_deadline().is_some_and(|deadline| deadline < at) {
            receiver.timeout(at);
            received.take(&mut receiver);
        }
        receiver.rtp(0, Bytes::from(packet), at);
        received.take(&mut receiver);
    }
    receiver.finish();
    received.take(&mut receiver);
    received
}

pub(crate) fn receive_all(format: &MediaFormat, transport: Transport, packets: &[Rtp]) -> Received {
    receive(format, transport, packets.iter().map(|packet| (packet.at, packet.to_bytes())))
}

/// Receives payloads of a video over TCP: (picture, marker, payload).
pub(crate) fn receive_payloads(
    codec: Codec,
    fmtp: &[(&str, &str)],
    payloads: &[(u32, bool, Vec<u8>)],
) -> Received {
    let packet = |(sequence, (of, marker, payload)): (u16, &(u32, bool, Vec<u8>))| Rtp {
        of: *of as usize,
        marker: *marker,
        payload_type: 96,
        sequence,
        timestamp: of * 3600,
        ssrc: 7,
        payload: payload.clone(),
        at: Duration::from_millis(u64::from(*of) * 40),
    };
    let packets: Vec<Rtp> = (0..).zip(payloads).map(packet).collect();
    receive_all(&codec.format(fmtp), Transport::Ordered, &packets)
}
