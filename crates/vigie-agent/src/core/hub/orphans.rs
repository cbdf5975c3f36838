//! The search for files without entries, a step at a time beside the recording, and what its end is waited for with.
//!
//! Decides when a step is due; what it finds is the store's to settle.

use std::time::Duration;

use vigie_engine::clock::Now;
use vigie_store::StoreError;

use super::{BUSY_WAIT, Hub};

/// Between two steps, and how many files each compares.
pub(super) const SEARCH_INTERVAL: Duration = Duration::from_millis(50);
const FILES_PER_SEARCH: usize = 256;
/// How soon it goes on after an error.
const SEARCH_AGAIN: Duration = Duration::from_secs(10);

impl Hub {
    /// Whether the search is under way and does not wait for a disk that failed.
    pub(super) fn is_search_going_on(&self, now: Now) -> bool {
        let wait = self.search_at.saturating_sub(now.mono);
        self.world.store.is_searching_orphans() && wait <= SEARCH_INTERVAL
    }

    /// The next step, when it is due.
    pub(super) fn search_some(&mut self, now: Now) {
        if now.mono < self.search_at || !self.world.store.is_searching_orphans() {
            return;
        }
        self.search_at = now.mono + SEARCH_INTERVAL;
        let claimed_before = self.world.reader.findings().claimed_fragment_count;
        match self.world.store.search_orphans(FILES_PER_SEARCH) {
            Ok(()) => {}
            Err(StoreError::Busy) => self.search_at = now.mono + BUSY_WAIT,
            Err(error) => {
                self.search_at = now.mono + SEARCH_AGAIN;
                self.world.store_failed("", &error);
            }
        }
        let has_ended = !self.world.store.is_searching_orphans();
        let has_returned = self.world.reader.findings().claimed_fragment_count > claimed_before;
        if has_ended {
            // What goes by itself waited for this, and so did files.
            self.plan_at = now.mono;
        }
        if !has_ended && !has_returned {
            return;
        }
        for job in self.jobs.values_mut() {
            if has_ended {
                job.search_ended(&mut self.world, now);
            }
            if has_returned {
                // Whether the service has it nobody knows: it is asked before anything more is sent.
                let event = vigie_engine::uploader::Event::MediaReturned;
                job.uploader_event(event, &mut self.world, now);
            }
            job.settled(&mut self.world, now);
        }
    }
}
