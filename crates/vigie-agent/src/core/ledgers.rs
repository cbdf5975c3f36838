//! What is written down of gaps and losses, of all streams: it waits for others, is written with them, and is tried again.
//!
//! Written together with the media: after a commit, when nothing else waits to become durable, at most a second late,
//! and every ten seconds as a sign of life. What a deletion takes is written before it, see [`crate::ledger`].

use std::time::Duration;

use vigie_engine::clock::Now;
use vigie_store::describe;

use crate::ledger::{Change, Intent, LedgerDb, LedgerError};

/// A sign of life: a hub that loses its power is known to have run until then, or until its last media.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// Entries wait for others so long.
const FLUSH_DELAY: Duration = Duration::from_secs(1);
/// What could not be written is tried again after so long.
const WRITE_AGAIN: Duration = Duration::from_secs(5);
/// Changes that wait for a disk that refuses them; then the oldest are lost, which is said.
const PENDING_MAX: usize = 10_000;
/// The ledgers of all streams.
pub(super) struct Ledgers {
    db: Box<dyn LedgerDb>,
    pending: Vec<Change>,
    flush_at: Duration,
    failure_said: bool,
}

impl Ledgers {
    pub(super) fn new(db: Box<dyn LedgerDb>, now: Now) -> Self {
        Self { db, pending: Vec::new(), flush_at: now.mono, failure_said: false }
    }

    /// When they want to be written.
    pub(super) fn deadline(&self) -> Duration {
        self.flush_at
    }

    /// They are to be written as soon as they can be.
    pub(super) fn hurry(&mut self, now: Now) {
        self.flush_at = now.mono;
    }

    /// Something is to be written soon.
    pub(super) fn note(&mut self, change: Change, now: Now) {
        if self.pending.len() >= PENDING_MAX {
            tracing::error!("the ledger of gaps and losses cannot be written; entries are lost");
            self.pending.drain(..PENDING_MAX / 2);
        }
        self.pending.push(change);
        self.soon(now);
    }

    /// They are to be written, together with what comes until then.
    pub(super) fn soon(&mut self, now: Now) {
        self.flush_at = self.flush_at.min(now.mono + FLUSH_DELAY);
    }

    /// Writes what waits and `more`; whether that is durable now.
    pub(super) fn flush(&mut self, more: Vec<Change>, now: Now) -> bool {
        let waiting = self.pending.len();
        self.pending.extend(more);
        let written = self.db.apply(&self.pending);
        match &written {
            Ok(()) => {
                self.pending.clear();
                self.failure_said = false;
                self.flush_at = now.mono + HEARTBEAT;
            }
            Err(error) => {
                self.pending.truncate(waiting);
                self.flush_at = now.mono + WRITE_AGAIN;
                self.failed(error);
            }
        }
        written.is_ok()
    }

    /// Writes down, durably, what a deletion will take; whether it may go on.
    pub(super) fn intend(&mut self, intents: Vec<Intent>) -> bool {
        let changes: Vec<Change> = intents.into_iter().map(Change::Intend).collect();
        let written = self.db.apply(&changes);
        if let Err(error) = &written {
            self.failed(error);
        }
        written.is_ok()
    }

    /// It could not be written or read when that was last tried.
    pub(super) const fn is_refused(&self) -> bool {
        self.failure_said
    }

    fn failed(&mut self, error: &LedgerError) {
        if !std::mem::replace(&mut self.failure_said, true) {
            tracing::error!(
                error = describe(error),
                "the ledger of gaps and losses cannot be used; nothing is deleted that it cannot tell of"
            );
        }
    }

    pub(super) fn read<T: Default>(
        &mut self,
        read: impl FnOnce(&dyn LedgerDb) -> Result<T, LedgerError>,
    ) -> T {
        read(self.db.as_ref()).unwrap_or_else(|error| {
            self.failed(&error);
            T::default()
        })
    }
}
