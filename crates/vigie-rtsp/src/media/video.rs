//! RTP payloads of H.264 (RFC 6184) and H.265 (RFC 7798) to NAL units.
//!
//! Takes single NAL units, aggregates (STAP-A, AP) and fragments (FU-A, FU); a slice in fragments stays where it was
//! received. Fragments without their first or last one are dropped; reserved bits are not looked at. The interleaved
//! mode of H.264 and decoding order numbers of H.265, which no camera was seen to send, are not read.
//!
//! Some cameras put a piece of an Annex B byte stream where one NAL unit belongs: parameter sets and the slice behind
//! them, with start codes between. No NAL unit holds a start code, so looking for them is always right, but not for
//! nothing. They are looked for in everything that is no slice, in all of the first [`LOOK_INTO_PICTURES`] pictures, and
//! from then on in all of a camera's that was seen to do it.

use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use vigie_media::Track;
use vigie_media::codec::nal;
use vigie_media::codec::nal_kind::NalKind;

use super::access_unit::Assembly;
use super::clock::Clock;
use super::order::InOrder;
use super::parameter_sets::ParameterSets;
use super::video_codec::VideoCodec;
use super::{Out, Produced};
use crate::Deviation;
use crate::format::MediaFormat;

/// Pictures of a session that are looked into for start codes.
const LOOK_INTO_PICTURES: u64 = 8;
/// RFC 6184 section 8.2.1, RFC 7798 section 7.1.
const CLOCK_RATE_HZ: u32 = 90_000;

const H264_STAP_A: u8 = 24;
const H264_FU_A: u8 = 28;
const H265_AP: u8 = 48;
const H265_FU: u8 = 49;
const FU_START: u8 = 0x80;
const FU_END: u8 = 0x40;

/// A NAL unit that comes in fragments.
#[derive(Debug)]
enum Fragments {
    /// A slice, in place in the access unit.
    Slice(u8),
    /// Anything else, in one piece of our own.
    Collected(u8, BytesMut),
    /// It is not wanted.
    Dropped(u8),
}

/// One video track.
#[derive(Debug)]
pub(super) struct Video {
    codec: VideoCodec,
    bytes_max: usize,
    assembly: Assembly,
    fragments: Option<Fragments>,
    has_start_codes: bool,
    /// A NAL unit began since the session did.
    has_begun: bool,
}

impl Video {
    pub(super) fn new(
        codec: VideoCodec,
        track_number: u64,
        bytes_max: usize,
        format: &MediaFormat,
    ) -> Self {
        let clock = Clock::new(format.clock_rate_hz, CLOCK_RATE_HZ);
        let sets = ParameterSets::new(codec, track_number, format);
        Self {
            codec,
            bytes_max,
            assembly: Assembly::new(codec, track_number, bytes_max, clock, sets),
            fragments: None,
            has_start_codes: false,
            has_begun: false,
        }
    }

    pub(super) const fn clock(&mut self) -> &mut Clock {
        self.assembly.clock()
    }

    /// See [`super::parts::Parts::detach`].
    pub(super) fn detach(&mut self) {
        self.assembly.detach();
    }

    pub(super) const fn track(&self) -> Option<&Track> {
        self.assembly.track()
    }

    /// Takes a packet in.
    pub(super) fn packet(&mut self, next: InOrder, began: Duration, out: &mut Out) {
        // Nothing to take: some cameras send empty packets between pictures.
        if next.packet.payload.is_empty() && next.lost_before == 0 && self.fragments.is_none() {
            out.push_back(Produced::Deviation(Deviation::BadRtpPacket));
            return;
        }
        let goes_on = self.assembly.begin_packet(&next, began, out);
        if !goes_on && next.lost_before > 0 {
            self.drop_fragments();
        } else if !goes_on {
            self.abandon_fragments(out);
        }
        match self.codec {
            VideoCodec::H264 => self.h264(next.packet.payload, out),
            VideoCodec::H265 => self.h265(next.packet.payload, out),
        }
        self.assembly.end_packet(next.packet.marker, out);
    }

    /// A packet with a place in the order and nothing of this medium: inside a NAL unit it may be a part of it.
    pub(super) fn passed_over(&mut self, lost_before: u32) {
        let is_inside =
            matches!(self.fragments, Some(Fragments::Slice(_) | Fragments::Collected(..)));
        if lost_before > 0 || is_inside {
            self.drop_fragments();
            self.assembly.lose(lost_before.saturating_add(u32::from(is_inside)));
        }
    }

    /// Ends what is under way.
    pub(super) fn finish(&mut self, out: &mut Out) {
        self.drop_fragments();
        self.assembly.finish(out);
    }

    fn h264(&mut self, mut payload: Bytes, out: &mut Out) {
        match payload.first().map(|header| header & 0x1F) {
            Some(0..=23) => self.nal(payload, out),
            Some(H264_STAP_A) => self.aggregate(&payload, 1, out),
            Some(H264_FU_A) => {
                let &[indicator, fu, ..] = &payload[..] else { return self.bad(out) };
                let header = indicator & 0xE0 | fu & 0x1F;
                payload.advance(2);
                self.fragment(&[header], fu & 0x1F, fu, payload, out);
            }
            _ => self.bad(out),
        }
    }

    fn h265(&mut self, mut payload: Bytes, out: &mut Out) {
        match payload.first().map(|header| header >> 1 & 0x3F) {
            Some(0..=47) => self.nal(payload, out),
            Some(H265_AP) => self.aggregate(&payload, 2, out),
            Some(H265_FU) => {
                let &[high, low, fu, ..] = &payload[..] else { return self.bad(out) };
                let header = [high & 0x81 | (fu & 0x3F) << 1, low];
                payload.advance(3);
                self.fragment(&header, fu & 0x3F, fu, payload, out);
            }
            _ => self.bad(out),
        }
    }

    /// NAL units behind a length of 16 bits each (RFC 6184 section 5.7.1, RFC 7798 section 4.4.2).
    fn aggregate(&mut self, payload: &Bytes, header_bytes: usize, out: &mut Out) {
        let mut at = header_bytes.min(payload.len());
        let mut has_any = false;
        while let Some(&[high, low]) = payload.get(at..at + 2).and_then(|len| len.first_chunk()) {
            let start = at + 2;
            at = start + usize::from(u16::from_be_bytes([high, low]));
            if at > payload.len() {
                return self.bad(out);
            }
            // Zeros behind the last one were seen.
            if at > start {
                self.nal(payload.slice(start..at), out);
                has_any = true;
            }
        }
        if !has_any {
            self.bad(out);
        }
    }

    /// A NAL unit, or several with start codes.
    fn nal(&mut self, unit: Bytes, out: &mut Out) {
        self.abandon_fragments(out);
        if is_aggregate_type(self.codec, &unit) {
            return self.bad(out);
        }
        if self.is_to_be_looked_into(self.codec.kind(&unit)) && self.split(&unit, out) {
            return;
        }
        self.has_begun = true;
        self.assembly.push(unit, out);
    }

    fn is_to_be_looked_into(&self, kind: Option<NalKind>) -> bool {
        self.has_start_codes
            || self.assembly.pictures() < LOOK_INTO_PICTURES
            || !matches!(kind, Some(NalKind::Slice { .. }))
    }

    /// Takes in the NAL units between start codes; `false` when there is no start code.
    fn split(&mut self, unit: &Bytes, out: &mut Out) -> bool {
        let Some(at) = nal::find_start_code(unit) else { return false };
        if !std::mem::replace(&mut self.has_start_codes, true) {
            out.push_back(Produced::Deviation(Deviation::StartCodes));
        }
        let (first, rest) = unit.split_at(at);
        let first_bytes = first.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        let first = first.get(..first_bytes).filter(|first| !first.is_empty());
        for nal in first.into_iter().chain(nal::annex_b(rest)) {
            self.has_begun = true;
            self.assembly.push(unit.slice_ref(nal), out);
        }
        true
    }

    /// A fragment (RFC 6184 section 5.8, RFC 7798 section 4.4.3) of a NAL unit with this header. That start and end are
    /// in one packet is forbidden, and harmless.
    fn fragment(&mut self, header: &[u8], nal_type: u8, fu: u8, data: Bytes, out: &mut Out) {
        if fu & FU_START != 0 {
            self.abandon_fragments(out);
            self.first_fragment(header, nal_type, data, out);
        } else {
            self.next_fragment(nal_type, data, out);
        }
        if fu & FU_END != 0 {
            self.last_fragment(out);
        }
    }

    fn first_fragment(&mut self, header: &[u8], nal_type: u8, data: Bytes, out: &mut Out) {
        let mut start = [0; 3];
        start.iter_mut().zip(header.iter().chain(&data[..])).for_each(|(to, from)| *to = *from);
        let start_bytes = start.len().min(header.len() + data.len());
        let kind = self.codec.kind(start.get(..start_bytes).unwrap_or_default());
        let is_start_code = header.iter().all(|&byte| byte == 0);
        self.fragments = Some(match kind {
            Some(NalKind::Slice { first, key_frame }) if !self.is_to_be_looked_into(kind) => {
                match self.assembly.open_slice(header, (first, key_frame), data, out) {
                    true => Fragments::Slice(nal_type),
                    false => {
                        self.assembly.lose(1);
                        Fragments::Dropped(nal_type)
                    }
                }
            }
            None if !is_start_code => {
                self.bad(out);
                Fragments::Dropped(nal_type)
            }
            _ => {
                let mut unit = BytesMut::with_capacity(header.len() + data.len());
                unit.extend_from_slice(header);
                unit.extend_from_slice(&data);
                Fragments::Collected(nal_type, unit)
            }
        });
        self.has_begun = true;
    }

    fn next_fragment(&mut self, nal_type: u8, data: Bytes, out: &mut Out) {
        match &mut self.fragments {
            Some(Fragments::Slice(of)) if *of == nal_type => {
                self.assembly.continue_slice(data, out);
            }
            Some(Fragments::Collected(of, unit)) if *of == nal_type => {
                if unit.len() + data.len() > self.bytes_max {
                    self.fragments = Some(Fragments::Dropped(nal_type));
                    out.push_back(Produced::Deviation(Deviation::AccessUnitTooLarge));
                    self.assembly.lose(1);
                } else {
                    unit.extend_from_slice(&data);
                }
            }
            Some(Fragments::Dropped(of)) if *of == nal_type => self.assembly.lose(1),
            // The session begins inside a NAL unit.
            None if !self.has_begun => {}
            _ => {
                // Without its beginning, or of another one than the last.
                self.drop_fragments();
                self.bad(out);
            }
        }
    }

    fn last_fragment(&mut self, out: &mut Out) {
        match self.fragments.take() {
            Some(Fragments::Slice(_)) => self.assembly.close_slice(),
            Some(Fragments::Collected(_, unit)) => self.nal(unit.freeze(), out),
            Some(Fragments::Dropped(_)) | None => {}
        }
    }

    /// Something else came where fragments had to go on.
    fn abandon_fragments(&mut self, out: &mut Out) {
        // Those that were not wanted are counted already.
        let is_wanted = !matches!(self.fragments, None | Some(Fragments::Dropped(_)));
        self.drop_fragments();
        if is_wanted {
            self.bad(out);
        }
    }

    fn drop_fragments(&mut self) {
        self.fragments = None;
        self.assembly.drop_open_slice();
    }

    fn bad(&mut self, out: &mut Out) {
        if matches!(self.fragments, Some(Fragments::Slice(_) | Fragments::Collected(..))) {
            self.drop_fragments();
        }
        self.assembly.lose(1);
        out.push_back(Produced::Deviation(Deviation::BadRtpPacket));
    }
}

/// Types that stand for RTP structures and never for a NAL unit, also not inside an aggregate.
fn is_aggregate_type(codec: VideoCodec, unit: &[u8]) -> bool {
    match codec {
        VideoCodec::H264 => unit.first().is_none_or(|header| header & 0x1F > 23),
        VideoCodec::H265 => {
            unit.first().is_none_or(|header| (48..=50).contains(&(header >> 1 & 0x3F)))
        }
    }
}
