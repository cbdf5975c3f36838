//! How fast uploads may go: one limit for the hub, shared fairly by its streams.
//!
//! Decides when a piece of so many bytes may leave. Each stream asks for its next piece when the former has left, so
//! that whoever waits is served in turn, and what one stream does not use the others have. It never waits itself.

use std::time::Duration;

/// What may leave at once after a silence, as time at the limit.
const BURST: Duration = Duration::from_millis(250);
/// Pieces are so long, as time at the limit: short, so that many streams take turns within a second or two.
const PIECE: Duration = Duration::from_millis(20);
const PIECE_BYTES_MIN: u64 = 1024;

/// A token bucket that hands out the future: what is admitted is owed from then on.
#[derive(Clone, Copy, Debug)]
pub struct Bandwidth {
    bytes_per_second: u64,
    /// All that was admitted has left by then, on the monotonic clock.
    free_at: Duration,
}

impl Bandwidth {
    /// At most so many bytes a second, at least one.
    pub fn new(bytes_per_second: u64) -> Self {
        Self { bytes_per_second: bytes_per_second.max(1), free_at: Duration::ZERO }
    }

    /// The longest piece that a stream should ask for.
    pub fn piece_bytes(&self) -> usize {
        let bytes = self.bytes_per_second.saturating_mul(PIECE.as_millis() as u64) / 1000;
        usize::try_from(bytes.max(PIECE_BYTES_MIN)).unwrap_or(usize::MAX)
    }

    /// Admits `bytes` and says how long to wait before they leave.
    pub fn admit(&mut self, bytes: u64, now: Duration) -> Duration {
        let starts_at = self.free_at.max(now.saturating_sub(BURST));
        let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(self.bytes_per_second);
        let takes = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        self.free_at = starts_at.saturating_add(takes);
        self.free_at.saturating_sub(now)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn streams_that_wait_are_served_in_turn() {
        let mut bandwidth = Bandwidth::new(100_000);
        let piece = bandwidth.piece_bytes() as u64;
        assert_eq!(piece, 2_000);
        // Three streams that always have something, one of them in smaller pieces.
        let mut next = [Duration::ZERO; 3];
        let mut sent = [0_u64; 3];
        let end = Duration::from_secs(10);
        loop {
            let who = (0..3).min_by_key(|who| next[*who]).unwrap();
            if next[who] >= end {
                break;
            }
            let bytes = if who == 2 { piece / 2 } else { piece };
            let now = next[who];
            next[who] = now + bandwidth.admit(bytes, now);
            sent[who] += bytes;
        }
        let all: u64 = sent.iter().sum();
        assert!((990_000..=1_035_000).contains(&all), "{sent:?}");
        assert!(sent[0].abs_diff(sent[1]) <= 2 * piece, "{sent:?}");
        assert!(sent[2] * 2 >= sent[0] - 2 * piece, "{sent:?}");
    }

    proptest! {
        #[test]
        fn no_second_takes_more_than_the_limit_and_the_burst(
            rate in 1_000..10_000_000_u64,
            pieces in proptest::collection::vec((1..60_000_u64, 0..400_u64), 1..200),
        ) {
            let mut bandwidth = Bandwidth::new(rate);
            let mut now = Duration::from_secs(100);
            let mut left: Vec<(Duration, u64)> = Vec::new();
            for (bytes, pause_ms) in pieces {
                now += Duration::from_millis(pause_ms);
                left.push((now + bandwidth.admit(bytes, now), bytes));
            }
            for (at, largest) in left.clone() {
                let within = |other: &&(Duration, u64)| {
                    other.0 >= at && other.0 < at + Duration::from_secs(1)
                };
                let sum: u64 = left.iter().filter(within).map(|(_, bytes)| bytes).sum();
                let allowed = rate + rate / 4 + largest + 1;
                prop_assert!(sum <= allowed + 60_000, "{sum} of {allowed}");
            }
        }
    }
}
