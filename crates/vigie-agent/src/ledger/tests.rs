//! Entries that grow, deletions that are cut short, and what happens at the bound.

use rusqlite::Connection;
use vigie_engine::ledger::{ENTRIES_MAX, Lost};

use super::*;

const STREAM: &str = "arn:gate";

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

fn begun() -> SqliteLedger {
    let mut ledger = SqliteLedger::in_memory().unwrap();
    let begin = |ledger_id: &str, now| Change::Begin {
        stream: STREAM.to_owned(),
        stream_name: "gate".to_owned(),
        ledger_id: ledger_id.to_owned(),
        now: at(now),
    };
    // The second one finds that there is one.
    ledger.apply(&[begin("a", 10), begin("b", 20)]).unwrap();
    assert_eq!(ledger.summary(STREAM).unwrap().unwrap().ledger_id, "a");
    ledger
}

fn gap(from: i64, until: i64, reason: MediaGapReason) -> Change {
    let gap = Gap { from: at(from), until: at(until), reason };
    Change::Enter { stream: STREAM.to_owned(), gap }
}

fn intent(media_file_id: u64, runs: &[(i64, i64, u64)]) -> Change {
    let run = |(from, until, lost): &(i64, i64, u64)| Deleted {
        from: at(*from),
        until: at(*until),
        lost: (*lost > 0).then_some(Lost { fragment_count: *lost, size_bytes: lost * 100 }),
    };
    let runs = runs.iter().map(run).collect();
    let reason = MediaGapReason::DeletedBySize;
    Change::Intend(Intent { stream: STREAM.to_owned(), media_file_id, reason, runs })
}

fn settle(media_file_id: u64, is_gone: bool) -> Change {
    Change::Settle { stream: STREAM.to_owned(), media_file_id, is_gone }
}

fn all(ledger: &SqliteLedger, kind: LedgerKind) -> Vec<(i64, i64, u64, u64)> {
    let query = EntryQuery {
        kind: Some(kind),
        from: Timestamp::MIN,
        until: Timestamp::MAX,
        limit: usize::MAX,
    };
    let entries = ledger.entries(STREAM, query).unwrap();
    let seconds = |at: Timestamp| at.as_millis() / 1000;
    entries
        .iter()
        .map(|entry| {
            let (from, until) = (seconds(entry.start_timestamp), seconds(entry.end_timestamp));
            (from, until, entry.fragment_count, entry.size_bytes)
        })
        .collect()
}

#[test]
fn a_clock_that_is_set_right_takes_back_what_was_told_of_the_future_but_for_deletions() {
    let mut ledger = begun();
    let deleted = MediaGapReason::DeletedByAge;
    ledger
        .apply(&[
            gap(10, 30, MediaGapReason::SourceOffline),
            gap(40, 90_000, MediaGapReason::ClockSet),
            gap(90_010, 90_020, MediaGapReason::SourceOffline),
            gap(90_030, 90_040, deleted),
        ])
        .unwrap();
    let before = ledger.summary(STREAM).unwrap().unwrap().sequence;
    ledger.apply(&[Change::StepBack { stream: STREAM.to_owned(), to: at(55) }]).unwrap();
    let of = |from, until| (from, until, 0, 0);
    assert_eq!(all(&ledger, LedgerKind::Gap), [of(10, 30), of(40, 55), of(90_030, 90_040)]);
    // Whoever has been told hears of both, of the one that is void as one of no length.
    let changed = ledger.changed_after(STREAM, before, 10).unwrap();
    let ends: Vec<_> =
        changed.iter().map(|entry| (entry.start_timestamp, entry.end_timestamp)).collect();
    assert_eq!(ends, [(at(40), at(55)), (at(90_010), at(90_010))]);
    let state = ledger.summary(STREAM).unwrap().unwrap().state;
    assert_eq!((state.media_until, state.open), (at(55), None));
    // A ledger that was begun in the future tells of the time from here on.
    ledger.apply(&[Change::StepBack { stream: STREAM.to_owned(), to: at(5) }]).unwrap();
    assert_eq!(ledger.summary(STREAM).unwrap().unwrap().known_from, at(5));
}

#[test]
fn gaps_that_touch_are_one_entry_and_others_are_not() {
    let mut ledger = begun();
    let reason = MediaGapReason::SourceOffline;
    ledger
        .apply(&[
            gap(10, 20, reason),
            gap(20, 30, reason),
            gap(30, 40, MediaGapReason::HubOff),
            gap(41, 50, reason),
        ])
        .unwrap();
    let of = |from, until| (from, until, 0, 0);
    assert_eq!(all(&ledger, LedgerKind::Gap), [of(10, 30), of(30, 40), of(41, 50)]);
    let changed = ledger.changed_after(STREAM, 2, 10).unwrap();
    assert_eq!(changed.iter().map(|entry| entry.sequence).collect::<Vec<_>>(), [3, 4]);
    let changed = ledger.changed_after(STREAM, 0, 1).unwrap();
    assert_eq!((changed[0].id, changed[0].sequence), (1, 2), "an entry that grew is told once");
}

#[test]
fn a_deletion_is_entered_when_the_media_is_gone_and_not_before() {
    let mut ledger = begun();
    ledger.apply(&[intent(1, &[(0, 60, 0), (60, 90, 3)]), intent(2, &[(90, 120, 2)])]).unwrap();
    assert_eq!(all(&ledger, LedgerKind::Gap), []);
    let intents = ledger.intents(STREAM).unwrap();
    assert_eq!(
        intents.iter().map(|one| (one.media_file_id, one.runs.len())).collect::<Vec<_>>(),
        [(1, 2), (2, 1)]
    );
    ledger.apply(&[settle(1, true), settle(2, false)]).unwrap();
    assert_eq!(all(&ledger, LedgerKind::Gap), [(0, 90, 0, 0)]);
    assert_eq!(all(&ledger, LedgerKind::Loss), [(60, 90, 3, 300)]);
    assert!(ledger.intents(STREAM).unwrap().is_empty());
    // Planned and deleted later: it goes on where the first one ended, and is counted once however often it is settled.
    ledger.apply(&[intent(2, &[(90, 120, 2)])]).unwrap();
    ledger.apply(&[settle(2, true), settle(2, true)]).unwrap();
    assert_eq!(all(&ledger, LedgerKind::Gap), [(0, 120, 0, 0)]);
    assert_eq!(all(&ledger, LedgerKind::Loss), [(60, 120, 5, 500)]);
    let losses = ledger.summary(STREAM).unwrap().unwrap().losses;
    assert_eq!((losses.fragment_count, losses.size_bytes), (5, 500));
}

#[test]
fn at_the_bound_the_oldest_goes_and_the_time_before_is_unknown() {
    let mut ledger = begun();
    let mut changes = Vec::new();
    for n in 0..ENTRIES_MAX as i64 {
        changes.push(gap(100 + 10 * n, 105 + 10 * n, MediaGapReason::ScheduleClosed));
    }
    changes.extend([intent(1, &[(90, 100, 2)]), settle(1, true)]);
    ledger.apply(&changes).unwrap();
    let gaps = all(&ledger, LedgerKind::Gap);
    assert_eq!(gaps.len() as u64 + 1, ENTRIES_MAX);
    assert_eq!(gaps[1], (120, 125, 0, 0));
    let summary = ledger.summary(STREAM).unwrap().unwrap();
    assert_eq!(summary.known_from, at(115));
    assert_eq!(summary.losses.fragment_count, 2, "the sum of all losses is never forgotten");
}

#[test]
fn a_stream_that_is_erased_leaves_nothing() {
    let mut ledger = begun();
    let refuse = Change::Refuse { stream: STREAM.to_owned(), sequence: 7, code: 4006 };
    ledger.apply(&[gap(1, 9, MediaGapReason::HubOff), intent(1, &[(0, 1, 1)]), refuse]).unwrap();
    assert_eq!(ledger.refused(STREAM).unwrap(), [(7, 4006)]);
    ledger.apply(&[Change::Erase { stream: STREAM.to_owned() }]).unwrap();
    assert_eq!(ledger.summary(STREAM).unwrap(), None);
    assert!(ledger.refused(STREAM).unwrap().is_empty());
    assert!(ledger.intents(STREAM).unwrap().is_empty());
    // What comes late is of no ledger.
    ledger.apply(&[gap(9, 10, MediaGapReason::HubOff)]).unwrap();
    assert_eq!(all(&ledger, LedgerKind::Gap), []);
}

#[test]
fn whoever_asks_reads_beside_the_agent_and_sees_whether_it_runs() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = SqliteLedger::open(folder.path()).unwrap();
    let state = TimelineState { media_until: at(5), open: None };
    let standing =
        Change::Standing { stream: STREAM.to_owned(), state, report_json: "{}".to_owned() };
    let begin = Change::Begin {
        stream: STREAM.to_owned(),
        stream_name: "gate".to_owned(),
        ledger_id: "a".to_owned(),
        now: at(1),
    };
    let heartbeat = |running| Change::Heartbeat {
        now: at(9),
        hub_device_arn: "arn:hub".to_owned(),
        running,
        age_hold_left: Duration::from_millis(if running.is_some() { 1_500 } else { 0 }),
    };
    ledger.apply(&[begin, standing, heartbeat(Some(true))]).unwrap();

    let reader = LedgerReader::open(folder.path()).unwrap();
    assert!(reader.is_agent_running().unwrap());
    let standing = reader.standing().unwrap();
    assert_eq!(standing.streams, [(STREAM.to_owned(), "gate".to_owned(), Some("{}".to_owned()))]);
    assert_eq!((standing.heartbeat, standing.has_ended), (Some(at(9)), false));
    assert_eq!(standing.age_hold_left, Duration::from_millis(1_500));
    assert!(standing.in_contact);
    assert_eq!(reader.summary(STREAM).unwrap().unwrap().state, state);

    ledger.apply(&[heartbeat(None)]).unwrap();
    drop(ledger);
    assert!(!reader.is_agent_running().unwrap());
    let ended = reader.standing().unwrap();
    assert_eq!((ended.has_ended, ended.age_hold_left), (true, Duration::ZERO));
}

#[test]
fn ledgers_of_the_first_version_open_with_their_entries_and_those_of_a_newer_one_do_not() {
    let folder = tempfile::tempdir().unwrap();
    let connection = Connection::open(folder.path().join("ledger.sqlite")).unwrap();
    // Nothing but a file yet: those who read are told so.
    connection.pragma_update(None, "journal_mode", "wal").unwrap();
    let unmade = LedgerReader::open(folder.path()).map(drop).unwrap_err();
    assert!(matches!(unmade, LedgerError::Unmade), "{unmade}");
    connection.execute_batch(include_str!("schema/1.sql")).unwrap();
    let rows =
        "INSERT INTO ledger (stream, ledger_id, known_from_ms, sequence, next_id, media_until_ms)
                    VALUES ('arn:gate', 'a', 10000, 3, 3, 20000);
                INSERT INTO entry VALUES ('arn:gate', 1, 1, 'GAP', 'HUB_OFF', 11000, 12000, 0, 0),
                    ('arn:gate', 2, 3, 'LOSS', 'DELETED_BY_SIZE', 13000, 14000, 5, 500);";
    connection.execute_batch(rows).unwrap();
    connection.pragma_update(None, "user_version", 1).unwrap();
    let query = EntryQuery { kind: None, from: at(0), until: at(100), limit: 10 };
    let before = LedgerReader::open(folder.path()).unwrap().entries(STREAM, query).unwrap();
    assert_eq!(before.len(), 2);
    // Without space for the step, they stay what they were.
    let pages: i64 = connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    let mut tight = Connection::open(folder.path().join("ledger.sqlite")).unwrap();
    tight.pragma_update(None, "max_page_count", pages).unwrap();
    assert!(schema::upgrade(&mut tight).is_err());
    assert_eq!(schema::version(&connection).unwrap(), 1);
    drop(tight);
    let ledger = SqliteLedger::open(folder.path()).unwrap();
    assert_eq!(schema::version(&connection).unwrap(), 2);
    assert_eq!(ledger.entries(STREAM, query).unwrap(), before);
    drop(ledger);
    connection.pragma_update(None, "user_version", 3).unwrap();
    let newer = SqliteLedger::open(folder.path()).map(drop).unwrap_err();
    assert!(newer.to_string().contains("start a newer version of vigie"), "{newer}");
    assert!(LedgerReader::open(folder.path()).is_err());
}
