//! How long to wait before trying again: exponential, with jitter, for ever.
//!
//! Decides the wait only; it never gives up and never waits itself.

use std::time::Duration;

use crate::chance::Chance;

/// The first wait where nothing speaks against a short one.
pub const FIRST: Duration = Duration::from_secs(1);

/// Counts failures in a row and turns them into waits that double from a given first to a given longest one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// Forgets the failures so far: the next wait is the shortest again.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// Failures in a row so far.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// The wait after one more failure: half of it fixed and half by chance, so that a hub's cameras, or all hubs of a
    /// server, do not come back in step.
    pub fn next_wait(
        &mut self,
        first: Duration,
        longest: Duration,
        chance: &mut dyn Chance,
    ) -> Duration {
        let doublings = self.failures.min(16);
        self.failures = self.failures.saturating_add(1);
        let full_ms = first.saturating_mul(2u32.pow(doublings)).min(longest).as_millis() as u64;
        let half_ms = full_ms / 2;
        Duration::from_millis(half_ms + chance.below(full_ms - half_ms + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Always the greatest number below the bound, or always the least.
    struct Extreme(u64);

    impl Chance for Extreme {
        fn next_u64(&mut self) -> u64 {
            self.0
        }

        fn below(&mut self, bound: u64) -> u64 {
            if self.0 == 0 { 0 } else { bound.saturating_sub(1) }
        }
    }

    #[test]
    fn waits_double_up_to_the_longest_and_start_again_after_a_reset() {
        let longest = Duration::from_secs(60);
        let mut backoff = Backoff::default();
        let waits = |backoff: &mut Backoff, extreme| {
            (0..8)
                .map(|_| backoff.next_wait(FIRST, longest, &mut Extreme(extreme)).as_millis())
                .collect::<Vec<_>>()
        };
        assert_eq!(waits(&mut backoff, 1), [1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000]);
        backoff.reset();
        assert_eq!(waits(&mut backoff, 0), [500, 1000, 2000, 4000, 8000, 16000, 30000, 30000]);
    }

    #[test]
    fn a_thousand_failures_do_not_overflow() {
        let mut backoff = Backoff { failures: u32::MAX };
        assert_eq!(
            backoff.next_wait(FIRST, Duration::from_secs(60), &mut Extreme(1)).as_secs(),
            60
        );
    }
}
