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
mod elements;
mod encoding;
mod error;
mod fragment;
mod frames;
mod header;
mod limits;
mod tags;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::{Buf, BytesMut};

use self::elements::mark_size_unknown;
pub use self::encoding::ContentEncoding;
pub use self::error::ReadError;
use self::fragment::{EarlyTags, OpenFragment};
pub use self::fragment::{Fragment, FrameEntry};
pub use self::frames::{FragmentFrame, FragmentFrames, fragment_frames};
pub use self::header::DocumentHeader;
use self::header::HeaderParts;
pub use self::limits::Limits;
use self::tags::TagsElement;
pub use self::tags::{END_OF_FRAGMENT, Tag};
use super::ebml::ElementHead;
use super::ids;

/// What was found in the document, in document order.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Everything before the first Cluster has been read. Once, first.
    Header(Arc<DocumentHeader>),
    /// A Cluster's timestamp has been read.
    FragmentStart {
        /// In the document's own time base.
        timecode_ms: i64,
    },
    /// A block has come in whole; one event for each frame in it.
    Frame(FrameEntry),
    /// A tag of the fragment, the mark of its end excepted.
    Tag(Tag),
    /// The fragment is whole: the next Cluster began, its end was marked, or the document ended.
    FragmentEnd(Fragment),
}

/// What a torn input still gives, see [`FragmentReader::recover`].
#[derive(Clone, Debug, PartialEq)]
pub struct Recovered {
    /// The open fragment cut after its last whole element, if it has a whole frame.
    pub fragment: Option<Fragment>,
    /// Where the last whole thing ends: truncate the input here and append the next Cluster.
    pub end_offset: u64,
}

/// See the module's documentation.
#[derive(Debug)]
pub struct FragmentReader {
    limits: Limits,
    /// Unread input. While a fragment is read it begins with that fragment's Cluster.
    buffer: BytesMut,
    /// Where `buffer` begins in the input.
    buffer_offset: u64,
    /// Where the next element begins in `buffer`.
    cursor: usize,
    /// Bytes of an element to drop as they come, before anything else is read.
    skip_bytes: u64,
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
    /// Before the Segment.
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
            buffer: BytesMut::new(),
            buffer_offset: 0,
            cursor: 0,
            skip_bytes: 0,
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
        reader.buffer_offset = offset;
        reader.state = State::Segment;
        reader
    }

    /// Takes the next bytes of the input; they are copied once, here. Take all events before the next push, so
    /// that the buffer holds no more than one fragment and one piece.
    pub fn push(&mut self, input: &[u8]) {
        let skipped = usize::try_from(self.skip_bytes).unwrap_or(usize::MAX).min(input.len());
        self.skip_bytes -= skipped as u64;
        self.buffer_offset += skipped as u64;
        // Growing bit by bit would copy. Never from a declared size.
        self.buffer.reserve(self.wanted_bytes().saturating_sub(self.buffer.len()));
        self.buffer.extend_from_slice(&input[skipped..]);
    }

    /// The memory that the open fragment will need if it is like the last one, where there is less; else 0. With what
    /// comes of the next one in the same piece: without room for that all would be moved at its end.
    pub fn wanted_bytes(&self) -> usize {
        let wanted_bytes = match self.last_fragment_bytes {
            0 => 0,
            last => last + PIECE_BYTES,
        };
        let short = self.open.is_some() && self.buffer.capacity() < wanted_bytes;
        if short { wanted_bytes } else { 0 }
    }

    /// Goes on in this buffer, so that memory can be used again that was a fragment's before. What it holds is lost.
    pub fn use_buffer(&mut self, mut buffer: BytesMut) {
        buffer.clear();
        buffer.extend_from_slice(&self.buffer);
        self.buffer = buffer;
    }

    /// Memory that is held: the part of the fragment that has come, room for the rest of it, unread input.
    pub fn held_bytes(&self) -> usize {
        self.buffer.capacity() + self.parts.raw.capacity()
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
        let end_offset = self.buffer_offset;
        let (Some(open), Some(header)) = (self.open.take(), self.header.take()) else {
            return Recovered { fragment: None, end_offset };
        };
        // A Cluster of known size cannot be cut without rewriting that size.
        let torn_sized = open.cluster_end.is_some() && self.state == State::Cluster;
        if open.frame_count == 0 || torn_sized {
            return Recovered { fragment: None, end_offset };
        }
        let input = self.buffer.split_to(open.whole_end).freeze();
        let whole_bytes = input.len() as u64;
        let fragment = open.finish(end_offset, input, &header, &mut self.intervals_ms);
        Recovered { fragment: Some(fragment), end_offset: end_offset + whole_bytes }
    }

    /// The open fragment up to its last whole element, of an input that was cut anywhere or that went wrong, to read the
    /// frames that are whole in it; `None` when there is none. Unlike [`FragmentReader::recover`] also of a Cluster whose
    /// known size is not reached: its bytes are not to be kept, for that size is no longer true. Take all events first.
    pub fn recover_frames(mut self) -> Option<Fragment> {
        let (open, header) = (self.open.take()?, self.header.take()?);
        if open.frame_count == 0 {
            return None;
        }
        let input = self.buffer.split_to(open.whole_end).freeze();
        Some(open.finish(self.buffer_offset, input, &header, &mut self.intervals_ms))
    }

    /// Whether an input that ends here ends where a document may: not within an element that holds frames, nor before
    /// the end that the Segment or the Cluster states. Take all events first.
    pub fn is_whole(&self) -> bool {
        let end = self.offset().saturating_add(self.skip_bytes);
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
                    && self.cursor == self.buffer.len()
                    && (self.state != State::Cluster
                        || cluster_end.is_none_or(|end| self.cursor >= end))
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
        if !self.buffer.is_empty() || self.state != State::Segment {
            return Err(ReadError::Truncated { offset: self.buffer_offset });
        }
        let offset = self.buffer_offset;
        std::mem::take(&mut self.parts).finish().ok_or_else(|| no_tracks(offset))
    }

    /// Reads one element, or as much of it as can be acted on.
    fn step(&mut self) -> Result<Step, ReadError> {
        if self.skip_bytes > 0 {
            let skipped = self.skip_bytes.min(self.buffer.len() as u64);
            self.buffer.advance(skipped as usize);
            self.buffer_offset += skipped;
            self.skip_bytes -= skipped;
            if self.skip_bytes > 0 {
                return Ok(Step::NeedMore);
            }
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
        let Some(head) = self.head()? else { return Ok(Step::NeedMore) };
        match (self.state, head.id) {
            (State::Start, ids::EBML) => {
                let Some(total) = self.header_element(head)? else { return Ok(Step::NeedMore) };
                header::check_ebml_header(&self.buffer[head.head_bytes..total])
                    .map_err(|error| self.header_error(error))?;
                self.move_to_header(total);
                self.state = State::BeforeSegment;
            }
            (State::BeforeSegment, ids::SEGMENT) => {
                let data_offset = self.offset() + head.head_bytes as u64;
                self.segment_end = head.size_bytes.map(|size| data_offset.saturating_add(size));
                self.move_to_header(head.head_bytes);
                mark_size_unknown(&mut self.parts.raw, head.head_bytes);
                self.state = State::Segment;
            }
            (State::BeforeSegment, ids::VOID) => self.skip_element(head)?,
            (State::Start, _) => return Err(self.structure("the document has no EBML header")),
            _ => {
                return Err(
                    self.structure("something other than a Segment follows the EBML header")
                );
            }
        }
        Ok(Step::Again)
    }

    fn step_segment(&mut self) -> Result<Step, ReadError> {
        if self.segment_end.is_some_and(|end| self.offset() >= end) {
            self.close_fragment()?;
            self.state = State::AfterSegment;
            return Ok(Step::Again);
        }
        let Some(head) = self.head()? else { return Ok(Step::NeedMore) };
        self.check_in_segment(head)?;
        match head.id {
            ids::CLUSTER => self.begin_fragment(head)?,
            ids::EBML | ids::SEGMENT => {
                return Err(ReadError::SecondDocument { offset: self.offset() });
            }
            ids::CUES | ids::CHAPTERS | ids::ATTACHMENTS => self.skip_element(head)?,
            _ if self.header.is_none() => return self.header_child(head),
            ids::TAGS => return self.fragment_tags(head),
            ids::INFO | ids::TRACKS => {
                return Err(self.structure("Info or Tracks appears after the first Cluster"));
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
        let data = &self.buffer[head.head_bytes..total];
        let read = match head.id {
            ids::INFO => self.parts.read_info(data),
            ids::TRACKS => self.parts.read_tracks(data, &self.limits),
            ids::TAGS => match tags::read_tags(data, &self.limits) {
                Ok(element) => {
                    self.parts.tags.extend(element.tags);
                    Ok(())
                }
                Err(error) => return Err(self.tags_error(error)),
            },
            _ => Ok(()),
        };
        read.map_err(|error| self.header_error(error))?;
        self.move_to_header(total);
        Ok(Step::Again)
    }

    fn begin_fragment(&mut self, head: ElementHead) -> Result<(), ReadError> {
        self.close_fragment()?;
        if self.header.is_none() {
            let offset = self.offset();
            let header =
                std::mem::take(&mut self.parts).finish().ok_or_else(|| no_tracks(offset))?;
            let header = Arc::new(header);
            self.events.push_back(Event::Header(Arc::clone(&header)));
            self.header = Some(header);
        }
        let data_start = self.cursor + head.head_bytes;
        let cluster_end = match head.size_bytes {
            Some(size) => Some(self.end_within_fragment(data_start, size)?),
            None => None,
        };
        let early = std::mem::take(&mut self.early);
        self.open = Some(OpenFragment::new(cluster_end, &self.buffer[..data_start], early));
        self.cursor = data_start;
        self.state = State::Cluster;
        Ok(())
    }

    fn fragment_tags(&mut self, head: ElementHead) -> Result<Step, ReadError> {
        let offset = self.offset();
        if head.size_bytes.is_some_and(|size| size > self.limits.tags_bytes_max as u64) {
            return Err(ReadError::TagLimit { offset, reason: "the Tags element is too large" });
        }
        let Some(total) = self.fragment_element(head)? else { return Ok(Step::NeedMore) };
        let data = &self.buffer[self.cursor + head.head_bytes..self.cursor + total];
        let TagsElement { tags, end_of_fragment } =
            tags::read_tags(data, &self.limits).map_err(|error| self.tags_error(error))?;
        let kept = match &mut self.open {
            Some(open) => {
                self.events.extend(tags.iter().cloned().map(Event::Tag));
                &mut open.tags
            }
            None => &mut self.early.tags,
        };
        let of_use = !tags.is_empty();
        kept.extend(tags);
        if kept.iter().filter(|tag| !tag.is_reserved()).count() > self.limits.tags_per_fragment_max
            || kept.len() > self.limits.tags_per_fragment_max.saturating_add(RESERVED_TAGS_MAX)
        {
            return Err(ReadError::TagLimit { offset, reason: "a fragment has too many tags" });
        }
        if self.open.is_some() {
            self.advance_in_fragment(total);
        } else {
            // A repeated mark of an end says nothing.
            if of_use {
                self.early.bytes.extend_from_slice(&self.buffer[..total]);
            }
            self.drop_bytes(total);
        }
        if end_of_fragment {
            self.close_fragment()?;
        }
        Ok(Step::Again)
    }

    fn step_after_segment(&mut self) -> Result<Step, ReadError> {
        let Some(head) = self.head()? else { return Ok(Step::NeedMore) };
        match head.id {
            ids::EBML | ids::SEGMENT => Err(ReadError::SecondDocument { offset: self.offset() }),
            ids::VOID => self.skip_element(head).map(|()| Step::Again),
            _ => Err(self.structure("something follows the end of the Segment")),
        }
    }

    /// Ends the open fragment, if any, at the cursor.
    fn close_fragment(&mut self) -> Result<(), ReadError> {
        let (Some(open), Some(header)) = (self.open.take(), &self.header) else { return Ok(()) };
        let offset = self.buffer_offset;
        if open.timestamp.is_none() {
            return Err(ReadError::Structure { offset, reason: "Cluster has no Timestamp" });
        }
        let input = self.buffer.split_to(open.whole_end).freeze();
        self.buffer_offset += input.len() as u64;
        self.cursor = 0;
        self.last_fragment_bytes = input.len();
        if self.buffer.is_empty() {
            // Else the fragment's memory could not be used again while nothing more comes.
            self.buffer = BytesMut::new();
        }
        let fragment = open.finish(offset, input, header, &mut self.intervals_ms);
        self.events.push_back(Event::FragmentEnd(fragment));
        Ok(())
    }

    fn end_input(&mut self) -> Result<(), ReadError> {
        let at_boundary = self.cursor == self.buffer.len() && self.skip_bytes == 0;
        let cluster_is_whole = match &self.open {
            Some(open) => match open.cluster_end {
                Some(end) => self.cursor >= end,
                None => open.timestamp.is_some(),
            },
            None => true,
        };
        if self.state == State::Start && self.buffer.is_empty() {
            return Ok(());
        }
        let has_tracks = self.header.is_some() || self.parts.tracks.is_some();
        if !(at_boundary && cluster_is_whole && has_tracks) {
            return Err(ReadError::Truncated { offset: self.offset() });
        }
        self.close_fragment()
    }
}

/// Input comes in pieces of about this size.
const PIECE_BYTES: usize = 64 << 10;

/// Reserved tags that a fragment may carry besides the producer's own.
const RESERVED_TAGS_MAX: usize = 64;

fn no_tracks(offset: u64) -> ReadError {
    ReadError::Structure { offset, reason: "no Tracks before the first Cluster" }
}
