//! Every frame of the looped file arrives: byte for byte, in order, at its time, over TCP and UDP, as an independent
//! client (retina) sees it and an independent list (ffmpeg's) has it.

use crate::harness::{Received, camera, fixture, listed, md5, play, receive};
use retina::client::{TcpTransportOptions, Transport, UdpTransportOptions};
use vigie_camera::Media;

fn tcp() -> Transport {
    Transport::Tcp(TcpTransportOptions::default())
}

fn udp() -> Transport {
    Transport::Udp(UdpTransportOptions::default())
}

/// Receives more than two loops and holds each frame of the tracks in `framed` against the list.
async fn check(name: &str, transport: Transport, framed: &[(usize, i64)]) -> Vec<Received> {
    let camera = camera(name, |config| config.mounts = 3).await;
    // Not mount 0: this one is somewhere inside its loop.
    let mut client = play(&camera.url(2), None, transport).await.unwrap();
    let frames_in_loop = listed(name, 0).1.len();
    let video = |received: &[Received]| received.iter().filter(|frame| frame.track == 0).count();
    let received = receive(&mut client, |received| video(received) > 2 * frames_in_loop + 5).await;
    // To retina the CRA pictures of an open GOP are no key frames (H.265 only).
    let is_cra = received[0].data[4] >> 1 == 21;
    assert!(received[0].track == 0 && (received[0].key_frame || is_cra), "begins in mid-GOP");
    let loop_nanos = Media::open(&fixture(name)).await.unwrap().loop_duration().as_nanos() as i64;
    for &(track, rate) in framed {
        let frames: Vec<_> = received.iter().filter(|frame| frame.track == track).collect();
        compare(&frames, name, track, rate, loop_nanos);
    }
    assert_eq!(camera.stats(0).unwrap().clients, 0);
    assert!(camera.stats(2).unwrap().tracks[0].frames >= video(&received) as u64);
    camera.shutdown().await;
    received
}

fn compare(frames: &[&Received], name: &str, track: usize, rate: i64, loop_nanos: i64) {
    let (ticks_per_second, list) = listed(name, track);
    let begin = list.iter().position(|listed| listed.md5 == md5(&frames[0].data)).unwrap();
    let first = list[begin].pts;
    for (index, frame) in frames.iter().enumerate() {
        let (round, at) = ((begin + index) / list.len(), (begin + index) % list.len());
        assert_eq!(md5(&frame.data), list[at].md5, "{name} track {track}, frame {index}");
        let expect = (list[at].pts - first) * rate / ticks_per_second
            + (i128::from(round as i64 * loop_nanos) * i128::from(rate) / 1_000_000_000) as i64;
        let time = frame.time - frames[0].time;
        // One tick: times are rounded down at several places. Matroska's milliseconds are counted in samples again.
        let tolerance = if ticks_per_second == 1000 { rate / 500 } else { 1 };
        assert!((time - expect).abs() <= tolerance, "frame {index}: at {time}, not at {expect}");
    }
    assert!(frames.len() > list.len(), "no loop boundary was crossed");
}

#[tokio::test(start_paused = true)]
async fn h264_with_aac_over_tcp() {
    check("h264_aac.mp4", tcp(), &[(0, 90_000), (1, 16_000)]).await;
}

#[tokio::test(start_paused = true)]
async fn h264_with_aac_over_udp() {
    check("h264_aac.mp4", udp(), &[(0, 90_000), (1, 16_000)]).await;
}

#[tokio::test(start_paused = true)]
async fn h264_with_b_frames_carries_presentation_times_in_decode_order() {
    let received = check("h264_bframes_aac.mp4", tcp(), &[(0, 90_000), (1, 16_000)]).await;
    let video = received.iter().filter(|frame| frame.track == 0).map(|frame| frame.time);
    assert!(!video.is_sorted(), "a file with B-frames is not in presentation order");
}

#[tokio::test(start_paused = true)]
async fn h265_over_tcp() {
    check("h265.mp4", tcp(), &[(0, 90_000)]).await;
}

#[tokio::test(start_paused = true)]
async fn h265_over_udp() {
    check("h265.mp4", udp(), &[(0, 90_000)]).await;
}

#[tokio::test(start_paused = true)]
async fn g711_a_law_from_mov_over_tcp() {
    let received = check("h264_alaw.mov", tcp(), &[(0, 90_000)]).await;
    assert_g711(&received, "h264_alaw.pcma");
}

#[tokio::test(start_paused = true)]
async fn g711_mu_law_and_h265_from_matroska_over_udp() {
    let received = check("h265_mulaw.mkv", udp(), &[(0, 90_000)]).await;
    assert_g711(&received, "h265_mulaw.pcmu");
}

/// G.711 has no frames to compare: its bytes, over and over, with each byte at its time.
fn assert_g711(received: &[Received], name: &str) {
    let one_loop = std::fs::read(fixture(name)).unwrap();
    let audio: Vec<_> = received.iter().filter(|frame| frame.track == 1).collect();
    let bytes: Vec<u8> = audio.iter().flat_map(|frame| frame.data.clone()).collect();
    assert!(bytes.len() > one_loop.len());
    // A tone is the same in many places: the right one is where all the rest follows.
    let mut begins = 0..one_loop.len();
    let is_there =
        begins.any(|begin| one_loop.iter().cycle().skip(begin).zip(&bytes).all(|(a, b)| a == b));
    assert!(is_there, "{name} is not what arrived");
    for pair in audio.windows(2) {
        assert_eq!(pair[1].time - pair[0].time, pair[0].data.len() as i64);
    }
}

#[tokio::test(start_paused = true)]
async fn all_clients_of_a_mount_see_the_same_position() {
    let camera = camera("h264_aac.mp4", |_| {}).await;
    let mut early = play(&camera.url(0), None, tcp()).await.unwrap();
    receive(&mut early, |received| received.len() > 40).await;
    let mut late = play(&camera.url(0), None, udp()).await.unwrap();
    let late_frames = receive(&mut late, |received| received.len() > 5).await;
    let early_frames = receive(&mut early, |received| received.len() > 80).await;
    let first = md5(&late_frames[0].data);
    assert!(early_frames.iter().any(|frame| md5(&frame.data) == first));
    assert_eq!(camera.stats(0).unwrap().clients, 2);
    camera.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_keeps_its_session_alive_plays_for_minutes() {
    let camera = camera("h264_aac.mp4", |_| {}).await;
    let mut client = play(&camera.url(0), None, tcp()).await.unwrap();
    // Five minutes at 15 fps: past the session timeout several times.
    receive(&mut client, |received| {
        received.last().is_some_and(|frame| frame.track == 0 && frame.time > 300 * 90_000)
    })
    .await;
    camera.shutdown().await;
}
