//! How old the first frames of a session are: a camera that begins with what it has kept since its last key frame, or that
//! was held up, sends them faster than they were taken.
//!
//! Decides by the frames that arrive together: of a track, the one that came earliest for its stamp was taken just then, and
//! the first one so much before. It never reads a clock.

use std::collections::BTreeMap;
use std::time::Duration;

use super::micros;

/// No camera keeps more. Stamps that say so jump, or are in another unit.
const AGE_US_MAX: i64 = 10_000_000;

/// The ages of the first frames, by track.
#[derive(Clone, Debug, Default)]
pub(super) struct Opening(BTreeMap<u64, i64>);

impl Opening {
    /// Of frames by track, media time and arrival.
    pub(super) fn of(frames: impl IntoIterator<Item = (u64, i64, Duration)>) -> Self {
        let mut first = BTreeMap::new();
        let mut ages = BTreeMap::new();
        for (track, media_us, arrival) in frames {
            let (first_us, first_arrival) = *first.entry(track).or_insert((media_us, arrival));
            let since = arrival.saturating_sub(first_arrival);
            let age_us = media_us.saturating_sub(first_us).saturating_sub(micros(since));
            if (0..=AGE_US_MAX).contains(&age_us) {
                let oldest_us = ages.entry(track).or_insert(0);
                *oldest_us = age_us.max(*oldest_us);
            }
        }
        Self(ages)
    }

    /// How long before its arrival the track's first frame was taken.
    pub(super) fn age_us(&self, track: u64) -> i64 {
        self.0.get(&track).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn age_us(frames: &[(i64, u64)]) -> i64 {
        let frame = |&(media_us, at_us): &(i64, u64)| (1, media_us, Duration::from_micros(at_us));
        Opening::of(frames.iter().map(frame)).age_us(1)
    }

    #[test]
    fn the_first_frame_is_as_old_as_what_came_with_it_is_long() {
        assert_eq!(age_us(&[]), 0);
        // As they are taken, a little unevenly.
        assert_eq!(age_us(&[(0, 0), (40_000, 50_000), (80_000, 85_000)]), 0);
        assert_eq!(age_us(&[(0, 10_000), (40_000, 40_000), (80_000, 80_000)]), 10_000);
        // Two seconds at once, then as they are taken.
        assert_eq!(
            age_us(&[(0, 0), (1_000_000, 1000), (2_000_000, 2000), (2_040_000, 42_000)]),
            1_998_000
        );
        // Pictures that others are shown before.
        assert_eq!(age_us(&[(0, 0), (120_000, 0), (40_000, 0), (80_000, 0)]), 120_000);
        // Stamps that jump, either way.
        assert_eq!(age_us(&[(0, 0), (3_600_000_000, 40_000), (3_600_040_000, 80_000)]), 0);
        assert_eq!(age_us(&[(3_600_000_000, 0), (0, 40_000), (40_000, 80_000)]), 0);
    }
}
