//! What all jobs of a hub share while an event is handled: the store, chance, and what goes out.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use vigie_engine::chance::Chance;
use vigie_engine::clock::Now;
use vigie_store::{CommitReport, Store, StoreError, StoreReader, describe};

use super::effect::Effect;
use super::event::Session;
use super::ledger::Ledgers;

/// Shared by all jobs.
pub(super) struct World {
    pub(super) store: Store,
    pub(super) reader: StoreReader,
    pub(super) ledgers: Ledgers,
    pub(super) chance: Box<dyn Chance>,
    pub(super) zone: TimeZone,
    pub(super) commit_interval: Duration,
    /// What is to be done, in order.
    pub(super) effects: Vec<Effect>,
    /// When what was appended becomes durable; `None` while nothing waits.
    pub(super) commit_at: Option<Duration>,
    /// The service answered when it was last asked.
    pub(super) in_contact: bool,
    /// Something is to be said to the service without waiting for its next answer.
    pub(super) news: bool,
    /// The saved configurations differ from what is on disk.
    pub(super) unsaved: bool,
    /// Streams that want their deletion plan run now.
    pub(super) cramped: BTreeSet<Arc<str>>,
    /// Streams of whose media more is due than was deleted in one step, and those whose plans wait behind them.
    pub(super) more_due: BTreeSet<Arc<str>>,
    disk_full_said: bool,
    /// The disk was full: all deletion plans are to be run now.
    pub(super) wants_plans: bool,
    /// The disk has less free space than is kept in reserve, and nothing is left to delete.
    pub(super) reserve_short: bool,
    /// What commits did; the hub tells the jobs when the event is handled.
    pub(super) commits: Vec<CommitReport>,
    /// The store refuses everything from now on.
    pub(super) failed: bool,
    next_session: u64,
}

impl World {
    pub(super) fn new(
        store: Store,
        ledgers: Ledgers,
        chance: Box<dyn Chance>,
        zone: TimeZone,
        commit_interval: Duration,
    ) -> Self {
        Self {
            reader: store.reader(),
            store,
            ledgers,
            chance,
            zone,
            commit_interval,
            effects: Vec::new(),
            commit_at: None,
            in_contact: false,
            news: true,
            unsaved: false,
            cramped: BTreeSet::new(),
            more_due: BTreeSet::new(),
            disk_full_said: false,
            wants_plans: false,
            reserve_short: false,
            commits: Vec::new(),
            failed: false,
            next_session: 1,
        }
    }

    pub(super) fn new_session(&mut self, stream: &Arc<str>) -> Session {
        let number = self.next_session;
        self.next_session += 1;
        Session { stream: Arc::clone(stream), number }
    }

    /// Something was appended or marked: the next commit is at most one interval away.
    pub(super) fn touch(&mut self, now: Now) {
        let at = now.mono + self.commit_interval;
        self.commit_at.get_or_insert(at);
    }

    /// Makes durable what was appended.
    pub(super) fn commit(&mut self) -> Result<(), StoreError> {
        self.commit_at = None;
        self.commits.push(self.store.commit()?);
        self.disk_full_said &= self.reserve_short;
        Ok(())
    }

    /// Logs a failure of the store and notes when it is the last.
    pub(super) fn store_failed(&mut self, stream: &str, error: &StoreError) {
        // A full disk is said once, not for every batch of every camera.
        if error.is_disk_full() && std::mem::replace(&mut self.disk_full_said, true) {
            return;
        }
        tracing::error!(stream, error = describe(error), "the media store failed");
        self.failed |= error.is_fatal();
    }
}
