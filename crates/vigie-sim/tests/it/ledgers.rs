//! What the ledgers tell of worlds in which media is missing, and that their checkers can fail.

use std::time::Duration;

use vigie_engine::chance::Chance;
use vigie_kvs::shapes::edge::{
    DeletionConfig, EdgeConfig, LocalSizeConfig, RecorderConfig, ScheduleConfig,
    StrategyOnFullSize, UploaderConfig,
};
use vigie_kvs::shapes::media_ledger::{LedgerKind, MediaGapReason};
use vigie_sim::chance::SimChance;
use vigie_sim::checkers::{
    Held, every_gap_is_explained, index_matches_disk, ledger_entries, no_persisted_fragment_lost,
    nothing_uploaded_twice, the_server_knows_the_ledger, unexplained,
};
use vigie_sim::hub::Crash;
use vigie_sim::world::World;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const CAP_BYTES: u64 = 64_000_000;

fn scheduled() -> EdgeConfig {
    let always = World::edge_config();
    // The world begins at nine.
    let schedule_config = Some(ScheduleConfig {
        schedule_expression: "0 5,15 9 * * ?".to_owned(),
        duration_in_seconds: 300,
    });
    let recorder_config = RecorderConfig { schedule_config, ..always.recorder_config.clone() };
    EdgeConfig { recorder_config, ..always }
}

/// Some 2 MB a second and 64 MB of room.
fn cramped(strategy: StrategyOnFullSize, uploads: bool) -> (World, EdgeConfig) {
    let mut world = World::new(21);
    world.camera.padding_bytes = 80_000;
    let never = Some(UploaderConfig {
        schedule_config: Some(ScheduleConfig {
            schedule_expression: "0 0 0 1 1 ? 2099".to_owned(),
            duration_in_seconds: 60,
        }),
    });
    let always = World::edge_config();
    let config = EdgeConfig {
        uploader_config: if uploads { always.uploader_config.clone() } else { never },
        deletion_config: Some(DeletionConfig {
            edge_retention_in_hours: None,
            local_size_config: Some(LocalSizeConfig {
                max_local_media_size_in_mb: Some(64),
                strategy_on_full_size: Some(strategy),
            }),
            delete_after_upload: Some(uploads),
        }),
        ..always
    };
    (world, config)
}

fn reasons(world: &World) -> Vec<MediaGapReason> {
    ledger_entries(world, LedgerKind::Gap).iter().map(|entry| entry.reason).collect()
}

#[test]
fn a_day_of_windows_outages_and_crashes_is_told_and_reaches_the_server() {
    let mut world = World::new(20);
    world.configure(scheduled());
    world.run_for(7 * MINUTE);
    world.camera.is_up = false;
    world.run_for(MINUTE);
    world.camera.is_up = true;
    world.run_for(4 * MINUTE);
    world.crash_hub(Crash::PowerLoss, MINUTE);
    world.run_for(4 * MINUTE);
    world.crash_hub(Crash::Kill, MINUTE);
    world.run_for(5 * MINUTE);
    every_gap_is_explained(&world);
    the_server_knows_the_ledger(&world);
    let reasons = reasons(&world);
    for expected in
        [MediaGapReason::ScheduleClosed, MediaGapReason::SourceOffline, MediaGapReason::HubOff]
    {
        assert!(reasons.contains(&expected), "{reasons:?}");
    }
    assert!(ledger_entries(&world, LedgerKind::Loss).is_empty());
}

#[test]
fn the_checker_of_gaps_sees_each_entry_that_is_missing() {
    let mut world = World::new(22);
    world.configure(scheduled());
    world.run_for(7 * MINUTE);
    world.crash_hub(Crash::Kill, MINUTE);
    world.run_for(5 * MINUTE);
    let gaps = ledger_entries(&world, LedgerKind::Gap);
    assert!(gaps.len() >= 2, "{gaps:?}");
    assert_eq!(unexplained(&world, &gaps), []);
    for missing in 0..gaps.len() {
        let mut rest = gaps.clone();
        let entry = rest.remove(missing);
        if entry.end_timestamp.millis_since(entry.start_timestamp) > 1_500 {
            let holes = unexplained(&world, &rest);
            assert_eq!(holes, [(entry.start_timestamp, entry.end_timestamp)]);
        }
    }
}

#[test]
fn what_the_cap_costs_is_told_and_the_cap_is_never_exceeded() {
    let (mut world, config) = cramped(StrategyOnFullSize::DeleteOldestMedia, false);
    world.configure(config);
    let mut held = Held::default();
    for round in 0..24 {
        world.run_for(3 * SECOND);
        assert!(world.hub.media_bytes() <= CAP_BYTES, "{}", world.hub.media_bytes());
        held.note(&world);
        if round % 8 == 7 {
            let crash = if round == 7 { Crash::Kill } else { Crash::PowerLoss };
            world.crash_hub(crash, 3 * SECOND);
        }
    }
    assert!(world.hub.media_bytes_most() <= CAP_BYTES, "{}", world.hub.media_bytes_most());
    world.run_for(20 * SECOND);
    held.everything_gone_is_told(&world);
    every_gap_is_explained(&world);
    the_server_knows_the_ledger(&world);
    let losses = ledger_entries(&world, LedgerKind::Loss);
    let lost: u64 = losses.iter().map(|loss| loss.size_bytes).sum();
    assert!(lost > 50_000_000, "{losses:?}");
    assert!(losses.iter().all(|loss| loss.reason == MediaGapReason::DeletedBySize));
}

#[test]
#[should_panic(expected = "no loss tells of it")]
fn the_checker_of_losses_sees_a_loss_that_nobody_told() {
    let (mut world, config) = cramped(StrategyOnFullSize::DeleteOldestMedia, false);
    world.configure(config);
    let mut held = Held::default();
    for _ in 0..20 {
        world.run_for(3 * SECOND);
        held.note(&world);
    }
    held.everything_gone_is_told_by(&world, &[]);
}

#[test]
fn a_cap_that_denies_new_media_pauses_and_says_so() {
    let (mut world, config) = cramped(StrategyOnFullSize::DenyNewMedia, false);
    world.configure(config);
    world.run_for(MINUTE);
    let full = world.hub.media_bytes();
    assert!((CAP_BYTES / 2..=CAP_BYTES).contains(&full), "{full}");
    world.run_for(MINUTE);
    assert_eq!(world.hub.media_bytes(), full);
    every_gap_is_explained(&world);
    assert!(ledger_entries(&world, LedgerKind::Loss).is_empty());
    // A new configuration brings room.
    let (_, roomy) = cramped(StrategyOnFullSize::DeleteOldestMedia, false);
    world.configure(roomy);
    world.run_for(MINUTE);
    let reasons = reasons(&world);
    assert!(reasons.contains(&MediaGapReason::DiskDenied), "{reasons:?}");
    every_gap_is_explained(&world);
}

/// A hub with little room on a bad link, whose disk is small as well.
fn live(seed: u64) {
    let mut chance = SimChance::new(seed ^ 0x1ED6E5);
    let strategy = match chance.below(3) {
        0 => StrategyOnFullSize::DenyNewMedia,
        _ => StrategyOnFullSize::DeleteOldestMedia,
    };
    let (mut world, config) = cramped(strategy, chance.happens(800));
    world.configure(config);
    let mut held = Held::default();
    for _ in 0..16 {
        world.run_for(Duration::from_millis(chance.below(8_000)));
        match chance.below(8) {
            0 => world.cut_link(),
            1 | 2 => world.mend_link(),
            3 => {
                let crash = if chance.happens(500) { Crash::Kill } else { Crash::PowerLoss };
                world.crash_hub(crash, Duration::from_millis(chance.below(9_000)));
            }
            4 => world.camera.is_up = !world.camera.is_up,
            5 => world.clock.step_wall(chance.below(4_000) as i64 - 2_000),
            6 => world.hub.disk.set_capacity_bytes(20_000_000 + chance.below(80_000_000)),
            _ => {}
        }
        assert!(world.hub.media_bytes_most() <= CAP_BYTES);
        no_persisted_fragment_lost(&world);
        nothing_uploaded_twice(&world);
        every_gap_is_explained(&world);
        held.note(&world);
    }
    world.mend_link();
    world.hub.disk.set_capacity_bytes(1 << 30);
    world.run_for(MINUTE);
    // What a full disk left behind is reclaimed at the start.
    world.crash_hub(Crash::Kill, SECOND);
    index_matches_disk(&world);
    world.run_for(20 * SECOND);
    every_gap_is_explained(&world);
    held.everything_gone_is_told(&world);
    world.camera.is_up = false;
    world.run_for(30 * SECOND);
    the_server_knows_the_ledger(&world);
}

#[test]
fn whatever_happens_to_a_cramped_hub_every_gap_and_loss_is_told() {
    for seed in 0..12 {
        let told = std::panic::catch_unwind(|| live(seed));
        assert!(told.is_ok(), "seed {seed}: see above");
    }
}
