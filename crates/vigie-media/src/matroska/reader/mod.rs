//! Reads one Matroska document as KVS producers send it and cuts it into fragments.
//!
//! Sans-IO: bytes are pushed in as they arrive, in pieces of any size, and events are taken out. It decides
//! where a fragment begins and ends and what is malformed; it never acts on time, never judges a fragment by the
//! service's rules (order, duration, reserved names: the caller's), never looks into a frame.
//!
//! ```
//! use vigie_media::matroska::{Event, FragmentReader, Limits, writer};
//! # let track = vigie_media::codec::g711::track(1, "audio", vigie_media::codec::g711::Law::A, 8000, 1);
//! # let mut body = writer::document_header(&[track]);
//! # body.extend(writer::cluster_start(vigie_media::Timestamp::from_millis(1_000)));
//! # body.extend_from_slice(&writer::simple_block_header(1, 0, true, 2));
//! # body.extend([7, 7]);
//! let mut reader = FragmentReader::new(Limits::KVS);
//! let mut frames = 0;
//! for piece in body.chunks(10) {
//!     reader.push(piece);
//!     while let Some(event) = reader.next_event()? {
//!         frames += usize::from(matches!(event, Event::Frame(_)));
//!     }
//! }
//! reader.finish();
//! let Some(Event::FragmentEnd(fragment)) = reader.next_event()? else { panic!("no fragment") };
//! assert_eq!((frames, fragment.timecode_ms), (1, 1_000));
//! # Ok::<(), vigie_media::matroska::ReadError>(())
//! ```

mod block;
mod cluster;
mod encoding;
mod error;
mod event;
mod fragment;
mod frames;
mod header;
mod input;
mod limits;
mod tags;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::BytesMut;

use self::cluster::{Cluster, ClusterStep};
pub use self::encoding::ContentEncoding;
pub use self::error::ReadError;
pub use self::event::{Event, Recovered};
use self::fragment::{EarlyTags, OpenFragment};
pub use self::fragment::{Fragment, FrameEntry};
pub use self::frames::{FragmentFrame, FragmentFrames, fragment_frames};
pub use self::header::DocumentHeader;
use self::header::HeaderParts;
use self::input::Input;
pub use self::limits::Limits;
use self::tags::TagsElement;
pub use self::tags::{END_OF_FRAGMENT, Tag};
use super::ebml::{EbmlError, ElementHead};
use super::ids;

#[derive(Debug)]
pub struct FragmentReader {
    limits: Limits,
    input: Input,
    state: State,
    segment_end: Option<u64>,
    parts: HeaderParts,
    header: Option<Arc<DocumentHeader>>,
    open: Option<OpenFragment>,
    /// Tags that came after a marked end: they are the next fragment's.
    early: EarlyTags,
    intervals_ms: BTreeMap<u64, i64>,
    last_fragment_bytes: usize,
    events: VecDeque<Event>,
    failed: Option<ReadError>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before the EBML header.
    Start,
    BeforeSegment,
    /// Between the Segment's children.
    Segment,
    /// Between the Cluster's children.
    Cluster,
    /// After the end of a Segment of known size.
    AfterSegment,
    /// The input has ended.
    Ended,
}

enum Step {
    Again,
    NeedMore,
}

impl FragmentReader {
    /// A reader at the start of a document.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            input: Input::from(0),
            state: State::Start,
            segment_end: None,
            parts: HeaderParts::default(),
            header: None,
            open: None,
            early: EarlyTags::default(),
            intervals_ms: BTreeMap::new(),
            last_fragment_bytes: 0,
            events: VecDeque::new(),
            failed: None,
        }
    }

    /// A reader in the middle of a document whose header is known, where a Cluster begins at `offset`.
    /// No [`Event::Header`] comes.
    pub fn resume(header: Arc<DocumentHeader>, offset: u64, limits: Limits) -> Self {
        let mut reader = Self::new(limits);
        reader.header = Some(header);
        reader.input = Input::from(offset);
        reader.state = State::Segment;
        reader
    }

    /// Takes the next bytes of the input; they are copied once, here. Take all events before the next push, so
    /// that the buffer holds no more than one fragment and one piece.
    pub fn push(&mut self, input: &[u8]) {
        self.input.push(input, self.wanted_bytes());
    }

    /// The memory that the open fragment will need if it is like the last one, where there is less; else 0. With what
    /// comes of the next one in the same piece: without room for that all would be moved at its end.
    pub fn wanted_bytes(&self) -> usize {
        let wanted_bytes = match self.last_fragment_bytes {
            0 => 0,
            last => last + PIECE_BYTES,
        };
        let short = self.open.is_some() && self.input.buffer.capacity() < wanted_bytes;
        if short { wanted_bytes } else { 0 }
    }

    /// Goes on in this buffer, so that memory can be used again that was a fragment's before. What it holds is lost.
    pub fn use_buffer(&mut self, buffer: BytesMut) {
        self.input.use_buffer(buffer);
    }

    /// Memory that is held: the part of the fragment that has come, room for the rest of it, unread input.
    pub fn held_bytes(&self) -> usize {
        self.input.buffer.capacity() + self.parts.raw.capacity()
    }

    /// The next event; `None` when more input is needed, or after [`FragmentReader::finish`] when all is read.
    /// An error is final: it is returned again each time.
    pub fn next_event(&mut self) -> Result<Option<Event>, ReadError> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(Some(event));
            }
            if let Some(error) = &self.failed {
                return Err(error.clone());
            }
            match self.step() {
                Ok(Step::Again) => {}
                Ok(Step::NeedMore) => return Ok(None),
                Err(error) => self.failed = Some(error),
            }
        }
    }

    /// Says that the input has ended properly. The events still due then come from
    /// [`FragmentReader::next_event`]: the last fragment if it is whole, else [`ReadError::Truncated`].
    pub fn finish(&mut self) {
        while self.failed.is_none() && self.state != State::Ended {
            match self.step() {
                Ok(Step::Again) => {}
                Ok(Step::NeedMore) => {
                    self.failed = self.end_input().err();
                    self.state = State::Ended;
                }
                Err(error) => self.failed = Some(error),
            }
        }
    }

    /// What is whole of an input that was cut anywhere, or that went wrong after good fragments. Take all events
    /// first; use instead of [`FragmentReader::finish`].
    pub fn recover(mut self) -> Recovered {
        let end_offset = self.input.offset;
        let (Some(open), Some(header)) = (self.open.take(), self.header.take()) else {
            return Recovered { fragment: None, end_offset };
        };
        // A Cluster of known size cannot be cut without rewriting that size.
        let torn_sized = open.cluster_end.is_some() && self.state == State::Cluster;
        if open.frame_count == 0 || torn_sized {
            return Recovered { fragment: None, end_offset };
        }
        let (offset, bytes) = self.input.take_fragment(open.whole_end);
        let fragment = open.finish(offset, bytes, &header, &mut self.intervals_ms);
        Recovered { fragment: Some(fragment), end_offset: self.input.offset }
    }

    /// The open fragment up to its last whole element, of an input that was cut anywhere or that went wrong, to read the
    /// frames that are whole in it; `None` when there is none. Unlike [`FragmentReader::recover`] also of a Cluster whose
    /// known size is not reached: its bytes are not to be kept, for that size is no longer true. Take all events first.
    pub fn recover_frames(mut self) -> Option<Fragment> {
        let (open, header) = (self.open.take()?, self.header.take()?);
        if open.frame_count == 0 {
            return None;
        }
        let (offset, bytes) = self.input.take_fragment(open.whole_end);
        Some(open.finish(offset, bytes, &header, &mut self.intervals_ms))
    }

    /// Whether an input that ends here ends where a document may: not within an element that holds frames, nor before
    /// the end that the Segment or the Cluster states. Take all events first.
    pub fn is_whole(&self) -> bool {
        let end = self.input.position_after_skip();
        match (self.failed.is_some(), self.segment_end) {
            // Zeros, or anything, behind the end do no harm.
            (_, Some(segment_end)) if self.state == State::AfterSegment || end >= segment_end => {
                true
            }
            (true, _) | (_, Some(_)) => false,
            (false, None) => {
                // Without a Cluster there is not even a header.
                let has_begun = self.header.is_some();
                let cluster_end = self.open.as_ref().and_then(|open| open.cluster_end);
                has_begun
                    && self.input.cursor == self.input.buffer.len()
                    && (self.state != State::Cluster
                        || cluster_end.is_none_or(|end| self.input.cursor >= end))
            }
        }
    }

    /// Reads a document that ends before its first Cluster.
    fn into_header(mut self, raw: &[u8]) -> Result<DocumentHeader, ReadError> {
        self.push(raw);
        self.next_event()?;
        if let Some(header) = self.header.take() {
            return Ok(Arc::unwrap_or_clone(header));
        }
        let offset = self.input.offset;
        if !self.input.buffer.is_empty() || self.state != State::Segment {
            return Err(ReadError::Truncated { offset });
        }
        std::mem::take(&mut self.parts).finish().map_err(|error| error.at(offset))
    }

    /// Reads one element, or as much of it as can be acted on.
    fn step(&mut self) -> Result<Step, ReadError> {
        if !self.input.has_skipped() {
            return Ok(Step::NeedMore);
        }
        match self.state {
            State::Start | State::BeforeSegment => self.step_start(),
            State::Segment => self.step_segment(),
            State::Cluster => self.step_cluster(),
            State::AfterSegment => self.step_after_segment(),
            State::Ended => Ok(Step::NeedMore),
        }
    }

    fn step_start(&mut self) -> Result<Step, ReadError> {
        let Some(head) = self.input.head()? else { return Ok(Step::NeedMore) };
        match (self.state, head.id) {
            (State::Start, ids::EBML) => {
                let Some(total) = self.header_element(head)? else { return Ok(Step::NeedMore) };
                header::check_ebml_header(&self.input.buffer[head.head_bytes..total])
                    .map_err(|error| error.at(self.input.position()))?;
                self.move_to_header(total);
                self.state = State::BeforeSegment;
            }
            (State::BeforeSegment, ids::SEGMENT) => {
                let data_offset = self.input.position() + head.head_bytes as u64;
                self.segment_end = head.size_bytes.map(|size| data_offset.saturating_add(size));
                self.parts.keep_segment_head(&self.input.buffer[..head.head_bytes]);
                self.input.drop_bytes(head.head_bytes);
                self.state = State::Segment;
            }
            (State::BeforeSegment, ids::VOID) => self.skip_element(head)?,
            (State::Start, _) => {
                return Err(self.input.structure("the document has no EBML header"));
            }
            _ => {
                return Err(self
                    .input
                    .structure("something other than a Segment follows the EBML header"));
            }
        }
        Ok(Step::Again)
    }

    fn step_segment(&mut self) -> Result<Step, ReadError> {
        if self.segment_end.is_some_and(|end| self.input.position() >= end) {
            self.close_fragment()?;
            self.state = State::AfterSegment;
            return Ok(Step::Again);
        }
        let Some(head) = self.input.head()? else { return Ok(Step::NeedMore) };
        self.check_in_segment(head)?;
        match head.id {
            ids::CLUSTER => self.begin_fragment(head)?,
            ids::EBML | ids::SEGMENT => {
                return Err(ReadError::SecondDocument { offset: self.input.position() });
            }
            ids::CUES | ids::CHAPTERS | ids::ATTACHMENTS => self.skip_element(head)?,
            _ if self.header.is_none() => return self.header_child(head),
            ids::TAGS => return self.fragment_tags(head),
            ids::INFO | ids::TRACKS => {
                return Err(self.input.structure("Info or Tracks appears after the first Cluster"));
            }
            // Inside a fragment padding is part of its bytes.
            ids::VOID | ids::CRC_32 if self.open.is_some() => {
                let Some(total) = self.fragment_element(head)? else { return Ok(Step::NeedMore) };
                self.advance_in_fragment(total);
            }
            ids::SEEK_HEAD | ids::VOID | ids::CRC_32 => self.skip_element(head)?,
            _ => self.skip_unknown(head)?,
        }
        Ok(Step::Again)
    }

    /// A child of the Segment before the first Cluster: kept for the header.
    fn header_child(&mut self, head: ElementHead) -> Result<Step, ReadError> {
        let Some(total) = self.header_element(head)? else { return Ok(Step::NeedMore) };
        let data = &self.input.buffer[head.head_bytes..total];
        self.parts
            .read(head.id, data, &self.limits)
            .map_err(|error| error.at(self.input.position()))?;
        self.move_to_header(total);
        Ok(Step::Again)
    }

    fn begin_fragment(&mut self, head: ElementHead) -> Result<(), ReadError> {
        self.close_fragment()?;
        if self.header.is_none() {
            let offset = self.input.position();
            let header =
                std::mem::take(&mut self.parts).finish().map_err(|error| error.at(offset))?;
            let header = Arc::new(header);
            self.events.push_back(Event::Header(Arc::clone(&header)));
            self.header = Some(header);
        }
        let data_start = self.input.cursor + head.head_bytes;
        let max_bytes = self.limits.fragment_bytes_max;
        let cluster_end = match head.size_bytes {
            Some(size) => Some(self.input.end_within_fragment(data_start, size, max_bytes)?),
            None => None,
        };
        let early = std::mem::take(&mut self.early);
        self.open = Some(OpenFragment::new(cluster_end, &self.input.buffer[..data_start], early));
        self.input.cursor = data_start;
        self.state = State::Cluster;
        Ok(())
    }

    fn fragment_tags(&mut self, head: ElementHead) -> Result<Step, ReadError> {
        let offset = self.input.position();
        if head.size_bytes.is_some_and(|size| size > self.limits.tags_bytes_max as u64) {
            return Err(ReadError::TagLimit { offset, reason: "the Tags element is too large" });
        }
        let Some(total) = self.fragment_element(head)? else { return Ok(Step::NeedMore) };
        let start = self.input.cursor;
        let data = &self.input.buffer[start + head.head_bytes..start + total];
        let TagsElement { tags, end_of_fragment } =
            tags::read_tags(data, &self.limits).map_err(|error| error.at(offset))?;
        let kept = match &mut self.open {
            Some(open) => {
                self.events.extend(tags.iter().cloned().map(Event::Tag));
                &mut open.tags
            }
            None => &mut self.early.tags,
        };
        let of_use = !tags.is_empty();
        kept.extend(tags);
        tags::check_count(kept, &self.limits).map_err(|error| error.at(offset))?;
        if self.open.is_some() {
            self.advance_in_fragment(total);
        } else {
            // A repeated mark of an end says nothing.
            if of_use {
                self.early.bytes.extend_from_slice(&self.input.buffer[..total]);
            }
            self.input.drop_bytes(total);
        }
        if end_of_fragment {
            self.close_fragment()?;
        }
        Ok(Step::Again)
    }

    fn step_cluster(&mut self) -> Result<Step, ReadError> {
        let step = match (&self.header, &mut self.open) {
            (Some(header), Some(open)) => {
                let (input, events) = (&mut self.input, &mut self.events);
                let mut cluster = Cluster { input, header, open, events };
                cluster.step(self.segment_end, self.limits.fragment_bytes_max)?
            }
            _ => ClusterStep::Left,
        };
        match step {
            ClusterStep::Again => {}
            ClusterStep::NeedMore => return Ok(Step::NeedMore),
            ClusterStep::Left => self.state = State::Segment,
        }
        Ok(Step::Again)
    }

    fn step_after_segment(&mut self) -> Result<Step, ReadError> {
        let Some(head) = self.input.head()? else { return Ok(Step::NeedMore) };
        match head.id {
            ids::EBML | ids::SEGMENT => {
                Err(ReadError::SecondDocument { offset: self.input.position() })
            }
            ids::VOID => self.skip_element(head).map(|()| Step::Again),
            _ => Err(self.input.structure("something follows the end of the Segment")),
        }
    }

    /// Length of the next element, once all of it is there, of the part that is kept for the header.
    fn header_element(&self, head: ElementHead) -> Result<Option<usize>, ReadError> {
        self.input.header_element(head, self.parts.raw.len(), self.limits.header_bytes_max)
    }

    /// The same of the part that is kept for a fragment.
    fn fragment_element(&self, head: ElementHead) -> Result<Option<usize>, ReadError> {
        self.input.fragment_element(head, self.limits.fragment_bytes_max)
    }

    /// A child of a Segment of known size may not run past its end.
    fn check_in_segment(&self, head: ElementHead) -> Result<(), ReadError> {
        let (Some(segment_end), Some(size)) = (self.segment_end, head.size_bytes) else {
            return Ok(());
        };
        let end = (self.input.position() + head.head_bytes as u64).saturating_add(size);
        if end > segment_end { Err(self.input.ebml(EbmlError::ChildOverrun)) } else { Ok(()) }
    }

    /// Moves the first `total` bytes of the buffer to the header.
    fn move_to_header(&mut self, total: usize) {
        self.parts.keep(&self.input.buffer[..total]);
        self.input.drop_bytes(total);
    }

    /// Goes on after an element that belongs to the open fragment.
    fn advance_in_fragment(&mut self, total: usize) {
        let element = self.input.advance(total);
        if let Some(open) = &mut self.open {
            open.pass(element);
        }
    }

    /// Drops the next element as it comes. What fragments keep is contiguous, so it ends the open fragment.
    fn skip_element(&mut self, head: ElementHead) -> Result<(), ReadError> {
        let size = self.input.known_size(head)?;
        self.close_fragment()?;
        self.input.skip(head.head_bytes, size);
        Ok(())
    }

    /// Drops an element that RFC 9559 does not list, unless it is so large that it must be garbage.
    fn skip_unknown(&mut self, head: ElementHead) -> Result<(), ReadError> {
        if head.size_bytes.is_some_and(|size| size > self.limits.header_bytes_max as u64) {
            return Err(self.input.structure("an unknown element is too large"));
        }
        self.skip_element(head)
    }

    /// Ends the open fragment, if any, at the cursor.
    fn close_fragment(&mut self) -> Result<(), ReadError> {
        let (Some(open), Some(header)) = (self.open.take(), &self.header) else { return Ok(()) };
        if open.timestamp.is_none() {
            let (offset, reason) = (self.input.offset, "Cluster has no Timestamp");
            return Err(ReadError::Structure { offset, reason });
        }
        let (offset, bytes) = self.input.take_fragment(open.whole_end);
        self.last_fragment_bytes = bytes.len();
        let fragment = open.finish(offset, bytes, header, &mut self.intervals_ms);
        self.events.push_back(Event::FragmentEnd(fragment));
        Ok(())
    }

    fn end_input(&mut self) -> Result<(), ReadError> {
        let cluster_is_whole = match &self.open {
            Some(open) => match open.cluster_end {
                Some(end) => self.input.cursor >= end,
                None => open.timestamp.is_some(),
            },
            None => true,
        };
        if self.state == State::Start && self.input.buffer.is_empty() {
            return Ok(());
        }
        let has_tracks = self.header.is_some() || self.parts.tracks.is_some();
        if !(self.input.is_between_elements() && cluster_is_whole && has_tracks) {
            return Err(ReadError::Truncated { offset: self.input.position() });
        }
        self.close_fragment()
    }
}

impl DocumentHeader {
    /// Reads a header that was kept ([`DocumentHeader::raw`]) or written
    /// ([`crate::matroska::writer::document_header`]).
    pub fn parse(raw: &[u8], limits: Limits) -> Result<Self, ReadError> {
        FragmentReader::new(limits).into_header(raw)
    }
}

/// Input comes in pieces of about this size.
const PIECE_BYTES: usize = 64 << 10;
