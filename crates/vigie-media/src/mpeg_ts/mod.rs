//! MPEG transport stream (ISO/IEC 13818-1) for HLS: one segment for each stored fragment.
//!
//! A segment stands alone: it begins with PAT and PMT and its first picture comes with its parameter sets. Segments
//! made of one after another can nevertheless be joined: the packets of every elementary stream in a segment are a
//! multiple of 16, so that its continuity counter, which always begins at 0, goes on where the segment before it ended.
//! Like a media segment of [`crate::fmp4`], a segment depends on nothing that changes later.
//!
//! H.264 and H.265 as Annex B with access unit delimiters, AAC as ADTS. Frame data is copied once, into the packets.

mod elementary;
mod packet;
mod tables;

use bytes::Bytes;

use self::elementary::{AccessUnit, CLOCK_HZ, Elementary};
use self::packet::Packets;
use crate::fmp4::{Segment, SegmentPlace};
use crate::matroska::DocumentHeader;
use crate::sample::{SampleError, SampleTrack, Unreadable, fragment_samples};

/// MIME type of a segment.
pub const VIDEO_MP2T: &str = "video/mp2t";

/// How much before its decode time a picture's data arrives at the latest: half a second.
const ARRIVAL: i64 = CLOCK_HZ as i64 / 2;

/// Whether every one of these tracks can be carried; the error says which cannot.
pub fn check_tracks(tracks: &[SampleTrack]) -> Result<(), SampleError> {
    tracks.iter().try_for_each(|track| Elementary::new(track).map(drop))
}

/// The frames of `tracks` in a stored fragment (its Cluster and the Tags after it). The first of `tracks` carries the
/// clock. [`SegmentPlace::sequence_number`] is not used.
pub fn segment(
    tracks: &[SampleTrack],
    header: &DocumentHeader,
    fragment: Bytes,
    place: &SegmentPlace,
) -> Result<Segment, SampleError> {
    let streams = tracks.iter().map(Elementary::new).collect::<Result<Vec<_>, _>>()?;
    let fragment_bytes = fragment.len();
    let mut units: Vec<(usize, AccessUnit)> = Vec::new();
    for (index, samples) in
        fragment_samples(tracks, header, fragment, Unreadable::LeftOut)?.iter().enumerate()
    {
        let of = streams[index].access_units(samples, place)?;
        units.extend(of.into_iter().map(|unit| (index, unit)));
    }
    units.sort_by_key(|(_, unit)| unit.dts);
    let last_of = |index: usize| units.iter().rposition(|(of, _)| *of == index);
    let last: Vec<Option<usize>> = (0..streams.len()).map(last_of).collect();

    // About 3 % of headers, and the parameter sets.
    let mut packets = Packets::with_capacity(fragment_bytes + fragment_bytes / 16 + 16 * 1024);
    packets.table(tables::PAT_PID, &tables::program_association());
    packets.table(tables::PMT_PID, &tables::program_map(&streams));
    for (at, (index, unit)) in units.iter().enumerate() {
        let clock = (*index == 0).then(|| unit.dts.saturating_sub(ARRIVAL));
        let is_last = last[*index] == Some(at);
        packets.access_unit(tables::elementary_pid(*index), &streams[*index], unit, clock, is_last);
    }
    Ok(Segment { pieces: vec![packets.into_bytes()] })
}
