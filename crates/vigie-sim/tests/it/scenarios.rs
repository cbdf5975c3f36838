//! Whole stories: a camera, the agent's core, the server's decisions, their stores, and things that go wrong.

use std::time::Duration;

use vigie_engine::sync::SyncState;
use vigie_kvs::shapes::edge::{
    DeletionConfig, EdgeConfig, LocalSizeConfig, RecorderConfig, ScheduleConfig,
    StrategyOnFullSize, SyncStatus,
};
use vigie_sim::checkers::{
    all_is_well, frames_at_the_hub, frames_at_the_server, gaps, no_persisted_fragment_lost,
};
use vigie_sim::hub::Crash;
use vigie_sim::world::{STREAM_ARN, World};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// The link is back, nothing happens any more: all that the hub has reaches the server.
fn come_to_rest(world: &mut World) {
    world.mend_link();
    world.run_for(3 * MINUTE);
    world.camera.is_up = false;
    world.run_for(MINUTE);
    assert!(world.is_all_uploaded(), "something was not uploaded");
}

#[test]
fn every_frame_reaches_the_server_in_order() {
    let mut world = World::recording(1);
    world.run_for(5 * MINUTE);
    come_to_rest(&mut world);
    all_is_well(&world);
    let frames = frames_at_the_server(&world);
    assert_eq!(gaps(&frames), []);
    let sent = world.camera.next_number();
    assert_eq!((frames[0], frames.len() as u64), (0, sent));
}

#[test]
fn a_network_cut_loses_nothing() {
    let mut world = World::recording(2);
    world.run_for(MINUTE);
    world.cut_link();
    world.run_for(10 * MINUTE);
    let at_the_server = frames_at_the_server(&world).len() as u64;
    assert!(at_the_server < 90 * 25, "{at_the_server} frames passed a link that is cut");
    come_to_rest(&mut world);
    all_is_well(&world);
    let frames = frames_at_the_server(&world);
    assert_eq!(gaps(&frames), []);
    assert_eq!(frames.len() as u64, world.camera.next_number());
}

#[test]
fn a_hub_that_loses_power_during_an_outage_loses_its_last_second_at_most() {
    let mut world = World::recording(3);
    world.cut_link();
    world.run_for(2 * MINUTE);
    let sent_before = world.camera.next_number();
    world.crash_hub(Crash::PowerLoss, 5 * SECOND);
    let kept = *frames_at_the_hub(&world).last().unwrap();
    // A second between commits, and the batch that was on its way.
    assert!(sent_before - kept <= 25 + 5 + 1, "{} frames lost", sent_before - kept);
    world.run_for(2 * MINUTE);
    come_to_rest(&mut world);
    all_is_well(&world);
    let frames = frames_at_the_server(&world);
    let gaps = gaps(&frames);
    assert_eq!(gaps.len(), 1, "{gaps:?}");
    assert_eq!(gaps[0].0, kept + 1);
    assert_eq!(frames_at_the_hub(&world), frames);
}

#[test]
fn a_killed_hub_uploads_nothing_twice() {
    let mut world = World::recording(4);
    for _ in 0..20 {
        world.run_for(Duration::from_millis(6_130));
        world.crash_hub(Crash::Kill, SECOND);
        all_is_well(&world);
    }
    come_to_rest(&mut world);
    all_is_well(&world);
    assert_eq!(frames_at_the_hub(&world), frames_at_the_server(&world));
}

#[test]
fn a_server_that_loses_power_keeps_what_it_called_persisted_and_gets_the_rest_again() {
    let mut world = World::recording(5);
    for _ in 0..10 {
        world.run_for(Duration::from_millis(9_870));
        world.crash_server(Crash::PowerLoss, 7 * SECOND);
        all_is_well(&world);
    }
    come_to_rest(&mut world);
    all_is_well(&world);
    let frames = frames_at_the_server(&world);
    assert_eq!(gaps(&frames), []);
    assert_eq!(frames_at_the_hub(&world), frames);
}

#[test]
fn a_configuration_for_a_silent_hub_fails_after_15_minutes_and_heals_when_it_returns() {
    let mut world = World::new(6);
    world.cut_link();
    world.run_for(MINUTE);
    world.configure(World::edge_config());
    world.run_for(14 * MINUTE);
    assert_eq!(world.server.sync(STREAM_ARN).unwrap().status(), SyncStatus::Syncing);
    world.run_for(2 * MINUTE);
    let sync = world.server.sync(STREAM_ARN).unwrap();
    assert!(matches!(sync.state, SyncState::SyncFailed { .. }), "{sync:?}");
    world.mend_link();
    world.run_for(2 * MINUTE);
    assert_eq!(world.server.sync(STREAM_ARN).unwrap().status(), SyncStatus::InSync);
    assert!(!frames_at_the_server(&world).is_empty());
}

#[test]
fn a_hub_that_restarts_without_its_server_goes_on_recording() {
    let mut world = World::recording(7);
    world.cut_link();
    world.run_for(30 * SECOND);
    world.crash_hub(Crash::PowerLoss, SECOND);
    let before = frames_at_the_hub(&world).len();
    world.run_for(MINUTE);
    let after = frames_at_the_hub(&world).len();
    assert!(after >= before + 55 * 25, "{before} frames, a minute later {after}");
    all_is_well(&world);
}

#[test]
fn a_camera_that_reboots_is_recorded_again_within_seconds() {
    let mut world = World::recording(8);
    world.camera.is_up = false;
    world.run_for(40 * SECOND);
    let before = frames_at_the_hub(&world).len();
    world.camera.is_up = true;
    world.run_for(5 * SECOND);
    let after = frames_at_the_hub(&world).len();
    // Two seconds to notice, one for the next key frame, and one that is not committed yet.
    assert!(after > before + 20, "{before} frames, five seconds later {after}");
    come_to_rest(&mut world);
    all_is_well(&world);
}

#[test]
fn deleting_the_configuration_erases_the_hub_and_leaves_the_server_alone() {
    let mut world = World::recording(9);
    world.run_for(MINUTE);
    let at_the_server = frames_at_the_server(&world).len();
    world.cut_link();
    world.run_for(30 * SECOND);
    world.server.delete_configuration(STREAM_ARN).unwrap();
    world.run_for(MINUTE);
    assert!(world.hub.media_bytes() > 0, "a hub that cannot be told erased its media");
    world.mend_link();
    world.run_for(MINUTE);
    assert_eq!(world.server.sync(STREAM_ARN), None);
    assert_eq!(world.hub.media_bytes(), 0);
    assert!(frames_at_the_server(&world).len() >= at_the_server);
    no_persisted_fragment_lost(&world);
}

#[test]
fn a_hub_that_stops_while_it_erases_goes_on_and_tells_all_that_there_was() {
    for (seed, crash) in [(12, Crash::Kill), (13, Crash::PowerLoss), (14, Crash::Kill)] {
        let mut world = World::new(seed);
        // Some 25 media files of 2 MB.
        world.camera.padding_bytes = 80_000;
        let local_size_config = Some(LocalSizeConfig {
            max_local_media_size_in_mb: Some(64),
            strategy_on_full_size: Some(StrategyOnFullSize::DenyNewMedia),
        });
        let always = World::edge_config();
        let deletion_config = Some(DeletionConfig {
            local_size_config,
            delete_after_upload: Some(false),
            ..DeletionConfig::default()
        });
        world.configure(EdgeConfig { deletion_config, ..always });
        world.run_for(30 * SECOND);
        let (held, held_bytes) = (world.hub.fragments().unwrap().len(), world.hub.media_bytes());
        world.server.delete_configuration(STREAM_ARN).unwrap();
        let mut crashes = 0;
        for _ in 0..2000 {
            let before = world.hub.media_bytes();
            world.run_for(Duration::from_millis(10));
            let left = world.hub.media_bytes();
            if left == 0 {
                break;
            }
            let state = &world.server.sync(STREAM_ARN).unwrap().state;
            let is_pending = matches!(
                state,
                SyncState::Deleting { .. } | SyncState::DeletingAcknowledged { .. }
            );
            assert!(is_pending, "{left} bytes are left: {state:?}");
            if left < before && left < held_bytes {
                crashes += 1;
                world.crash_hub(crash, SECOND);
            }
        }
        assert!(crashes >= 2, "{crashes}");
        world.run_for(MINUTE);
        assert_eq!((world.server.sync(STREAM_ARN), world.hub.media_bytes()), (None, 0));
        assert_eq!(world.hub.fragments().unwrap().len(), 0);
        let [erased] = world.server.erased.as_slice() else {
            panic!("it said different things: {:?}", world.server.erased)
        };
        assert!(erased.fragment_count >= held as u64, "{held} fragments: {erased:?}");
        assert!(erased.size_bytes >= held_bytes * 9 / 10, "{held_bytes} bytes: {erased:?}");
        no_persisted_fragment_lost(&world);
    }
}

#[test]
fn media_exists_inside_the_recording_windows_and_nowhere_else() {
    let mut world = World::new(10);
    let always = World::edge_config();
    // The world begins at nine: two windows of five minutes, at 09:10 and 09:20.
    let schedule_config = Some(ScheduleConfig {
        schedule_expression: "0 10,20 9 * * ?".to_owned(),
        duration_in_seconds: 300,
    });
    let recorder_config = RecorderConfig { schedule_config, ..always.recorder_config.clone() };
    let start = world.now().wall;
    world.configure(EdgeConfig { recorder_config, ..always });
    world.run_for(40 * MINUTE);
    all_is_well(&world);
    let fragments = world.server.fragments(STREAM_ARN);
    let minute = |time: vigie_media::Timestamp| time.millis_since(start) as f64 / 60_000.0;
    let mut covered_minutes = [0.0; 2];
    for entry in &fragments {
        let (from, until) = (minute(entry.producer_timestamp), minute(entry.producer_until()));
        let window = usize::from(from >= 20.0);
        let opens = [10.0, 20.0][window];
        assert!(from >= opens && until <= opens + 5.01, "media from {from} until {until}");
        covered_minutes[window] += until - from;
    }
    assert!(covered_minutes.iter().all(|minutes| *minutes > 4.9), "{covered_minutes:?}");
}

#[test]
fn what_is_uploaded_is_deleted_and_what_is_not_stays() {
    let mut world = World::new(11);
    let delete_after_upload =
        DeletionConfig { delete_after_upload: Some(true), ..DeletionConfig::default() };
    let always = World::edge_config();
    world.configure(EdgeConfig { deletion_config: Some(delete_after_upload), ..always });
    world.run_for(MINUTE);
    world.cut_link();
    world.run_for(25 * MINUTE);
    let waiting = frames_at_the_hub(&world).len() as u64;
    assert!(waiting >= 24 * 60 * 25, "{waiting} frames wait for the link");
    world.mend_link();
    world.run_for(30 * MINUTE);
    all_is_well(&world);
    let frames = frames_at_the_server(&world);
    assert_eq!(gaps(&frames), []);
    // Only the media file that is being written, and what is on its way.
    let left = frames_at_the_hub(&world).len();
    assert!(left <= 12 * 60 * 25, "{left} frames are still on the hub");
}
