//! Folders that an older build wrote: read as they are, upgraded, and upgraded by a process that is killed half-way. Which
//! build, and what it said of them, is in `tests/fixtures`.
//!
//! This program is also the process that is killed, with a folder in its environment.

#![allow(clippy::disallowed_methods, reason = "a test kills after a time of its own choice")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use serde_json::Value;
use vigie_agent::core::{Hub, HubSettings};
use vigie_agent::ledger::{EntryQuery, LedgerDb, LedgerReader, SqliteLedger};
use vigie_engine::chance::Chance;
use vigie_engine::clock::Now;
use vigie_media::Timestamp;
use vigie_server::db::SqliteMetadataDb;
use vigie_sim::chance::SimChance;
use vigie_store::{
    Disagreement, FragmentOrder, FragmentQuery, MediaFileState, OsDisk, SqliteIndex, Store,
    StoreReader, StoreSettings, check,
};

const FOLDER: &str = "VIGIE_UPGRADE_FOLDER";
const ROUNDS: u64 = 40;
/// Media files that are added to the hub's index, so that its upgrade takes a while.
const MORE_FILES: u64 = 20_000;

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/folders-8da07d1")
}

fn says() -> Value {
    serde_json::from_slice(&std::fs::read(fixture().join("says.json")).unwrap()).unwrap()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target)
        } else {
            _ = std::fs::copy(&path, &target).unwrap()
        }
    }
}

fn copies() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["server", "hub"] {
        copy(&fixture().join(name), &folder.path().join(name));
    }
    folder
}

fn version(path: &Path) -> i64 {
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
}

fn reader(folder: &Path) -> StoreReader {
    StoreReader::open(Arc::new(OsDisk), folder.join("media"), folder.join("index.sqlite")).unwrap()
}

/// Every fragment of a folder with its bytes, by stream and sequence.
fn fragments(reader: &StoreReader) -> BTreeMap<(String, u64), (bool, Vec<u8>)> {
    let mut found = BTreeMap::new();
    for key in reader.stream_keys().unwrap() {
        let query = FragmentQuery::all(FragmentOrder::Sequence, usize::MAX);
        for fragment in reader.fragments(&key, &query).unwrap() {
            let bytes = reader.read(&fragment).unwrap().to_vec();
            let entry = fragment.entry;
            found.insert((key.clone(), entry.sequence), (entry.uploaded, bytes));
        }
    }
    found
}

/// Compares a store with what the older build listed of it.
fn assert_is_listed(reader: &StoreReader, says: &Value) {
    let listed = says["list"].as_array().unwrap();
    assert_eq!(reader.stream_keys().unwrap().len(), listed.len());
    for stream in listed {
        let key = stream["Stream"].as_str().unwrap();
        let totals = reader.totals(key).unwrap();
        let number = |name: &str| stream[name].as_u64().unwrap();
        assert_eq!(totals.media_file_count, number("MediaFileCount"), "{key}");
        assert_eq!(totals.size_bytes, number("SizeBytes"), "{key}");
        assert_eq!(totals.fragment_count, number("FragmentCount"), "{key}");
        assert_eq!(totals.not_uploaded_size_bytes, number("NotUploadedSizeBytes"), "{key}");
        let time = |name: &str| {
            let at: jiff::Timestamp = stream[name].as_str()?.parse().unwrap();
            Some(Timestamp::from_millis(at.as_millisecond()))
        };
        assert_eq!(totals.oldest_producer_timestamp, time("OldestMedia"), "{key}");
        assert_eq!(totals.newest_producer_timestamp, time("NewestMedia"), "{key}");
        let files = reader.media_files(key).unwrap();
        let paths: Vec<&str> = files.iter().map(|file| file.place.path.to_str().unwrap()).collect();
        let expected = stream["MediaFiles"].as_array().unwrap();
        let expected: Vec<&str> =
            expected.iter().map(|file| file["Path"].as_str().unwrap()).collect();
        assert_eq!(paths, expected, "{key}");
    }
}

/// The entries of the hub's ledgers, and the sums of its losses.
fn ledgers(db: &dyn LedgerDb, streams: &[String]) -> Vec<(usize, u64, u64)> {
    let query =
        EntryQuery { kind: None, from: Timestamp::MIN, until: Timestamp::MAX, limit: usize::MAX };
    let of = |stream: &String| {
        let summary = db.summary(stream).unwrap().unwrap();
        let entries = db.entries(stream, query).unwrap().len();
        (entries, summary.sequence, summary.losses.fragment_count)
    };
    streams.iter().map(of).collect()
}

fn streams(says: &Value) -> Vec<String> {
    let streams = says["status"]["Streams"].as_array().unwrap();
    streams.iter().map(|stream| stream["StreamARN"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_store_of_an_older_build_is_read_as_it_is_and_holds_the_same_when_it_is_upgraded() {
    let (folder, says) = (copies(), says());
    for (name, settings) in [("server", StoreSettings::SERVER), ("hub", StoreSettings::HUB)] {
        let home = folder.path().join(name);
        // As `vigie store list`, `check` and `export` read it, perhaps beside an older server that runs.
        let before = reader(&home);
        assert_is_listed(&before, &says[name]);
        assert_eq!(check(&before).unwrap(), []);
        let held = fragments(&before);
        assert!(held.len() > 10);
        drop(before);
        assert_eq!(version(&home.join("index.sqlite")), 1, "reading changes nothing");

        let index = SqliteIndex::open(home.join("index.sqlite")).unwrap();
        assert_is_listed(&reader(&home), &says[name]);
        assert_eq!(version(&home.join("index.sqlite")), 3);
        let media = home.join("media");
        let (store, report) =
            Store::open(Arc::new(OsDisk), media, Box::new(index), settings).unwrap();
        assert_eq!(report.missing, Vec::<PathBuf>::new());
        let reader = store.reader();
        let after = fragments(&reader);
        for (fragment, (uploaded, bytes)) in &held {
            let (now_uploaded, now) = &after[fragment];
            assert_eq!((uploaded, bytes), (now_uploaded, now), "{fragment:?}");
        }
        let states: Vec<_> = reader
            .stream_keys()
            .unwrap()
            .iter()
            .flat_map(|key| reader.media_files(key).unwrap())
            .map(|file| file.state)
            .collect();
        assert!(states.iter().all(|state| *state == MediaFileState::Sealed), "{states:?}");
        // The machine was booted since. What the hub had begun behind its last commit may have holes: it lies aside.
        // The server's folder has nothing behind its commits.
        let aside: &[(&str, u64)] = match name {
            "hub" => &[("from-15259-of-20261129T143144Z-0000000029.mkv", 1960)],
            _ => &[],
        };
        let found = check(&reader).unwrap();
        let found: Vec<(&str, u64)> = found
            .iter()
            .map(|disagreement| match disagreement {
                Disagreement::Unclaimed { file } => {
                    (file.path.file_name().unwrap().to_str().unwrap(), file.size_bytes)
                }
                other => panic!("{name}: {other}"),
            })
            .collect();
        assert_eq!(found, aside, "{name}");
    }
}

#[test]
fn ledgers_and_configurations_of_an_older_hub_are_all_there() {
    let (folder, says) = (copies(), says());
    let home = folder.path().join("hub");
    let streams = streams(&says);
    let standing = LedgerReader::open(&home).unwrap().standing().unwrap();
    assert_eq!(standing.hub_device_arn.as_deref(), says["status"]["HubDeviceArn"].as_str());
    assert_eq!(standing.streams.len(), 3);
    assert_eq!(version(&home.join("ledger.sqlite")), 1, "reading changes nothing");

    let ledger = SqliteLedger::open(&home).unwrap();
    assert_eq!(version(&home.join("ledger.sqlite")), 2);
    let expected: Vec<usize> = says["status"]["Streams"]
        .as_array()
        .unwrap()
        .iter()
        .map(|stream| {
            stream["Gaps"].as_array().unwrap().len() + stream["Losses"].as_array().unwrap().len()
        })
        .collect();
    let found: Vec<usize> = ledgers(&ledger, &streams).iter().map(|(count, ..)| *count).collect();
    assert_eq!(found, expected);
    assert!(ledgers(&ledger, &streams).iter().any(|(_, _, losses)| *losses > 0));

    let index = SqliteIndex::open(home.join("index.sqlite")).unwrap();
    let disk = Arc::new(OsDisk);
    let media = home.join("media");
    let (store, _) = Store::open(disk.clone(), media, Box::new(index), StoreSettings::HUB).unwrap();
    let settings = HubSettings {
        hub_device_arn: standing.hub_device_arn.unwrap(),
        time_zone: TimeZone::UTC,
        commit_interval: Duration::from_secs(1),
    };
    let now = Now { wall: standing.heartbeat.unwrap().plus_millis(60_000), mono: Duration::ZERO };
    let chance = Box::new(SimChance::new(1));
    let hub = Hub::open(settings, store, Box::new(ledger), disk, &home, chance, now).unwrap();
    let snapshot = hub.snapshot(now);
    let names: Vec<&str> =
        snapshot.streams.iter().map(|stream| stream.stream_name.as_str()).collect();
    assert_eq!(names, ["attic", "gate", "yard"]);
    let gate = &snapshot.streams[1];
    assert!(gate.local_fragments > 10 && gate.upload_lag_bytes > 0, "{gate:?}");
    assert!(snapshot.streams[0].lost_fragments > 0);
}

/// Makes the upgrade take as long as that of a hub with a month of media of a few cameras.
fn add_files(index: &Path) {
    let connection = rusqlite::Connection::open(index).unwrap();
    connection
        .execute_batch(&format!(
            "BEGIN;
             INSERT INTO stream VALUES (99, 'many', 1000000);
             UPDATE meta SET value = 100 WHERE name = 'next_stream_id';
             WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {MORE_FILES} - 1)
             INSERT INTO media_file SELECT 1000 + i, 99, 'many/' || i || '.mkv', 1, 700, 7, 1000 + i, 10,
                 i % 3, 100 * (i % 3), i * 10 + 1, i * 10 + 10, i * 20000, i * 20000 + 18000,
                 (i + 1) * 20000, i * 20000, i * 20000 + 18000, x'' FROM n;
             UPDATE meta SET value = 1000000 WHERE name = 'next_media_file_id';
             COMMIT;"
        ))
        .unwrap();
}

fn upgrade_everything(folder: &Path) {
    drop(SqliteMetadataDb::open(&folder.join("server/metadata.sqlite")).unwrap());
    drop(SqliteIndex::open(folder.join("server/index.sqlite")).unwrap());
    drop(SqliteLedger::open(&folder.join("hub")).unwrap());
    drop(SqliteIndex::open(folder.join("hub/index.sqlite")).unwrap());
}

#[test]
fn an_upgrade_that_is_killed_leaves_the_old_or_the_new_and_goes_on_at_the_next_start() {
    if let Ok(folder) = std::env::var(FOLDER) {
        println!("begin");
        return upgrade_everything(Path::new(&folder));
    }
    let (says, mut chance) = (says(), SimChance::new(8));
    let databases = [
        ("server/metadata.sqlite", 4, 7),
        ("server/index.sqlite", 1, 3),
        ("hub/ledger.sqlite", 1, 2),
        ("hub/index.sqlite", 1, 3),
    ];
    let mut left_behind = [0; 5];
    for round in 0..ROUNDS {
        let folder = copies();
        add_files(&folder.path().join("hub/index.sqlite"));
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture"])
            .arg(
                "older_folders::an_upgrade_that_is_killed_leaves_the_old_or_the_new_and_goes_on_at_the_next_start",
            )
            .env(FOLDER, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().contains("begin")), "round {round}");
        std::thread::sleep(Duration::from_micros(chance.below(1 + 6000 * (round + 1))));
        child.kill().unwrap();
        child.wait().unwrap();

        let mut upgraded = 0;
        for (database, old, new) in databases {
            let found = version(&folder.path().join(database));
            assert!(
                found == old || found == new,
                "round {round}: {database} is of version {found}"
            );
            upgraded += usize::from(found == new);
        }
        left_behind[upgraded] += 1;
        // What is left is read as it is, whichever it is, and the next start makes it new.
        let hub = folder.path().join("hub");
        assert_eq!(reader(&hub).totals("many").unwrap().media_file_count, MORE_FILES);
        LedgerReader::open(&hub).unwrap();
        assert_is_listed(&reader(&folder.path().join("server")), &says["server"]);
        upgrade_everything(folder.path());
        for (database, _, new) in databases {
            assert_eq!(version(&folder.path().join(database)), new, "round {round}: {database}");
        }
        assert_is_listed(&reader(&folder.path().join("server")), &says["server"]);
        let totals = reader(&hub).totals("many").unwrap();
        let bytes: u64 = (0..MORE_FILES).map(|number| 1000 + number).sum();
        assert_eq!((totals.media_file_count, totals.size_bytes), (MORE_FILES, bytes));
        let ledger = SqliteLedger::open(&hub).unwrap();
        assert_eq!(ledgers(&ledger, &streams(&says)).len(), 3);
    }
    assert!(left_behind.iter().filter(|count| **count > 0).count() > 1, "{left_behind:?}");
}
