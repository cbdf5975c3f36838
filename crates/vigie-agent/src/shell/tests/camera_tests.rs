//! A camera that is tried: shown when it works, and said what is wrong with it when it does not.

use std::sync::{Arc, Mutex};

use tokio::net::TcpListener;
use vigie_engine::recorder::{CameraHost, ConnectCause, Failure};
use vigie_kvs::shapes::hub_request::CameraTestStep;
use vigie_rtsp::session::{End, Method};

use super::sources::{camera, frames_of, media_uri, source};

use crate::core::TestOutcome;
use crate::shell::camera_test::test_camera;
use crate::shell::core_thread::CoreHandle;

/// What comes of the test, and the steps as they were said.
async fn test(uri: &str) -> (TestOutcome, Vec<CameraTestStep>) {
    let cameras = source(media_uri(uri), CoreHandle::apart().0).cameras;
    let said = Arc::new(Mutex::new(Vec::new()));
    let steps = Arc::clone(&said);
    let on_step = move |step| steps.lock().unwrap().push(step);
    let outcome = test_camera(cameras, media_uri(uri), [7; 16], on_step).await;
    let said = said.lock().unwrap().clone();
    (outcome, said)
}

const ALL: [CameraTestStep; 4] = [
    CameraTestStep::Connect,
    CameraTestStep::Describe,
    CameraTestStep::Setup,
    CameraTestStep::KeyFrame,
];

fn steps_of(outcome: &TestOutcome) -> Vec<CameraTestStep> {
    outcome.steps.iter().map(|timed| timed.step).collect()
}

#[tokio::test(start_paused = true)]
async fn a_camera_that_works_shows_its_tracks_and_its_first_key_frame() {
    let (file_tracks, file_frames) = frames_of("h264_aac.mp4");
    let camera = camera("h264_aac.mp4", Some(("admin", "right"))).await;
    let uri = camera.url(0).replacen("rtsp://", "rtsp://admin:right@", 1);
    let (outcome, said) = test(&uri).await;
    assert_eq!(outcome.failure, None);
    assert_eq!((outcome.tracks.len(), outcome.tracks[0].video), (2, file_tracks[0].video));
    let key_frame = outcome.key_frame.clone().unwrap();
    assert!(file_frames[&1].contains(&key_frame), "not a picture of the file");
    assert_eq!(steps_of(&outcome), ALL);
    assert_eq!(said, ALL);
    assert!(!format!("{outcome:?}").contains("right@"));
}

#[tokio::test(start_paused = true)]
async fn a_test_that_fails_says_where_and_why() {
    let camera = camera("h264_aac.mp4", Some(("admin", "right"))).await;
    let wrong = camera.url(0).replacen("rtsp://", "rtsp://admin:wrong@", 1);
    let (outcome, _) = test(&wrong).await;
    assert_eq!(outcome.failure, Some(Failure::WrongPassword));
    assert_eq!(steps_of(&outcome), ALL[..2]);
    assert!(outcome.tracks.is_empty() && outcome.key_frame.is_none());

    // Nobody listens there.
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let (outcome, _) = test(&format!("rtsp://127.0.0.1:{port}/cam0")).await;
    let host = CameraHost { name: "127.0.0.1".to_owned(), looks_split: false };
    let refused = Failure::Unreachable { host, cause: ConnectCause::Refused };
    assert_eq!(outcome.failure, Some(refused));
}

#[tokio::test(start_paused = true)]
async fn what_says_nothing_is_given_up_and_what_was_asked_is_said() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let started = tokio::time::Instant::now();
    let (outcome, _) = test(&format!("rtsp://{}/cam0", silent.local_addr().unwrap())).await;
    let unanswered = End::NoAnswer { request: Method::Describe, medium: None };
    assert_eq!(outcome.failure, Some(unanswered.into()));
    // Four seconds for OPTIONS, which is not needed, and ten for DESCRIBE.
    assert_eq!(started.elapsed().as_secs(), 14);
}
