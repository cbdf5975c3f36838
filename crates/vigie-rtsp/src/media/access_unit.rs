//! From NAL units to access units of video.
//!
//! An access unit ends where the next begins: with another timestamp, or with a slice that begins another picture. The
//! marker bit ends it earlier, without the wait for the next packet, but only once it is known to be right: cameras
//! were seen to set it on each slice, on each packet, or never. So
//!
//! - the first pictures of a session are held until the next begins, until [`Markers`] says that the marker is right.
//!   From then on it ends the picture at once.
//! - A marker behind which the same picture goes on is never believed again in the session. Where the pictures before
//!   had shown no sign of it, that one picture loses the slices behind the marker.
//! - Two pictures with one timestamp are two access units; two fields of a frame, or slices sent again, are one.
//! - What stands before the first slice belongs to the picture that follows, whatever its timestamp.
//!
//! A NAL unit with a hole is dropped; a picture of which a slice is whole is given out, with what is lost counted.

use std::time::Duration;

use bytes::Bytes;
use vigie_media::Track;
use vigie_media::codec::h264_slice;
use vigie_media::codec::nal_kind::NalKind;

use super::clock::Clock;
use super::markers::Markers;
use super::order::InOrder;
use super::parameter_sets::{ParameterSets, SET_BYTES_MAX};
use super::parts::{Arena, Parts, TooLarge};
use super::video_codec::VideoCodec;
use super::{Out, Produced};
use crate::Deviation;
use crate::output::AccessUnit;

/// NAL units of one access unit. Level 6.2 of H.265 allows 600 slices.
const NAL_UNITS_MAX: u32 = 4096;
/// What stands before a picture that does not come is kept up to this.
const PREFIX_BYTES_MAX: usize = 64 * 1024;
const PREFIX_NAL_UNITS_MAX: u32 = 64;
/// Parameter sets of one access unit.
const SETS_MAX: usize = 300;
/// No more is allocated before it is needed.
const PARTS_EXPECTED_MAX: usize = 128;

/// Why an access unit ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Marker,
    NextBegins,
}

/// Puts the access units of one track together.
#[derive(Debug)]
pub(super) struct Assembly {
    codec: VideoCodec,
    track_number: u64,
    bytes_max: usize,
    clock: Clock,
    sets: ParameterSets,
    unit: Unit,
    /// A slice whose fragments come.
    open: Option<OpenSlice>,
    arena: Arena,
    markers: Markers,
    /// The timestamp of the access unit that a marker ended last.
    ended_timestamp: Option<u32>,
    /// Packets lost since the last access unit.
    lost: u32,
    /// Pictures that ended, whole or not.
    pictures: u64,
    /// Parts of the last access unit, as many as the next will have.
    parts_expected: usize,
}

#[derive(Debug, Default)]
struct Unit {
    /// `None` until its first packet.
    time: Option<UnitTime>,
    arrival: Duration,
    parts: Parts,
    nal_units: u32,
    sets: Vec<Bytes>,
    /// The beginning of the first slice that came; empty without one.
    slice: SliceStart,
    whole_slices: u32,
    key_frame: bool,
    /// What came behind the last slice and may belong to the next picture.
    tail: Option<Tail>,
    /// A marker came last, and no slice since.
    is_marked: bool,
    is_too_large: bool,
    /// That was said: at its first packet, for it may have no last one.
    is_said_too_large: bool,
}

#[derive(Clone, Copy, Debug)]
struct UnitTime {
    timestamp: u32,
    ticks: i64,
}

#[derive(Clone, Copy, Debug)]
struct Tail {
    parts: usize,
    nal_units: u32,
    sets: usize,
    is_marked: bool,
}

#[derive(Debug)]
struct OpenSlice {
    /// Where its length and header go.
    at: usize,
    header: [u8; 2],
    key_frame: bool,
}

/// The first bytes of a slice.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SliceStart {
    bytes: [u8; h264_slice::HEADER_BYTES],
    len: usize,
}

impl SliceStart {
    pub(super) fn new(header: &[u8], data: &[u8]) -> Self {
        let mut start = Self::default();
        for (to, from) in start.bytes.iter_mut().zip(header.iter().chain(data)) {
            *to = *from;
            start.len += 1;
        }
        start
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl Unit {
    /// Whether a slice of it came, whole or not.
    const fn has_slice(&self) -> bool {
        self.slice.len > 0
    }

    /// Once for each that is.
    fn say_too_large(&mut self, out: &mut Out) {
        if !std::mem::replace(&mut self.is_said_too_large, true) {
            out.push_back(Produced::Deviation(Deviation::AccessUnitTooLarge));
        }
    }
}

impl Assembly {
    pub(super) fn new(
        codec: VideoCodec,
        track_number: u64,
        bytes_max: usize,
        clock: Clock,
        sets: ParameterSets,
    ) -> Self {
        Self {
            codec,
            track_number,
            bytes_max,
            clock,
            sets,
            unit: Unit::default(),
            open: None,
            arena: Arena::default(),
            markers: Markers::new(),
            ended_timestamp: None,
            lost: 0,
            pictures: 0,
            parts_expected: 0,
        }
    }

    pub(super) const fn clock(&mut self) -> &mut Clock {
        &mut self.clock
    }

    pub(super) const fn track(&self) -> Option<&Track> {
        self.sets.track()
    }

    pub(super) const fn pictures(&self) -> u64 {
        self.pictures
    }

    /// Counts packets as lost.
    pub(super) fn lose(&mut self, packets: u32) {
        self.lost = self.lost.saturating_add(packets);
    }

    /// A packet comes. Returns whether it goes on where the last one ended; a NAL unit in fragments ends otherwise.
    pub(super) fn begin_packet(&mut self, next: &InOrder, began: Duration, out: &mut Out) -> bool {
        let packet = &next.packet;
        let is_other_time = self.unit.time.is_some_and(|time| time.timestamp != packet.timestamp);
        if next.is_new_source {
            self.end(End::NextBegins, out);
            self.unit = Unit::default();
            self.clock.begin_source();
            self.ended_timestamp = None;
            self.lose(next.lost_before);
        } else if is_other_time && self.unit.has_slice() && self.unit.is_marked {
            // It came to its end: what is lost was the next one's.
            self.end(End::NextBegins, out);
            self.lose(next.lost_before);
        } else {
            self.lose(next.lost_before);
            if is_other_time && self.unit.has_slice() {
                self.end(End::NextBegins, out);
            } else if is_other_time {
                self.keep_prefix();
            }
        }
        let is_at = self.unit.time.is_some_and(|time| time.timestamp == packet.timestamp);
        if !is_at {
            let ticks = self.clock.ticks(packet.timestamp, packet.arrival, began);
            self.unit.time = Some(UnitTime { timestamp: packet.timestamp, ticks });
        }
        self.unit.arrival = packet.arrival;
        next.lost_before == 0 && !next.is_new_source && !is_other_time
    }

    /// All of a packet was taken in.
    pub(super) fn end_packet(&mut self, marker: bool, out: &mut Out) {
        if self.unit.is_too_large {
            self.lose(1);
            self.unit.say_too_large(out);
        }
        if !marker {
            return;
        }
        self.unit.is_marked = true;
        // A marker before the first slice ends nothing: some cameras set it on parameter sets.
        if !self.unit.has_slice() {
            return;
        }
        if let Some(tail) = &mut self.unit.tail {
            tail.is_marked = true;
        }
        if self.markers.are_believed() && self.open.is_none() {
            self.ended_timestamp = self.unit.time.map(|time| time.timestamp);
            self.end(End::Marker, out);
        }
    }

    /// Takes a whole NAL unit in.
    pub(super) fn push(&mut self, nal: Bytes, out: &mut Out) {
        match self.codec.kind(&nal) {
            None => {
                self.lose(1);
                out.push_back(Produced::Deviation(Deviation::BadRtpPacket));
            }
            Some(NalKind::ParameterSet(_)) if nal.len() > SET_BYTES_MAX => {
                out.push_back(Produced::Deviation(Deviation::BadParameterSet));
            }
            Some(NalKind::ParameterSet(_)) => {
                self.begin_tail();
                if self.unit.sets.len() < SETS_MAX && !self.unit.is_too_large {
                    // A copy: it holds no receive buffer, however many come.
                    self.unit.sets.push(self.arena.put([&nal, &[]]));
                }
            }
            Some(NalKind::Opens) => {
                self.begin_tail();
                self.append(nal);
            }
            // To a picture that is not there: behind a marker, or its slices were lost.
            Some(NalKind::Belongs) if !self.unit.has_slice() => {}
            Some(NalKind::Belongs) => self.append(nal),
            Some(NalKind::Slice { first, key_frame }) => {
                if self.begin_slice(SliceStart::new(&nal, &[]), first, out) {
                    self.unit.whole_slices += 1;
                    self.unit.key_frame |= key_frame;
                    self.append(nal);
                } else {
                    self.lose(1);
                }
            }
        }
    }

    /// The first fragment of a slice with this header. Returns whether the slice is wanted.
    pub(super) fn open_slice(
        &mut self,
        header: &[u8],
        (first, key_frame): (bool, bool),
        data: Bytes,
        out: &mut Out,
    ) -> bool {
        self.drop_open_slice();
        if !self.begin_slice(SliceStart::new(header, &data), first, out) {
            return false;
        }
        let mut kept = [0; 2];
        kept.iter_mut().zip(header).for_each(|(to, from)| *to = *from);
        self.unit.parts.expect(self.parts_expected);
        self.open = Some(OpenSlice { at: self.unit.parts.reserve(), header: kept, key_frame });
        self.continue_slice(data, out);
        true
    }

    /// The next fragment.
    pub(super) fn continue_slice(&mut self, data: Bytes, out: &mut Out) {
        if self.open.is_some() {
            self.slice_goes_on(out);
            let pushed = self.unit.parts.push(data, &mut self.arena, self.bytes_max);
            self.check(pushed);
        }
    }

    /// The last fragment was taken in.
    pub(super) fn close_slice(&mut self) {
        let Some(OpenSlice { at, header, key_frame }) = self.open.take() else { return };
        let header = header.get(..self.codec.header_bytes()).unwrap_or_default();
        let len = header.len() + self.unit.parts.bytes_from(at);
        let prefix = self.arena.put([&(len as u32).to_be_bytes(), header]);
        self.unit.parts.fill(at, prefix);
        self.unit.whole_slices += 1;
        self.unit.key_frame |= key_frame;
        self.count_nal_unit();
    }

    /// Drops the slice whose last fragment did not come.
    pub(super) fn drop_open_slice(&mut self) {
        if let Some(open) = self.open.take() {
            drop(self.unit.parts.split_off(open.at));
        }
    }

    /// See [`Parts::detach`].
    pub(super) fn detach(&mut self) {
        self.unit.parts.detach();
    }

    /// Ends what is under way. Nothing comes behind it that would tell whether all of it came: only a marker does, where
    /// markers are not known to be wrong.
    pub(super) fn finish(&mut self, out: &mut Out) {
        let is_whole = self.unit.is_marked && !self.markers.are_ignored() && self.open.is_none();
        if self.unit.has_slice() && !is_whole {
            self.lose(1);
        }
        self.end(End::NextBegins, out);
    }

    /// A slice begins: of this picture or of the next. Returns whether it is wanted.
    fn begin_slice(&mut self, start: SliceStart, first: bool, out: &mut Out) -> bool {
        if self.unit.has_slice() {
            if first && !self.is_same_frame(&start) {
                let (time, arrival) = (self.unit.time, self.unit.arrival);
                self.end(End::NextBegins, out);
                (self.unit.time, self.unit.arrival) = (time, arrival);
            }
        } else if !first
            && self.ended_timestamp.is_some()
            && self.unit.time.map(|time| time.timestamp) == self.ended_timestamp
        {
            // Of a picture that was given out at its marker.
            self.distrust(out);
            return false;
        }
        self.slice_goes_on(out);
        self.unit.tail = None;
        if !self.unit.has_slice() {
            self.unit.slice = start;
        }
        true
    }

    fn is_same_frame(&self, start: &SliceStart) -> bool {
        self.codec == VideoCodec::H264
            && self.sets.avc_config().is_some_and(|config| {
                h264_slice::is_same_frame(&config, self.unit.slice.bytes(), start.bytes())
            })
    }

    /// More of the picture came, so a marker before was wrong.
    fn slice_goes_on(&mut self, out: &mut Out) {
        if std::mem::take(&mut self.unit.is_marked) && self.unit.has_slice() {
            self.distrust(out);
        }
    }

    fn distrust(&mut self, out: &mut Out) {
        if self.markers.distrust() {
            out.push_back(Produced::Deviation(Deviation::Marker));
        }
    }

    /// What comes now stands before the slices of a picture: of the next, unless more slices of this one come.
    fn begin_tail(&mut self) {
        if self.unit.has_slice() && self.unit.tail.is_none() {
            self.unit.tail = Some(Tail {
                parts: self.unit.parts.len(),
                nal_units: self.unit.nal_units,
                sets: self.unit.sets.len(),
                is_marked: false,
            });
        }
    }

    /// Appends a whole NAL unit and its length.
    fn append(&mut self, nal: Bytes) {
        if self.unit.is_too_large {
            return;
        }
        self.unit.parts.expect(self.parts_expected);
        let length = self.arena.put([&(nal.len() as u32).to_be_bytes(), &[]]);
        let parts = &mut self.unit.parts;
        let bytes_max = self.bytes_max;
        let pushed = parts
            .append(length, bytes_max)
            .and_then(|()| parts.push(nal, &mut self.arena, bytes_max));
        self.check(pushed);
        self.count_nal_unit();
    }

    fn count_nal_unit(&mut self) {
        self.unit.nal_units += 1;
        let is_within = self.unit.nal_units <= NAL_UNITS_MAX;
        self.check(if is_within { Ok(()) } else { Err(TooLarge) });
    }

    /// Drops what there is of a unit that is too large; the rest of it is not kept either.
    fn check(&mut self, pushed: Result<(), TooLarge>) {
        if pushed.is_err() && !self.unit.is_too_large {
            self.unit.is_too_large = true;
            self.unit.parts = Parts::default();
            self.unit.sets = Vec::new();
            self.unit.tail = None;
            self.open = None;
        }
    }

    /// The timestamp changed before a slice came: what there is stands before the picture that comes now, unless its own
    /// was lost or the marker ended it.
    fn keep_prefix(&mut self) {
        let is_too_much = self.unit.parts.bytes() > PREFIX_BYTES_MAX
            || self.unit.nal_units > PREFIX_NAL_UNITS_MAX
            || self.unit.is_too_large;
        if self.lost > 0 || self.unit.is_marked || is_too_much {
            let sets = std::mem::take(&mut self.unit.sets);
            self.unit = Unit { sets, ..Unit::default() };
        }
    }

    /// Ends the access unit and gives it out.
    fn end(&mut self, end: End, out: &mut Out) {
        self.drop_open_slice();
        if !self.unit.has_slice() {
            return;
        }
        self.pictures += 1;
        // Where a packet was lost it may have had the marker.
        let says_something = self.unit.is_marked || self.lost == 0;
        if end == End::NextBegins
            && says_something
            && self.markers.ended(self.unit.is_marked, self.unit.key_frame)
        {
            out.push_back(Produced::Deviation(Deviation::Marker));
        }
        let next = self.split_tail(end);
        let mut unit = std::mem::replace(&mut self.unit, next);
        let applied = self.sets.apply(&unit.sets, unit.slice.bytes());
        for _ in 0..applied.bad {
            out.push_back(Produced::Deviation(Deviation::BadParameterSet));
        }
        if applied.stay_in_band {
            out.push_back(Produced::Deviation(Deviation::ParameterSetsChange));
        }
        if let Some(track) = self.sets.track().filter(|_| applied.is_another) {
            out.push_back(Produced::Track(track.clone()));
        }
        if unit.is_too_large {
            unit.say_too_large(out);
        } else if self.sets.track().is_none() {
            out.push_back(Produced::Deviation(Deviation::NoParameterSets));
        } else if unit.whole_slices > 0 {
            self.parts_expected = unit.parts.len().min(PARTS_EXPECTED_MAX);
            if unit.key_frame {
                self.bring_sets(&mut unit.parts);
            }
            out.push_back(Produced::AccessUnit(AccessUnit {
                track_number: self.track_number,
                media_us: self.clock.us(unit.time.map_or(0, |time| time.ticks)),
                arrival: unit.arrival,
                key_frame: unit.key_frame,
                packets_lost: std::mem::take(&mut self.lost),
                data: unit.parts.into_data(),
            }));
        }
    }

    /// Puts the parameter sets before a picture that needs them, behind its delimiter (H.264 section 7.4.1.2.3).
    fn bring_sets(&mut self, parts: &mut Parts) {
        let sets: Vec<Bytes> = self
            .sets
            .in_band()
            .map(|set| self.arena.put([&(set.len() as u32).to_be_bytes(), set]))
            .collect();
        if !sets.is_empty() {
            let codec = self.codec;
            parts.insert_behind(|nal| codec.is_delimiter(nal), sets);
        }
    }

    /// The next unit, with what came behind the last slice of this one and is not its own.
    fn split_tail(&mut self, end: End) -> Unit {
        let Some(tail) = self.unit.tail.take() else { return Unit::default() };
        let is_own = tail.is_marked && !self.markers.are_ignored();
        if end == End::Marker || is_own {
            return Unit::default();
        }
        let nal_units = self.unit.nal_units - tail.nal_units;
        self.unit.nal_units = tail.nal_units;
        Unit {
            time: self.unit.time,
            arrival: self.unit.arrival,
            parts: self.unit.parts.split_off(tail.parts),
            nal_units,
            sets: self.unit.sets.split_off(tail.sets.min(self.unit.sets.len())),
            ..Unit::default()
        }
    }
}
