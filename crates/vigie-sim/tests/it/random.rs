//! Random worlds: cuts, crashes, reboots and clock steps in any order, under clocks that drift. A failure prints its seed; [`replay`] takes it.

use std::time::Duration;

use vigie_engine::chance::Chance;
use vigie_kvs::shapes::edge::SyncStatus;
use vigie_sim::chance::SimChance;
use vigie_sim::checkers::{
    Held, all_is_well, every_gap_is_explained, frames_at_the_hub, frames_at_the_server,
    no_persisted_fragment_lost, nothing_uploaded_twice,
};
use vigie_sim::hub::Crash;
use vigie_sim::seeds::{Seed, in_parallel, seeds};
use vigie_sim::world::{STREAM_ARN, World};

const WORLDS: u64 = 48;
const STEPS: u64 = 40;
const MINUTE: Duration = Duration::from_secs(60);

fn live(seed: u64) {
    let _seed = Seed(seed);
    let mut chance = SimChance::new(seed ^ 0x5EED);
    let mut world = World::new(seed);
    world.clock.drift(chance.below(1001) as i64 - 500);
    world.camera.drift_ppm = chance.below(401) as i64 - 200;
    world.configure(World::edge_config());
    let mut held = Held::default();
    for _ in 0..STEPS {
        world.run_for(Duration::from_millis(chance.below(20_000)));
        let off = Duration::from_millis(chance.below(15_000));
        match chance.below(10) {
            0 | 1 => world.cut_link(),
            2..=4 => world.mend_link(),
            5 => world.crash_hub(crash(&mut chance), off),
            6 => world.crash_server(crash(&mut chance), off),
            7 => world.camera.is_up = !world.camera.is_up,
            8 => world.clock.step_wall(chance.below(4_000) as i64 - 2_000),
            _ => {}
        }
        no_persisted_fragment_lost(&world);
        nothing_uploaded_twice(&world);
        every_gap_is_explained(&world);
        held.note(&world);
    }
    world.mend_link();
    world.run_for(2 * MINUTE);
    world.camera.is_up = false;
    world.run_for(3 * MINUTE);
    assert_eq!(world.server.sync(STREAM_ARN).map(|sync| sync.status()), Some(SyncStatus::InSync));
    assert!(world.is_all_uploaded(), "something was never uploaded");
    all_is_well(&world);
    held.everything_gone_is_told(&world);
    assert_eq!(frames_at_the_hub(&world), frames_at_the_server(&world));
}

fn crash(chance: &mut SimChance) -> Crash {
    if chance.happens(500) { Crash::Kill } else { Crash::PowerLoss }
}

#[test]
fn whatever_happens_nothing_is_lost_doubled_or_left_behind() {
    in_parallel(seeds("VIGIE_SIM_SEEDS", WORLDS), live);
}

/// One seed again.
#[test]
fn replay() {
    live(0);
}
