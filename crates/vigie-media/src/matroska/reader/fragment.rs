//! A fragment: what is counted while it is read, and what comes out at its end.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::block::Block;
use super::header::DocumentHeader;
use super::tags::Tag;
use crate::TrackKind;

/// A whole fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// Where its Cluster begins in the input.
    pub offset: u64,
    /// The Cluster and the Tags elements that belong to it, as they came. Tags that came before the Cluster,
    /// after the end of the former fragment had been marked, stand right after the Cluster: the bytes always
    /// begin with a Cluster, and read again they give the same fragment.
    pub bytes: Bytes,
    /// CRC-32C of `bytes`. Summed as they come, while the processor's caches hold them.
    pub crc32c: u32,
    /// The Cluster's timestamp in the document's own time base.
    pub timecode_ms: i64,
    /// From the first frame to the last one plus one frame interval, of the first video track if there is one.
    pub duration_ms: i64,
    /// Frames of all tracks.
    pub frame_count: u32,
    /// Declared tracks of which the fragment holds no frame.
    pub tracks_without_frames: Vec<u64>,
    /// Tags in order, without the mark of the fragment's end.
    pub tags: Vec<Tag>,
}

/// One frame as it is found. Offsets count from the first byte of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameEntry {
    /// A declared track.
    pub track_number: u64,
    /// Presentation time in the document's own time base.
    pub timecode_ms: i64,
    /// Whether decoding can start here; always of audio (producers leave the flag out there).
    pub key_frame: bool,
    /// Length of the frame's data in bytes.
    pub size_bytes: u32,
    /// Where the frame's data begins.
    pub data_offset: u64,
    /// Where the block that holds the frame ends: cut there, the fragment is whole up to this frame.
    pub end_offset: u64,
}

/// A fragment while it is read.
#[derive(Debug)]
pub(super) struct OpenFragment {
    /// Once it has been read.
    pub(super) timestamp: Option<ClusterTimestamp>,
    /// Where the Cluster's data ends in the buffer; `None` for an unknown size.
    pub(super) cluster_end: Option<usize>,
    /// Where the last whole element ends in the buffer.
    pub(super) whole_end: usize,
    /// CRC-32C of what stands before that.
    crc32c: u32,
    pub(super) frame_count: u32,
    pub(super) tags: Vec<Tag>,
    /// Where the Cluster ended in the buffer, once it has.
    pub(super) tags_start: Option<usize>,
    /// Tags elements that came before the Cluster.
    early_bytes: Vec<u8>,
    tracks: Vec<TrackSpan>,
}

/// Tags that came while no fragment was open.
#[derive(Debug, Default)]
pub(super) struct EarlyTags {
    pub(super) tags: Vec<Tag>,
    /// The elements they came in.
    pub(super) bytes: Vec<u8>,
}

/// A Cluster's timestamp as it is written and as it counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClusterTimestamp {
    pub(super) ticks: u64,
    pub(super) timecode_ms: i64,
}

/// What the duration needs to know of a track's frames.
#[derive(Debug)]
struct TrackSpan {
    track_number: u64,
    first_ms: i64,
    last_ms: i64,
    frame_count: u32,
    /// `BlockDuration` of the last block, for one frame.
    block_duration_ms: Option<i64>,
}

impl OpenFragment {
    /// `head` are the Cluster's id and size.
    pub(super) fn new(cluster_end: Option<usize>, head: &[u8], early: EarlyTags) -> Self {
        Self {
            timestamp: None,
            cluster_end,
            whole_end: head.len(),
            crc32c: crc32c::crc32c(head),
            frame_count: 0,
            tags: early.tags,
            tags_start: None,
            early_bytes: early.bytes,
            tracks: Vec::new(),
        }
    }

    /// An element has come whole.
    pub(super) fn pass(&mut self, element: &[u8]) {
        self.whole_end += element.len();
        self.crc32c = crc32c::crc32c_append(self.crc32c, element);
    }

    pub(super) fn note_frame(
        &mut self,
        track_number: u64,
        at_ms: i64,
        block_duration_ms: Option<i64>,
    ) {
        self.frame_count = self.frame_count.saturating_add(1);
        let span = match self.tracks.iter_mut().position(|span| span.track_number == track_number) {
            Some(index) => &mut self.tracks[index],
            None => {
                self.tracks.push(TrackSpan {
                    track_number,
                    first_ms: at_ms,
                    last_ms: at_ms,
                    frame_count: 0,
                    block_duration_ms: None,
                });
                let last = self.tracks.len() - 1;
                &mut self.tracks[last]
            }
        };
        span.frame_count = span.frame_count.saturating_add(1);
        span.first_ms = span.first_ms.min(at_ms);
        if at_ms >= span.last_ms {
            span.last_ms = at_ms;
            span.block_duration_ms = block_duration_ms;
        }
    }

    /// The fragment, once its `input` is cut off the buffer. `intervals_ms` remembers each track's frame interval for a later
    /// fragment of a single frame.
    pub(super) fn finish(
        self,
        offset: u64,
        input: Bytes,
        header: &DocumentHeader,
        intervals_ms: &mut BTreeMap<u64, i64>,
    ) -> Fragment {
        for span in &self.tracks {
            if let Some(interval_ms) = span.mean_interval_ms() {
                intervals_ms.insert(span.track_number, interval_ms);
            }
        }
        let has_frames = |number| self.tracks.iter().any(|span| span.track_number == number);
        let numbers = header.tracks.iter().map(|track| track.number);
        let (bytes, crc32c) = match self.with_early_tags(&input) {
            Some(bytes) => {
                let crc32c = crc32c::crc32c(&bytes);
                (bytes, crc32c)
            }
            None => (input, self.crc32c),
        };
        Fragment {
            offset,
            bytes,
            crc32c,
            // Both callers know that it is there; frames cannot precede it.
            timecode_ms: self.timestamp.map_or(0, |timestamp| timestamp.timecode_ms),
            duration_ms: self.duration_ms(header, intervals_ms),
            frame_count: self.frame_count,
            tracks_without_frames: numbers.filter(|&number| !has_frames(number)).collect(),
            tags: self.tags,
        }
    }

    /// The only case in which a fragment is copied, and a rare one.
    fn with_early_tags(&self, input: &[u8]) -> Option<Bytes> {
        if self.early_bytes.is_empty() {
            return None;
        }
        let (cluster, tags) = input.split_at(self.tags_start.unwrap_or(input.len()));
        Some(Bytes::from([cluster, &self.early_bytes, tags].concat()))
    }

    /// Video decides where the next fragment begins, so its span is the fragment's; other tracks count only
    /// where they reach further even without their last frame's own length.
    fn duration_ms(&self, header: &DocumentHeader, intervals_ms: &BTreeMap<u64, i64>) -> i64 {
        let is_video = |span: &&TrackSpan| {
            header.track(span.track_number).is_some_and(|track| track.kind == TrackKind::Video)
        };
        let Some(lead) = self.tracks.iter().find(is_video).or(self.tracks.first()) else {
            return 0;
        };
        let default_duration_ms = || {
            let duration_ns = *header.default_durations_ns.get(&lead.track_number)?;
            i64::try_from(duration_ns.saturating_add(500_000) / 1_000_000).ok()
        };
        let interval_ms = lead
            .block_duration_ms
            .or_else(default_duration_ms)
            .or_else(|| intervals_ms.get(&lead.track_number).copied())
            .unwrap_or(0);
        let lead_end_ms = lead.last_ms.saturating_add(interval_ms);
        let last_ms = self.tracks.iter().map(|span| span.last_ms).max().unwrap_or(lead_end_ms);
        lead_end_ms.max(last_ms).saturating_sub(lead.first_ms)
    }
}

impl TrackSpan {
    fn mean_interval_ms(&self) -> Option<i64> {
        let intervals = i64::from(self.frame_count) - 1;
        let span_ms = self.last_ms.saturating_sub(self.first_ms);
        (intervals > 0).then(|| span_ms.saturating_add(intervals / 2) / intervals)
    }
}

/// When each frame of a block is shown, and how long each lasts if the document says so.
///
/// The frames of a laced block are one track frame apart (RFC 9559 §10.3).
pub(super) struct BlockTimes {
    first_ms: i64,
    step_ns: u64,
    /// `BlockDuration` divided by the number of frames.
    pub(super) frame_duration_ms: Option<i64>,
}

impl BlockTimes {
    /// `None` when the time is out of range.
    pub(super) fn new(block: &Block, cluster_ticks: u64, header: &DocumentHeader) -> Option<Self> {
        let first_ms =
            header.ticks_to_ms(i128::from(cluster_ticks) + i128::from(block.relative_ticks))?;
        let count = block.frames.ranges().len() as u64;
        let block_step_ns = match block.duration_ticks {
            Some(ticks) => Some(ticks.checked_mul(header.timestamp_scale_ns)? / count),
            None => None,
        };
        let default_ns = header.default_durations_ns.get(&block.track_number).copied();
        Some(Self {
            first_ms,
            step_ns: default_ns.or(block_step_ns).unwrap_or(0),
            frame_duration_ms: match block_step_ns {
                Some(step_ns) => Some(i64::try_from(step_ns / 1_000_000).ok()?),
                None => None,
            },
        })
    }

    pub(super) fn frame_ms(&self, index: usize) -> i64 {
        let offset_ms = self.step_ns.saturating_mul(index as u64) / 1_000_000;
        self.first_ms.saturating_add(i64::try_from(offset_ms).unwrap_or(i64::MAX))
    }
}
