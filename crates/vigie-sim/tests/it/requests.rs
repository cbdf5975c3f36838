//! What the server asks of a hub, and secrets that change, over a link that is slow, cut, and mended.

use std::time::Duration;

use vigie_engine::chance::Chance;
use vigie_engine::hub_request::{OF_CALLER_MAX, TAKEN_WITHIN};
use vigie_kvs::ErrorKind;
use vigie_kvs::shapes::edge::JobStatus;
use vigie_sim::chance::SimChance;
use vigie_sim::checkers::{all_is_well, frames_at_the_hub, frames_at_the_server, gaps};
use vigie_sim::hub::Crash;
use vigie_sim::server::Outcome;
use vigie_sim::world::World;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const OTHER: &str = "rtsp://user:corrected@camera/cam0";

fn secret(uri: &str) -> String {
    format!(r#"{{"MediaURI":"{uri}"}}"#)
}

/// How long it takes until the camera is opened with the other address.
fn time_until_other(world: &mut World, at_most: Duration) -> Duration {
    let since = world.now().mono;
    while world.opened_with.as_deref() != Some(OTHER) {
        world.run_for(Duration::from_millis(50));
        let waited = world.now().mono - since;
        assert!(waited <= at_most, "not within {at_most:?}");
    }
    world.now().mono - since
}

#[test]
fn a_corrected_password_is_tried_within_two_seconds_whatever_the_wait_was() {
    let mut world = World::recording(31);
    // Somebody changes it at the camera, which ends the session.
    world.camera.uri = Some(OTHER.to_owned());
    world.camera.is_up = false;
    world.run_for(SECOND);
    world.camera.is_up = true;
    world.run_for(30 * MINUTE);
    let frames = frames_at_the_hub(&world).len();
    world.server.put_secret(&secret(OTHER));
    time_until_other(&mut world, 2 * SECOND);
    world.run_for(MINUTE);
    assert!(frames_at_the_hub(&world).len() > frames + 1000);
    all_is_well(&world);
}

#[test]
fn an_open_session_to_the_old_address_ends_with_the_shortest_gap() {
    let mut world = World::recording(32);
    world.run_for(MINUTE);
    world.server.put_secret(&secret(OTHER));
    time_until_other(&mut world, 2 * SECOND);
    world.run_for(MINUTE);
    let frames = frames_at_the_hub(&world);
    let lost: u64 = gaps(&frames).iter().map(|(from, until)| until - from + 1).sum();
    // What its camera sends while it is opened anew, to the next key frame.
    assert!(lost <= 35, "{lost} frames: {:?}", gaps(&frames));
    all_is_well(&world);
}

#[test]
fn a_hub_that_was_away_hears_of_a_secret_by_its_first_call() {
    for seed in 40..50 {
        let mut world = World::recording(seed);
        world.run_for(MINUTE);
        world.cut_link();
        world.run_for(10 * SECOND);
        world.server.put_secret(&secret(OTHER));
        world.run_for(10 * MINUTE);
        assert_ne!(world.opened_with.as_deref(), Some(OTHER));
        world.mend_link();
        // It calls at most 15 s after the link is back.
        time_until_other(&mut world, 20 * SECOND);
        world.run_for(MINUTE);
        all_is_well(&world);
    }
}

#[test]
fn a_secret_that_changes_while_the_link_comes_and_goes_is_never_missed() {
    for seed in 0..60 {
        let mut world = World::recording(1000 + seed);
        let mut chance = SimChance::new(seed);
        let change_at = chance.below(40);
        for step in 0..40 {
            if step == change_at {
                world.server.put_secret(&secret(OTHER));
            }
            match chance.below(8) {
                0 => world.cut_link(),
                1..=3 => world.mend_link(),
                4 => world.crash_hub(Crash::Kill, SECOND),
                5 => world.crash_server(Crash::Kill, SECOND),
                _ => {}
            }
            world.run_for(Duration::from_millis(100 + chance.below(4000)));
        }
        world.mend_link();
        world.run_for(MINUTE);
        assert_eq!(world.opened_with.as_deref(), Some(OTHER), "seed {seed}");
        world.camera.is_up = false;
        world.run_for(3 * MINUTE);
        all_is_well(&world);
        assert_eq!(frames_at_the_hub(&world), frames_at_the_server(&world), "seed {seed}");
    }
}

#[track_caller]
fn outcome_of(world: &World, id: &str) -> Outcome {
    let mut found = world.server.outcomes().into_iter().filter(|(of, _)| of == id);
    let outcome = found.next().unwrap_or_else(|| panic!("{id} has not ended"));
    assert!(found.next().is_none(), "{id} has ended twice");
    outcome.1
}

fn job_status(outcome: &Outcome) -> JobStatus {
    match outcome {
        Outcome::Answered(answer) => answer.job_status,
        other => panic!("{other:?}"),
    }
}

fn ask(world: &mut World, id: &str) {
    world.server.test_camera(id, "key");
}

#[test]
fn a_test_is_answered_in_a_second_or_two_beside_the_recording() {
    let mut world = World::recording(33);
    ask(&mut world, "good");
    world.run_for(2 * SECOND);
    assert_eq!(job_status(&outcome_of(&world, "good")), JobStatus::Success);
    let frames = frames_at_the_hub(&world);
    assert_eq!(gaps(&frames), [], "the recording went on");
    world.camera.uri = Some(OTHER.to_owned());
    ask(&mut world, "wrong");
    world.run_for(2 * SECOND);
    assert_eq!(job_status(&outcome_of(&world, "wrong")), JobStatus::UserError);
    all_is_well(&world);
}

#[test]
fn a_hub_that_is_cut_off_is_said_to_be_away_in_the_stated_time() {
    let mut world = World::recording(34);
    world.cut_link();
    ask(&mut world, "1");
    world.run_for(TAKEN_WITHIN + SECOND);
    assert_eq!(outcome_of(&world, "1"), Outcome::Refused(Some(ErrorKind::HubNotInContact)));
    world.mend_link();
    world.run_for(20 * SECOND);
    ask(&mut world, "2");
    world.run_for(2 * SECOND);
    assert_eq!(job_status(&outcome_of(&world, "2")), JobStatus::Success);
}

#[test]
fn a_server_that_is_restarted_in_the_midst_leaves_a_hub_that_can_be_asked_again() {
    let mut world = World::recording(35);
    ask(&mut world, "1");
    world.run_for(Duration::from_millis(70));
    world.crash_server(Crash::Kill, SECOND);
    world.run_for(20 * SECOND);
    assert!(world.server.outcomes().iter().all(|(id, _)| id != "1"), "its caller has gone");
    ask(&mut world, "2");
    world.run_for(2 * SECOND);
    assert_eq!(job_status(&outcome_of(&world, "2")), JobStatus::Success);
    all_is_well(&world);
}

#[test]
fn every_request_ends_once_over_a_link_that_comes_and_goes() {
    for seed in 0..60 {
        let mut world = World::recording(2000 + seed);
        let mut chance = SimChance::new(seed);
        let mut asked = Vec::new();
        for step in 0..40 {
            match chance.below(8) {
                0 => world.cut_link(),
                1..=3 => world.mend_link(),
                4 => world.crash_hub(Crash::Kill, SECOND),
                _ => {
                    let (id, caller) = (step.to_string(), format!("key-{}", step % 4));
                    world.server.test_camera(&id, &caller);
                    asked.push(id);
                }
            }
            world.run_for(Duration::from_millis(100 + chance.below(3000)));
        }
        world.mend_link();
        world.run_for(MINUTE);
        let outcomes: Vec<Outcome> = asked.iter().map(|id| outcome_of(&world, id)).collect();
        let too_many = Outcome::Refused(Some(ErrorKind::ClientLimitExceeded));
        let taken = outcomes.iter().filter(|outcome| **outcome != too_many).count();
        assert!(taken > OF_CALLER_MAX, "seed {seed}: {outcomes:?}");
        world.camera.is_up = false;
        world.run_for(MINUTE);
        all_is_well(&world);
        assert_eq!(frames_at_the_hub(&world), frames_at_the_server(&world), "seed {seed}");
    }
}
