//! Crashes of the store: random schedules of appending, committing, marking, deleting and failing, cut off at any
//! operation by a kill or a loss of power. After every crash the five invariants of `docs/design/store.md` are
//! asserted. A failure prints its seed; `replay` runs one.

mod checks;
mod damage;
mod index_files;
mod model;
mod world;

use vigie_store::Uncommitted;

use vigie_sim::seeds::{in_parallel, seeds};

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
    // A repair took in what a hub had been writing when the power went, with half of a frame in it.
    run(1049, Uncommitted::KeepWholeFrames, Harm::Damaged);
    run(1156, Uncommitted::KeepWholeFrames, Harm::Damaged);
}

#[test]
fn replay() {
    let (seed, mode, harm) = REPLAY;
    run(seed, mode, harm);
}
