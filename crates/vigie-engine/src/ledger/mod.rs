//! The two ledgers of a stream: *gaps*, why there is no media, and *losses*, what the policy deleted before it was
//! uploaded.
//!
//! Decides which intervals the ledgers hold: when a gap begins and ends ([`Timeline`]), which fragments of a deleted
//! file make one interval ([`deleted`]), and which intervals are one entry ([`joins`]). It never writes: the agent keeps
//! the entries, and the state of the timeline, durably.
//!
//! Entries are only ever added or extended. One thing alone takes from them: a hub whose clock was far ahead knows
//! nothing of the time that it believed to be past ([`Timeline::step_back`]). At most [`ENTRIES_MAX`] are kept of a stream:
//! a camera with a window each hour makes some 9,000 gaps a year, so that ten years fit. Beyond that the oldest go, and
//! the time before is said to be unknown; the sum of all losses is kept for ever.

#[cfg(test)]
mod tests;

use vigie_kvs::shapes::media_ledger::MediaGapReason;
use vigie_media::Timestamp;

use crate::deletion;
use crate::media_clock::{AHEAD_MS_MAX, CLOCK_SET_FROM};
use crate::recorder::{Failure, State};

/// Entries kept of one stream, gaps and losses together.
pub const ENTRIES_MAX: u64 = 100_000;
/// Media with less than this between is taken as going on: a camera that reconnects at once, a frame that was lost.
pub const GAP_MS_MIN: i64 = 1000;

/// A range of time without media and why, its end not included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Begin.
    pub from: Timestamp,
    /// End.
    pub until: Timestamp,
    pub reason: MediaGapReason,
}

/// What a [`Timeline`] has to remember over a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimelineState {
    /// End of the newest media, or when the ledger began.
    pub media_until: Timestamp,
    /// The gap of the moment.
    pub open: Option<OpenGap>,
}

/// A gap that lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenGap {
    pub since: Timestamp,
    pub reason: MediaGapReason,
}

/// Follows what is recorded, and says what is not.
///
/// Gaps begin where the media before them ends, not where somebody noticed, and end where the media behind them begins,
/// so that media and gaps together leave no time unexplained.
///
/// ```
/// use vigie_engine::ledger::{Gap, Timeline};
/// use vigie_kvs::shapes::media_ledger::MediaGapReason;
/// use vigie_media::Timestamp;
///
/// let at = |seconds: i64| Timestamp::from_millis(seconds * 1000);
/// let mut timeline = Timeline::new(at(0));
/// assert_eq!(timeline.media(at(0), at(60)), None);
/// // Noticed at 70, it began at 60.
/// assert_eq!(timeline.absent(MediaGapReason::SourceOffline, at(70)), None);
/// let gap = Gap { from: at(60), until: at(90), reason: MediaGapReason::SourceOffline };
/// assert_eq!(timeline.media(at(90), at(95)), Some(gap));
/// ```
#[derive(Clone, Debug)]
pub struct Timeline {
    state: TimelineState,
    /// Parts of the gap of the moment are in the ledger already: its last part belongs there however short it is.
    is_continued: bool,
}

impl Timeline {
    /// A ledger that begins now.
    pub fn new(now: Timestamp) -> Self {
        let state = TimelineState { media_until: now, open: None };
        Self { state, is_continued: false }
    }

    /// Goes on after a restart. `heartbeat` is the last moment at which the agent is known to have run, `media` the
    /// begin and the end of what is there of the time behind `state`. Returns what is to be entered.
    pub fn resume(
        state: TimelineState,
        media: Option<(Timestamp, Timestamp)>,
        heartbeat: Timestamp,
        now: Timestamp,
    ) -> (Self, Vec<Gap>) {
        let mut gaps = Vec::new();
        let mut enter = |from: Timestamp, until: Timestamp, reason| {
            if from < until {
                gaps.push(Gap { from, until, reason });
            }
        };
        let off_since = match (state.open, media) {
            (Some(open), None) => {
                let until = heartbeat.max(open.since);
                enter(open.since, until, open.reason);
                until
            }
            // The gap had ended, which was not saved any more.
            (Some(open), Some((from, until))) => {
                enter(open.since, from, open.reason);
                until.max(state.media_until)
            }
            (None, media) => {
                media.map_or(state.media_until, |(_, until)| until.max(state.media_until))
            }
        };
        let now = now.max(off_since);
        enter(off_since, now, MediaGapReason::HubOff);
        let open = OpenGap { since: now, reason: MediaGapReason::SourceOffline };
        let state = TimelineState { media_until: off_since, open: Some(open) };
        (Self { state, is_continued: true }, gaps)
    }

    /// What to remember.
    pub fn state(&self) -> TimelineState {
        self.state
    }

    /// Nothing is recorded now, and why. Returns what ends by that.
    pub fn absent(&mut self, reason: MediaGapReason, now: Timestamp) -> Option<Gap> {
        match self.state.open {
            Some(open) if open.reason == reason => None,
            Some(open) => {
                // The hub's clock may have been set back.
                let now = now.max(open.since);
                self.state.open = Some(OpenGap { since: now, reason });
                let gap = Gap { from: open.since, until: now, reason: open.reason };
                self.is_continued |= gap.from < gap.until;
                (gap.from < gap.until).then_some(gap)
            }
            None => {
                self.state.open = Some(OpenGap { since: self.state.media_until, reason });
                self.is_continued = false;
                None
            }
        }
    }

    /// Whether it tells of a time that lies beyond `at`, the true one of now: the hub's clock was far ahead and was set
    /// right.
    pub fn is_far_ahead(&self, at: Timestamp) -> bool {
        let reached = self.state.open.map_or(self.state.media_until, |open| open.since);
        at >= CLOCK_SET_FROM && reached.millis_since(at) > AHEAD_MS_MAX
    }

    /// The hub's clock was set right: it is `to`. What was entered of gaps beyond is void, and ends here; media beyond
    /// stays where it is.
    pub fn step_back(&mut self, to: Timestamp) {
        self.state.media_until = to;
        self.state.open = self.state.open.map(|open| OpenGap { since: to, ..open });
        self.is_continued = true;
    }

    /// There is media from `from` to `until`. Returns the gap before it.
    pub fn media(&mut self, from: Timestamp, until: Timestamp) -> Option<Gap> {
        let open = self.state.open.take();
        let (since, reason) = match open {
            Some(open) => (open.since, open.reason),
            None => (self.state.media_until, MediaGapReason::SourceOffline),
        };
        let is_continued = std::mem::take(&mut self.is_continued) && open.is_some();
        self.state.media_until = self.state.media_until.max(until);
        let is_long = from.millis_since(since) >= GAP_MS_MIN;
        (since < from && (is_long || is_continued)).then_some(Gap {
            from: since,
            until: from,
            reason,
        })
    }
}

/// What the recorder's state says about media that is not there; `None` while there may be some.
pub fn absence(state: &State) -> Option<MediaGapReason> {
    match state {
        State::Recording { .. } | State::Stopped => None,
        State::WaitingForWindow => Some(MediaGapReason::ScheduleClosed),
        State::Resolving { .. } | State::Connecting { .. } => Some(MediaGapReason::SourceOffline),
        State::BackingOff { reason: Failure::DiskFull | Failure::DiskError, .. } => {
            Some(MediaGapReason::DiskError)
        }
        State::BackingOff { reason: Failure::HubPaused, .. } => Some(MediaGapReason::HubOff),
        State::BackingOff { .. } => Some(MediaGapReason::SourceOffline),
        State::PausedForSpace => Some(MediaGapReason::DiskDenied),
        State::Finished => Some(MediaGapReason::SourceEnded),
    }
}

/// The reason of a gap that a deletion leaves.
pub fn reason_of(deletion: deletion::Reason) -> MediaGapReason {
    match deletion {
        deletion::Reason::Expired => MediaGapReason::DeletedByAge,
        deletion::Reason::Uploaded => MediaGapReason::DeletedAfterUpload,
        deletion::Reason::LocalSize => MediaGapReason::DeletedBySize,
        deletion::Reason::DiskReserve => MediaGapReason::DeletedByDiskReserve,
    }
}

/// A fragment of a file that is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeletedFragment {
    /// Begin.
    pub from: Timestamp,
    /// End.
    pub until: Timestamp,
    pub size_bytes: u64,
    /// The service has it.
    pub uploaded: bool,
}

/// An interval of deleted media.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deleted {
    /// Begin.
    pub from: Timestamp,
    /// End.
    pub until: Timestamp,
    /// Of it, what was not uploaded.
    pub lost: Option<Lost>,
}

/// How much was lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    pub fragment_count: u64,
    pub size_bytes: u64,
}

/// The intervals of a deleted file's fragments, which are in the order of their time: one for each run without a gap
/// of which all, or nothing, was uploaded.
pub fn deleted(fragments: impl IntoIterator<Item = DeletedFragment>) -> Vec<Deleted> {
    let mut runs: Vec<Deleted> = Vec::new();
    for fragment in fragments {
        let lost = (!fragment.uploaded)
            .then_some(Lost { fragment_count: 1, size_bytes: fragment.size_bytes });
        match runs.last_mut() {
            Some(run)
                if run.lost.is_some() == lost.is_some()
                    && joins(run.from, run.until, fragment.from, fragment.until) =>
            {
                run.until = run.until.max(fragment.until);
                if let (Some(all), Some(one)) = (&mut run.lost, lost) {
                    all.fragment_count += one.fragment_count;
                    all.size_bytes += one.size_bytes;
                }
            }
            _ => runs.push(Deleted { from: fragment.from, until: fragment.until, lost }),
        }
    }
    runs
}

/// Whether an interval of deleted media goes on, in either direction, with another of the same reason.
pub fn joins(
    from: Timestamp,
    until: Timestamp,
    other_from: Timestamp,
    other_until: Timestamp,
) -> bool {
    other_from.millis_since(until) < GAP_MS_MIN && from.millis_since(other_until) < GAP_MS_MIN
}

/// Whether an entry may still be extended: one that is about to go for its age may not, so that what is new stays.
pub fn may_extend(id: u64, next_id: u64) -> bool {
    next_id.saturating_sub(id) < ENTRIES_MAX / 2
}
