//! The least delay of a stretch of frames: what arrival says of a camera's clock, once chance is taken out.
//!
//! A frame may arrive late, never before it was taken. So of a stretch that was heard, the frame with the least delay
//! tells where the camera's clock stands. A silence counts little, or one late frame would be a stretch by itself; and a
//! stretch does not end in the midst of a burst, which is a delay that is being made up for. It never corrects anything.

use std::time::Duration;

use super::micros;

/// A longer silence counts as this much.
const SILENCE_US_MAX: i64 = 250_000;
/// Frames behind the least delayed one that show that delays have stopped falling.
const SETTLED_FRAMES: u32 = 3;
/// Fewer frames may all be late by chance.
const FRAMES_MIN: u32 = 8;
/// A delay above what was usual that may be a burst in progress.
const LATE_US: i64 = 100_000;

/// A stretch that is being heard.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heard {
    /// So much makes a stretch.
    length_us: i64,
    heard_us: i64,
    frames: u32,
    last: Option<Duration>,
    least: Option<Least>,
    frames_since_least: u32,
}

/// The least delayed frame of a stretch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Least {
    pub(super) delay_us: i64,
    pub(super) arrival_us: i64,
}

impl Heard {
    pub(super) fn new(length_us: i64) -> Self {
        Self { length_us, heard_us: 0, frames: 0, last: None, least: None, frames_since_least: 0 }
    }

    /// The least delay so far.
    pub(super) fn least_us(&self) -> Option<i64> {
        self.least.map(|least| least.delay_us)
    }

    /// Begins anew: earlier delays say nothing any more.
    pub(super) fn forget(&mut self) {
        *self = Self { last: self.last, ..Self::new(self.length_us) };
    }

    /// A frame with this delay arrived; the stretch that ends with it. `usual_us`: the delay that was usual so far.
    pub(super) fn frame(
        &mut self,
        delay_us: i64,
        usual_us: i64,
        arrival: Duration,
    ) -> Option<Least> {
        let since =
            self.last.replace(arrival).map_or(0, |last| micros(arrival.saturating_sub(last)));
        self.heard_us = self.heard_us.saturating_add(since.min(SILENCE_US_MAX));
        self.frames = self.frames.saturating_add(1);
        self.frames_since_least = self.frames_since_least.saturating_add(1);
        if self.least.is_none_or(|least| delay_us < least.delay_us) {
            self.least = Some(Least { delay_us, arrival_us: micros(arrival) });
            self.frames_since_least = 0;
        }
        let least =
            self.least.filter(|_| self.heard_us >= self.length_us && self.frames >= FRAMES_MIN)?;
        let is_falling = self.frames_since_least < SETTLED_FRAMES
            && least.delay_us > usual_us.saturating_add(LATE_US);
        if is_falling {
            return None;
        }
        self.forget();
        Some(least)
    }
}
