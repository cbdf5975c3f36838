//! Crashes of the store: random schedules of appending, committing, marking, deleting and failing, cut off at any
//! operation by a kill or a loss of power. After every crash the five invariants of `docs/design/store.md` are
//! asserted. A failure prints its seed; `replay` runs one.

mod checks;
mod damage;
mod index_files;
mod model;
mod world;

use std::io;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use vigie_media::Timestamp;
use vigie_media::matroska::writer;
use vigie_sim::disk::{Faults, SimDisk};
use vigie_sim::index::SimIndex;
use vigie_sim::seeds::{in_parallel, seeds};
use vigie_store::disk::Disk;
use vigie_store::{FragmentMeta, Store, StoreSettings, Uncommitted, WholeFragment};

use self::world::{Harm, World};

/// Paste a seed here to run it alone.
const REPLAY: (u64, Uncommitted, Harm) = (0, Uncommitted::KeepWholeFrames, Harm::None);

fn run(seed: u64, mode: Uncommitted, harm: Harm) {
    let result = std::panic::catch_unwind(|| {
        let mut world = World::new(seed, mode, harm);
        for _ in 0..120 {
            world.step();
        }
        world.crash();
    });
    if let Err(panic) = result {
        eprintln!("replay with REPLAY = ({seed}, Uncommitted::{mode:?}, Harm::{harm:?})");
        std::panic::resume_unwind(panic);
    }
}

#[test]
fn the_hub_keeps_what_was_persisted_through_any_crash() {
    let run_one = |seed| run(seed, Uncommitted::KeepWholeFrames, Harm::None);
    in_parallel(seeds("VIGIE_STORE_CRASH_SEEDS", 1000), run_one);
}

#[test]
fn the_server_keeps_what_was_persisted_through_any_crash() {
    let run_one = |seed| run(seed, Uncommitted::KeepWholeFragments, Harm::None);
    in_parallel(seeds("VIGIE_STORE_CRASH_SEEDS", 1000), run_one);
}

#[test]
fn an_older_index_costs_nothing_that_was_persisted_and_brings_nothing_back_that_was_deleted() {
    in_parallel(seeds("VIGIE_STORE_CRASH_SEEDS", 240), |seed| {
        run(seed, Uncommitted::KeepWholeFrames, Harm::Older);
        run(seed, Uncommitted::KeepWholeFragments, Harm::Older);
    });
}

#[test]
fn a_damaged_index_costs_nothing_that_was_persisted_and_brings_nothing_back_that_was_deleted() {
    in_parallel(seeds("VIGIE_STORE_CRASH_SEEDS", 60), |seed| {
        run(seed, Uncommitted::KeepWholeFrames, Harm::Damaged);
        run(seed, Uncommitted::KeepWholeFragments, Harm::Damaged);
    });
}

/// Of the ten thousand that a soak runs.
#[test]
fn worlds_that_failed_once_hold() {
    run(580, Uncommitted::KeepWholeFrames, Harm::Damaged);
    run(580, Uncommitted::KeepWholeFragments, Harm::Damaged);
    // A repair removed an empty file, and its name was there again, with bytes that had been cut off.
    run(785, Uncommitted::KeepWholeFragments, Harm::Damaged);
    // An older index finished a deletion that had come to nothing, and cut off what a repair had taken in.
    run(3727, Uncommitted::KeepWholeFrames, Harm::Damaged);
    run(5653, Uncommitted::KeepWholeFragments, Harm::Damaged);
    // A definition of the index was another one, and could be read.
    run(8297, Uncommitted::KeepWholeFragments, Harm::Damaged);
    // What was set aside went with its folder, which a killed start had made.
    run(9834, Uncommitted::KeepWholeFrames, Harm::Older);
    // A reservation of numbers that came to nothing made an index look older, and what was deleted came back.
    run(1677, Uncommitted::KeepWholeFragments, Harm::None);
    // A repair took in what a hub had been writing when the power went, with half of a frame in it.
    run(1049, Uncommitted::KeepWholeFrames, Harm::Damaged);
    run(1156, Uncommitted::KeepWholeFrames, Harm::Damaged);
    // Two stores were open on one disk, of which this test began one: the other's index was older for it.
    run(6903, Uncommitted::KeepWholeFragments, Harm::None);
    // A repair set aside again what a start had set aside, and it counted twice.
    run(9256, Uncommitted::KeepWholeFrames, Harm::None);
}

/// An index that is thought older than its media is not believed in what it says of deletions.
#[test]
fn a_reservation_that_a_failing_disk_cut_off_does_not_make_an_index_older() {
    let disk = SimDisk::new(1, 1 << 30);
    let index = SimIndex::new(disk.clone()).unwrap();
    let open = || {
        let settings = StoreSettings {
            media_file_size_bytes_max: 20_000,
            media_file_age_ms_max: 20_000,
            free_bytes_reserve: 1000,
            uncommitted: Uncommitted::KeepWholeFragments,
        };
        let (mut store, report) =
            Store::open(Arc::new(disk.clone()), "/media", Box::new(index.clone()), settings)
                .unwrap();
        while store.is_searching_orphans() {
            store.search_orphans(100).unwrap();
        }
        (store, report)
    };
    let header = Bytes::from(writer::document_header(&[]));
    let append = |store: &mut Store, sequence| {
        let at = Timestamp::from_millis(1_763_829_180_000);
        let meta = FragmentMeta {
            sequence,
            producer_timestamp: at,
            server_timestamp: at,
            timecode_ms: at.as_millis(),
            number_tail: 1,
            begins_with_key_frame: true,
        };
        let mut bytes = writer::cluster_start(at).to_vec();
        bytes.extend_from_slice(&writer::simple_block_header(1, 0, true, 5));
        bytes.extend_from_slice(b"frame");
        store.append_fragment("gate", &header, &WholeFragment::new(meta, 40, 1, bytes.into()))
    };
    let (mut store, _) = open();
    let sequences = store.reserve_sequences("gate", 2).unwrap();
    append(&mut store, sequences.start).unwrap();
    store.commit().unwrap();
    drop(store);

    let (mut store, _) = open();
    let file = store.reader().media_files("gate").unwrap()[0].clone();
    disk.set_faults(Faults { sync_per_mille: 1000, ..Faults::default() });
    append(&mut store, sequences.start + 1).unwrap_err();
    store.delete_media_files(&[file.id]).unwrap_err();
    assert!(store.reader().media_files("gate").unwrap().is_empty());
    drop(store);
    disk.kill_process();
    disk.set_faults(Faults::default());

    let (store, report) = open();
    assert_eq!(report.reclaimed_file_count, 1, "the deletion is finished");
    assert!(store.reader().media_files("gate").unwrap().is_empty(), "it came back");
    let gone = disk.open_read_only(&Path::new("/media").join(&file.place.path));
    assert_eq!(gone.err().map(|error| error.kind()), Some(io::ErrorKind::NotFound));
}

#[test]
fn replay() {
    let (seed, mode, harm) = REPLAY;
    run(seed, mode, harm);
}
