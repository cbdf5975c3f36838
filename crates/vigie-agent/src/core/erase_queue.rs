//! Which streams' media goes, and when the next step of each may be done.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use vigie_engine::clock::Now;

/// A disk on which commits are always under way is waited for after so long.
const BUSY_PATIENCE: Duration = Duration::from_secs(1);

/// The streams whose media goes.
#[derive(Default)]
pub(super) struct EraseQueue {
    /// When the next step of each may be done; the earliest is at work.
    pub(super) streams: BTreeMap<Arc<str>, Duration>,
    pub(super) step_at: Duration,
    /// Since when a commit is in the way.
    pub(super) busy_since: Option<Duration>,
}

impl EraseQueue {
    /// When the next step is due.
    pub(super) fn deadline(&self) -> Duration {
        let first = self.streams.values().min();
        first.map_or(Duration::MAX, |at| self.step_at.max(*at))
    }

    pub(super) fn next(&self) -> Option<Arc<str>> {
        let first = self.streams.iter().min_by_key(|(_, at)| **at);
        first.map(|(arn, _)| Arc::clone(arn))
    }

    /// Notes that a commit is in the way; whether that has lasted long enough.
    pub(super) fn has_waited(&mut self, now: Now) -> bool {
        let since = *self.busy_since.get_or_insert(now.mono);
        now.mono.saturating_sub(since) >= BUSY_PATIENCE
    }
}
