//! Fills a hub's ledger of gaps and losses: a gap each hour of the time that its media covers.

use std::path::Path;
use std::time::Duration;

use serde_json::json;
use vigie_agent::ledger::{Change, LedgerDb, SqliteLedger};
use vigie_engine::ledger::{Gap, TimelineState};
use vigie_kvs::shapes::media_ledger::MediaGapReason;
use vigie_media::Timestamp;

use crate::Outcome;

const HOUR_MS: i64 = 3_600_000;
/// How long a camera was away, each hour.
const GAP_MS: i64 = 5_000;

/// A stream, as its ledger knows it.
pub(crate) struct Ledger<'a> {
    pub(crate) arn: &'a str,
    pub(crate) name: &'a str,
    /// Of its media.
    pub(crate) span_ms: i64,
}

/// Fills the ledgers in a hub's folder; returns how many entries they have. The hub last gave a sign of life at `until`.
pub(crate) fn fill(
    data_dir: &Path,
    hub_device_arn: &str,
    ledgers: &[Ledger<'_>],
    until: Timestamp,
) -> Outcome<u64> {
    let mut db = SqliteLedger::open(data_dir)?;
    let mut entries = 0;
    for (number, ledger) in ledgers.iter().enumerate() {
        let begin = until.plus_millis(-ledger.span_ms);
        let stream = ledger.arn.to_owned();
        let mut changes = vec![Change::Begin {
            stream: stream.clone(),
            stream_name: ledger.name.to_owned(),
            ledger_id: format!("{number:016x}"),
            now: begin,
        }];
        for hour in 1..=ledger.span_ms / HOUR_MS {
            let from = begin.plus_millis(hour * HOUR_MS - GAP_MS);
            let gap = Gap {
                from,
                until: from.plus_millis(GAP_MS),
                reason: MediaGapReason::SourceOffline,
            };
            changes.push(Change::Enter { stream: stream.clone(), gap });
            entries += 1;
        }
        let report = json!({"StreamARN": stream, "Revision": 1, "Phase": "APPLIED"});
        changes.push(Change::Standing {
            stream,
            state: TimelineState { media_until: until, open: None },
            report_json: report.to_string(),
        });
        db.apply(&changes)?;
    }
    let hub_device_arn = hub_device_arn.to_owned();
    db.apply(&[Change::Heartbeat {
        now: until,
        hub_device_arn,
        running: None,
        age_hold_left: Duration::ZERO,
    }])?;
    Ok(entries)
}
