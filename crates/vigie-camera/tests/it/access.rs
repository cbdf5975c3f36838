//! Who may watch, and what is there to be watched.

use retina::client::{TcpTransportOptions, Transport};
use vigie_camera::{AuthScheme, CameraConfig, CameraError, Credentials, Media};

use crate::harness::{WALL_CLOCK, camera, describe, fixture, play, receive};

const SCHEMES: [AuthScheme; 4] =
    [AuthScheme::Basic, AuthScheme::Digest, AuthScheme::DigestWithoutQop, AuthScheme::Both];
const RIGHT: (&str, &str) = ("admin", "correct horse");

fn locked(scheme: AuthScheme) -> impl FnOnce(&mut CameraConfig) {
    move |config| {
        config.auth = scheme;
        config.credentials =
            Some(Credentials { user: RIGHT.0.to_owned(), password: RIGHT.1.to_owned() });
    }
}

#[tokio::test(start_paused = true)]
async fn the_right_password_is_enough_under_every_scheme() {
    for scheme in SCHEMES {
        let camera = camera("h264_aac.mp4", locked(scheme)).await;
        let transport = Transport::Tcp(TcpTransportOptions::default());
        let mut client = play(&camera.url(0), Some(RIGHT), transport).await.unwrap();
        receive(&mut client, |received| received.len() > 20).await;
        camera.shutdown().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_wrong_or_missing_password_is_401_under_every_scheme() {
    for scheme in SCHEMES {
        let camera = camera("h264_aac.mp4", locked(scheme)).await;
        for login in [Some((RIGHT.0, "wrong")), Some(("root", RIGHT.1)), None] {
            let error = describe(&camera.url(0), login).await.err().unwrap();
            assert_eq!(error.status_code(), Some(401), "{scheme:?} {login:?}: {error}");
        }
        camera.shutdown().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_mount_that_there_is_not_is_404() {
    let camera = camera("h264_aac.mp4", |config| config.mounts = 2).await;
    assert!(describe(&camera.url(1), None).await.is_ok());
    let error = describe(&camera.url(2), None).await.err().unwrap();
    assert_eq!(error.status_code(), Some(404), "{error}");
    assert!(camera.stats(1).is_some() && camera.stats(2).is_none());
    camera.shutdown().await;
}

#[tokio::test]
async fn what_cannot_be_served_is_refused_at_the_start_with_a_reason() {
    let media = Media::open(&fixture("h264_aac.mp4")).await.unwrap();
    let mut config = CameraConfig::new("127.0.0.1:0".parse().unwrap(), media);
    let camera = vigie_camera::Camera::start(config.clone(), || WALL_CLOCK).await.unwrap();
    config.listen = camera.local_addr();
    let error = vigie_camera::Camera::start(config.clone(), || WALL_CLOCK).await.err().unwrap();
    assert!(matches!(error, CameraError::Listen { .. }), "{error}");
    config.mounts = 0;
    let error = vigie_camera::Camera::start(config, || WALL_CLOCK).await.err().unwrap();
    assert_eq!(error.to_string(), "a camera needs at least one mount");
    let error = Media::open(&fixture("README.md")).await.err().unwrap();
    assert_eq!(error.to_string(), "not an MP4, MOV or Matroska file");
    let error = Media::open(&fixture("nothing-here.mp4")).await.err().unwrap();
    assert!(matches!(error, CameraError::Read { .. }), "{error}");
    camera.shutdown().await;
}

#[tokio::test]
async fn a_camera_that_is_closed_before_it_ran_is_closed() {
    let media = Media::open(&fixture("h264_aac.mp4")).await.unwrap();
    let config = CameraConfig::new("127.0.0.1:0".parse().unwrap(), media);
    // On one thread none of its tasks has run before the first wait, which is the shutdown's.
    let camera = vigie_camera::Camera::start(config, || WALL_CLOCK).await.unwrap();
    let closed = tokio::time::timeout(std::time::Duration::from_secs(30), camera.shutdown());
    closed.await.unwrap();
}
