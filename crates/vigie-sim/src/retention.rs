//! What the server deletes by age: the sweep of its streams' retention, by a clock that is believed.
//!
//! What a jump is, and what is old, is decided by the product (`vigie_engine::age_hold`, `vigie_store`). What a process
//! wrote down survives it, as in the metadata database.

use std::time::Duration;

use vigie_engine::age_hold::{AgeHold, LastRun};
use vigie_engine::clock::Now;
use vigie_store::{MediaFile, MediaFileId, Store, StoreError};

/// How often the server sweeps.
const PERIOD: Duration = Duration::from_secs(60);

/// See the module's documentation.
pub(crate) struct Retention {
    kept: Duration,
    hold: AgeHold,
    last_run: LastRun,
    swept_at: Duration,
}

impl Retention {
    /// Media goes when it was received so long ago.
    pub(crate) fn new(kept: Duration, now: Now) -> Self {
        let (mut hold, _) = AgeHold::start(None, now);
        let (last_run, _) = hold.to_write_down(now);
        Self { kept, hold, last_run, swept_at: now.mono }
    }

    /// Another process goes on.
    pub(crate) fn start(&mut self, now: Now) {
        (self.hold, _) = AgeHold::start(Some(self.last_run), now);
        self.sweep_is_due_at(now);
    }

    fn sweep_is_due_at(&mut self, now: Now) {
        self.swept_at = now.mono;
        (self.last_run, _) = self.hold.to_write_down(now);
    }

    /// Deletes what has expired, if a sweep is due; what the store cannot delete now is left to the next.
    pub(crate) fn tick(&mut self, store: &mut Store, now: Now) -> Result<(), StoreError> {
        self.hold.sample(now);
        if now.mono < self.swept_at + PERIOD {
            return Ok(());
        }
        self.sweep_is_due_at(now);
        let kept_ms = i64::try_from(self.kept.as_millis()).unwrap_or(i64::MAX);
        let before = self.hold.age_clock(now).plus_millis(-kept_ms);
        let reader = store.reader();
        for key in reader.stream_keys()? {
            store.discard_unclaimed_before(&key, before)?;
            let is_old = |file: &MediaFile| file.span.is_some_and(|span| span.server_max < before);
            let files = reader.media_files(&key)?;
            let ids: Vec<MediaFileId> =
                files.iter().filter(|file| is_old(file)).map(|file| file.id).collect();
            match store.delete_media_files(&ids) {
                // One that is being written is closed first; it goes with the next sweep.
                Err(StoreError::MediaFileOpen { .. }) => store.seal(&key)?,
                deleted => drop(deleted?),
            }
        }
        Ok(())
    }
}
