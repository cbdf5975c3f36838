//! Cameras and files, byte for byte.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::oneshot;
use vigie_camera::{Camera, CameraConfig, Credentials, Media};
use vigie_engine::recorder::{CameraHost, ConnectCause, Failure, UriFault};
use vigie_kvs::Sensitive;
use vigie_kvs::media_uri::MediaUri;
use vigie_media::Track;
use vigie_media::mp4::{Limits, Mp4Reader};
use vigie_store::OsDisk;
use vigie_store::disk::Disk;
use vigie_store::source::SourceBounds;

use super::*;
use crate::core::{FrameTime, Imports, SourceEvent, SourceFrame};
use crate::shell::camera_tls::CameraTls;
use crate::shell::core_thread::CoreHandle;
use crate::shell::drain_pace::DrainPace;
use crate::shell::file_source::FileSource;
use crate::shell::read_pool::ReadPool;
use crate::shell::rtsp_source::{Cameras, RtspSource};

pub(super) fn media_uri(uri: &str) -> MediaUri {
    let secret = Sensitive::new(format!(r#"{{"MediaURI":"{uri}"}}"#));
    MediaUri::from_secret_string(&secret).unwrap()
}

/// The data of every frame of an MP4, by track number, in the order of decoding.
pub(super) fn frames_of(name: &str) -> (Vec<Track>, BTreeMap<u64, Vec<Bytes>>) {
    let file = OsDisk.open_read_only(&fixture(name)).unwrap();
    let mut read_at = |offset, length| file.read_exact_at(offset, length);
    let size_bytes = file.length_bytes().unwrap();
    let mut reader = Mp4Reader::open(size_bytes, &mut read_at, Limits::default()).unwrap();
    let mut frames: BTreeMap<u64, Vec<Bytes>> = BTreeMap::new();
    while let Some(sample) = reader.next_sample(&mut read_at).unwrap() {
        let data = file.read_exact_at(sample.offset, sample.size_bytes as usize).unwrap();
        frames.entry(sample.track_number).or_default().push(data);
    }
    (reader.tracks().to_vec(), frames)
}

/// A source that reads this URI.
pub(super) fn source(uri: MediaUri, core: CoreHandle) -> RtspSource {
    source_by(uri, core, CameraTls::open(None, &OsDisk).unwrap())
}

/// The same with certificates of its own.
pub(super) fn source_by(uri: MediaUri, core: CoreHandle, tls: CameraTls) -> RtspSource {
    RtspSource {
        session: session(1),
        uri,
        seed: [7; 16],
        cameras: Cameras {
            core,
            clock: clock(),
            tls,
            pool: Arc::new(ReadPool::default()),
            pace: DrainPace::default(),
            datagram_runtime: tokio::runtime::Handle::current(),
        },
    }
}

/// Runs a source until its task is aborted.
pub(super) async fn run(source: RtspSource) {
    let (_running, stop) = oneshot::channel();
    source.run(stop).await;
}

pub(super) async fn camera(name: &str, login: Option<(&str, &str)>) -> Camera {
    let mut config = CameraConfig::new(
        "127.0.0.1:0".parse().unwrap(),
        Media::open(&fixture(name)).await.unwrap(),
    );
    config.credentials = login.map(|(user, password)| Credentials {
        user: user.to_owned(),
        password: password.to_owned(),
    });
    Camera::start(config, || START).await.unwrap()
}

/// Everything that a source says until it has given so many pictures.
pub(super) async fn collect(
    messages: &mut mpsc::Receiver<Message>,
    pictures: usize,
) -> (Vec<Track>, Vec<SourceFrame>) {
    let (mut tracks, mut frames) = (Vec::new(), Vec::<SourceFrame>::new());
    while frames.iter().filter(|frame| frame.track_number == 1).count() < pictures {
        match next(messages).await {
            Event::Source { event: SourceEvent::Opened { tracks: opened }, .. } => {
                assert!(tracks.is_empty(), "opened twice");
                tracks = opened;
            }
            Event::Source { event: SourceEvent::Frames(batch), .. } => frames.extend(batch),
            other => panic!("{other:?}"),
        }
    }
    (tracks, frames)
}

async fn record_camera(name: &str) {
    let (file_tracks, file_frames) = frames_of(name);
    let camera = camera(name, None).await;
    let (core, mut messages) = CoreHandle::apart();
    let uri = media_uri(&camera.url(0));
    let running = tokio::spawn(run(source(uri, core)));
    let pictures = file_frames[&1].len();
    let (tracks, frames) = collect(&mut messages, 2 * pictures).await;
    running.abort();

    assert_eq!(tracks[0].codec_id, file_tracks[0].codec_id);
    assert_eq!(tracks[0].video, file_tracks[0].video);
    assert_eq!(tracks.len(), file_tracks.len());
    for track in &tracks {
        // A client joins at the loop's next key frame; from there everything comes, in order.
        let of_track = frames.iter().filter(|f| f.track_number == track.number);
        let got: Vec<Bytes> = of_track.map(|f| f.data.to_bytes()).collect();
        let all = &file_frames[&track.number];
        let at = all.iter().position(|data| *data == got[0]).expect("not a frame of the file");
        for (index, data) in got.iter().enumerate() {
            assert_eq!(
                *data,
                all[(at + index) % all.len()],
                "frame {index} of track {}",
                track.number
            );
        }
    }
    assert!(frames.iter().find(|frame| frame.track_number == 1).unwrap().key_frame);
    let times: Vec<i64> = frames
        .iter()
        .filter(|frame| frame.track_number == 1)
        .map(|frame| match frame.time {
            FrameTime::Camera { media_us, .. } => media_us,
            FrameTime::Wall(_) => panic!("a camera does not know the hub's time"),
        })
        .collect();
    let mut sorted = times.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(sorted.len(), times.len(), "no two pictures have one time");
}

#[tokio::test(start_paused = true)]
async fn h264_and_aac_of_a_camera_arrive_byte_for_byte() {
    record_camera("h264_aac.mp4").await;
}

#[tokio::test(start_paused = true)]
async fn b_frames_of_a_camera_arrive_in_decoding_order() {
    record_camera("h264_bframes_aac.mp4").await;
}

#[tokio::test(start_paused = true)]
async fn h265_of_a_camera_arrives_byte_for_byte() {
    record_camera("h265.mp4").await;
}

/// How a source on this URI ends before it opened.
/// What a source ends with that never opens.
pub(super) async fn failure(uri: &str) -> Failure {
    let (core, mut messages) = CoreHandle::apart();
    tokio::spawn(run(source(media_uri(uri), core)));
    match next(&mut messages).await {
        Event::Source { event: SourceEvent::Failed(failure), .. } => failure,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_password_is_percent_decoded_and_a_wrong_one_is_said() {
    let camera = camera("h265.mp4", Some(("admin", "p@ss/word"))).await;
    let address = camera.local_addr();
    let (core, mut messages) = CoreHandle::apart();
    let uri = media_uri(&format!("rtsp://admin:p%40ss%2Fword@{address}/cam0"));
    let running = tokio::spawn(run(source(uri, core)));
    let (tracks, _) = collect(&mut messages, 1).await;
    assert_eq!(tracks.len(), 1);
    running.abort();
    assert_eq!(
        failure(&format!("rtsp://admin:wrong@{address}/cam0")).await,
        Failure::WrongPassword
    );
    assert_eq!(failure(&format!("rtsp://{address}/cam0")).await, Failure::LoginWanted);
}

#[tokio::test]
async fn what_is_no_camera_is_told_from_what_is_not_there() {
    let camera = camera("h265.mp4", None).await;
    assert_eq!(
        failure(&format!("rtsp://{}/cam7", camera.local_addr())).await,
        Failure::PathNotFound
    );
    let unreachable = |name: &str, cause, looks_split| {
        let host = CameraHost { name: name.to_owned(), looks_split };
        Failure::Unreachable { host, cause }
    };
    assert_eq!(
        failure("rtsp://127.0.0.1:1/cam0").await,
        unreachable("127.0.0.1", ConnectCause::Refused, false)
    );
    assert_eq!(
        failure("rtsp://no-such-host.invalid/cam0").await,
        unreachable("no-such-host.invalid", ConnectCause::UnknownHost, false)
    );
    assert_eq!(
        failure("rtsp://127.0.0.1:1/live@host").await,
        unreachable("127.0.0.1", ConnectCause::Refused, true)
    );
    let web = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = web.local_addr().unwrap();
    let serving = tokio::spawn(async move {
        let (mut stream, _) = web.accept().await.unwrap();
        let mut request = [0; 8];
        stream.read_exact(&mut request).await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await.unwrap();
    });
    assert_eq!(failure(&format!("rtsp://{address}/cam0")).await, Failure::NotACamera);
    serving.await.unwrap();
}

#[tokio::test]
async fn what_is_wrong_with_an_address_is_told_apart_before_anybody_is_asked() {
    for (uri, fault) in [
        ("rtsp://camera:99999/cam0", UriFault::Port),
        ("rtsp://admin:a/b@camera/cam0", UriFault::LooksSplit),
        ("rtsp:///cam0", UriFault::Host),
    ] {
        assert_eq!(failure(uri).await, Failure::BadUri(fault), "{uri}");
    }
    let host = CameraHost { name: "xn--kche-0ra.invalid".to_owned(), looks_split: false };
    let unknown = Failure::Unreachable { host, cause: ConnectCause::UnknownHost };
    assert_eq!(failure("rtsp://k\u{FC}che.invalid/cam0").await, unknown);
}

#[tokio::test]
async fn a_camera_that_goes_away_ends_the_session() {
    let camera = camera("h265.mp4", None).await;
    let (core, mut messages) = CoreHandle::apart();
    tokio::spawn(run(source(media_uri(&camera.url(0)), core)));
    collect(&mut messages, 1).await;
    camera.disconnect_all();
    let ended = async {
        loop {
            match next(&mut messages).await {
                Event::Source { event: SourceEvent::Frames(_), .. } => {}
                Event::Source { event: SourceEvent::Failed(failure), .. } => return failure,
                other => panic!("{other:?}"),
            }
        }
    };
    assert_eq!(ended.await, Failure::Ended);
}

/// Files may lie under these.
pub(super) fn bounds(roots: &[&Path]) -> Arc<SourceBounds> {
    let roots = roots.iter().map(|root| root.to_path_buf()).collect();
    Arc::new(SourceBounds { roots, own_folder: "/var/lib/vigie-agent-of-tests".into() })
}

pub(super) fn file_source(uri: String) -> FileSource {
    FileSource {
        session: session(1),
        uri,
        bounds: bounds(&[Path::new("/")]),
        ends_at: START,
        not_before: Timestamp::MIN,
        imports: Imports::default(),
        newest: None,
        clock: clock(),
        stopped: Arc::new(AtomicBool::new(false)),
    }
}

/// Runs a file source to its end.
async fn record_file(
    uri: String,
    not_before: Timestamp,
) -> Result<(Vec<Track>, Vec<SourceFrame>), Failure> {
    let (core, mut messages) = CoreHandle::apart();
    let stopped = Arc::new(AtomicBool::new(false));
    let file = FileSource { not_before, stopped, ..file_source(uri) };
    let running = tokio::task::spawn_blocking(move || file.run(&core, &OsDisk));
    let (mut tracks, mut frames) = (Vec::new(), Vec::new());
    let result = loop {
        match next(&mut messages).await {
            Event::Source { event: SourceEvent::FileBegun { .. }, .. } => {}
            Event::Source { event: SourceEvent::Opened { tracks: opened }, .. } => tracks = opened,
            Event::Source { event: SourceEvent::Frames(batch), .. } => frames.extend(batch),
            Event::Source { event: SourceEvent::Ended, .. } => break Ok((tracks, frames)),
            Event::Source {
                event: SourceEvent::Failed(failure) | SourceEvent::FileRefused { failure, .. },
                ..
            } => break Err(failure),
            other => panic!("{other:?}"),
        }
    };
    running.await.unwrap();
    result
}

pub(super) fn wall(frame: &SourceFrame) -> Timestamp {
    match frame.time {
        FrameTime::Wall(timestamp) => timestamp,
        FrameTime::Camera { .. } => panic!("a file has no arrival"),
    }
}

#[tokio::test]
async fn an_mp4_is_delivered_whole_and_ends_when_its_recording_began() {
    for name in ["h264_aac.mp4", "h264_bframes_aac.mp4", "h265.mp4", "h264_aac_fragmented.mp4"] {
        let (_, expected) = frames_of(name);
        let uri = format!("file://{}", fixture(name).display());
        let (tracks, frames) = record_file(uri, Timestamp::MIN).await.unwrap();
        assert_eq!(
            tracks.iter().map(|track| track.number).collect::<Vec<_>>().len(),
            expected.len()
        );
        for (number, expected) in &expected {
            let of_track = frames.iter().filter(|f| f.track_number == *number);
            let got: Vec<Bytes> = of_track.map(|f| f.data.to_bytes()).collect();
            assert_eq!(got, *expected, "{name}, track {number}");
        }
        let newest = frames.iter().map(wall).max().unwrap();
        let behind_ms = START.millis_since(newest);
        assert!(
            (0..200).contains(&behind_ms),
            "{name}: the last frame is {behind_ms} ms before the end"
        );
    }
}

#[tokio::test]
async fn a_matroska_file_is_delivered_whole_behind_what_is_already_there() {
    let path = fixture("h264_bframes_mulaw.mkv");
    let not_before = START.plus_millis(5);
    let (tracks, frames) = record_file(path.display().to_string(), not_before).await.unwrap();
    assert_eq!(tracks.iter().map(|track| track.number).collect::<Vec<_>>(), [1, 2]);
    let file = OsDisk.open_read_only(&path).unwrap();
    let mut reader =
        vigie_media::matroska::FragmentReader::new(vigie_media::matroska::Limits::FILE);
    reader.push(&file.read_exact_at(0, file.length_bytes().unwrap() as usize).unwrap());
    reader.finish();
    let mut sizes = Vec::new();
    while let Some(event) = reader.next_event().unwrap() {
        if let vigie_media::matroska::Event::Frame(entry) = event {
            sizes.push(entry.size_bytes as usize);
        }
    }
    assert_eq!(frames.iter().map(|frame| frame.data.len()).collect::<Vec<_>>(), sizes);
    assert_eq!(frames.iter().map(wall).min().unwrap(), not_before);
}

#[tokio::test]
async fn a_file_that_is_not_there_or_not_media_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let absent = folder.path().join("absent.mp4").display().to_string();
    assert_eq!(record_file(absent, Timestamp::MIN).await.unwrap_err(), Failure::FileNotReadable);
    let text = fixture("README.md").display().to_string();
    assert_eq!(record_file(text, Timestamp::MIN).await.unwrap_err(), Failure::FileNotMedia);
    let audio = fixture("sdkc_audio.mkv").display().to_string();
    assert_eq!(record_file(audio, Timestamp::MIN).await.unwrap_err(), Failure::NoVideoTrack);
    let relative = "holiday.mp4".to_owned();
    assert_eq!(
        record_file(relative, Timestamp::MIN).await.unwrap_err(),
        Failure::BadUri(UriFault::Kind)
    );
}

#[tokio::test]
async fn a_file_source_that_is_stopped_says_nothing_more() {
    let (core, mut messages) = CoreHandle::apart();
    let stopped = Arc::new(AtomicBool::new(true));
    let file = FileSource { stopped, ..file_source(fixture("h265.mp4").display().to_string()) };
    tokio::task::spawn_blocking(move || file.run(&core, &OsDisk)).await.unwrap();
    let mut events = 0;
    while messages.recv().await.is_some() {
        events += 1;
    }
    assert_eq!(events, 0, "it is not even read to find out how long it lasts");
}
