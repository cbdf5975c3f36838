//! Inside a Cluster: its timestamp and its blocks.

use super::block;
use super::fragment::{BlockTimes, ClusterTimestamp};
use super::{Event, FragmentReader, FrameEntry, ReadError, State, Step};
use crate::TrackKind;
use crate::matroska::ebml::{self, EbmlError, ElementHead};
use crate::matroska::ids;

impl FragmentReader {
    pub(super) fn step_cluster(&mut self) -> Result<Step, ReadError> {
        let cluster_end = self.open.as_ref().and_then(|open| open.cluster_end);
        if cluster_end.is_some_and(|end| self.cursor >= end) {
            return Ok(self.leave_cluster());
        }
        let segment_ended = self.segment_end.is_some_and(|end| self.offset() >= end);
        if segment_ended && cluster_end.is_none() {
            return Ok(self.leave_cluster());
        }
        let Some(head) = self.head()? else { return Ok(Step::NeedMore) };
        if ids::ends_cluster(head.id) {
            if cluster_end.is_some() {
                return Err(self.structure("a Cluster holds an element that cannot stand in one"));
            }
            return Ok(self.leave_cluster());
        }
        let Some(total) = self.fragment_element(head)? else { return Ok(Step::NeedMore) };
        let end = self.cursor + total;
        if cluster_end.is_some_and(|cluster_end| end > cluster_end) {
            return Err(self.ebml(EbmlError::ChildOverrun));
        }
        match head.id {
            ids::TIMESTAMP => self.read_timestamp(head, end)?,
            ids::SIMPLE_BLOCK | ids::BLOCK_GROUP => self.read_block(head, end)?,
            _ => {}
        }
        self.advance_in_fragment(total);
        Ok(Step::Again)
    }

    fn leave_cluster(&mut self) -> Step {
        if let Some(open) = &mut self.open {
            open.tags_start = Some(self.cursor);
        }
        self.state = State::Segment;
        Step::Again
    }

    fn read_timestamp(&mut self, head: ElementHead, end: usize) -> Result<(), ReadError> {
        let ticks = ebml::uint(&self.buffer[self.cursor + head.head_bytes..end])
            .map_err(|error| self.ebml(error))?;
        let timecode_ms =
            self.header.as_ref().and_then(|header| header.ticks_to_ms(i128::from(ticks)));
        let timecode_ms = timecode_ms.ok_or_else(|| self.structure("Timestamp is out of range"))?;
        let offset = self.offset();
        let Some(open) = &mut self.open else { return Ok(()) };
        if open.timestamp.replace(ClusterTimestamp { ticks, timecode_ms }).is_some() {
            return Err(ReadError::Structure { offset, reason: "Cluster has two Timestamps" });
        }
        self.events.push_back(Event::FragmentStart { timecode_ms });
        self.events.extend(open.tags.iter().cloned().map(Event::Tag));
        Ok(())
    }

    fn read_block(&mut self, head: ElementHead, end: usize) -> Result<(), ReadError> {
        let start = self.cursor + head.head_bytes;
        let data = &self.buffer[start..end];
        let read = match head.id {
            ids::SIMPLE_BLOCK => block::simple_block(data).map(Some),
            _ => block::block_group(data),
        };
        let Some(block) = read.map_err(|error| self.block_error(error))? else { return Ok(()) };
        let offset = self.offset();
        let (Some(header), Some(open)) = (&self.header, &mut self.open) else { return Ok(()) };
        let Some(ClusterTimestamp { ticks: cluster_ticks, .. }) = open.timestamp else {
            return Err(ReadError::Structure { offset, reason: "a block precedes the Timestamp" });
        };
        let Some(track) = header.track(block.track_number) else {
            return Err(ReadError::UnknownTrack { offset, track_number: block.track_number });
        };
        let times = BlockTimes::new(&block, cluster_ticks, header)
            .ok_or(ReadError::Structure { offset, reason: "block time is out of range" })?;
        for (index, range) in block.frames.ranges().iter().enumerate() {
            let timecode_ms = times.frame_ms(index);
            open.note_frame(block.track_number, timecode_ms, times.frame_duration_ms);
            self.events.push_back(Event::Frame(FrameEntry {
                track_number: block.track_number,
                timecode_ms,
                key_frame: block.key_frame || track.kind == TrackKind::Audio,
                size_bytes: range.len() as u32, // A fragment is far below 4 GiB.
                data_offset: self.buffer_offset + (start + range.start) as u64,
                end_offset: self.buffer_offset + end as u64,
            }));
        }
        Ok(())
    }
}
