//! Writes fragments that were kept one by one into a file for people: one Segment of known size that starts at zero,
//! with a duration and Cues, so that every player can seek in it.
//!
//! Frames are copied as they are, in their blocks. Only the Clusters' timestamps are written anew. It never opens a
//! file: the caller writes what it gets, and at the end the few places that were not known before.

use std::collections::BTreeMap;

use super::reader::{DocumentHeader, ReadError};
use super::{ebml, ids};
use crate::{Timestamp, Track, TrackKind};

/// The epoch of `DateUTC`.
const YEAR_2001: Timestamp = Timestamp::from_millis(978_307_200_000);

/// From the date's eight bytes to the duration's: those eight, and an element head of three.
const DATE_BEFORE_DURATION: u64 = 11;

#[derive(Debug)]
pub struct FileWriter {
    tracks: Vec<Track>,
    timestamp_scale_ns: u64,
    /// The track that Cues refer to.
    cue_track: u64,
    /// Bytes of the file so far.
    position: u64,
    /// Where the Segment's data begins.
    segment_start: u64,
    duration_at: u64,
    cues_position_at: u64,
    /// What becomes zero: the time of the first frame.
    base: Option<Timestamp>,
    /// The last frame of each track, in milliseconds of the file.
    last_ms: BTreeMap<u64, i64>,
    duration_ms: i64,
    cues: Vec<Cue>,
}

#[derive(Clone, Copy, Debug)]
struct Cue {
    ticks: u64,
    position: u64,
}

/// What remains to be written when the last fragment is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileEnd {
    /// Behind the last fragment.
    pub tail: Vec<u8>,
    /// Over what was written before: offset and bytes.
    pub patches: Vec<(u64, Vec<u8>)>,
}

/// A block of a Cluster: where it is and which frames it has.
struct Block {
    /// With the head of its element, in the Cluster's bytes.
    range: std::ops::Range<usize>,
    track_number: u64,
    relative_ticks: i16,
    key_frame: bool,
}

impl FileWriter {
    /// A file with the tracks of `header`; gives how it begins.
    pub fn new(header: &DocumentHeader) -> Result<(Self, Vec<u8>), ReadError> {
        let tracks_element = find_tracks(&header.raw)?;
        let mut out = Vec::new();
        let mut body = Vec::new();
        ebml::put_uint(&mut body, ids::EBML_VERSION, 1);
        ebml::put_uint(&mut body, ids::EBML_READ_VERSION, 1);
        ebml::put_uint(&mut body, ids::EBML_MAX_ID_LENGTH, 4);
        ebml::put_uint(&mut body, ids::EBML_MAX_SIZE_LENGTH, 8);
        ebml::put_element(&mut body, ids::DOC_TYPE, b"matroska");
        ebml::put_uint(&mut body, ids::DOC_TYPE_VERSION, 4);
        ebml::put_uint(&mut body, ids::DOC_TYPE_READ_VERSION, 2);
        ebml::put_element(&mut out, ids::EBML, &body);
        ebml::put_id(&mut out, ids::SEGMENT);
        out.extend_from_slice(&fixed_size(0));
        let segment_start = out.len();

        let info = info(header.timestamp_scale_ns);
        let seek_head_bytes = seek_head([0; 3]).len();
        let info_at = seek_head_bytes;
        let tracks_at = info_at + info.len();
        out.extend(seek_head([info_at as u64, tracks_at as u64, 0]));
        let cues_position_at = out.len() - 8;
        out.extend_from_slice(&info);
        let duration_at = out.len() - 8;
        out.extend_from_slice(tracks_element);

        let cue_track = header.tracks.iter().find(|track| track.kind == TrackKind::Video);
        let cue_track = cue_track.or(header.tracks.first()).map_or(1, |track| track.number);
        let writer = Self {
            tracks: header.tracks.clone(),
            timestamp_scale_ns: header.timestamp_scale_ns.max(1),
            cue_track,
            position: out.len() as u64,
            segment_start: segment_start as u64,
            duration_at: duration_at as u64,
            cues_position_at: cues_position_at as u64,
            base: None,
            last_ms: BTreeMap::new(),
            duration_ms: 0,
            cues: Vec::new(),
        };
        Ok((writer, out))
    }

    /// Whether fragments of a document with this header can go into the file: its tracks are the same.
    pub fn accepts(&self, header: &DocumentHeader) -> bool {
        header.tracks == self.tracks && header.timestamp_scale_ns == self.timestamp_scale_ns
    }

    /// The next fragment, in the order of time, whose Cluster begins at `starts_at`; gives its Cluster for the file.
    ///
    /// Where a producer's clock was set back, so that a track would go backwards, the fragment follows the one before.
    pub fn fragment(
        &mut self,
        fragment: &[u8],
        starts_at: Timestamp,
        duration_ms: u32,
    ) -> Result<Vec<u8>, ReadError> {
        let blocks = blocks(fragment)?;
        let scale_ns = self.timestamp_scale_ns;
        let relative_ms = |block: &Block| ticks_to_ms(i64::from(block.relative_ticks), scale_ns);
        let earliest_ms = blocks.iter().map(relative_ms).min().unwrap_or(0);
        let base = *self.base.get_or_insert(starts_at.plus_millis(earliest_ms.min(0)));
        let mut start_ms = starts_at.millis_since(base).max(-earliest_ms.min(0));
        let mut first_ms: BTreeMap<u64, i64> = BTreeMap::new();
        for block in &blocks {
            let first = first_ms.entry(block.track_number).or_insert(i64::MAX);
            *first = (*first).min(relative_ms(block));
        }
        for (track_number, first) in first_ms {
            if let Some(last_ms) = self.last_ms.get(&track_number) {
                start_ms = start_ms.max(last_ms.saturating_add(1).saturating_sub(first));
            }
        }
        for block in &blocks {
            let at_ms = start_ms.saturating_add(relative_ms(block));
            let last_ms = self.last_ms.entry(block.track_number).or_insert(at_ms);
            *last_ms = (*last_ms).max(at_ms);
            self.duration_ms = self.duration_ms.max(at_ms);
        }
        self.duration_ms = self.duration_ms.max(start_ms.saturating_add(i64::from(duration_ms)));

        let ticks = self.ms_to_ticks(start_ms);
        let mut body = Vec::with_capacity(fragment.len());
        ebml::put_uint(&mut body, ids::TIMESTAMP, ticks);
        for block in &blocks {
            body.extend_from_slice(fragment.get(block.range.clone()).unwrap_or_default());
        }
        let first = blocks.iter().find(|block| block.track_number == self.cue_track);
        if self.cues.is_empty() || first.is_some_and(|block| block.key_frame) {
            let relative_ticks = first.map_or(0, |block| block.relative_ticks);
            let ticks = ticks.saturating_add_signed(i64::from(relative_ticks));
            let position = self.position - self.segment_start;
            self.cues.push(Cue { ticks, position });
        }
        let mut out = Vec::with_capacity(body.len() + 12);
        ebml::put_element(&mut out, ids::CLUSTER, &body);
        self.position += out.len() as u64;
        Ok(out)
    }

    pub fn finish(self) -> FileEnd {
        let mut tail = Vec::new();
        let mut patches = Vec::new();
        if !self.cues.is_empty() {
            let mut body = Vec::new();
            for cue in &self.cues {
                ebml::put_element(&mut body, ids::CUE_POINT, &cue_point(self.cue_track, *cue));
            }
            ebml::put_element(&mut tail, ids::CUES, &body);
            let position = self.position - self.segment_start;
            patches.push((self.cues_position_at, position.to_be_bytes().to_vec()));
        }
        let end = self.position + tail.len() as u64;
        patches.push((self.segment_start - 8, fixed_size(end - self.segment_start).to_vec()));
        let duration = self.ms_to_ticks(self.duration_ms) as f64;
        patches.push((self.duration_at, duration.to_be_bytes().to_vec()));
        if let Some(base) = self.base {
            let date_ns = base.millis_since(YEAR_2001).saturating_mul(1_000_000);
            patches.push((self.duration_at - DATE_BEFORE_DURATION, date_ns.to_be_bytes().to_vec()));
        }
        FileEnd { tail, patches }
    }

    fn ms_to_ticks(&self, ms: i64) -> u64 {
        let ns = i128::from(ms.max(0)) * 1_000_000;
        u64::try_from(ns / i128::from(self.timestamp_scale_ns)).unwrap_or(0)
    }
}

fn ticks_to_ms(ticks: i64, scale_ns: u64) -> i64 {
    let ns = i128::from(ticks) * i128::from(scale_ns);
    i64::try_from(ns.div_euclid(1_000_000)).unwrap_or(0)
}

/// A size in eight bytes, whatever it is, so that it can be written later.
fn fixed_size(size_bytes: u64) -> [u8; 8] {
    ebml::coded_size(size_bytes, 8).to_be_bytes()
}

/// Where Info, Tracks and Cues are; the position of Cues comes last. Its length does not depend on them.
fn seek_head(positions: [u64; 3]) -> Vec<u8> {
    let mut body = Vec::new();
    for (id, position) in [ids::INFO, ids::TRACKS, ids::CUES].into_iter().zip(positions) {
        let mut seek = Vec::new();
        ebml::put_element(&mut seek, ids::SEEK_ID, &id.to_be_bytes());
        ebml::put_element(&mut seek, ids::SEEK_POSITION, &position.to_be_bytes());
        ebml::put_element(&mut body, ids::SEEK, &seek);
    }
    let mut out = Vec::new();
    ebml::put_element(&mut out, ids::SEEK_HEAD, &body);
    out
}

/// Info; its last eight bytes are the duration, and [`DATE_BEFORE_DURATION`] before them is the date.
fn info(timestamp_scale_ns: u64) -> Vec<u8> {
    let mut body = Vec::new();
    ebml::put_uint(&mut body, ids::TIMESTAMP_SCALE, timestamp_scale_ns);
    ebml::put_element(&mut body, ids::MUXING_APP, b"Vigie");
    ebml::put_element(&mut body, ids::WRITING_APP, b"Vigie");
    ebml::put_element(&mut body, ids::DATE_UTC, &0i64.to_be_bytes());
    ebml::put_element(&mut body, ids::DURATION, &0f64.to_be_bytes());
    let mut out = Vec::new();
    ebml::put_element(&mut out, ids::INFO, &body);
    out
}

fn cue_point(track_number: u64, cue: Cue) -> Vec<u8> {
    let mut positions = Vec::new();
    ebml::put_uint(&mut positions, ids::CUE_TRACK, track_number);
    ebml::put_uint(&mut positions, ids::CUE_CLUSTER_POSITION, cue.position);
    let mut point = Vec::new();
    ebml::put_uint(&mut point, ids::CUE_TIME, cue.ticks);
    ebml::put_element(&mut point, ids::CUE_TRACK_POSITIONS, &positions);
    point
}

/// The Tracks element of a document header, verbatim.
fn find_tracks(raw: &[u8]) -> Result<&[u8], ReadError> {
    let mut at = 0;
    while at < raw.len() {
        let head = head_at(raw, at)?;
        let data = at + head.head_bytes;
        if head.id == ids::SEGMENT {
            at = data;
            continue;
        }
        let end = end_of(raw, at, head)?;
        if head.id == ids::TRACKS {
            return Ok(&raw[at..end]);
        }
        at = end;
    }
    Err(ReadError::Truncated { offset: raw.len() as u64 })
}

/// The blocks of a fragment's Cluster. What else is in it and the Tags behind it are left out.
fn blocks(fragment: &[u8]) -> Result<Vec<Block>, ReadError> {
    let mut blocks = Vec::new();
    let mut at = 0;
    while at < fragment.len() {
        let head = head_at(fragment, at)?;
        let data = at + head.head_bytes;
        if head.id == ids::CLUSTER {
            at = data;
            continue;
        }
        let end = end_of(fragment, at, head)?;
        let ebml = |reason| ReadError::Ebml { offset: at as u64, reason };
        let mut block_data = None;
        let mut key_frame = None;
        match head.id {
            ids::SIMPLE_BLOCK => block_data = fragment.get(data..end),
            ids::BLOCK_GROUP => {
                key_frame = Some(true);
                for child in ebml::children(&fragment[data..end]) {
                    match child.map_err(ebml)? {
                        (ids::BLOCK, value) => block_data = Some(value),
                        (ids::REFERENCE_BLOCK, _) => key_frame = Some(false),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
        if let Some(block) = block_data {
            let (track_number, length) = ebml::vint(block)
                .map_err(ebml)?
                .ok_or(ReadError::Truncated { offset: at as u64 })?;
            let Some(&[high, low, flags]) = block.get(length..length + 3) else {
                return Err(ReadError::Truncated { offset: at as u64 });
            };
            blocks.push(Block {
                range: at..end,
                track_number,
                relative_ticks: i16::from_be_bytes([high, low]),
                key_frame: key_frame.unwrap_or(flags & 0x80 != 0),
            });
        }
        at = end;
    }
    Ok(blocks)
}

fn head_at(bytes: &[u8], at: usize) -> Result<ebml::ElementHead, ReadError> {
    let offset = at as u64;
    ebml::element_head(&bytes[at..])
        .map_err(|reason| ReadError::Ebml { offset, reason })?
        .ok_or(ReadError::Truncated { offset })
}

fn end_of(bytes: &[u8], at: usize, head: ebml::ElementHead) -> Result<usize, ReadError> {
    let offset = at as u64;
    let reason = ebml::EbmlError::UnknownSize;
    let size = head.size_bytes.ok_or(ReadError::Ebml { offset, reason })?;
    let end = usize::try_from(size).ok().and_then(|size| size.checked_add(at + head.head_bytes));
    end.filter(|&end| end <= bytes.len()).ok_or(ReadError::Truncated { offset })
}

#[cfg(test)]
mod tests;
