//! Erasing: what the hub holds of a stream goes, some files at a time, while the others are recorded.
//!
//! Only an explicit deletion comes here. What there is is counted and written down first; what is left to do is what the
//! saved configuration and the store's index say, so that a hub that ends in the middle goes on at its next start. Until
//! the last byte is gone, durably, the service hears `RECEIVED`, or `ERASE_FAILED` while the disk refuses; then `ERASED`.
//! A configuration that comes meanwhile waits for the end.

use std::sync::Arc;
use std::time::Duration;

use vigie_engine::clock::Now;
use vigie_kvs::shapes::media_ledger::LossTotals;
use vigie_kvs::shapes::sync_edge_agent::{ErasedMedia, Phase};
use vigie_store::{ClosedQuery, FragmentQuery, MediaFileId, StoreError, describe};

use super::{BUSY_WAIT, Hub};
use crate::core::hub_media::HubMedia;
use crate::core::job::JobEvent;
use crate::core::shared::Turn;
use crate::core::stream::store_key;
use crate::core::stream_ledger::not_uploaded_ranges;
use crate::ledger::Change;

/// Files of one step: to remove one takes a disk milliseconds, and nothing is recorded meanwhile.
const FILES_PER_STEP: usize = 8;
/// Between two steps. So 100,000 files, most of a year of one camera, go within the quarter of an hour after which a
/// service takes a hub that is not done for one that failed.
const STEP_INTERVAL: Duration = Duration::from_millis(50);
/// How soon it is tried again after an error.
const ERASE_AGAIN: Duration = Duration::from_secs(10);

impl Hub {
    /// A stream's work ends; what is there of it goes with the steps that follow.
    pub(super) fn begin_erasing(&mut self, arn: &Arc<str>, now: Now) {
        if self.erasing.streams.contains_key(arn) {
            return;
        }
        if let Some(mut job) = self.jobs.remove(arn) {
            let contact = self.sync.contact();
            let turn = &mut Turn { shared: &mut self.shared, out: &mut self.out, contact, now };
            job.handle(JobEvent::Stop, turn);
            self.take_notices();
            if let Some(stream) = self.streams.get_mut(arn) {
                stream.kept = job.record.kept;
            }
        }
        if let Some(stream) = self.streams.get_mut(arn).filter(|one| one.edge_config.is_none()) {
            stream.kept.secret_string = None;
        }
        self.erasing.streams.insert(Arc::clone(arn), now.mono);
    }

    /// Whether a stream is being erased and nothing keeps its files from going.
    pub(super) fn is_making_room(&self, now: Now) -> bool {
        !self.is_search_going_on(now) && self.erasing.streams.values().any(|at| *at <= now.mono)
    }

    /// The next step, when it is due.
    pub(super) fn erase_some(&mut self, now: Now) {
        if now.mono < self.erasing.deadline() {
            return;
        }
        let Some(arn) = self.erasing.next() else { return };
        self.erasing.step_at = now.mono + STEP_INTERVAL;
        let is_counted = self.streams.get(&arn).is_some_and(|one| one.erased_media.is_some());
        if !is_counted && self.is_search_going_on(now) {
            // Media that the index does not know yet is to be counted with the other.
            return;
        }
        let mut step = self.erase_step(&arn, now);
        if matches!(step, Err(StoreError::Busy)) && self.erasing.has_waited(now) {
            let settled = self.shared.media.settle_commit();
            self.note_commit(settled, now);
            step = self.erase_step(&arn, now);
        }
        match step {
            Ok(is_done) => {
                self.erasing.busy_since = None;
                if is_done {
                    self.erased(&arn, now);
                }
            }
            Err(StoreError::Busy) => self.erasing.step_at = now.mono + BUSY_WAIT,
            Err(error) => {
                tracing::error!(error = describe(&error), "local media could not be erased");
                self.shared.media.note_failure(&error);
                let details = "the hub could not erase all local media of the stream yet and tries again; check its \
                               disk and its log";
                self.set_phase(&arn, Phase::EraseFailed, Some(details.to_owned()));
                self.erasing.streams.insert(arn, now.mono + ERASE_AGAIN);
            }
        }
    }

    /// Counts what there is, or removes some of it; whether nothing is left.
    fn erase_step(&mut self, arn: &Arc<str>, now: Now) -> Result<bool, StoreError> {
        let Some(stream) = self.streams.get(arn) else { return Ok(true) };
        let key = store_key(arn, &stream.stream_name);
        if stream.erased_media.is_none() {
            self.shared.media.store.seal(&key)?;
            // What was uploaded last counts as uploaded; a disk that is full must not keep anything from being erased.
            match self.shared.media.commit(now) {
                Err(error) if !error.is_disk_full() => return Err(error),
                _ => {}
            }
            self.note_erased(arn, &key)?;
        }
        if self.is_unsaved {
            // Where the disk was full there may be room now for what was counted.
            self.save_at = now.mono;
            self.save(now);
        }
        let files = closed_files(&self.shared.media, &key, FILES_PER_STEP)?;
        if !files.is_empty() {
            self.shared.media.store.delete_media_files(&files)?;
        }
        let left = FILES_PER_STEP - files.len();
        if left == 0 {
            return Ok(false);
        }
        // What the index has of it now is next to nothing. Files that were open or lie aside go behind it.
        if !self.shared.media.store.is_reclaiming_of(&key) {
            self.shared.media.store.begin_delete_stream(&key)?;
        }
        self.shared.media.store.reclaim(left)?;
        Ok(!self.shared.media.store.is_reclaiming_of(&key))
    }

    /// Nothing of the stream is left.
    fn erased(&mut self, arn: &Arc<str>, now: Now) {
        // What lay aside and went with it is no entry of a ledger that comes later.
        self.enter_discarded(now);
        self.shared.ledgers.note(Change::Erase { stream: arn.to_string() }, now);
        let Some(stream) = self.streams.get_mut(arn) else { return };
        let is_configured = stream.edge_config.is_some();
        // Its next ledger must not meet this one.
        if is_configured && !self.shared.ledgers.flush(Vec::new(), now) {
            self.erasing.streams.insert(Arc::clone(arn), now.mono + ERASE_AGAIN);
            return;
        }
        self.erasing.streams.remove(arn);
        stream.is_erasing = false;
        let erased = stream.erased_media.as_ref();
        tracing::info!(
            stream = stream.stream_name,
            fragments = erased.map_or(0, |erased| erased.fragment_count),
            size_bytes = erased.map_or(0, |erased| erased.size_bytes),
            "the stream's local media is erased"
        );
        if is_configured {
            stream.erased_media = None;
            self.is_unsaved = true;
            self.work_by(arn, now);
        } else {
            self.set_phase(arn, Phase::Erased, None);
        }
    }

    /// Writes down what is there before any of it goes: what the service never had is told, whatever happens meanwhile.
    fn note_erased(&mut self, arn: &Arc<str>, key: &str) -> Result<(), StoreError> {
        let Some(stream) = self.streams.get_mut(arn) else { return Ok(()) };
        let reader = &self.shared.media.reader;
        let totals = reader.totals(key)?;
        let first = reader.fragments(key, &FragmentQuery::not_uploaded(0, 1))?;
        let oldest = first.first().map(|fragment| fragment.entry.producer_timestamp);
        // Whether what lies aside was uploaded nobody knows.
        let aside = self.shared.media.store.unclaimed_of(key);
        let erased = ErasedMedia {
            size_bytes: totals.size_bytes + aside.size_bytes,
            fragment_count: totals.fragment_count + aside.fragment_count,
            not_uploaded: LossTotals {
                fragment_count: totals.not_uploaded_count + aside.fragment_count,
                size_bytes: totals.not_uploaded_size_bytes + aside.size_bytes,
            },
            not_uploaded_ranges: not_uploaded_ranges(reader, key, oldest),
        };
        if erased.not_uploaded.fragment_count > 0 {
            tracing::warn!(
                stream = stream.stream_name,
                fragments = erased.not_uploaded.fragment_count,
                size_bytes = erased.not_uploaded.size_bytes,
                "media that was never uploaded is erased, because the edge configuration or its stream was deleted"
            );
        }
        stream.erased_media = Some(erased);
        if let Err(error) = self.write_saved() {
            // The service has counted what was last said: what is to be erased does not wait for a disk that is full.
            tracing::error!(error = describe(&error), "what is erased cannot be written down");
            self.is_unsaved = true;
        }
        Ok(())
    }
}

/// The first closed media files of a stream.
fn closed_files(
    media: &HubMedia,
    key: &str,
    files_max: usize,
) -> Result<Vec<MediaFileId>, StoreError> {
    let mut files = Vec::new();
    for uploaded in [true, false] {
        let query = ClosedQuery { uploaded, after: None, limit: files_max - files.len() };
        if query.limit > 0 {
            let found = media.reader.closed_media_files(key, query)?;
            files.extend(found.into_iter().map(|file| file.id));
        }
    }
    Ok(files)
}
