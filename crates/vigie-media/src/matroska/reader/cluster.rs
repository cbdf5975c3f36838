//! Inside a Cluster: its timestamp and its blocks.

use std::collections::VecDeque;

use super::block;
use super::error::ReadError;
use super::event::Event;
use super::fragment::{BlockTimes, ClusterTimestamp, FrameEntry, OpenFragment};
use super::header::DocumentHeader;
use super::input::Input;
use crate::TrackKind;
use crate::matroska::ebml::{self, EbmlError, ElementHead};
use crate::matroska::ids;

/// What reading inside a Cluster works on.
pub(super) struct Cluster<'a> {
    pub(super) input: &'a mut Input,
    pub(super) header: &'a DocumentHeader,
    pub(super) open: &'a mut OpenFragment,
    pub(super) events: &'a mut VecDeque<Event>,
}

/// How far one step inside a Cluster went.
pub(super) enum ClusterStep {
    /// An element was read.
    Again,
    /// The next element is not there whole.
    NeedMore,
    /// The next element is none of the Cluster.
    Left,
}

impl Cluster<'_> {
    /// Reads the next element. The Segment ends at `segment_end`, if that is known.
    pub(super) fn step(
        &mut self,
        segment_end: Option<u64>,
        fragment_bytes_max: usize,
    ) -> Result<ClusterStep, ReadError> {
        let cluster_end = self.open.cluster_end;
        if cluster_end.is_some_and(|end| self.input.cursor >= end) {
            return Ok(self.leave());
        }
        let segment_ended = segment_end.is_some_and(|end| self.input.position() >= end);
        if segment_ended && cluster_end.is_none() {
            return Ok(self.leave());
        }
        let Some(head) = self.input.head()? else { return Ok(ClusterStep::NeedMore) };
        if ids::ends_cluster(head.id) {
            if cluster_end.is_some() {
                let reason = "a Cluster holds an element that cannot stand in one";
                return Err(self.input.structure(reason));
            }
            return Ok(self.leave());
        }
        let Some(total) = self.input.fragment_element(head, fragment_bytes_max)? else {
            return Ok(ClusterStep::NeedMore);
        };
        let end = self.input.cursor + total;
        if cluster_end.is_some_and(|cluster_end| end > cluster_end) {
            return Err(self.input.ebml(EbmlError::ChildOverrun));
        }
        match head.id {
            ids::TIMESTAMP => self.read_timestamp(head, end)?,
            ids::SIMPLE_BLOCK | ids::BLOCK_GROUP => self.read_block(head, end)?,
            _ => {}
        }
        self.open.pass(self.input.advance(total));
        Ok(ClusterStep::Again)
    }

    fn leave(&mut self) -> ClusterStep {
        self.open.tags_start = Some(self.input.cursor);
        ClusterStep::Left
    }

    fn read_timestamp(&mut self, head: ElementHead, end: usize) -> Result<(), ReadError> {
        let ticks = ebml::uint(&self.input.buffer[self.input.cursor + head.head_bytes..end])
            .map_err(|error| self.input.ebml(error))?;
        let timecode_ms = self.header.ticks_to_ms(i128::from(ticks));
        let timecode_ms =
            timecode_ms.ok_or_else(|| self.input.structure("Timestamp is out of range"))?;
        if self.open.timestamp.replace(ClusterTimestamp { ticks, timecode_ms }).is_some() {
            return Err(self.input.structure("Cluster has two Timestamps"));
        }
        self.events.push_back(Event::FragmentStart { timecode_ms });
        self.events.extend(self.open.tags.iter().cloned().map(Event::Tag));
        Ok(())
    }

    fn read_block(&mut self, head: ElementHead, end: usize) -> Result<(), ReadError> {
        let start = self.input.cursor + head.head_bytes;
        let data = &self.input.buffer[start..end];
        let read = match head.id {
            ids::SIMPLE_BLOCK => block::simple_block(data).map(Some),
            _ => block::block_group(data),
        };
        let offset = self.input.position();
        let Some(block) = read.map_err(|error| error.at(offset))? else { return Ok(()) };
        let Some(ClusterTimestamp { ticks: cluster_ticks, .. }) = self.open.timestamp else {
            return Err(ReadError::Structure { offset, reason: "a block precedes the Timestamp" });
        };
        let Some(track) = self.header.track(block.track_number) else {
            return Err(ReadError::UnknownTrack { offset, track_number: block.track_number });
        };
        let times = BlockTimes::new(&block, cluster_ticks, self.header)
            .ok_or(ReadError::Structure { offset, reason: "block time is out of range" })?;
        for (index, range) in block.frames.ranges().iter().enumerate() {
            let timecode_ms = times.frame_ms(index);
            self.open.note_frame(block.track_number, timecode_ms, times.frame_duration_ms);
            self.events.push_back(Event::Frame(FrameEntry {
                track_number: block.track_number,
                timecode_ms,
                key_frame: block.key_frame || track.kind == TrackKind::Audio,
                size_bytes: range.len() as u32, // A fragment is far below 4 GiB.
                data_offset: self.input.offset + (start + range.start) as u64,
                end_offset: self.input.offset + end as u64,
            }));
        }
        Ok(())
    }
}
