//! The ledgers of gaps and losses, as the hub works with them: what happens to a stream becomes entries, durably, and
//! the entries reach the service.
//!
//! Written together with the media: after a commit, when nothing else waits to become durable, at most a second late,
//! and every ten seconds as a sign of life. What a deletion takes is written before it, see [`crate::ledger`].

use std::collections::BTreeSet;
use std::time::Duration;

use vigie_engine::clock::Now;
use vigie_engine::deletion;
use vigie_engine::ledger::{
    self, DeletedFragment, GAP_MS_MIN, Gap, Timeline, absence, joins, reason_of,
};
use vigie_engine::recorder::SourceKind;
use vigie_kvs::shapes::media_ledger::{
    LedgerEntry, LedgerReport, LossTotals, MediaGapReason, MediaRange, OpenGap,
};
use vigie_kvs::shapes::sync_edge_agent::StreamReport;
use vigie_media::Timestamp;
use vigie_store::{FragmentOrder, FragmentQuery, MediaFileId, StoreReader, describe};

use super::job::Job;
use super::world::World;
use crate::ledger::{Change, Intent, LedgerDb, LedgerError};

/// A sign of life: a hub that loses its power is known to have run until then, or until its last media.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// Entries wait for others so long.
const FLUSH_DELAY: Duration = Duration::from_secs(1);
/// What could not be written is tried again after so long.
const WRITE_AGAIN: Duration = Duration::from_secs(5);
/// Changes that wait for a disk that refuses them; then the oldest are lost, which is said.
const PENDING_MAX: usize = 10_000;
/// Ranges that are not uploaded, in a report; the last one spans the rest.
const NOT_UPLOADED_MAX: usize = 64;
/// Entries of one stream in a request.
pub(super) const REPORTED_MAX: usize = 200;

/// The ledgers of all streams.
pub(super) struct Ledgers {
    pub(super) db: Box<dyn LedgerDb>,
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
    fn intend(&mut self, intents: Vec<Intent>) -> bool {
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

/// The ledger of one stream.
pub(super) struct StreamLedger {
    timeline: Timeline,
    ledger_id: String,
    known_from: Timestamp,
    /// Of the newest change that is durable.
    sequence: u64,
    pub(super) losses: LossTotals,
    /// What the service says that it has.
    acknowledged: Option<u64>,
    /// Whole fragments that wait for their commit: sequence, begin and end.
    uncommitted: Vec<WrittenFragment>,
    /// The one that is being written.
    current: Option<WrittenFragment>,
    /// When the hub last stood still.
    stood_still: Option<(Timestamp, Timestamp)>,
    /// The hub's clock was set forward since the last fragment began.
    clock_was_set: bool,
}

/// A fragment that may still be lost with its commit.
#[derive(Clone, Copy)]
struct WrittenFragment {
    sequence: u64,
    from: Timestamp,
    until: Timestamp,
}

impl StreamLedger {
    /// Goes on with the stream's ledger, or begins one.
    pub(super) fn open(
        arn: &str,
        stream_name: &str,
        key: &str,
        world: &mut World,
        now: Now,
    ) -> Self {
        settle_intents(arn, world, now);
        let known = world.ledgers.read(|db| db.summary(arn));
        let Some(known) = known else {
            let ledger_id = format!("{:016x}", world.chance.next_u64());
            let (stream, stream_name) = (arn.to_owned(), stream_name.to_owned());
            let begin =
                Change::Begin { stream, stream_name, ledger_id: ledger_id.clone(), now: now.wall };
            world.ledgers.note(begin, now);
            return Self {
                timeline: Timeline::new(now.wall),
                ledger_id,
                known_from: now.wall,
                sequence: 0,
                losses: LossTotals::default(),
                acknowledged: None,
                uncommitted: Vec::new(),
                current: None,
                stood_still: None,
                clock_was_set: false,
            };
        };
        let heartbeat = world.ledgers.read(|db| db.heartbeat()).unwrap_or(now.wall);
        let media = media_since(known.state, &world.reader, key);
        let (timeline, gaps) = Timeline::resume(known.state, media, heartbeat, now.wall);
        for gap in gaps {
            world.ledgers.note(Change::Enter { stream: arn.to_owned(), gap }, now);
        }
        Self {
            timeline,
            ledger_id: known.ledger_id,
            known_from: known.known_from,
            sequence: known.sequence,
            losses: known.losses,
            acknowledged: None,
            uncommitted: Vec::new(),
            current: None,
            stood_still: None,
            clock_was_set: false,
        }
    }

    /// Why there is no media now; `None` while there is.
    pub(super) fn gap(&self) -> Option<MediaGapReason> {
        self.timeline.state().open.map(|open| open.reason)
    }

    /// A fragment begins: whatever gap there was ends.
    pub(super) fn fragment_begun(
        &mut self,
        sequence: u64,
        from: Timestamp,
        is_live: bool,
        arn: &str,
        world: &mut World,
        now: Now,
    ) {
        self.follow_clock(from, is_live, arn, world, now);
        if let Some(gap) = self.timeline.media(from, from) {
            let gap = self.explained(gap);
            world.ledgers.note(Change::Enter { stream: arn.to_owned(), gap }, now);
        }
        self.clock_was_set = false;
        self.current = Some(WrittenFragment { sequence, from, until: from });
    }

    /// The hub stood still, until now: whatever is missing of that time, its source is not to blame.
    pub(super) fn stood_still(&mut self, lasted: Duration, now: Now) {
        let since = now.wall.plus_millis(-i64::try_from(lasted.as_millis()).unwrap_or(i64::MAX));
        self.stood_still = Some((since, now.wall));
    }

    /// The media that comes lies far behind what came before it, for the hub's clock was set forward.
    pub(super) fn clock_was_set(&mut self) {
        self.clock_was_set = true;
    }

    /// A clock that was far ahead and is set right takes back what it made the ledger tell of the future. What is
    /// recorded of a file lies where the file says, which may well be there.
    fn follow_clock(
        &mut self,
        at: Timestamp,
        is_live: bool,
        arn: &str,
        world: &mut World,
        now: Now,
    ) {
        if is_live && self.timeline.is_far_ahead(at) {
            self.timeline.step_back(at);
            let (stream, to) = (arn.to_owned(), at);
            world.ledgers.note(Change::StepBack { stream, to }, now);
        }
    }

    fn explained(&mut self, gap: Gap) -> Gap {
        if std::mem::take(&mut self.clock_was_set) && gap.reason == MediaGapReason::SourceOffline {
            return Gap { reason: MediaGapReason::ClockSet, ..gap };
        }
        match self.stood_still {
            Some((since, until))
                if gap.reason == MediaGapReason::SourceOffline
                    && gap.from < until
                    && since < gap.until =>
            {
                Gap { reason: MediaGapReason::HubOff, ..gap }
            }
            _ => gap,
        }
    }

    /// It lasts so long now.
    pub(super) fn fragment_grew(&mut self, duration_ms: i64) {
        if let Some(current) = &mut self.current {
            current.until = current.from.plus_millis(duration_ms.max(0));
            // It goes on where it was: there is no gap between.
            let _none = self.timeline.media(current.from, current.until);
        }
    }

    /// It is whole, and waits for its commit.
    pub(super) fn fragment_ended(&mut self, duration_ms: i64) {
        self.fragment_grew(duration_ms);
        self.uncommitted.extend(self.current.take());
    }
}

/// The begin and the end of the media that the state does not know of.
fn media_since(
    state: ledger::TimelineState,
    reader: &StoreReader,
    key: &str,
) -> Option<(Timestamp, Timestamp)> {
    let newest = reader.newest(key, FragmentOrder::Sequence).ok()??.entry;
    let until = newest.producer_until();
    let Some(open) = state.open else { return Some((newest.producer_timestamp, until)) };
    if until <= open.since {
        return None;
    }
    let query = FragmentQuery::producer_range(open.since, Timestamp::MAX, 1);
    let first = reader.fragments(key, &query).ok()?.into_iter().next()?.entry;
    Some((first.producer_timestamp, until))
}

/// Deletions that a crash cut short: what is gone is entered, what is still there was not deleted.
fn settle_intents(arn: &str, world: &mut World, now: Now) {
    for Intent { media_file_id, .. } in world.ledgers.read(|db| db.intents(arn)) {
        let Ok(fragments) = world.reader.fragments_of(MediaFileId(media_file_id)) else { continue };
        let is_gone = fragments.is_empty();
        let stream = arn.to_owned();
        world.ledgers.note(Change::Settle { stream, media_file_id, is_gone }, now);
    }
}

/// What is known of a stream from before this start.
#[derive(Default)]
pub(super) struct Past {
    /// The hub's last sign of life, if it worked for the stream then.
    pub(super) ran_until: Option<Timestamp>,
    /// `LastCollectedTime` of the recorder.
    pub(super) recorded_at: Option<Timestamp>,
    /// `LastCollectedTime` of the uploader.
    pub(super) uploaded_at: Option<Timestamp>,
}

impl Past {
    /// As the ledgers and the store have it; to be asked before anything is written anew.
    pub(super) fn read(arn: &str, key: &str, world: &mut World) -> Self {
        let Some(known) = world.ledgers.read(|db| db.summary(arn)) else { return Self::default() };
        let heartbeat = world.ledgers.read(|db| db.heartbeat());
        let newest = world.reader.newest(key, FragmentOrder::Sequence).ok().flatten();
        // On the hub, this is when the fragment was stored.
        let stored_at = newest.map(|fragment| fragment.entry.server_timestamp);
        let said = known.report_json.as_deref().map(serde_json::from_str::<StreamReport>);
        let said = said.and_then(Result::ok);
        let recorder = said.as_ref().and_then(|said| said.recorder_status.as_ref());
        let uploader = said.as_ref().and_then(|said| said.uploader_status.as_ref());
        Self {
            ran_until: heartbeat.max(stored_at),
            recorded_at: recorder.and_then(|status| status.last_collected_time).max(stored_at),
            uploaded_at: uploader.and_then(|status| status.last_collected_time),
        }
    }
}

/// The fragments that the service refused, as far as they are still here.
pub(super) fn refused(arn: &str, key: &str, world: &mut World, now: Now) -> BTreeSet<u64> {
    let known = world.ledgers.read(|db| db.refused(arn));
    if known.is_empty() {
        return BTreeSet::new();
    }
    if let Ok(Some(oldest)) = world.reader.oldest(key, FragmentOrder::Sequence) {
        let before = oldest.entry.sequence;
        world.ledgers.note(Change::ForgetRefused { stream: arn.to_owned(), before }, now);
    }
    known.into_iter().map(|(sequence, _)| sequence).collect()
}

impl Job {
    /// The recorder may have begun or ended to wait for something.
    pub(super) fn follow_recorder(&mut self, world: &mut World, now: Now) {
        let recorder = &self.record.recorder;
        let ended = recorder.is_folder_idle().then_some(MediaGapReason::SourceEnded);
        if let Some(reason) = ended.or_else(|| absence(recorder.state())) {
            let is_live = self.plan.source == SourceKind::Rtsp;
            self.ledger.follow_clock(now.wall, is_live, &self.arn, world, now);
            let is_new = self.ledger.timeline.state().open.is_none_or(|open| open.reason != reason);
            let gap = self.ledger.timeline.absent(reason, now.wall);
            self.enter(gap, world, now);
            if is_new {
                world.ledgers.flush_at = world.ledgers.flush_at.min(now.mono + FLUSH_DELAY);
            }
        }
    }

    /// A commit made fragments durable, and others failed with it.
    pub(super) fn fragments_committed(
        &mut self,
        persisted: &[u64],
        failed: &[u64],
        world: &mut World,
        now: Now,
    ) {
        let lost = |fragment: &WrittenFragment| failed.contains(&fragment.sequence);
        let open = self.ledger.current.take_if(|current| lost(current));
        let uncommitted = &mut self.ledger.uncommitted;
        uncommitted.retain(|fragment| !persisted.contains(&fragment.sequence) || lost(fragment));
        let ended: Vec<_> = uncommitted.extract_if(.., |fragment| lost(fragment)).collect();
        for fragment in ended.into_iter().chain(open) {
            let WrittenFragment { from, until, .. } = fragment;
            let gap = Gap { from, until, reason: MediaGapReason::DiskError };
            self.enter(Some(gap), world, now);
        }
    }

    fn enter(&mut self, gap: Option<Gap>, world: &mut World, now: Now) {
        if let Some(gap) = gap {
            world.ledgers.note(Change::Enter { stream: self.arn.to_string(), gap }, now);
        }
    }

    /// Writes down what the deletion of these files takes; whether they may be deleted.
    pub(super) fn intend(
        &mut self,
        files: &[(MediaFileId, deletion::Reason)],
        world: &mut World,
    ) -> bool {
        let mut intents = Vec::with_capacity(files.len());
        for (id, reason) in files {
            let Ok(fragments) = world.reader.fragments_of(*id) else { return false };
            let fragments = fragments.iter().map(|entry| DeletedFragment {
                from: entry.producer_timestamp,
                until: entry.producer_until(),
                size_bytes: entry.size_bytes,
                uploaded: entry.uploaded,
            });
            intents.push(Intent {
                stream: self.arn.to_string(),
                media_file_id: id.0,
                reason: reason_of(*reason),
                runs: ledger::deleted(fragments),
            });
        }
        world.ledgers.intend(intents)
    }

    /// The store was asked to delete them; what it says counts.
    pub(super) fn settle_deletion(
        &mut self,
        files: &[(MediaFileId, deletion::Reason)],
        world: &mut World,
        now: Now,
    ) {
        for (id, _) in files {
            let Ok(fragments) = world.reader.fragments_of(*id) else { continue };
            let is_gone = fragments.is_empty();
            let (stream, media_file_id) = (self.arn.to_string(), id.0);
            world.ledgers.note(Change::Settle { stream, media_file_id, is_gone }, now);
        }
    }

    /// The service says how much it has.
    pub(super) fn ledger_received(&mut self, ledger_id: &str, sequence: u64) {
        if ledger_id == self.ledger.ledger_id {
            self.ledger.acknowledged = Some(sequence);
        }
    }

    /// Whether the service is known to lack entries.
    pub(super) fn has_unreported(&self) -> bool {
        self.ledger.acknowledged.is_some_and(|acknowledged| acknowledged < self.ledger.sequence)
    }

    /// What was written is durable: takes the ledger's numbers anew. Whether there is something to report.
    pub(super) fn ledger_written(&mut self, world: &mut World) -> bool {
        let Some(known) = world.ledgers.read(|db| db.summary(&self.arn)) else { return false };
        let is_news = known.sequence != self.ledger.sequence;
        self.ledger.sequence = known.sequence;
        self.ledger.known_from = known.known_from;
        is_news
    }

    /// For the service: what stands now, and up to `entries_max` entries that it lacks.
    pub(super) fn ledger_report(&self, world: &mut World, entries_max: usize) -> LedgerReport {
        let ledger = &self.ledger;
        let entries: Vec<LedgerEntry> = match ledger.acknowledged {
            Some(after) if after < ledger.sequence => {
                world.ledgers.read(|db| db.changed_after(&self.arn, after, entries_max))
            }
            _ => Vec::new(),
        };
        let open = ledger.timeline.state().open;
        LedgerReport {
            ledger_id: ledger.ledger_id.clone(),
            known_from: ledger.known_from,
            sequence: ledger.sequence,
            after: ledger.acknowledged,
            entries,
            open_gap: open.map(|open| OpenGap { start_timestamp: open.since, reason: open.reason }),
            not_uploaded: self.not_uploaded(world),
            losses: ledger.losses,
        }
    }

    /// For whoever asks on the hub: where the stream stands.
    pub(super) fn standing(&self, report_json: String) -> Change {
        let state = self.ledger.timeline.state();
        Change::Standing { stream: self.arn.to_string(), state, report_json }
    }

    /// What the service does not have, to the media file.
    fn not_uploaded(&self, world: &World) -> Vec<MediaRange> {
        let oldest = self.upload.oldest_not_uploaded(&world.reader, &self.key);
        not_uploaded_ranges(&world.reader, &self.key, oldest)
    }
}

/// What the service does not have of a stream, to the media file but for the first, in which `oldest` begins; bounded, the
/// last range then spans the rest.
pub(super) fn not_uploaded_ranges(
    reader: &StoreReader,
    key: &str,
    oldest: Option<Timestamp>,
) -> Vec<MediaRange> {
    let range = |from, until| MediaRange { start_timestamp: from, end_timestamp: until };
    // Twice as many, as some may join.
    let closed = reader.not_uploaded_ranges(key, 2 * NOT_UPLOADED_MAX);
    let closed = closed.unwrap_or_default().into_iter();
    let mut spans: Vec<MediaRange> = closed.map(|span| range(span.start, span.end)).collect();
    let open = reader.open_media_files(key).unwrap_or_default();
    let open = open.iter().filter(|file| file.not_uploaded_count > 0);
    let open = open.filter_map(|file| file.span);
    spans.extend(open.map(|span| range(span.producer_min, span.producer_until)));
    spans.sort_by_key(|span| span.start_timestamp);
    let mut ranges: Vec<MediaRange> = Vec::new();
    for span in spans {
        let count = ranges.len();
        match ranges.last_mut() {
            Some(last)
                if count == NOT_UPLOADED_MAX
                    || joins(
                        last.start_timestamp,
                        last.end_timestamp,
                        span.start_timestamp,
                        span.end_timestamp,
                    ) =>
            {
                last.end_timestamp = last.end_timestamp.max(span.end_timestamp);
            }
            _ => ranges.push(span),
        }
    }
    // Files are uploaded from their begin.
    if let (Some(first), Some(oldest)) = (ranges.first_mut(), oldest) {
        let within = first.end_timestamp.plus_millis(-GAP_MS_MIN).max(first.start_timestamp);
        first.start_timestamp = oldest.clamp(first.start_timestamp, within);
    }
    ranges
}
