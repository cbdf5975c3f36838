//! Windows that opened and closed while nobody looked: Quartz's misfires.
//!
//! They come of a hub that is off or stands still and of a clock that is set forward. They are noted to be said, and never made up
//! for: what a camera saw then is gone.

use std::fmt;

use vigie_media::Timestamp;

use crate::schedule::{ScheduleTracker, Window};

/// KVS `DurationInSeconds`, its least: no window is shorter.
const WINDOW_MS_MIN: i64 = 60_000;
/// How many windows are looked at after a step of the clock by years.
const WINDOWS_MAX: usize = 10_000;

#[derive(Clone, Debug)]
pub(super) struct MissedWindows {
    /// When the schedule was last looked at, by the wall clock.
    looked_at: Timestamp,
    /// From the first to the last.
    range: Option<Window>,
}

impl MissedWindows {
    /// Nothing, from now on.
    pub(super) fn new(now: Timestamp) -> Self {
        Self { looked_at: now, range: None }
    }

    /// From the beginning of the first to the end of the last.
    pub(super) fn range(&self) -> Option<Window> {
        self.range
    }

    /// What was missed so far need not be said any more.
    pub(super) fn forget(&mut self) {
        self.range = None;
    }

    /// Notes the windows that opened and closed since the last look.
    pub(super) fn look(&mut self, windows: &mut ScheduleTracker, now: Timestamp) {
        let since = std::mem::replace(&mut self.looked_at, now);
        if now.millis_since(since) < WINDOW_MS_MIN {
            return;
        }
        // The one that was open then was not missed, however long it goes on.
        let mut open = windows.window_at(since);
        let mut is_missed = false;
        for _ in 0..WINDOWS_MAX {
            let after = open.map_or(since, |open| open.until.plus_millis(-1));
            let next = windows.next_window_after(after).filter(|next| next.from <= now);
            match (next, &mut open) {
                (Some(next), Some(open)) if next.from <= open.until => open.until = next.until,
                _ => {
                    if let Some(over) = open.filter(|open| is_missed && open.until <= now) {
                        let from = self.range.map_or(over.from, |range| range.from);
                        self.range = Some(Window { from, until: over.until });
                    }
                    if next.is_none() {
                        return;
                    }
                    (open, is_missed) = (next, true);
                }
            }
        }
    }
}

/// The end of the sentence that says what is waited for.
impl fmt::Display for MissedWindows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.range {
            None => Ok(()),
            Some(Window { from, until }) => write!(
                f,
                "; windows from {} to {} were missed, because the hub was off or stood still, or its clock was set forward over them",
                utc(from),
                utc(until)
            ),
        }
    }
}

/// For people; what is beyond the calendar as milliseconds.
pub(super) fn utc(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.as_millis())
        .map_or_else(|_| at.to_string(), |at| at.to_string())
}
