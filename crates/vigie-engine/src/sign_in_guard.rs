//! Guessing passwords: how long who tries one has to wait, before anything of it is looked at.
//!
//! Decides for one try at a given time. Counts by user name and address together, by address, and by user name, so that
//! neither many passwords for one user, nor one password for many users, nor many addresses get far. A stranger at some
//! address can keep nobody out who is at another: what is counted by the name alone, and so can be used up by others, is
//! more than three addresses may try, and never asked of an address from which that user has signed in before. Knows no
//! password, waits for nothing, and does not know which users there are.

use std::collections::BTreeMap;
use std::time::Duration;

/// Tries of one user at one address that follow each other at once.
const FREE_TRIES: u32 = 5;
/// The wait after these; each further one is twice as long.
const FIRST_WAIT: Duration = Duration::from_secs(1);
pub const LONGEST_WAIT: Duration = Duration::from_secs(5 * 60);
/// They are forgotten after so long without another one.
const FORGET_TRIES_AFTER: Duration = Duration::from_secs(3600);
/// Of an address, for all users together.
const OF_ADDRESS: Allowance = Allowance { at_once: 30, interval: Duration::from_secs(20) };
/// Of a user, from all addresses together that it has not signed in from.
const OF_NAME: Allowance = Allowance { at_once: 60, interval: Duration::from_secs(6) };
/// Of each kind that are remembered; beyond, those of longest ago are forgotten.
const REMEMBERED_MAX: usize = 4096;

/// So many at once, and one more each interval.
#[derive(Clone, Copy, Debug)]
struct Allowance {
    at_once: u32,
    interval: Duration,
}

impl Allowance {
    /// When there will be all of it again if one is taken now; or after what wait there will be one.
    fn after_one(self, full_at: Option<Duration>, now: Duration) -> Result<Duration, Duration> {
        let after = full_at.unwrap_or(now).max(now) + self.interval;
        match after.checked_sub(now + self.interval * self.at_once) {
            Some(wait) if !wait.is_zero() => Err(wait),
            _ => Ok(after),
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Tries {
    in_a_row: u32,
    last_at: Duration,
}

impl Tries {
    /// When the next one may come.
    fn next_at(self) -> Duration {
        let Some(doublings) = self.in_a_row.checked_sub(FREE_TRIES) else { return Duration::ZERO };
        self.last_at + (FIRST_WAIT * 2u32.pow(doublings.min(16))).min(LONGEST_WAIT)
    }
}

/// What is known of so many at most, and since when.
#[derive(Clone, Debug)]
struct Remembered<K, V>(BTreeMap<K, (V, Duration)>);

impl<K: Ord, V: Copy> Remembered<K, V> {
    fn get(&self, key: &K) -> Option<V> {
        self.0.get(key).map(|(value, _)| *value)
    }

    fn put(&mut self, key: K, value: V, now: Duration) {
        self.0.insert(key, (value, now));
        if self.0.len() > REMEMBERED_MAX {
            // The older half, so that this is rare.
            let mut times: Vec<Duration> = self.0.values().map(|(_, at)| *at).collect();
            times.sort_unstable();
            let median = times[times.len() / 2];
            self.0.retain(|_, (_, at)| *at > median);
        }
    }
}

/// See the module's documentation. An address is whatever tells callers apart.
#[derive(Clone, Debug)]
pub struct SignInGuard<A> {
    tries: Remembered<(String, A), Tries>,
    /// When each will have all of its allowance again.
    addresses: Remembered<A, Duration>,
    names: Remembered<String, Duration>,
    /// From where users have signed in.
    known: Remembered<(String, A), ()>,
}

impl<A> Default for SignInGuard<A> {
    fn default() -> Self {
        Self {
            tries: Remembered(BTreeMap::new()),
            addresses: Remembered(BTreeMap::new()),
            names: Remembered(BTreeMap::new()),
            known: Remembered(BTreeMap::new()),
        }
    }
}

impl<A: Ord + Clone> SignInGuard<A> {
    /// Takes a try at `now` (monotonic), or says after what wait there may be one; what is refused counts for nothing. A try
    /// counts as failed until it is [proven](Self::proven), so that those that run at once are counted as well.
    pub fn admit(&mut self, user_name: &str, address: A, now: Duration) -> Result<(), Duration> {
        let name = user_name.to_ascii_lowercase();
        let pair = (name.clone(), address.clone());
        let is_recent = |it: &Tries| now.saturating_sub(it.last_at) < FORGET_TRIES_AFTER;
        let tries = self.tries.get(&pair).filter(is_recent);
        if let Some(wait) =
            tries.and_then(|it| it.next_at().checked_sub(now)).filter(|it| !it.is_zero())
        {
            return Err(wait);
        }
        let of_address = OF_ADDRESS.after_one(self.addresses.get(&address), now)?;
        if self.known.get(&pair).is_none() {
            let of_name = OF_NAME.after_one(self.names.get(&name), now)?;
            self.names.put(name, of_name, now);
        }
        self.addresses.put(address, of_address, now);
        let in_a_row = tries.map_or(0, |it| it.in_a_row).saturating_add(1);
        self.tries.put(pair, Tries { in_a_row, last_at: now }, now);
        Ok(())
    }

    /// Notes that the password was right.
    pub fn proven(&mut self, user_name: &str, address: A, now: Duration) {
        let pair = (user_name.to_ascii_lowercase(), address);
        self.tries.0.remove(&pair);
        self.known.put(pair, (), now);
    }

    /// Takes a try back that was admitted and of which nothing was looked at. What it took of the allowances of the address and
    /// the name stays taken, for so much was asked.
    pub fn withdraw(&mut self, user_name: &str, address: &A) {
        let pair = (user_name.to_ascii_lowercase(), address.clone());
        if let Some((tries, _)) = self.tries.0.get_mut(&pair) {
            tries.in_a_row = tries.in_a_row.saturating_sub(1);
        }
    }

    /// How much is remembered.
    pub fn remembered(&self) -> usize {
        self.tries.0.len() + self.addresses.0.len() + self.names.0.len() + self.known.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// How many tries get through within so many seconds, if one is made each second at each of these addresses.
    fn tries_within(
        guard: &mut SignInGuard<u32>,
        addresses: std::ops::Range<u32>,
        seconds: u64,
    ) -> usize {
        let all = (0..seconds).flat_map(|second| addresses.clone().map(move |it| (second, it)));
        all.filter(|(second, address)| guard.admit("ada", *address, at(*second)).is_ok()).count()
    }

    #[test]
    fn waits_double_after_the_free_tries_and_end_with_the_right_password() {
        let mut guard = SignInGuard::default();
        for _ in 0..FREE_TRIES {
            assert_eq!(guard.admit("Ada", 1, at(10)), Ok(()));
        }
        assert_eq!(guard.admit("ada", 1, at(10)), Err(at(1)), "case does not matter");
        assert_eq!(guard.admit("ada", 1, at(11)), Ok(()));
        assert_eq!(guard.admit("ada", 1, at(12)), Err(at(1)));
        assert_eq!(guard.admit("ada", 1, at(13)), Ok(()));
        assert_eq!(guard.admit("bea", 1, at(13)), Ok(()), "another user");
        assert_eq!(guard.admit("ada", 2, at(13)), Ok(()), "another address");
        guard.proven("ADA", 1, at(13));
        assert_eq!(guard.admit("ada", 1, at(13)), Ok(()));
    }

    #[test]
    fn what_was_not_looked_at_is_no_wrong_password() {
        let mut guard = SignInGuard::default();
        for _ in 0..3 * FREE_TRIES {
            assert_eq!(guard.admit("ada", 1, at(10)), Ok(()));
            guard.withdraw("Ada", &1);
        }
        guard.withdraw("bea", &1);
        assert_eq!(guard.admit("ada", 1, at(10)), Ok(()));
    }

    #[test]
    fn no_wait_is_longer_than_the_longest_and_old_tries_are_forgotten() {
        let mut guard = SignInGuard::default();
        let mut now = at(0);
        for _ in 0..60 {
            if let Err(wait) = guard.admit("ada", 1, now) {
                assert!(wait <= LONGEST_WAIT, "{wait:?}");
                now += wait;
                assert_eq!(guard.admit("ada", 1, now), Ok(()));
            }
        }
        assert!(guard.admit("ada", 1, now).is_err());
        now += FORGET_TRIES_AFTER;
        for _ in 0..FREE_TRIES {
            assert_eq!(guard.admit("ada", 1, now), Ok(()));
        }
    }

    #[test]
    fn one_password_for_many_users_gets_no_further_from_one_address() {
        let mut guard = SignInGuard::default();
        let tried = (0..3600u64)
            .filter(|second| guard.admit(&format!("user-{second}"), 1, at(*second)).is_ok());
        assert_eq!(tried.count(), 30 + 3600 / 20 - 1);
    }

    #[test]
    fn many_addresses_get_ten_tries_a_minute_of_one_user() {
        let mut guard = SignInGuard::default();
        let tried = tries_within(&mut guard, 0..100, 600);
        assert_eq!(tried, 60 + 600 / 6 - 1);
    }

    #[test]
    fn strangers_at_three_addresses_keep_nobody_out_and_many_none_who_was_there_before() {
        let mut guard = SignInGuard::default();
        let tried = tries_within(&mut guard, 0..3, 3600);
        assert!(tried < 100, "{tried}");
        assert_eq!(guard.admit("ada", 9, at(3600)), Ok(()));
        guard.proven("ada", 9, at(3600));
        for address in 100..1000 {
            let _refused = guard.admit("ada", address, at(3601));
        }
        assert!(guard.admit("ada", 10, at(3601)).is_err());
        assert!(guard.admit("ada", 10, at(3608)).is_ok(), "no longer than until one is free");
        assert_eq!(guard.admit("ada", 9, at(3601)), Ok(()));
    }

    #[test]
    fn memory_is_bounded() {
        let mut guard = SignInGuard::default();
        for address in 0..3 * REMEMBERED_MAX as u32 {
            let (name, now) = (address.to_string(), at(u64::from(address)));
            assert_eq!(guard.admit(&name, address, now), Ok(()));
            if address % 2 == 0 {
                guard.proven(&name, address, now);
            }
        }
        assert!(guard.remembered() <= 4 * REMEMBERED_MAX);
    }
}
