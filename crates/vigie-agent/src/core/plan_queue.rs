//! Which streams' deletion plans are to be run, and when all are.
//!
//! A plan that deletes much goes some files at a time; the others wait behind it, for in between the hub records.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use vigie_engine::clock::Now;

/// How often deletion plans run when nothing calls for them earlier.
const PLAN_INTERVAL: Duration = Duration::from_secs(10);
/// Between two steps of a plan that deletes much: in between the hub records.
const DUE_INTERVAL: Duration = Duration::from_millis(100);

pub(super) struct PlanQueue {
    all_at: Duration,
    /// When the next step of a plan that deletes much may be done.
    due_at: Duration,
    /// The disk was full: all are to be run as soon as this event is handled.
    wants_all: bool,
    /// Streams that want theirs run now.
    cramped: BTreeSet<Arc<str>>,
    /// Streams of whose media more is due than was deleted in one step, and those whose plans wait behind them.
    more_due: BTreeSet<Arc<str>>,
}

impl PlanQueue {
    pub(super) fn new(now: Now) -> Self {
        Self {
            all_at: now.mono,
            due_at: now.mono,
            wants_all: false,
            cramped: BTreeSet::new(),
            more_due: BTreeSet::new(),
        }
    }

    /// When the next is due.
    pub(super) fn deadline(&self) -> Duration {
        let due = if self.more_due.is_empty() { Duration::MAX } else { self.due_at };
        due.min(self.all_at)
    }

    /// All are to be run with the next tick.
    pub(super) fn hurry(&mut self, now: Now) {
        self.all_at = now.mono;
    }

    pub(super) fn disk_full(&mut self) {
        self.wants_all = true;
    }

    /// This event is handled.
    pub(super) fn settle(&mut self, now: Now) {
        if std::mem::take(&mut self.wants_all) {
            self.hurry(now);
        }
    }

    /// Whether all are due now; then they are next due after the interval.
    pub(super) fn is_all_due(&mut self, now: Now) -> bool {
        let is_due = now.mono >= self.all_at;
        if is_due {
            self.all_at = now.mono + PLAN_INTERVAL;
        }
        is_due
    }

    pub(super) fn cramped(&mut self, stream: Arc<str>) {
        self.cramped.insert(stream);
    }

    pub(super) fn more_due(&mut self, stream: Arc<str>) {
        self.more_due.insert(stream);
    }

    pub(super) fn is_more_due(&self, stream: &Arc<str>) -> bool {
        self.more_due.contains(stream)
    }

    /// Those that want theirs run now.
    pub(super) fn take_cramped(&mut self) -> BTreeSet<Arc<str>> {
        std::mem::take(&mut self.cramped)
    }

    /// These wait behind one that is not done.
    pub(super) fn wait(&mut self, streams: &mut BTreeSet<Arc<str>>) {
        self.more_due.append(streams);
    }

    /// The next whose plan goes on, when a step may be done.
    pub(super) fn next_due(&mut self, now: Now) -> Option<Arc<str>> {
        if now.mono < self.due_at {
            return None;
        }
        self.more_due.pop_first()
    }

    /// A step was done.
    pub(super) fn stepped(&mut self, now: Now) {
        self.due_at = now.mono + DUE_INTERVAL;
    }
}
