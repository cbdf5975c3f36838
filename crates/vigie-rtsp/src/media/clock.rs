//! From a track's RTP timestamps to microseconds: 32 bits unwrapped, converted from the whole count each time, so that no
//! rounding adds up.
//!
//! Whatever the timestamps do is passed on: what becomes of time that runs wrong is decided where both clocks are known.

use std::time::Duration;

/// A first timestamp that is farther behind or ahead of what the camera announced than this does not go by it.
const ANNOUNCED_WITHIN_US: std::ops::RangeInclusive<i64> = -1_000_000..=5_000_000;
/// Rates that a camera may say; others are mistakes.
const RATES_HZ: std::ops::RangeInclusive<u32> = 1_000..=10_000_000;
/// Far beyond any session, far from overflow.
const TICKS_MAX: i64 = 1 << 60;

/// The clock of one track.
#[derive(Debug)]
pub(super) struct Clock {
    rate_hz: u32,
    announced: Option<u32>,
    last: Option<Last>,
    is_new_source: bool,
}

#[derive(Clone, Copy, Debug)]
struct Last {
    timestamp: u32,
    ticks: i64,
    arrival: Duration,
}

impl Clock {
    /// `said_hz` by the camera; `usual_hz` of the codec where that makes no sense.
    pub(super) fn new(said_hz: u32, usual_hz: u32) -> Self {
        let rate_hz = if RATES_HZ.contains(&said_hz) { said_hz } else { usual_hz.max(1) };
        Self { rate_hz, announced: None, last: None, is_new_source: false }
    }

    pub(super) const fn rate_hz(&self) -> u32 {
        self.rate_hz
    }

    /// The timestamp at the moment at which playing begins (`rtptime` of RTP-Info).
    pub(super) fn announce(&mut self, timestamp: u32) {
        self.announced = Some(timestamp);
    }

    /// The next timestamp is another source's: it goes on where the former would be by now.
    pub(super) fn begin_source(&mut self) {
        self.is_new_source = true;
    }

    /// The instant of `timestamp`, in ticks. The first one of a track is at its arrival, or where the announced timestamp
    /// puts it when that was at `began`, so that the tracks of a session share a time line.
    pub(super) fn ticks(&mut self, timestamp: u32, arrival: Duration, began: Duration) -> i64 {
        let ticks = match self.last {
            None => self.first_ticks(timestamp, arrival, began),
            Some(last) if self.is_new_source => {
                let passed = self.ticks_of(arrival.saturating_sub(last.arrival));
                last.ticks.saturating_add(passed)
            }
            // Forwards or backwards, whichever is nearer.
            Some(last) => {
                let step = timestamp.wrapping_sub(last.timestamp) as i32;
                last.ticks.saturating_add(step.into())
            }
        };
        let ticks = ticks.clamp(-TICKS_MAX, TICKS_MAX);
        self.is_new_source = false;
        self.last = Some(Last { timestamp, ticks, arrival });
        ticks
    }

    fn first_ticks(&self, timestamp: u32, arrival: Duration, began: Duration) -> i64 {
        if let Some(announced) = self.announced {
            let since = i64::from(timestamp.wrapping_sub(announced) as i32);
            if ANNOUNCED_WITHIN_US.contains(&self.us(since)) {
                return self.ticks_of(began).saturating_add(since);
            }
        }
        self.ticks_of(arrival)
    }

    fn ticks_of(&self, duration: Duration) -> i64 {
        let ticks = duration.as_micros().saturating_mul(u128::from(self.rate_hz)) / 1_000_000;
        i64::try_from(ticks).unwrap_or(i64::MAX)
    }

    /// Microseconds.
    pub(super) fn us(&self, ticks: i64) -> i64 {
        let us = (i128::from(ticks) * 1_000_000).div_euclid(i128::from(self.rate_hz));
        i64::try_from(us).unwrap_or(if us < 0 { i64::MIN } else { i64::MAX })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGAN: Duration = Duration::from_secs(1);

    fn us(clock: &mut Clock, timestamp: u32, arrival_ms: u64) -> i64 {
        let ticks = clock.ticks(timestamp, Duration::from_millis(arrival_ms), BEGAN);
        clock.us(ticks)
    }

    #[test]
    fn timestamps_are_unwrapped_in_both_directions() {
        let mut clock = Clock::new(90_000, 90_000);
        assert_eq!(us(&mut clock, u32::MAX - 8_999, 1_000), 1_000_000);
        assert_eq!(us(&mut clock, 0, 1_100), 1_100_000);
        assert_eq!(us(&mut clock, 9_000, 1_200), 1_200_000);
        assert_eq!(us(&mut clock, u32::MAX - 8_999, 1_300), 1_000_000);
        // A single wild one leaves no trace.
        us(&mut clock, 3_000_000_000, 1_400);
        assert_eq!(us(&mut clock, 9_000, 1_500), 1_200_000);
    }

    #[test]
    fn no_rounding_adds_up_in_a_month() {
        let mut clock = Clock::new(44_100, 44_100);
        let frames = 30 * 24 * 3600 * 44_100_i64 / 1024;
        let mut last = 0;
        for frame in (0..=frames).step_by(1_000) {
            last = us(&mut clock, (frame * 1024) as u32, 0);
        }
        let frame = frames / 1_000 * 1_000;
        assert_eq!(last, (i128::from(frame) * 1024 * 1_000_000 / 44_100) as i64);
    }

    #[test]
    fn the_first_timestamp_is_at_its_arrival_or_where_the_announced_one_puts_it() {
        let check = |announced: Option<u32>, timestamp, expect| {
            let mut clock = Clock::new(90_000, 90_000);
            if let Some(announced) = announced {
                clock.announce(announced);
            }
            assert_eq!(us(&mut clock, timestamp, 1_250), expect, "{announced:?} {timestamp}");
        };
        check(None, 5_000_000, 1_250_000);
        check(Some(5_000_000), 5_000_000, 1_000_000);
        check(Some(5_000_000), 5_018_000, 1_200_000);
        check(Some(u32::MAX), 8_999, 1_100_000);
        // Announced by a camera that does not know: 0, or hours off.
        check(Some(0), 5_000_000, 1_250_000);
        check(Some(5_000_000), 4_000_000, 1_250_000);
    }

    #[test]
    fn another_source_goes_on_by_arrival() {
        let mut clock = Clock::new(90_000, 90_000);
        us(&mut clock, 1_000, 1_000);
        clock.begin_source();
        assert_eq!(us(&mut clock, 3_000_000_000, 1_500), 1_500_000);
        assert_eq!(us(&mut clock, 3_000_009_000, 1_700), 1_600_000);
    }

    #[test]
    fn a_rate_that_makes_no_sense_is_not_believed() {
        assert_eq!(Clock::new(0, 90_000).rate_hz(), 90_000);
        assert_eq!(Clock::new(u32::MAX, 8_000).rate_hz(), 8_000);
        assert_eq!(Clock::new(16_000, 8_000).rate_hz(), 16_000);
    }

    #[test]
    fn hostile_jumps_do_not_overflow() {
        let mut clock = Clock::new(1_000, 90_000);
        clock.last = Some(Last { timestamp: 0, ticks: TICKS_MAX, arrival: BEGAN });
        let ticks = clock.ticks(i32::MAX as u32, BEGAN, BEGAN);
        assert!(clock.us(ticks) > 0);
    }
}
