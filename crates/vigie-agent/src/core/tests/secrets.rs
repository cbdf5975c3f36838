//! When the camera's secret is asked for, and with what the camera is opened.

use super::*;
use vigie_engine::recorder::Failure;
use vigie_kvs::error::ErrorKind;

/// Recorded from noon, ten minutes after the bench begins.
fn at_noon() -> EdgeConfig {
    let mut config = edge_config();
    config.recorder_config.schedule_config = schedule("0 0 12 * * ?", 600);
    config
}

fn other_secret() -> Option<Sensitive> {
    Some(Sensitive::new(r#"{"MediaURI":"rtsp://bob:another@camera/live"}"#))
}

fn questions(bench: &Bench) -> usize {
    let is_question = |effect: &&Effect| matches!(effect, Effect::ResolveSecret { .. });
    bench.effects.iter().filter(is_question).count()
}

fn fail_link(bench: &mut Bench) {
    let (request, _) = bench.sync();
    bench.event(Event::SyncFailed { request, failure: CallFailure::Unreachable });
}

/// The URI that the camera is opened with, when its window opens.
#[track_caller]
fn opened_with(bench: &mut Bench) -> String {
    bench.take("OpenSource", |effect| match effect {
        Effect::OpenSource { source: MediaSource::Rtsp { uri, .. }, .. } => {
            Some(uri.expose().to_owned())
        }
        _ => None,
    })
}

#[test]
fn a_hub_that_is_cut_off_before_its_first_window_records_in_it() {
    let mut bench = Bench::new();
    bench.configure(vec![configuration(1, at_noon())]);
    bench.resolve(secret());
    // The link is gone, and then the power.
    bench.kill_and_open();
    fail_link(&mut bench);
    bench.seconds(595);
    assert!(!bench.has(|effect| matches!(effect, Effect::OpenSource { .. })));
    bench.seconds(6);
    assert_eq!(opened_with(&mut bench), "rtsp://bob:hunter2@camera/live");
}

#[test]
fn a_secret_that_is_not_known_yet_is_asked_for_each_minute_while_there_is_a_link() {
    let mut bench = Bench::new();
    bench.configure(vec![configuration(1, at_noon())]);
    bench.seconds(290);
    assert_eq!(questions(&bench), 5);
    fail_link(&mut bench);
    bench.effects.clear();
    bench.seconds(200);
    assert_eq!(questions(&bench), 0);
}

#[test]
fn a_secret_that_changes_between_windows_is_known_within_the_hour() {
    let mut bench = Bench::new();
    let mut config = at_noon();
    config.recorder_config.schedule_config = schedule("0 0 15 * * ?", 600);
    bench.configure(vec![configuration(1, config)]);
    bench.resolve(secret());
    bench.effects.clear();
    bench.seconds(3590);
    assert_eq!(questions(&bench), 0);
    bench.seconds(20);
    bench.resolve(other_secret());
    bench.answer(None);
    bench.seconds(20);
    fail_link(&mut bench);
    bench.effects.clear();
    bench.seconds(3 * 3600);
    assert_eq!(opened_with(&mut bench), "rtsp://bob:another@camera/live");
}

#[test]
fn a_secret_that_leads_elsewhere_ends_the_open_session_within_the_hour() {
    let mut bench = Bench::new();
    bench.configure(vec![configuration(1, edge_config())]);
    let session = bench.camera_opens();
    bench.play(&session, 3601);
    bench.resolve(other_secret());
    assert!(bench.has(|effect| matches!(effect, Effect::CloseSource { .. })));
    assert_eq!(opened_with(&mut bench), "rtsp://bob:another@camera/live");
}

#[test]
fn where_revisions_are_told_the_hour_leads_to_no_reading() {
    let mut bench = Bench::new();
    tell(&mut bench, "1");
    let session = bench.camera_opens();
    forget_all_but_sync(&mut bench);
    bench.play(&session, 3 * 3600);
    assert_eq!(questions(&bench), 0);
    tell(&mut bench, "2");
    assert_eq!(questions(&bench), 1);
}

/// What the hub has said last is still to be answered.
fn forget_all_but_sync(bench: &mut Bench) {
    bench.effects.retain(|effect| matches!(effect, Effect::Sync { .. }));
}

/// The service hands out the same set, with the secret at this revision.
fn tell(bench: &mut Bench, revision: &str) {
    let told = Configuration {
        media_uri_secret_revision: Some(revision.to_owned()),
        ..configuration(1, edge_config())
    };
    bench.configure(vec![told]);
}

#[test]
fn another_revision_of_a_secret_is_read_at_once_and_used_if_it_leads_elsewhere() {
    let mut bench = Bench::new();
    tell(&mut bench, "1");
    let session = bench.camera_opens();
    bench.play(&session, 10);
    forget_all_but_sync(&mut bench);
    tell(&mut bench, "1");
    assert_eq!(questions(&bench), 0, "nothing has changed");
    tell(&mut bench, "2");
    // Other text, the same address.
    bench.resolve(Some(Sensitive::new(r#"{ "MediaURI": "rtsp://bob:hunter2@camera/live" }"#)));
    bench.play(&session, 2);
    assert!(!bench.has(|effect| matches!(effect, Effect::CloseSource { .. })), "the same value");
    tell(&mut bench, "3");
    // What cannot be used ends no recording.
    bench.resolve(Some(Sensitive::new("rtsp://not-json")));
    bench.play(&session, 2);
    assert!(!bench.has(|effect| matches!(effect, Effect::CloseSource { .. })));
    tell(&mut bench, "4");
    bench.resolve(other_secret());
    assert!(bench.has(|effect| matches!(effect, Effect::CloseSource { .. })));
    assert_eq!(opened_with(&mut bench), "rtsp://bob:another@camera/live");
}

#[test]
fn a_corrected_password_is_tried_at_once_however_long_the_wait_had_become() {
    let mut bench = Bench::new();
    tell(&mut bench, "1");
    let session = bench.camera_opens();
    bench.source(&session, SourceEvent::Failed(Failure::WrongPassword));
    // Refused again and again; the secret is asked for each time.
    for _ in 0..20 {
        bench.seconds(901);
        bench.resolve(secret());
        let session = bench.take("OpenSource", |effect| match effect {
            Effect::OpenSource { session, .. } => Some(session.clone()),
            _ => None,
        });
        bench.source(&session, SourceEvent::Failed(Failure::WrongPassword));
    }
    forget_all_but_sync(&mut bench);
    tell(&mut bench, "2");
    bench.resolve(other_secret());
    assert_eq!(opened_with(&mut bench), "rtsp://bob:another@camera/live");
}

#[test]
fn a_revision_that_could_not_be_read_is_asked_for_again_soon() {
    let mut bench = Bench::new();
    tell(&mut bench, "1");
    let session = bench.camera_opens();
    bench.play(&session, 70);
    tell(&mut bench, "2");
    let asked = |bench: &mut Bench| {
        bench.take("ResolveSecret", |effect| match effect {
            Effect::ResolveSecret { session, .. } => Some(session.clone()),
            _ => None,
        })
    };
    let first = asked(&mut bench);
    bench.event(Event::SecretFailed { session: first.clone(), failure: CallFailure::TimedOut });
    bench.play(&session, 11);
    let second = asked(&mut bench);
    bench.event(Event::SecretResolved { session: second, secret_string: other_secret() });
    assert_eq!(opened_with(&mut bench), "rtsp://bob:another@camera/live");
    // The first question is answered after all, with what was then.
    bench.effects.clear();
    bench.event(Event::SecretResolved { session: first, secret_string: secret() });
    assert!(!bench.has(|effect| matches!(effect, Effect::CloseSource { .. })));
}

#[test]
fn a_secret_that_is_missing_is_said_before_the_window_opens() {
    let mut bench = Bench::new();
    bench.configure(vec![configuration(1, at_noon())]);
    let refused = CallFailure::Refused { status: 400, kind: Some(ErrorKind::ResourceNotFound) };
    for (failure, status) in [(CallFailure::TimedOut, "SUCCESS"), (refused, "USER_ERROR")] {
        let session = bench.take("ResolveSecret", |effect| match effect {
            Effect::ResolveSecret { session, .. } => Some(session.clone()),
            _ => None,
        });
        bench.event(Event::SecretFailed { session, failure });
        assert_eq!(bench.recorder_says().0, status);
        bench.seconds(60);
    }
    bench.resolve(secret());
    assert_eq!(bench.recorder_says().0, "SUCCESS");
}

#[test]
fn another_secret_is_asked_for_at_once_and_not_mixed_up_with_the_former() {
    let mut bench = Bench::new();
    bench.configure(vec![configuration(1, at_noon())]);
    let late = bench.take("ResolveSecret", |effect| match effect {
        Effect::ResolveSecret { session, .. } => Some(session.clone()),
        _ => None,
    });
    let mut config = at_noon();
    config.recorder_config.media_source_config.media_uri_secret_arn =
        "arn:aws:secretsmanager:us-east-1:000000000000:secret:yard-AbCdEf".into();
    bench.configure(vec![configuration(2, config)]);
    let (session, asked) = bench.take("ResolveSecret", |effect| match effect {
        Effect::ResolveSecret { session, secret_arn } => {
            Some((session.clone(), secret_arn.expose().to_owned()))
        }
        _ => None,
    });
    assert!(asked.contains("yard"), "{asked}");
    bench.event(Event::SecretResolved { session, secret_string: other_secret() });
    // What is still said about the former one is not taken for it.
    bench.event(Event::SecretResolved { session: late, secret_string: secret() });
    bench.seconds(601);
    assert_eq!(opened_with(&mut bench), "rtsp://bob:another@camera/live");
}
