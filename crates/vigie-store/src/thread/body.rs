//! What the store's thread does, a step at a time.
//!
//! The disk's workers do the syncs of a commit, so that fragments are taken on while the disk is waited for.
//!
//! It decides when to commit: at once for a fragment that comes alone, and where many come, a short while after the commit
//! before began, or at once when many bytes wait. And when a stream is idle: after a media file's greatest age without a
//! fragment, or twice that at most.
//!
//! An answer comes after the state is told that it speaks of: whoever has one may ask at once how the store is.

use std::collections::{BTreeMap, VecDeque};
use std::sync::mpsc::{
    Receiver, RecvTimeoutError, SyncSender, TryRecvError, TrySendError, sync_channel,
};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::handle::StoreHandle;
use super::request::{Monotonic, Reply, Request, State, ThreadSettings};
use crate::commit::{SyncHandle, SyncOutcome};
use crate::error::{StoreError, describe};
use crate::fragment::{FragmentEntry, MediaFileId};
use crate::report::{CommitReport, Deleted};
use crate::store::Store;

/// Files that are removed before the next request is looked at: removing a large one takes milliseconds.
const FILES_PER_STEP: usize = 4;

/// Files that are compared with the index before the next request is looked at.
const FILES_PER_SEARCH: usize = 64;

/// How soon the search looks whether a worker has read what it waits for, and when it goes on after an error.
const SEARCH_INTERVAL: Duration = Duration::from_millis(5);
const SEARCH_AGAIN: Duration = Duration::from_secs(10);

/// Media files of idle streams that one commit seals at most: each is a sync, and others wait for that commit.
const IDLE_PER_COMMIT: usize = 64;

/// Between tries while the index takes no transaction.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

pub(super) struct Body {
    store: Store,
    settings: ThreadSettings,
    pub(super) monotonic: Monotonic,
    /// Replies of fragments that wait for a commit.
    waiting: BTreeMap<(Arc<str>, u64), Reply<FragmentEntry>>,
    /// Bytes of those fragments.
    bytes: u64,
    /// When to commit, by `monotonic`.
    due: Option<Duration>,
    /// When the last commit began.
    committed_at: Option<Duration>,
    /// Wakes this thread when syncs are done.
    synced: SyncSender<Request>,
    /// The syncs of the commit that is under way.
    pub(super) syncing: Option<SyncHandle>,
    /// Requests that wait for its end.
    deferred: VecDeque<Request>,
    /// Deletions that were begun.
    deletions: VecDeque<Deletion>,
    /// Files of erased streams could not be removed: tried again after the next commit, not before.
    reclaim_later: bool,
    state: Arc<Mutex<State>>,
    /// When the search may go on, by `monotonic`.
    search_at: Duration,
    /// Streams whose media files are to be sealed because nothing comes for them.
    idle: VecDeque<Arc<str>>,
    /// When to look for more, by `monotonic`.
    idle_at: Duration,
}

/// Media files of a stream that are to go.
struct Deletion {
    key: Arc<str>,
    ids: VecDeque<MediaFileId>,
    deleted: Deleted,
    reply: Reply<Deleted>,
}

/// How long a step of the thread may wait for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    Not,
    Until(Duration),
    ForRequest,
}

impl Body {
    pub(super) fn new(
        store: Store,
        settings: ThreadSettings,
        monotonic: Monotonic,
    ) -> (Self, Receiver<Request>, StoreHandle) {
        let (sender, receiver) = sync_channel(settings.requests_max);
        let synced = sender.clone();
        let state = Arc::<Mutex<State>>::default();
        let handle = StoreHandle { sender, reader: store.reader(), state: Arc::clone(&state) };
        // Nothing is open yet that could be idle.
        let idle_at = monotonic() + store.idle_after();
        let body = Self {
            store,
            settings,
            monotonic,
            waiting: BTreeMap::new(),
            bytes: 0,
            due: None,
            committed_at: None,
            synced,
            syncing: None,
            deferred: VecDeque::new(),
            deletions: VecDeque::new(),
            reclaim_later: false,
            state,
            search_at: Duration::ZERO,
            idle: VecDeque::new(),
            idle_at,
        };
        (body, receiver, handle)
    }

    pub(super) fn run(mut self, receiver: Receiver<Request>) -> Result<(), StoreError> {
        let outcome = self.serve(&receiver);
        let outcome = outcome.and_then(|()| self.end());
        // Before the answers: whoever has one finds the thread ended.
        self.tell(true);
        let error = outcome.clone().err().unwrap_or(StoreError::Closed);
        for (_, reply) in std::mem::take(&mut self.waiting) {
            reply(Err(error.clone()));
        }
        for deletion in std::mem::take(&mut self.deletions) {
            (deletion.reply)(Err(error.clone()));
        }
        for request in std::mem::take(&mut self.deferred).into_iter().chain(receiver.try_iter()) {
            request.refuse(error.clone());
        }
        outcome
    }

    fn reply<T>(&self, reply: Reply<T>, outcome: Result<T, StoreError>) {
        self.tell(false);
        reply(outcome);
    }

    fn tell(&self, has_ended: bool) {
        let index_refusal = self.store.index_refusal();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match (state.index_refusal, index_refusal) {
            (None, Some(refusal)) => {
                let error = describe(&refusal.error());
                tracing::warn!(
                    error,
                    "the index takes no transactions; what waits for one goes on waiting"
                );
            }
            (Some(_), None) => tracing::info!("the index takes transactions again"),
            _ => {}
        }
        *state = State { has_ended, index_refusal };
    }

    /// The graceful end: what waits is persisted, what is deleted is gone.
    fn end(&mut self) -> Result<(), StoreError> {
        if let Some(syncing) = self.syncing.take() {
            self.finish_commit(syncing.wait())?;
        }
        while !self.deletions.is_empty() {
            self.delete_some();
        }
        self.store.seal_all()?;
        let report = self.store.commit()?;
        answer(&mut self.waiting, report);
        while self.store.is_reclaiming() {
            if let Err(error) = self.store.reclaim(FILES_PER_STEP) {
                tracing::warn!(%error, "remove files of an erased stream; left to the next start");
                break;
            }
        }
        self.store.close_index();
        self.store.check_failed()
    }

    fn serve(&mut self, receiver: &Receiver<Request>) -> Result<(), StoreError> {
        loop {
            let wait = self.wait();
            let received = match wait {
                Wait::Not => receiver.try_recv().map_err(|error| match error {
                    TryRecvError::Empty => RecvTimeoutError::Timeout,
                    TryRecvError::Disconnected => RecvTimeoutError::Disconnected,
                }),
                Wait::Until(at) => receiver.recv_timeout(at.saturating_sub((self.monotonic)())),
                Wait::ForRequest => receiver.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match received {
                Ok(Request::Shutdown) | Err(RecvTimeoutError::Disconnected) => return Ok(()),
                received => self.step(wait, received.ok())?,
            }
        }
    }

    /// How long may be waited for a request before the next step.
    pub(super) fn wait(&self) -> Wait {
        if self.has_work() || self.is_due() {
            return Wait::Not;
        }
        if self.syncing.is_some() {
            return Wait::ForRequest;
        }
        let search_at = self.store.is_searching_orphans().then_some(self.search_at);
        let wake_at = self.due.into_iter().chain(search_at).chain([self.idle_at]).min();
        wake_at.map_or(Wait::ForRequest, Wait::Until)
    }

    /// Whether a commit is to begin now.
    fn is_due(&self) -> bool {
        self.syncing.is_none() && self.due.is_some_and(|due| (self.monotonic)() >= due)
    }

    /// What comes of a request, or of none.
    pub(super) fn step(
        &mut self,
        waited: Wait,
        request: Option<Request>,
    ) -> Result<(), StoreError> {
        match request {
            Some(request) => self.handle(request),
            // What comes while a commit is waited for goes into it.
            None if waited != Wait::Not => {}
            None if self.is_due() => self.begin_commit()?,
            None if self.has_work() => self.work(),
            None => {}
        }
        // The outcome overtakes the requests that wait. Where none waits this thread sleeps and is woken.
        if let Some(syncing) = self.syncing.take_if(|syncing| syncing.is_done()) {
            self.finish_commit(syncing.wait())?;
            for request in std::mem::take(&mut self.deferred) {
                self.handle(request);
            }
            // However many requests come, what is deleted goes at last.
            self.reclaim_later = false;
            if self.has_work() {
                self.work();
            }
        }
        if self.syncing.is_none() && self.bytes >= self.settings.commit_bytes {
            self.begin_commit()?;
        }
        self.store.check_failed()?;
        if self.store.index_refusal().is_some() && self.syncing.is_none() {
            self.due.get_or_insert((self.monotonic)() + RETRY_INTERVAL);
        }
        self.tell(false);
        Ok(())
    }

    /// Whether something is to be done that nobody waits for.
    fn has_work(&self) -> bool {
        let has_some = !self.deletions.is_empty()
            || (self.store.is_reclaiming() && !self.reclaim_later)
            || (self.store.is_searching_orphans() && (self.monotonic)() >= self.search_at)
            || (self.monotonic)() >= self.idle_at;
        has_some && self.syncing.is_none()
    }

    /// A bounded step of it.
    fn work(&mut self) {
        if !self.deletions.is_empty() {
            return self.delete_some();
        }
        if self.store.is_reclaiming() && !self.reclaim_later {
            if let Err(error) = self.store.reclaim(FILES_PER_STEP) {
                tracing::warn!(%error, "remove files of an erased stream; trying again");
                self.reclaim_later = true;
            }
            return;
        }
        if (self.monotonic)() >= self.idle_at {
            return self.look_for_idle();
        }
        let searched = self.store.search_orphans(FILES_PER_SEARCH);
        let wait = match searched {
            Err(error) => {
                tracing::warn!(%error, "compare the disk with the index; trying again");
                SEARCH_AGAIN
            }
            Ok(()) if self.store.is_search_waiting() => SEARCH_INTERVAL,
            Ok(()) => Duration::ZERO,
        };
        self.search_at = (self.monotonic)() + wait;
    }

    /// Notes which streams are idle now; the next commits seal their media files.
    fn look_for_idle(&mut self) {
        self.idle_at = (self.monotonic)() + self.store.idle_after();
        self.idle = self.store.look_for_idle().into();
        self.commit_idle();
    }

    /// A commit for what is idle, if there is no other one to come.
    fn commit_idle(&mut self) {
        if !self.idle.is_empty() {
            self.be_due();
        }
    }

    fn seal_some_idle(&mut self) -> Result<(), StoreError> {
        let some = self.idle.len().min(IDLE_PER_COMMIT);
        for key in self.idle.drain(..some) {
            if self.store.seal_idle(&key)? {
                tracing::debug!(stream = &*key, "nothing comes for a media file; sealing it");
            }
        }
        Ok(())
    }

    /// Commits as soon as the time since the last commit allows it.
    fn be_due(&mut self) {
        let earliest = self.committed_at.map(|at| at + self.settings.commit_interval);
        self.due.get_or_insert(earliest.unwrap_or(Duration::ZERO));
    }

    fn handle(&mut self, request: Request) {
        match request {
            Request::DeleteMediaFiles { .. }
            | Request::DeleteStream { .. }
            | Request::DiscardUnclaimed { .. }
                if self.syncing.is_some() =>
            {
                self.deferred.push_back(request);
            }
            Request::Append { key, header, fragment, reply } => {
                match self.store.append_fragment(&key, &header, &fragment) {
                    Ok(entry) => {
                        self.bytes += entry.size_bytes;
                        self.waiting.insert((key, entry.sequence), reply);
                        self.be_due();
                    }
                    Err(error) => self.reply(reply, Err(error)),
                }
            }
            Request::Reserve { key, count, reply } => {
                let reserved = self.store.reserve_sequences(&key, count);
                self.reply(reply, reserved);
            }
            Request::DeleteMediaFiles { key, ids, reply } => {
                let (ids, deleted) = (ids.into(), Deleted::default());
                self.deletions.push_back(Deletion { key, ids, deleted, reply });
            }
            Request::DeleteStream { key, reply } => {
                let result = self.store.begin_delete_stream(&key);
                self.tell(false);
                if let Ok(deleted) = &result {
                    for failed in &deleted.failed {
                        let waiting =
                            self.waiting.remove(&(Arc::clone(&failed.key), failed.sequence));
                        if let Some(reply) = waiting {
                            reply(Err(failed.error.clone()));
                        }
                    }
                }
                reply(result);
            }
            Request::DiscardUnclaimed { key, before, reply } => {
                let discarded = self.store.discard_unclaimed_before(&key, before);
                self.reply(reply, discarded);
            }
            // Taken by `serve`.
            Request::Synced | Request::Shutdown => {}
        }
    }

    /// Deletes the next media files of the first deletion; answers it when there are no more.
    fn delete_some(&mut self) {
        let Some(mut deletion) = self.deletions.pop_front() else { return };
        let some = deletion.ids.len().min(FILES_PER_STEP);
        let ids: Vec<MediaFileId> = deletion.ids.drain(..some).collect();
        match self.delete_media_files(&deletion.key, &ids) {
            Ok(deleted) => {
                deletion.deleted.add(deleted);
                if deletion.ids.is_empty() {
                    self.reply(deletion.reply, Ok(deletion.deleted));
                } else {
                    self.deletions.push_front(deletion);
                }
            }
            Err(error) => self.reply(deletion.reply, Err(error)),
        }
    }

    fn delete_media_files(
        &mut self,
        key: &str,
        ids: &[MediaFileId],
    ) -> Result<Deleted, StoreError> {
        match self.store.delete_media_files(ids) {
            Err(StoreError::MediaFileOpen { .. }) => {
                self.store.seal(key)?;
                self.commit()?;
                self.store.delete_media_files(ids)
            }
            result => result,
        }
    }

    /// Begins a commit of all that was appended until now.
    fn begin_commit(&mut self) -> Result<(), StoreError> {
        self.seal_some_idle()?;
        let job = self.store.begin_commit()?;
        self.bytes = 0;
        self.due = None;
        self.committed_at = Some((self.monotonic)());
        self.commit_idle();
        let synced = self.synced.clone();
        // Where many requests wait the thread does not sleep: it looks for the outcome after each.
        self.syncing = Some(job.start(move || match synced.try_send(Request::Synced) {
            Ok(()) | Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {}
        }));
        Ok(())
    }

    /// Ends the commit and answers. While the index has no space, or is locked, the fragments go on waiting.
    fn finish_commit(&mut self, outcome: SyncOutcome) -> Result<(), StoreError> {
        match self.store.finish_commit(outcome) {
            Ok(report) => {
                // Nothing waited for it: then it is asked whether it would.
                let asked = self.store.index_refusal().map(|_| self.store.ask_index());
                self.tell(false);
                answer(&mut self.waiting, report);
                match asked {
                    Some(Err(error)) if error.is_fatal() => Err(error),
                    _ => Ok(()),
                }
            }
            Err(error) if error.is_fatal() => Err(error),
            Err(error) => {
                tracing::debug!(%error, "commit; trying again");
                self.bytes = 0;
                self.due = Some((self.monotonic)() + RETRY_INTERVAL);
                Ok(())
            }
        }
    }

    /// A whole commit on this thread.
    fn commit(&mut self) -> Result<(), StoreError> {
        let outcome = self.store.begin_commit()?.run();
        self.bytes = 0;
        self.due = None;
        self.committed_at = Some((self.monotonic)());
        self.finish_commit(outcome)
    }
}

fn answer(waiting: &mut BTreeMap<(Arc<str>, u64), Reply<FragmentEntry>>, report: CommitReport) {
    for persisted in report.persisted {
        if let Some(reply) = waiting.remove(&(persisted.key, persisted.entry.sequence)) {
            reply(Ok(persisted.entry));
        }
    }
    for failed in report.failed {
        if let Some(reply) = waiting.remove(&(failed.key, failed.sequence)) {
            reply(Err(failed.error));
        }
    }
}
