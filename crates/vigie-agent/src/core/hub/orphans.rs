//! The search for files without entries, a step at a time beside the recording, and what the ledgers tell of those that lay
//! aside and are gone.
//!
//! Decides when a step is due; what it finds is the store's to settle. That a file which lay aside is gone is in the store's
//! journal before it goes, whoever removed it: what the ledgers do not tell of yet is entered from there, once.

use std::sync::Arc;
use std::time::Duration;

use vigie_engine::clock::Now;
use vigie_engine::ledger::{Deleted, Lost};
use vigie_kvs::shapes::media_ledger::MediaGapReason;
use vigie_store::{FragmentQuery, StoreError};

use super::{BUSY_WAIT, Hub, SEARCH_INTERVAL};
use crate::core::job::JobEvent;
use crate::core::saved::SavedStream;
use crate::core::stream::store_key;
use crate::ledger::Change;

/// How many files a step compares.
const FILES_PER_SEARCH: usize = 256;
/// How soon it goes on after an error.
const SEARCH_AGAIN: Duration = Duration::from_secs(10);

impl Hub {
    /// Whether the search is under way and does not wait for a disk that failed.
    pub(super) fn is_search_going_on(&self, now: Now) -> bool {
        let wait = self.search_at.saturating_sub(now.mono);
        self.shared.media.store.is_searching_orphans() && wait <= SEARCH_INTERVAL
    }

    /// Enters in the ledgers what the journal tells of files that lay aside, behind what they tell of already.
    pub(super) fn enter_discarded(&mut self, now: Now) {
        let last = self.shared.media.store.deletion_number();
        let known = self.journal_number.replace(last);
        let Some(known) = known.filter(|known| *known < last) else { return };
        let mut is_news = false;
        for (media, is_gone) in self.shared.media.store.discarded_after(known) {
            is_news = true;
            if !is_gone {
                continue;
            }
            let is_of = |(arn, stream): &(&Arc<str>, &SavedStream)| {
                *store_key(arn, &stream.stream_name) == *media.key
            };
            let Some((arn, _)) = self.streams.iter().find(is_of) else { continue };
            let query = FragmentQuery::producer_range(media.from, media.until, 1);
            let others = self.shared.media.reader.fragments(&media.key, &query);
            let reason = match media.is_asked_for {
                true => MediaGapReason::Erased,
                false => MediaGapReason::DeletedByAge,
            };
            let (fragment_count, size_bytes) = (media.fragment_count, media.size_bytes);
            let lost = Some(Lost { fragment_count, size_bytes });
            let change = Change::Discard {
                stream: arn.to_string(),
                reason,
                media: Deleted { from: media.from, until: media.until, lost },
                is_gap: others.is_ok_and(|others| others.is_empty()),
            };
            self.shared.ledgers.note(change, now);
            if let Some(job) = self.jobs.get_mut(arn) {
                job.ledger.lose(fragment_count, size_bytes);
            }
        }
        if is_news {
            self.shared.ledgers.note(Change::FollowJournal { number: last }, now);
        }
    }

    /// The next step, when it is due.
    pub(super) fn search_some(&mut self, now: Now) {
        if now.mono < self.search_at || !self.shared.media.store.is_searching_orphans() {
            return;
        }
        self.search_at = now.mono + SEARCH_INTERVAL;
        let claimed_before = self.shared.media.reader.findings().claimed_fragment_count;
        match self.shared.media.store.search_orphans(FILES_PER_SEARCH) {
            Ok(()) => {}
            Err(StoreError::Busy) => self.search_at = now.mono + BUSY_WAIT,
            Err(error) => {
                self.search_at = now.mono + SEARCH_AGAIN;
                self.shared.media.failed("", &error);
            }
        }
        let has_ended = !self.shared.media.store.is_searching_orphans();
        let has_returned =
            self.shared.media.reader.findings().claimed_fragment_count > claimed_before;
        if has_ended {
            // What goes by itself waited for this, and so did files.
            self.plans.hurry(now);
        }
        if !has_ended && !has_returned {
            return;
        }
        self.each_job(now, |job, turn| {
            if has_ended {
                job.handle(JobEvent::SearchEnded, turn);
            }
            if has_returned {
                job.handle(JobEvent::MediaReturned, turn);
            }
            true
        });
    }
}
