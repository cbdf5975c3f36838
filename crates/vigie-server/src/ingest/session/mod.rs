//! One PutMedia connection as a sans-IO state machine: bytes and time in, acknowledgements and fragments out.
//!
//! Decides when a fragment begins and is whole, what its number and times are, which acknowledgement is due and when
//! the connection has to end (KVS API_PutMedia). Never reads a socket or a clock and never stores: the shell around
//! it (`put_media`) and the simulator do.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use vigie_engine::chance::Chance;
use vigie_engine::clock::Now;
use vigie_kvs::FragmentNumber;
use vigie_kvs::acknowledgement::{Acknowledgement, AcknowledgementEvent, ErrorId};
use vigie_media::matroska::{DocumentHeader, Event, Fragment, FragmentReader, Limits, ReadError};
use vigie_media::{Timestamp, TrackKind};

use super::rules::{self, IngestRules};

/// What fragment timecodes count from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimecodeBase {
    /// `ABSOLUTE`: milliseconds since 1970.
    Epoch,
    /// `RELATIVE`: milliseconds since the producer's start.
    Start(Timestamp),
}

/// What the request's headers and the stream say about a connection.
#[derive(Clone, Copy, Debug)]
pub struct SessionSettings {
    /// What fragment timecodes count from.
    pub timecode_base: TimecodeBase,
    /// Whether the producer wants acknowledgements; errors are sent all the same.
    pub acknowledge: bool,
    /// Whether the stream keeps media; only then there are PERSISTED acknowledgements.
    pub retains_media: bool,
    /// The limits of fragments and silence.
    pub rules: IngestRules,
}

/// A whole fragment that has to be stored.
#[derive(Clone, Debug)]
pub struct IngestedFragment {
    pub number: FragmentNumber,
    /// The 28 random bits of the number.
    pub number_tail: u32,
    /// The header of the document it came in.
    pub header: Arc<DocumentHeader>,
    /// When it begins by the producer's clock.
    pub producer_timestamp: Timestamp,
    /// When its first byte arrived.
    pub server_timestamp: Timestamp,
    /// Whether it begins with a key frame.
    pub begins_with_key_frame: bool,
    /// Bytes, timecode, duration and tags.
    pub fragment: Fragment,
}

/// What the shell has to do next.
#[derive(Clone, Debug)]
pub enum Output {
    /// Send this acknowledgement.
    Acknowledge(Acknowledgement),
    /// Store this fragment and report with [`IngestSession::append_finished`].
    Append(Box<IngestedFragment>),
    /// Reserve sequence numbers and hand them in with [`IngestSession::give_sequences`].
    NeedSequences,
    /// Read no more: wait for the appends that are under way, send their acknowledgements, end the answer.
    Close,
}

/// Why a fragment was not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendFailure {
    /// The stream was deleted meanwhile.
    StreamDeleted,
    /// The store failed.
    Store,
}

/// The fragment whose Cluster has begun.
#[derive(Debug)]
struct OpenFragment {
    number: FragmentNumber,
    number_tail: u32,
    timecode_ms: i64,
    producer_timestamp: Timestamp,
    server_timestamp: Timestamp,
    begins_with_key_frame: Option<bool>,
}

#[derive(Debug)]
pub struct IngestSession {
    settings: SessionSettings,
    reader: FragmentReader,
    header: Option<Arc<DocumentHeader>>,
    sequences: Range<u64>,
    /// A fragment that begins and waits for a sequence number.
    beginning_ms: Option<i64>,
    open: Option<OpenFragment>,
    last_timecode_ms: Option<i64>,
    outputs: VecDeque<Output>,
    body_ended: bool,
    closed: bool,
    begun: Duration,
    last_heard: Duration,
    idle_sent: u32,
}

impl IngestSession {
    /// A connection whose headers have just been accepted.
    pub fn new(settings: SessionSettings, now: Now) -> Self {
        Self {
            settings,
            reader: FragmentReader::new(Limits::KVS),
            header: None,
            sequences: 0..0,
            beginning_ms: None,
            open: None,
            last_timecode_ms: None,
            outputs: VecDeque::new(),
            body_ended: false,
            closed: false,
            begun: now.mono,
            last_heard: now.mono,
            idle_sent: 0,
        }
    }

    /// Takes the next bytes of the body; then take all outputs before the next push.
    pub fn push(&mut self, bytes: &[u8], now: Now) {
        self.last_heard = now.mono;
        self.idle_sent = 0;
        if !self.closed {
            self.reader.push(bytes);
        }
    }

    /// The body ended properly: what is whole counts, then the connection ends.
    pub fn end_of_body(&mut self) {
        self.reader.finish();
        self.body_ended = true;
    }

    /// The body could not be read to its end. What is open is dropped: nobody knows whether it is whole.
    pub fn read_failed(&mut self) {
        self.fail(ErrorId::StreamReadError);
    }

    /// Ends the connection because the stream is going away.
    pub fn stream_deleted(&mut self) {
        self.fail(ErrorId::StreamNotActive);
    }

    /// Ends the connection without an error: a newer one took over, or the server stops.
    pub fn end(&mut self) {
        self.close();
    }

    /// Hands in reserved sequence numbers.
    pub fn give_sequences(&mut self, sequences: Range<u64>) {
        self.sequences = sequences;
    }

    /// The service cannot take the fragment: no sequence number can be had, or no memory.
    pub fn service_failed(&mut self) {
        self.fail(ErrorId::InternalError);
    }

    /// The memory that the open fragment is likely to need and does not have; 0 when it has.
    pub fn wanted_bytes(&self) -> usize {
        if self.closed { 0 } else { self.reader.wanted_bytes() }
    }

    /// Gives memory for the open fragment.
    pub fn use_buffer(&mut self, buffer: BytesMut) {
        self.reader.use_buffer(buffer);
    }

    /// Memory that the open fragment and the unread input take.
    pub fn held_bytes(&self) -> usize {
        self.reader.held_bytes()
    }

    /// Reports the end of an append that was asked for.
    pub fn append_finished(
        &mut self,
        number: FragmentNumber,
        timecode_ms: i64,
        result: Result<(), AppendFailure>,
    ) {
        let event = match result {
            Ok(()) if !self.settings.retains_media => return,
            Ok(()) => AcknowledgementEvent::Persisted,
            Err(AppendFailure::StreamDeleted) => {
                AcknowledgementEvent::Error(ErrorId::StreamNotActive)
            }
            Err(AppendFailure::Store) => AcknowledgementEvent::Error(ErrorId::ArchivalError),
        };
        self.acknowledge(Acknowledgement::of(event, timecode_ms, number));
        if result.is_err() {
            self.close();
        }
    }

    /// The next thing to do; `None` when more input, a finished append or the deadline is needed.
    pub fn next_output(&mut self, now: Now, chance: &mut dyn Chance) -> Option<Output> {
        loop {
            if let Some(output) = self.outputs.pop_front() {
                return Some(output);
            }
            if self.closed {
                return None;
            }
            if let Some(timecode_ms) = self.beginning_ms.take() {
                let Some(sequence) = self.sequences.next() else {
                    self.beginning_ms = Some(timecode_ms);
                    return Some(Output::NeedSequences);
                };
                self.begin_fragment(timecode_ms, sequence, now, chance);
                continue;
            }
            match self.reader.next_event() {
                Ok(Some(event)) => self.take_event(event),
                Ok(None) if self.body_ended => self.close(),
                Ok(None) => return None,
                Err(error) => self.fail(error_id(&error)),
            }
        }
    }

    /// When [`IngestSession::tick`] has to be called, in monotonic time.
    pub fn deadline(&self) -> Option<Duration> {
        let rules = &self.settings.rules;
        let silence = (rules.idle_after * (self.idle_sent + 1)).min(rules.close_after_silence);
        let silence = self.last_heard + silence;
        (!self.closed).then(|| self.cut_off_at().map_or(silence, |cut_off| cut_off.min(silence)))
    }

    /// When a connection that is too old is cut off in the middle of a fragment: no fragment is so long.
    fn cut_off_at(&self) -> Option<Duration> {
        let rules = &self.settings.rules;
        let fragment_max = u64::try_from(rules.fragment_duration_ms_max).unwrap_or(0);
        let max = rules.connection_duration_max?;
        Some(self.begun + max + Duration::from_millis(fragment_max))
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Now) {
        let Some(deadline) = self.deadline() else { return };
        if now.mono < deadline {
            return;
        }
        if self.cut_off_at().is_some_and(|cut_off| now.mono >= cut_off) {
            return self.fail(ErrorId::MaxConnectionDurationReached);
        }
        if now.mono >= self.last_heard + self.settings.rules.close_after_silence {
            return self.close();
        }
        self.idle_sent += 1;
        self.acknowledge(Acknowledgement::idle());
    }

    fn take_event(&mut self, event: Event) {
        match event {
            Event::Header(header) => self.header = Some(header),
            Event::FragmentStart { timecode_ms } => self.beginning_ms = Some(timecode_ms),
            Event::Frame(frame) => {
                let is_video = self
                    .header
                    .as_ref()
                    .and_then(|header| header.track(frame.track_number))
                    .is_some_and(|track| track.kind == TrackKind::Video);
                let Some(open) = &mut self.open else { return };
                if is_video {
                    open.begins_with_key_frame.get_or_insert(frame.key_frame);
                }
                let reach_ms = frame.timecode_ms.saturating_sub(open.timecode_ms);
                if reach_ms > self.settings.rules.fragment_duration_ms_max {
                    self.fail(ErrorId::MaxFragmentDurationReached);
                }
            }
            Event::Tag(tag) if rules::is_forbidden_name(&tag.name) => {
                self.fail(ErrorId::InvalidFragmentMetadata);
            }
            Event::Tag(_) => {}
            Event::FragmentEnd(fragment) => self.end_fragment(fragment),
        }
    }

    fn check_start(&self, timecode_ms: i64, now: Now) -> Result<(), ErrorId> {
        let age = now.mono.saturating_sub(self.begun);
        if self.settings.rules.connection_duration_max.is_some_and(|max| age >= max) {
            return Err(ErrorId::MaxConnectionDurationReached);
        }
        if self.last_timecode_ms.is_some_and(|last_ms| timecode_ms <= last_ms) {
            return Err(ErrorId::FragmentTimecodeLesserThanPrevious);
        }
        if !rules::is_possible_time(self.producer_timestamp(timecode_ms)) {
            return Err(ErrorId::InvalidProducerTimestamp);
        }
        Ok(())
    }

    fn producer_timestamp(&self, timecode_ms: i64) -> Timestamp {
        match self.settings.timecode_base {
            TimecodeBase::Epoch => Timestamp::from_millis(timecode_ms),
            TimecodeBase::Start(start) => start.plus_millis(timecode_ms),
        }
    }

    fn begin_fragment(
        &mut self,
        timecode_ms: i64,
        sequence: u64,
        now: Now,
        chance: &mut dyn Chance,
    ) {
        let number_tail = chance.next_u64() as u32 & rules::NUMBER_TAIL_MASK;
        let number = FragmentNumber::new(sequence, now.wall, number_tail);
        let checked = self.check_start(timecode_ms, now);
        self.last_timecode_ms = Some(timecode_ms);
        self.open = Some(OpenFragment {
            number,
            number_tail,
            timecode_ms,
            producer_timestamp: self.producer_timestamp(timecode_ms),
            server_timestamp: now.wall,
            begins_with_key_frame: None,
        });
        self.acknowledge(Acknowledgement::of(AcknowledgementEvent::Buffering, timecode_ms, number));
        if let Err(error) = checked {
            self.fail(error);
        }
    }

    fn end_fragment(&mut self, fragment: Fragment) {
        let (Some(open), Some(header)) = (&self.open, &self.header) else { return };
        let tracks_missing = !fragment.tracks_without_frames.is_empty();
        if tracks_missing && self.settings.rules.every_track_in_every_fragment {
            return self.fail(ErrorId::FramesMissingForTrack);
        }
        let ingested = IngestedFragment {
            number: open.number,
            number_tail: open.number_tail,
            header: Arc::clone(header),
            producer_timestamp: open.producer_timestamp,
            server_timestamp: open.server_timestamp,
            begins_with_key_frame: open.begins_with_key_frame.unwrap_or(true),
            fragment,
        };
        let received =
            Acknowledgement::of(AcknowledgementEvent::Received, open.timecode_ms, ingested.number);
        self.open = None;
        self.acknowledge(received);
        self.outputs.push_back(Output::Append(Box::new(ingested)));
    }

    fn acknowledge(&mut self, acknowledgement: Acknowledgement) {
        let is_error = matches!(acknowledgement.event, AcknowledgementEvent::Error(_));
        if self.settings.acknowledge || is_error {
            self.outputs.push_back(Output::Acknowledge(acknowledgement));
        }
    }

    fn fail(&mut self, error: ErrorId) {
        if self.closed {
            return;
        }
        let event = AcknowledgementEvent::Error(error);
        self.acknowledge(match &self.open {
            Some(open) => Acknowledgement::of(event, open.timecode_ms, open.number),
            None => Acknowledgement::error_before_any_fragment(error),
        });
        self.close();
    }

    fn close(&mut self) {
        if !self.closed {
            self.closed = true;
            self.open = None;
            // Gives back the memory of the open fragment; nothing more is read.
            self.reader = FragmentReader::new(Limits::KVS);
            self.outputs.push_back(Output::Close);
        }
    }
}

/// The error id that KVS acknowledges for what a reader found.
fn error_id(error: &ReadError) -> ErrorId {
    match error {
        ReadError::FragmentTooLarge { .. } => ErrorId::MaxFragmentSizeReached,
        ReadError::TooManyTracks { .. } => ErrorId::MoreThanAllowedTracksFound,
        ReadError::UnknownTrack { .. } => ErrorId::TrackNumberMismatch,
        ReadError::TagLimit { .. } => ErrorId::FragmentMetadataLimitReached,
        ReadError::Ebml { .. }
        | ReadError::Structure { .. }
        | ReadError::SecondDocument { .. }
        | ReadError::Truncated { .. }
        | ReadError::HeaderTooLarge { .. } => ErrorId::InvalidMkvData,
    }
}

#[cfg(test)]
mod tests;
