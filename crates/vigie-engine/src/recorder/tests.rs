//! Behaviours of the recorder job.

use proptest::prelude::*;

use vigie_rtsp::session::End;

use super::*;
use crate::chance::NoChance;
use crate::cron::CronExpression;
use crate::media_clock::StampDeviation;

/// A job with a clock of its own.
pub(super) struct Bench {
    pub(super) job: Recorder,
    pub(super) elapsed: Duration,
    pub(super) start: Timestamp,
}

impl Bench {
    pub(super) fn new(schedule: Schedule, source: SourceKind) -> Self {
        // 2026-11-22T08:00:00Z
        let start = Timestamp::from_millis(1_795_334_400_000);
        Self {
            job: Recorder::new(schedule, source, TimeZone::UTC, start),
            elapsed: Duration::ZERO,
            start,
        }
    }

    /// A camera that is to be recorded always.
    pub(super) fn camera() -> Self {
        Self::new(Schedule::Always, SourceKind::Rtsp)
    }

    pub(super) fn now(&self) -> Now {
        Now { wall: self.start + self.elapsed, mono: self.elapsed }
    }

    /// The actions as text.
    pub(super) fn send(&mut self, event: Event) -> String {
        let actions = self.job.handle(event, self.now(), &mut NoChance);
        let words = actions.iter().map(|action| match action {
            Action::ResolveSecret { .. } => "resolve",
            Action::OpenSource { .. } => "open",
            Action::CloseSource => "close",
            Action::SealFragment => "seal",
        });
        words.collect::<Vec<_>>().join(" ")
    }

    pub(super) fn wait(&mut self, seconds: f64) -> String {
        self.elapsed += Duration::from_secs_f64(seconds);
        self.send(Event::Tick)
    }

    pub(super) fn fail(&mut self, failure: Failure) -> String {
        let attempt = self.job.attempt();
        self.send(Event::Failed { attempt, failure })
    }

    /// From the first tick to the first frame.
    pub(super) fn record(&mut self) {
        assert_eq!(self.send(Event::Tick), "resolve");
        self.connect();
    }

    pub(super) fn connect(&mut self) {
        let attempt = self.job.attempt();
        assert_eq!(self.send(Event::SecretResolved { attempt }), "open");
        assert_eq!(self.send(Event::SourceOpened { attempt }), "");
        assert_eq!(self.send(Event::FramesStored { attempt }), "");
        assert_eq!(self.status(), "SUCCESS recording");
    }

    pub(super) fn frames(&mut self) {
        let attempt = self.job.attempt();
        assert_eq!(self.send(Event::FramesStored { attempt }), "");
    }

    pub(super) fn status(&self) -> String {
        format!("{} {}", self.job.status().outcome, self.job.status().details)
    }

    pub(super) fn is_backing_off(&self) -> bool {
        matches!(self.job.state(), State::BackingOff { .. })
    }
}

pub(super) fn windows(expression: &str, duration_seconds: u32) -> Schedule {
    Schedule::Windows { cron: CronExpression::parse(expression).unwrap(), duration_seconds }
}

#[test]
fn it_resolves_opens_and_records() {
    let mut bench = Bench::camera();
    bench.record();
    assert_eq!(bench.job.status().last_collected, Some(bench.start));
}

#[test]
fn a_camera_without_frames_for_ten_seconds_is_opened_anew() {
    let mut bench = Bench::camera();
    bench.record();
    assert_eq!(bench.wait(9.9), "");
    bench.frames();
    assert_eq!(bench.wait(9.9), "");
    assert_eq!(bench.wait(0.2), "close seal");
    assert_eq!(
        bench.status(),
        "SYSTEM_ERROR the camera stopped sending frames for 10 s; connecting again"
    );
    assert_eq!(bench.wait(0.5), "resolve");
}

#[test]
fn a_camera_that_is_away_is_tried_every_second_for_ever() {
    let mut bench = Bench::camera();
    bench.send(Event::Tick);
    for _ in 0..100 {
        let attempt = bench.job.attempt();
        assert_eq!(bench.send(Event::SecretResolved { attempt }), "open");
        assert_eq!(bench.fail(away()), "close");
        assert!(bench.is_backing_off());
        assert_eq!(bench.wait(1.0), "resolve");
    }
    bench.connect();
}

#[test]
fn a_wrong_password_is_tried_too_seldom_to_lock_an_account_and_with_the_secret_read_anew() {
    let mut bench = Bench::camera();
    bench.send(Event::Tick);
    let mut waits = Vec::new();
    for _ in 0..9 {
        let attempt = bench.job.attempt();
        bench.send(Event::SecretResolved { attempt });
        assert_eq!(bench.fail(Failure::WrongPassword), "close");
        assert!(
            bench.status().starts_with("USER_ERROR the camera refuses the user name or password")
        );
        let State::BackingOff { until, .. } = *bench.job.state() else { panic!("no wait") };
        let wait = until - bench.now().mono;
        waits.push(wait.as_secs_f64());
        assert_eq!(bench.wait(wait.as_secs_f64()), "resolve");
    }
    // The shortest by chance: five attempts in any half hour.
    assert_eq!(waits, [450.0; 9]);
    // A failure of another kind begins with short waits again.
    bench.fail(away());
    assert_eq!(bench.wait(0.5), "resolve");
}

#[test]
fn a_camera_that_is_not_ready_is_asked_often_for_half_a_minute_and_then_left_alone() {
    let mut bench = Bench::camera();
    bench.send(Event::Tick);
    let request = vigie_rtsp::session::Method::Describe;
    let busy = || Failure::from(End::Refused { request, medium: None, status: 503 });
    let mut waits = Vec::new();
    for _ in 0..22 {
        let attempt = bench.job.attempt();
        bench.send(Event::SecretResolved { attempt });
        bench.fail(busy());
        let State::BackingOff { until, .. } = *bench.job.state() else { panic!("no wait") };
        waits.push((until - bench.now().mono).as_secs_f64());
        bench.wait(waits[waits.len() - 1]);
    }
    assert_eq!(waits[..3], [0.5, 1.0, 1.0]);
    assert_eq!(waits[19..], [1.0, 15.0, 15.0]);
}

#[test]
fn a_stable_recording_ends_the_row_of_failures() {
    let mut bench = Bench::camera();
    bench.send(Event::Tick);
    let fail_at_once = |bench: &mut Bench| {
        bench.fail(refused());
        let now = bench.now();
        let wait = bench.job.next_deadline(now) - now.mono;
        assert_eq!(bench.wait(wait.as_secs_f64()), "resolve");
        wait.as_secs_f64()
    };
    assert_eq!(
        [fail_at_once(&mut bench), fail_at_once(&mut bench), fail_at_once(&mut bench)],
        [0.5, 1.0, 2.0]
    );
    // One frame and gone: not stable.
    bench.connect();
    assert_eq!(fail_at_once(&mut bench), 4.0);
    bench.connect();
    for _ in 0..3 {
        bench.elapsed += Duration::from_secs(5);
        bench.frames();
    }
    assert_eq!(fail_at_once(&mut bench), 0.5);
}

#[test]
fn what_does_not_answer_is_given_up() {
    let mut bench = Bench::camera();
    assert_eq!(bench.send(Event::Tick), "resolve");
    assert_eq!(bench.wait(30.0), "");
    assert!(bench.status().contains("Secrets Manager did not answer"));
    assert_eq!(bench.wait(1.0), "resolve");
    let attempt = bench.job.attempt();
    assert_eq!(bench.send(Event::SecretResolved { attempt }), "open");
    assert_eq!(bench.wait(19.9), "");
    assert_eq!(bench.wait(0.1), "close");
    assert!(bench.status().contains("sent no video within 20 s"));
}

#[test]
fn pictures_before_the_first_key_frame_are_a_sign_of_life() {
    let mut bench = Bench::camera();
    assert_eq!(bench.send(Event::Tick), "resolve");
    let attempt = bench.job.attempt();
    assert_eq!(bench.send(Event::SecretResolved { attempt }), "open");
    assert_eq!(bench.send(Event::SourceOpened { attempt }), "");
    for second in 0..60 {
        assert_eq!(bench.send(Event::WaitsForKeyFrame { attempt }), "", "after {second} s");
        let expect = if second < 20 { "SUCCESS" } else { "USER_ERROR" };
        let status = bench.status();
        assert!(status.starts_with(expect) && status.contains("first key frame"), "{status}");
        assert_eq!(bench.wait(1.0), "");
    }
    bench.frames();
    assert_eq!(bench.status(), "SUCCESS recording");
    // Silence is still silence.
    assert_eq!(bench.wait(10.1), "close seal");
}

#[test]
fn pictures_that_nothing_says_how_to_decode_are_said() {
    let mut bench = Bench::camera();
    assert_eq!(bench.send(Event::Tick), "resolve");
    let attempt = bench.job.attempt();
    assert_eq!(bench.send(Event::SecretResolved { attempt }), "open");
    assert_eq!(bench.send(Event::NoParameterSets { attempt }), "");
    assert_eq!(bench.wait(20.0), "close");
    assert!(bench.status().contains("parameter sets"), "{}", bench.status());
}

#[test]
fn packets_that_are_missing_over_tcp_are_the_camera_s_doing() {
    let mut bench = Bench::camera();
    bench.record();
    let attempt = bench.job.attempt();
    bench.send(Event::PacketsLost { attempt, over_udp: false });
    bench.frames();
    let status = bench.status();
    assert!(
        status.contains("the camera leaves packets out") && !status.contains("TCP"),
        "{status}"
    );
}

#[test]
fn late_answers_of_a_closed_session_move_nothing() {
    let mut bench = Bench::camera();
    bench.record();
    let old = bench.job.attempt();
    assert_eq!(bench.fail(Failure::Ended), "close seal");
    let state = bench.job.state().clone();
    for event in [
        Event::FramesStored { attempt: old },
        Event::SourceOpened { attempt: old },
        Event::Failed { attempt: old, failure: Failure::DiskFull },
        Event::SourceEnded { attempt: old },
        Event::SecretResolved { attempt: old },
    ] {
        assert_eq!(bench.send(event), "");
        assert_eq!(bench.job.state(), &state);
    }
}

#[test]
fn without_space_it_pauses_and_with_space_it_goes_on() {
    let mut bench = Bench::camera();
    bench.record();
    assert_eq!(bench.send(Event::SpaceDenied(SpaceDenial::LocalSizeReached)), "close seal");
    assert!(bench.status().starts_with("USER_ERROR paused"));
    assert_eq!(bench.wait(1000.0), "");
    assert_eq!(bench.send(Event::SpaceFree), "resolve");
    bench.connect();
}

#[test]
fn a_configuration_for_the_same_source_does_not_interrupt_and_another_does() {
    let mut bench = Bench::camera();
    bench.record();
    let change = |same_source| Event::ConfigChanged {
        schedule: Schedule::Always,
        source: SourceKind::Rtsp,
        same_source,
    };
    assert_eq!(bench.send(change(true)), "");
    assert_eq!(bench.send(change(false)), "close seal resolve");
    // Sent again, it restarts a job that waits.
    bench.fail(Failure::WrongPassword);
    assert_eq!(bench.send(change(true)), "resolve");
}

#[test]
fn a_file_is_recorded_once_and_silence_is_no_failure() {
    let mut bench = Bench::new(Schedule::Always, SourceKind::File);
    bench.record();
    assert_eq!(bench.wait(3600.0), "");
    let attempt = bench.job.attempt();
    assert_eq!(bench.send(Event::SourceEnded { attempt }), "close seal");
    assert_eq!(bench.status(), "SUCCESS the file is recorded to its end");
    assert_eq!(bench.wait(3600.0), "");
    let change = |same_source| Event::ConfigChanged {
        schedule: Schedule::Always,
        source: SourceKind::File,
        same_source,
    };
    assert_eq!(bench.send(change(true)), "");
    assert_eq!(bench.send(change(false)), "resolve");
}

#[test]
fn a_camera_with_rare_key_frames_is_said_to_have_them() {
    let mut bench = Bench::camera();
    bench.record();
    let attempt = bench.job.attempt();
    bench.send(Event::LongGroupOfPictures { attempt });
    bench.frames();
    assert!(
        bench
            .status()
            .starts_with("SUCCESS recording, but the camera sends key frames more than 20 s apart")
    );
}

#[test]
fn lost_packets_are_said_until_a_minute_has_passed_without() {
    let mut bench = Bench::camera();
    bench.record();
    let attempt = bench.job.attempt();
    assert_eq!(bench.send(Event::PacketsLost { attempt, over_udp: true }), "");
    bench.frames();
    assert!(bench.status().starts_with("SUCCESS recording, but packets are lost"));
    for _ in 0..8 {
        bench.elapsed += Duration::from_secs(8);
        bench.frames();
    }
    assert_eq!(bench.status(), "SUCCESS recording");
}

#[test]
fn stamps_that_deviate_are_said_while_they_do() {
    let mut bench = Bench::camera();
    bench.record();
    let attempt = bench.job.attempt();
    // A clock that is corrected once costs nothing.
    bench.send(Event::StampsDeviate { attempt, deviation: StampDeviation::Jumped });
    bench.frames();
    assert_eq!(bench.status(), "SUCCESS recording");
    bench.elapsed += Duration::from_secs(8);
    bench.send(Event::StampsDeviate { attempt, deviation: StampDeviation::Jumped });
    bench.frames();
    let said = "SUCCESS recording, but the time stamps of the camera's frames jump, so that";
    assert!(bench.status().starts_with(said), "{}", bench.status());
    for _ in 0..8 {
        bench.elapsed += Duration::from_secs(8);
        bench.frames();
    }
    assert_eq!(bench.status(), "SUCCESS recording");
    bench.send(Event::StampsDeviate { attempt, deviation: StampDeviation::OffRate });
    bench.elapsed += Duration::from_secs(8);
    bench.frames();
    assert!(bench.status().contains("run at another rate"), "{}", bench.status());
}

#[test]
fn a_hub_s_clock_that_was_set_right_is_said_for_an_hour() {
    let mut bench = Bench::camera();
    bench.record();
    let attempt = bench.job.attempt();
    bench.send(Event::SteppedBack { attempt, by_ms: 86_400_000 });
    bench.frames();
    assert!(
        bench.status().contains("the hub's clock was 1440 minutes ahead"),
        "{}",
        bench.status()
    );
    for _ in 0..450 {
        bench.elapsed += Duration::from_secs(8);
        bench.frames();
    }
    assert_eq!(bench.status(), "SUCCESS recording");
}

#[test]
fn a_hub_that_stood_still_does_not_blame_the_camera() {
    let mut bench = Bench::camera();
    bench.record();
    bench.elapsed += Duration::from_secs(15);
    assert_eq!(bench.send(Event::Paused { lasted: Duration::from_millis(14_900) }), "");
    assert_eq!(bench.send(Event::Tick), "");
    assert_eq!(bench.status(), "SUCCESS recording");
    // The session goes on; a camera that stays silent from here on is said to.
    assert_eq!(bench.wait(9.8), "");
    assert_eq!(bench.wait(0.2), "close seal");
    assert!(bench.status().contains("the camera stopped sending"), "{}", bench.status());

    // A camera that gave the hub up meanwhile is not to blame either.
    let mut bench = Bench::camera();
    bench.record();
    bench.elapsed += Duration::from_secs(15);
    bench.send(Event::Paused { lasted: Duration::from_millis(14_900) });
    assert_eq!(bench.fail(Failure::Ended), "close seal");
    assert!(bench.status().contains("the hub itself stood still"), "{}", bench.status());
    assert_eq!(bench.wait(0.5), "resolve");
}

#[test]
fn a_stopped_job_stays_stopped() {
    let mut bench = Bench::camera();
    bench.record();
    assert_eq!(bench.send(Event::Stop), "close seal");
    assert_eq!(bench.wait(100.0), "");
    assert_eq!(bench.send(Event::SpaceFree), "");
}

#[test]
fn a_status_repeats_only_plain_characters_of_a_camera() {
    let codec = "JPEG\n\u{1b}[31m and so on".to_owned();
    let details = Failure::UnsupportedCodec { codec }.details();
    assert_eq!(
        details,
        "the camera's video codec JPEG is not supported; set the camera to H.264 or H.265"
    );
}

#[test]
fn what_the_recorder_does_next_is_said_by_the_recorder_alone() {
    for failure in [away(), refused(), Failure::Stalled, Failure::NotOpened, Failure::TlsUnanswered]
    {
        let (details, explanation) = (failure.details(), failure.explanation());
        assert!(details.starts_with(&explanation) && details.ends_with("ing again"), "{details}");
        assert!(!explanation.contains("again"), "{explanation}");
    }
    let by_user = Failure::BadUri(UriFault::Port);
    assert_eq!(by_user.details(), by_user.explanation());
}

/// A camera that is switched off.
fn away() -> Failure {
    let host = CameraHost { name: "cam.local".to_owned(), looks_split: false };
    Failure::Unreachable { host, cause: ConnectCause::NoAnswer }
}

/// A camera that has no room for one more viewer.
fn refused() -> Failure {
    let request = vigie_rtsp::session::Method::Setup;
    End::Refused { request, medium: None, status: 453 }.into()
}

#[test]
fn what_a_camera_s_session_ends_with_says_the_cause_and_what_to_do() {
    use vigie_rtsp::session::{MediumName, Method};
    let check = |failure: Failure, outcome: JobOutcome, words: &[&str]| {
        let details = failure.details();
        assert_eq!(failure.outcome(), outcome, "{details}");
        for word in words {
            assert!(details.contains(word), "{word:?} is not in: {details}");
        }
        assert!(!details.contains("password") || words.contains(&"password"), "{details}");
    };
    let video = Some(MediumName { index: 0, kind: vigie_rtsp::MediaKind::Video });
    let setup = Method::Setup;
    use JobOutcome::{SystemError, UserError};
    check(
        End::Forbidden { request: setup, medium: video }.into(),
        UserError,
        &["SETUP of the video", "403", "allow this user"],
    );
    check(
        End::Refused { request: setup, medium: video, status: 453 }.into(),
        SystemError,
        &["SETUP of the video", "453", "one more viewer"],
    );
    check(
        End::Refused { request: setup, medium: video, status: 461 }.into(),
        SystemError,
        &["461", "unicast"],
    );
    check(
        End::AuthenticationUnsupported { scheme: "NTLM".to_owned() }.into(),
        UserError,
        &["NTLM", "password", "Digest"],
    );
    check(
        End::LoginWanted { host: "cam".to_owned() }.into(),
        UserError,
        &["password", "USER:PASSWORD@HOST"],
    );
    let at = |cause, looks_split| {
        let host = CameraHost { name: "cam.local\n<b>".to_owned(), looks_split };
        Failure::Unreachable { host, cause }
    };
    check(at(ConnectCause::UnknownHost, false), SystemError, &["cam.localb is not known", "DNS"]);
    check(at(ConnectCause::Refused, false), SystemError, &["cam.localb", "refuses", "port"]);
    check(at(ConnectCause::NoAnswer, false), SystemError, &["cam.localb", "does not answer"]);
    check(at(ConnectCause::NoRoute, false), SystemError, &["cam.localb", "no way"]);
    let split = at(ConnectCause::UnknownHost, true);
    check(split.clone(), UserError, &["password", "percent-encode", "%2F"]);
    assert!(!split.details().contains("cam.local"), "it may be a part of the login");
}

fn any_event() -> impl Strategy<Value = (Event, bool)> {
    let failure =
        prop::sample::select(vec![away(), Failure::WrongPassword, refused(), Failure::DiskFull]);
    // Attempts are filled in with the current one, or an old one.
    let event = prop_oneof![
        6 => Just(Event::Tick),
        4 => Just(Event::SecretResolved { attempt: 0 }),
        4 => Just(Event::SourceOpened { attempt: 0 }),
        6 => Just(Event::FramesStored { attempt: 0 }),
        2 => failure.prop_map(|failure| Event::Failed { attempt: 0, failure }),
        1 => Just(Event::SourceEnded { attempt: 0 }),
        1 => any::<bool>().prop_map(|fails| Event::SecretForeseen {
            failure: fails.then_some(Failure::SecretNotFound),
        }),
        1 => Just(Event::SpaceDenied(SpaceDenial::DiskReserveReached)),
        2 => Just(Event::SpaceFree),
        1 => any::<bool>().prop_map(|same_source| Event::ConfigChanged {
            schedule: Schedule::Always, source: SourceKind::Rtsp, same_source,
        }),
    ];
    (event, prop::bool::weighted(0.9))
}

fn with_attempt(event: Event, of: u64) -> Event {
    match event {
        Event::SecretResolved { .. } => Event::SecretResolved { attempt: of },
        Event::SourceOpened { .. } => Event::SourceOpened { attempt: of },
        Event::FramesStored { .. } => Event::FramesStored { attempt: of },
        Event::Failed { failure, .. } => Event::Failed { attempt: of, failure },
        Event::SourceEnded { .. } => Event::SourceEnded { attempt: of },
        event => event,
    }
}

proptest! {
    #[test]
    fn sources_are_opened_and_closed_in_turn_and_recording_always_comes_back(
        events in prop::collection::vec((any_event(), 0u64..8000), 0..120),
    ) {
        let mut bench = Bench::new(windows("0 0/2 * * * ?", 60), SourceKind::Rtsp);
        let mut is_open = false;
        let check = |actions: &str, is_open: &mut bool| {
            for action in actions.split(' ') {
                match action {
                    "open" => assert!(!std::mem::replace(is_open, true)),
                    "close" => assert!(std::mem::replace(is_open, false)),
                    _ => {}
                }
            }
        };
        for ((event, is_current), wait_ms) in events {
            bench.elapsed += Duration::from_millis(wait_ms);
            let of = bench.job.attempt().saturating_sub(u64::from(!is_current));
            let actions = bench.send(with_attempt(event, of));
            check(&actions, &mut is_open);
            let is_active = matches!(bench.job.state(), State::Connecting { .. } | State::Recording { .. });
            prop_assert_eq!(is_open, is_active);
        }

        // With space and a camera that works, the job records, driven by its own deadlines alone: within two minutes, or
        // behind the wait that a refused password asks for.
        let actions = bench.send(Event::SpaceFree);
        check(&actions, &mut is_open);
        let end = bench.elapsed + Duration::from_secs(185 + 900);
        while bench.elapsed < end && !matches!(bench.job.state(), State::Recording { .. }) {
            let attempt = bench.job.attempt();
            match bench.job.state() {
                State::Resolving { .. } => bench.send(Event::SecretResolved { attempt }),
                State::Connecting { .. } => bench.send(Event::SourceOpened { attempt }),
                _ => {
                    let now = bench.now();
                    let deadline = bench.job.next_deadline(now);
                    prop_assert!(deadline > now.mono);
                    bench.elapsed = deadline;
                    bench.send(Event::Tick)
                }
            };
        }
        let is_recording = matches!(bench.job.state(), State::Recording { .. });
        prop_assert!(is_recording, "{:?}", bench.job.state());
    }
}
