//! The frames of a stored fragment with their data, without copying.

use std::collections::VecDeque;

use bytes::Bytes;

use super::block;
use super::encoding::ContentEncoding;
use super::error::ReadError;
use super::fragment::BlockTimes;
use super::header::DocumentHeader;
use crate::TrackKind;
use crate::matroska::ebml::{self, EbmlError};
use crate::matroska::ids;

/// One frame of a fragment with its data: a slice of the fragment's bytes, or what a ContentEncoding makes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FragmentFrame {
    /// A declared track.
    pub track_number: u64,
    /// Presentation time in the document's own time base.
    pub timecode_ms: i64,
    /// Whether decoding can start here; always of audio.
    pub key_frame: bool,
    /// The coded bytes.
    pub data: Bytes,
}

/// The frames of one fragment ([`super::Fragment::bytes`], or the same bytes read back from where they were
/// kept), in the order in which they are stored. Ends after the first error.
pub fn fragment_frames(header: &DocumentHeader, bytes: Bytes) -> FragmentFrames<'_> {
    FragmentFrames { header, bytes, at: 0, timestamp_ticks: None, laced: VecDeque::new() }
}

/// See [`fragment_frames`].
#[derive(Clone, Debug)]
pub struct FragmentFrames<'a> {
    header: &'a DocumentHeader,
    bytes: Bytes,
    at: usize,
    timestamp_ticks: Option<u64>,
    laced: VecDeque<FragmentFrame>,
}

impl Iterator for FragmentFrames<'_> {
    type Item = Result<FragmentFrame, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(frame) = self.laced.pop_front() {
                return Some(Ok(frame));
            }
            if self.at >= self.bytes.len() {
                return None;
            }
            if let Err(error) = self.read_element() {
                self.at = self.bytes.len();
                return Some(Err(error));
            }
        }
    }
}

impl FragmentFrames<'_> {
    /// The Cluster's timestamp in the document's own time base, once a frame has been read.
    pub fn cluster_timecode_ms(&self) -> Option<i64> {
        self.header.ticks_to_ms(i128::from(self.timestamp_ticks?))
    }

    /// Reads the element at `at`: goes into a Cluster, takes the frames of a block, passes over the rest.
    fn read_element(&mut self) -> Result<(), ReadError> {
        let offset = self.at as u64;
        let ebml = |reason| ReadError::Ebml { offset, reason };
        let head = ebml::element_head(&self.bytes[self.at..]).map_err(ebml)?;
        let head = head.ok_or(ReadError::Truncated { offset })?;
        let start = self.at + head.head_bytes;
        if head.id == ids::CLUSTER {
            self.at = start;
            return Ok(());
        }
        let size = head.size_bytes.ok_or(ebml(EbmlError::UnknownSize))?;
        let end = usize::try_from(size).ok().and_then(|size| start.checked_add(size));
        let end = end.filter(|&end| end <= self.bytes.len());
        let end = end.ok_or(ReadError::Truncated { offset })?;
        let data = self.bytes.slice(start..end);
        self.at = end;
        let block = match head.id {
            ids::TIMESTAMP => {
                self.timestamp_ticks = Some(ebml::uint(&data).map_err(ebml)?);
                return Ok(());
            }
            ids::SIMPLE_BLOCK => Some(block::simple_block(&data)),
            ids::BLOCK_GROUP => block::block_group(&data).transpose(),
            _ => None,
        };
        match block.transpose().map_err(|error| error.at(offset))? {
            Some(block) => self.take_frames(offset, &block, &data),
            None => Ok(()),
        }
    }

    fn take_frames(
        &mut self,
        offset: u64,
        block: &block::Block,
        data: &Bytes,
    ) -> Result<(), ReadError> {
        let track_number = block.track_number;
        let Some(track) = self.header.track(track_number) else {
            return Err(ReadError::UnknownTrack { offset, track_number });
        };
        let Some(cluster_ticks) = self.timestamp_ticks else {
            return Err(ReadError::Structure { offset, reason: "a block precedes the Timestamp" });
        };
        let times = BlockTimes::new(block, cluster_ticks, self.header)
            .ok_or(ReadError::Structure { offset, reason: "block time is out of range" })?;
        let encoding = self.header.encodings.get(&track_number);
        let mut bytes_max = ContentEncoding::block_bytes_max();
        for (index, range) in block.frames.ranges().iter().enumerate() {
            let mut frame = data.slice(range.clone());
            if let Some(encoding) = encoding {
                frame = encoding
                    .decode(frame, bytes_max)
                    .map_err(|error| ReadError::Structure { offset, reason: error.0 })?;
                bytes_max = bytes_max.saturating_sub(frame.len());
            }
            self.laced.push_back(FragmentFrame {
                track_number,
                timecode_ms: times.frame_ms(index),
                key_frame: block.key_frame || track.kind == TrackKind::Audio,
                data: frame,
            });
        }
        Ok(())
    }
}
