//! The media ledgers of the engine in memory.

use std::collections::BTreeMap;

use async_trait::async_trait;
use vigie_kvs::shapes::media_ledger::LedgerEntry;

use super::{Ledger, MemoryMetadataDb, Tables};
use crate::{
    DbError, LEDGER_ENTRIES_MAX, LEDGERS_MAX, LedgerPosition, MediaLedger, MediaLedgerQuery,
    MediaLedgers, StoredLedgerEntry,
};

impl Tables {
    /// The other ledgers of a stream, beyond those that it may have: which of them goes.
    fn oldest_ledger_beyond(&self, own: &MediaLedger) -> Option<(String, String)> {
        let of_stream = self.ledgers.iter().filter(|((stream_arn, ledger_id), _)| {
            *stream_arn == own.stream_arn && *ledger_id != own.ledger_id
        });
        let mut others: Vec<_> =
            of_stream.map(|(key, ledger)| (ledger.row.known_from, key)).collect();
        others.sort_by_key(|(known_from, _)| std::cmp::Reverse(*known_from));
        others.get(LEDGERS_MAX - 1).map(|(_, key)| (*key).clone())
    }
}

#[async_trait]
impl MediaLedgers for MemoryMetadataDb {
    async fn media_ledgers(&self, stream_arn: &str) -> Result<Vec<MediaLedger>, DbError> {
        let tables = self.tables();
        let of_stream =
            tables.ledgers.values().filter(|ledger| ledger.row.stream_arn == stream_arn);
        let mut rows: Vec<MediaLedger> = of_stream.map(|ledger| ledger.row.clone()).collect();
        rows.sort_by_key(|row| row.known_from);
        Ok(rows)
    }

    async fn take_media_ledger(
        &self,
        ledger: &MediaLedger,
        after: u64,
        entries: &[LedgerEntry],
    ) -> Result<(), DbError> {
        let mut tables = self.tables();
        let key = (ledger.stream_arn.clone(), ledger.ledger_id.clone());
        let known = tables.ledgers.entry(key).or_insert_with(|| Ledger {
            row: MediaLedger { sequence: 0, ..ledger.clone() },
            entries: BTreeMap::new(),
        });
        let stored = known.row.sequence;
        if after > stored {
            return Ok(());
        }
        for entry in entries.iter().filter(|entry| entry.sequence > stored) {
            known.row.sequence = known.row.sequence.max(entry.sequence);
            known.entries.insert(entry.id, LedgerEntry { sequence: 0, ..entry.clone() });
        }
        known.row.known_from = known.row.known_from.min(ledger.known_from);
        let last = known.entries.keys().next_back().copied().unwrap_or(0);
        known.entries.retain(|id, _| id + LEDGER_ENTRIES_MAX > last);
        if let Some(oldest) = tables.oldest_ledger_beyond(ledger) {
            tables.ledgers.remove(&oldest);
        }
        Ok(())
    }

    async fn media_ledger_entries(
        &self,
        query: &MediaLedgerQuery,
    ) -> Result<Vec<StoredLedgerEntry>, DbError> {
        let tables = self.tables();
        let of_stream =
            tables.ledgers.values().filter(|one| one.row.stream_arn == query.stream_arn);
        let mut found: Vec<(LedgerPosition, StoredLedgerEntry)> = of_stream
            .flat_map(|ledger| ledger.entries.values().map(|entry| (&ledger.row, entry)))
            .filter(|(_, entry)| {
                entry.kind == query.kind
                    && entry.end_timestamp > query.from
                    && entry.start_timestamp < query.until
                    && entry.end_timestamp > entry.start_timestamp
            })
            .map(|(row, entry)| {
                let position = LedgerPosition {
                    starts_at_ms: entry.start_timestamp.as_millis(),
                    ledger_id: row.ledger_id.clone(),
                    id: entry.id.cast_signed(),
                };
                let (ledger_id, hub_device_arn) =
                    (row.ledger_id.clone(), row.hub_device_arn.clone());
                (position, StoredLedgerEntry { ledger_id, hub_device_arn, entry: entry.clone() })
            })
            .filter(|(position, _)| *position > query.after)
            .collect();
        found.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(found.into_iter().take(query.limit).map(|(_, entry)| entry).collect())
    }
}
