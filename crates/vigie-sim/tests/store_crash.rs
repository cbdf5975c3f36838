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

/// Schedules of each mode.
const SEEDS: u64 = 1000;

/// Paste a seed here to run it alone.
const REPLAY: (u64, Uncommitted) = (0, Uncommitted::KeepWholeFrames);

fn run(seed: u64, mode: Uncommitted) {
    let result = std::panic::catch_unwind(|| {
        let mut world = World::new(seed, mode);
        for _ in 0..120 {
            world.step();
        }
        world.crash();
    });
    if let Err(panic) = result {
        eprintln!("seed {seed}, {mode:?}: replay with REPLAY = ({seed}, Uncommitted::{mode:?})");
        std::panic::resume_unwind(panic);
    }
}

#[test]
fn the_hub_keeps_what_was_persisted_through_any_crash() {
    for seed in 0..SEEDS {
        run(seed, Uncommitted::KeepWholeFrames);
    }
}

#[test]
fn the_server_keeps_what_was_persisted_and_nothing_else_through_any_crash() {
    for seed in 0..SEEDS {
        run(seed, Uncommitted::Drop);
    }
}

#[test]
fn replay() {
    let (seed, mode) = REPLAY;
    run(seed, mode);
}
