//! Rows of the hubs' ledgers.

use std::collections::BTreeMap;

use async_trait::async_trait;
use tokio_postgres::Row;
use vigie_kvs::shapes::media_ledger::{LedgerEntry, LedgerKind, MediaGapReason};
use vigie_metadata::{
    DbError, LEDGER_ENTRIES_MAX, LEDGERS_MAX, LedgerPosition, MediaLedger, MediaLedgerQuery,
    MediaLedgers, StoredLedgerEntry,
};

use super::PostgresMetadataDb;
use crate::error::{Fault, unknown_value};
use crate::statement::{Lock, Work, at, count, limit};

fn ledger_from_row(row: &Row) -> Result<MediaLedger, Fault> {
    Ok(MediaLedger {
        stream_arn: row.try_get(0)?,
        ledger_id: row.try_get(1)?,
        hub_device_arn: row.try_get(2)?,
        known_from: at(row, 3)?,
        sequence: count(row, 4)?,
    })
}

/// Adds what is new of a ledger, unless something between is missing: then nothing.
async fn take(
    work: &Work<'_>,
    ledger: &MediaLedger,
    after: u64,
    entries: &[LedgerEntry],
) -> Result<Option<bool>, Fault> {
    let (stream_arn, ledger_id) = (&ledger.stream_arn, &ledger.ledger_id);
    // Of a stream's ledgers one is taken at a time, so that their number holds.
    work.lock(Lock::Ledgers, stream_arn).await?;
    let sql = "INSERT INTO media_ledger (stream_arn, ledger_id, hub_device_arn, known_from_ms, sequence) \
               VALUES ($1, $2, $3, $4, 0) ON CONFLICT (stream_arn, ledger_id) DO NOTHING";
    let known_from_ms = ledger.known_from.as_millis();
    work.execute(sql, &[stream_arn, ledger_id, &ledger.hub_device_arn, &known_from_ms]).await?;
    let sql = "SELECT sequence FROM media_ledger WHERE stream_arn = $1 AND ledger_id = $2";
    let stored = work.rows(sql, &[stream_arn, ledger_id], |row| count(row, 0)).await?;
    let stored = stored.first().copied().unwrap_or_default();
    if after > stored {
        return Ok(Some(true));
    }
    let new = entries.iter().filter(|entry| entry.sequence > stored);
    let newest = new.clone().map(|entry| entry.sequence).fold(stored, u64::max);
    // The last one of an id is how it is.
    put(work, ledger, &new.map(|entry| (entry.id, entry)).collect()).await?;
    let sql = "UPDATE media_ledger SET sequence = $3, known_from_ms = least(known_from_ms, $4) \
               WHERE stream_arn = $1 AND ledger_id = $2";
    work.execute(sql, &[stream_arn, ledger_id, &newest.cast_signed(), &known_from_ms]).await?;
    bound(work, stream_arn, ledger_id).await?;
    Ok(Some(true))
}

async fn put(
    work: &Work<'_>,
    ledger: &MediaLedger,
    entries: &BTreeMap<u64, &LedgerEntry>,
) -> Result<(), Fault> {
    if entries.is_empty() {
        return Ok(());
    }
    let texts = |of: fn(&LedgerEntry) -> &'static str| -> Vec<&str> {
        entries.values().map(|entry| of(entry)).collect()
    };
    let numbers = |of: fn(&LedgerEntry) -> i64| -> Vec<i64> {
        entries.values().map(|entry| of(entry)).collect()
    };
    let sql = "INSERT INTO media_ledger_entry (stream_arn, ledger_id, id, kind, reason, starts_at_ms, \
               ends_at_ms, fragment_count, size_bytes) SELECT $1, $2, new.* FROM unnest($3::bigint[], \
               $4::text[], $5::text[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[]) AS new \
               ON CONFLICT (stream_arn, ledger_id, id) DO UPDATE SET kind = excluded.kind, \
               reason = excluded.reason, starts_at_ms = excluded.starts_at_ms, \
               ends_at_ms = excluded.ends_at_ms, fragment_count = excluded.fragment_count, \
               size_bytes = excluded.size_bytes";
    work.execute(
        sql,
        &[
            &ledger.stream_arn,
            &ledger.ledger_id,
            &numbers(|entry| entry.id.cast_signed()),
            &texts(|entry| entry.kind.as_str()),
            &texts(|entry| entry.reason.as_str()),
            &numbers(|entry| entry.start_timestamp.as_millis()),
            &numbers(|entry| entry.end_timestamp.as_millis()),
            &numbers(|entry| entry.fragment_count.cast_signed()),
            &numbers(|entry| entry.size_bytes.cast_signed()),
        ],
    )
    .await
    .map(drop)
}

async fn bound(work: &Work<'_>, stream_arn: &str, ledger_id: &str) -> Result<(), Fault> {
    let sql = "DELETE FROM media_ledger_entry WHERE stream_arn = $1 AND ledger_id = $2 AND id <= \
               (SELECT MAX(id) FROM media_ledger_entry WHERE stream_arn = $1 AND ledger_id = $2) - $3::bigint";
    work.execute(sql, &[&stream_arn, &ledger_id, &LEDGER_ENTRIES_MAX.cast_signed()]).await?;
    let sql = "SELECT ledger_id FROM media_ledger WHERE stream_arn = $1 AND ledger_id <> $2 \
               ORDER BY known_from_ms DESC OFFSET $3 LIMIT 1";
    let old: Vec<String> = work
        .rows(sql, &[&stream_arn, &ledger_id, &limit(LEDGERS_MAX - 1)], |row| Ok(row.try_get(0)?))
        .await?;
    for old in old {
        for table in ["media_ledger_entry", "media_ledger"] {
            let sql = format!("DELETE FROM {table} WHERE stream_arn = $1 AND ledger_id = $2");
            work.execute(&sql, &[&stream_arn, &old]).await?;
        }
    }
    Ok(())
}

/// Forgets a stream's ledgers.
pub(super) async fn remove(work: &Work<'_>, stream_arn: &str) -> Result<(), Fault> {
    work.lock(Lock::Ledgers, stream_arn).await?;
    for table in ["media_ledger_entry", "media_ledger"] {
        let sql = format!("DELETE FROM {table} WHERE stream_arn = $1");
        work.execute(&sql, &[&stream_arn]).await?;
    }
    Ok(())
}

fn entry_from_row(row: &Row) -> Result<StoredLedgerEntry, Fault> {
    let (kind, reason): (&str, &str) = (row.try_get(2)?, row.try_get(3)?);
    Ok(StoredLedgerEntry {
        ledger_id: row.try_get(0)?,
        hub_device_arn: row.try_get(8)?,
        entry: LedgerEntry {
            id: count(row, 1)?,
            sequence: 0,
            kind: LedgerKind::from_wire(kind).ok_or_else(|| unknown_value("ledger kind", kind))?,
            reason: MediaGapReason::from_wire(reason)
                .ok_or_else(|| unknown_value("gap reason", reason))?,
            start_timestamp: at(row, 4)?,
            end_timestamp: at(row, 5)?,
            fragment_count: count(row, 6)?,
            size_bytes: count(row, 7)?,
        },
    })
}

#[async_trait]
impl MediaLedgers for PostgresMetadataDb {
    async fn media_ledgers(&self, stream_arn: &str) -> Result<Vec<MediaLedger>, DbError> {
        let sql = "SELECT stream_arn, ledger_id, hub_device_arn, known_from_ms, sequence FROM media_ledger \
                   WHERE stream_arn = $1 ORDER BY known_from_ms";
        self.database.rows(sql, &[&stream_arn], ledger_from_row).await
    }

    async fn take_media_ledger(
        &self,
        ledger: &MediaLedger,
        after: u64,
        entries: &[LedgerEntry],
    ) -> Result<(), DbError> {
        let args = (ledger.clone(), after, entries.to_vec());
        let taken = self.database.change(args, |work, (ledger, after, entries)| {
            Box::pin(take(work, ledger, *after, entries))
        });
        taken.await.map(drop)
    }

    async fn media_ledger_entries(
        &self,
        query: &MediaLedgerQuery,
    ) -> Result<Vec<StoredLedgerEntry>, DbError> {
        let LedgerPosition { starts_at_ms, ledger_id, id } = &query.after;
        let sql = "SELECT e.ledger_id, e.id, e.kind, e.reason, e.starts_at_ms, e.ends_at_ms, \
                   e.fragment_count, e.size_bytes, l.hub_device_arn FROM media_ledger_entry e \
                   JOIN media_ledger l ON l.stream_arn = e.stream_arn AND l.ledger_id = e.ledger_id \
                   WHERE e.stream_arn = $1 AND e.kind = $2 AND e.ends_at_ms > $3 AND e.starts_at_ms < $4 \
                   AND e.ends_at_ms > e.starts_at_ms \
                   AND (e.starts_at_ms, e.ledger_id, e.id) > ($5, $6, $7) \
                   ORDER BY e.starts_at_ms, e.ledger_id, e.id LIMIT $8";
        self.database
            .rows(
                sql,
                &[
                    &query.stream_arn,
                    &query.kind.as_str(),
                    &query.from.as_millis(),
                    &query.until.as_millis(),
                    starts_at_ms,
                    ledger_id,
                    id,
                    &limit(query.limit),
                ],
                entry_from_row,
            )
            .await
    }
}
