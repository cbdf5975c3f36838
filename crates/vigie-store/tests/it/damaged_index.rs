//! A start on a damaged index: what it lays aside, where it refuses to, and what is there when it is cut off.

#![allow(clippy::disallowed_methods, reason = "a test does to files what nobody should")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use vigie_fakes::disk::FaultyDisk;
use vigie_store::disk::Disk;
use vigie_store::{
    FragmentOrder, FragmentQuery, OsDisk, RecoveryReport, Store, StoreError, StoreSettings, check,
};

use crate::common::{Folder, header, whole};

const SETTINGS: StoreSettings =
    StoreSettings { media_file_size_bytes_max: 4000, ..StoreSettings::SERVER };
const KEYS: [&str; 2] = ["gate", "door"];
const FRAGMENTS: i64 = 8;

fn start_on(disk: Arc<dyn Disk>, folder: &Folder) -> Result<(Store, RecoveryReport), StoreError> {
    Store::open_or_begin_anew(&disk, &folder.media(), &folder.index(), SETTINGS)
}

fn start(folder: &Folder) -> Result<(Store, RecoveryReport), StoreError> {
    start_on(Arc::new(OsDisk), folder)
}

fn search(store: &mut Store) {
    while store.is_searching_orphans() {
        store.search_orphans(3).unwrap();
    }
}

/// A store with media files of two streams, closed.
fn filled() -> Folder {
    let folder = Folder::new();
    let (mut store, _) = start(&folder).unwrap();
    for number in 0..FRAGMENTS {
        for key in KEYS {
            let fragment = whole(&mut store, key, number * 2000);
            store.append_fragment(key, &header("camera"), &fragment).unwrap();
        }
        store.commit().unwrap();
    }
    store.close().unwrap();
    folder
}

fn count(store: &Store, key: &str) -> usize {
    let all = FragmentQuery::all(FragmentOrder::Sequence, 1000);
    let reader = store.reader();
    let fragments = reader.fragments(key, &all).unwrap();
    fragments.iter().for_each(|fragment| drop(reader.read(fragment).unwrap()));
    fragments.len()
}

/// Makes a page in the middle of the index unreadable.
fn damage(folder: &Folder) -> Vec<u8> {
    let mut bytes = std::fs::read(folder.index()).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 512].fill(0xA5);
    std::fs::write(folder.index(), &bytes).unwrap();
    bytes
}

fn beside(folder: &Folder, suffix: &str) -> PathBuf {
    let mut name = folder.index().into_os_string();
    name.push(suffix);
    PathBuf::from(name)
}

#[test]
fn a_damaged_index_lies_aside_as_it_was_and_all_media_is_there_again() {
    let folder = filled();
    let damaged = damage(&folder);
    let (mut store, report) = start(&folder).unwrap();
    assert_eq!(report.old_index, Some(beside(&folder, ".old-1")));
    assert_eq!(std::fs::read(beside(&folder, ".old-1")).unwrap(), damaged);
    assert!(store.reader().findings().is_index_new);
    // It records at once, with numbers that nobody has.
    let fragment = whole(&mut store, "gate", 100_000);
    assert!(fragment.meta.sequence > FRAGMENTS as u64, "{}", fragment.meta.sequence);
    store.append_fragment("gate", &header("camera"), &fragment).unwrap();
    store.commit().unwrap();
    search(&mut store);
    assert_eq!(KEYS.map(|key| count(&store, key)), [FRAGMENTS as usize + 1, FRAGMENTS as usize]);
    assert_eq!(store.reader().findings().claimed_fragment_count, 2 * FRAGMENTS as u64);
    assert_eq!(store.reader().findings().unclaimed_file_count, 0);
    store.close().unwrap();
    assert_eq!(check(&folder.read_only()).unwrap(), []);
    let (store, report) = start(&folder).unwrap();
    assert_eq!((report.old_index, store.reader().findings().is_index_new), (None, false));
}

#[test]
fn a_start_that_is_cut_off_as_it_lays_an_index_aside_is_gone_on_with_by_the_next() {
    let mut cut_off = 0;
    for operations in 0.. {
        let folder = filled();
        let damaged = damage(&folder);
        let disk = Arc::new(FaultyDisk::cut_off_after(operations));
        let done = start_on(disk, &folder).is_ok();
        cut_off += usize::from(!done);
        let (mut store, _) = start(&folder).unwrap();
        search(&mut store);
        assert_eq!(KEYS.map(|key| count(&store, key)), [FRAGMENTS as usize; 2], "{operations}");
        assert_eq!(std::fs::read(beside(&folder, ".old-1")).unwrap(), damaged, "{operations}");
        store.close().unwrap();
        assert_eq!(check(&folder.read_only()).unwrap(), [], "{operations}");
        for left in [".next", ".next-unready", ".next-unready.lock", ".damaged", ".old-2"] {
            assert!(!beside(&folder, left).exists(), "{operations}: {left}");
        }
        if done {
            break;
        }
    }
    assert!(cut_off > 10, "{cut_off}");
}

/// Only the journal says what was deleted and which numbers were given out.
#[test]
fn without_a_whole_journal_a_damaged_index_is_refused_and_left_alone() {
    for harm in [
        |journal: &Path| std::fs::remove_file(journal).unwrap(),
        |journal: &Path| {
            let mut bytes = std::fs::read(journal).unwrap();
            bytes[12] ^= 1;
            std::fs::write(journal, bytes).unwrap();
        },
    ] {
        let folder = filled();
        let damaged = damage(&folder);
        harm(&folder.media().join("deleted.journal"));
        let refused = start(&folder).map(drop).unwrap_err();
        assert!(refused.is_index_damaged(), "{refused:?}");
        assert_eq!(std::fs::read(folder.index()).unwrap(), damaged);
        assert!(!beside(&folder, ".old-1").exists());
    }
}

#[test]
fn a_disk_that_damages_each_new_index_too_is_not_filled_with_them() {
    let folder = filled();
    for _ in 0..8 {
        damage(&folder);
        drop(start(&folder).unwrap());
    }
    damage(&folder);
    assert!(start(&folder).map(drop).unwrap_err().is_index_damaged());
    std::fs::remove_file(beside(&folder, ".old-3")).unwrap();
    let (mut store, report) = start(&folder).unwrap();
    assert_eq!(report.old_index, Some(beside(&folder, ".old-3")));
    search(&mut store);
    assert_eq!(KEYS.map(|key| count(&store, key)), [FRAGMENTS as usize; 2]);
}

/// What is found under way stops the store, and the next start acts on it though it may find nothing itself.
#[test]
fn damage_that_a_reader_comes_upon_stops_the_store_and_the_next_start_lays_the_index_aside() {
    let folder = filled();
    let (mut store, _) = start(&folder).unwrap();
    search(&mut store);
    let connection = rusqlite::Connection::open(folder.index()).unwrap();
    let sql = "UPDATE packed SET fragments = zeroblob(length(fragments))";
    assert!(connection.execute(sql, []).unwrap() > 0);
    drop(connection);
    let all = FragmentQuery::all(FragmentOrder::Sequence, 10);
    let refused = store.reader().fragments("gate", &all).map(drop).unwrap_err();
    assert!(refused.is_index_damaged(), "{refused:?}");
    let stopped = store.reserve_sequences("gate", 5000).map(drop).unwrap_err();
    assert!(stopped.is_fatal() && stopped.is_index_damaged(), "{stopped:?}");
    drop(store);
    assert!(beside(&folder, ".damaged").exists());
    let (mut store, report) = start(&folder).unwrap();
    assert_eq!(report.old_index, Some(beside(&folder, ".old-1")));
    assert!(beside(&folder, ".old-1.damaged").exists() && !beside(&folder, ".damaged").exists());
    search(&mut store);
    assert_eq!(KEYS.map(|key| count(&store, key)), [FRAGMENTS as usize; 2]);
}

/// A bit in a packed row is another fragment's number, or another checksum: SQLite has no word for either.
#[test]
fn each_byte_of_packed_fragments_is_watched_over() {
    let folder = filled();
    let connection = rusqlite::Connection::open(folder.index()).unwrap();
    let sql = "SELECT fragments FROM packed ORDER BY media_file_id LIMIT 1";
    let packed: Vec<u8> = connection.query_row(sql, [], |row| row.get(0)).unwrap();
    drop(connection);
    let bytes = std::fs::read(folder.index()).unwrap();
    // Pages have copies of rows in space that is free.
    let windows = bytes.windows(packed.len()).enumerate();
    let copies: Vec<usize> =
        windows.filter(|(_, window)| *window == packed).map(|(at, _)| at).collect();
    for byte in 0..packed.len() {
        let mut harmed = bytes.clone();
        copies.iter().for_each(|at| harmed[at + byte] ^= 1 << (byte % 8));
        std::fs::write(folder.index(), harmed).unwrap();
        let opened = vigie_store::SqliteIndex::open_examined(folder.index()).map(drop);
        assert!(opened.is_err_and(|error| error.is_damage()), "byte {byte} of {}", packed.len());
    }
}

/// The search has not come to its media yet: it must not be taken in once the stream is erased.
#[test]
fn a_stream_that_is_erased_before_its_media_is_taken_in_stays_erased() {
    let folder = filled();
    damage(&folder);
    let (mut store, _) = start(&folder).unwrap();
    store.delete_stream("gate").unwrap();
    store.delete_stream("gate").unwrap();
    search(&mut store);
    assert_eq!(store.reader().stream_keys().unwrap(), ["door"]);
    assert_eq!(count(&store, "door"), FRAGMENTS as usize);
    store.close().unwrap();
    let (mut store, _) = start(&folder).unwrap();
    search(&mut store);
    assert_eq!(store.reader().stream_keys().unwrap(), ["door"]);
    // One that is made again under the same name is another.
    let fragment = whole(&mut store, "gate", 0);
    store.append_fragment("gate", &header("camera"), &fragment).unwrap();
    store.close().unwrap();
    let (store, _) = start(&folder).unwrap();
    assert_eq!(count(&store, "gate"), 1);
}

/// A store that is not large is compared with its media before anybody asks; a large one behind the start.
#[test]
fn of_a_small_store_all_media_is_there_when_the_start_is_ready() {
    let folder = filled();
    damage(&folder);
    let (mut store, _) = start(&folder).unwrap();
    store.search_at_start().unwrap();
    assert!(!store.is_searching_orphans());
    assert_eq!(KEYS.map(|key| count(&store, key)), [FRAGMENTS as usize; 2]);
}
