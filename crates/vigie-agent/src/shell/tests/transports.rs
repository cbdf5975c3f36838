//! How a camera is reached: over TCP, UDP and TLS, and by which of them when it refuses.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use rustls_pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use vigie_camera::{Camera, CameraConfig, Media};
use vigie_engine::recorder::Failure;
use vigie_rtsp::session::{End, Method};
use vigie_store::OsDisk;
use vigie_store::disk::Disk;

use super::sources::{collect, failure, frames_of, media_uri, run, source, source_by};
use super::*;
use crate::core::{FrameTime, SourceEvent, SourceFrame};
use crate::shell::camera_tls::CameraTls;
use crate::shell::core_thread::CoreHandle;

async fn camera(change: impl FnOnce(&mut CameraConfig)) -> Camera {
    let media = Media::open(&fixture("h264_aac.mp4")).await.unwrap();
    let mut config = CameraConfig::new("127.0.0.1:0".parse().unwrap(), media);
    change(&mut config);
    Camera::start(config, || START).await.unwrap()
}

fn write(path: &Path, text: &str) {
    let file = OsDisk.create_new(path).unwrap();
    file.write_all_at(&[text.as_bytes()], 0).unwrap();
}

/// Every frame is one of the file's, byte for byte, in its order.
fn assert_frames_of_the_file(frames: &[SourceFrame]) {
    let (_, of_file) = frames_of("h264_aac.mp4");
    for (number, all) in &of_file {
        let of_track = frames.iter().filter(|f| f.track_number == *number);
        let got: Vec<Bytes> = of_track.map(|f| f.data.to_bytes()).collect();
        let at = all.iter().position(|data| *data == got[0]).expect("not a frame of the file");
        for (index, data) in got.iter().enumerate() {
            assert_eq!(*data, all[(at + index) % all.len()], "frame {index} of track {number}");
        }
    }
}

#[tokio::test]
async fn a_camera_is_read_over_udp_byte_for_byte() {
    let camera = camera(|_| {}).await;
    let (core, mut messages) = CoreHandle::apart();
    let uri = media_uri(&camera.url(0).replace("rtsp:", "rtspu:"));
    let running = tokio::spawn(run(source(uri, core)));
    let (tracks, frames) = collect(&mut messages, 40).await;
    running.abort();
    assert_eq!(tracks.len(), 2);
    assert_frames_of_the_file(&frames);
}

#[tokio::test]
async fn a_camera_that_refuses_tcp_is_read_over_udp() {
    let camera = camera(|config| config.udp_only = true).await;
    let (core, mut messages) = CoreHandle::apart();
    let running = tokio::spawn(run(source(media_uri(&camera.url(0)), core)));
    let (_, frames) = collect(&mut messages, 10).await;
    running.abort();
    assert_frames_of_the_file(&frames);
}

#[tokio::test]
async fn lost_packets_are_counted_before_the_frame_that_follows_them() {
    let camera = camera(|config| config.lose_every = 20).await;
    let (core, mut messages) = CoreHandle::apart();
    let uri = media_uri(&camera.url(0).replace("rtsp:", "rtspu:"));
    let running = tokio::spawn(run(source(uri, core)));
    let mut lost = 0;
    while lost < 3 {
        match next(&mut messages).await {
            Event::Source { event: SourceEvent::PacketsLost { count, over_udp }, .. } => {
                assert!(over_udp);
                lost += count;
            }
            Event::Source {
                // Sound that is lost is told with them.
                event:
                    SourceEvent::Opened { .. } | SourceEvent::Frames(_) | SourceEvent::Deviations(_),
                ..
            } => {}
            other => panic!("{other:?}"),
        }
    }
    running.abort();
}

/// A camera behind TLS, its certificate in PEM, and where it is.
struct TlsCamera {
    _camera: Camera,
    certificate: String,
    port: u16,
}

impl TlsCamera {
    /// For these names; self-signed as cameras make them.
    async fn start(names: &[&str]) -> Self {
        let camera = camera(|_| {}).await;
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let behind = camera.local_addr();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let Ok(mut client) = acceptor.accept(client).await else { return };
                    let mut camera = TcpStream::connect(behind).await.unwrap();
                    // Ends by an error when the client goes.
                    tokio::io::copy_bidirectional(&mut client, &mut camera).await.ok();
                });
            }
        });
        Self { _camera: camera, certificate: made.cert.pem(), port }
    }

    /// What becomes of a source on this host that trusts these certificates as well as the system's.
    async fn record(&self, host: &str, trusted: Option<&str>) -> Result<Vec<SourceFrame>, Failure> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cameras.pem");
        write(&path, trusted.unwrap_or_default());
        let path = trusted.map(|_| path.as_path());
        self.record_by(host, CameraTls::open(path, &OsDisk).unwrap()).await
    }

    async fn record_by(&self, host: &str, tls: CameraTls) -> Result<Vec<SourceFrame>, Failure> {
        let (core, mut messages) = CoreHandle::apart();
        let uri = media_uri(&format!("rtsps://{host}:{}/cam0", self.port));
        let running = tokio::spawn(run(source_by(uri, core, tls)));
        let first = next(&mut messages).await;
        if let Event::Source { event: SourceEvent::Failed(failure), .. } = first {
            return Err(failure);
        }
        let mut frames: Vec<SourceFrame> = Vec::new();
        while frames.iter().filter(|frame| frame.track_number == 1).count() < 30 {
            match next(&mut messages).await {
                Event::Source { event: SourceEvent::Frames(batch), .. } => frames.extend(batch),
                other => panic!("{other:?}"),
            }
        }
        running.abort();
        Ok(frames)
    }
}

#[tokio::test]
async fn a_camera_is_read_over_tls_when_its_certificate_is_trusted_and_not_otherwise() {
    let camera = TlsCamera::start(&["localhost"]).await;
    let frames = camera.record("localhost", Some(&camera.certificate)).await.unwrap();
    assert_frames_of_the_file(&frames);
    // Nobody vouches for it.
    assert_eq!(camera.record("localhost", None).await.unwrap_err(), Failure::CertificateUntrusted);
    let other = TlsCamera::start(&["localhost"]).await;
    assert_eq!(
        camera.record("localhost", Some(&other.certificate)).await.unwrap_err(),
        Failure::CertificateUntrusted
    );
}

#[tokio::test]
async fn a_certificate_that_names_no_host_is_trusted_when_it_is_exactly_the_one() {
    let camera = TlsCamera::start(&["camera-4711.invalid"]).await;
    let frames = camera.record("127.0.0.1", Some(&camera.certificate)).await.unwrap();
    assert_frames_of_the_file(&frames);
}

#[tokio::test]
async fn certificates_that_are_read_again_count_for_the_next_connection() {
    let camera = TlsCamera::start(&["localhost"]).await;
    let folder = tempfile::tempdir().unwrap();
    let (broken, path) = (folder.path().join("broken.pem"), folder.path().join("cameras.pem"));
    let tls = CameraTls::open(None, &OsDisk).unwrap();
    // As the connections that are made have it.
    let shared = tls.clone();
    write(&broken, "no certificate");
    assert!(tls.reload(Some(&broken), &OsDisk).is_err());
    let refused = camera.record_by("localhost", shared.clone()).await;
    assert_eq!(refused.unwrap_err(), Failure::CertificateUntrusted);
    write(&path, &camera.certificate);
    tls.reload(Some(&path), &OsDisk).unwrap();
    assert_frames_of_the_file(&camera.record_by("localhost", shared).await.unwrap());
}

#[tokio::test]
async fn what_speaks_no_tls_is_said_and_so_is_what_speaks_nothing_else() {
    let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = plain.local_addr().unwrap();
    let serving = tokio::spawn(async move {
        let (mut stream, _) = plain.accept().await.unwrap();
        stream.write_all(b"RTSP/1.0 400 Bad Request\r\n\r\n").await.unwrap();
        stream
    });
    let (core, mut messages) = CoreHandle::apart();
    tokio::spawn(run(source(media_uri(&format!("rtsps://{address}/cam0")), core)));
    match next(&mut messages).await {
        Event::Source { event: SourceEvent::Failed(failure), .. } => {
            assert_eq!(failure, Failure::TlsNotSpoken);
        }
        other => panic!("{other:?}"),
    }
    serving.await.unwrap();
    // Asked without TLS, where TLS is spoken.
    let camera = TlsCamera::start(&["localhost"]).await;
    let uri = format!("rtsp://localhost:{}/cam0", camera.port);
    assert_eq!(failure(&uri).await, Failure::TlsWanted);
}

#[tokio::test(start_paused = true)]
async fn a_port_that_does_not_answer_in_tls_is_said_to() {
    for closes in [false, true] {
        let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = plain.local_addr().unwrap();
        tokio::spawn(async move {
            let mut held = Vec::new();
            while let Ok((stream, _)) = plain.accept().await {
                if !closes {
                    held.push(stream);
                }
            }
        });
        let failure = failure(&format!("rtsps://{address}/cam0")).await;
        assert_eq!(failure, Failure::TlsUnanswered, "closes: {closes}");
    }
}

#[test]
fn certificates_that_cannot_be_used_are_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cameras.pem");
    let open = |path: &std::path::Path| match CameraTls::open(Some(path), &OsDisk) {
        Err(error) => error.to_string(),
        Ok(_) => "taken".to_owned(),
    };
    assert_eq!(open(&path), "cannot read the file");
    write(&path, "no certificate");
    assert_eq!(open(&path), "the file holds no certificate in PEM");
}

#[tokio::test]
async fn a_camera_that_answers_nothing_is_found_within_a_second_of_its_return() {
    // A full backlog drops what asks for a connection, as a host that is switched off does.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut filling = Vec::new();
    while let Ok(Ok(stream)) =
        tokio::time::timeout(Duration::from_millis(300), TcpStream::connect(address)).await
    {
        filling.push(stream);
    }
    let (core, mut messages) = CoreHandle::apart();
    let uri = media_uri(&format!("rtsp://{address}/cam0"));
    let running = tokio::spawn(run(source(uri, core)));
    // It asks again and again, and never for anything but a connection.
    let said = tokio::time::timeout(Duration::from_millis(1200), messages.recv()).await;
    assert!(said.is_err(), "gave up at once");
    let back_at = Instant::now();
    let asked = Arc::new(AtomicUsize::new(0));
    let serving = {
        let asked = asked.clone();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let asked = asked.clone();
                tokio::spawn(async move {
                    let mut request = [0; 1024];
                    let mut number = 0;
                    while let Ok(1..) = stream.read(&mut request).await {
                        asked.fetch_add(usize::from(number == 0), Ordering::Relaxed);
                        number += 1;
                        let answer =
                            format!("RTSP/1.0 503 Service Unavailable\r\nCSeq: {number}\r\n\r\n");
                        stream.write_all(answer.as_bytes()).await.unwrap();
                    }
                });
            }
        })
    };
    drop(filling);
    let mut said = next(&mut messages).await;
    // OPTIONS is refused as well, which is lived with.
    while let Event::Source { event: SourceEvent::Deviations(_), .. } = said {
        said = next(&mut messages).await;
    }
    match said {
        Event::Source { event: SourceEvent::Failed(failure), .. } => {
            let (request, status) = (Method::Describe, 503);
            let refused = End::Refused { request, medium: None, status };
            assert_eq!(failure, refused.into());
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(asked.load(Ordering::Relaxed), 1, "more than one connection");
    let found_after = back_at.elapsed();
    assert!(found_after < Duration::from_secs(2), "{found_after:?}");
    running.abort();
    serving.abort();
}

#[tokio::test(start_paused = true)]
async fn rtp_time_that_wraps_goes_on() {
    // A second before 32 bits of 90 kHz are used up.
    let camera = camera(|config| config.rtp_time_start = Some(u32::MAX - 90_000)).await;
    let (core, mut messages) = CoreHandle::apart();
    let running = tokio::spawn(run(source(media_uri(&camera.url(0)), core)));
    let (_, frames) = collect(&mut messages, 100).await;
    running.abort();
    let times =
        frames.iter().filter(|frame| frame.track_number == 1).map(|frame| match frame.time {
            FrameTime::Camera { media_us, .. } => media_us,
            FrameTime::Wall(_) => panic!("a camera does not know the hub's time"),
        });
    let times: Vec<i64> = times.collect();
    for pair in times.windows(2) {
        // Fifteen pictures a second, and sound that outlasts them where the file begins anew.
        assert!((66_000..200_000).contains(&(pair[1] - pair[0])), "{pair:?}");
    }
}
