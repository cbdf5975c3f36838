//! The check and the repair on the machine's own disk: what is damaged is found, and an index that is gone comes back
//! from the files alone.

#![allow(clippy::disallowed_methods, reason = "a test does to files what nobody should")]

use std::path::{Path, PathBuf};

use vigie_fakes::disk::FaultyDisk;
use vigie_store::disk::Disk;
use vigie_store::index::{Change, Index, StreamId};
use vigie_store::{
    Disagreement, Fragment, FragmentOrder, FragmentQuery, OsDisk, RepairReport, SqliteIndex,
    StoreError, StoreReader, StoreSettings, check, repair,
};

use crate::common::{self, Folder, header, record, whole};

fn run(folder: &Folder, write: bool) -> RepairReport {
    repair(&OsDisk, &folder.media(), &folder.index(), write).unwrap()
}

/// Everything that a reader can learn of a stream.
fn listing(reader: &StoreReader, key: &str) -> Vec<Vec<Fragment>> {
    [FragmentOrder::Sequence, FragmentOrder::ProducerTimestamp, FragmentOrder::ServerTimestamp]
        .map(|order| reader.fragments(key, &FragmentQuery::all(order, 1000)).unwrap())
        .to_vec()
}

fn files_under(path: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in OsDisk.list(path).unwrap() {
        if entry.is_dir() {
            found.extend(files_under(&entry));
        } else if entry.extension().is_some_and(|extension| extension != "journal") {
            found.push(entry);
        }
    }
    found
}

/// A server's stream and a hub's, in files that were rolled, some of it uploaded.
fn filled(folder: &Folder) {
    let mut store = folder.open(StoreSettings::SERVER).unwrap();
    for number in 0..6 {
        let fragment = whole(&mut store, "gate", number * 2000);
        let header = header(if number < 4 { "camera" } else { "other camera" });
        store.append_fragment("gate", &header, &fragment).unwrap();
    }
    for number in 0..3 {
        record(&mut store, "hub/yard", number * 2000, 4);
        store.end_fragment("hub/yard", 160).unwrap();
    }
    store.commit().unwrap();
    store.mark_uploaded("gate", &[1, 2, 3]).unwrap();
    store.close().unwrap();
}

#[test]
fn an_index_that_is_gone_is_rebuilt_from_the_files_alone() {
    let folder = Folder::new();
    filled(&folder);
    let keys = ["gate", "hub/yard"];
    let mut before = keys.map(|key| listing(&folder.read_only(), key));
    let header = |key| {
        let first = listing(&folder.read_only(), key)[0][0].clone();
        folder.read_only().read_document_header(&first.media_file).unwrap()
    };
    let headers = keys.map(header);
    for fragment in before.iter_mut().flatten().flatten() {
        // What no file says.
        fragment.entry.uploaded = false;
    }
    std::fs::remove_file(folder.index()).unwrap();
    let files = files_under(&folder.media());

    let planned = run(&folder, false);
    assert!(!folder.index().exists(), "nothing is done unless it is asked for");
    let done = run(&folder, true);
    assert_eq!(done, planned);
    assert_eq!((done.stream_count, done.media_file_count, done.fragment_count), (2, 3, 9));
    assert_eq!((done.set_aside.len(), done.damaged.len(), done.uploaded_count), (0, 0, 0));
    assert_eq!(files_under(&folder.media()), files);

    let reader = folder.read_only();
    assert_eq!(keys.map(|key| listing(&reader, key)), before);
    assert_eq!(keys.map(header), headers);
    for fragment in before.iter().flatten().flatten() {
        reader.read(fragment).unwrap();
    }
    assert_eq!(check(&reader).unwrap(), []);
    // A start finds nothing to do, and hands out no sequence twice.
    let mut store = folder.open(StoreSettings::SERVER).unwrap();
    assert!(store.reserve_sequences("gate", 1).unwrap().start > 6);
    store.close().unwrap();
    assert_eq!(check(&folder.read_only()).unwrap(), []);
    assert_eq!(files_under(&folder.media()), files);
}

#[test]
fn of_an_old_index_uploaded_marks_and_sequences_are_carried_over_and_it_is_kept() {
    let folder = Folder::new();
    filled(&folder);
    let mut store = folder.open(StoreSettings::SERVER).unwrap();
    let next = store.reserve_sequences("gate", 1).unwrap().end;
    store.reserve_sequences("empty", 5).unwrap();
    store.close().unwrap();
    let before = listing(&folder.read_only(), "gate");
    let done = run(&folder, true);
    assert_eq!((done.uploaded_count, done.stream_count), (3, 3));
    assert_eq!(listing(&folder.read_only(), "gate"), before);
    let kept = done.old_index.unwrap();
    let kept = StoreReader::open(std::sync::Arc::new(OsDisk), folder.media(), kept).unwrap();
    assert_eq!(listing(&kept, "gate"), before);
    let mut store = folder.open(StoreSettings::SERVER).unwrap();
    let handed_out = store.reserve_sequences("gate", 1).unwrap().start;
    assert!((next..next + 10_000).contains(&handed_out), "{handed_out}");
    assert!(store.reserve_sequences("empty", 1).unwrap().start > 5);
}

#[test]
fn an_index_of_garbage_is_replaced() {
    let folder = Folder::new();
    filled(&folder);
    std::fs::write(folder.index(), vec![0x5A; 9000]).unwrap();
    let done = run(&folder, true);
    assert_eq!((done.fragment_count, done.old_index.is_some()), (9, true));
    assert_eq!(check(&folder.read_only()).unwrap(), []);
}

#[test]
fn what_was_being_recorded_is_kept_up_to_its_last_whole_frame() {
    let folder = Folder::new();
    let mut store = folder.open(StoreSettings::HUB).unwrap();
    record(&mut store, "gate", 0, 3);
    store.end_fragment("gate", 120).unwrap();
    let open = record(&mut store, "gate", 2000, 5);
    store.commit().unwrap();
    // Half of a frame is on the disk when the process dies.
    store.append_frames("gate", &[common::block(400, 300)[..100].to_vec().into()], 1, 440).unwrap();
    store.write_out();
    drop(store);
    let file = files_under(&folder.media()).remove(0);
    let length = std::fs::metadata(&file).unwrap().len();
    std::fs::remove_file(folder.index()).unwrap();
    assert_eq!(run(&folder, false).damaged, [(file.clone(), 100)]);
    assert_eq!(std::fs::metadata(&file).unwrap().len(), length);
    run(&folder, true);
    let reader = folder.read_only();
    let found = reader.fragment("gate", open.sequence).unwrap().unwrap();
    assert_eq!(found.entry.frame_count, 5);
    assert_eq!(check(&reader).unwrap(), []);
    assert_eq!(run(&folder, false).damaged, []);
}

#[test]
fn what_was_being_recorded_when_the_power_went_lies_aside_also_where_no_index_is_left() {
    let folder = Folder::new();
    let mut store = folder.open(StoreSettings::HUB).unwrap();
    record(&mut store, "gate", 0, 3);
    let whole = store.end_fragment("gate", 120).unwrap();
    let open = record(&mut store, "gate", 2000, 5);
    store.commit().unwrap();
    store.write_out();
    drop(store);
    std::fs::remove_file(folder.index()).unwrap();
    let disk = FaultyDisk::default();
    disk.reboot();
    let done = repair(&disk, &folder.media(), &folder.index(), true).unwrap();
    assert_eq!((done.fragment_count, done.damaged.len()), (1, 1));
    let reader = folder.read_only();
    assert!(reader.fragment("gate", whole.sequence).unwrap().is_some());
    assert!(reader.fragment("gate", open.sequence).unwrap().is_none());
    let found = check(&reader).unwrap();
    assert!(matches!(found.as_slice(), [Disagreement::Unclaimed { .. }]), "{found:?}");
    let aside = files_under(&folder.media().join("unclaimed"));
    assert_eq!(aside.len(), 1, "{aside:?}");
    let bytes = std::fs::read(&aside[0]).unwrap();
    let frame = common::block(160, 300);
    assert!(bytes.windows(frame.len()).any(|window| window == frame), "its last frame is there");
}

#[test]
fn what_says_nothing_of_itself_is_set_aside_and_damage_costs_one_fragment() {
    let folder = Folder::new();
    filled(&folder);
    let reader = folder.read_only();
    let hit = reader.fragment("gate", 3).unwrap().unwrap();
    let path = folder.media().join(&hit.media_file.path);
    let file = OsDisk.open(&path).unwrap();
    file.write_all_at(&[&[0xFF, 0x00, 0xFF]], hit.entry.offset + 40).unwrap();
    let stranger = path.with_file_name("holiday-0000000077.mkv");
    std::fs::write(&stranger, b"not a media file").unwrap();
    let copy = path.with_file_name("copy-0000000099.mkv");
    std::fs::copy(&path, &copy).unwrap();
    drop(reader);
    std::fs::remove_file(folder.index()).unwrap();
    let done = run(&folder, true);
    assert_eq!(done.set_aside.len(), 2, "{:?}", done.set_aside);
    assert_eq!(done.fragment_count, 8);
    assert_eq!(done.damaged.len(), 1);
    let aside = folder.media().join("unclaimed/gate");
    assert!(!stranger.exists() && aside.join("holiday-0000000077.mkv").exists());
    let reader = folder.read_only();
    assert_eq!(reader.fragment("gate", 3).unwrap(), None);
    let found = check(&reader).unwrap();
    assert!(found.iter().all(|found| matches!(found, Disagreement::Unclaimed { .. })), "{found:?}");
    // The damaged fragment is one of them: a copy of it, with what makes it a document of its own.
    assert_eq!(found.len(), 3);
    let copy = files_under(&aside).into_iter().find(|path| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("from-"))
    });
    let copy = std::fs::read(copy.unwrap()).unwrap();
    let begin = hit.entry.offset as usize;
    let fragment = &std::fs::read(&path).unwrap()[begin..begin + hit.entry.size_bytes as usize];
    assert!(copy.starts_with(&header("camera")[..4]));
    assert!(copy.windows(fragment.len()).any(|window| window == fragment));
    // A start removes nothing of what was set aside, and counts it.
    let store = folder.open(StoreSettings::SERVER).unwrap();
    assert_eq!(store.unclaimed().len(), 3);
    store.close().unwrap();
    assert_eq!(files_under(&aside).len(), 3);
}

#[test]
fn a_store_in_use_is_not_repaired() {
    let folder = Folder::new();
    filled(&folder);
    let _store = folder.open(StoreSettings::SERVER).unwrap();
    for write in [false, true] {
        let error = repair(&OsDisk, &folder.media(), &folder.index(), write).unwrap_err();
        let text = vigie_store::describe(&error);
        assert!(text.ends_with("is in use by another process"), "{text}");
    }
}

#[test]
fn a_repair_that_was_cut_off_is_done_again() {
    let folder = Folder::new();
    filled(&folder);
    // The old index is moved away, the new one half written, the log of the old one is still there.
    let name = |suffix: &str| PathBuf::from(format!("{}{suffix}", folder.index().display()));
    std::fs::rename(folder.index(), name(".old-1")).unwrap();
    std::fs::write(name(".new"), b"half").unwrap();
    std::fs::write(name("-wal"), vec![7; 5000]).unwrap();
    let error = folder.open(StoreSettings::SERVER).map(|_| ()).unwrap_err();
    assert!(matches!(error, StoreError::IndexMissing { .. }), "{error}");
    std::fs::remove_file(folder.index()).unwrap();
    std::fs::write(name("-wal"), vec![7; 5000]).unwrap();
    assert_eq!(run(&folder, true).fragment_count, 9);
    assert!(name(".old-1").exists());
    assert_eq!(check(&folder.read_only()).unwrap(), []);
    SqliteIndex::open(folder.index()).unwrap();
}

/// Damages a store of `filled` in one way; says what the check must find, by the name of the disagreement.
type Damage = (&'static str, fn(&Folder));

fn sql(folder: &Folder, statement: &str) {
    let connection = rusqlite::Connection::open(folder.index()).unwrap();
    connection.execute_batch(statement).unwrap();
}

fn first_file(folder: &Folder) -> PathBuf {
    files_under(&folder.media()).remove(0)
}

fn overwrite(folder: &Folder, at: impl Fn(&Fragment) -> u64) {
    let fragment = folder.read_only().fragment("gate", 2).unwrap().unwrap();
    let file = OsDisk.open(&folder.media().join(&fragment.media_file.path)).unwrap();
    let at = at(&fragment);
    let byte = file.read_exact_at(at, 1).unwrap()[0];
    file.write_all_at(&[&[byte ^ 0x21]], at).unwrap();
}

const DAMAGES: [Damage; 21] = [
    ("Missing", |folder| std::fs::remove_file(first_file(folder)).unwrap()),
    ("Missing", |folder| {
        std::fs::rename(first_file(folder), folder.media().join("gate/a-0000000001.mkv")).unwrap();
    }),
    ("Orphan", |folder| {
        std::fs::write(folder.media().join("gate/a-0000000050.mkv"), b"").unwrap();
    }),
    ("Length", |folder| {
        let file = OsDisk.open(&first_file(folder)).unwrap();
        file.write_all_at(&[b"more"], file.length_bytes().unwrap()).unwrap();
    }),
    ("Length", |folder| {
        let file = OsDisk.open(&first_file(folder)).unwrap();
        file.truncate(file.length_bytes().unwrap() - 1).unwrap();
    }),
    ("Beyond", |folder| OsDisk.open(&first_file(folder)).unwrap().truncate(700).unwrap()),
    ("Damaged", |folder| overwrite(folder, |fragment| fragment.entry.offset + 99)),
    ("Damaged", |folder| overwrite(folder, |_| 3)),
    ("Mark", |folder| overwrite(folder, |fragment| fragment.entry.end() + 20)),
    ("Mark", |folder| overwrite(folder, |fragment| fragment.media_file.header_size_bytes + 12)),
    // A file of the stream takes another's place.
    ("Mark", |folder| {
        let files = files_under(&folder.media());
        std::fs::copy(&files[1], &files[0]).unwrap();
    }),
    ("Row", |folder| sql(folder, "UPDATE media_file SET not_uploaded_count = 9")),
    ("Row", |folder| sql(folder, "UPDATE media_file SET producer_min = producer_min + 1")),
    ("Mark", |folder| sql(folder, "UPDATE media_file SET stream_id = 2 WHERE stream_id = 1")),
    ("Orphan", |folder| {
        sql(
            folder,
            "DELETE FROM media_file WHERE id = 1; DELETE FROM packed WHERE media_file_id = 1",
        );
    }),
    ("Index", |folder| sql(folder, "DELETE FROM packed WHERE media_file_id = 1")),
    ("Index", |folder| sql(folder, "DELETE FROM media_file WHERE id = 1")),
    ("Index", |folder| sql(folder, "DELETE FROM stream WHERE id = 1")),
    ("Index", |folder| sql(folder, "UPDATE stream SET next_sequence = 3")),
    ("Index", |folder| sql(folder, "UPDATE meta SET value = 2 WHERE name = 'next_media_file_id'")),
    ("Index", |folder| {
        sql(folder, "UPDATE packed SET fragments = substr(fragments, 1, length(fragments) - 3)");
    }),
];

#[test]
fn every_kind_of_damage_is_found_and_repaired() {
    for (number, (expected, damage)) in DAMAGES.into_iter().enumerate() {
        let folder = Folder::new();
        filled(&folder);
        assert_eq!(check(&folder.read_only()).unwrap(), []);
        damage(&folder);
        let found = check(&folder.read_only()).unwrap();
        let named = |disagreement: &Disagreement| format!("{disagreement:?}").starts_with(expected);
        assert!(found.iter().any(named), "damage {number}: {found:?} and no {expected}");
        for disagreement in &found {
            assert!(disagreement.to_string().len() > 20, "{disagreement}");
        }
        run(&folder, true);
        // What nothing can be read back from lies aside, and is said until somebody removes it.
        let mut found = check(&folder.read_only()).unwrap();
        found.retain(|found| !matches!(found, Disagreement::Unclaimed { .. }));
        assert_eq!(found, [], "damage {number}, repaired");
    }
}

#[test]
fn fragments_that_the_index_lost_are_found() {
    let folder = Folder::new();
    filled(&folder);
    let wanted =
        folder.read_only().fragments("gate", &FragmentQuery::all(FragmentOrder::Sequence, 9));
    // The row says that there are fewer, consistently: only the file knows better.
    let reader = folder.read_only();
    let file = reader.media_files("gate").unwrap().remove(0);
    let (id, size_bytes, state) = (file.id, file.size_bytes, file.state);
    let mut entries = reader.fragments_of(id).unwrap();
    entries.retain(|entry| ![2, 4].contains(&entry.sequence));
    drop(reader);
    SqliteIndex::open(folder.index())
        .unwrap()
        .apply(&[
            Change::DeleteMediaFile { id },
            Change::CreateMediaFile { stream: StreamId(1), place: file.place },
            Change::AppendFragments { id, entries },
            Change::CloseMediaFile { id, state, size_bytes },
        ])
        .unwrap();
    let found = check(&folder.read_only()).unwrap();
    let lost: Vec<u64> = found
        .iter()
        .filter_map(|disagreement| match disagreement {
            Disagreement::Unknown { sequence, .. } => Some(*sequence),
            _ => None,
        })
        .collect();
    assert_eq!(lost, [2, 4], "{found:?}");
    run(&folder, true);
    let repaired =
        folder.read_only().fragments("gate", &FragmentQuery::all(FragmentOrder::Sequence, 9));
    assert_eq!(repaired.unwrap().len(), wanted.unwrap().len());
}
