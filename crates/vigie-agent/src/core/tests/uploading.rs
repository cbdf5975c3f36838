//! From fragments in the store to the service, once each.

use super::*;

fn uploading() -> (Bench, Session) {
    let mut bench = Bench::new();
    bench.configure(vec![configuration(1, edge_config())]);
    let camera = bench.camera_opens();
    bench.play(&camera, 4);
    bench.seconds(1);
    (bench, camera)
}

fn uploaded(bench: &mut Bench) -> Vec<bool> {
    bench.fragments().iter().map(|fragment| fragment.entry.uploaded).collect()
}

#[test]
fn a_fragment_is_uploaded_when_the_service_says_persisted_and_the_mark_survives() {
    let (mut bench, camera) = uploading();
    let upload = bench.upload_reconciles(&[]);
    let sent = bench.sent();
    assert_eq!(sent, bench.fragments());
    for acknowledged in &sent[..2] {
        bench.persisted(&upload, acknowledged);
    }
    bench.play(&camera, 1);
    assert_eq!(uploaded(&mut bench)[..3], [true, true, false]);
    bench.kill_and_open();
    assert_eq!(uploaded(&mut bench)[..3], [true, true, false]);
}

#[test]
fn the_live_edge_is_followed_on_one_connection() {
    let (mut bench, camera) = uploading();
    let upload = bench.upload_reconciles(&[]);
    for fragment in bench.sent() {
        bench.persisted(&upload, &fragment);
    }
    for _ in 0..5 {
        bench.play(&camera, 2);
        let sent = bench.sent();
        assert!(!sent.is_empty());
        for fragment in &sent {
            bench.persisted(&upload, fragment);
        }
    }
    assert!(!bench.has(|effect| matches!(effect, Effect::OpenUpload { .. })));
}

#[test]
fn a_fragment_is_sent_the_moment_that_it_is_whole() {
    let (mut bench, camera) = uploading();
    let upload = bench.upload_reconciles(&[]);
    for fragment in bench.sent() {
        bench.persisted(&upload, &fragment);
    }
    bench.play(&camera, 1);
    bench.pass(Duration::from_millis(250));
    bench.sent();
    let whole = bench.fragments().len();
    // The picture that begins the next one; no time passes.
    let key_frame = bench.frame(250, true, 1000);
    bench.source(&camera, SourceEvent::Frames(vec![key_frame]));
    assert_eq!(bench.fragments().len(), whole + 1, "it is durable");
    let sent: Vec<u64> = bench.sent().iter().map(|sent| sent.entry.sequence).collect();
    assert_eq!(sent, [bench.fragments()[whole].entry.sequence]);
}

#[test]
fn what_nobody_waits_for_is_committed_each_second() {
    let (mut bench, camera) = uploading();
    // The upload is refused, and tried again later.
    let session = bench.take("OpenUpload", |effect| match effect {
        Effect::OpenUpload { session, .. } => Some(session.clone()),
        _ => None,
    });
    let failure = CallFailure::Refused { status: 403, kind: None };
    bench.upload(&session, UploadEvent::Closed { failure: Some(failure) });
    bench.play(&camera, 1);
    bench.seconds(1);
    let committed = bench.fragments().len();
    let key_frame = bench.frame(250, true, 1000);
    bench.source(&camera, SourceEvent::Frames(vec![key_frame]));
    bench.pass(Duration::from_millis(900));
    assert_eq!(bench.fragments().len(), committed);
    bench.pass(Duration::from_millis(100));
    assert_eq!(bench.fragments().len(), committed + 1);
}

#[test]
fn after_a_crash_between_persisted_and_mark_nothing_is_uploaded_twice() {
    let (mut bench, _) = uploading();
    let upload = bench.upload_reconciles(&[]);
    let sent = bench.sent();
    bench.persisted(&upload, &sent[0]);
    // The second was persisted too, but nobody heard; neither mark is durable.
    let held: Vec<(Timestamp, u64)> =
        sent[..2].iter().map(|one| (one.entry.producer_timestamp, one.entry.size_bytes)).collect();
    bench.kill_and_open();
    assert_eq!(uploaded(&mut bench)[..3], [false, false, false]);
    let upload = bench.upload_opens();
    let (from, until) = bench.take("ListFragments", |effect| match effect {
        Effect::ListFragments { from, until, .. } => Some((*from, *until)),
        _ => None,
    });
    assert!(from <= held[0].0 && until >= sent[2].entry.producer_timestamp);
    assert_eq!(bench.sent(), [], "nothing is sent before the service has said what it has");
    bench.upload(&upload, UploadEvent::Listed(held.into_iter().map(listed).collect()));
    let again = bench.sent();
    assert_eq!(again[0].entry.sequence, sent[2].entry.sequence);
    bench.seconds(2);
    assert_eq!(uploaded(&mut bench)[..3], [true, true, false]);
}

/// A clock that was set back makes a time come again: the service may hold what was recorded then the first time.
#[test]
fn what_the_service_holds_of_the_same_time_and_another_size_is_another_fragment() {
    let (mut bench, _) = uploading();
    let upload = bench.upload_reconciles(&[]);
    let sent = bench.sent();
    let (first, second) = (&sent[0].entry, &sent[1].entry);
    let failure = Some(CallFailure::Disconnected);
    bench.upload(&upload, UploadEvent::Closed { failure });
    bench.seconds(5);
    let held = [
        (first.producer_timestamp, first.size_bytes * 2),
        (second.producer_timestamp, second.size_bytes),
    ];
    bench.upload_reconciles(&held);
    let again: Vec<u64> = bench.sent().iter().map(|one| one.entry.sequence).collect();
    assert!(again.contains(&first.sequence) && !again.contains(&second.sequence), "{again:?}");
}

#[test]
fn nothing_is_sent_outside_the_window() {
    let mut bench = Bench::new();
    let mut config = edge_config();
    config.uploader_config = Some(UploaderConfig { schedule_config: schedule("0 55 * * * ?", 60) });
    bench.configure(vec![configuration(1, config)]);
    let camera = bench.camera_opens();
    bench.play(&camera, 280);
    assert!(!bench.has(|effect| matches!(effect, Effect::OpenUpload { .. })));
    bench.play(&camera, 25);
    let upload = bench.upload_reconciles(&[]);
    let sent = bench.sent();
    assert!(!sent.is_empty(), "what waited goes up first");
    for fragment in &sent {
        bench.persisted(&upload, fragment);
    }
    bench.play(&camera, 60);
    let ended = |effect: &Effect| {
        matches!(effect, Effect::FinishUpload { .. } | Effect::CloseUpload { .. })
    };
    assert!(bench.has(ended), "the window has closed");
    bench.sent();
    bench.play(&camera, 30);
    assert_eq!(bench.sent(), []);
}

#[test]
fn a_refused_upload_is_said_and_tried_again_while_recording_goes_on() {
    let (mut bench, camera) = uploading();
    let session = bench.take("OpenUpload", |effect| match effect {
        Effect::OpenUpload { session, .. } => Some(session.clone()),
        _ => None,
    });
    let failure = CallFailure::Refused { status: 403, kind: None };
    bench.upload(&session, UploadEvent::Closed { failure: Some(failure) });
    bench.take("CloseUpload", |effect| matches!(effect, Effect::CloseUpload { .. }).then_some(()));
    bench.pass(Duration::from_millis(300));
    let status = bench.report().uploader_status.unwrap();
    assert_eq!(status.uploader_status.unwrap().to_string(), "USER_ERROR");
    assert!(status.job_status_details.unwrap().contains("access key"));
    bench.play(&camera, 3);
    bench.take("OpenUpload", |effect| matches!(effect, Effect::OpenUpload { .. }).then_some(()));
    assert!(bench.fragments().len() >= 5);
}

#[test]
fn a_new_document_needs_a_new_connection() {
    let (mut bench, camera) = uploading();
    let mut other = tracks();
    other[0].codec_private = Bytes::from_static(&[1, 0x4D, 0, 0x1E, 0xFF, 0xE0, 0]);
    bench.source(&camera, SourceEvent::Opened { tracks: other });
    bench.play(&camera, 3);
    let upload = bench.upload_reconciles(&[]);
    let sent = bench.sent();
    assert_eq!(sent.len(), 4, "all of the first document and nothing of the second");
    bench
        .take("FinishUpload", |effect| matches!(effect, Effect::FinishUpload { .. }).then_some(()));
    for fragment in &sent {
        bench.persisted(&upload, fragment);
    }
    bench.upload(&upload, UploadEvent::Closed { failure: None });
    let header = bench.take("OpenUpload", |effect| match effect {
        Effect::OpenUpload { document_header, .. } => Some(document_header.clone()),
        _ => None,
    });
    let last = bench.fragments().pop().unwrap();
    let reader = bench.hub().store().reader();
    assert_eq!(header, reader.read_document_header(&last.media_file).unwrap());
}

#[test]
fn a_fragment_that_cannot_be_read_is_passed_over() {
    let (mut bench, camera) = uploading();
    let upload = bench.upload_reconciles(&[]);
    let sent = bench.sent();
    let sequence = sent[0].entry.sequence;
    bench.upload(&upload, UploadEvent::FragmentGone { sequence });
    for fragment in &sent[1..] {
        bench.persisted(&upload, fragment);
    }
    bench.play(&camera, 2);
    let later = bench.sent();
    assert!(!later.is_empty() && later.iter().all(|fragment| fragment.entry.sequence > sequence));
    assert_eq!(uploaded(&mut bench)[..3], [false, true, true]);
}
