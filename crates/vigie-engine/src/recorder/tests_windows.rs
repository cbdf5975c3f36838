//! The recorder job and its windows: opened, joined, failed, missed.

use super::missed::utc;
use super::tests::{Bench, windows};
use super::*;

impl Bench {
    /// Frames until the window closes under them.
    fn frames_or_close(&mut self) {
        let attempt = self.job.attempt();
        let actions = self.send(Event::FramesStored { attempt });
        let closed = self.job.state() == &State::WaitingForWindow;
        assert_eq!(actions, if closed { "close seal" } else { "" });
    }
}

#[test]
fn it_waits_for_its_window_and_stops_when_the_window_closes() {
    let mut bench = Bench::new(windows("0 30 8 * * ?", 600), SourceKind::Rtsp);
    assert_eq!(bench.send(Event::Tick), "");
    assert_eq!(bench.status(), "SUCCESS waiting for the next window of ScheduleConfig");
    assert_eq!(bench.wait(1799.0), "");
    let now = bench.now();
    assert_eq!(bench.job.next_deadline(now), now.mono + Duration::from_secs(1));
    assert_eq!(bench.wait(1.0), "resolve");
    bench.connect();
    for _ in 0..75 {
        bench.elapsed += Duration::from_secs(8);
        bench.frames_or_close();
    }
    assert_eq!(bench.status(), "SUCCESS waiting for the next window of ScheduleConfig");
}

#[test]
fn it_joins_a_window_that_is_open_when_it_starts() {
    let mut bench = Bench::new(windows("0 50 7 * * ?", 3600), SourceKind::Rtsp);
    bench.record();
}

#[test]
fn a_schedule_that_never_fires_again_is_an_error_of_its_user() {
    for never in ["0 0 9 30 2 ?", "0 0 9 * * ? 2020"] {
        let mut bench = Bench::new(windows(never, 60), SourceKind::Rtsp);
        assert_eq!(bench.send(Event::Tick), "");
        let said = format!("USER_ERROR {}", crate::schedule::OVER_DETAILS);
        assert_eq!(bench.status(), said);
        // The secret of a job that never runs is not looked at.
        bench.send(Event::SecretForeseen { failure: Some(Failure::SecretNotFound) });
        assert_eq!(bench.status(), said);
    }
    let mut last = Bench::new(windows("0 30 8 22 11 ? 2026", 60), SourceKind::Rtsp);
    last.send(Event::Tick);
    assert_eq!(last.status(), "SUCCESS waiting for the next window of ScheduleConfig");
    assert_eq!(last.wait(1800.0), "resolve");
    last.fail(Failure::WrongPassword);
    last.wait(60.0);
    assert!(last.status().starts_with("USER_ERROR by its ScheduleConfig"), "{}", last.status());
}

#[test]
fn a_failed_window_stays_said_after_it_closed() {
    let mut bench = Bench::new(windows("0 0 8 * * ?", 60), SourceKind::Rtsp);
    bench.send(Event::Tick);
    bench.fail(Failure::SecretNotFound);
    bench.wait(60.0);
    assert_eq!(bench.job.state(), &State::WaitingForWindow);
    assert!(
        bench.status().starts_with("USER_ERROR the secret of MediaUriSecretArn does not exist")
    );
}

#[test]
fn what_is_wrong_with_a_secret_is_said_before_its_window_opens_and_no_longer_than_it_is() {
    let mut bench = Bench::new(windows("0 0 9 * * ?", 60), SourceKind::Rtsp);
    bench.send(Event::Tick);
    assert_eq!(bench.send(Event::SecretForeseen { failure: Some(Failure::SecretNotFound) }), "");
    assert!(bench.status().starts_with("USER_ERROR the secret"), "{}", bench.status());
    bench.send(Event::SecretForeseen { failure: None });
    assert_eq!(bench.status(), "SUCCESS waiting for the next window of ScheduleConfig");
    bench.send(Event::SecretForeseen { failure: Some(Failure::BadUri(UriFault::Kind)) });
    // The window opens all the same, and what the camera says counts from there.
    assert_eq!(bench.wait(3600.0), "resolve");
    bench.connect();
    bench.send(Event::SecretForeseen { failure: Some(Failure::SecretNotFound) });
    assert_eq!(bench.status(), "SUCCESS recording");
    bench.fail(Failure::WrongPassword);
    bench.wait(60.0);
    bench.send(Event::SecretForeseen { failure: None });
    assert!(bench.status().starts_with("USER_ERROR the camera refuses"), "{}", bench.status());
}

#[test]
fn windows_that_a_clock_was_set_over_are_said_to_be_missed_until_the_next_recording() {
    let missed = |bench: &Bench| {
        let missed = bench.job.missed();
        missed.map(|window| format!("{} {}", utc(window.from), utc(window.until)))
    };
    let mut bench = Bench::new(windows("0 30 9,10,11 * * ?", 600), SourceKind::Rtsp);
    bench.send(Event::Tick);
    assert_eq!(missed(&bench), None);
    // From 08:00 to 11:00 at once, over two windows.
    bench.start = bench.start.plus_millis(3 * 3_600_000);
    bench.send(Event::Tick);
    assert_eq!(missed(&bench).as_deref(), Some("2026-11-22T09:30:00Z 2026-11-22T10:40:00Z"));
    assert!(
        bench
            .status()
            .contains("windows from 2026-11-22T09:30:00Z to 2026-11-22T10:40:00Z were missed")
    );
    // Back again: what comes once more is not missed.
    bench.start = bench.start.plus_millis(-3_600_000);
    bench.send(Event::Tick);
    assert_eq!(bench.wait(1800.0), "resolve");
    bench.connect();
    assert_eq!(missed(&bench), None);

    // A window that was joined before the hub stood still is not missed, one after it is.
    bench.start = bench.start.plus_millis(2 * 3_600_000);
    assert_eq!(bench.send(Event::Tick), "close seal");
    assert_eq!(missed(&bench).as_deref(), Some("2026-11-22T11:30:00Z 2026-11-22T11:40:00Z"));

    // Nothing is missed where nothing closes.
    let mut bench = Bench::new(windows("0 0 * * * ?", 3600), SourceKind::Rtsp);
    bench.record();
    bench.start = bench.start.plus_millis(5 * 3_600_000);
    assert_eq!(bench.send(Event::Tick), "");
    assert_eq!(missed(&bench), None);
}

#[test]
fn windows_while_the_hub_was_off_are_said_to_be_missed_and_what_was_stored_before_is_known() {
    let mut bench = Bench::new(windows("0 30 5,6,7 * * ?", 600), SourceKind::Rtsp);
    let before = bench.start.plus_millis(-2 * 3_600_000);
    bench.job.resume(Some(before), Some(before));
    bench.send(Event::Tick);
    let missed = "windows from 2026-11-22T06:30:00Z to 2026-11-22T07:40:00Z were missed";
    assert!(bench.status().contains(missed), "{}", bench.status());
    assert_eq!(bench.job.status().last_collected, Some(before));

    // Also when the next one is open already, until it brings media.
    let mut bench = Bench::new(windows("0 30 6,7 * * ?", 3600), SourceKind::Rtsp);
    bench.job.resume(Some(before), None);
    assert_eq!(bench.send(Event::Tick), "resolve");
    assert_eq!(bench.job.missed(), None, "it is one window, and open");
    let mut bench = Bench::new(windows("0 0 7,8 * * ?", 1800), SourceKind::Rtsp);
    bench.job.resume(Some(before), None);
    assert_eq!(bench.send(Event::Tick), "resolve");
    assert!(bench.status().contains("07:00:00Z to 2026-11-22T07:30:00Z"), "{}", bench.status());
    bench.connect();
}

#[test]
fn a_clock_that_is_set_opens_and_closes_windows() {
    let mut bench = Bench::new(windows("0 0 8 * * ?", 60), SourceKind::Rtsp);
    bench.record();
    bench.start = bench.start.plus_millis(7_200_000);
    assert_eq!(bench.send(Event::Tick), "close seal");
    bench.start = bench.start.plus_millis(-7_200_000);
    assert_eq!(bench.send(Event::Tick), "resolve");
}
