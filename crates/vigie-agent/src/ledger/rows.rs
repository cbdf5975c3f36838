//! What is read from the tables of the ledgers.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row, params};
use vigie_engine::age_hold::LastRun;
use vigie_engine::ledger::{Deleted, Lost, OpenGap, TimelineState};
use vigie_kvs::shapes::media_ledger::{LedgerEntry, LedgerKind, LossTotals, MediaGapReason};
use vigie_media::Timestamp;

use super::{EntryQuery, Intent, LedgerError, LedgerSummary};

const ENTRY_COLUMNS: &str =
    "id, sequence, kind, reason, from_ms, until_ms, fragment_count, size_bytes";

pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(|number| u64::try_from(number).unwrap_or(0))
}

pub(super) fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    row.get(column).map(Timestamp::from_millis)
}

pub(super) fn reason(text: &str) -> Result<MediaGapReason, LedgerError> {
    MediaGapReason::from_wire(text).ok_or(LedgerError::Damaged { what: "reason" })
}

fn entry(row: &Row<'_>) -> rusqlite::Result<Result<LedgerEntry, LedgerError>> {
    let (kind, why): (String, String) = (row.get(2)?, row.get(3)?);
    let (id, sequence) = (unsigned(row, 0)?, unsigned(row, 1)?);
    let (start_timestamp, end_timestamp) = (time(row, 4)?, time(row, 5)?);
    let (fragment_count, size_bytes) = (unsigned(row, 6)?, unsigned(row, 7)?);
    let Some(kind) = LedgerKind::from_wire(&kind) else {
        return Ok(Err(LedgerError::Damaged { what: "kind of entry" }));
    };
    Ok(reason(&why).map(|reason| LedgerEntry {
        id,
        sequence,
        kind,
        reason,
        start_timestamp,
        end_timestamp,
        fragment_count,
        size_bytes,
    }))
}

pub(super) fn entries(
    db: &Connection,
    stream: &str,
    query: EntryQuery,
) -> Result<Vec<LedgerEntry>, LedgerError> {
    let sql = format!(
        "SELECT {ENTRY_COLUMNS} FROM entry WHERE stream = ?1 AND until_ms > ?2 AND from_ms < ?3 \
         AND until_ms > from_ms AND (?4 IS NULL OR kind = ?4) ORDER BY from_ms DESC, id DESC LIMIT ?5"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let (from, until) = (query.from.as_millis(), query.until.as_millis());
    let kind = query.kind.map(LedgerKind::as_str);
    let limit = signed(query.limit as u64);
    let rows = statement.query_map(params![stream, from, until, kind, limit], entry)?;
    let mut found: Vec<LedgerEntry> = rows.map(|row| row?).collect::<Result<_, _>>()?;
    found.reverse();
    Ok(found)
}

pub(super) fn changed_after(
    db: &Connection,
    stream: &str,
    sequence: u64,
    limit: usize,
) -> Result<Vec<LedgerEntry>, LedgerError> {
    let sql = format!(
        "SELECT {ENTRY_COLUMNS} FROM entry WHERE stream = ?1 AND sequence > ?2 \
         ORDER BY sequence LIMIT ?3"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let rows =
        statement.query_map(params![stream, signed(sequence), signed(limit as u64)], entry)?;
    rows.map(|row| row?).collect()
}

pub(super) fn refused(db: &Connection, stream: &str) -> Result<Vec<(u64, u32)>, LedgerError> {
    let sql = "SELECT sequence, code FROM refused WHERE stream = ?1";
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map([stream], |row| Ok((unsigned(row, 0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn intents(db: &Connection, stream: &str) -> Result<Vec<Intent>, LedgerError> {
    let sql = "SELECT media_file_id, reason, from_ms, until_ms, lost_fragments, lost_bytes \
               FROM intent WHERE stream = ?1 ORDER BY media_file_id, position";
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map([stream], |row| {
        let lost = Lost { fragment_count: unsigned(row, 4)?, size_bytes: unsigned(row, 5)? };
        let lost = (lost.fragment_count > 0).then_some(lost);
        let run = Deleted { from: time(row, 2)?, until: time(row, 3)?, lost };
        Ok((unsigned(row, 0)?, row.get::<_, String>(1)?, run))
    })?;
    let mut found: Vec<Intent> = Vec::new();
    for row in rows {
        let (media_file_id, why, run) = row?;
        match found.last_mut() {
            Some(intent) if intent.media_file_id == media_file_id => intent.runs.push(run),
            _ => found.push(Intent {
                stream: stream.to_owned(),
                media_file_id,
                reason: reason(&why)?,
                runs: vec![run],
            }),
        }
    }
    Ok(found)
}

pub(super) fn meta<T: rusqlite::types::FromSql>(
    db: &Connection,
    name: &str,
) -> Result<Option<T>, LedgerError> {
    let sql = "SELECT value FROM meta WHERE name = ?1";
    Ok(db.prepare_cached(sql)?.query_row([name], |row| row.get(0)).optional()?.flatten())
}

/// The name of what is left of a hold of deletion by age, in milliseconds.
pub(super) const AGE_HOLD: &str = "age_hold_left_ms";

pub(super) fn last_run(db: &Connection) -> Result<Option<LastRun>, LedgerError> {
    let left_ms: Option<i64> = meta(db, AGE_HOLD)?;
    let left_ms = left_ms.and_then(|left_ms| u64::try_from(left_ms).ok());
    let hold_left = Duration::from_millis(left_ms.unwrap_or(0));
    Ok(heartbeat(db)?.map(|seen_at| LastRun { seen_at, hold_left }))
}

/// The name of the number of the last deletion that the ledgers tell of.
pub(super) const JOURNAL_NUMBER: &str = "journal_number";

pub(super) fn journal_number(db: &Connection) -> Result<u64, LedgerError> {
    let number: Option<i64> = meta(db, JOURNAL_NUMBER)?;
    Ok(number.and_then(|number| u64::try_from(number).ok()).unwrap_or(0))
}

pub(super) fn heartbeat(db: &Connection) -> Result<Option<Timestamp>, LedgerError> {
    Ok(meta(db, "heartbeat_ms")?.map(Timestamp::from_millis))
}

pub(super) fn summary(db: &Connection, stream: &str) -> Result<Option<LedgerSummary>, LedgerError> {
    let sql = "SELECT ledger_id, known_from_ms, sequence, media_until_ms, open_since_ms, \
               open_reason, lost_fragments, lost_bytes, report_json FROM ledger WHERE stream = ?1";
    let found = db
        .prepare_cached(sql)?
        .query_row([stream], |row| {
            let since: Option<i64> = row.get(4)?;
            let why: Option<String> = row.get(5)?;
            let summary = LedgerSummary {
                ledger_id: row.get(0)?,
                known_from: time(row, 1)?,
                sequence: unsigned(row, 2)?,
                state: TimelineState { media_until: time(row, 3)?, open: None },
                losses: LossTotals {
                    fragment_count: unsigned(row, 6)?,
                    size_bytes: unsigned(row, 7)?,
                },
                report_json: row.get(8)?,
            };
            Ok((summary, since.map(Timestamp::from_millis).zip(why)))
        })
        .optional()?;
    let Some((mut summary, open)) = found else { return Ok(None) };
    if let Some((since, why)) = open {
        summary.state.open = Some(OpenGap { since, reason: reason(&why)? });
    }
    Ok(Some(summary))
}
