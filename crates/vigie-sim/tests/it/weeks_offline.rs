//! Weeks without a link: a hub that knows its configuration and its camera's secret needs nobody.

use std::time::Duration;

use vigie_kvs::shapes::edge::{DeletionConfig, EdgeConfig, RecorderConfig, ScheduleConfig};
use vigie_kvs::shapes::media_ledger::{LedgerKind, MediaGapReason};
use vigie_sim::checkers::{
    Held, all_is_well, frames_at_the_hub, frames_at_the_server, gaps, ledger_entries,
    the_server_knows_the_ledger,
};
use vigie_sim::hub::Crash;
use vigie_sim::world::World;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
const WINDOW_FRAMES: usize = 60 * 25;

/// A minute each noon; the world begins at nine.
fn at_noon(edge_retention_in_hours: Option<i32>) -> EdgeConfig {
    let always = World::edge_config();
    let schedule_config = Some(ScheduleConfig {
        schedule_expression: "0 0 12 * * ?".to_owned(),
        duration_in_seconds: 60,
    });
    let recorder_config = RecorderConfig { schedule_config, ..always.recorder_config.clone() };
    let deletion_config = Some(DeletionConfig {
        edge_retention_in_hours,
        delete_after_upload: Some(false),
        ..DeletionConfig::default()
    });
    EdgeConfig { recorder_config, deletion_config, ..always }
}

/// How many windows these frames are of. The camera counts what it sends: only what came before a window's first key
/// frame and after its end may be missing between two.
fn windows(frames: &[u64]) -> usize {
    let gaps = gaps(frames);
    assert!(gaps.iter().all(|(first, last)| last - first < 30), "{gaps:?}");
    frames.len().div_ceil(WINDOW_FRAMES)
}

/// A hub that loses its link three hours before its schedule's first window opens.
fn cut_off(seed: u64, edge_config: EdgeConfig) -> World {
    let mut world = World::new(seed);
    world.configure(edge_config);
    world.run_for(10 * SECOND);
    world.cut_link();
    world
}

/// The link is back for half an hour.
fn upload(world: &mut World) {
    world.mend_link();
    world.run_for(HOUR / 2);
    assert!(world.is_all_uploaded(), "something was not uploaded");
    all_is_well(world);
    the_server_knows_the_ledger(world);
}

#[test]
fn three_weeks_of_windows_are_recorded_without_a_link_and_uploaded_whole_when_it_returns() {
    let mut world = cut_off(30, at_noon(None));
    let mut held = Held::default();
    for day in 1..=21 {
        world.run_for(DAY);
        held.note(&world);
        match day {
            // A blink of the power at night, and a hub that is off over a window.
            5 => world.crash_hub(Crash::PowerLoss, 10 * SECOND),
            12 => {
                world.run_for(2 * HOUR);
                world.crash_hub(Crash::PowerLoss, 2 * HOUR);
                world.run_for(20 * HOUR);
            }
            _ => {}
        }
    }
    assert!(frames_at_the_server(&world).is_empty());
    upload(&mut world);
    let frames = frames_at_the_server(&world);
    assert_eq!(frames, frames_at_the_hub(&world));
    // Twenty-two noons, one of them while the hub was off.
    assert_eq!(windows(&frames), 21);
    assert!(ledger_entries(&world, LedgerKind::Loss).is_empty());
    held.everything_gone_is_told(&world);
    let off: Vec<_> = ledger_entries(&world, LedgerKind::Gap)
        .into_iter()
        .filter(|gap| gap.reason == MediaGapReason::HubOff)
        .collect();
    let longest = off.iter().map(|gap| gap.end_timestamp.millis_since(gap.start_timestamp)).max();
    assert!(longest.is_some_and(|ms| ms >= 2 * 3_600_000), "{off:?}");
}

#[test]
fn what_grows_too_old_without_a_link_is_a_loss_that_is_told() {
    let mut world = cut_off(31, at_noon(Some(72)));
    let mut held = Held::default();
    for _ in 0..7 {
        world.run_for(DAY);
        held.note(&world);
    }
    let kept = frames_at_the_hub(&world);
    upload(&mut world);
    assert_eq!(frames_at_the_server(&world), kept);
    assert_eq!(windows(&kept), 3);
    held.everything_gone_is_told(&world);
    let losses = ledger_entries(&world, LedgerKind::Loss);
    let by_age = losses.iter().filter(|loss| loss.reason == MediaGapReason::DeletedByAge).count();
    assert_eq!((losses.len(), by_age), (4, 4), "{losses:?}");
}
