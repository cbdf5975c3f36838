//! Media ledgers.

use std::collections::BTreeMap;
use std::sync::Arc;

use vigie_kvs::shapes::media_ledger::{LedgerEntry, LedgerKind, MediaGapReason};

use super::{at, stream};
use crate::{
    LEDGER_ENTRIES_MAX, LEDGERS_MAX, LedgerPosition, MediaLedger, MediaLedgerQuery, MetadataDb,
};

fn ledger(id: &str, known_from: i64) -> MediaLedger {
    MediaLedger {
        stream_arn: "arn:gate".into(),
        ledger_id: id.into(),
        hub_device_arn: format!("hub of {id}"),
        known_from: at(known_from),
        sequence: 0,
    }
}

fn entry(id: u64, sequence: u64, (starts_at, ends_at): (i64, i64)) -> LedgerEntry {
    LedgerEntry {
        id,
        sequence,
        kind: LedgerKind::Gap,
        reason: MediaGapReason::ScheduleClosed,
        start_timestamp: at(starts_at),
        end_timestamp: at(ends_at),
        fragment_count: 0,
        size_bytes: 0,
    }
}

fn query(from: i64, until: i64) -> MediaLedgerQuery {
    MediaLedgerQuery {
        stream_arn: "arn:gate".into(),
        kind: LedgerKind::Gap,
        from: at(from),
        until: at(until),
        after: LedgerPosition::FIRST,
        limit: 100,
    }
}

/// Ledgers, numbers and begins of the entries that match.
async fn found(db: &dyn MetadataDb, query: &MediaLedgerQuery) -> Vec<(String, u64, i64)> {
    let found = db.media_ledger_entries(query).await.unwrap();
    let found = found.into_iter().map(|one| {
        assert_eq!(one.hub_device_arn, format!("hub of {}", one.ledger_id));
        (one.ledger_id, one.entry.id, one.entry.start_timestamp.as_millis())
    });
    found.collect()
}

fn listed(entries: &[(&str, u64, i64)]) -> Vec<(String, u64, i64)> {
    entries.iter().map(|(ledger, id, at)| ((*ledger).to_owned(), *id, *at)).collect()
}

pub(super) async fn entries_come_in_order_and_none_twice(db: Arc<dyn MetadataDb>) {
    let first = [entry(1, 1, (10, 20)), entry(2, 2, (30, 40)), entry(3, 3, (35, 35))];
    db.take_media_ledger(&ledger("a", 5), 0, &first).await.unwrap();
    db.take_media_ledger(&ledger("b", 3), 0, &[entry(1, 1, (30, 31))]).await.unwrap();
    // The second entry has grown; the first is sent again by a hub that did not hear the answer.
    let more = [entry(1, 1, (99, 100)), entry(2, 4, (30, 50))];
    db.take_media_ledger(&ledger("a", 4), 1, &more).await.unwrap();
    let rows = db.media_ledgers("arn:gate").await.unwrap();
    let rows: Vec<_> =
        rows.into_iter().map(|row| (row.ledger_id, row.known_from, row.sequence)).collect();
    assert_eq!(rows, [("b".to_owned(), at(3), 1), ("a".to_owned(), at(4), 4)]);
    let all = listed(&[("a", 1, 10), ("a", 2, 30), ("b", 1, 30)]);
    assert_eq!(found(&*db, &query(0, 100)).await, all);
    // What ends where the question begins, or begins where it ends, is not in it.
    assert_eq!(found(&*db, &query(20, 31)).await, all[1..]);
    assert_eq!(found(&*db, &query(31, 100)).await, all[1..2]);
    assert!(found(&*db, &query(0, 10)).await.is_empty());
    let after = LedgerPosition { starts_at_ms: 30, ledger_id: "a".into(), id: 2 };
    assert_eq!(found(&*db, &MediaLedgerQuery { after, ..query(0, 100) }).await, all[2..]);
    assert_eq!(found(&*db, &MediaLedgerQuery { limit: 2, ..query(0, 100) }).await, all[..2]);
    let losses = MediaLedgerQuery { kind: LedgerKind::Loss, ..query(0, 100) };
    assert!(found(&*db, &losses).await.is_empty());
}

pub(super) async fn what_is_missing_before_them_is_asked_for(db: Arc<dyn MetadataDb>) {
    db.take_media_ledger(&ledger("a", 5), 3, &[entry(4, 4, (10, 20))]).await.unwrap();
    let rows = db.media_ledgers("arn:gate").await.unwrap();
    assert_eq!(rows, [ledger("a", 5)]);
    assert!(found(&*db, &query(0, 100)).await.is_empty());
}

pub(super) async fn ledgers_are_bounded_and_go_with_their_stream(db: Arc<dyn MetadataDb>) {
    db.create_stream(&stream("gate"), &BTreeMap::new()).await.unwrap();
    let entries = [entry(1, 1, (10, 20)), entry(2, 2, (20, 30))];
    db.take_media_ledger(&ledger("0", 0), 0, &entries).await.unwrap();
    // The first one is too old by the newest one's number.
    let newest = entry(1 + LEDGER_ENTRIES_MAX, 3, (40, 50));
    db.take_media_ledger(&ledger("0", 0), 2, &[newest]).await.unwrap();
    let kept = listed(&[("0", 2, 20), ("0", 1 + LEDGER_ENTRIES_MAX, 40)]);
    assert_eq!(found(&*db, &query(0, 100)).await, kept);
    for number in 1..=LEDGERS_MAX {
        let other = ledger(&number.to_string(), number as i64);
        db.take_media_ledger(&other, 0, &[]).await.unwrap();
    }
    let rows = db.media_ledgers("arn:gate").await.unwrap();
    assert_eq!((rows.len(), rows[0].ledger_id.as_str()), (LEDGERS_MAX, "1"));
    assert!(found(&*db, &query(0, 100)).await.is_empty());
    assert!(db.begin_stream_deletion("arn:gate", "v1", None).await.unwrap());
    db.finish_stream_deletion("arn:gate").await.unwrap();
    assert!(db.media_ledgers("arn:gate").await.unwrap().is_empty());
}
