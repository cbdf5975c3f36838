//! Crashes of the store: random schedules of appending, committing, marking, deleting and failing, cut off at any
//! operation by a kill or a loss of power. After every crash the five invariants of `docs/design/store.md` are
//! asserted. A failure prints its seed; `replay` runs one.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "store_crash/checks.rs"]
mod checks;
#[path = "store_crash/damage.rs"]
mod damage;
#[path = "store_crash/model.rs"]
mod model;
#[path = "store_crash/world.rs"]
mod world;

use vigie_store::Uncommitted;

use crate::world::World;

/// Schedules of each mode, unless `VIGIE_STORE_CRASH_SEEDS` has another number.
fn seeds(default: u64) -> std::ops::Range<u64> {
    0..std::env::var("VIGIE_STORE_CRASH_SEEDS").map_or(default, |seeds| seeds.parse().unwrap())
}

/// Paste a seed here to run it alone.
const REPLAY: (u64, Uncommitted, bool) = (0, Uncommitted::KeepWholeFrames, false);

fn run(seed: u64, mode: Uncommitted, rolls_back: bool) {
    let result = std::panic::catch_unwind(|| {
        let mut world = World::new(seed, mode, rolls_back);
        for _ in 0..120 {
            world.step();
        }
        world.crash();
    });
    if let Err(panic) = result {
        eprintln!("replay with REPLAY = ({seed}, Uncommitted::{mode:?}, {rolls_back})");
        std::panic::resume_unwind(panic);
    }
}

#[test]
fn the_hub_keeps_what_was_persisted_through_any_crash() {
    for seed in seeds(1000) {
        run(seed, Uncommitted::KeepWholeFrames, false);
    }
}

#[test]
fn the_server_keeps_what_was_persisted_through_any_crash() {
    for seed in seeds(1000) {
        run(seed, Uncommitted::KeepWholeFragments, false);
    }
}

#[test]
fn an_older_index_costs_nothing_that_was_persisted_and_brings_nothing_back_that_was_deleted() {
    for seed in seeds(150) {
        run(seed, Uncommitted::KeepWholeFrames, true);
        run(seed, Uncommitted::KeepWholeFragments, true);
    }
}

#[test]
fn replay() {
    let (seed, mode, rolls_back) = REPLAY;
    run(seed, mode, rolls_back);
}
