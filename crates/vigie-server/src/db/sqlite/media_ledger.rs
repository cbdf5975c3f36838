//! Rows of the hubs' ledgers.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, params};
use vigie_kvs::shapes::media_ledger::{LedgerEntry, LedgerKind, MediaGapReason};

use super::{SqliteMetadataDb, limit, timestamp, unknown_text};
use crate::db::{
    DbError, LEDGER_ENTRIES_MAX, LEDGERS_MAX, LedgerPosition, MediaLedger, MediaLedgerQuery,
    MediaLedgers, StoredLedgerEntry,
};

pub(super) fn ledgers(db: &Connection, stream_arn: &str) -> rusqlite::Result<Vec<MediaLedger>> {
    db.prepare_cached(
        "SELECT stream_arn, ledger_id, hub_device_arn, known_from_ms, sequence FROM media_ledger \
         WHERE stream_arn = ?1 ORDER BY known_from_ms",
    )?
    .query_map([stream_arn], |row| {
        Ok(MediaLedger {
            stream_arn: row.get(0)?,
            ledger_id: row.get(1)?,
            hub_device_arn: row.get(2)?,
            known_from: timestamp(row.get(3)?),
            sequence: row.get::<_, i64>(4)?.cast_unsigned(),
        })
    })?
    .collect()
}

/// Adds what is new of a ledger, unless something between is missing: then nothing.
pub(super) fn take(
    db: &Connection,
    ledger: &MediaLedger,
    after: u64,
    entries: &[LedgerEntry],
) -> rusqlite::Result<bool> {
    let (stream_arn, ledger_id) = (&ledger.stream_arn, &ledger.ledger_id);
    db.prepare_cached(
        "INSERT INTO media_ledger (stream_arn, ledger_id, hub_device_arn, known_from_ms, sequence) \
         VALUES (?1, ?2, ?3, ?4, 0) ON CONFLICT (stream_arn, ledger_id) DO NOTHING",
    )?
    .execute(params![
        stream_arn,
        ledger_id,
        ledger.hub_device_arn,
        ledger.known_from.as_millis()
    ])?;
    let stored: i64 = db
        .prepare_cached(
            "SELECT sequence FROM media_ledger WHERE stream_arn = ?1 AND ledger_id = ?2",
        )?
        .query_row([stream_arn, ledger_id], |row| row.get(0))?;
    if after.cast_signed() > stored {
        return Ok(true);
    }
    let mut newest = stored;
    for entry in entries.iter().filter(|entry| entry.sequence.cast_signed() > stored) {
        put(db, ledger, entry)?;
        newest = newest.max(entry.sequence.cast_signed());
    }
    db.prepare_cached(
        "UPDATE media_ledger SET sequence = ?3, known_from_ms = min(known_from_ms, ?4) \
         WHERE stream_arn = ?1 AND ledger_id = ?2",
    )?
    .execute(params![stream_arn, ledger_id, newest, ledger.known_from.as_millis()])?;
    bound(db, stream_arn, ledger_id)?;
    Ok(true)
}

fn put(db: &Connection, ledger: &MediaLedger, entry: &LedgerEntry) -> rusqlite::Result<()> {
    db.prepare_cached(
        "REPLACE INTO media_ledger_entry (stream_arn, ledger_id, id, kind, reason, starts_at_ms, \
         ends_at_ms, fragment_count, size_bytes) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute(params![
        ledger.stream_arn,
        ledger.ledger_id,
        entry.id.cast_signed(),
        entry.kind.as_str(),
        entry.reason.as_str(),
        entry.start_timestamp.as_millis(),
        entry.end_timestamp.as_millis(),
        entry.fragment_count.cast_signed(),
        entry.size_bytes.cast_signed(),
    ])?;
    Ok(())
}

fn bound(db: &Connection, stream_arn: &str, ledger_id: &str) -> rusqlite::Result<()> {
    db.prepare_cached(
        "DELETE FROM media_ledger_entry WHERE stream_arn = ?1 AND ledger_id = ?2 AND id <= \
         (SELECT MAX(id) FROM media_ledger_entry WHERE stream_arn = ?1 AND ledger_id = ?2) - ?3",
    )?
    .execute(params![stream_arn, ledger_id, LEDGER_ENTRIES_MAX.cast_signed()])?;
    let first_too_many: Option<String> = db
        .prepare_cached(
            "SELECT ledger_id FROM media_ledger WHERE stream_arn = ?1 AND ledger_id <> ?2 \
             ORDER BY known_from_ms DESC LIMIT 1 OFFSET ?3",
        )?
        .query_row(params![stream_arn, ledger_id, limit(LEDGERS_MAX - 1)], |row| row.get(0))
        .optional()?;
    if let Some(old) = first_too_many {
        for table in ["media_ledger_entry", "media_ledger"] {
            let sql = format!("DELETE FROM {table} WHERE stream_arn = ?1 AND ledger_id = ?2");
            db.prepare_cached(&sql)?.execute([stream_arn, &old])?;
        }
    }
    Ok(())
}

/// Forgets a stream's ledgers.
pub(super) fn remove(db: &Connection, stream_arn: &str) -> rusqlite::Result<()> {
    for table in ["media_ledger_entry", "media_ledger"] {
        let sql = format!("DELETE FROM {table} WHERE stream_arn = ?1");
        db.prepare_cached(&sql)?.execute([stream_arn])?;
    }
    Ok(())
}

pub(super) fn entries(
    db: &Connection,
    query: &MediaLedgerQuery,
) -> rusqlite::Result<Vec<StoredLedgerEntry>> {
    let LedgerPosition { starts_at_ms, ledger_id, id } = &query.after;
    db.prepare_cached(
        "SELECT e.ledger_id, e.id, e.kind, e.reason, e.starts_at_ms, e.ends_at_ms, \
         e.fragment_count, e.size_bytes, l.hub_device_arn FROM media_ledger_entry e \
         JOIN media_ledger l ON l.stream_arn = e.stream_arn AND l.ledger_id = e.ledger_id \
         WHERE e.stream_arn = ?1 AND e.kind = ?2 AND e.ends_at_ms > ?3 AND e.starts_at_ms < ?4 \
         AND e.ends_at_ms > e.starts_at_ms \
         AND (e.starts_at_ms, e.ledger_id, e.id) > (?5, ?6, ?7) \
         ORDER BY e.starts_at_ms, e.ledger_id, e.id LIMIT ?8",
    )?
    .query_map(
        params![
            query.stream_arn,
            query.kind.as_str(),
            query.from.as_millis(),
            query.until.as_millis(),
            starts_at_ms,
            ledger_id,
            id,
            limit(query.limit),
        ],
        from_row,
    )?
    .collect()
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<StoredLedgerEntry> {
    let (kind, reason): (String, String) = (row.get(2)?, row.get(3)?);
    let count = |column| row.get::<_, i64>(column).map(i64::cast_unsigned);
    Ok(StoredLedgerEntry {
        ledger_id: row.get(0)?,
        hub_device_arn: row.get(8)?,
        entry: LedgerEntry {
            id: count(1)?,
            sequence: 0,
            kind: LedgerKind::from_wire(&kind).ok_or_else(|| unknown_text(2, &kind))?,
            reason: MediaGapReason::from_wire(&reason).ok_or_else(|| unknown_text(3, &reason))?,
            start_timestamp: timestamp(row.get(4)?),
            end_timestamp: timestamp(row.get(5)?),
            fragment_count: count(6)?,
            size_bytes: count(7)?,
        },
    })
}

#[async_trait]
impl MediaLedgers for SqliteMetadataDb {
    async fn media_ledgers(&self, stream_arn: &str) -> Result<Vec<MediaLedger>, DbError> {
        self.read(|db| ledgers(db, stream_arn))
    }

    async fn take_media_ledger(
        &self,
        ledger: &MediaLedger,
        after: u64,
        entries: &[LedgerEntry],
    ) -> Result<(), DbError> {
        let (ledger, entries) = (ledger.clone(), entries.to_vec());
        self.writer.write(move |db| take(db, &ledger, after, &entries)).await.map(drop)
    }

    async fn media_ledger_entries(
        &self,
        query: &MediaLedgerQuery,
    ) -> Result<Vec<StoredLedgerEntry>, DbError> {
        self.read(|db| entries(db, query))
    }
}
