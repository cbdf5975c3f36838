//! What of a camera's time stamps, and of the hub's clock, is worth a word in the status while media is recorded.
//!
//! Decides how long it stays said. A stamp that jumps once costs nothing and is only counted.

use std::time::Duration;

use crate::media_clock::StampDeviation;

/// What is wrong with stamps stays said for so long, and jumps are said when they come in less.
const SAID_FOR: Duration = Duration::from_secs(60);
/// That the hub's clock was far ahead stays said for so long.
const STEP_SAID_FOR: Duration = Duration::from_secs(3600);

/// What was seen. Times are monotonic.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Deviations {
    jumped_at: Option<Duration>,
    jumping_at: Option<Duration>,
    constant_at: Option<Duration>,
    off_rate_at: Option<Duration>,
    stepped_back: Option<(Duration, i64)>,
}

impl Deviations {
    /// A session begins: its camera may be another.
    pub(super) fn begin_session(&mut self) {
        *self = Self { stepped_back: self.stepped_back, ..Self::default() };
    }

    pub(super) fn stamps_deviate(&mut self, deviation: StampDeviation, now: Duration) {
        match deviation {
            StampDeviation::Jumped => {
                if self.jumped_at.replace(now).is_some_and(|at| now < at + SAID_FOR) {
                    self.jumping_at = Some(now);
                }
            }
            StampDeviation::Constant => self.constant_at = Some(now),
            StampDeviation::OffRate => self.off_rate_at = Some(now),
        }
    }

    pub(super) fn stepped_back(&mut self, by_ms: i64, now: Duration) {
        self.stepped_back = Some((now, by_ms));
    }

    /// What is to be said at `now`, if anything.
    pub(super) fn details(&self, now: Duration) -> Option<String> {
        let is_said = |at: Option<Duration>| at.is_some_and(|at| now < at + SAID_FOR);
        if let Some((_, by_ms)) = self.stepped_back.filter(|(at, _)| now < *at + STEP_SAID_FOR) {
            return Some(format!(
                "recording; the hub's clock was {} minutes ahead and was set right: what was recorded meanwhile stays \
                 where it is, in the future; have the hub set its clock from a time server before the agent starts",
                by_ms / 60_000
            ));
        }
        let what = if is_said(self.constant_at) {
            "stand still"
        } else if is_said(self.jumping_at) {
            "jump"
        } else if is_said(self.off_rate_at) {
            "run at another rate than time does"
        } else {
            return None;
        };
        Some(format!(
            "recording, but the time stamps of the camera's frames {what}, so that the times of its media follow their \
             arrival; check the camera's frame rate and time settings, or update its firmware"
        ))
    }
}
