//! Files that go on where they were broken off, and folders of files.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use vigie_engine::folder_watch::FileVersion;
use vigie_engine::recorder::Failure;
use vigie_fakes::clock::LeapingClock;
use vigie_store::OsDisk;
use vigie_store::disk::Disk;

use super::sources::{bounds, file_source, wall};
use super::*;
use crate::core::{Import, Imports, NewestFragment, Refused, SourceEvent, SourceFrame};
use crate::shell::core_thread::CoreHandle;
use crate::shell::file_source::FileSource;

/// Everything that a source says until `is_last`.
pub(super) async fn events(
    file: FileSource,
    is_last: impl Fn(&SourceEvent) -> bool,
) -> Vec<SourceEvent> {
    let (core, mut messages) = CoreHandle::apart();
    let stopped = file.stopped.clone();
    let running = tokio::task::spawn_blocking(move || file.run(&core, &OsDisk));
    let mut events = Vec::new();
    while !events.last().is_some_and(&is_last) {
        match next(&mut messages).await {
            Event::Source { event, .. } => events.push(event),
            other => panic!("{other:?}"),
        }
    }
    stopped.store(true, Ordering::Relaxed);
    drop(messages);
    running.await.unwrap();
    events
}

pub(super) fn is_ended(event: &SourceEvent) -> bool {
    use SourceEvent::{Ended, Failed, FileRefused};
    matches!(event, Ended | Failed(_) | FileRefused { .. })
}

pub(super) fn ended_with(events: &[SourceEvent]) -> Option<Failure> {
    match events.last() {
        Some(SourceEvent::Failed(failure) | SourceEvent::FileRefused { failure, .. }) => {
            Some(failure.clone())
        }
        _ => None,
    }
}

pub(super) fn frames(events: &[SourceEvent]) -> Vec<SourceFrame> {
    let batches = events.iter().filter_map(|event| match event {
        SourceEvent::Frames(frames) => Some(frames.clone()),
        _ => None,
    });
    batches.flatten().collect()
}

pub(super) fn data(frames: &[SourceFrame]) -> Vec<Bytes> {
    frames.iter().map(|frame| frame.data.to_bytes()).collect()
}

fn begun(events: &[SourceEvent]) -> (Import, bool) {
    let begun = events.iter().find_map(|event| match event {
        SourceEvent::FileBegun { import, resumes } => Some((import.clone(), *resumes)),
        _ => None,
    });
    begun.expect("no file begun")
}

#[tokio::test]
async fn a_file_that_was_broken_off_goes_on_behind_the_last_frame_that_is_stored() {
    for name in ["h264_aac.mp4", "h264_bframes_aac.mp4", "h264_bframes_mulaw.mkv"] {
        let uri = fixture(name).display().to_string();
        let whole = events(file_source(uri.clone()), is_ended).await;
        let all = frames(&whole);
        let (import, resumes) = begun(&whole);
        assert!(!resumes);

        // A fragment begins with each picture that decoding can start at; it was stored up to any frame.
        for stored in [1, 2, 3, all.len() / 2, all.len() - 1] {
            let first = all[..stored].iter().rposition(|f| f.track_number == 1 && f.key_frame);
            let Some(first) = first else { continue };
            let newest = NewestFragment {
                start_ms: wall(&all[first]).as_millis(),
                frame_count: (stored - first) as u32,
            };
            let imports = Imports { current: Some(import.clone()), ..Imports::default() };
            let file = FileSource {
                ends_at: START.plus_millis(99_000),
                imports,
                newest: Some(newest),
                ..file_source(uri.clone())
            };
            let rest = events(file, is_ended).await;
            assert_eq!(begun(&rest), (import.clone(), true));
            assert_eq!(data(&frames(&rest)), data(&all[stored..]), "{name} from frame {stored}");
            assert_eq!(wall(&frames(&rest)[0]), wall(&all[stored]));
        }
    }
}

#[tokio::test]
async fn a_file_of_which_nothing_is_stored_or_that_has_changed_begins_at_its_start() {
    let uri = fixture("h264_aac.mp4").display().to_string();
    let whole = events(file_source(uri.clone()), is_ended).await;
    let (import, _) = begun(&whole);
    let stale = NewestFragment { start_ms: import.base_ms - 5_000, frame_count: 9 };
    let mut other = import.clone();
    other.file.size_bytes += 1;
    for (current, newest) in [(import, Some(stale)), (other, None)] {
        let imports = Imports { current: Some(current), ..Imports::default() };
        let file = FileSource { imports, newest, ..file_source(uri.clone()) };
        let again = events(file, is_ended).await;
        assert!(!begun(&again).1);
        assert_eq!(data(&frames(&again)), data(&frames(&whole)));
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_recorded_is_not_read_again_until_it_is_another() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("broken.mp4");
    OsDisk.create_new(&path).unwrap().write_all_at(&[&[7; 5_000]], 0).unwrap();
    let source = |refused: Option<Refused>| FileSource {
        bounds: bounds(&[folder.path()]),
        imports: Imports { refused: refused.map(Box::new), ..Imports::default() },
        ..file_source(path.display().to_string())
    };
    let said = events(source(None), is_ended).await;
    let Some(SourceEvent::FileRefused { file, failure }) = said.last().cloned() else {
        panic!("{said:?}");
    };
    assert_eq!(failure, Failure::FileNotMedia);
    // As long as it is the same, what was found stands, whatever that was.
    let found = Failure::FileEncodingUnsupported { name: "as found".to_owned() };
    let refused = Refused { file, failure: found.clone() };
    let again = events(source(Some(refused.clone())), is_ended).await;
    assert_eq!(ended_with(&again), Some(found));
    // Replaced by a whole one.
    OsDisk.unlink(&path).unwrap();
    copy("h264_aac.mp4", &path);
    let mended = events(source(Some(refused)), is_ended).await;
    assert_eq!((ended_with(&mended), frames(&mended).is_empty()), (None, false));
}

fn copy(name: &str, to: &Path) {
    let source = OsDisk.open_read_only(&fixture(name)).unwrap();
    let bytes = source.read_exact_at(0, source.length_bytes().unwrap() as usize).unwrap();
    OsDisk.create_new(to).unwrap().write_all_at(&[&bytes], 0).unwrap();
}

fn folder_source(folder: &Path, done: BTreeSet<FileVersion>) -> FileSource {
    let wall = Timestamp::from_millis(4_000_000_000_000);
    FileSource {
        clock: Arc::new(LeapingClock::new(wall, Duration::from_secs(10))),
        imports: Imports { done, ..Imports::default() },
        stopped: Arc::new(AtomicBool::new(false)),
        ..file_source(format!("file://{}", folder.display()))
    }
}

fn ended(events: &[SourceEvent]) -> Vec<(FileVersion, Option<Failure>)> {
    let ended = events.iter().filter_map(|event| match event {
        SourceEvent::FileEnded { file, failure, .. } => Some((file.clone(), failure.clone())),
        _ => None,
    });
    ended.collect()
}

#[tokio::test]
async fn a_folder_s_files_are_delivered_once_one_behind_the_other_and_others_are_left_out() {
    let folder = tempfile::tempdir().unwrap();
    copy("h265.mp4", &folder.path().join("a.mp4"));
    copy("h264_bframes_mulaw.mkv", &folder.path().join("b.mkv"));
    copy("README.md", &folder.path().join("c.mov"));
    copy("README.md", &folder.path().join("notes.txt"));
    copy("h265.mp4", &folder.path().join("d.mp4.part"));
    let is_idle = |event: &SourceEvent| matches!(event, SourceEvent::FolderIdle { .. });
    let said = events(folder_source(folder.path(), BTreeSet::new()), is_idle).await;
    let files = ended(&said);
    let mut names: Vec<(&str, Option<Failure>)> = files
        .iter()
        .map(|(file, failure)| (file.path.rsplit('/').next().unwrap(), failure.clone()))
        .collect();
    names.sort_by_key(|(name, _)| *name);
    assert_eq!(names, [("a.mp4", None), ("b.mkv", None), ("c.mov", Some(Failure::FileNotMedia))]);
    assert!(matches!(said.last(), Some(SourceEvent::FolderIdle { skipped: 1, broken_off: 0 })));
    // Their media does not overlap.
    let mut last = Timestamp::MIN;
    for event in &said {
        if let SourceEvent::FileBegun { import, .. } = event {
            assert!(import.in_folder);
            let first = Timestamp::from_millis(import.base_ms);
            assert!(first > last, "{first} is not behind {last}");
        }
        if let SourceEvent::Frames(frames) = event {
            last = last.max(frames.iter().map(wall).max().unwrap());
        }
    }

    // After a restart nothing is left; and what is gone is forgotten with the next file.
    let done: BTreeSet<FileVersion> = files.into_iter().map(|(file, _)| file).collect();
    let said = events(folder_source(folder.path(), done.clone()), is_idle).await;
    assert!(ended(&said).is_empty() && frames(&said).is_empty(), "{said:?}");
    OsDisk.unlink(&folder.path().join("a.mp4")).unwrap();
    copy("h264_aac.mp4", &folder.path().join("e.mp4"));
    let said = events(folder_source(folder.path(), done), |event| {
        matches!(event, SourceEvent::FileEnded { .. })
    })
    .await;
    let Some(SourceEvent::FileEnded { file, failure: None, gone }) = said.last() else {
        panic!("{said:?}")
    };
    assert!(file.path.ends_with("/e.mp4") && gone.len() == 1 && gone[0].path.ends_with("/a.mp4"));
}

#[tokio::test]
async fn files_are_read_under_the_roots_alone() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    OsDisk.create_dir_all(&at("videos")).unwrap();
    copy("h265.mp4", &at("videos/a.mp4"));
    copy("h265.mp4", &at("b.mp4"));
    let failure = async |path: PathBuf, roots: &[&Path]| {
        let file = FileSource { bounds: bounds(roots), ..file_source(path.display().to_string()) };
        ended_with(&events(file, is_ended).await)
    };
    let root = at("videos");
    assert_eq!(failure(at("videos/a.mp4"), &[&root]).await, None);
    assert_eq!(failure(at("videos/a.mp4"), &[]).await, Some(Failure::FileRootsNotSet));
    for outside in ["b.mp4", "absent.mp4", "videos/../b.mp4", "videos/../absent.mp4"] {
        assert_eq!(failure(at(outside), &[&root]).await, Some(Failure::FileOutsideRoots));
    }
    assert_eq!(failure(at("videos/c.mp4"), &[&root]).await, Some(Failure::FileNotReadable));
    assert_eq!(
        failure("/dev/null".into(), &[Path::new("/dev")]).await,
        Some(Failure::FileNotRegular)
    );
}

#[tokio::test]
async fn what_a_folder_holds_that_may_not_be_read_is_passed_over_and_said() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    OsDisk.create_dir_all(&at("videos")).unwrap();
    copy("h265.mp4", &at("outside.mp4"));
    copy("h265.mp4", &at("videos/a.mp4"));
    std::os::unix::fs::symlink(at("outside.mp4"), at("videos/b.mp4")).unwrap();
    std::os::unix::fs::symlink("/dev/null", at("videos/c.mp4")).unwrap();
    std::os::unix::fs::symlink("/dev/null", at("videos/notes.txt")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(at("videos/d.mp4")).unwrap();
    let source = folder_source(&at("videos"), BTreeSet::new());
    let source = FileSource { bounds: bounds(&[&at("videos")]), ..source };
    let is_idle = |event: &SourceEvent| matches!(event, SourceEvent::FolderIdle { .. });
    let said = events(source, is_idle).await;
    assert!(matches!(said.last(), Some(SourceEvent::FolderIdle { skipped: 3, broken_off: 0 })));
    let files = ended(&said);
    assert!(files.len() == 1 && files[0].0.path.ends_with("/a.mp4") && files[0].1.is_none());
}
