//! The ledger of one stream: what happens to it becomes entries of gaps and losses, and the entries reach the service.
//!
//! Decides nothing about when they are written: see [`super::ledgers`].

use std::collections::BTreeSet;
use std::time::Duration;

use vigie_engine::clock::Now;
use vigie_engine::deletion;
use vigie_engine::ledger::{self, DeletedFragment, GAP_MS_MIN, Gap, Timeline, joins, reason_of};
use vigie_kvs::shapes::media_ledger::{
    LedgerEntry, LedgerReport, LossTotals, MediaGapReason, MediaRange, OpenGap,
};
use vigie_kvs::shapes::sync_edge_agent::StreamReport;
use vigie_media::Timestamp;
use vigie_store::{FragmentOrder, FragmentQuery, MediaFileId, StoreReader};

use super::ledgers::Ledgers;
use super::outcome::FragmentStep;
use super::shared::{Shared, Turn};
use super::stream::Stream;
use crate::ledger::{Change, Intent};

/// Ranges that are not uploaded, in a report; the last one spans the rest.
const NOT_UPLOADED_MAX: usize = 64;
/// Entries of one stream in a request.
pub(super) const REPORTED_MAX: usize = 200;

pub(super) struct StreamLedger {
    timeline: Timeline,
    ledger_id: String,
    known_from: Timestamp,
    /// Of the newest change that is durable.
    sequence: u64,
    losses: LossTotals,
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
    pub(super) fn open(stream: &Stream, shared: &mut Shared, now: Now) -> Self {
        let Stream { arn, key, .. } = stream;
        settle_intents(arn, shared, now);
        let known = shared.ledgers.read(|db| db.summary(arn));
        let Some(known) = known else {
            let ledger_id = format!("{:016x}", shared.chance.next_u64());
            let (stream_name, stream) = (stream.name.clone(), arn.to_string());
            let begin =
                Change::Begin { stream, stream_name, ledger_id: ledger_id.clone(), now: now.wall };
            shared.ledgers.note(begin, now);
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
        let heartbeat = shared.ledgers.read(|db| db.heartbeat()).unwrap_or(now.wall);
        let media = media_since(known.state, &shared.media.reader, key);
        let (timeline, gaps) = Timeline::resume(known.state, media, heartbeat, now.wall);
        for gap in gaps {
            shared.ledgers.note(Change::Enter { stream: arn.to_string(), gap }, now);
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

    /// Media is written.
    pub(super) fn follow(&mut self, step: FragmentStep, stream: &Stream, turn: &mut Turn<'_>) {
        match step {
            FragmentStep::Begun { sequence, from } => self.begun(sequence, from, stream, turn),
            FragmentStep::Grew { duration_ms } => self.grew(duration_ms),
            FragmentStep::Ended { duration_ms } => {
                self.grew(duration_ms);
                self.uncommitted.extend(self.current.take());
            }
            FragmentStep::ClockSet => self.clock_was_set = true,
        }
    }

    fn begun(&mut self, sequence: u64, from: Timestamp, stream: &Stream, turn: &mut Turn<'_>) {
        self.follow_clock(from, stream, turn);
        if let Some(gap) = self.timeline.media(from, from) {
            let gap = self.explained(gap);
            enter(Some(gap), stream, turn);
        }
        self.clock_was_set = false;
        self.current = Some(WrittenFragment { sequence, from, until: from });
    }

    fn grew(&mut self, duration_ms: i64) {
        if let Some(current) = &mut self.current {
            current.until = current.from.plus_millis(duration_ms.max(0));
            // It goes on where it was: there is no gap between.
            let _none = self.timeline.media(current.from, current.until);
        }
    }

    /// The hub stood still, until now: whatever is missing of that time, its source is not to blame.
    pub(super) fn stood_still(&mut self, lasted: Duration, now: Now) {
        let since = now.wall.plus_millis(-i64::try_from(lasted.as_millis()).unwrap_or(i64::MAX));
        self.stood_still = Some((since, now.wall));
    }

    /// A clock that was far ahead and is set right takes back what it made the ledger tell of the future. What is
    /// recorded of a file lies where the file says, which may well be there.
    fn follow_clock(&mut self, at: Timestamp, stream: &Stream, turn: &mut Turn<'_>) {
        if stream.is_live() && self.timeline.is_far_ahead(at) {
            self.timeline.step_back(at);
            let step_back = Change::StepBack { stream: stream.arn.to_string(), to: at };
            turn.shared.ledgers.note(step_back, turn.now);
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

    /// The recorder may have begun or ended to wait for something: why no media comes now.
    pub(super) fn absent(
        &mut self,
        reason: Option<MediaGapReason>,
        stream: &Stream,
        turn: &mut Turn<'_>,
    ) {
        let Some(reason) = reason else { return };
        self.follow_clock(turn.now.wall, stream, turn);
        let is_new = self.timeline.state().open.is_none_or(|open| open.reason != reason);
        enter(self.timeline.absent(reason, turn.now.wall), stream, turn);
        if is_new {
            turn.shared.ledgers.soon(turn.now);
        }
    }

    /// A commit made fragments durable, and others failed with it.
    pub(super) fn fragments_committed(
        &mut self,
        persisted: &[u64],
        failed: &[u64],
        stream: &Stream,
        turn: &mut Turn<'_>,
    ) {
        let lost = |fragment: &WrittenFragment| failed.contains(&fragment.sequence);
        let open = self.current.take_if(|current| lost(current));
        let uncommitted = &mut self.uncommitted;
        uncommitted.retain(|fragment| !persisted.contains(&fragment.sequence) || lost(fragment));
        let ended: Vec<_> = uncommitted.extract_if(.., |fragment| lost(fragment)).collect();
        for fragment in ended.into_iter().chain(open) {
            let WrittenFragment { from, until, .. } = fragment;
            enter(Some(Gap { from, until, reason: MediaGapReason::DiskError }), stream, turn);
        }
    }

    /// Writes down what the deletion of these files takes; whether they may be deleted.
    pub(super) fn intend(
        &mut self,
        files: &[(MediaFileId, deletion::Reason)],
        stream: &Stream,
        shared: &mut Shared,
    ) -> bool {
        let mut intents = Vec::with_capacity(files.len());
        for (id, reason) in files {
            let Ok(fragments) = shared.media.reader.fragments_of(*id) else { return false };
            let fragments = fragments.iter().map(|entry| DeletedFragment {
                from: entry.producer_timestamp,
                until: entry.producer_until(),
                size_bytes: entry.size_bytes,
                uploaded: entry.uploaded,
            });
            intents.push(Intent {
                stream: stream.arn.to_string(),
                media_file_id: id.0,
                reason: reason_of(*reason),
                runs: ledger::deleted(fragments),
            });
        }
        shared.ledgers.intend(intents)
    }

    /// The store was asked to delete them; what it says counts.
    pub(super) fn settle_deletion(
        &mut self,
        files: &[(MediaFileId, deletion::Reason)],
        stream: &Stream,
        turn: &mut Turn<'_>,
    ) {
        for (id, _) in files {
            settle(*id, &stream.arn, turn.shared, turn.now);
        }
    }

    /// So much is gone that the service never had.
    pub(super) fn lose(&mut self, fragment_count: u64, size_bytes: u64) {
        self.losses.fragment_count += fragment_count;
        self.losses.size_bytes += size_bytes;
    }

    /// What was ever deleted before it was uploaded.
    pub(super) fn losses(&self) -> LossTotals {
        self.losses
    }

    /// The service says how much it has.
    pub(super) fn received(&mut self, ledger_id: &str, sequence: u64) {
        if ledger_id == self.ledger_id {
            self.acknowledged = Some(sequence);
        }
    }

    /// Whether the service is known to lack entries.
    pub(super) fn has_unreported(&self) -> bool {
        self.acknowledged.is_some_and(|acknowledged| acknowledged < self.sequence)
    }

    /// What was written is durable: takes the ledger's numbers anew. Whether there is something to report.
    pub(super) fn written(&mut self, stream: &Stream, ledgers: &mut Ledgers) -> bool {
        let Some(known) = ledgers.read(|db| db.summary(&stream.arn)) else { return false };
        let is_news = known.sequence != self.sequence;
        self.sequence = known.sequence;
        self.known_from = known.known_from;
        is_news
    }

    /// For the service: what stands now, and up to `entries_max` entries that it lacks.
    pub(super) fn report(
        &self,
        stream: &Stream,
        ledgers: &mut Ledgers,
        entries_max: usize,
        not_uploaded: Vec<MediaRange>,
    ) -> LedgerReport {
        let entries: Vec<LedgerEntry> = match self.acknowledged {
            Some(after) if after < self.sequence => {
                ledgers.read(|db| db.changed_after(&stream.arn, after, entries_max))
            }
            _ => Vec::new(),
        };
        let open = self.timeline.state().open;
        LedgerReport {
            ledger_id: self.ledger_id.clone(),
            known_from: self.known_from,
            sequence: self.sequence,
            after: self.acknowledged,
            entries,
            open_gap: open.map(|open| OpenGap { start_timestamp: open.since, reason: open.reason }),
            not_uploaded,
            losses: self.losses,
        }
    }

    /// For whoever asks on the hub: where the stream stands.
    pub(super) fn standing(&self, stream: &Stream, report_json: String) -> Change {
        let state = self.timeline.state();
        Change::Standing { stream: stream.arn.to_string(), state, report_json }
    }
}

fn enter(gap: Option<Gap>, stream: &Stream, turn: &mut Turn<'_>) {
    if let Some(gap) = gap {
        let enter = Change::Enter { stream: stream.arn.to_string(), gap };
        turn.shared.ledgers.note(enter, turn.now);
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
fn settle_intents(arn: &str, shared: &mut Shared, now: Now) {
    for Intent { media_file_id, .. } in shared.ledgers.read(|db| db.intents(arn)) {
        settle(MediaFileId(media_file_id), arn, shared, now);
    }
}

fn settle(id: MediaFileId, arn: &str, shared: &mut Shared, now: Now) {
    let Ok(fragments) = shared.media.reader.fragments_of(id) else { return };
    let (stream, is_gone) = (arn.to_owned(), fragments.is_empty());
    shared.ledgers.note(Change::Settle { stream, media_file_id: id.0, is_gone }, now);
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
    pub(super) fn read(stream: &Stream, shared: &mut Shared) -> Self {
        let Stream { arn, key, .. } = stream;
        let Some(known) = shared.ledgers.read(|db| db.summary(arn)) else { return Self::default() };
        let heartbeat = shared.ledgers.read(|db| db.heartbeat());
        let newest = shared.media.reader.newest(key, FragmentOrder::Sequence).ok().flatten();
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
pub(super) fn refused(stream: &Stream, shared: &mut Shared, now: Now) -> BTreeSet<u64> {
    let Stream { arn, key, .. } = stream;
    let known = shared.ledgers.read(|db| db.refused(arn));
    if known.is_empty() {
        return BTreeSet::new();
    }
    if let Ok(Some(oldest)) = shared.media.reader.oldest(key, FragmentOrder::Sequence) {
        let before = oldest.entry.sequence;
        shared.ledgers.note(Change::ForgetRefused { stream: arn.to_string(), before }, now);
    }
    known.into_iter().map(|(sequence, _)| sequence).collect()
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
