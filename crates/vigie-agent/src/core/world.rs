//! What all jobs of a hub share while an event is handled: the store, chance, and what goes out.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use vigie_engine::age_hold::AgeHold;
use vigie_engine::chance::Chance;
use vigie_engine::clock::Now;
use vigie_store::{CommitReport, Store, StoreError, StoreReader, SyncHandle, SyncJob, describe};

use super::effect::Effect;
use super::event::Session;
use super::ledger::Ledgers;

/// How far apart commits begin at least that do not wait for all streams: what becomes urgent in between shares one. A disk that is
/// slower than that sets the pace itself.
const URGENT_COMMIT_INTERVAL: Duration = Duration::from_millis(20);

/// Called when the syncs of a commit are done, on a thread of the disk's: wakes whoever runs the hub.
pub type Waker = Arc<dyn Fn() + Send + Sync>;

/// Shared by all jobs.
pub(super) struct World {
    pub(super) store: Store,
    pub(super) reader: StoreReader,
    pub(super) ledgers: Ledgers,
    pub(super) chance: Box<dyn Chance>,
    pub(super) zone: TimeZone,
    pub(super) commit_interval: Duration,
    /// Whether the clock is believed when it says that media is old.
    pub(super) age_hold: AgeHold,
    /// What is to be done, in order.
    pub(super) effects: Vec<Effect>,
    /// When what was appended becomes durable; `None` while nothing waits.
    pub(super) commit_at: Option<Duration>,
    /// Streams that do not wait for that: see [`World::urge`].
    urgent: BTreeSet<Arc<str>>,
    /// When the last commit began.
    committed_at: Option<Duration>,
    /// The syncs of the commit that is under way.
    syncing: Option<SyncHandle>,
    pub(super) waker: Waker,
    /// Frames were appended that are to be written: at the end of what came with them, so that one waking of the disk's
    /// workers serves many cameras.
    has_unwritten: bool,
    /// The service answered when it was last asked.
    pub(super) in_contact: bool,
    /// It refuses this agent, because another one works as the hub and uploads.
    pub(super) another_agent: bool,
    /// Something is to be said to the service without waiting for its next answer.
    pub(super) news: bool,
    /// The saved configurations differ from what is on disk.
    pub(super) unsaved: bool,
    /// Streams that want their deletion plan run now.
    pub(super) cramped: BTreeSet<Arc<str>>,
    /// Streams of whose media more is due than was deleted in one step, and those whose plans wait behind them.
    pub(super) more_due: BTreeSet<Arc<str>>,
    disk_full_said: bool,
    index_locked_said: bool,
    /// The disk was full: all deletion plans are to be run now.
    pub(super) wants_plans: bool,
    /// The disk has less free space than is kept in reserve, and nothing is left to delete.
    pub(super) reserve_short: bool,
    /// What commits did, by their numbers; the hub tells the jobs when the event is handled.
    pub(super) commits: Vec<(u64, CommitReport)>,
    /// Commits that were begun: the number of the last.
    pub(super) commit_number: u64,
    /// The store refuses everything from now on.
    pub(super) failed: bool,
    next_session: u64,
}

impl World {
    /// Bytes by chance, for what a camera's session must not repeat.
    pub(super) fn seed(&mut self) -> [u8; 16] {
        let (one, other) = (self.chance.next_u64(), self.chance.next_u64());
        let mut seed = [0; 16];
        seed[..8].copy_from_slice(&one.to_be_bytes());
        seed[8..].copy_from_slice(&other.to_be_bytes());
        seed
    }

    pub(super) fn new(
        store: Store,
        ledgers: Ledgers,
        chance: Box<dyn Chance>,
        zone: TimeZone,
        commit_interval: Duration,
        age_hold: AgeHold,
    ) -> Self {
        Self {
            reader: store.reader(),
            store,
            ledgers,
            chance,
            zone,
            commit_interval,
            age_hold,
            effects: Vec::new(),
            commit_at: None,
            urgent: BTreeSet::new(),
            committed_at: None,
            syncing: None,
            waker: Arc::new(|| {}),
            has_unwritten: false,
            in_contact: false,
            another_agent: false,
            news: true,
            unsaved: false,
            cramped: BTreeSet::new(),
            more_due: BTreeSet::new(),
            disk_full_said: false,
            index_locked_said: false,
            wants_plans: false,
            reserve_short: false,
            commits: Vec::new(),
            commit_number: 0,
            failed: false,
            next_session: 1,
        }
    }

    /// Notices a clock that jumps, before anything is decided by it.
    pub(super) fn sample_clock(&mut self, now: Now) {
        if let Some(jump) = self.age_hold.sample(now) {
            tracing::warn!(
                by_seconds = jump.by_ms / 1000,
                "the hub's clock jumped: nothing is deleted by age for an hour; limits of size stay in force"
            );
            self.ledgers.hurry(now);
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

    /// Frames were appended: what was not written to the disk goes with the process.
    pub(super) fn appended(&mut self, now: Now) {
        self.has_unwritten = true;
        self.touch(now);
    }

    /// What was appended to `key` does not wait for others: a fragment is whole and the service is to have it, or a media
    /// file is new, all of which a crash would take.
    pub(super) fn urge(&mut self, key: &Arc<str>) {
        self.urgent.insert(Arc::clone(key));
    }

    /// Whether anything appended or marked is in no commit yet.
    pub(super) fn is_uncommitted(&self) -> bool {
        self.commit_at.is_some() || self.syncing.is_some()
    }

    /// When [`World::keep_disk_time`] has something to do.
    pub(super) fn disk_deadline(&self) -> Duration {
        let write_out = if self.has_unwritten { Duration::ZERO } else { Duration::MAX };
        let commit = match &self.syncing {
            Some(syncing) if syncing.is_done() => Duration::ZERO,
            // The waker tells.
            Some(_) => Duration::MAX,
            None => self.commit_at.unwrap_or(Duration::MAX).min(self.urgent_commit_at()),
        };
        write_out.min(commit)
    }

    fn urgent_commit_at(&self) -> Duration {
        match self.committed_at {
            _ if self.urgent.is_empty() => Duration::MAX,
            Some(at) => at + URGENT_COMMIT_INTERVAL,
            None => Duration::ZERO,
        }
    }

    /// Has written what was appended, ends the commit that is under way when its syncs are done, and begins the next when
    /// it is due. Waits for nothing.
    pub(super) fn keep_disk_time(&mut self, now: Now) -> Result<(), StoreError> {
        if std::mem::take(&mut self.has_unwritten) {
            self.store.write_out();
        }
        self.finish_commit(false)?;
        if self.syncing.is_some() {
            return Ok(());
        }
        if self.commit_at.is_some_and(|at| now.mono >= at) {
            self.begin_commit(now)?;
        } else if now.mono >= self.urgent_commit_at() {
            let keys = std::mem::take(&mut self.urgent);
            self.committed_at = Some(now.mono);
            let job = self.store.begin_commit_of(&keys)?;
            self.sync(job);
        }
        // A disk that is done on the spot.
        self.finish_commit(false)
    }

    fn begin_commit(&mut self, now: Now) -> Result<(), StoreError> {
        self.commit_at = None;
        self.urgent.clear();
        self.committed_at = Some(now.mono);
        let job = self.store.begin_commit()?;
        self.sync(job);
        Ok(())
    }

    fn sync(&mut self, job: SyncJob) {
        let waker = Arc::clone(&self.waker);
        self.commit_number += 1;
        self.syncing = Some(job.start(move || waker()));
    }

    /// Ends the commit that is under way; waits for its syncs if `waits`.
    fn finish_commit(&mut self, waits: bool) -> Result<(), StoreError> {
        let Some(syncing) = self.syncing.take_if(|syncing| waits || syncing.is_done()) else {
            return Ok(());
        };
        let report = self.store.finish_commit(syncing.wait()).inspect_err(|_| {
            // What waits is still there; a commit for which there was no space is tried again.
            let at = self.committed_at.unwrap_or_default() + self.commit_interval;
            self.commit_at.get_or_insert(at);
        })?;
        self.commits.push((self.commit_number, report));
        self.disk_full_said &= self.reserve_short;
        self.index_locked_said &= self.store.index_refusal().is_some();
        Ok(())
    }

    /// Waits for the commit that is under way: nothing can be deleted before.
    pub(super) fn settle_commit(&mut self) -> Result<(), StoreError> {
        self.finish_commit(true)
    }

    /// Makes durable what was appended, and waits for that.
    pub(super) fn commit(&mut self, now: Now) -> Result<(), StoreError> {
        self.finish_commit(true)?;
        self.begin_commit(now)?;
        self.finish_commit(true)
    }

    /// Logs a failure of the store and notes when it is the last.
    pub(super) fn store_failed(&mut self, stream: &str, error: &StoreError) {
        // A full disk is said once, not for every batch of every camera.
        if error.is_disk_full() && std::mem::replace(&mut self.disk_full_said, true) {
            return;
        }
        // As a locked index is: every second a commit is tried again.
        if error.is_index_locked() && std::mem::replace(&mut self.index_locked_said, true) {
            return;
        }
        tracing::error!(stream, error = describe(error), "the media store failed");
        self.failed |= error.is_fatal();
    }
}
