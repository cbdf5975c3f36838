//! Cameras as they are: the product's own RTSP client over a link that loses, doubles, reorders, falls silent and breaks,
//! with cameras that are slow and restart, on a hub that does as well. A failure of a random world prints its seed;
//! [`replay`] takes it.

use std::time::Duration;

use vigie_engine::chance::Chance;
use vigie_engine::recorder::STALL_AFTER;
use vigie_media::Timestamp;
use vigie_sim::chance::SimChance;
use vigie_sim::checkers::camera_media::{StoredMedia, camera_media_is_well};
use vigie_sim::checkers::{Held, all_is_well, every_gap_is_explained};
use vigie_sim::hub::Crash;
use vigie_sim::seeds::{Seed, in_parallel, seeds};
use vigie_sim::world::World;

/// Random worlds; others by the environment's `VIGIE_SIM_WORLDS`.
const WORLDS: u64 = 24;
const STEPS: u64 = 20;
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const TCP: &str = "rtsp://user:password@camera/cam0";
const UDP: &str = "rtspu://user:password@camera/cam0";

/// From a camera's return, or a hub's, until the hub is connected: no two attempts lie farther apart.
const CONNECTED_WITHIN: Duration = Duration::from_secs(3);
/// A group of pictures, the picture that must have come to tell that the first is whole, and the way.
const FIRST_PICTURE_WITHIN: Duration = Duration::from_millis(1_500);
/// OPTIONS, DESCRIBE, SETUP, PLAY.
const REQUESTS: u32 = 4;
/// An answer's pieces, where it trickles.
const TRICKLES_FOR: Duration = Duration::from_secs(2);

/// How long until a camera that can be reached again is recorded again.
fn back_within(world: &World) -> Duration {
    let camera = &world.rtsp;
    let trickles = camera.answer_piece_bytes.map_or(Duration::ZERO, |_| TRICKLES_FOR);
    let asked = (camera.answers_after + trickles + Duration::from_millis(30)) * REQUESTS;
    let lost = if camera.link.lost_per_mille > 0 { 2 * SECOND } else { Duration::ZERO };
    CONNECTED_WITHIN + asked + FIRST_PICTURE_WITHIN + lost
}

/// Nothing happens any more: all that the hub has reaches the server, and everything is well.
fn come_to_rest(world: &mut World) -> StoredMedia {
    // What others are to overtake would be lost with the last of them.
    world.rtsp.link.overtaken_per_mille = 0;
    world.run_for(2 * MINUTE);
    world.switch_camera_off(false);
    world.run_for(3 * MINUTE);
    assert!(world.is_all_uploaded(), "something was never uploaded");
    all_is_well(world);
    camera_media_is_well(world);
    StoredMedia::of(world)
}

fn numbers(media: &StoredMedia) -> Vec<u64> {
    media.pictures.iter().map(|picture| picture.number).collect()
}

#[track_caller]
fn nothing_is_missing(media: &StoredMedia) {
    let numbers = numbers(media);
    let missing: Vec<_> = numbers.windows(2).filter(|pair| pair[1] != pair[0] + 1).collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert!(media.pictures.iter().all(|picture| picture.is_whole));
    assert!(media.fragments.iter().all(|fragment| !fragment.is_lossy));
}

#[test]
fn every_picture_of_a_camera_over_tcp_is_stored() {
    let mut world = World::over_rtsp(1, TCP);
    world.run_for(3 * MINUTE);
    let media = come_to_rest(&mut world);
    nothing_is_missing(&media);
    assert!(media.pictures.len() > 4 * 60 * 25, "{}", media.pictures.len());
}

#[test]
fn packets_that_are_doubled_or_overtaken_by_up_to_three_cost_nothing() {
    let mut world = World::over_rtsp(2, UDP);
    world.rtsp.link.overtaken_per_mille = 100;
    world.rtsp.link.doubled_per_mille = 100;
    world.run_for(5 * MINUTE);
    let media = come_to_rest(&mut world);
    nothing_is_missing(&media);
    assert!(media.pictures.len() > 6 * 60 * 25, "{}", media.pictures.len());
}

#[test]
fn what_is_lost_on_the_way_is_marked() {
    let mut world = World::over_rtsp(3, UDP);
    world.rtsp.link.lost_per_mille = 20;
    world.run_for(5 * MINUTE);
    let media = come_to_rest(&mut world);
    assert!(media.pictures.iter().any(|picture| !picture.is_whole), "nothing was damaged");
    assert!(media.fragments.iter().any(|fragment| fragment.is_lossy));
    assert!(media.fragments.iter().any(|fragment| !fragment.is_lossy));
}

#[test]
fn a_link_that_falls_silent_for_seconds_costs_nothing_over_tcp() {
    let mut world = World::over_rtsp(4, TCP);
    for _ in 0..5 {
        world.run_for(20 * SECOND);
        world.silence_camera_link(true);
        world.run_for(Duration::from_millis(2_500));
        world.silence_camera_link(false);
    }
    nothing_is_missing(&come_to_rest(&mut world));
}

#[test]
fn a_slow_camera_whose_answers_trickle_is_recorded() {
    let mut world = World::over_rtsp(5, TCP);
    world.rtsp.answers_after = Duration::from_millis(2_500);
    world.rtsp.answer_piece_bytes = Some(20);
    world.run_for(5 * MINUTE);
    let media = come_to_rest(&mut world);
    nothing_is_missing(&media);
    assert!(media.pictures.len() > 6 * 60 * 25, "{}", media.pictures.len());
}

#[test]
fn a_camera_that_restarts_is_recorded_within_its_time() {
    for (seed, uri) in [(6, TCP), (7, UDP)] {
        let mut world = World::over_rtsp(seed, uri);
        world.run_for(MINUTE);
        let mut returns = Vec::new();
        for off in 0..12 {
            world.switch_camera_off(off % 2 == 0);
            world.run_for(Duration::from_millis(off * 3_700));
            let boots_for = Duration::from_millis(off * 700);
            world.switch_camera_on(boots_for);
            world.run_for(boots_for);
            // A short absence is noticed by silence alone.
            let stalled = if off < 8 { STALL_AFTER + SECOND } else { Duration::ZERO };
            returns.push((world.now().wall, stalled + back_within(&world)));
            world.run_for(MINUTE);
        }
        let media = come_to_rest(&mut world);
        are_back(&media, &returns);
    }
}

#[track_caller]
fn are_back(media: &StoredMedia, returns: &[(Timestamp, Duration)]) {
    for &(from, within) in returns {
        assert!(media.has_any(from, within), "nothing is recorded within {within:?} of {from}");
    }
}

fn millis(chance: &mut SimChance, below: u64) -> Duration {
    Duration::from_millis(chance.below(below))
}

fn live(seed: u64) -> StoredMedia {
    let _seed = Seed(seed);
    let mut chance = SimChance::new(seed ^ 0x5EED);
    let is_over_udp = chance.happens(600);
    let mut world = World::over_rtsp(seed, if is_over_udp { UDP } else { TCP });
    let camera = &mut world.rtsp;
    camera.link.delay = Duration::from_millis(1 + chance.below(20));
    if chance.happens(700) {
        camera.link.lost_per_mille = chance.below(40);
    }
    camera.link.doubled_per_mille = chance.below(80);
    camera.link.overtaken_per_mille = chance.below(80);
    if chance.happens(250) {
        camera.answers_after = millis(&mut chance, 3_000);
    }
    if chance.happens(250) {
        camera.answer_piece_bytes = Some(10 + chance.below(100) as usize);
    }
    let mut returns = Vec::new();
    let mut held = Held::default();
    for _ in 0..STEPS {
        world.run_for(millis(&mut chance, 15_000));
        let lasts = millis(&mut chance, 25_000);
        // What was short is noticed by silence alone.
        let (back, stalls_for) = match chance.below(9) {
            0 => {
                world.cut_camera_link(true);
                world.run_for(lasts);
                world.cut_camera_link(false);
                (true, STALL_AFTER + SECOND)
            }
            1 => {
                world.silence_camera_link(true);
                world.run_for(lasts);
                world.silence_camera_link(false);
                (true, STALL_AFTER + SECOND)
            }
            2 | 3 => {
                world.switch_camera_off(chance.happens(500));
                world.run_for(lasts);
                let boots_for = millis(&mut chance, 5_000);
                world.switch_camera_on(boots_for);
                world.run_for(boots_for);
                (true, STALL_AFTER + SECOND)
            }
            4 => {
                let crash = if chance.happens(500) { Crash::Kill } else { Crash::PowerLoss };
                world.crash_hub(crash, lasts);
                (true, Duration::ZERO)
            }
            5 => {
                world.cut_link();
                (false, Duration::ZERO)
            }
            6 => {
                world.mend_link();
                (false, Duration::ZERO)
            }
            7 => {
                let crash = if chance.happens(500) { Crash::Kill } else { Crash::PowerLoss };
                world.crash_server(crash, lasts);
                (false, Duration::ZERO)
            }
            _ => (false, Duration::ZERO),
        };
        if back && chance.happens(600) {
            let within = stalls_for + back_within(&world);
            returns.push((world.now().wall, within));
            world.run_for(within);
        }
        every_gap_is_explained(&world);
        held.note(&world);
    }
    world.mend_link();
    let media = come_to_rest(&mut world);
    held.everything_gone_is_told(&world);
    are_back(&media, &returns);
    // Datagrams are also lost where a link falls silent.
    if !is_over_udp {
        let damaged = media.pictures.iter().filter(|picture| !picture.is_whole).count();
        assert_eq!(damaged, 0, "damaged without a loss");
    }
    assert!(media.pictures.len() > 2_500, "{} pictures", media.pictures.len());
    media
}

#[test]
fn whatever_happens_between_camera_and_hub_what_arrived_is_stored_and_the_rest_is_told() {
    in_parallel(seeds("VIGIE_SIM_WORLDS", WORLDS), |seed| drop(live(seed)));
}

/// Its answers come so late that its first picture is a tenth of a second old, and it falls silent before its markers are
/// believed: its last picture goes with the session, and would lie where the gap that is told begins.
#[test]
fn the_last_picture_of_a_session_that_falls_silent_lies_in_the_gap_that_is_told() {
    live(149);
}

#[test]
fn what_is_lost_before_a_crash_is_marked_all_the_same() {
    for crash in [Crash::Kill, Crash::PowerLoss] {
        let mut world = World::over_rtsp(8, UDP);
        world.rtsp.link.lost_per_mille = 120;
        for at in 0..40 {
            world.run_for(Duration::from_millis(5_000 + at * 137));
            world.crash_hub(crash, SECOND);
        }
        let media = come_to_rest(&mut world);
        assert!(media.pictures.iter().any(|picture| !picture.is_whole), "nothing was damaged");
    }
}

#[test]
fn one_seed_is_one_run() {
    assert_eq!(live(3), live(3));
}

/// One seed again.
#[test]
fn replay() {
    live(0);
}
