//! The present bit rate of a stream, to say how long the space will last.

use std::time::Duration;

/// What is longer ago counts less and less.
const MEMORY_SECONDS: f64 = 60.0;
/// Samples are at least so far apart.
const SAMPLE_EVERY: Duration = Duration::from_secs(2);

/// Bytes a second, over the last minute.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ByteRate {
    bytes: u64,
    at: Duration,
    per_second: Option<f64>,
}

impl ByteRate {
    /// So many bytes have been written in all.
    pub(super) fn sample(&mut self, bytes: u64, now: Duration) {
        let elapsed = now.saturating_sub(self.at);
        if elapsed < SAMPLE_EVERY {
            return;
        }
        let seconds = elapsed.as_secs_f64();
        let latest = bytes.saturating_sub(self.bytes) as f64 / seconds;
        let is_first = self.bytes == 0;
        (self.bytes, self.at) = (bytes, now);
        let weight = seconds / (seconds + MEMORY_SECONDS);
        // Of the time before the first byte nothing is learned.
        self.per_second = match self.per_second {
            Some(known) => Some(known + (latest - known) * weight),
            None if bytes > 0 && !is_first => Some(latest),
            None => None,
        };
    }

    /// Bytes a second; `None` while that is unknown, or nothing comes.
    pub(super) fn per_second(&self) -> Option<f64> {
        self.per_second.filter(|rate| *rate >= 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_follows_what_is_written() {
        let seconds = Duration::from_secs;
        let mut rate = ByteRate::default();
        rate.sample(0, seconds(100));
        rate.sample(5_000, seconds(110));
        assert_eq!(rate.per_second(), None);
        rate.sample(15_000, seconds(120));
        assert_eq!(rate.per_second(), Some(1000.0));
        for n in 0..60 {
            rate.sample(15_000, seconds(130 + 10 * n));
        }
        assert!(rate.per_second().is_none_or(|rate| rate < 1.5), "{rate:?}");
    }
}
