//! A camera on loopback, retina as its client, and ffmpeg's list of what the file holds.
//!
//! The tests run on tokio's paused clock: when nobody has anything to do, time goes on to the next frame at once, so
//! that loops of seconds last milliseconds. Sockets are real.

use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::StreamExt as _;
use md5::{Digest as _, Md5};
use retina::client::{
    Credentials as RetinaCredentials, PlayOptions, Session, SessionOptions, SetupOptions, Transport,
};
use retina::codec::{CodecItem, FrameFormat};
use vigie_camera::{Camera, CameraConfig, Media};
use vigie_media::Timestamp;

/// What the cameras of the tests think the time is.
pub(crate) const WALL_CLOCK: Timestamp = Timestamp::from_millis(1_700_000_000_000);

pub(crate) fn fixture(name: &str) -> PathBuf {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let own = crates.join("vigie-camera/tests/fixtures").join(name);
    if own.exists() { own } else { crates.join("vigie-media/tests/fixtures").join(name) }
}

/// A camera that loops a fixture, otherwise as `configure` says.
pub(crate) async fn camera(name: &str, configure: impl FnOnce(&mut CameraConfig)) -> Camera {
    let media = Media::open(&fixture(name)).await.unwrap();
    let mut config = CameraConfig::new("127.0.0.1:0".parse().unwrap(), media);
    configure(&mut config);
    Camera::start(config, || WALL_CLOCK).await.unwrap()
}

/// A frame as retina received it.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    /// Index in the SDP.
    pub(crate) track: usize,
    pub(crate) key_frame: bool,
    /// RTP time since PLAY's `rtptime`, in the track's clock.
    pub(crate) time: i64,
    pub(crate) data: Vec<u8>,
}

/// Asks for the SDP only.
pub(crate) async fn describe(
    url: &str,
    login: Option<(&str, &str)>,
) -> Result<Session<retina::client::Described>, retina::Error> {
    let login = login.map(|(username, password)| RetinaCredentials {
        username: username.to_owned(),
        password: password.to_owned(),
    });
    Session::describe(url.parse().unwrap(), SessionOptions::default().creds(login)).await
}

/// Sets up all tracks and plays.
pub(crate) async fn play(
    url: &str,
    login: Option<(&str, &str)>,
    transport: Transport,
) -> Result<retina::client::Demuxed, retina::Error> {
    let mut session = describe(url, login).await?;
    for track in 0..session.streams().len() {
        let options =
            SetupOptions::default().transport(transport.clone()).frame_format(FrameFormat::MP4);
        session.setup(track, options).await?;
    }
    session.play(PlayOptions::default()).await?.demuxed()
}

/// Receives until `enough`; any loss or error fails the test.
pub(crate) async fn receive(
    client: &mut retina::client::Demuxed,
    mut enough: impl FnMut(&[Received]) -> bool,
) -> Vec<Received> {
    let mut received = Vec::new();
    while !enough(&received) {
        let item = client.next().await.expect("the camera goes on").unwrap();
        let (track, key_frame, time, loss, data) = match item {
            CodecItem::VideoFrame(frame) => {
                let key_frame = frame.is_random_access_point();
                let (track, time) = (frame.stream_id(), frame.timestamp());
                (track, key_frame, time, frame.loss(), frame.into_data())
            }
            CodecItem::AudioFrame(frame) => {
                let data = frame.data().to_vec();
                (frame.stream_id(), true, frame.timestamp(), frame.loss(), data)
            }
            _ => continue,
        };
        assert_eq!(loss, 0, "packets lost before frame {}", received.len());
        received.push(Received { track, key_frame, time: time.elapsed(), data });
    }
    received
}

/// A frame as ffmpeg lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) pts: i64,
    pub(crate) md5: String,
}

/// Ticks a second and the frames, in file order, of one track of a file.
pub(crate) fn listed(name: &str, track: usize) -> (i64, Vec<Listed>) {
    let stem = Path::new(name).file_stem().unwrap().to_str().unwrap();
    let text = std::fs::read_to_string(fixture(&format!("{stem}.framehash"))).unwrap();
    let (mut ticks_per_second, mut frames) = (0, Vec::new());
    for line in text.lines() {
        if let Some(base) = line.strip_prefix(&format!("#tb {track}: 1/")) {
            ticks_per_second = base.parse().unwrap();
        }
        let fields: Vec<_> = line.split(',').map(str::trim).collect();
        if fields[0] == track.to_string() {
            frames.push(Listed { pts: fields[2].parse().unwrap(), md5: fields[5].to_owned() });
        }
    }
    assert!(ticks_per_second > 0 && !frames.is_empty());
    (ticks_per_second, frames)
}

pub(crate) fn md5(data: &[u8]) -> String {
    Md5::digest(data).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Waits, on the paused clock, until `condition` holds.
pub(crate) async fn until(mut condition: impl FnMut() -> bool) {
    for _ in 0..100_000 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("what was waited for did not happen within 1000 seconds of the paused clock");
}
