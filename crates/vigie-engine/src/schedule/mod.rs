//! When a job may run: KVS `ScheduleConfig` as windows of time.
//!
//! Decides which window a moment lies in and when the next one opens. Every fire of the cron expression opens a window
//! of `DurationInSeconds`; windows that touch or overlap are one window without a gap, so an hourly fire of 3600 s means
//! always. Whoever asks in the middle of a window joins it: nothing depends on having seen it open. A fire that a spring
//! gap skips opens no window that day, and one that the autumn repeats opens a window on the second pass only (see
//! [`crate::cron`]). It never waits and never reads a clock.

#[cfg(test)]
mod tests;

use std::time::Duration;

use jiff::tz::TimeZone;
use vigie_media::Timestamp;

use crate::cron::CronExpression;

/// How far ahead and back merging looks. A window that goes on for longer is reported in parts that follow each other
/// without a gap: ask again at `until`.
const MERGE_HORIZON: Duration = Duration::from_secs(3600);
const HOUR_MS: i64 = 3_600_000;
/// What a job says whose schedule is over. Quartz's scheduler refuses such a trigger in the same sense.
pub const OVER_DETAILS: &str = "by its ScheduleConfig this job will never run: no date is left on which the \
                                ScheduleExpression fires; give one that does";

/// When a job runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// No `ScheduleConfig` of the recorder: all the time.
    Always,
    /// No `ScheduleConfig` of the uploader. At each full hour of the zone a run starts that uploads the backlog of that
    /// moment and ends when that is done. It is decided by one rule that keeps no state: media that began before the
    /// latest full hour is due. A run that a restart or an outage interrupts therefore goes on afterwards, and
    /// media of the current hour waits for the next.
    Hourly,
    /// Each fire opens a window of `duration_seconds`.
    Windows {
        /// `ScheduleExpression`.
        cron: CronExpression,
        /// `DurationInSeconds`, 60 to 3600.
        duration_seconds: u32,
    },
}

/// The time from `from` up to, and without, `until`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// When it opened. For a window that has been open for long, some moment since it opened.
    pub from: Timestamp,
    /// When it closes. For a window that stays open for long, some moment before it closes: ask again then.
    pub until: Timestamp,
}

impl Window {
    /// Whether `at` lies in it.
    pub fn contains(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.until
    }
}

impl Schedule {
    /// The window that `now` lies in, merged with its neighbours.
    pub fn window_at(&self, now: Timestamp, zone: &TimeZone) -> Option<Window> {
        match self {
            Self::Always => Some(Window { from: Timestamp::MIN, until: Timestamp::MAX }),
            Self::Hourly => {
                let from = full_hour(now, zone);
                Some(Window { from, until: from.plus_millis(HOUR_MS) })
            }
            Self::Windows { cron, duration_seconds } => {
                let open_ms = i64::from(*duration_seconds) * 1000;
                let fire = cron.previous_valid_time(now, zone)?;
                (now.millis_since(fire) < open_ms).then(|| Window {
                    from: merged_from(cron, open_ms, fire, now, zone),
                    until: merged_until(cron, open_ms, fire, now, zone),
                })
            }
        }
    }

    /// The window of the first fire after `after`, merged with those that follow. Asked inside a window, it may be the
    /// continuation of that window. `None` when nothing fires any more.
    pub fn next_window_after(&self, after: Timestamp, zone: &TimeZone) -> Option<Window> {
        match self {
            Self::Always => None,
            Self::Hourly => {
                let from = full_hour(after, zone).plus_millis(HOUR_MS);
                Some(Window { from, until: from.plus_millis(HOUR_MS) })
            }
            Self::Windows { cron, duration_seconds } => {
                let from = cron.next_fire_after(after, zone)?;
                let open_ms = i64::from(*duration_seconds) * 1000;
                Some(Window { from, until: merged_until(cron, open_ms, from, from, zone) })
            }
        }
    }

    /// Every window that has a part in `from..until`, merged whatever their length, in the order of time.
    pub fn windows_between(
        &self,
        from: Timestamp,
        until: Timestamp,
        zone: &TimeZone,
    ) -> Vec<Window> {
        let mut found: Vec<Window> = Vec::new();
        let at_or_after =
            |time| self.window_at(time, zone).or_else(|| self.next_window_after(time, zone));
        let mut next = at_or_after(from);
        while let Some(window) = next.filter(|window| window.from < until) {
            match found.last_mut() {
                Some(last) if window.from <= last.until => last.until = window.until,
                _ => found.push(window),
            }
            next = at_or_after(window.until).filter(|later| later.until > window.until);
        }
        found
    }

    /// Which media an uploader may send at `now`: what began before the answer. `None` outside every window.
    pub fn due_before(&self, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        match self {
            Self::Always => Some(Timestamp::MAX),
            Self::Hourly => Some(full_hour(now, zone)),
            Self::Windows { .. } => self.window_at(now, zone).map(|_| Timestamp::MAX),
        }
    }
}

/// The latest full hour of the zone's clocks; zones exist that are half an hour off.
fn full_hour(at: Timestamp, zone: &TimeZone) -> Timestamp {
    let offset_ms = jiff::Timestamp::from_millisecond(at.as_millis())
        .map_or(0, |instant| i64::from(zone.to_offset(instant).seconds()) * 1000);
    at.plus_millis(-at.plus_millis(offset_ms).as_millis().rem_euclid(HOUR_MS))
}

/// The end of the window that `fire` opened, with all that follow it without a gap, or a moment beyond the horizon.
///
/// Jumps from fire to the last fire that still touches the window, so that two rounds gain at least one duration, be
/// there a fire every second.
fn merged_until(
    cron: &CronExpression,
    open_ms: i64,
    fire: Timestamp,
    now: Timestamp,
    zone: &TimeZone,
) -> Timestamp {
    let horizon = now + MERGE_HORIZON;
    let mut until = fire.plus_millis(open_ms);
    while until <= horizon {
        match cron.previous_valid_time(until, zone) {
            Some(last) if last.plus_millis(open_ms) > until => until = last.plus_millis(open_ms),
            _ => break,
        }
    }
    until
}

/// The start of the window that `fire` belongs to, or a moment beyond the horizon.
fn merged_from(
    cron: &CronExpression,
    open_ms: i64,
    fire: Timestamp,
    now: Timestamp,
    zone: &TimeZone,
) -> Timestamp {
    let horizon = now - MERGE_HORIZON;
    let mut from = fire;
    while from >= horizon {
        match cron.next_fire_after(from.plus_millis(-open_ms - 1), zone) {
            Some(first) if first < from => from = first,
            _ => break,
        }
    }
    from
}

/// A schedule with the last answer kept, so that asking per frame costs a comparison.
#[derive(Clone, Debug)]
pub struct ScheduleTracker {
    schedule: Schedule,
    zone: TimeZone,
    known: Option<Known>,
}

/// An answer and the time it holds for.
#[derive(Clone, Copy, Debug)]
struct Known {
    holds: Window,
    window: Option<Window>,
}

impl ScheduleTracker {
    /// Nothing is computed before the first question.
    pub fn new(schedule: Schedule, zone: TimeZone) -> Self {
        Self { schedule, zone, known: None }
    }

    pub fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// Another zone from now on.
    pub fn set_zone(&mut self, zone: TimeZone) {
        let schedule = self.schedule.clone();
        *self = Self::new(schedule, zone);
    }

    /// The same zone with another schedule.
    pub fn set_schedule(&mut self, schedule: Schedule) {
        self.schedule = schedule;
        self.known = None;
    }

    /// The window that `now` lies in. Right after clock steps, forwards or back.
    pub fn window_at(&mut self, now: Timestamp) -> Option<Window> {
        self.known(now).window
    }

    /// Whether no window is open and none will ever open: a date that no calendar has, or years that are past.
    pub fn is_over(&mut self, now: Timestamp) -> bool {
        let known = self.known(now);
        known.window.is_none() && known.holds.until == Timestamp::MAX
    }

    /// See [`Schedule::next_window_after`].
    pub fn next_window_after(&self, after: Timestamp) -> Option<Window> {
        self.schedule.next_window_after(after, &self.zone)
    }

    /// See [`Schedule::due_before`].
    pub fn due_before(&mut self, now: Timestamp) -> Option<Timestamp> {
        let window = self.known(now).window?;
        Some(match self.schedule {
            Schedule::Hourly => window.from,
            Schedule::Always | Schedule::Windows { .. } => Timestamp::MAX,
        })
    }

    /// When to ask again: the window closes (or may), or the next opens.
    pub fn next_change(&mut self, now: Timestamp) -> Timestamp {
        self.known(now).holds.until
    }

    fn known(&mut self, now: Timestamp) -> Known {
        if let Some(known) = self.known.filter(|known| known.holds.contains(now)) {
            return known;
        }
        let window = self.schedule.window_at(now, &self.zone);
        let holds = window.unwrap_or_else(|| {
            let next = self.schedule.next_window_after(now, &self.zone);
            Window { from: now, until: next.map_or(Timestamp::MAX, |next| next.from) }
        });
        let known = Known { holds, window };
        self.known = Some(known);
        known
    }
}
