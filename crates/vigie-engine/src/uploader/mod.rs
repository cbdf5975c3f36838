//! The uploader job of one stream: what is sent when, and when a fragment counts as uploaded.
//!
//! Decides; the agent's shell connects, streams fragments from disk and reads acknowledgements. Oldest media goes first
//! and the live edge is followed while a window is open. A fragment is uploaded when its PERSISTED acknowledgement is
//! there and at no other moment. Whatever was sent and not acknowledged when a connection or the agent died is in doubt:
//! the next connection asks with ListFragments what the service holds before it sends, so nothing is uploaded twice. The
//! job never ends by itself and holds no media: the backlog stays in the store, which is asked for the next few.
//!
//! The connection is opened *before* the service is asked: a service that lets one producer in at a time is then done
//! with the former connection, and nothing of it can arrive after the answer.

mod answers;
mod connection;
mod failure;
mod held;
mod message;
mod sending;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_errors;
#[cfg(test)]
mod tests_link;

use std::time::Duration;

use jiff::tz::TimeZone;
use vigie_kvs::acknowledgement::ErrorId;
use vigie_media::Timestamp;

use crate::backoff::{self, Backoff};
use crate::chance::Chance;
use crate::clock::Now;
use crate::job_status::{JobOutcome, JobStatus};
use crate::schedule::{OVER_DETAILS, Schedule, ScheduleTracker};
use connection::{Connection, Sent};
use held::Held;
use sending::{complete_last, is_due};

pub use failure::Failure;
pub use message::{Action, Backlog, Event, Listed, Pending, State};

/// How long opening a connection, or asking what the service holds, may take without progress.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a connection may be without progress (bytes written, acknowledgements) while fragments are in flight.
pub const STALL_AFTER: Duration = Duration::from_secs(30);
/// How long the service may take to end its answer once all is confirmed.
const END_TIMEOUT: Duration = Duration::from_secs(5);
/// The service may end a connection for its age (4003) at any time after this; earlier it is a failure.
const OLD_AFTER: Duration = Duration::from_secs(60);
/// A connection without media is ended before the service does it (30 s, API_PutMedia).
pub const IDLE_AFTER: Duration = Duration::from_secs(20);
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// At least this often the shell calls [`Event::Tick`], so that a step of the wall clock is noticed.
const TICK_AT_LEAST: Duration = Duration::from_secs(60);
/// Errors that name no fragment, in a row and without progress, after which the oldest in flight is held to be the cause.
const UNEXPLAINED_ERRORS_MAX: u32 = 3;

/// What may have been sent without an acknowledgement being seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doubt {
    Nothing,
    /// Timecodes from, until.
    Range(Timestamp, Timestamp),
    /// The agent has just started and does not know.
    Everything,
}

/// The job. `I` is the store's name for a fragment.
#[derive(Clone, Debug)]
pub struct Uploader<I> {
    windows: ScheduleTracker,
    state: State,
    attempt: u64,
    connection: Option<Connection<I>>,
    doubt: Doubt,
    /// What the service holds of the fragments that are in doubt.
    held_by_service: Held,
    backoff: Backoff,
    last_failure: Option<Failure>,
    unexplained_errors: u32,
    refused: u64,
    last_refusal: Option<ErrorId>,
    cannot_list: bool,
    is_at_live_edge: bool,
    is_live: bool,
    status: JobStatus,
}

impl<I: Copy + Ord> Uploader<I> {
    /// A job that has done nothing yet; the first [`Event::Tick`] starts it.
    pub fn new(schedule: Schedule, zone: TimeZone, now: Timestamp) -> Self {
        Self {
            windows: ScheduleTracker::new(schedule, zone),
            state: State::WaitingForWindow,
            attempt: 0,
            connection: None,
            doubt: Doubt::Everything,
            held_by_service: Held::default(),
            backoff: Backoff::default(),
            last_failure: None,
            unexplained_errors: 0,
            refused: 0,
            last_refusal: None,
            cannot_list: false,
            is_at_live_edge: false,
            is_live: false,
            status: JobStatus::new("starting", now),
        }
    }

    /// Goes on where a former process stopped: when it had its last acknowledgement.
    pub fn resume(&mut self, last_collected: Option<Timestamp>) {
        self.status.last_collected = last_collected;
    }

    /// The schedule is read in another zone from now on; the next event acts by it.
    pub fn set_zone(&mut self, zone: TimeZone) {
        self.windows.set_zone(zone);
    }

    /// Where the job stands.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// What it says about itself.
    pub fn status(&self) -> &JobStatus {
        &self.status
    }

    /// Whether a fragment that becomes whole now is sent now: a window is open for it, and all before it is sent.
    pub fn is_live(&self) -> bool {
        self.is_live
    }

    /// How many fragments the service refused since the agent started.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// The fragments in flight, oldest first.
    pub fn in_flight(&self) -> impl Iterator<Item = I> + '_ {
        self.connection
            .iter()
            .flat_map(|connection| connection.in_flight.iter().map(|sent| sent.id))
    }

    /// Takes an event in and says what has to be done.
    pub fn handle(
        &mut self,
        event: Event<I>,
        backlog: &dyn Backlog<I>,
        now: Now,
        chance: &mut dyn Chance,
    ) -> Vec<Action<I>> {
        let mut actions = Vec::new();
        if self.state != State::Stopped {
            self.take(event, backlog, now, chance, &mut actions);
            self.settle(backlog, now, chance, &mut actions);
        }
        actions
    }

    /// When the next [`Event::Tick`] is due, on the monotonic clock.
    pub fn next_deadline(&mut self, now: Now) -> Duration {
        let to_change_ms = self.windows.next_change(now.wall).millis_since(now.wall).max(0);
        let to_change = now.mono.saturating_add(Duration::from_millis(to_change_ms.unsigned_abs()));
        let own = match (&self.state, &self.connection) {
            (State::Connecting { since } | State::Reconciling { since }, _) => {
                *since + ANSWER_TIMEOUT
            }
            (State::BackingOff { until, .. }, _) => *until,
            (State::Sending, Some(connection)) if connection.in_flight.is_empty() => {
                connection.last_progress + IDLE_AFTER
            }
            (State::Draining, Some(connection)) if connection.in_flight.is_empty() => {
                connection.last_progress + END_TIMEOUT
            }
            (State::Sending | State::Draining, Some(connection)) => {
                connection.last_progress + STALL_AFTER
            }
            _ => Duration::MAX,
        };
        to_change.min(own).min(now.mono + TICK_AT_LEAST)
    }

    fn take(
        &mut self,
        event: Event<I>,
        backlog: &dyn Backlog<I>,
        now: Now,
        chance: &mut dyn Chance,
        actions: &mut Vec<Action<I>>,
    ) {
        match event {
            Event::Tick | Event::MediaAdded => {}
            Event::ConfigChanged { schedule } => {
                self.windows.set_schedule(schedule);
                self.backoff.reset();
                self.last_failure = None;
                if matches!(self.state, State::BackingOff { .. }) {
                    self.state = State::WaitingForMedia;
                }
            }
            Event::MediaReturned => {
                self.doubt = Doubt::Everything;
                if self.connection.is_some() {
                    self.close(actions);
                    self.state = State::WaitingForMedia;
                }
            }
            Event::Stop => {
                self.close(actions);
                self.state = State::Stopped;
                self.status.set(JobOutcome::Success, "stopped", now.wall);
            }
            Event::Connected { attempt } if self.is_current(attempt) => {
                self.connected(backlog, now, actions)
            }
            Event::Listed { attempt, fragments } if self.is_current(attempt) => {
                self.held_by_service.extend(fragments);
                self.reconciled(false, now);
            }
            Event::ListDenied { attempt } if self.is_current(attempt) => self.reconciled(true, now),
            Event::Acknowledged { attempt, acknowledgement } if self.is_current(attempt) => {
                self.acknowledged(acknowledgement, now, chance, actions);
            }
            Event::Progress { attempt } if self.is_current(attempt) => self.progressed(now),
            Event::FragmentGone { attempt, id } if self.is_current(attempt) => {
                if let Some(connection) = &mut self.connection {
                    connection.remove(|sent| sent.id == id);
                }
            }
            Event::Ended { attempt } if self.is_current(attempt) => {
                self.ended(now, chance, actions)
            }
            Event::Failed { attempt, failure } if self.is_current(attempt) => {
                self.fail(failure, now, chance, actions);
            }
            // The answer of a connection that is no more.
            Event::Connected { .. }
            | Event::Listed { .. }
            | Event::ListDenied { .. }
            | Event::Acknowledged { .. }
            | Event::Progress { .. }
            | Event::FragmentGone { .. }
            | Event::Ended { .. }
            | Event::Failed { .. } => {}
        }
    }

    /// Moves on by itself: windows, media and deadlines.
    fn settle(
        &mut self,
        backlog: &dyn Backlog<I>,
        now: Now,
        chance: &mut dyn Chance,
        actions: &mut Vec<Action<I>>,
    ) {
        let due_before = self.windows.due_before(now.wall);
        match self.state {
            State::Stopped => {}
            State::WaitingForWindow | State::WaitingForMedia => {
                self.wait_or_connect(due_before, backlog, now, actions)
            }
            State::BackingOff { until, .. } => {
                if due_before.is_none() || now.mono >= until {
                    self.wait_or_connect(due_before, backlog, now, actions);
                }
            }
            State::Connecting { since } | State::Reconciling { since } => {
                if due_before.is_none() {
                    self.close(actions);
                    self.wait_or_connect(due_before, backlog, now, actions);
                } else if now.mono >= since + ANSWER_TIMEOUT {
                    self.fail(Failure::Unreachable, now, chance, actions);
                }
            }
            State::Sending => match due_before {
                Some(due_before) => {
                    self.pump(due_before, backlog, now, chance, actions);
                    complete_last(actions);
                }
                None => self.drain(now, actions),
            },
            State::Draining => {}
        }
        if self.state == State::Draining {
            self.settle_draining(backlog, now, chance, actions);
        }
        let sends_next = match self.state {
            State::Sending => self.is_at_live_edge,
            State::WaitingForMedia => true,
            _ => false,
        };
        self.is_live = sends_next && due_before == Some(Timestamp::MAX);
    }

    /// Nothing runs: go to the fitting wait, or connect for the oldest fragment that is due.
    fn wait_or_connect(
        &mut self,
        due_before: Option<Timestamp>,
        backlog: &dyn Backlog<I>,
        now: Now,
        actions: &mut Vec<Action<I>>,
    ) {
        let Some(due_before) = due_before else {
            self.state = State::WaitingForWindow;
            self.backoff.reset();
            if self.windows.is_over(now.wall) {
                self.status.set(JobOutcome::UserError, OVER_DETAILS, now.wall);
            } else {
                self.say("waiting for the next window of ScheduleConfig", now);
            }
            return;
        };
        let first = backlog.not_uploaded_after(None, 1).first().copied();
        let Some(first) = first.filter(|first| is_due(first.timecode, due_before, now.wall)) else {
            self.state = State::WaitingForMedia;
            self.say("everything that is due is uploaded", now);
            return;
        };
        self.attempt += 1;
        self.state = State::Connecting { since: now.mono };
        self.connection = Some(Connection::new(first.document, now.mono));
        actions.push(Action::Connect {
            attempt: self.attempt,
            document: first.document,
            start: first.timecode,
        });
    }

    fn connected(&mut self, backlog: &dyn Backlog<I>, now: Now, actions: &mut Vec<Action<I>>) {
        if !matches!(self.state, State::Connecting { .. }) {
            return;
        }
        let range = match self.doubt {
            Doubt::Nothing => None,
            Doubt::Range(from, until) => Some((from, until)),
            Doubt::Everything => backlog.timecodes_not_uploaded(),
        };
        match range {
            Some((from, until)) => {
                self.state = State::Reconciling { since: now.mono };
                actions.push(Action::ListFragments { attempt: self.attempt, from, until });
            }
            None => self.start_sending(now),
        }
    }

    fn reconciled(&mut self, denied: bool, now: Now) {
        if matches!(self.state, State::Reconciling { .. }) {
            self.cannot_list = denied;
            self.doubt = Doubt::Nothing;
            self.start_sending(now);
        }
    }

    fn progressed(&mut self, now: Now) {
        match &mut self.state {
            State::Connecting { since } | State::Reconciling { since } => *since = now.mono,
            _ => {}
        }
        if let Some(connection) = &mut self.connection {
            connection.last_progress = now.mono;
        }
    }

    fn is_current(&self, attempt: u64) -> bool {
        attempt == self.attempt && self.connection.is_some()
    }

    fn fail(
        &mut self,
        failure: Failure,
        now: Now,
        chance: &mut dyn Chance,
        actions: &mut Vec<Action<I>>,
    ) {
        self.close(actions);
        self.status.set(failure.outcome(), &failure.details(), now.wall);
        if self.last_failure.as_ref() != Some(&failure) {
            self.backoff.reset();
        }
        let wait = self.backoff.next_wait(backoff::FIRST, LONGEST_WAIT, chance);
        self.state = State::BackingOff { until: now.mono + wait, reason: failure.clone() };
        self.last_failure = Some(failure);
    }

    /// Drops the connection; what is in flight on it is in doubt from now on.
    fn close(&mut self, actions: &mut Vec<Action<I>>) {
        let Some(connection) = self.connection.take() else { return };
        actions.push(Action::CloseUpload { attempt: self.attempt });
        for Sent { timecode, .. } in connection.in_flight {
            self.doubt = match self.doubt {
                Doubt::Nothing => Doubt::Range(timecode, timecode),
                Doubt::Range(from, until) => Doubt::Range(from.min(timecode), until.max(timecode)),
                Doubt::Everything => Doubt::Everything,
            };
        }
    }

    /// Says a success, unless the last word is a failure that nothing has contradicted yet.
    fn say(&mut self, what: &str, now: Now) {
        if self.last_failure.is_some() {
            return;
        }
        let refused = match self.last_refusal {
            Some(error) => format!(
                "; the service refused {} fragments, the last with {} {}: they stay on this hub until they are deleted",
                self.refused,
                error.id(),
                error.code()
            ),
            None => String::new(),
        };
        let cannot_list = if self.cannot_list {
            "; allow kinesisvideo:ListFragments to the hub's access key, else fragments may be uploaded twice after an \
             interruption"
        } else {
            ""
        };
        // Said per acknowledgement: the plain case allocates nothing.
        if refused.is_empty() && cannot_list.is_empty() {
            self.status.set(JobOutcome::Success, what, now.wall);
        } else {
            self.status.set(
                JobOutcome::Success,
                &format!("{what}{refused}{cannot_list}"),
                now.wall,
            );
        }
    }
}
