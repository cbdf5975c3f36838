//! Clients that do not read, do not speak, or speak nonsense; and the faults that a camera can be told to have.

use std::time::Duration;

use futures_util::StreamExt as _;
use retina::client::{TcpTransportOptions, Transport, UdpTransportOptions};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use vigie_camera::Camera;

use crate::harness::{camera, describe, play, receive, until};

fn tcp() -> Transport {
    Transport::Tcp(TcpTransportOptions::default())
}

/// A client that sends what it is told and reads when it is told.
struct Bare {
    socket: TcpStream,
    url: String,
    cseq: u32,
}

impl Bare {
    async fn connect(camera: &Camera) -> Self {
        let socket = TcpStream::connect(camera.local_addr()).await.unwrap();
        Self { socket, url: camera.url(0), cseq: 0 }
    }

    /// Sends a request; the head of the response, which has no body.
    async fn ask(&mut self, method: &str, path: &str, headers: &str) -> String {
        self.cseq += 1;
        let (url, cseq) = (&self.url, self.cseq);
        let request = format!("{method} {url}{path} RTSP/1.0\r\nCSeq: {cseq}\r\n{headers}\r\n");
        self.socket.write_all(request.as_bytes()).await.unwrap();
        let mut response = Vec::new();
        while !response.ends_with(b"\r\n\r\n") {
            response.push(self.socket.read_u8().await.unwrap());
        }
        String::from_utf8(response).unwrap()
    }

    /// Sets up the video and plays it; the session's id.
    async fn play(&mut self) -> String {
        let transport = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n";
        let response = self.ask("SETUP", "/trackID=0", transport).await;
        let session = response.split("Session: ").nth(1).unwrap().split(';').next().unwrap();
        let response = self.ask("PLAY", "", &format!("Session: {session}\r\n")).await;
        assert!(response.starts_with("RTSP/1.0 200 OK"), "{response}");
        session.to_owned()
    }

    /// Reads until the camera closes the connection.
    async fn read_to_end(&mut self) -> usize {
        let (mut total, mut buffer) = (0, vec![0; 65_536]);
        loop {
            match self.socket.read(&mut buffer).await {
                Ok(0) | Err(_) => return total,
                Ok(read) => total += read,
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_is_dropped_and_nobody_else_notices() {
    let camera = camera("h264_aac.mp4", |_| {}).await;
    let mut stalled = Bare::connect(&camera).await;
    stalled.play().await;
    // Empty RTCP now and then: it lives, so that only its unread media can be why it is dropped.
    let alive = tokio::spawn(async move {
        while stalled.socket.write_all(b"$\x01\x00\x00").await.is_ok() {
            tokio::time::sleep(Duration::from_secs(30)).await;
        }
    });
    let mut reader = play(&camera.url(0), None, tcp()).await.unwrap();
    let dropped = || camera.stats(0).unwrap().clients_dropped;
    // `receive` fails on any loss. The kernel's buffers fill before the camera notices.
    receive(&mut reader, |_| dropped() > 0).await;
    receive(&mut reader, |received| received.len() > 100).await;
    assert_eq!((dropped(), camera.stats(0).unwrap().clients), (1, 1));
    alive.await.unwrap();
    camera.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_asks_without_end_and_never_reads_is_dropped() {
    let camera = camera("h264_aac.mp4", |_| {}).await;
    let mut client = Bare::connect(&camera).await;
    let request = format!("OPTIONS {} RTSP/1.0\r\nCSeq: 1\r\n\r\n", camera.url(0)).repeat(1000);
    while client.socket.write_all(request.as_bytes()).await.is_ok() {}
    camera.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_falls_silent_is_let_go_after_the_session_timeout() {
    let camera = camera("h264_aac.mp4", |_| {}).await;
    let mut client = Bare::connect(&camera).await;
    client.play().await;
    let began = tokio::time::Instant::now();
    client.read_to_end().await;
    let seconds = began.elapsed().as_secs();
    assert!((60..80).contains(&seconds), "let go after {seconds} s");
    until(|| camera.stats(0).unwrap().clients == 0).await;
    camera.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn teardown_and_pause_stop_the_media() {
    let camera = camera("h264_aac.mp4", |_| {}).await;
    for method in ["PAUSE", "TEARDOWN"] {
        let mut client = Bare::connect(&camera).await;
        let session = client.play().await;
        until(|| camera.stats(0).unwrap().clients == 1).await;
        let request =
            format!("{method} {} RTSP/1.0\r\nCSeq: 9\r\nSession: {session}\r\n\r\n", camera.url(0));
        client.socket.write_all(request.as_bytes()).await.unwrap();
        until(|| camera.stats(0).unwrap().clients == 0).await;
    }
    camera.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn nonsense_is_answered_400_and_the_connection_ends() {
    let camera = camera("h264_aac.mp4", |_| {}).await;
    for nonsense in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0xff; 40_000], b"\x16\x03\x01\r\n\r\n"] {
        let mut client = Bare::connect(&camera).await;
        // The camera may have closed before all of it is written.
        let _written = client.socket.write_all(nonsense).await.is_ok();
        client.read_to_end().await;
    }
    assert!(describe(&camera.url(0), None).await.is_ok());
    camera.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_stalled_camera_keeps_its_clients_and_goes_on_at_a_key_frame() {
    let camera = camera("h264_aac.mp4", |_| {}).await;
    for transport in [tcp(), Transport::Udp(UdpTransportOptions::default())] {
        let mut client = play(&camera.url(0), None, transport).await.unwrap();
        receive(&mut client, |received| received.len() > 30).await;
        camera.stall();
        // What was on its way still arrives.
        let silence = Duration::from_secs(20);
        let mut last = 0;
        while let Ok(item) = tokio::time::timeout(silence, client.next()).await {
            if let Ok(retina::codec::CodecItem::VideoFrame(frame)) = item.unwrap() {
                last = frame.timestamp().elapsed();
            }
        }
        camera.resume();
        // `receive` fails on lost packets: sequence numbers go on.
        let received = receive(&mut client, |received| received.len() > 30).await;
        let first = received.iter().find(|frame| frame.track == 0).unwrap();
        assert!(first.key_frame, "goes on in mid-GOP");
        let gap_90k = first.time - last;
        assert!((20 * 90_000..23 * 90_000).contains(&gap_90k), "time went on by {gap_90k}");
    }
    camera.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn disconnected_clients_can_come_back_unless_they_are_refused() {
    let camera = camera("h264_aac.mp4", |_| {}).await;
    let mut client = play(&camera.url(0), None, tcp()).await.unwrap();
    receive(&mut client, |received| received.len() > 10).await;
    camera.refuse_connections(true);
    // Refusing does not touch those that are connected.
    receive(&mut client, |received| received.len() > 10).await;
    camera.disconnect_all();
    while let Some(Ok(_)) = client.next().await {}
    assert!(describe(&camera.url(0), None).await.is_err());
    camera.refuse_connections(false);
    let mut client = play(&camera.url(0), None, tcp()).await.unwrap();
    receive(&mut client, |received| received.len() > 10).await;
    camera.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn shutdown_ends_the_clients_and_frees_the_port() {
    let camera = camera("h264_aac.mp4", |_| {}).await;
    let (url, address) = (camera.url(0), camera.local_addr());
    let mut client = play(&url, None, tcp()).await.unwrap();
    receive(&mut client, |received| received.len() > 10).await;
    camera.shutdown().await;
    while let Some(Ok(_)) = client.next().await {}
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_dropped_camera_is_gone_too() {
    let camera = camera("h264_aac.mp4", |_| {}).await;
    let mut client = play(&camera.url(0), None, tcp()).await.unwrap();
    receive(&mut client, |received| received.len() > 10).await;
    drop(camera);
    while let Some(Ok(_)) = client.next().await {}
}
