//! A service that ends connections for their age, refuses fragments, or fails for a while: what is retried when, and
//! what is set aside.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use vigie_engine::chance::Chance;
use vigie_kvs::acknowledgement::ErrorId;
use vigie_sim::chance::SimChance;
use vigie_sim::checkers::{
    all_is_well, frames_at_the_hub, frames_at_the_server, gaps, no_persisted_fragment_lost,
    nothing_uploaded_twice,
};
use vigie_sim::hub::Crash;
use vigie_sim::world::World;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// The camera ends, and what can be uploaded is.
fn come_to_rest(world: &mut World) {
    world.run_for(2 * MINUTE);
    world.camera.is_up = false;
    world.run_for(2 * MINUTE);
}

/// The server starts anew, and takes no fragment any more on a connection that is so old.
fn restart_with_connections_of(world: &mut World, duration_max: Duration) {
    world.server.config.ingest_rules.connection_duration_max = Some(duration_max);
    world.crash_server(Crash::Kill, Duration::ZERO);
}

/// The timecodes of the hub's fragments that are not uploaded.
fn left_on_the_hub(world: &World) -> Vec<i64> {
    let fragments = world.hub.fragments().unwrap_or_else(|error| panic!("list: {error}"));
    let left = fragments.iter().filter(|fragment| !fragment.entry.uploaded);
    left.map(|fragment| fragment.entry.timecode_ms).collect()
}

#[test]
fn connections_that_end_after_45_minutes_in_mid_upload_lose_and_double_nothing() {
    let mut world = World::new(40);
    restart_with_connections_of(&mut world, 45 * MINUTE);
    world.configure(World::edge_config());
    world.run_for(100 * MINUTE);
    let ended: Vec<ErrorId> = world.server.errors_said.iter().map(|(_, error, _)| *error).collect();
    assert_eq!(ended, [ErrorId::MaxConnectionDurationReached; 2]);
    let times: Vec<Duration> = world.server.errors_said.iter().map(|(at, ..)| at.mono).collect();
    // The next connection is there at once.
    assert!(times[1] - times[0] < 45 * MINUTE + 3 * SECOND, "{times:?}");
    come_to_rest(&mut world);
    assert!(world.is_all_uploaded(), "something was not uploaded");
    all_is_well(&world);
    let frames = frames_at_the_server(&world);
    assert_eq!(gaps(&frames), []);
    assert_eq!(frames, frames_at_the_hub(&world));
}

/// One fragment is refused for ever with `error`; it may be tried so often.
fn refused(error: ErrorId, tries: usize) {
    let mut world = World::recording(41);
    world.run_for(20 * SECOND);
    let victim = Rc::new(Cell::new(None));
    let chosen = Rc::clone(&victim);
    let mut seen = 0;
    world.server.refuse = Box::new(move |timecode_ms| {
        seen += 1;
        if seen == 3 {
            chosen.set(Some(timecode_ms));
        }
        (chosen.get() == Some(timecode_ms)).then_some(error)
    });
    world.run_for(2 * MINUTE);
    // It was set aside for good: neither a loss of power nor another hour brings it back.
    world.crash_hub(Crash::PowerLoss, SECOND);
    come_to_rest(&mut world);
    let victim = victim.get().unwrap_or_else(|| panic!("nothing was refused"));
    let said = &world.server.errors_said;
    assert!(
        said.iter().all(|(_, said, about)| *said == error && *about == Some(victim)),
        "{said:?}"
    );
    assert_eq!(said.len(), tries, "{said:?}");
    assert_eq!(left_on_the_hub(&world), [victim]);
    all_is_well(&world);
}

#[test]
fn a_fragment_that_the_service_will_never_take_is_set_aside_and_the_rest_uploaded() {
    refused(ErrorId::MaxFragmentSizeReached, 1);
    // The cause may have been what came before it on its connection.
    refused(ErrorId::InvalidMkvData, 2);
}

#[test]
fn a_service_that_fails_is_asked_ever_less_often_and_gets_everything_after() {
    for error in [ErrorId::StreamNotActive, ErrorId::InternalError] {
        let mut world = World::recording(42);
        world.server.refuse = Box::new(move |_| Some(error));
        world.run_for(20 * MINUTE);
        let said: Vec<Duration> = world.server.errors_said.iter().map(|(at, ..)| at.mono).collect();
        let waits: Vec<Duration> = said.windows(2).map(|pair| pair[1] - pair[0]).collect();
        // From a second, doubled to a minute, half of it by chance.
        assert!(waits[0] < 3 * SECOND && waits.len() < 45, "{error:?}: {waits:?}");
        assert!(
            waits[7..].iter().all(|wait| (30 * SECOND..62 * SECOND).contains(wait)),
            "{waits:?}"
        );
        world.server.refuse = Box::new(|_| None);
        come_to_rest(&mut world);
        assert!(world.is_all_uploaded(), "{error:?}: something was not uploaded");
        assert_eq!(frames_at_the_server(&world), frames_at_the_hub(&world));
        all_is_well(&world);
    }
}

#[test]
fn whatever_errors_come_nothing_is_lost_doubled_or_set_aside_without_cause() {
    for seed in 0..10 {
        let mut chance = SimChance::new(seed ^ 0xE2202);
        let mut world = World::recording(seed);
        restart_with_connections_of(&mut world, 70 * SECOND);
        let mut errors = SimChance::new(seed);
        world.server.refuse = Box::new(move |timecode_ms| {
            // Some fragments are refused for ever, and now and then the service fails.
            match timecode_ms.unsigned_abs() % 23 {
                0 => Some(ErrorId::MaxFragmentSizeReached),
                1 => Some(ErrorId::InvalidMkvData),
                _ if errors.happens(20) => Some(ErrorId::InternalError),
                _ => None,
            }
        });
        for _ in 0..8 {
            world.run_for(Duration::from_millis(chance.below(30_000)));
            match chance.below(4) {
                0 => world.cut_link(),
                1 => world.crash_hub(Crash::PowerLoss, SECOND),
                2 => world.crash_server(Crash::PowerLoss, SECOND),
                _ => world.mend_link(),
            }
            no_persisted_fragment_lost(&world);
            nothing_uploaded_twice(&world);
        }
        world.mend_link();
        come_to_rest(&mut world);
        world.run_for(5 * MINUTE);
        let left = left_on_the_hub(&world);
        assert!(left.iter().all(|at| at.unsigned_abs() % 23 <= 1), "seed {seed}: {left:?}");
        all_is_well(&world);
    }
}
