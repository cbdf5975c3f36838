//! How often something is tried again, and after which wait. Decides by what was tried; waits for nothing itself.

use std::time::Duration;

/// The first wait; each next one is twice as long, up to the longest.
const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(1);
/// Waits together, where nothing is in doubt: the caller is told that the engine is away.
const PATIENCE: Duration = Duration::from_secs(3);
/// The same where a commit may have been made: a failover is waited for, so that its caller is told the truth.
const PATIENCE_IN_DOUBT: Duration = Duration::from_secs(30);
/// Transactions given up in a row for others' sake.
const CONFLICTS_MAX: u32 = 20;

/// What was tried of one thing.
#[derive(Debug, Default)]
pub(crate) struct Patience {
    waits: u32,
    waited: Duration,
    conflicts: u32,
    /// A commit was sent, and its answer was not heard.
    pub(crate) is_in_doubt: bool,
}

impl Patience {
    /// The wait before the engine is tried again; `None` when that is enough.
    pub(crate) fn after_loss(&mut self) -> Option<Duration> {
        let wait = wait(self.waits);
        let patience = if self.is_in_doubt { PATIENCE_IN_DOUBT } else { PATIENCE };
        self.waits += 1;
        self.waited += wait;
        (self.waited <= patience).then_some(wait)
    }

    /// The same after a conflict, which mostly passes at once.
    pub(crate) fn after_conflict(&mut self) -> Option<Duration> {
        self.conflicts += 1;
        (self.conflicts <= CONFLICTS_MAX).then(|| Duration::from_millis(u64::from(self.conflicts)))
    }
}

/// The wait after so many losses in a row.
pub(crate) fn wait(losses: u32) -> Duration {
    FIRST.saturating_mul(1 << losses.min(10)).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(patience: &mut Patience) -> Vec<u128> {
        std::iter::from_fn(|| patience.after_loss()).map(|wait| wait.as_millis()).collect()
    }

    #[test]
    fn waits_grow_and_end_and_a_commit_in_doubt_is_waited_for_longer() {
        assert_eq!(waits(&mut Patience::default()), [50, 100, 200, 400, 800, 1000]);
        let in_doubt = waits(&mut Patience { is_in_doubt: true, ..Patience::default() });
        let waited: u128 = in_doubt.iter().sum();
        assert!((28_000..=30_000).contains(&waited), "{in_doubt:?}");
        let mut conflicts = Patience::default();
        assert_eq!(std::iter::from_fn(|| conflicts.after_conflict()).count(), 20);
    }
}
