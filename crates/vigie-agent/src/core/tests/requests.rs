//! What the service asks of the hub: taken, carried out, answered, called off.

use vigie_engine::recorder::{Failure, UriFault};
use vigie_kvs::shapes::edge::JobStatus;
use vigie_kvs::shapes::hub_request::{
    CameraAddress, CameraTestStep, HubRequest, HubRequestReport, TestedCamera, TimedStep,
};

use super::*;

fn test_of(id: &str, address: CameraAddress) -> HubRequest {
    HubRequest { request_id: id.to_owned(), timeout_seconds: 30, test_camera: Some(address) }
}

fn by_uri(uri: &str) -> CameraAddress {
    CameraAddress { media_uri: Some(uri.into()), ..CameraAddress::default() }
}

fn by_secret() -> CameraAddress {
    CameraAddress { media_uri_secret_arn: Some(SECRET.into()), ..CameraAddress::default() }
}

/// The service answers the newest request: this is asked of the hub.
fn ask(bench: &mut Bench, requests: Option<Vec<HubRequest>>) {
    let (request, _) = bench.sync();
    let output = SyncEdgeAgentOutput {
        cursor: "same".to_owned(),
        configurations: None,
        ledgers: Vec::new(),
        requests,
        clock: None,
    };
    bench.event(Event::SyncAnswered { request, output });
}

/// What the hub says of its requests, at once.
fn says(bench: &mut Bench) -> Vec<HubRequestReport> {
    bench.pass(Duration::from_millis(300));
    bench.sync().1.requests
}

fn tested(reports: &[HubRequestReport]) -> TestedCamera {
    assert_eq!(reports.len(), 1, "{reports:?}");
    reports[0].answer.clone().unwrap().test_camera.unwrap()
}

#[test]
fn an_address_is_tried_and_what_came_of_it_is_said_until_it_is_heard() {
    let mut bench = Bench::new();
    let asked = vec![test_of("1", by_uri("rtsp://bob:hunter2@camera/live"))];
    ask(&mut bench, Some(asked.clone()));
    let (id, uri) = bench.take("TestCamera", |effect| match effect {
        Effect::TestCamera { request, uri, .. } => Some((request.clone(), uri.expose().to_owned())),
        _ => None,
    });
    assert_eq!((id.as_str(), uri.as_str()), ("1", "rtsp://bob:hunter2@camera/live"));
    let (_, input) = bench.sync();
    assert_eq!(input.request_kinds, ["TEST_CAMERA"]);
    assert_eq!((input.requests.len(), &input.requests[0].answer), (1, &None));

    bench.event(Event::CameraTestStep { request: id.clone(), step: CameraTestStep::Describe });
    assert_eq!(says(&mut bench)[0].progress.as_deref(), Some("DESCRIBE"));
    let step = TimedStep { step: CameraTestStep::Connect, duration_in_milliseconds: 7 };
    let outcome = TestOutcome {
        steps: vec![step],
        tracks: tracks(),
        frame_rate_hz: Some(12.5),
        key_frame: Some(Bytes::from_static(b"key")),
        failure: None,
    };
    bench.event(Event::CameraTested { request: id, outcome: Box::new(outcome) });
    let answer = tested(&says(&mut bench));
    assert_eq!((answer.job_status, answer.steps), (JobStatus::Success, vec![step]));
    assert_eq!(answer.key_frame.as_deref(), Some(&b"key"[..]));
    assert_eq!(
        (answer.tracks[0].width_pixels, answer.tracks[0].frame_rate_millihertz),
        (Some(640), Some(12_500))
    );

    // The answer is lost: the request is still asked, and not begun again.
    ask_again(&mut bench, asked);
    assert!(!bench.has(|effect| matches!(effect, Effect::TestCamera { .. })));
    assert_eq!(says(&mut bench).len(), 1);
    bench.seconds(1);
    let request = bench.request;
    let output = SyncEdgeAgentOutput {
        cursor: "same".to_owned(),
        configurations: None,
        ledgers: Vec::new(),
        requests: Some(Vec::new()),
        clock: None,
    };
    bench.event(Event::SyncAnswered { request, output });
    assert_eq!(says(&mut bench), []);
}

fn ask_again(bench: &mut Bench, requests: Vec<HubRequest>) {
    let request = bench.request;
    let output = SyncEdgeAgentOutput {
        cursor: "same".to_owned(),
        configurations: None,
        ledgers: Vec::new(),
        requests: Some(requests),
        clock: None,
    };
    bench.event(Event::SyncAnswered { request, output });
    bench.seconds(1);
}

#[test]
fn what_fails_is_said_in_the_recorder_s_words() {
    for uri in ["file:///etc/passwd", "http://camera/", " ", "rtsp"] {
        let mut bench = Bench::new();
        ask(&mut bench, Some(vec![test_of("1", by_uri(uri))]));
        assert!(!bench.has(|effect| matches!(effect, Effect::TestCamera { .. })));
        let answer = tested(&bench.sync().1.requests);
        let expect = (JobStatus::UserError, Failure::BadUri(UriFault::Kind).explanation());
        assert_eq!((answer.job_status, answer.job_status_details), expect, "{uri}");
    }
    let mut bench = Bench::new();
    ask(&mut bench, Some(vec![test_of("1", by_uri("rtsp://camera/"))]));
    let outcome = TestOutcome { failure: Some(Failure::Stalled), ..TestOutcome::default() };
    bench.event(Event::CameraTested { request: "1".to_owned(), outcome: Box::new(outcome) });
    bench.sync();
    let answer = tested(&says(&mut bench));
    // A test does not connect again.
    let expect = (JobStatus::SystemError, "the camera stopped sending frames for 10 s".to_owned());
    assert_eq!((answer.job_status, answer.job_status_details), expect);
}

#[test]
fn a_camera_of_which_no_key_frame_came_is_not_said_to_be_fine() {
    let tried = |key_frame: Option<Bytes>| {
        let mut bench = Bench::new();
        ask(&mut bench, Some(vec![test_of("1", by_uri("rtsp://camera/"))]));
        let outcome = TestOutcome { tracks: tracks(), key_frame, ..TestOutcome::default() };
        bench.event(Event::CameraTested { request: "1".to_owned(), outcome: Box::new(outcome) });
        bench.sync();
        let answer = tested(&says(&mut bench));
        (answer.job_status, answer.job_status_details)
    };
    let (status, details) = tried(None);
    assert_eq!(status, JobStatus::UserError);
    assert!(
        details.contains("no key frame came") && !details.contains("can be recorded"),
        "{details}"
    );
    let fine = tried(Some(Bytes::from_static(b"a picture")));
    assert_eq!(fine, (JobStatus::Success, "the camera can be recorded".to_owned()));
}

#[test]
fn a_secret_is_read_first_and_what_is_wrong_with_it_is_said() {
    let read = |bench: &mut Bench, secret_string| {
        let request = bench.take("ReadTestSecret", |effect| match effect {
            Effect::ReadTestSecret { request, secret_arn } => {
                assert_eq!(secret_arn.expose(), SECRET);
                Some(request.clone())
            }
            _ => None,
        });
        bench.event(Event::TestSecretRead { request, secret_string });
    };
    let mut bench = Bench::new();
    ask(&mut bench, Some(vec![test_of("1", by_secret())]));
    read(&mut bench, Err(CallFailure::TimedOut));
    bench.sync();
    let answer = tested(&says(&mut bench));
    assert_eq!(answer.job_status_details, Failure::SecretUnreachable.details());
    assert_eq!(answer.steps[0].step, CameraTestStep::ReadSecret);

    let mut bench = Bench::new();
    ask(&mut bench, Some(vec![test_of("1", by_secret())]));
    read(&mut bench, Ok(None));
    bench.sync();
    assert_eq!(tested(&says(&mut bench)).job_status_details, Failure::SecretUnreadable.details());

    let mut bench = Bench::new();
    ask(&mut bench, Some(vec![test_of("1", by_secret())]));
    read(&mut bench, Ok(secret()));
    assert!(bench.has(|effect| matches!(effect, Effect::TestCamera { .. })));
}

#[test]
fn what_nobody_waits_for_any_more_is_broken_off() {
    let cancelled = |bench: &Bench| {
        bench.has(|effect| matches!(effect, Effect::CancelCameraTest { request } if request == "1"))
    };
    for requests in [Some(Vec::new()), None] {
        let mut bench = Bench::new();
        ask(&mut bench, Some(vec![test_of("1", by_uri("rtsp://camera/"))]));
        assert!(!cancelled(&bench));
        // Called off, or the server was replaced by an older one.
        ask(&mut bench, requests);
        assert!(cancelled(&bench));
        let late = Box::new(TestOutcome::default());
        bench.event(Event::CameraTested { request: "1".to_owned(), outcome: late });
        bench.seconds(1);
        assert_eq!(bench.sync().1.requests, []);
    }
    let mut bench = Bench::new();
    ask(&mut bench, Some(vec![test_of("1", by_uri("rtsp://camera/"))]));
    bench.seconds(31);
    assert!(cancelled(&bench), "it took too long");
}
