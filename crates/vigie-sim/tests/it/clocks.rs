//! Hubs whose clock is wrong and is set right: what is recorded when, what the ledger says, and that all is uploaded.

use std::time::Duration;

use vigie_engine::chance::Chance;
use vigie_kvs::shapes::edge::{DeletionConfig, EdgeConfig, ScheduleConfig, UploaderConfig};
use vigie_kvs::shapes::media_ledger::{LedgerKind, MediaGapReason};
use vigie_media::Timestamp;
use vigie_sim::chance::SimChance;
use vigie_sim::checkers::{
    every_gap_is_explained, index_matches_disk, ledger_entries, no_persisted_fragment_lost,
    nothing_marked_uploaded_that_is_not, nothing_uploaded_twice, the_server_knows_the_ledger,
};
use vigie_sim::hub::Crash;
use vigie_sim::seeds::{in_parallel, seeds};
use vigie_sim::world::{STREAM_ARN, World};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const DAY_MS: i64 = 86_400_000;

/// The fragments of the hub in the order in which they were written: begin and end.
fn written(world: &World) -> Vec<(Timestamp, Timestamp)> {
    let fragments = world.hub.fragments().unwrap_or_else(|error| panic!("the hub: {error}"));
    fragments
        .iter()
        .map(|fragment| (fragment.entry.producer_timestamp, fragment.entry.producer_until()))
        .collect()
}

/// Everything holds that can hold while media lies in the future, and all of it reaches the server.
fn comes_to_rest(world: &mut World) {
    world.run_for(2 * MINUTE);
    world.camera.is_up = false;
    world.run_for(MINUTE);
    assert!(world.is_all_uploaded(), "something was not uploaded");
    no_persisted_fragment_lost(world);
    nothing_uploaded_twice(world);
    nothing_marked_uploaded_that_is_not(world);
    index_matches_disk(world);
    every_gap_is_explained(world);
    the_server_knows_the_ledger(world);
    assert_eq!(world.server.errors_said, [], "the server refused something");
    let stored = world.server.fragments(STREAM_ARN).len();
    assert_eq!(stored, written(world).len());
}

/// Media behind `until` does not overlap, but for what lies beyond `future`, and none of it is far from its time.
fn nothing_lies_over_another(world: &World, future: Timestamp) {
    let mut media = written(world);
    media.retain(|(from, _)| *from < future);
    for pair in media.windows(2) {
        assert!(pair[0].1.millis_since(pair[1].0) <= 80, "{pair:?}");
    }
}

#[test]
fn a_hub_that_was_a_day_ahead_steps_back_and_says_where_its_media_is() {
    let mut world = World::recording(41);
    world.run_for(MINUTE);
    let set = world.now().wall;
    world.clock.step_wall(DAY_MS);
    world.run_for(15 * SECOND);
    world.clock.step_wall(-DAY_MS);
    world.run_for(5 * MINUTE);
    let now = world.now().wall;
    let media = written(&world);
    let ahead: Vec<_> = media.iter().filter(|(from, _)| *from > now).collect();
    let ahead_ms: i64 = ahead.iter().map(|(from, until)| until.millis_since(*from)).sum();
    assert!((14_000..=17_000).contains(&ahead_ms), "{ahead:?}");
    let newest = media.last().unwrap();
    assert!((-3_000..=0).contains(&newest.0.millis_since(now)), "{newest:?}, now {now}");
    nothing_lies_over_another(&world, now);
    comes_to_rest(&mut world);
    // What was not recorded at its time is one gap, which ends where time stepped back.
    let gaps = ledger_entries(&world, LedgerKind::Gap);
    let gap = gaps.iter().find(|gap| gap.reason == MediaGapReason::ClockSet).unwrap();
    assert!(gap.start_timestamp.millis_since(set).abs() <= 1_000, "{gap:?}, set at {set}");
    assert!((14_000..=17_000).contains(&gap.end_timestamp.millis_since(set)), "{gap:?}, {set}");
    assert!(gaps.iter().all(|gap| gap.end_timestamp <= now.plus_millis(300_000)), "{gaps:?}");
}

#[test]
fn media_of_the_future_holds_back_no_hourly_upload() {
    let mut world = World::new(42);
    let config = EdgeConfig {
        uploader_config: Some(UploaderConfig { schedule_config: None }),
        ..World::edge_config()
    };
    world.configure(config);
    world.run_for(5 * MINUTE);
    world.clock.step_wall(DAY_MS);
    world.run_for(MINUTE);
    world.clock.step_wall(-DAY_MS);
    // The world began at nine: past ten, all of the hour before is due.
    world.run_for(56 * MINUTE);
    let hour = world.now().wall.plus_millis(-world.now().wall.as_millis().rem_euclid(3_600_000));
    let fragments = world.hub.fragments().unwrap();
    let due = fragments.iter().filter(|fragment| fragment.entry.producer_timestamp < hour);
    let waiting = due.filter(|fragment| !fragment.entry.uploaded).count();
    assert_eq!(waiting, 0);
    assert!(fragments.len() > 3_000);
    assert_eq!(world.server.errors_said, []);
}

#[test]
fn restarts_in_every_state_of_a_clock_that_is_set_lead_to_the_right_time() {
    for crash in [Crash::Kill, Crash::PowerLoss] {
        for state in 0..5 {
            let mut world = World::recording(50 + state);
            world.run_for(30 * SECOND);
            world.clock.step_wall(DAY_MS);
            world.run_for(20 * SECOND);
            match state {
                // While it is ahead.
                0 => world.crash_hub(crash, SECOND),
                // And is off when the clock is set right.
                1 => {
                    world.crash_hub(crash, SECOND);
                    world.run_for(200 * Duration::from_millis(1));
                    world.clock.step_wall(-DAY_MS);
                    world.crash_hub(crash, SECOND);
                }
                _ => {}
            }
            if state != 1 {
                world.clock.step_wall(-DAY_MS);
            }
            match state {
                // At once, before anything of it is durable; a little later; and when all is settled.
                2 => world.crash_hub(crash, SECOND),
                3 => {
                    world.run_for(Duration::from_millis(1_300));
                    world.crash_hub(crash, SECOND);
                }
                4 => {
                    world.run_for(30 * SECOND);
                    world.crash_hub(crash, 10 * SECOND);
                }
                _ => {}
            }
            world.run_for(MINUTE);
            let now = world.now().wall;
            let newest = *written(&world).last().unwrap();
            let off_ms = newest.0.millis_since(now);
            assert!((-3_500..=0).contains(&off_ms), "{crash:?}, {state}: {off_ms} ms");
            nothing_lies_over_another(&world, now);
            comes_to_rest(&mut world);
        }
    }
}

#[test]
fn gaps_are_told_at_their_time_after_a_clock_was_set_right_without_a_camera() {
    let mut world = World::recording(43);
    world.clock.step_wall(DAY_MS);
    world.run_for(20 * SECOND);
    world.camera.is_up = false;
    world.run_for(20 * SECOND);
    world.clock.step_wall(-DAY_MS);
    world.run_for(5 * MINUTE);
    let back = world.now().wall;
    world.camera.is_up = true;
    world.run_for(MINUTE);
    let gaps = ledger_entries(&world, LedgerKind::Gap);
    let told = gaps.iter().any(|gap| {
        gap.reason == MediaGapReason::SourceOffline
            && gap.end_timestamp.millis_since(back).abs() < 5_000
            && gap.end_timestamp.millis_since(gap.start_timestamp) > 290_000
    });
    assert!(told, "{gaps:?}, back at {back}");
    comes_to_rest(&mut world);
}

#[test]
fn a_hub_that_boots_without_a_clock_goes_on_behind_its_media_and_is_right_once_the_clock_is_set() {
    let mut world = World::recording(44);
    world.run_for(MINUTE);
    let year_1970_ms = world.now().wall.as_millis() - 40_000;
    world.clock.step_wall(-year_1970_ms);
    world.crash_hub(Crash::PowerLoss, 5 * SECOND);
    world.run_for(MINUTE);
    world.clock.step_wall(year_1970_ms + 600_000);
    world.run_for(2 * MINUTE);
    let now = world.now().wall;
    let newest = *written(&world).last().unwrap();
    assert!((-3_500..=0).contains(&newest.0.millis_since(now)), "{newest:?}, now {now}");
    let media = written(&world);
    assert!(media.windows(2).all(|pair| pair[0].0 < pair[1].0), "no media lies in 1970");
    nothing_lies_over_another(&world, now);
    comes_to_rest(&mut world);
}

#[test]
fn a_hub_that_first_boots_without_a_clock_records_and_uploads_nevertheless() {
    let mut world = World::new(45);
    let year_1970_ms = world.now().wall.as_millis() - 40_000;
    world.clock.step_wall(-year_1970_ms);
    world.crash_hub(Crash::Kill, SECOND);
    world.configure(World::edge_config());
    world.run_for(MINUTE);
    world.clock.step_wall(year_1970_ms);
    world.run_for(MINUTE);
    let now = world.now().wall;
    let newest = *written(&world).last().unwrap();
    assert!((-3_500..=0).contains(&newest.0.millis_since(now)), "{newest:?}, now {now}");
    // On the hub, what says that it is of 1970 is deleted by its age; it has been uploaded.
    let fragments = world.server.fragments(STREAM_ARN);
    let frames: u64 = fragments.iter().map(|f| u64::from(f.frame_count)).sum();
    assert!(frames > 110 * 25, "{frames} frames");
    assert!(ledger_entries(&world, LedgerKind::Loss).is_empty());
    assert_eq!(world.server.errors_said, []);
}

/// A hub that keeps its media for an hour, and never uploads it.
fn keeping_an_hour(seed: u64) -> World {
    let mut world = World::new(seed);
    let never = ScheduleConfig {
        schedule_expression: "0 0 0 1 1 ? 2099".to_owned(),
        duration_in_seconds: 60,
    };
    let deletion_config = Some(DeletionConfig {
        edge_retention_in_hours: Some(1),
        delete_after_upload: Some(false),
        ..DeletionConfig::default()
    });
    world.configure(EdgeConfig {
        uploader_config: Some(UploaderConfig { schedule_config: Some(never) }),
        deletion_config,
        ..World::edge_config()
    });
    world.run_for(MINUTE);
    world
}

fn lost_fragments(world: &World) -> u64 {
    let losses = ledger_entries(world, LedgerKind::Loss);
    losses.iter().map(|loss| loss.fragment_count).sum()
}

#[test]
fn a_clock_two_hours_ahead_for_a_moment_deletes_nothing_by_age_and_age_counts_again_an_hour_later()
{
    let mut world = keeping_an_hour(60);
    let before = written(&world).len();
    world.clock.step_wall(2 * 3_600_000);
    world.run_for(25 * SECOND);
    world.clock.step_wall(-2 * 3_600_000);
    world.run_for(MINUTE);
    assert!(written(&world).len() > before + 60);
    assert_eq!(lost_fragments(&world), 0);
    world.run_for(55 * MINUTE);
    assert_eq!(lost_fragments(&world), 0);
    // Media of more than an hour, by a clock that is believed again.
    world.run_for(70 * MINUTE);
    assert!(lost_fragments(&world) > 1_000);
    every_gap_is_explained(&world);
}

#[test]
fn a_hub_that_stays_ahead_keeps_its_media_for_an_hour_from_the_jump() {
    let mut world = keeping_an_hour(61);
    world.clock.step_wall(DAY_MS);
    world.run_for(58 * MINUTE);
    assert_eq!(lost_fragments(&world), 0);
    world.run_for(5 * MINUTE);
    assert!(lost_fragments(&world) > 0);
}

#[test]
fn boots_and_restarts_with_a_wrong_clock_delete_nothing_by_age() {
    for crash in [Crash::Kill, Crash::PowerLoss] {
        for wrong_ms in [-1_772_000_000_000, 30 * DAY_MS, 6 * 60_000, -6 * 60_000] {
            let mut world = keeping_an_hour(62);
            world.run_for(15 * SECOND);
            // The power goes, and the clock with it.
            world.clock.step_wall(wrong_ms);
            world.crash_hub(crash, 5 * SECOND);
            world.run_for(MINUTE);
            // A restart does not end the hour.
            world.crash_hub(crash, SECOND);
            world.run_for(MINUTE);
            world.clock.step_wall(-wrong_ms);
            world.run_for(MINUTE);
            world.crash_hub(crash, SECOND);
            world.run_for(5 * MINUTE);
            assert_eq!(lost_fragments(&world), 0, "{crash:?} {wrong_ms}");
        }
    }
}

/// Steps of the clock and crashes by chance, within the hour for which everything is kept.
fn random_jumps(seed: u64) {
    let mut chance = SimChance::new(seed);
    let mut world = keeping_an_hour(seed);
    let mut stepped_ms = 0;
    for _ in 0..12 {
        match chance.next_u64() % 4 {
            0 => {
                let days = (chance.next_u64() % 2_000) as i64 - 1_000;
                let ms = days * DAY_MS + (chance.next_u64() % 7_200_000) as i64;
                world.clock.step_wall(ms);
                stepped_ms += ms;
            }
            1 => world.crash_hub(Crash::Kill, SECOND * (chance.next_u64() % 90) as u32),
            2 => world.crash_hub(Crash::PowerLoss, SECOND * (chance.next_u64() % 90) as u32),
            _ => {}
        }
        world.run_for(SECOND * (chance.next_u64() % 150) as u32);
    }
    world.clock.step_wall(-stepped_ms);
    world.run_for(MINUTE);
    assert_eq!(lost_fragments(&world), 0, "seed {seed}");
    no_persisted_fragment_lost(&world);
    index_matches_disk(&world);
}

#[test]
fn no_seed_of_jumps_and_crashes_deletes_by_age_what_is_younger_than_its_retention() {
    in_parallel(seeds("VIGIE_SIM_SEEDS", 12), |seed| random_jumps(1_000 + seed));
}
