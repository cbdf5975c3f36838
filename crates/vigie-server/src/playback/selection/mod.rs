//! Which fragments a session shows at a time, with which numbers, and where its timeline breaks.
//!
//! Pure. A session remembers nothing, and still the same fragment has the same media sequence number in every answer
//! of a session, from every instance and after every restart: numbers are counted from the session's first fragment,
//! which the token names, by a walk over the stored fragments that has one outcome. [`Progress`] is where a walk stands;
//! keeping one saves walking the same way again and changes nothing else.
//!
//! The order of the walk:
//! - LIVE: the order of ingestion, from the first fragment that the session showed. By producer timestamps a fragment
//!   that does not start later than all before it is left out: it came late, or twice.
//! - LIVE_REPLAY and ON_DEMAND: the order of the selector's clock, within the range.

use std::collections::VecDeque;

use vigie_kvs::FragmentNumber;
use vigie_kvs::shapes::archived_media::FragmentSelectorType;
use vigie_kvs::shapes::streaming_session::DiscontinuityMode;
use vigie_media::sample::timing::SINGLE_PICTURE_MS_MAX;

use super::session::{Mode, PlaybackSession, Protocol};
use crate::archive::FragmentPosition;
use crate::fragment_selection::key_frame::{KEY_FRAME_BEFORE_MS, KEY_FRAME_FRAGMENTS_MAX};
use crate::fragment_selection::{Ingested, SEAM_MS, counts};

/// Where nothing at all tells it.
const SINGLE_PICTURE_MS: i64 = 1000;
/// DASH: a shorter gap stays a gap of the timeline, which players jump; a longer one is left out of it.
const PERIOD_GAP_MS: i64 = 1000;

/// A stored fragment that a session could show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// Where it stands in the order of the walk.
    pub position: FragmentPosition,
    /// Its number; holds its place in the order of ingestion.
    pub number: FragmentNumber,
    /// When it begins by the producer's clock.
    pub producer_ms: i64,
    /// When the server began to receive it.
    pub server_ms: i64,
    /// How long it lasts; 0 where it does not say so.
    pub duration_ms: i64,
    /// Its length as it is stored.
    pub size_bytes: u64,
    /// Which codec parameters it needs.
    pub parameters_id: u64,
    /// Whether players can begin with it.
    pub begins_with_key_frame: bool,
}

impl Candidate {
    /// When it ends by the producer's clock.
    pub(crate) fn producer_end_ms(&self) -> i64 {
        self.producer_ms.saturating_add(self.duration_ms)
    }

    fn ingested(&self) -> Ingested {
        Ingested {
            producer_ms: self.producer_ms,
            producer_end_ms: self.producer_end_ms(),
            server_ms: self.server_ms,
        }
    }
}

/// A fragment that a session shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub fragment: Candidate,
    /// Its media sequence number; 1 is the session's first.
    pub sequence_number: u64,
    /// How many discontinuities the session has had up to its start.
    pub discontinuity_number: u64,
    /// The run of media without a break that it belongs to: a DASH period.
    pub period: Period,
}

/// Media without a break in time or codec parameters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Period {
    /// 1 is the session's first.
    pub number: u64,
    /// Where it begins on the session's timeline.
    pub start_ms: i64,
    /// The producer timestamp of its first fragment.
    pub producer_start_ms: i64,
}

impl Period {
    /// A producer timestamp on the session's timeline.
    pub(crate) fn presentation_ms(&self, producer_ms: i64) -> i64 {
        self.start_ms.saturating_add(producer_ms).saturating_sub(self.producer_start_ms)
    }
}

/// Where a walk stands, with what it shows. The default is its beginning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// The last fragment that was looked at, shown or not.
    pub position: Option<FragmentPosition>,
    /// What is shown, oldest first.
    pub window: VecDeque<Entry>,
    /// The longest fragment that the session has shown; never less later on.
    pub longest_ms: i64,
    shown: u64,
    discontinuities: u64,
    last: Option<Candidate>,
    period: Period,
    /// LIVE_REPLAY: when the last fragment was shown, after the session was made.
    replayed_ms: i64,
}

impl Progress {
    /// The number of the next fragment that will be shown.
    pub(crate) fn next_number(&self) -> u64 {
        self.shown + 1
    }

    /// How many fragments have been shown.
    pub(crate) fn shown(&self) -> u64 {
        self.shown
    }
}

/// A walk under way.
#[derive(Debug)]
pub(crate) struct Walk<'a> {
    session: &'a PlaybackSession,
    now_ms: i64,
    state: Progress,
    ended: bool,
}

impl<'a> Walk<'a> {
    /// From `from` on: the beginning, or where an earlier walk of the same session ended.
    pub(crate) fn new(session: &'a PlaybackSession, from: Progress, now_ms: i64) -> Self {
        Self { session, now_ms, state: from, ended: false }
    }

    /// Whether more fragments can change anything now.
    pub(crate) fn wants_more(&self) -> bool {
        !self.ended
    }

    /// LIVE: says which fragment is the first that is still there. When the session's own first one has been deleted,
    /// what it showed cannot be counted any more: the sequences stand for it. Numbers may then skip, and never go back.
    pub(crate) fn begin_at(&mut self, sequence: u64) {
        if let Mode::Live { first_sequence, .. } = self.session.mode
            && self.state.last.is_none()
        {
            self.state.shown = sequence.saturating_sub(first_sequence);
        }
    }

    /// Takes the next fragment in order; `next` is the one behind it, if there is one yet.
    pub(crate) fn push(&mut self, fragment: Candidate, next: Option<&Candidate>) {
        if self.ended {
            return;
        }
        let Some(fragment) = self.with_duration(fragment, next) else {
            self.ended = true;
            return;
        };
        let shown_at = self.shown_at(&fragment, next);
        if self.ended {
            return;
        }
        self.state.position = Some(fragment.position);
        let Some(replayed_ms) = shown_at else { return };
        self.state.replayed_ms = replayed_ms;
        let entry = self.show(fragment);
        self.state.window.push_back(entry);
        let fragments_max = usize::from(self.session.fragments_max);
        match self.session.mode {
            Mode::OnDemand { .. } => self.ended = self.state.window.len() >= fragments_max,
            Mode::Live { .. } | Mode::LiveReplay { .. } => {
                let passed = beginning_of_window(&self.state.window, fragments_max);
                self.state.window.drain(..passed);
            }
        }
    }

    /// With a duration that it says, or that the next one tells; `None` where that has yet to come.
    fn with_duration(&self, fragment: Candidate, next: Option<&Candidate>) -> Option<Candidate> {
        if fragment.duration_ms > 0 {
            return Some(fragment);
        }
        let until_next = next.map(|next| next.producer_ms.saturating_sub(fragment.producer_ms));
        let as_before = || self.state.last.map_or(SINGLE_PICTURE_MS, |last| last.duration_ms);
        let duration_ms = match until_next {
            Some(distance_ms) if (1..=SINGLE_PICTURE_MS_MAX).contains(&distance_ms) => distance_ms,
            Some(_) => as_before(),
            None => {
                let waited_ms = self.now_ms.saturating_sub(fragment.server_ms);
                if self.session.is_live() && waited_ms <= SINGLE_PICTURE_MS_MAX {
                    return None;
                }
                as_before()
            }
        };
        Some(Candidate { duration_ms, ..fragment })
    }

    /// How many fragments have been shown.
    pub(crate) fn shown(&self) -> u64 {
        self.state.shown
    }

    /// Where it ended.
    pub(crate) fn finish(self) -> Progress {
        self.state
    }

    /// When `fragment` is shown, in milliseconds after the session was made (LIVE_REPLAY; otherwise 0); `None` when it
    /// never is. Ends the walk at the first fragment whose time has not come.
    fn shown_at(&mut self, fragment: &Candidate, next: Option<&Candidate>) -> Option<i64> {
        let by_producer = self.session.selector == FragmentSelectorType::ProducerTimestamp;
        if by_producer {
            let passed = |last: Candidate| fragment.producer_ms <= last.producer_ms;
            if self.state.last.is_some_and(passed) {
                return None;
            }
        }
        let Mode::LiveReplay { initial_count, initial_ms: _, .. } = self.session.mode else {
            let live = matches!(self.session.mode, Mode::Live { .. });
            return (live || !by_producer || self.is_wanted(fragment, next)).then_some(0);
        };
        if by_producer && !self.is_wanted(fragment, next) {
            return None;
        }
        let due = |fragment: &Candidate| {
            if self.state.shown < u64::from(initial_count) {
                0
            } else {
                self.state.replayed_ms.saturating_add(fragment.duration_ms)
            }
        };
        let arrived = |fragment: &Candidate| fragment.server_ms - self.session.created_ms;
        let at = due(fragment);
        // It came after the place it would have had was passed by one that stands behind it.
        if let Some(next) = next
            && arrived(fragment) > at.max(due(next)).max(arrived(next))
        {
            return None;
        }
        if self.session.created_ms.saturating_add(at) > self.now_ms {
            self.ended = true;
        }
        Some(at)
    }

    fn is_wanted(&self, fragment: &Candidate, next: Option<&Candidate>) -> bool {
        let last = self.state.last.map(|last| last.ingested());
        counts(last.as_ref(), &fragment.ingested(), next.map(Candidate::ingested).as_ref())
    }

    fn show(&mut self, fragment: Candidate) -> Entry {
        let session = self.session;
        let state = &mut self.state;
        if let Some(last) = state.last {
            let gap_ms = fragment.producer_ms.saturating_sub(last.producer_end_ms());
            let new_parameters = fragment.parameters_id != last.parameters_id;
            if is_discontinuity(session.protocol, gap_ms, new_parameters) {
                state.discontinuities += 1;
            }
            if new_parameters || !(-SEAM_MS..=PERIOD_GAP_MS).contains(&gap_ms) {
                let ends_at = state.period.presentation_ms(last.producer_end_ms());
                state.period = Period {
                    number: state.period.number + 1,
                    start_ms: period_start(session, ends_at, &fragment),
                    producer_start_ms: fragment.producer_ms,
                };
            }
        } else {
            state.period =
                Period { number: 1, start_ms: 0, producer_start_ms: fragment.producer_ms };
        }
        state.shown += 1;
        state.last = Some(fragment);
        state.longest_ms = state.longest_ms.max(fragment.duration_ms);
        Entry {
            fragment,
            sequence_number: state.shown,
            discontinuity_number: state.discontinuities,
            period: state.period,
        }
    }
}

/// How many entries have left a growing window: all but the newest ones, and those back to the key frame that the first of them
/// needs.
fn beginning_of_window(window: &VecDeque<Entry>, fragments_max: usize) -> usize {
    let wanted = window.len().saturating_sub(fragments_max);
    let Some(first) = window.get(wanted) else { return 0 };
    let is_near = |entry: &&Entry| {
        let before_ms = first.fragment.server_ms.saturating_sub(entry.fragment.server_ms);
        before_ms <= KEY_FRAME_BEFORE_MS
    };
    let back = window.iter().take(wanted + 1).rev().take(KEY_FRAME_FRAGMENTS_MAX);
    let mut back = back.take_while(is_near);
    let key_frame = back.position(|entry| entry.fragment.begins_with_key_frame);
    wanted - key_frame.unwrap_or(0)
}

fn is_discontinuity(protocol: Protocol, gap_ms: i64, new_parameters: bool) -> bool {
    match protocol {
        Protocol::Hls { discontinuity: DiscontinuityMode::Always, .. } => true,
        Protocol::Hls { discontinuity: DiscontinuityMode::OnDiscontinuity, .. } => {
            new_parameters || gap_ms.abs() > SEAM_MS
        }
        Protocol::Hls { discontinuity: DiscontinuityMode::Never, .. } | Protocol::Dash { .. } => {
            false
        }
    }
}

/// Where a new period begins: behind the one before it, and in a live session not before its media came, so that the
/// edge of the timeline stays at the present.
fn period_start(session: &PlaybackSession, ends_at: i64, first: &Candidate) -> i64 {
    match session.mode {
        Mode::Live { .. } => {
            let origin = timeline_origin_ms(session);
            ends_at.max(first.server_ms.saturating_sub(origin))
        }
        Mode::LiveReplay { .. } | Mode::OnDemand { .. } => ends_at,
    }
}

/// The wall-clock time of the zero of a growing session's timeline: what the session showed when it was made ended at
/// that moment.
pub(crate) fn timeline_origin_ms(session: &PlaybackSession) -> i64 {
    match session.mode {
        Mode::Live { initial_ms, .. } | Mode::LiveReplay { initial_ms, .. } => {
            session.created_ms.saturating_sub(initial_ms)
        }
        Mode::OnDemand { .. } => session.created_ms,
    }
}

#[cfg(test)]
mod tests;
