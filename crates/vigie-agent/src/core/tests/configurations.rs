//! Configurations: taken, kept, worked by, erased.

use vigie_kvs::shapes::sync_edge_agent::{Phase, ServiceClock};

use super::*;

#[test]
fn a_configuration_is_received_then_applied_and_both_are_said() {
    let mut bench = Bench::new();
    let (_, first) = bench.sync();
    assert_eq!((first.hub_device_arn.as_str(), first.cursor, first.streams.len()), (HUB, None, 0));
    bench.event(Event::Tick);
    bench.seconds(2);
    let mut bench = Bench::new();
    bench.answer(Some(vec![configuration(7, edge_config())]));
    let (_, input) = bench.sync();
    assert_eq!(input.cursor.as_deref(), Some("after-1"));
    assert_eq!((input.streams[0].revision, input.streams[0].phase), (7, Phase::Received));
    bench.pass(Duration::from_millis(300));
    assert_eq!(bench.report().phase, Phase::Applied);
}

#[test]
fn what_cannot_be_worked_by_is_failed_with_a_sentence() {
    let mut bench = Bench::new();
    let mut config = edge_config();
    config.recorder_config.schedule_config = schedule("0 0 25 * * ?", 60);
    bench.configure(vec![configuration(1, config)]);
    let report = bench.report();
    assert_eq!(report.phase, Phase::Failed);
    let details = report.failed_status_details.unwrap();
    assert!(details.contains("ScheduleExpression"), "{details}");
    // A later revision heals it.
    bench.seconds(20);
    bench.configure(vec![configuration(2, edge_config())]);
    let report = bench.report();
    assert_eq!((report.phase, report.failed_status_details), (Phase::Applied, None));
}

/// What an older version worked by and this one refuses: the hub starts with it on its disk.
#[test]
fn a_saved_configuration_that_this_version_refuses_is_failed_at_the_start() {
    let mut bench = Bench::new();
    let mut config = edge_config();
    config.recorder_config.schedule_config = schedule("0 0 9 ? * MON,FRI", 60);
    bench.configure(vec![configuration(1, config)]);
    assert_eq!(bench.report().phase, Phase::Applied);
    let path = bench.directory.join("configurations.json");
    let saved = std::fs::read_to_string(&path).unwrap();
    assert!(saved.contains("MON,FRI") && saved.contains("APPLIED"), "{saved}");
    #[allow(clippy::disallowed_methods, reason = "the test is the older version")]
    std::fs::write(&path, saved.replace("MON,FRI", "MON,L")).unwrap();
    bench.kill_and_open();
    let report = bench.report();
    assert_eq!((report.revision, report.phase), (1, Phase::Failed));
    assert_eq!(report.recorder_status, None, "there is no job");
    let details = report.failed_status_details.unwrap();
    assert!(details.contains("ScheduleExpression") && details.contains("SAT"), "{details}");
    assert!(!bench.has(|effect| matches!(effect, Effect::OpenSource { .. })));
}

#[test]
fn a_hub_that_starts_without_its_service_records_by_what_it_kept() {
    let mut bench = Bench::recording(edge_config());
    bench.kill_and_open();
    // Neither the configuration nor the secret is asked for before the camera is.
    let session = bench.take("OpenSource", |effect| match effect {
        Effect::OpenSource { session, .. } => Some(session.clone()),
        _ => None,
    });
    let (request, input) = bench.sync();
    assert_eq!((input.streams[0].revision, input.streams[0].phase), (1, Phase::Applied));
    bench.event(Event::SyncFailed { request, failure: CallFailure::Unreachable });
    bench
        .event(Event::SecretFailed { session: session.clone(), failure: CallFailure::Unreachable });
    bench.source(&session, SourceEvent::Opened { tracks: tracks() });
    bench.play(&session, 3);
    assert!(bench.fragments().len() >= 2);
    assert!(!bench.snapshot().in_contact);
}

#[test]
fn the_saved_file_is_readable_by_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::recording(edge_config());
    let path = bench.directory.join("configurations.json");
    assert!(std::fs::read_to_string(&path).unwrap().contains("hunter2"), "kept to record offline");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_saved_file_that_cannot_be_read_is_said_without_its_content() {
    let bench = Bench::recording(edge_config());
    let path = bench.directory.join("configurations.json");
    #[allow(clippy::disallowed_methods, reason = "the test damages the file")]
    std::fs::write(&path, r#"{"version":1,"streams":{"rtsp://bob:hunter2@camera":7}}"#).unwrap();
    let saved = super::saved::SavedConfigurations::new(Arc::new(OsDisk), &bench.directory);
    let error = saved.load().unwrap_err().to_string();
    assert!(error.contains("configurations.json") && !error.contains("hunter2"), "{error}");
}

#[test]
fn a_stream_that_the_service_does_not_mention_works_on() {
    let mut bench = Bench::recording(edge_config());
    bench.configure(vec![]);
    assert_eq!(bench.report().phase, Phase::Applied);
    assert!(!bench.has(|effect| matches!(effect, Effect::CloseSource { .. })));
}

#[test]
fn deletion_erases_all_media_says_so_and_is_forgotten_once_it_is_not_mentioned() {
    let mut bench = Bench::new();
    bench.configure(vec![configuration(
        1,
        EdgeConfig { uploader_config: never(), ..edge_config() },
    )]);
    let session = bench.camera_opens();
    bench.play(&session, 5);
    assert!(!bench.media_files().is_empty());
    let delete = Configuration { action: Action::Delete, ..configuration(2, edge_config()) };
    bench.answer(Some(vec![delete.clone()]));
    let report = bench.report();
    assert_eq!((report.revision, report.phase), (2, Phase::Received));
    bench.pass(Duration::from_millis(300));
    let report = bench.report();
    assert_eq!((report.phase, report.recorder_status), (Phase::Erased, None));
    bench.take("CloseSource", |effect| matches!(effect, Effect::CloseSource { .. }).then_some(()));
    assert_eq!((bench.media_files(), bench.fragments()), (vec![], vec![]));
    let saved = std::fs::read_to_string(bench.directory.join("configurations.json")).unwrap();
    assert!(!saved.contains("hunter2"), "the camera's password is erased too");

    // The service still says so: nothing is to be done, also after a restart.
    bench.kill_and_open();
    assert_eq!(bench.report().phase, Phase::Erased);
    bench.seconds(25);
    bench.configure(vec![delete]);
    bench.seconds(25);
    bench.configure(vec![]);
    bench.seconds(25);
    assert_eq!(bench.sync().1.streams, []);

    // And the stream can come back.
    bench.seconds(25);
    bench.configure(vec![configuration(3, edge_config())]);
    assert_eq!(bench.report().phase, Phase::Applied);
}

#[test]
fn a_hub_that_dies_between_taking_a_deletion_and_doing_it_does_it_when_it_starts() {
    let mut bench = Bench::recording(edge_config());
    let session = bench
        .effects
        .iter()
        .find_map(|_| None::<Session>)
        .unwrap_or(Session { stream: ARN.into(), number: 1 });
    bench.play(&session, 3);
    let delete = Configuration { action: Action::Delete, ..configuration(2, edge_config()) };
    bench.answer(Some(vec![delete]));
    bench.kill_and_open();
    bench.seconds(1);
    assert_eq!(bench.report().phase, Phase::Erased);
    assert_eq!(bench.media_files(), Vec::<PathBuf>::new());
}

#[test]
fn a_late_answer_to_a_replaced_request_moves_nothing() {
    let mut bench = Bench::recording(edge_config());
    let (request, _) = bench.sync();
    let delete = Configuration { action: Action::Delete, ..configuration(2, edge_config()) };
    let output = SyncEdgeAgentOutput {
        cursor: "old".to_owned(),
        configurations: Some(vec![delete]),
        ledgers: Vec::new(),
        requests: None,
        clock: None,
    };
    bench.event(Event::SyncAnswered { request: request - 1, output });
    bench.seconds(2);
    assert!(!bench.has(|effect| matches!(effect, Effect::CloseSource { .. })));
}

#[test]
fn a_service_that_is_away_is_asked_again_for_ever_and_never_in_a_rush() {
    let mut bench = Bench::new();
    let mut asked = 0;
    for _ in 0..120 {
        bench.seconds(1);
        if bench.has(|effect| matches!(effect, Effect::Sync { .. })) {
            let (request, _) = bench.sync();
            asked += 1;
            bench.event(Event::SyncFailed { request, failure: CallFailure::Unreachable });
        }
    }
    assert!((8..=40).contains(&asked), "asked {asked} times in two minutes");
}

#[test]
fn shutting_down_seals_and_keeps_everything() {
    let mut bench = Bench::new();
    bench.configure(vec![configuration(1, edge_config())]);
    let session = bench.camera_opens();
    bench.play(&session, 3);
    bench.event(Event::Shutdown);
    assert!(bench.hub().has_stopped() && !bench.hub().has_failed());
    bench.take("CloseSource", |effect| matches!(effect, Effect::CloseSource { .. }).then_some(()));
    assert_eq!(bench.fragments().len(), 3);
    assert_eq!(bench.fragments()[2].entry.frame_count, 4);
}

#[test]
fn the_difference_of_the_clocks_is_measured_with_each_call_and_said_with_the_next() {
    let mut bench = Bench::new();
    let (request, input) = bench.sync();
    assert_eq!(input.clock_skew_milliseconds, None);
    // The service is 6.2 s behind, has the call after 50 ms, and holds it for 20 s.
    let received_timestamp = bench.now.wall.plus_millis(50 - 6_200);
    bench.pass(Duration::from_millis(20_100));
    let clock = Some(ServiceClock { received_timestamp, held_milliseconds: 20_000 });
    let output =
        SyncEdgeAgentOutput { cursor: "1".to_owned(), clock, ..SyncEdgeAgentOutput::default() };
    bench.event(Event::SyncAnswered { request, output });
    assert_eq!(bench.snapshot().clock_skew_ms, Some(6_200));
    bench.seconds(1);
    let (_, input) = bench.sync();
    assert_eq!(input.clock_skew_milliseconds, Some(6_200));
    // An older service says nothing of its clock: what was known stands.
    bench.answer(None);
    assert_eq!(bench.snapshot().clock_skew_ms, Some(6_200));
}

#[test]
fn what_is_erased_is_counted_before_it_goes_and_told_over_restarts() {
    let mut bench = Bench::new();
    let never_uploads = EdgeConfig { uploader_config: never(), ..edge_config() };
    bench.configure(vec![configuration(1, never_uploads)]);
    let camera = bench.camera_opens();
    bench.play(&camera, 5);
    bench.seconds(2);
    let held = bench.fragments().len() as u64;
    assert!(held >= 4, "{held}");
    bench.effects.retain(|effect| matches!(effect, Effect::Sync { .. }));
    bench.answer(Some(vec![Configuration {
        action: Action::Delete,
        ..configuration(2, edge_config())
    }]));
    bench.pass(Duration::from_millis(300));
    let report = bench.report();
    assert_eq!(report.phase, Phase::Erased);
    let erased = report.erased_media.unwrap();
    assert!(
        erased.not_uploaded.fragment_count >= held && erased.not_uploaded.size_bytes > 0,
        "{erased:?}"
    );
    assert_eq!(erased.not_uploaded_ranges.len(), 1);
    assert!(bench.media_files().is_empty());
    bench.kill_and_open();
    bench.pass(Duration::from_millis(300));
    assert_eq!(bench.report().erased_media, Some(erased));
}
