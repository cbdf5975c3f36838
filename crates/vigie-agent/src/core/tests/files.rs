//! `FILE_URI` over crashes: what is stored stays, what is not comes, and nothing twice.

use vigie_engine::folder_watch::FileVersion;
use vigie_engine::recorder::{Failure, LeftOut, LeftOutReason, Medium};
use vigie_media::matroska::{DocumentHeader, Limits, fragment_frames};

use super::*;

const BASE_MS: i64 = 1_700_000_000_000;

fn version(path: &str) -> FileVersion {
    FileVersion { modified_ms: 1, path: path.to_owned(), size_bytes: 2 }
}

fn begun(path: &str, in_folder: bool, resumes: bool) -> SourceEvent {
    let import = Import { file: version(path), base_ms: BASE_MS, in_folder, newest: None };
    SourceEvent::FileBegun { import, resumes }
}

/// Frames `from` to `until` of a file with four a second and a key frame each second.
fn frames(from: i64, until: i64) -> SourceEvent {
    let frame = |n| SourceFrame {
        track_number: 1,
        time: FrameTime::Wall(Timestamp::from_millis(BASE_MS + 250 * n)),
        key_frame: n % 4 == 0,
        data: Bytes::from(vec![n as u8; 100]).into(),
    };
    SourceEvent::Frames((from..until).map(frame).collect())
}

struct FileBench(Bench);

impl FileBench {
    fn new() -> Self {
        let mut bench = Bench::new();
        let mut config = edge_config();
        config.recorder_config.media_source_config.media_uri_type = MediaUriType::FileUri;
        config.uploader_config = never();
        bench.configure(vec![configuration(1, config)]);
        bench.resolve(Some(Sensitive::new(r#"{"MediaURI":"file:///videos"}"#)));
        Self(bench)
    }

    /// What the shell is given to open the source with.
    fn opens(&mut self) -> (Session, Imports, Option<NewestFragment>) {
        self.0.take("OpenSource", |effect| match effect {
            Effect::OpenSource { session, source: MediaSource::File { imports, newest, .. } } => {
                Some((session.clone(), imports.clone(), *newest))
            }
            _ => None,
        })
    }

    fn kill(&mut self) {
        self.0.kill_and_open();
    }

    /// The first byte of every frame that is stored, and whether its fragment begins with a key frame.
    fn stored(&mut self) -> Vec<(Vec<u8>, bool)> {
        let fragments = self.0.fragments();
        let reader = self.0.hub().store().reader();
        let frames = |fragment: &Fragment| {
            let header = reader.read_document_header(&fragment.media_file).unwrap();
            let header = DocumentHeader::parse(&header, Limits::KVS).unwrap();
            let frames = fragment_frames(&header, reader.read(fragment).unwrap());
            let first_bytes = frames.map(|frame| frame.unwrap().data[0]).collect();
            (first_bytes, fragment.entry.begins_with_key_frame)
        };
        fragments.iter().map(frames).collect()
    }
}

#[test]
fn a_file_goes_on_after_a_crash_where_its_last_stored_frame_ends() {
    let mut bench = FileBench::new();
    let (session, imports, newest) = bench.opens();
    assert_eq!((imports, newest), (Imports::default(), None));
    bench.0.source(&session, begun("/v/a.mp4", false, false));
    bench.0.source(&session, SourceEvent::Opened { tracks: tracks() });
    bench.0.source(&session, frames(0, 6));
    bench.0.seconds(1);
    bench.kill();
    bench.0.seconds(1);
    let (session, imports, newest) = bench.opens();
    let current = imports.current.unwrap();
    assert_eq!((current.file, current.base_ms), (version("/v/a.mp4"), BASE_MS));
    assert_eq!(newest, Some(NewestFragment { start_ms: BASE_MS + 1000, frame_count: 2 }));

    bench.0.source(&session, begun("/v/a.mp4", false, true));
    bench.0.source(&session, SourceEvent::Opened { tracks: tracks() });
    bench.0.source(&session, frames(6, 12));
    bench.0.source(&session, SourceEvent::Ended);
    bench.0.seconds(1);
    assert_eq!(
        bench.stored(),
        [
            (vec![0, 1, 2, 3], true),
            (vec![4, 5], true),
            // No fragment is shorter than a second.
            (vec![6, 7, 8, 9, 10, 11], false),
        ]
    );
    // It is done, at once durably.
    bench.kill();
    bench.0.seconds(5);
    assert!(!bench.0.has(|effect| matches!(effect, Effect::OpenSource { .. })));
}

#[test]
fn what_a_file_lacks_is_said_and_said_again_after_a_restart() {
    let mut bench = FileBench::new();
    let (session, ..) = bench.opens();
    bench.0.source(&session, begun("/v/a.mp4", false, false));
    bench.0.source(&session, SourceEvent::Opened { tracks: tracks() });
    let (medium, codec) = (Medium::Sound, "ac-3".to_owned());
    let left_out = LeftOut { medium, codec, reason: LeftOutReason::Codec };
    bench.0.source(&session, SourceEvent::LeftOut(vec![left_out]));
    bench.0.source(&session, frames(0, 6));
    let sound = "sound in ac-3 is left out; KVS carries AAC and G.711";
    let said = bench.0.recorder_says();
    assert_eq!(said, ("SUCCESS".to_owned(), format!("recording; {sound}")));
    bench.0.source(&session, SourceEvent::FileBrokenOff { after: Duration::from_millis(1250) });
    bench.0.source(&session, SourceEvent::Ended);
    bench.0.seconds(1);
    let expect = format!("the file is recorded to where it breaks off, after 1.2 s; {sound}");
    assert_eq!(bench.0.recorder_says(), ("SUCCESS".to_owned(), expect.clone()));
    bench.kill();
    bench.0.seconds(5);
    assert_eq!(bench.0.recorder_says(), ("SUCCESS".to_owned(), expect));
}

#[test]
fn a_folder_s_files_are_done_when_their_media_is_durable_and_stay_so() {
    let mut bench = FileBench::new();
    let (session, ..) = bench.opens();
    bench.0.source(&session, SourceEvent::Opened { tracks: Vec::new() });
    bench.0.source(&session, begun("/v/a.mp4", true, false));
    bench.0.source(&session, SourceEvent::Opened { tracks: tracks() });
    bench.0.source(&session, frames(0, 8));
    let done =
        |path: &str, failure, gone| SourceEvent::FileEnded { file: version(path), failure, gone };
    bench.0.source(&session, done("/v/a.mp4", None, vec![]));
    bench.0.source(&session, done("/v/b.mp4", Some(Failure::FileNotMedia), vec![]));
    bench.0.source(&session, SourceEvent::FolderIdle { skipped: 1, broken_off: 0 });
    let (status, details) = bench.0.recorder_says();
    assert!(status == "USER_ERROR" && details.contains("1 files of the folder"), "{details}");

    // Cut off at once: what is said to be done is stored.
    bench.kill();
    bench.0.seconds(1);
    assert_eq!(bench.stored(), [(vec![0, 1, 2, 3], true), (vec![4, 5, 6, 7], true)]);
    let (session, imports, _) = bench.opens();
    let names =
        |imports: &Imports| imports.done.iter().map(|file| file.path.clone()).collect::<Vec<_>>();
    assert_eq!(names(&imports), ["/v/a.mp4", "/v/b.mp4"]);
    assert_eq!(imports.current, None);

    // A new revision records nothing anew; what has left the folder is forgotten.
    bench.0.source(&session, SourceEvent::Opened { tracks: Vec::new() });
    bench.0.source(&session, done("/v/c.mp4", None, vec![version("/v/a.mp4")]));
    bench.0.seconds(20);
    let mut config = edge_config();
    config.recorder_config.media_source_config.media_uri_type = MediaUriType::FileUri;
    bench.0.sync();
    bench.0.effects.clear();
    bench.0.configure(vec![configuration(2, config)]);
    bench.0.resolve(Some(Sensitive::new(r#"{"MediaURI":"file:///videos"}"#)));
    let (_, imports, _) = bench.opens();
    assert_eq!(names(&imports), ["/v/b.mp4", "/v/c.mp4"]);
}
