//! The store on the machine's own disk and a SQLite file. Crashes are simulated elsewhere (`vigie-sim`); here a
//! process that ends without closing stands for a kill.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use vigie_media::matroska::{Event, FragmentReader, Limits, writer};
use vigie_store::disk::Disk;
use vigie_store::{
    Disagreement, FragmentMeta, FragmentOrder, FragmentQuery, MediaFileState, OsDisk, SqliteIndex,
    Store, StoreError, StoreSettings, WholeFragment, check,
};

use crate::common::{Folder, block, header, meta, record, whole};

#[test]
fn a_media_file_is_one_matroska_document_and_its_fragments_read_back_verbatim() {
    let folder = Folder::new();
    let mut store = folder.open(StoreSettings::SERVER).unwrap();
    let fragments: Vec<WholeFragment> =
        (0..5).map(|number| whole(&mut store, "gate", number * 2000)).collect();
    for fragment in &fragments {
        store.append_fragment("gate", &header("camera"), fragment).unwrap();
    }
    let recorded = record(&mut store, "gate", 10_000, 3);
    store.end_fragment("gate", 120).unwrap();
    let persisted = store.close().unwrap().persisted;
    assert_eq!(persisted.len(), 6);

    let reader = folder.read_only();
    let found = reader.fragments("gate", &FragmentQuery::all(FragmentOrder::Sequence, 10)).unwrap();
    for (fragment, found) in fragments.iter().zip(&found) {
        assert_eq!(reader.read(found).unwrap(), fragment.bytes);
        assert_eq!(reader.read_document_header(&found.media_file).unwrap(), header("camera"));
    }
    assert_eq!(found[5].entry.sequence, recorded.sequence);

    let files = reader.media_files("gate").unwrap();
    assert_eq!((files.len(), files[0].state), (1, MediaFileState::Sealed));
    let bytes = std::fs::read(folder.media().join(&files[0].place.path)).unwrap();
    assert_eq!(bytes.len() as u64, files[0].size_bytes);
    let mut document = FragmentReader::new(Limits::FILE);
    document.push(&bytes);
    document.finish();
    let (mut ends, mut frames) = (0, 0);
    while let Some(event) = document.next_event().unwrap() {
        ends += usize::from(matches!(event, Event::FragmentEnd(_)));
        frames += usize::from(matches!(event, Event::Frame(_)));
    }
    assert_eq!((ends, frames), (6, 13));
    assert_eq!(check(&reader).unwrap(), []);
}

#[test]
fn a_media_file_is_rolled_by_header_size_and_age() {
    let folder = Folder::new();
    let settings = StoreSettings {
        media_file_size_bytes_max: 20_000,
        media_file_age_ms_max: 60_000,
        ..StoreSettings::SERVER
    };
    let mut store = folder.open(settings).unwrap();
    let mut append = |name: &str, offset_ms| {
        let fragment = whole(&mut store, "gate", offset_ms);
        store.append_fragment("gate", &header(name), &fragment).unwrap();
    };
    append("first", 0);
    append("first", 2000);
    append("first", 4000);
    append("first", 6000); // The fourth would be more than 20,000 bytes.
    append("second", 8000);
    append("second", 8000 + 60_000);
    store.commit().unwrap();
    let files = store.reader().media_files("gate").unwrap();
    let counts: Vec<u64> = files.iter().map(|file| file.fragment_count).collect();
    assert_eq!(counts, [3, 1, 1, 1]);
    assert!(files.iter().all(|file| file.size_bytes <= 20_000));
    let open: Vec<bool> = files.iter().map(|file| file.state == MediaFileState::Open).collect();
    assert_eq!(open, [false, false, false, true]);
}

#[test]
fn a_killed_hub_loses_no_whole_frame_of_a_committed_fragment() {
    let folder = Folder::new();
    let mut store = folder.open(StoreSettings::HUB).unwrap();
    let meta = record(&mut store, "gate", 0, 5);
    store.commit().unwrap();
    store.append_frames("gate", &[block(200, 300).into()], 1, 240).unwrap();
    let torn = block(240, 1000);
    store.append_frames("gate", &[torn[..400].to_vec().into()], 0, 240).unwrap();
    store.write_out();
    drop(store);

    let index = SqliteIndex::open(folder.index()).unwrap();
    let (store, report) =
        Store::open(Arc::new(OsDisk), folder.media(), Box::new(index), StoreSettings::HUB).unwrap();
    assert_eq!((report.sealed_media_file_count, report.recovered_fragment_count), (1, 1));
    let reader = store.reader();
    let found = reader.newest("gate", FragmentOrder::Sequence).unwrap().unwrap();
    assert_eq!(found.entry.frame_count, 6);
    let mut expected = writer::cluster_start(meta.producer_timestamp).to_vec();
    expected.extend(block(0, 900));
    (1..5).for_each(|number| expected.extend(block(40 * number, 300)));
    expected.extend(block(200, 300));
    assert_eq!(reader.read(&found).unwrap(), expected);
    assert_eq!(check(&reader).unwrap(), []);
}

#[test]
fn a_killed_server_drops_what_was_not_committed() {
    let folder = Folder::new();
    let mut store = folder.open(StoreSettings::SERVER).unwrap();
    let kept = whole(&mut store, "gate", 0);
    store.append_fragment("gate", &header("camera"), &kept).unwrap();
    store.commit().unwrap();
    let dropped = whole(&mut store, "gate", 2000);
    store.append_fragment("gate", &header("camera"), &dropped).unwrap();
    drop(store);

    let mut store = folder.open(StoreSettings::SERVER).unwrap();
    let reader = store.reader();
    assert_eq!(reader.totals("gate").unwrap().fragment_count, 1);
    assert!(reader.fragment("gate", dropped.meta.sequence).unwrap().is_none());
    assert_eq!(check(&reader).unwrap(), []);
    // What was handed out before is not handed out again, though nothing of it is left.
    assert!(meta(&mut store, "gate", 4000).sequence > dropped.meta.sequence);
}

#[test]
fn another_process_may_read_and_not_write() {
    let folder = Folder::new();
    let mut store = folder.open(StoreSettings::SERVER).unwrap();
    let fragment = whole(&mut store, "gate", 0);
    store.append_fragment("gate", &header("camera"), &fragment).unwrap();
    assert_eq!(folder.read_only().totals("gate").unwrap().fragment_count, 0);
    store.commit().unwrap();
    let reader = folder.read_only();
    assert_eq!(reader.stream_keys().unwrap(), ["gate"]);
    assert_eq!(reader.totals("gate").unwrap().fragment_count, 1);
    let error = folder.open(StoreSettings::SERVER).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("index"), "{error}");
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.ends_with("is in use by another process"), "{source}");
    drop((reader, store));
    assert_eq!(folder.read_only().totals("gate").unwrap().fragment_count, 1);
}

#[test]
fn media_without_its_index_is_not_reclaimed() {
    let folder = Folder::new();
    let mut store = folder.open(StoreSettings::SERVER).unwrap();
    let fragment = whole(&mut store, "gate", 0);
    store.append_fragment("gate", &header("camera"), &fragment).unwrap();
    store.close().unwrap();
    std::fs::rename(folder.index(), folder.index().with_extension("lost")).unwrap();
    let error = folder.open(StoreSettings::SERVER).map(|_| ()).unwrap_err();
    assert!(matches!(error, StoreError::IndexMissing { .. }), "{error}");
    assert_eq!(OsDisk.list(&folder.media().join("gate")).unwrap().len(), 1);
}

#[test]
fn a_flipped_bit_is_noticed_by_reading_and_by_the_check() {
    let folder = Folder::new();
    let mut store = folder.open(StoreSettings::SERVER).unwrap();
    let fragment = whole(&mut store, "gate", 0);
    let entry = store.append_fragment("gate", &header("camera"), &fragment).unwrap();
    store.close().unwrap();
    let reader = folder.read_only();
    let found = reader.newest("gate", FragmentOrder::Sequence).unwrap().unwrap();
    let path = folder.media().join(&found.media_file.path);
    let file = OsDisk.open(&path).unwrap();
    file.write_all_at(&[&[0xFF]], entry.offset + 1000).unwrap();
    let error = reader.read(&found).unwrap_err();
    assert!(matches!(error, StoreError::Damaged { sequence: 1, .. }), "{error}");
    let damaged = Disagreement::Damaged { path: path.clone(), sequence: 1 };
    assert_eq!(check(&reader).unwrap(), [damaged]);

    file.truncate(entry.offset + 10).unwrap();
    let beyond = Disagreement::Beyond { path: path.clone(), sequence: 1 };
    assert!(check(&reader).unwrap().contains(&beyond));
    std::fs::rename(&path, path.with_extension("elsewhere")).unwrap();
    assert_eq!(check(&reader).unwrap(), [Disagreement::Missing { path: path.clone() }]);
    assert!(matches!(reader.read(&found), Err(StoreError::MediaFileGone { .. })));
    std::fs::copy(path.with_extension("elsewhere"), path.with_file_name("x-0000000009.mkv"))
        .unwrap();
    let orphan = Disagreement::Orphan { path: path.with_file_name("x-0000000009.mkv") };
    assert!(check(&reader).unwrap().contains(&orphan));
}

#[test]
fn the_free_space_reserve_refuses_and_harms_nothing() {
    let folder = Folder::new();
    let mut store = folder.open(StoreSettings::SERVER).unwrap();
    let fragment = whole(&mut store, "gate", 0);
    store.append_fragment("gate", &header("camera"), &fragment).unwrap();
    store.close().unwrap();
    let greedy = StoreSettings { free_bytes_reserve: u64::MAX / 2, ..StoreSettings::SERVER };
    let mut store = folder.open(greedy).unwrap();
    let before = store.size_bytes("gate");
    let refused = whole(&mut store, "gate", 2000);
    let error = store.append_fragment("gate", &header("camera"), &refused).unwrap_err();
    assert!(error.is_disk_full() && !error.is_fatal(), "{error}");
    store.commit().unwrap();
    assert_eq!(store.size_bytes("gate"), before);
    assert_eq!(check(&store.reader()).unwrap(), []);
}

#[test]
fn a_deleted_stream_leaves_nothing() {
    let folder = Folder::new();
    let mut store = folder.open(StoreSettings::SERVER).unwrap();
    for key in ["gate", "yard/../../gate"] {
        let fragment = whole(&mut store, key, 0);
        store.append_fragment(key, &header("camera"), &fragment).unwrap();
    }
    store.commit().unwrap();
    let waiting = whole(&mut store, "gate", 2000);
    store.append_fragment("gate", &header("camera"), &waiting).unwrap();
    let deleted = store.delete_stream("gate").unwrap();
    assert_eq!((deleted.media_file_count, deleted.fragment_count), (1, 1));
    assert_eq!(deleted.failed[0].sequence, waiting.meta.sequence);
    assert_eq!(store.size_bytes("gate"), 0);
    assert_eq!(store.reader().stream_keys().unwrap(), ["yard/../../gate"]);
    let mut left = OsDisk.list(&folder.media()).unwrap();
    left.retain(|path| path.is_dir());
    assert_eq!(left, [folder.media().join(Path::new("yard%2F..%2F..%2Fgate"))]);
    assert_eq!(store.delete_stream("gate").unwrap().media_file_count, 0);
    // A new stream of that name begins anew.
    assert_eq!(meta(&mut store, "gate", 0).sequence, 1);
}

#[test]
fn deleting_a_media_file_frees_its_bytes_and_an_open_one_is_refused() {
    let folder = Folder::new();
    let mut store = folder.open(StoreSettings::HUB).unwrap();
    record(&mut store, "gate", 0, 2);
    store.seal("gate").unwrap();
    record(&mut store, "gate", 2000, 2);
    store.commit().unwrap();
    let files = store.reader().media_files("gate").unwrap();
    let refused = store.delete_media_files(&[files[0].id, files[1].id]).unwrap_err();
    assert!(matches!(refused, StoreError::MediaFileOpen { id } if id == files[1].id));
    let before = store.size_bytes("gate");
    let deleted = store.delete_media_files(&[files[0].id]).unwrap();
    assert_eq!((deleted.fragment_count, deleted.not_uploaded_count), (1, 1));
    assert_eq!(store.size_bytes("gate"), before - files[0].size_bytes);
    assert_eq!(store.delete_media_files(&[files[0].id]).unwrap().media_file_count, 0);
    assert_eq!(check(&store.reader()).unwrap(), []);
}

#[test]
fn misuse_is_a_typed_error() {
    let folder = Folder::new();
    let mut store = folder.open(StoreSettings::HUB).unwrap();
    let first = meta(&mut store, "gate", 0);
    let camera = header("camera");
    store.begin_fragment("gate", &camera, first).unwrap();
    let second = meta(&mut store, "gate", 0);
    let open = store.begin_fragment("gate", &camera, second).unwrap_err();
    assert!(matches!(open, StoreError::FragmentOpen { .. }));
    let none = store.append_frames("yard", &[Bytes::from_static(b"frame")], 1, 0).unwrap_err();
    assert!(matches!(none, StoreError::NoOpenFragment { .. }));
    let unreserved = FragmentMeta { sequence: 999, ..first };
    let unreserved = store.begin_fragment("yard", &camera, unreserved).unwrap_err();
    assert!(matches!(unreserved, StoreError::SequenceNotReserved { .. }));
    for key in [String::new(), "k".repeat(1025)] {
        let invalid = store.reserve_sequences(&key, 1).unwrap_err();
        assert!(matches!(invalid, StoreError::InvalidKey { .. }));
    }
}

#[test]
#[allow(clippy::disallowed_methods, reason = "the test leaves what a kill leaves")]
fn what_an_earlier_process_left_is_set_aside_while_the_store_works_and_nothing_of_this_one() {
    let folder = Folder::new();
    let mut store = folder.open(StoreSettings::SERVER).unwrap();
    let committed = whole(&mut store, "gate", 0);
    store.append_fragment("gate", &header("camera"), &committed).unwrap();
    store.seal("gate").unwrap();
    store.commit().unwrap();
    // Created, and never committed: killed.
    let lost = whole(&mut store, "gate", 2000);
    store.append_fragment("gate", &header("camera"), &lost).unwrap();
    drop(store);
    let media = |name: &str| folder.media().join(name);
    // In the folder of a stream that is not there any more, under a number of the past.
    std::fs::create_dir(media("attic")).unwrap();
    let (old, foreign) = (media("attic/undated-0000000900.mkv"), media("attic/holiday.mkv"));
    for path in [&old, &foreign] {
        std::fs::write(path, b"media").unwrap();
    }
    let count = || {
        let files = std::fs::read_dir(media("gate")).unwrap();
        files.count()
    };
    assert_eq!(count(), 2);

    let index = SqliteIndex::open(folder.index()).unwrap();
    let (mut store, report) =
        Store::open(Arc::new(OsDisk), folder.media(), Box::new(index), StoreSettings::SERVER)
            .unwrap();
    assert_eq!(report.reclaimed_file_count, 0);
    // It works at once; what it writes is no more committed than what was left.
    let fragment = whole(&mut store, "gate", 4000);
    store.append_fragment("gate", &header("camera"), &fragment).unwrap();
    assert_eq!(count(), 3);
    let mut steps = 0;
    while store.is_searching_orphans() {
        store.search_orphans(1).unwrap();
        steps += 1;
    }
    assert!(steps > 4, "{steps}");
    assert_eq!(count(), 2);
    // No byte of the one file was written; of the other nobody knows what it was.
    let aside = media("unclaimed/attic/undated-0000000900.mkv");
    assert!(!old.exists() && aside.exists() && foreign.exists());
    store.commit().unwrap();
    let reader = store.reader();
    let query = FragmentQuery::all(FragmentOrder::Sequence, 10);
    assert_eq!(reader.fragments("gate", &query).unwrap().len(), 2);
    let found = check(&reader).unwrap();
    assert!(matches!(&found[..], [Disagreement::Unclaimed { file }] if file.path == aside));
}

#[test]
#[allow(clippy::disallowed_methods, reason = "the test leaves what a kill leaves")]
fn a_file_that_a_kill_broke_off_before_its_first_fragment_was_whole_goes_and_one_with_an_end_does_not()
 {
    let folder = Folder::new();
    let mut store = folder.open(StoreSettings::SERVER).unwrap();
    let fragment = whole(&mut store, "gate", 0);
    store.append_fragment("gate", &header("camera"), &fragment).unwrap();
    store.close().unwrap();
    let reader = folder.read_only();
    let file = reader.media_files("gate").unwrap().remove(0);
    let path = folder.media().join(&file.place.path);
    let bytes = std::fs::read(&path).unwrap();
    let entry = reader.fragments_of(file.id).unwrap().remove(0);
    drop(reader);
    let left = |number: u64| path.with_file_name(format!("20251122T163300Z-{number:010}.mkv"));
    let fragment_at = entry.offset as usize;
    // In the document header, in the file mark, at the fragment, within it, and in its end mark.
    let ends = [20, fragment_at - 3, fragment_at, fragment_at + 100, bytes.len() - 1];
    for (number, end) in (900..).zip(ends) {
        std::fs::write(left(number), &bytes[..end]).unwrap();
    }
    let mut damaged = bytes.clone();
    damaged[fragment_at + 50] ^= 1;
    std::fs::write(left(990), damaged).unwrap();

    let store = folder.open(StoreSettings::SERVER).unwrap();
    let found = check(&store.reader()).unwrap();
    let aside = |file: &Path| file.ends_with(left(990).file_name().unwrap());
    assert!(
        matches!(&found[..], [Disagreement::Unclaimed { file }] if aside(&file.path)),
        "{found:?}"
    );
    assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
}

#[test]
#[allow(clippy::disallowed_methods, reason = "the test leaves what a kill leaves")]
fn a_file_whose_entry_is_deleted_goes_at_the_next_start_where_it_could_not_before() {
    let folder = Folder::new();
    let mut store = folder.open(StoreSettings::SERVER).unwrap();
    let fragment = whole(&mut store, "gate", 0);
    store.append_fragment("gate", &header("camera"), &fragment).unwrap();
    store.seal("gate").unwrap();
    store.commit().unwrap();
    let file = store.reader().media_files("gate").unwrap().remove(0);
    let path = folder.media().join(&file.place.path);
    let bytes = std::fs::read(&path).unwrap();
    store.delete_media_files(&[file.id]).unwrap();
    drop(store);
    // As if it had been killed between the index and the file.
    std::fs::write(&path, bytes).unwrap();
    let index = SqliteIndex::open(folder.index()).unwrap();
    let (mut store, report) =
        Store::open(Arc::new(OsDisk), folder.media(), Box::new(index), StoreSettings::SERVER)
            .unwrap();
    assert_eq!((report.reclaimed_file_count, path.exists()), (1, false));
    // That it is gone is known from now on.
    whole(&mut store, "gate", 2000);
    store.commit().unwrap();
    drop(store);
    let index = SqliteIndex::open(folder.index()).unwrap();
    let (store, report) =
        Store::open(Arc::new(OsDisk), folder.media(), Box::new(index), StoreSettings::SERVER)
            .unwrap();
    assert_eq!((report.reclaimed_file_count, store.size_bytes("gate")), (0, 0));
}
