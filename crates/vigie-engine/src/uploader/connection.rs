//! One PutMedia connection: what is in flight on it, and whom an ERROR acknowledgement blames.
//!
//! Counts and classifies; the job decides what follows.

use std::collections::VecDeque;
use std::time::Duration;

use vigie_kvs::acknowledgement::ErrorId;
use vigie_media::Timestamp;

use super::{Failure, Pending, STALL_AFTER};

/// Fragments that may be sent without being acknowledged: what a crash may leave in doubt.
const IN_FLIGHT_MAX: usize = 32;
/// Their bytes, unless one fragment alone has more.
const IN_FLIGHT_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// A fragment that is sent and not yet acknowledged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent<I> {
    pub(super) id: I,
    pub(super) timecode: Timestamp,
    size_bytes: u64,
    /// 0 for the first of the connection.
    sequence: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Connection<I> {
    pub(super) document: u64,
    /// The last fragment that was sent or found to be there.
    pub(super) position: Option<I>,
    /// The last that was sent: timecodes grow on a connection (API_PutMedia).
    last_timecode: Option<Timestamp>,
    pub(super) in_flight: VecDeque<Sent<I>>,
    pub(super) opened_at: Duration,
    pub(super) last_progress: Duration,
    /// The service received fragments whole that it has not confirmed as stored.
    pub(super) received_unconfirmed: bool,
    sent_count: u64,
}

impl<I: Copy> Connection<I> {
    pub(super) fn new(document: u64, now: Duration) -> Self {
        Self {
            document,
            position: None,
            last_timecode: None,
            in_flight: VecDeque::new(),
            opened_at: now,
            last_progress: now,
            received_unconfirmed: false,
            sent_count: 0,
        }
    }

    pub(super) fn sent(&mut self, pending: &Pending<I>) {
        self.position = Some(pending.id);
        self.last_timecode = Some(pending.timecode);
        self.in_flight.push_back(Sent {
            id: pending.id,
            timecode: pending.timecode,
            size_bytes: pending.size_bytes,
            sequence: self.sent_count,
        });
        self.sent_count += 1;
    }

    /// Whether the fragment can go out on it: of its document, and behind what was sent.
    pub(super) fn takes(&self, pending: &Pending<I>) -> bool {
        pending.document == self.document
            && self.last_timecode.is_none_or(|last| last < pending.timecode)
    }

    /// How many fragments to ask the store for. Nothing until half of the room is free, so that the store is asked for
    /// many at a time.
    pub(super) fn room(&self) -> usize {
        let bytes: u64 = self.in_flight.iter().map(|sent| sent.size_bytes).sum();
        let crowded = self.in_flight.len() > IN_FLIGHT_MAX / 2 || bytes > IN_FLIGHT_BYTES_MAX / 2;
        if crowded {
            return 0;
        }
        // As many more as fit if they are like those in flight; fragments of one stream are.
        let mean = bytes / self.in_flight.len().max(1) as u64;
        let by_bytes = (IN_FLIGHT_BYTES_MAX - bytes).checked_div(mean).unwrap_or(1).max(1);
        (IN_FLIGHT_MAX - self.in_flight.len()).min(usize::try_from(by_bytes).unwrap_or(usize::MAX))
    }

    pub(super) fn remove(&mut self, is_it: impl Fn(&Sent<I>) -> bool) -> Option<Sent<I>> {
        let index = self.in_flight.iter().position(is_it)?;
        self.in_flight.remove(index)
    }

    pub(super) fn is_first_sent(&self, index: usize) -> bool {
        self.in_flight.get(index).is_some_and(|sent| sent.sequence == 0)
    }

    pub(super) fn is_stalled(&self, now: Duration) -> bool {
        !self.in_flight.is_empty() && now >= self.last_progress + STALL_AFTER
    }

    pub(super) fn stall_failure(&self) -> Failure {
        if self.received_unconfirmed { Failure::NotPersisted } else { Failure::Stalled }
    }
}

/// What an ERROR acknowledgement is about (API_PutMedia, error ids).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blame {
    /// The connection is old and ends; all is well.
    Connection,
    /// The fragment itself, wherever it is sent.
    Fragment,
    /// The fragment, or what was sent before it on the connection.
    FragmentOrPredecessor,
    /// The service, the stream or its key.
    Service,
}

impl Blame {
    pub(super) fn of(error: ErrorId) -> Self {
        use ErrorId::*;
        match error {
            MaxConnectionDurationReached => Self::Connection,
            MaxFragmentSizeReached
            | MaxFragmentDurationReached
            | FragmentMetadataLimitReached
            | FramesMissingForTrack
            | InvalidFragmentMetadata => Self::Fragment,
            FragmentTimecodeLesserThanPrevious
            | MoreThanAllowedTracksFound
            | InvalidMkvData
            | InvalidProducerTimestamp
            | TrackNumberMismatch => Self::FragmentOrPredecessor,
            Other(4000..=4499) => Self::FragmentOrPredecessor,
            StreamReadError
            | StreamNotActive
            | KmsKeyAccessDenied
            | KmsKeyDisabled
            | KmsKeyValidationError
            | KmsKeyUnavailable
            | KmsKeyInvalidUsage
            | KmsKeyInvalidState
            | KmsKeyNotFound
            | StreamDeleted
            | InternalError
            | ArchivalError
            | Other(_) => Self::Service,
        }
    }
}
