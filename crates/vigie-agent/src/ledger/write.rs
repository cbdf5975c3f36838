//! What each change does to the tables of the ledgers.

use rusqlite::{OptionalExtension, Transaction, params};
use vigie_engine::ledger::{Deleted, ENTRIES_MAX, GAP_MS_MIN, Gap, Lost, may_extend};
use vigie_kvs::shapes::media_ledger::{LedgerKind, MediaGapReason};
use vigie_media::Timestamp;

use super::rows::{AGE_HOLD, JOURNAL_NUMBER, reason, signed, time, unsigned};
use super::{Change, Intent, LedgerError};

pub(super) fn apply(db: &Transaction<'_>, change: &Change) -> Result<(), LedgerError> {
    match change {
        Change::Begin { stream, stream_name, ledger_id, now } => {
            let sql = "INSERT INTO ledger (stream, stream_name, ledger_id, known_from_ms, \
                       media_until_ms) VALUES (?1, ?2, ?3, ?4, ?4) ON CONFLICT DO NOTHING";
            let now = now.as_millis();
            db.prepare_cached(sql)?.execute(params![stream, stream_name, ledger_id, now])?;
        }
        Change::Erase { stream } => {
            for table in ["entry", "intent", "refused", "ledger"] {
                let sql = format!("DELETE FROM {table} WHERE stream = ?1");
                db.prepare_cached(&sql)?.execute([stream])?;
            }
        }
        Change::Heartbeat { now, hub_device_arn, running, age_hold_left } => {
            put_meta(db, "heartbeat_ms", now.as_millis())?;
            let left_ms = i64::try_from(age_hold_left.as_millis()).unwrap_or(i64::MAX);
            put_meta(db, AGE_HOLD, (left_ms > 0).then_some(left_ms))?;
            put_meta(db, "hub_device_arn", hub_device_arn)?;
            put_meta(db, "in_contact", running.map(i64::from))?;
        }
        Change::Standing { stream, state, report_json } => {
            let sql = "UPDATE ledger SET media_until_ms = ?2, open_since_ms = ?3, \
                       open_reason = ?4, report_json = ?5 WHERE stream = ?1";
            db.prepare_cached(sql)?.execute(params![
                stream,
                state.media_until.as_millis(),
                state.open.map(|open| open.since.as_millis()),
                state.open.map(|open| open.reason.as_str()),
                report_json,
            ])?;
        }
        Change::Enter { stream, gap } => enter_gap(db, stream, gap)?,
        Change::StepBack { stream, to } => step_back(db, stream, *to)?,
        Change::Intend(intent) => intend(db, intent)?,
        Change::Settle { stream, media_file_id, is_gone } => {
            settle(db, stream, *media_file_id, *is_gone)?;
        }
        Change::Discard { stream, reason, media, is_gap } => {
            enter_deleted(db, stream, *reason, media, *is_gap)?;
        }
        Change::FollowJournal { number } => put_meta(db, JOURNAL_NUMBER, signed(*number))?,
        Change::Refuse { stream, sequence, code } => {
            let sql = "REPLACE INTO refused (stream, sequence, code) VALUES (?1, ?2, ?3)";
            db.prepare_cached(sql)?.execute(params![stream, signed(*sequence), code])?;
        }
        Change::ForgetRefused { stream, before } => {
            let sql = "DELETE FROM refused WHERE stream = ?1 AND sequence < ?2";
            db.prepare_cached(sql)?.execute(params![stream, signed(*before)])?;
        }
    }
    Ok(())
}

fn put_meta(
    db: &Transaction<'_>,
    name: &str,
    value: impl rusqlite::ToSql,
) -> Result<(), LedgerError> {
    let sql = "REPLACE INTO meta (name, value) VALUES (?1, ?2)";
    db.prepare_cached(sql)?.execute(params![name, value])?;
    Ok(())
}

/// What is to be written as an entry, or to extend one.
struct Interval<'a> {
    stream: &'a str,
    kind: LedgerKind,
    reason: MediaGapReason,
    from: Timestamp,
    until: Timestamp,
    lost: Lost,
    /// Entries that are so near are the same.
    near_ms: i64,
}

fn enter_gap(db: &Transaction<'_>, stream: &str, gap: &Gap) -> Result<(), LedgerError> {
    let Gap { from, until, reason } = *gap;
    let (kind, lost) = (LedgerKind::Gap, Lost::default());
    enter(db, &Interval { stream, kind, reason, from, until, lost, near_ms: 1 })
}

fn enter(db: &Transaction<'_>, interval: &Interval<'_>) -> Result<(), LedgerError> {
    let Interval { stream, kind, reason, from, until, lost, near_ms } = interval;
    let (from, until) = (from.as_millis(), until.as_millis());
    let sql = "UPDATE ledger SET sequence = sequence + 1 WHERE stream = ?1 \
               RETURNING sequence, next_id";
    let numbers = db
        .prepare_cached(sql)?
        .query_row([stream], |row| Ok((row.get::<_, i64>(0)?, unsigned(row, 1)?)))
        .optional()?;
    // A ledger that is gone takes nothing more.
    let Some((sequence, next_id)) = numbers else { return Ok(()) };
    let sql = "SELECT id FROM entry WHERE stream = ?1 AND kind = ?2 AND reason = ?3 \
               AND until_ms > ?4 - ?6 AND from_ms < ?5 + ?6 ORDER BY until_ms LIMIT 1";
    let (kind, reason) = (kind.as_str(), reason.as_str());
    let known = db
        .prepare_cached(sql)?
        .query_row(params![stream, kind, reason, from, until, near_ms], |row| unsigned(row, 0))
        .optional()?
        .filter(|id| may_extend(*id, next_id));
    let (fragments, bytes) = (signed(lost.fragment_count), signed(lost.size_bytes));
    if let Some(id) = known {
        let sql = "UPDATE entry SET sequence = ?3, from_ms = min(from_ms, ?4), \
                   until_ms = max(until_ms, ?5), fragment_count = fragment_count + ?6, \
                   size_bytes = size_bytes + ?7 WHERE stream = ?1 AND id = ?2";
        let id = signed(id);
        db.prepare_cached(sql)?
            .execute(params![stream, id, sequence, from, until, fragments, bytes])?;
        return Ok(());
    }
    let sql = "INSERT INTO entry (stream, id, sequence, kind, reason, from_ms, until_ms, \
               fragment_count, size_bytes) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    let id = signed(next_id);
    db.prepare_cached(sql)?
        .execute(params![stream, id, sequence, kind, reason, from, until, fragments, bytes])?;
    let sql = "UPDATE ledger SET next_id = next_id + 1 WHERE stream = ?1";
    db.prepare_cached(sql)?.execute([stream])?;
    match next_id.checked_sub(ENTRIES_MAX).filter(|oldest| *oldest > 0) {
        Some(oldest) => drop_oldest(db, stream, signed(oldest)),
        None => Ok(()),
    }
}

/// What was told of gaps behind `to` is void. An entry of nothing is left of those that lie behind it altogether, so
/// that whoever has them hears of it.
fn step_back(db: &Transaction<'_>, stream: &str, to: Timestamp) -> Result<(), LedgerError> {
    let to = to.as_millis();
    let sql = "SELECT id FROM entry WHERE stream = ?1 AND kind = ?2 AND until_ms > ?3 \
               AND until_ms > from_ms AND reason NOT LIKE 'DELETED%'";
    let ids = db
        .prepare_cached(sql)?
        .query_map(params![stream, LedgerKind::Gap.as_str(), to], |row| row.get::<_, i64>(0))?
        .collect::<Result<Vec<_>, _>>()?;
    for id in ids {
        let sql = "UPDATE ledger SET sequence = sequence + 1 WHERE stream = ?1 RETURNING sequence";
        let sequence: i64 = db.prepare_cached(sql)?.query_row([stream], |row| row.get(0))?;
        let sql = "UPDATE entry SET sequence = ?3, until_ms = max(from_ms, ?4) \
                   WHERE stream = ?1 AND id = ?2";
        db.prepare_cached(sql)?.execute(params![stream, id, sequence, to])?;
    }
    let sql = "UPDATE ledger SET known_from_ms = min(known_from_ms, ?2), media_until_ms = ?2, \
               open_since_ms = min(open_since_ms, ?2) WHERE stream = ?1";
    db.prepare_cached(sql)?.execute(params![stream, to])?;
    Ok(())
}

/// Entries up to `oldest` go; of the time that they told of nothing is known any more.
fn drop_oldest(db: &Transaction<'_>, stream: &str, oldest: i64) -> Result<(), LedgerError> {
    let sql = "UPDATE ledger SET known_from_ms = max(known_from_ms, coalesce((SELECT \
               max(until_ms) FROM entry WHERE stream = ?1 AND id <= ?2), 0)) WHERE stream = ?1";
    db.prepare_cached(sql)?.execute(params![stream, oldest])?;
    let sql = "DELETE FROM entry WHERE stream = ?1 AND id <= ?2";
    db.prepare_cached(sql)?.execute(params![stream, oldest])?;
    Ok(())
}

fn intend(db: &Transaction<'_>, intent: &Intent) -> Result<(), LedgerError> {
    let Intent { stream, media_file_id, reason, runs } = intent;
    let file = signed(*media_file_id);
    // Planned anew, for another reason perhaps: the latest plan counts.
    let sql = "DELETE FROM intent WHERE stream = ?1 AND media_file_id = ?2";
    db.prepare_cached(sql)?.execute(params![stream, file])?;
    let sql = "INSERT INTO intent (stream, media_file_id, position, reason, from_ms, until_ms, \
               lost_fragments, lost_bytes) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let mut insert = db.prepare_cached(sql)?;
    for (position, Deleted { from, until, lost }) in (0_i64..).zip(runs) {
        let lost = lost.unwrap_or_default();
        insert.execute(params![
            stream,
            file,
            position,
            reason.as_str(),
            from.as_millis(),
            until.as_millis(),
            signed(lost.fragment_count),
            signed(lost.size_bytes),
        ])?;
    }
    Ok(())
}

fn settle(
    db: &Transaction<'_>,
    stream: &str,
    media_file_id: u64,
    is_gone: bool,
) -> Result<(), LedgerError> {
    let sql = "DELETE FROM intent WHERE stream = ?1 AND media_file_id = ?2 \
               RETURNING position, reason, from_ms, until_ms, lost_fragments, lost_bytes";
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map(params![stream, signed(media_file_id)], |row| {
        let lost = Lost { fragment_count: unsigned(row, 4)?, size_bytes: unsigned(row, 5)? };
        Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, time(row, 2)?, time(row, 3)?, lost))
    })?;
    let mut runs = rows.collect::<Result<Vec<_>, _>>()?;
    if !is_gone {
        return Ok(());
    }
    runs.sort_by_key(|(position, ..)| *position);
    for (_, why, from, until, lost) in runs {
        let media = Deleted { from, until, lost: Some(lost) };
        enter_deleted(db, stream, reason(&why)?, &media, true)?;
    }
    Ok(())
}

/// Media is gone: a gap, if nothing else is there of its time, and what was in no other place is lost.
fn enter_deleted(
    db: &Transaction<'_>,
    stream: &str,
    reason: MediaGapReason,
    media: &Deleted,
    is_gap: bool,
) -> Result<(), LedgerError> {
    let Deleted { from, until, lost } = *media;
    let lost = lost.unwrap_or_default();
    let mut interval = Interval {
        stream,
        kind: LedgerKind::Gap,
        reason,
        from,
        until,
        lost: Lost::default(),
        near_ms: GAP_MS_MIN,
    };
    if is_gap {
        enter(db, &interval)?;
    }
    if lost.fragment_count > 0 {
        interval.kind = LedgerKind::Loss;
        interval.lost = lost;
        enter(db, &interval)?;
        let sql = "UPDATE ledger SET lost_fragments = lost_fragments + ?2, \
                   lost_bytes = lost_bytes + ?3 WHERE stream = ?1";
        let (fragments, bytes) = (signed(lost.fragment_count), signed(lost.size_bytes));
        db.prepare_cached(sql)?.execute(params![stream, fragments, bytes])?;
    }
    Ok(())
}
