//! The hub's media store, and when what was appended to it becomes durable.
//!
//! One group commit at a time, for all streams together; what is urgent does not wait for all. Says when it wants to be
//! asked; waits for a disk only where a part cannot go on before it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use vigie_engine::clock::Now;
use vigie_store::{CommitReport, Store, StoreError, StoreReader, SyncHandle, SyncJob, describe};

/// How far apart commits begin at least that do not wait for all streams: what becomes urgent in between shares one. A disk that is
/// slower than that sets the pace itself.
const URGENT_COMMIT_INTERVAL: Duration = Duration::from_millis(20);

/// Called when the syncs of a commit are done, on a thread of the disk's: wakes whoever runs the hub.
pub type Waker = Arc<dyn Fn() + Send + Sync>;

/// The store with its group commits.
pub(super) struct HubMedia {
    pub(super) store: Store,
    pub(super) reader: StoreReader,
    commit_interval: Duration,
    /// When what was appended becomes durable; `None` while nothing waits.
    commit_at: Option<Duration>,
    /// Streams that do not wait for that: see [`HubMedia::urge`].
    urgent: BTreeSet<Arc<str>>,
    /// When the last commit began.
    committed_at: Option<Duration>,
    /// The syncs of the commit that is under way.
    syncing: Option<SyncHandle>,
    waker: Waker,
    /// Frames were appended that are to be written: at the end of what came with them, so that one waking of the disk's
    /// workers serves many cameras.
    has_unwritten: bool,
    /// What commits did, by their numbers, as long as nobody has asked.
    commits: Vec<(u64, CommitReport)>,
    /// Commits that were begun: the number of the last.
    commit_number: u64,
    is_reserve_short: bool,
    disk_full_said: bool,
    index_locked_said: bool,
    has_failed: bool,
}

impl HubMedia {
    pub(super) fn new(store: Store, commit_interval: Duration) -> Self {
        Self {
            reader: store.reader(),
            store,
            commit_interval,
            commit_at: None,
            urgent: BTreeSet::new(),
            committed_at: None,
            syncing: None,
            waker: Arc::new(|| {}),
            has_unwritten: false,
            commits: Vec::new(),
            commit_number: 0,
            is_reserve_short: false,
            disk_full_said: false,
            index_locked_said: false,
            has_failed: false,
        }
    }

    pub(super) fn wake_by(&mut self, waker: Waker) {
        self.waker = waker;
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

    /// When [`HubMedia::keep_time`] has something to do.
    pub(super) fn deadline(&self) -> Duration {
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
    pub(super) fn keep_time(&mut self, now: Now) -> Result<(), StoreError> {
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
        self.disk_full_said &= self.is_reserve_short;
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

    /// What commits did since this was last asked, by their numbers.
    pub(super) fn take_commits(&mut self) -> Vec<(u64, CommitReport)> {
        std::mem::take(&mut self.commits)
    }

    pub(super) fn has_commits(&self) -> bool {
        !self.commits.is_empty()
    }

    /// The number of the last commit that was begun.
    pub(super) fn commit_number(&self) -> u64 {
        self.commit_number
    }

    /// The disk has less free space than is kept in reserve, and nothing is left to delete.
    pub(super) fn is_reserve_short(&self) -> bool {
        self.is_reserve_short
    }

    /// Notes whether that is so; whether it is news.
    pub(super) fn set_reserve_short(&mut self, is_short: bool) -> bool {
        std::mem::replace(&mut self.is_reserve_short, is_short) != is_short
    }

    /// The store refuses everything from now on.
    pub(super) fn has_failed(&self) -> bool {
        self.has_failed
    }

    /// Notes when a failure of the store, which is said elsewhere, is the last.
    pub(super) fn note_failure(&mut self, error: &StoreError) {
        self.has_failed |= error.is_fatal();
    }

    /// Logs a failure of the store and notes when it is the last.
    pub(super) fn failed(&mut self, stream: &str, error: &StoreError) {
        // A full disk is said once, not for every batch of every camera.
        if error.is_disk_full() && std::mem::replace(&mut self.disk_full_said, true) {
            return;
        }
        // As a locked index is: every second a commit is tried again.
        if error.is_index_locked() && std::mem::replace(&mut self.index_locked_said, true) {
            return;
        }
        tracing::error!(stream, error = describe(error), "the media store failed");
        self.note_failure(error);
    }
}
