//! The recorder job of one stream: when it connects to its source, when it gives up a session, what it says about it.
//!
//! Decides; the agent's shell resolves secrets, opens sources and writes media. The job never ends by itself: whatever
//! fails is tried again, with growing waits, for as long as the configuration stands. It never sees a secret or a URI,
//! only what kind of failure they led to.
//!
//! Every attempt has a number that goes out with its actions and comes back with its events, so that the late answer of
//! a session that was closed moves nothing.

mod address;
mod failure;
mod left_out;
mod message;
mod missed;
mod remarks;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_windows;

use std::time::Duration;

use jiff::tz::TimeZone;
use vigie_media::Timestamp;

use crate::backoff::Backoff;
use crate::chance::Chance;
use crate::clock::Now;
use crate::job_status::{JobOutcome, JobStatus};
use crate::schedule::{OVER_DETAILS, Schedule, ScheduleTracker, Window};

use missed::MissedWindows;
use remarks::Remarks;

pub use address::{CameraHost, ConnectCause, UriFault};
pub use failure::{Failure, SpaceDenial};
pub use left_out::{LeftOut, LeftOutReason, Medium};
pub use message::{Action, Event, SourceKind, State};

/// A camera that sends no frame for so long is taken for dead.
pub const STALL_AFTER: Duration = Duration::from_secs(10);
/// How long opening a source may take. Longer than a camera may take to answer two requests, so that the source itself
/// says first which one was not answered.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// How long resolving a secret may take.
pub const RESOLVE_TIMEOUT: Duration = Duration::from_secs(30);
/// What fails so soon after the hub itself stood still is not the camera's doing.
const PAUSE_EXCUSES: Duration = Duration::from_secs(10);
/// A session that has brought frames for so long ends the row of failures.
const STABLE_AFTER: Duration = Duration::from_secs(10);
/// A camera that sends pictures for so long without a key frame is set wrongly.
const KEY_FRAME_WITHIN: Duration = Duration::from_secs(20);
/// At least this often the shell calls [`Event::Tick`], so that a step of the wall clock is noticed.
const TICK_AT_LEAST: Duration = Duration::from_secs(10);

/// The job.
#[derive(Clone, Debug)]
pub struct Recorder {
    windows: ScheduleTracker,
    source: SourceKind,
    state: State,
    /// Since the last recording.
    missed: MissedWindows,
    attempt: u64,
    denied: Option<SpaceDenial>,
    /// A watched folder holds nothing more to record.
    is_folder_idle: bool,
    remarks: Remarks,
    /// In this attempt.
    lacks_parameter_sets: bool,
    paused_at: Option<Duration>,
    backoff: Backoff,
    /// Failures of another kind start the waits anew: a camera that refused connections for an hour and now boots is
    /// not kept waiting for its first half-ready answers.
    last_failure: Option<Failure>,
    status: JobStatus,
}

impl Recorder {
    /// A job that has done nothing yet; the first [`Event::Tick`] starts it.
    pub fn new(schedule: Schedule, source: SourceKind, zone: TimeZone, now: Timestamp) -> Self {
        Self {
            windows: ScheduleTracker::new(schedule, zone),
            source,
            state: State::WaitingForWindow,
            missed: MissedWindows::new(now),
            attempt: 0,
            denied: None,
            is_folder_idle: false,
            remarks: Remarks::default(),
            lacks_parameter_sets: false,
            paused_at: None,
            backoff: Backoff::default(),
            last_failure: None,
            status: JobStatus::new("starting", now),
        }
    }

    /// Goes on where a former process stopped, before the first event: until when it ran, so that the windows since then
    /// are known to be missed, and when it last stored media.
    pub fn resume(&mut self, ran_until: Option<Timestamp>, last_collected: Option<Timestamp>) {
        if let Some(ran_until) = ran_until {
            self.missed = MissedWindows::new(ran_until);
        }
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

    /// The number of the latest attempt; frames of another are not to be stored.
    pub fn attempt(&self) -> u64 {
        self.attempt
    }

    /// Whether the source is open and has nothing to give until something new comes: a watched folder.
    pub fn is_folder_idle(&self) -> bool {
        self.is_folder_idle && matches!(self.state, State::Recording { .. })
    }

    /// Takes an event in and says what has to be done.
    pub fn handle(&mut self, event: Event, now: Now, chance: &mut dyn Chance) -> Vec<Action> {
        let mut actions = Vec::new();
        if self.state != State::Stopped {
            self.take(event, now, chance, &mut actions);
            self.settle(now, chance, &mut actions);
        }
        actions
    }

    /// When the next [`Event::Tick`] is due, on the monotonic clock.
    pub fn next_deadline(&mut self, now: Now) -> Duration {
        let to_change_ms = self.windows.next_change(now.wall).millis_since(now.wall).max(0);
        let to_change = now.mono.saturating_add(Duration::from_millis(to_change_ms.unsigned_abs()));
        let own = match self.state {
            State::Resolving { since } => since + RESOLVE_TIMEOUT,
            State::Connecting { since } if self.source == SourceKind::Rtsp => {
                since + CONNECT_TIMEOUT
            }
            State::Recording { last_frame, .. } if self.source == SourceKind::Rtsp => {
                last_frame + STALL_AFTER
            }
            State::BackingOff { until, .. } => until,
            _ => Duration::MAX,
        };
        to_change.min(own).min(now.mono + TICK_AT_LEAST)
    }

    fn take(&mut self, event: Event, now: Now, chance: &mut dyn Chance, actions: &mut Vec<Action>) {
        match event {
            Event::Tick => {}
            Event::ConfigChanged { schedule, source, same_source } => {
                self.windows.set_schedule(schedule);
                self.missed = MissedWindows::new(now.wall);
                self.source = source;
                self.backoff.reset();
                self.last_failure = None;
                let goes_on =
                    same_source && matches!(self.state, State::Recording { .. } | State::Finished);
                if !goes_on {
                    self.close(actions);
                    self.state = State::WaitingForWindow;
                }
            }
            Event::SecretResolved { attempt } if self.is_current(attempt) => {
                if matches!(self.state, State::Resolving { .. }) {
                    self.state = State::Connecting { since: now.mono };
                    actions.push(Action::OpenSource { attempt });
                }
            }
            Event::SecretForeseen { failure } if self.state == State::WaitingForWindow => {
                if !self.windows.is_over(now.wall) {
                    self.secret_foreseen(failure, now);
                }
            }
            Event::SourceOpened { attempt } if self.is_current(attempt) => {
                if matches!(self.state, State::Connecting { .. }) {
                    self.state = State::Recording { since: now.mono, last_frame: now.mono };
                }
            }
            Event::FramesStored { attempt } if self.is_current(attempt) => self.frames_stored(now),
            Event::LongGroupOfPictures { attempt } if self.is_current(attempt) => {
                self.remarks.long_group_of_pictures();
                self.frames_stored(now);
            }
            Event::PacketsLost { attempt, over_udp } if self.is_current(attempt) => {
                self.remarks.packets_lost(over_udp, now.mono);
            }
            Event::WaitsForKeyFrame { attempt } if self.is_current(attempt) => {
                self.waits_for_key_frame(now);
            }
            Event::NoParameterSets { attempt } if self.is_current(attempt) => {
                self.lacks_parameter_sets = true;
            }
            Event::StampsDeviate { attempt, deviation } if self.is_current(attempt) => {
                self.remarks.stamps_deviate(deviation, now.mono);
            }
            Event::SteppedBack { attempt, by_ms } if self.is_current(attempt) => {
                self.remarks.stepped_back(by_ms, now.mono);
            }
            Event::LeftOut { attempt, left_out } if self.is_current(attempt) => {
                self.remarks.leave_out(left_out);
            }
            Event::BrokenOff { attempt, after } if self.is_current(attempt) => {
                self.remarks.broken_off = Some(after);
            }
            Event::FolderIdle { attempt, skipped, broken_off } if self.is_current(attempt) => {
                self.folder_idle(skipped, broken_off, now);
            }
            Event::Paused { lasted } => self.paused(lasted, now),
            Event::Failed { attempt, failure } if self.is_current(attempt) => {
                self.fail(failure, now, chance, actions);
            }
            Event::SourceEnded { attempt } if self.is_current(attempt) => match self.source {
                SourceKind::Rtsp => self.fail(Failure::Ended, now, chance, actions),
                SourceKind::File => {
                    self.close(actions);
                    self.state = State::Finished;
                    let until = match self.remarks.broken_off {
                        None => "to its end".to_owned(),
                        Some(after) => {
                            format!("to where it breaks off, after {:.1} s", after.as_secs_f64())
                        }
                    };
                    let details =
                        format!("the file is recorded {until}{}", self.remarks.left_out());
                    self.status.set(JobOutcome::Success, &details, now.wall);
                }
            },
            // The answer of a session that is no more.
            Event::SecretResolved { .. }
            | Event::SecretForeseen { .. }
            | Event::SourceOpened { .. }
            | Event::FramesStored { .. }
            | Event::LongGroupOfPictures { .. }
            | Event::PacketsLost { .. }
            | Event::WaitsForKeyFrame { .. }
            | Event::NoParameterSets { .. }
            | Event::StampsDeviate { .. }
            | Event::SteppedBack { .. }
            | Event::LeftOut { .. }
            | Event::BrokenOff { .. }
            | Event::FolderIdle { .. }
            | Event::Failed { .. }
            | Event::SourceEnded { .. } => {}
            Event::SpaceDenied(denial) => self.denied = Some(denial),
            Event::SpaceFree => self.denied = None,
            Event::Stop => {
                self.close(actions);
                self.state = State::Stopped;
                self.status.set(JobOutcome::Success, "stopped", now.wall);
            }
        }
    }

    /// Moves on by itself: windows, space and deadlines.
    fn settle(&mut self, now: Now, chance: &mut dyn Chance, actions: &mut Vec<Action>) {
        if matches!(self.state, State::Stopped | State::Finished) {
            return;
        }
        self.missed.look(&mut self.windows, now.wall);
        if self.windows.window_at(now.wall).is_none() {
            self.rest(State::WaitingForWindow, actions);
            if self.windows.is_over(now.wall) {
                let details = format!("{OVER_DETAILS}{}", self.missed);
                self.status.set(JobOutcome::UserError, &details, now.wall);
                return;
            }
            // What failed in the last window stays said until a window brings media.
            if self.last_failure.is_none() {
                let details =
                    format!("waiting for the next window of ScheduleConfig{}", self.missed);
                self.status.set(JobOutcome::Success, &details, now.wall);
            }
            return;
        }
        if let Some(denial) = self.denied {
            self.rest(State::PausedForSpace, actions);
            self.status.set(denial.outcome(), denial.details(), now.wall);
            return;
        }
        match self.state {
            State::WaitingForWindow | State::PausedForSpace => self.begin_attempt(now, actions),
            State::BackingOff { until, .. } if now.mono >= until => {
                self.begin_attempt(now, actions)
            }
            State::Resolving { since } if now.mono >= since + RESOLVE_TIMEOUT => {
                self.fail(Failure::SecretUnreachable, now, chance, actions);
            }
            // A file is read through before it opens, however long that takes.
            State::Connecting { since }
                if self.source == SourceKind::Rtsp && now.mono >= since + CONNECT_TIMEOUT =>
            {
                let failure = match self.lacks_parameter_sets {
                    true => Failure::NoParameterSets,
                    false => Failure::NotOpened,
                };
                self.fail(failure, now, chance, actions);
            }
            State::Recording { last_frame, .. }
                if self.source == SourceKind::Rtsp && now.mono >= last_frame + STALL_AFTER =>
            {
                self.fail(Failure::Stalled, now, chance, actions);
            }
            _ => {}
        }
    }

    /// The windows that were missed since media was last recorded, from the first to the last.
    pub fn missed(&self) -> Option<Window> {
        self.missed.range()
    }

    fn is_current(&self, attempt: u64) -> bool {
        attempt == self.attempt && self.is_active()
    }

    /// Whether the shell works for an attempt.
    fn is_active(&self) -> bool {
        matches!(
            self.state,
            State::Resolving { .. } | State::Connecting { .. } | State::Recording { .. }
        )
    }

    /// Reads the secret anew each time: a corrected password is a new version of the secret.
    fn begin_attempt(&mut self, now: Now, actions: &mut Vec<Action>) {
        self.attempt += 1;
        self.lacks_parameter_sets = false;
        self.remarks.begin_attempt();
        self.state = State::Resolving { since: now.mono };
        actions.push(Action::ResolveSecret { attempt: self.attempt });
        if self.last_failure.is_none() {
            let details = format!("connecting to the source{}", self.missed);
            self.status.set(JobOutcome::Success, &details, now.wall);
        }
    }

    fn frames_stored(&mut self, now: Now) {
        let State::Recording { since, last_frame } = &mut self.state else { return };
        *last_frame = now.mono;
        self.missed.forget();
        self.is_folder_idle = false;
        if now.mono >= *since + STABLE_AFTER && self.last_failure.take().is_some() {
            self.backoff.reset();
        }
        self.status.collected(now.wall);
        let details = self.remarks.recording(now.mono);
        self.status.set(JobOutcome::Success, &details, now.wall);
    }

    /// The camera is alive; when its next key frame comes is its own affair.
    fn waits_for_key_frame(&mut self, now: Now) {
        let State::Recording { since, last_frame } = &mut self.state else { return };
        *last_frame = now.mono;
        let outcome = match now.mono < *since + KEY_FRAME_WITHIN {
            true => JobOutcome::Success,
            false => JobOutcome::UserError,
        };
        let details = "waiting for the camera's first key frame, before which no picture can be decoded; set its key frame \
                       (I-frame) interval to 2 s";
        self.status.set(outcome, details, now.wall);
    }

    fn fail(
        &mut self,
        failure: Failure,
        now: Now,
        chance: &mut dyn Chance,
        actions: &mut Vec<Action>,
    ) {
        let is_excused = self.paused_at.is_some_and(|at| now.mono < at + PAUSE_EXCUSES)
            && failure.may_come_of_a_pause();
        let failure = if is_excused { Failure::HubPaused } else { failure };
        self.close(actions);
        self.status.set(failure.outcome(), &failure.details(), now.wall);
        if self.last_failure.as_ref() != Some(&failure) {
            self.backoff.reset();
        }
        let longest = failure.longest_wait(self.backoff.failures());
        let wait = self.backoff.next_wait(failure.first_wait(), longest, chance);
        self.state = State::BackingOff { until: now.mono + wait, reason: failure.clone() };
        self.last_failure = Some(failure);
    }

    /// What the next window would fail with is said while there is time to mend it.
    fn secret_foreseen(&mut self, failure: Option<Failure>, now: Now) {
        match failure {
            Some(failure) => {
                self.status.set(failure.outcome(), &failure.details(), now.wall);
                self.last_failure = Some(failure);
            }
            None => {
                self.last_failure.take_if(|failure| failure.is_of_secret());
            }
        }
    }

    fn folder_idle(&mut self, skipped: u64, broken_off: u64, now: Now) {
        self.last_failure = None;
        self.is_folder_idle = true;
        let left_out = self.remarks.left_out();
        let broken_off = match broken_off {
            0 => String::new(),
            count => format!(", {count} of them to where they break off"),
        };
        match skipped {
            0 => {
                let details = format!(
                    "every file of the folder is recorded{broken_off}; waiting for new ones{left_out}"
                );
                self.status.set(JobOutcome::Success, &details, now.wall);
            }
            skipped => {
                let details = format!(
                    "waiting for new files; {skipped} files of the folder are no MP4 or Matroska files with H.264 or \
                     H.265 video, cannot be read, are no regular files, or lie outside --file-root; the agent's log \
                     names them; replace them; the others are recorded{broken_off}{left_out}"
                );
                self.status.set(JobOutcome::UserError, &details, now.wall);
            }
        }
    }

    /// Leaves the time in which the hub stood still out of what is waited for.
    fn paused(&mut self, lasted: Duration, now: Now) {
        self.paused_at = Some(now.mono);
        match &mut self.state {
            State::Resolving { since } | State::Connecting { since } => *since += lasted,
            State::Recording { last_frame, .. } => {
                *last_frame = (*last_frame + lasted).min(now.mono)
            }
            _ => {}
        }
    }

    /// Goes to a state in which nothing runs.
    fn rest(&mut self, state: State, actions: &mut Vec<Action>) {
        if self.state != state {
            self.close(actions);
            self.backoff.reset();
            self.state = state;
        }
    }

    fn close(&mut self, actions: &mut Vec<Action>) {
        match self.state {
            State::Connecting { .. } => actions.push(Action::CloseSource),
            State::Recording { .. } => actions.extend([Action::CloseSource, Action::SealFragment]),
            _ => {}
        }
    }
}
