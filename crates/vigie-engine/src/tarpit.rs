//! A tarpit: how long the answer to a refused call is held back, ever longer while one caller keeps asking for the same
//! thing.
//!
//! Amazon's C producers repeat a refused PutMedia at once, about 65 times a second, for ever (seen from producer
//! 1.6.4). They wait for each answer, so an answer that comes late is the one way to slow them down. Decides the delay;
//! never waits, never refuses, and never delays a call that is granted.

use std::collections::BTreeMap;
use std::time::Duration;

/// Refusals in a row that are answered at once: a caller that tries a few times and stops notices nothing.
const FREE_REFUSALS: u32 = 4;
/// The first delay; each further one is twice as long.
const FIRST_DELAY: Duration = Duration::from_millis(50);
pub const LONGEST_DELAY: Duration = Duration::from_secs(2);
/// Refusals are forgotten after so long without another one.
const FORGET_AFTER: Duration = Duration::from_secs(30);
/// Callers that are remembered; beyond, those of longest ago are forgotten first.
const REMEMBERED_MAX: usize = 4096;

#[derive(Clone, Copy, Debug)]
struct Refusals {
    in_a_row: u32,
    last_at: Duration,
}

/// The refusals in a row of each caller and what it asked for.
#[derive(Clone, Debug)]
pub struct Tarpit<K> {
    refusals: BTreeMap<K, Refusals>,
}

impl<K: Ord> Default for Tarpit<K> {
    fn default() -> Self {
        Self { refusals: BTreeMap::new() }
    }
}

impl<K: Ord + Clone> Tarpit<K> {
    /// Notes a refusal at `now` (monotonic); returns how long its answer is to be held back.
    pub fn refused(&mut self, key: K, now: Duration) -> Duration {
        let is_recent = |it: &Refusals| now.saturating_sub(it.last_at) < FORGET_AFTER;
        let before = self.refusals.get(&key).filter(|it| is_recent(it)).map_or(0, |it| it.in_a_row);
        let in_a_row = before.saturating_add(1);
        self.refusals.insert(key, Refusals { in_a_row, last_at: now });
        if self.refusals.len() > REMEMBERED_MAX {
            self.forget(now);
        }
        match in_a_row.checked_sub(FREE_REFUSALS + 1) {
            None => Duration::ZERO,
            Some(doublings) => (FIRST_DELAY * 2u32.pow(doublings.min(16))).min(LONGEST_DELAY),
        }
    }

    /// Notes that the caller got what it asked for: its next refusal is answered at once again.
    pub fn granted(&mut self, key: &K) {
        self.refusals.remove(key);
    }

    /// How many are remembered.
    pub fn remembered(&self) -> usize {
        self.refusals.len()
    }

    /// Drops what is too old, and if that is not enough the older half, so that this is rare.
    fn forget(&mut self, now: Duration) {
        self.refusals.retain(|_, it| now.saturating_sub(it.last_at) < FORGET_AFTER);
        if self.refusals.len() <= REMEMBERED_MAX / 2 {
            return;
        }
        let mut times: Vec<Duration> = self.refusals.values().map(|it| it.last_at).collect();
        times.sort_unstable();
        let median = times[times.len() / 2];
        self.refusals.retain(|_, it| it.last_at > median);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn delays_double_after_the_free_ones_up_to_two_seconds() {
        let mut tarpit = Tarpit::default();
        let got: Vec<u128> = (0..12).map(|n| tarpit.refused("a", ms(n)).as_millis()).collect();
        assert_eq!(got, [0, 0, 0, 0, 50, 100, 200, 400, 800, 1600, 2000, 2000]);
    }

    /// It asks again 15 ms after each answer: 65 requests/s as long as answers come at once.
    #[test]
    fn a_producer_that_retries_65_times_a_second_is_slowed_to_one_request_in_two_seconds() {
        let mut tarpit = Tarpit::default();
        let mut now = Duration::ZERO;
        let mut requests_in = [0_u32; 10];
        while now < Duration::from_secs(600) {
            requests_in[(now.as_secs() / 60) as usize] += 1;
            now += tarpit.refused(("AKIA", "gate"), now) + ms(15);
        }
        assert!(requests_in[0] <= 40, "{requests_in:?}");
        assert!(requests_in[1..].iter().all(|&requests| requests <= 30), "{requests_in:?}");
        assert_eq!(tarpit.remembered(), 1);
    }

    #[test]
    fn a_success_or_a_pause_is_a_new_beginning() {
        let mut tarpit = Tarpit::default();
        for n in 0..20 {
            tarpit.refused("a", ms(n));
        }
        assert_eq!(tarpit.refused("b", ms(20)), Duration::ZERO, "another one is not slowed");
        tarpit.granted(&"a");
        assert_eq!(tarpit.refused("a", ms(21)), Duration::ZERO);
        for n in 22..40 {
            tarpit.refused("a", ms(n));
        }
        assert!(tarpit.refused("a", ms(40) + FORGET_AFTER / 2) > Duration::ZERO);
        assert_eq!(tarpit.refused("a", ms(40) + FORGET_AFTER * 2), Duration::ZERO);
    }

    proptest! {
        #[test]
        fn what_is_remembered_is_bounded_and_no_delay_is_longer_than_the_longest(
            keys in prop::collection::vec((0_u32..20_000, 0_u64..5), 1..12_000),
        ) {
            let mut tarpit = Tarpit::default();
            let mut now = Duration::ZERO;
            for (key, pause_ms) in keys {
                now += ms(pause_ms);
                prop_assert!(tarpit.refused(key, now) <= LONGEST_DELAY);
                prop_assert!(tarpit.remembered() <= REMEMBERED_MAX);
            }
        }
    }
}
