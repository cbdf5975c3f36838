//! Deletion: limits that are kept, and what is deleted for them.

use vigie_kvs::shapes::edge::{DeletionConfig, LocalSizeConfig, StrategyOnFullSize};

use super::*;

const LIMIT_BYTES: u64 = 64_000_000;

fn limited(strategy: StrategyOnFullSize) -> EdgeConfig {
    EdgeConfig {
        uploader_config: never(),
        deletion_config: Some(DeletionConfig {
            edge_retention_in_hours: None,
            local_size_config: Some(LocalSizeConfig {
                max_local_media_size_in_mb: Some(64),
                strategy_on_full_size: Some(strategy),
            }),
            delete_after_upload: None,
        }),
        ..edge_config()
    }
}

fn bytes_on_disk(bench: &Bench) -> u64 {
    bench.media_files().iter().map(|path| std::fs::metadata(path).unwrap().len()).sum()
}

/// Records until four times the limit has come in; returns the most that was ever on disk.
fn fill(bench: &mut Bench, session: &Session) -> u64 {
    let mut most = 0;
    for _ in 0..64 {
        bench.play_frames(session, 1, 1_000_000);
        most = most.max(bytes_on_disk(bench));
    }
    most
}

#[test]
fn the_oldest_media_goes_before_the_limit_is_exceeded_and_the_loss_is_said() {
    let mut bench = Bench::new();
    bench.configure(vec![configuration(1, limited(StrategyOnFullSize::DeleteOldestMedia))]);
    let session = bench.camera_opens();
    let most = fill(&mut bench, &session);
    assert!(most <= LIMIT_BYTES, "{most} bytes were on disk");
    assert!(most > LIMIT_BYTES * 8 / 10, "deleted long before the limit: {most}");
    let snapshot = bench.snapshot();
    let stream = &snapshot.streams[0];
    assert!(stream.lost_bytes > LIMIT_BYTES * 2, "{stream:?}");
    // The service has nothing to say and lets the request go; the next one tells.
    bench.answer(None);
    let (status, details) = bench.recorder_says();
    assert_eq!(status, "SUCCESS");
    assert!(details.starts_with("recording") && details.contains("never uploaded"), "{details}");
}

#[test]
fn with_deny_new_media_recording_pauses_and_a_greater_limit_lets_it_go_on() {
    let mut bench = Bench::new();
    bench.configure(vec![configuration(1, limited(StrategyOnFullSize::DenyNewMedia))]);
    let session = bench.camera_opens();
    let most = fill(&mut bench, &session);
    assert!(most <= LIMIT_BYTES, "{most} bytes were on disk");
    bench.take("CloseSource", |effect| matches!(effect, Effect::CloseSource { .. }).then_some(()));
    let (status, details) = bench.recorder_says();
    assert_eq!(status, "USER_ERROR");
    assert!(details.contains("MaxLocalMediaSizeInMB"), "{details}");
    assert_eq!(bench.snapshot().streams[0].lost_bytes, 0);

    bench.seconds(20);
    bench.effects.retain(|effect| matches!(effect, Effect::Sync { .. }));
    let mut larger = limited(StrategyOnFullSize::DenyNewMedia);
    if let Some(deletion) = &mut larger.deletion_config
        && let Some(size) = &mut deletion.local_size_config
    {
        size.max_local_media_size_in_mb = Some(256);
    }
    bench.configure(vec![configuration(2, larger)]);
    let session = bench.camera_opens();
    bench.play_frames(&session, 10, 1_000_000);
    assert!(bytes_on_disk(&bench) > LIMIT_BYTES);
}

#[test]
fn uploaded_media_leaves_once_nothing_more_is_added_to_its_file() {
    let mut bench = Bench::new();
    bench.configure(vec![configuration(1, edge_config())]);
    let camera = bench.camera_opens();
    bench.play(&camera, 4);
    bench.source(&camera, SourceEvent::Failed(vigie_engine::recorder::Failure::Ended));
    bench.seconds(1);
    let upload = bench.upload_reconciles(&[]);
    let sent = bench.sent();
    assert_eq!(sent.len(), 4);
    bench.persisted(&upload, &sent[0]);
    bench.seconds(15);
    assert_eq!(bench.fragments().len(), 4, "three exist nowhere else");
    for fragment in &sent[1..] {
        bench.persisted(&upload, fragment);
    }
    bench.seconds(15);
    assert_eq!(bench.media_files(), Vec::<PathBuf>::new());
    assert_eq!(bench.snapshot().streams[0].lost_bytes, 0);
}

#[test]
fn media_that_is_too_old_goes_uploaded_or_not_and_the_loss_is_counted() {
    let mut bench = Bench::new();
    let mut config = limited(StrategyOnFullSize::DeleteOldestMedia);
    if let Some(deletion) = &mut config.deletion_config {
        deletion.edge_retention_in_hours = Some(1);
    }
    bench.configure(vec![configuration(1, config)]);
    let camera = bench.camera_opens();
    bench.play(&camera, 4);
    bench.source(&camera, SourceEvent::Failed(vigie_engine::recorder::Failure::Ended));
    bench.seconds(3500);
    assert_eq!(bench.fragments().len(), 4);
    bench.seconds(120);
    assert_eq!(bench.fragments().len(), 0);
    let snapshot = bench.snapshot();
    assert_eq!(snapshot.streams[0].lost_fragments, 4);
}

#[test]
fn a_full_disk_pauses_recording_harms_nothing_and_recording_goes_on_when_there_is_space() {
    let mut bench = Bench::new();
    let deny = limited(StrategyOnFullSize::DenyNewMedia);
    bench.configure(vec![configuration(1, deny)]);
    let session = bench.camera_opens();
    bench.play(&session, 4);
    bench.seconds(1);
    let before = bench.fragments();
    assert_eq!(before.len(), 3);

    bench.disk.set_free_bytes(Some(1 << 20));
    bench.play(&session, 3);
    bench.take("CloseSource", |effect| matches!(effect, Effect::CloseSource { .. }).then_some(()));
    bench.seconds(15);
    bench.answer(None);
    let (status, details) = bench.recorder_says();
    assert_eq!(status, "SYSTEM_ERROR");
    assert!(details.contains("disk"), "{details}");
    assert_eq!(bench.fragments()[..3], before[..], "nothing is deleted where the policy denies");
    assert!(bench.fragments().len() >= 4, "what was written of the open fragment stays");

    bench.effects.clear();
    bench.disk.set_free_bytes(Some(u64::MAX));
    for _ in 0..70 {
        if !bench.has(|effect| matches!(effect, Effect::OpenSource { .. })) {
            bench.seconds(1);
        }
    }
    let session = bench.take("OpenSource", |effect| match effect {
        Effect::OpenSource { session, .. } => Some(session.clone()),
        _ => None,
    });
    bench.source(&session, SourceEvent::Opened { tracks: tracks() });
    let before = bench.fragments().len();
    bench.play(&session, 5);
    assert!(bench.fragments().len() >= before + 3);
    assert!(bench.recorder_says().1.starts_with("recording"));
}

#[test]
fn limits_of_size_go_on_while_the_clock_is_not_believed_and_age_does_not() {
    let mut bench = Bench::new();
    let mut config = limited(StrategyOnFullSize::DeleteOldestMedia);
    if let Some(deletion) = &mut config.deletion_config {
        deletion.edge_retention_in_hours = Some(1);
    }
    bench.configure(vec![configuration(1, config)]);
    let session = bench.camera_opens();
    bench.play_frames(&session, 10, 1_000_000);
    bench.now.wall = bench.now.wall.plus_millis(30 * 86_400_000);
    bench.play_frames(&session, 15, 1_000);
    assert_eq!(bench.snapshot().streams[0].lost_bytes, 0, "by age");
    assert!(bench.snapshot().age_hold_left > Duration::from_secs(3_500));
    let most = fill(&mut bench, &session);
    assert!(most <= LIMIT_BYTES, "{most} bytes were on disk");
    assert!(bench.snapshot().streams[0].lost_bytes > LIMIT_BYTES, "by size");
}

#[test]
fn a_jump_of_the_clock_that_only_a_stop_sees_holds_in_the_next_process() {
    let mut bench = Bench::recording(limited(StrategyOnFullSize::DeleteOldestMedia));
    bench.seconds(120);
    bench.now.wall = bench.now.wall.plus_millis(40 * 86_400_000);
    let (_, said) = bench.sync();
    assert_eq!(said.age_hold_seconds_left, None);
    bench.event(Event::Shutdown);
    bench.kill_and_open();
    assert!(bench.snapshot().age_hold_left > Duration::from_secs(3_500));
    let (_, said) = bench.sync();
    assert!(
        (3_500..=3_600).contains(&said.age_hold_seconds_left.unwrap()),
        "the service hears of it"
    );
}
