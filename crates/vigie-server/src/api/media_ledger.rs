//! What hubs say of media that is not there: `ListMediaGaps`, `ListMediaLosses` (Vigie's own), and how a hub's ledgers
//! come here. The server keeps what it is told; it judges none of it.

use serde::{Deserialize, Serialize};
use vigie_kvs::shapes::media_ledger::{
    LedgerEntry, LedgerKind, LedgerReceipt, LedgerReport, ListMediaGapsOutput,
    ListMediaLedgerInput, ListMediaLossesOutput, MediaGap, MediaGapReason, MediaLoss,
};
use vigie_kvs::shapes::sync_edge_agent::SyncEdgeAgentInput;
use vigie_media::Timestamp;

use super::stored_json::from_json;
use super::{Call, page_token};
use crate::db::{LedgerPosition, MediaLedger, MediaLedgerQuery, StoredLedgerEntry};
use crate::failure::Answer;
use crate::hubs::Hubs;

const PAGE_DEFAULT: usize = 100;
const PAGE_MAX: usize = 1000;
/// Sorts behind every ledger's id: what a hub said last, which is in no ledger yet.
const LIVE: &str = "~";

/// Takes what a hub says of its ledgers, of the streams that are its own.
pub(super) async fn take_ledgers(
    hubs: &Hubs,
    input: &SyncEdgeAgentInput,
) -> Answer<Vec<LedgerReceipt>> {
    let reports = input
        .streams
        .iter()
        .filter_map(|stream| Some((&stream.stream_arn, stream.ledger.as_ref()?)));
    let reports: Vec<(&String, &LedgerReport)> = reports.collect();
    if reports.is_empty() {
        return Ok(Vec::new());
    }
    let hub = &input.hub_device_arn;
    let mut receipts = Vec::with_capacity(reports.len());
    for (stream_arn, report) in reports {
        let configured = hubs.db.edge_configuration(stream_arn).await?;
        if configured.is_none_or(|row| row.hub_device_arn != *hub) {
            continue;
        }
        let stored = stored_sequence(hubs, stream_arn, report).await?;
        let is_news = stored.is_none() || !report.entries.is_empty();
        let sequence = if is_news {
            let ledger = MediaLedger {
                stream_arn: stream_arn.clone(),
                ledger_id: report.ledger_id.clone(),
                hub_device_arn: hub.clone(),
                known_from: report.known_from,
                sequence: 0,
            };
            let after = report.after.unwrap_or(0);
            hubs.db.take_media_ledger(&ledger, after, &report.entries).await?;
            stored_sequence(hubs, stream_arn, report).await?
        } else {
            stored
        };
        receipts.push(LedgerReceipt {
            stream_arn: stream_arn.clone(),
            ledger_id: report.ledger_id.clone(),
            sequence: sequence.unwrap_or(0),
        });
    }
    Ok(receipts)
}

async fn stored_sequence(hubs: &Hubs, arn: &str, report: &LedgerReport) -> Answer<Option<u64>> {
    let ledgers = hubs.db.media_ledgers(arn).await?;
    let known = ledgers.into_iter().find(|ledger| ledger.ledger_id == report.ledger_id);
    Ok(known.map(|ledger| ledger.sequence))
}

/// Whether the hub waits for its receipts: it sent entries, or does not know that some are missing.
pub(super) fn are_owed(receipts: &[LedgerReceipt], input: &SyncEdgeAgentInput) -> bool {
    receipts.iter().any(|receipt| {
        let report = input.streams.iter().find(|stream| stream.stream_arn == receipt.stream_arn);
        report
            .and_then(|report| report.ledger.as_ref())
            .is_some_and(|ledger| !ledger.entries.is_empty() || receipt.sequence < ledger.sequence)
    })
}

pub(crate) async fn list_media_gaps(
    hubs: &Hubs,
    call: &Call,
    input: ListMediaLedgerInput,
) -> Answer<ListMediaGapsOutput> {
    let (query, limit) = query(hubs, call, &input, LedgerKind::Gap).await?;
    let ledgers = hubs.db.media_ledgers(&query.stream_arn).await?;
    let known_from = ledgers.iter().map(|ledger| ledger.known_from).min();
    let stored = hubs.db.media_ledger_entries(&query).await?;
    let mut gaps: Vec<Found> = stored.into_iter().map(Found::stored).collect();
    gaps.extend(live_gaps(hubs, &query).await?);
    gaps.sort_by_key(Found::position);
    let next_token = next_token(&mut gaps, limit, &query, Found::position)?;
    let gaps = gaps.into_iter().map(|found| found.gap).collect();
    Ok(ListMediaGapsOutput { gaps, known_from, next_token })
}

pub(crate) async fn list_media_losses(
    hubs: &Hubs,
    call: &Call,
    input: ListMediaLedgerInput,
) -> Answer<ListMediaLossesOutput> {
    let (query, limit) = query(hubs, call, &input, LedgerKind::Loss).await?;
    let mut stored = hubs.db.media_ledger_entries(&query).await?;
    let position = |stored: &StoredLedgerEntry| position_of(&stored.ledger_id, &stored.entry);
    let next_token = next_token(&mut stored, limit, &query, position)?;
    let losses = stored.into_iter().map(|stored| MediaLoss {
        start_timestamp: stored.entry.start_timestamp,
        end_timestamp: stored.entry.end_timestamp,
        reason: stored.entry.reason,
        fragment_count: stored.entry.fragment_count,
        size_bytes: stored.entry.size_bytes,
        hub_device_arn: stored.hub_device_arn,
    });
    Ok(ListMediaLossesOutput { losses: losses.collect(), next_token })
}

/// A gap with its place in the list.
struct Found {
    gap: MediaGap,
    ledger_id: String,
    id: i64,
}

impl Found {
    fn stored(stored: StoredLedgerEntry) -> Self {
        let StoredLedgerEntry { ledger_id, hub_device_arn, entry } = stored;
        let gap = MediaGap {
            start_timestamp: entry.start_timestamp,
            end_timestamp: Some(entry.end_timestamp),
            reason: entry.reason,
            hub_device_arn,
        };
        Self { gap, ledger_id, id: entry.id.cast_signed() }
    }

    fn position(&self) -> LedgerPosition {
        LedgerPosition {
            starts_at_ms: self.gap.start_timestamp.as_millis(),
            ledger_id: self.ledger_id.clone(),
            id: self.id,
        }
    }
}

fn position_of(ledger_id: &str, entry: &LedgerEntry) -> LedgerPosition {
    LedgerPosition {
        starts_at_ms: entry.start_timestamp.as_millis(),
        ledger_id: ledger_id.to_owned(),
        id: entry.id.cast_signed(),
    }
}

/// What the hub said last: the gap of the moment, and what it has not uploaded yet.
async fn live_gaps(hubs: &Hubs, query: &MediaLedgerQuery) -> Answer<Vec<Found>> {
    let Some(row) = hubs.db.edge_configuration(&query.stream_arn).await? else {
        return Ok(Vec::new());
    };
    let Some(report) = from_json::<LedgerReport>(row.ledger_json.as_deref())? else {
        return Ok(Vec::new());
    };
    let not_uploaded = report.not_uploaded.iter().map(|range| {
        (range.start_timestamp, Some(range.end_timestamp), MediaGapReason::NotUploaded)
    });
    let open = report.open_gap.iter().map(|gap| (gap.start_timestamp, None, gap.reason));
    let live = not_uploaded.chain(open).zip(1..).map(|((start, end, reason), id)| Found {
        gap: MediaGap {
            start_timestamp: start,
            end_timestamp: end,
            reason,
            hub_device_arn: row.hub_device_arn.clone(),
        },
        ledger_id: LIVE.to_owned(),
        id,
    });
    let is_in_range = |found: &Found| {
        found.gap.end_timestamp.is_none_or(|end| end > query.from)
            && found.gap.start_timestamp < query.until
            && found.position() > query.after
    };
    Ok(live.filter(is_in_range).collect())
}

/// Where a page ended. Holds the range, which a caller need not repeat.
#[derive(Serialize, Deserialize)]
struct Position {
    from: i64,
    until: i64,
    after: LedgerPosition,
}

/// The query of a page, and how much of what it finds is the page.
async fn query(
    hubs: &Hubs,
    call: &Call,
    input: &ListMediaLedgerInput,
    kind: LedgerKind,
) -> Answer<(MediaLedgerQuery, usize)> {
    input.check()?;
    let stream = hubs.streams.active(call, &input.stream()?).await?;
    let limit = input.max_results.and_then(|results| usize::try_from(results).ok());
    let limit = limit.unwrap_or(PAGE_DEFAULT).clamp(1, PAGE_MAX);
    let at = match &input.next_token {
        Some(token) => page_token::read(token)?,
        None => Position {
            from: input.start_timestamp.unwrap_or(Timestamp::MIN).as_millis(),
            until: input.end_timestamp.unwrap_or(Timestamp::MAX).as_millis(),
            after: LedgerPosition::FIRST,
        },
    };
    let query = MediaLedgerQuery {
        stream_arn: stream.arn,
        kind,
        from: Timestamp::from_millis(at.from),
        until: Timestamp::from_millis(at.until),
        after: at.after,
        limit: limit + 1,
    };
    Ok((query, limit))
}

fn next_token<T>(
    found: &mut Vec<T>,
    limit: usize,
    query: &MediaLedgerQuery,
    position: impl Fn(&T) -> LedgerPosition,
) -> Answer<Option<String>> {
    if found.len() <= limit {
        return Ok(None);
    }
    found.truncate(limit);
    let (from, until) = (query.from.as_millis(), query.until.as_millis());
    let last = found.last().map(|last| Position { from, until, after: position(last) });
    last.map(|position| page_token::write(&position)).transpose()
}
