//! Where fragments begin and end.

use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use vigie_media::codec_id;

use super::*;
use crate::clock::Now;
use crate::media_clock::{CameraFrame, MediaClock};

const VIDEO: u64 = 1;
const AUDIO: u64 = 2;

fn track(number: u64, kind: TrackKind) -> Track {
    Track {
        number,
        kind,
        name: String::new(),
        codec_id: codec_id::H264.to_owned(),
        codec_private: Bytes::new(),
        video: None,
        audio: None,
    }
}

fn fragmenter(tracks: &[(u64, TrackKind)]) -> Fragmenter {
    let tracks: Vec<_> = tracks.iter().map(|(number, kind)| track(*number, *kind)).collect();
    Fragmenter::new(&tracks, Timestamp::MIN)
}

fn frame(track_number: u64, at_ms: i64, key_frame: bool) -> Frame {
    Frame {
        track_number,
        timestamp: Timestamp::from_millis(at_ms),
        key_frame,
        data: Bytes::from_static(&[0; 10]).into(),
    }
}

/// A frame of a camera whose time line is the hub's.
fn push(fragmenter: &mut Fragmenter, frame: Frame, commands: &mut Vec<Command>) {
    let camera_us = frame.timestamp.as_millis() * 1000;
    fragmenter.push(frame, camera_us, commands);
}

/// Commands as text: `[1000` begins a fragment, `+40` appends, `]` ends.
fn text(commands: &[Command]) -> String {
    let words = commands.iter().map(|command| match command {
        Command::StartFragment { timestamp } => format!("[{timestamp}"),
        Command::Append { relative_ms, .. } => format!("{relative_ms:+}"),
        Command::EndFragment => "]".to_owned(),
        Command::Step(_) => "step".to_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}

fn check(mut fragmenter: Fragmenter, frames: &[Frame], expect: &str) -> Fragmenter {
    let mut commands = Vec::new();
    frames.iter().cloned().for_each(|frame| push(&mut fragmenter, frame, &mut commands));
    fragmenter.finish(&mut commands);
    assert_eq!(text(&commands), expect);
    fragmenter
}

#[test]
fn a_fragment_begins_with_a_key_frame_and_what_comes_before_the_first_is_dropped() {
    let frames = [
        frame(VIDEO, 0, false),
        frame(AUDIO, 20, true),
        frame(VIDEO, 40, true),
        frame(AUDIO, 60, true),
        frame(VIDEO, 80, false),
        frame(VIDEO, 2040, true),
    ];
    let fragmenter = fragmenter(&[(VIDEO, TrackKind::Video), (AUDIO, TrackKind::Audio)]);
    let fragmenter = check(fragmenter, &frames, "[40 +0 +20 +40 ] [2040 +0 ]");
    assert_eq!(fragmenter.dropped_frames(), 2);
    assert_eq!(fragmenter.cut_groups(), 0);
}

#[test]
fn key_frames_within_a_second_stay_in_one_fragment() {
    let frames: Vec<_> = (0..5).map(|n| frame(VIDEO, n * 400, true)).collect();
    check(fragmenter(&[(VIDEO, TrackKind::Video)]), &frames, "[0 +0 +400 +800 ] [1200 +0 +400 ]");
}

#[test]
fn a_second_of_the_camera_is_a_fragment_however_the_time_line_is_bent() {
    // Groups of one second, on a time line that runs 5 % slower, 5 % faster, and as stamps of RTP come out.
    for (line_us, stamp_us) in [(38_000, 40_000), (42_000, 40_000), (40_000, 39_999)] {
        let mut fragmenter = fragmenter(&[(VIDEO, TrackKind::Video)]);
        let mut commands = Vec::new();
        for n in 0..100 {
            let picture = frame(VIDEO, n * line_us / 1000, n % 25 == 0);
            let camera_us = n * 40_000 - i64::from(stamp_us == 39_999 && n > 0);
            fragmenter.push(picture, camera_us, &mut commands);
        }
        fragmenter.finish(&mut commands);
        let pictures: Vec<usize> = commands
            .split(|command| *command == Command::EndFragment)
            .map(|fragment| fragment.len().saturating_sub(1))
            .collect();
        assert_eq!(pictures, [25, 25, 25, 25, 0], "{line_us} µs a picture");
    }
}

#[test]
fn a_camera_whose_first_picture_came_late_gets_a_fragment_for_each_group_of_a_second() {
    let mut clock = MediaClock::new(Timestamp::MIN);
    let mut fragmenter = fragmenter(&[(VIDEO, TrackKind::Video)]);
    let mut commands = Vec::new();
    let mut bent = 0;
    for n in 0..1500_i64 {
        // The time line is anchored 300 ms too late, and bent until that is made up for.
        let arrives_ms = if n < 8 { 300 } else { n * 40 };
        let now = Now {
            wall: Timestamp::from_millis(1_800_000_000_000 + arrives_ms),
            mono: Duration::from_millis(arrives_ms.unsigned_abs()),
        };
        let key_frame = n % 25 == 0;
        let arrived = CameraFrame { track: VIDEO, media_us: n * 40_000, begins: key_frame };
        let time = clock.frame(arrived, now);
        let picture = frame(VIDEO, time.timestamp.as_millis(), key_frame);
        fragmenter.push(picture, time.camera_us, &mut commands);
        bent += i64::from(time.camera_us % 40_000 == 0);
    }
    fragmenter.finish(&mut commands);
    assert_eq!(bent, 1500, "the camera's own time is not bent");
    let starts: Vec<_> = commands
        .iter()
        .filter_map(|command| match command {
            Command::StartFragment { timestamp } => Some(*timestamp),
            _ => None,
        })
        .collect();
    assert_eq!(starts.len(), 60);
    let shortest_ms = starts.windows(2).map(|pair| pair[1].millis_since(pair[0])).min().unwrap();
    assert!(shortest_ms < 990, "nothing was bent: {shortest_ms} ms");
}

#[test]
fn a_group_of_pictures_that_is_too_long_is_cut_and_counted() {
    let mut frames: Vec<_> = (0..30).map(|n| frame(VIDEO, n * 1000, n == 0)).collect();
    frames.push(frame(VIDEO, 30_000, true));
    let mut fragmenter = fragmenter(&[(VIDEO, TrackKind::Video)]);
    let mut commands = Vec::new();
    frames.into_iter().for_each(|frame| push(&mut fragmenter, frame, &mut commands));
    let starts: Vec<_> = text(&commands)
        .split(' ')
        .filter(|word| word.starts_with('['))
        .map(str::to_owned)
        .collect();
    assert_eq!(starts, ["[0", "[20000", "[30000"]);
    assert_eq!(fragmenter.cut_groups(), 1);
}

#[test]
fn a_hole_in_a_group_of_pictures_ends_the_fragment_and_is_no_long_group() {
    let frames = [
        frame(VIDEO, 0, true),
        frame(VIDEO, 4_900, false),
        frame(VIDEO, 19_900, false),
        frame(VIDEO, 19_940, false),
        frame(VIDEO, 21_000, true),
    ];
    let fragmenter = check(
        fragmenter(&[(VIDEO, TrackKind::Video)]),
        &frames,
        "[0 +0 +4900 ] [19900 +0 +40 ] [21000 +0 ]",
    );
    assert_eq!(fragmenter.cut_groups(), 0);
}

#[test]
fn a_fragment_that_would_be_too_large_is_cut() {
    let mut big = frame(VIDEO, 0, true);
    big.data = Bytes::from(vec![0; FRAGMENT_SIZE_BYTES_MAX - 10]).into();
    let frames = [big, frame(VIDEO, 40, false), frame(VIDEO, 80, false)];
    let fragmenter =
        check(fragmenter(&[(VIDEO, TrackKind::Video)]), &frames, "[0 +0 +40 ] [80 +0 ]");
    assert_eq!(fragmenter.cut_groups(), 1);
}

#[test]
fn audio_alone_makes_fragments_of_two_seconds() {
    let frames: Vec<_> = (0..6).map(|n| frame(AUDIO, n * 900, true)).collect();
    check(
        fragmenter(&[(AUDIO, TrackKind::Audio)]),
        &frames,
        "[0 +0 +900 +1800 ] [2700 +0 +900 +1800 ]",
    );
}

#[test]
fn pictures_shown_before_their_key_frame_keep_their_times() {
    // An open group of pictures: two leading B-frames follow the key frame in decoding order.
    let frames = [frame(VIDEO, 1080, true), frame(VIDEO, 1000, false), frame(VIDEO, 1040, false)];
    check(fragmenter(&[(VIDEO, TrackKind::Video)]), &frames, "[1080 +0 -80 -40 ]");
}

#[test]
fn a_frame_that_is_half_a_minute_late_is_dropped_and_counted() {
    let frames = [frame(VIDEO, 40_000, true), frame(AUDIO, 7_000, true), frame(AUDIO, 7_300, true)];
    let fragmenter = fragmenter(&[(VIDEO, TrackKind::Video), (AUDIO, TrackKind::Audio)]);
    let fragmenter = check(fragmenter, &frames, "[40000 +0 -32700 ]");
    assert_eq!(fragmenter.dropped_frames(), 1);
}

#[test]
fn a_step_back_ends_the_fragment_and_what_follows_may_lie_before_it() {
    let mut fragmenter = fragmenter(&[(VIDEO, TrackKind::Video)]);
    let mut commands = Vec::new();
    push(&mut fragmenter, frame(VIDEO, 90_000_000, true), &mut commands);
    fragmenter.step(TimeStep::Back { by_ms: 86_400_000 }, &mut commands);
    push(&mut fragmenter, frame(VIDEO, 3_600_040, true), &mut commands);
    push(&mut fragmenter, frame(VIDEO, 3_600_080, false), &mut commands);
    // In the midst of a group of pictures: the rest of it is kept.
    fragmenter.step(TimeStep::Back { by_ms: 3_000_000 }, &mut commands);
    push(&mut fragmenter, frame(VIDEO, 600_120, false), &mut commands);
    fragmenter.step(TimeStep::Forward, &mut commands);
    push(&mut fragmenter, frame(VIDEO, 600_160, false), &mut commands);
    let expect = "[90000000 +0 ] step [3600040 +0 +40 ] step [600120 +0 step +40";
    assert_eq!(text(&commands), expect);
    // Before the first key frame of a session there is nothing to go on with.
    let mut fragmenter = self::fragmenter(&[(VIDEO, TrackKind::Video)]);
    commands.clear();
    fragmenter.step(TimeStep::Back { by_ms: 3_000_000 }, &mut commands);
    push(&mut fragmenter, frame(VIDEO, 600_120, false), &mut commands);
    assert_eq!((text(&commands).as_str(), fragmenter.dropped_frames()), ("step", 1));
}

#[test]
fn a_session_begins_behind_the_last_fragment_of_the_one_before() {
    let tracks = [track(VIDEO, TrackKind::Video)];
    let fragmenter = Fragmenter::new(&tracks, Timestamp::from_millis(5000));
    check(fragmenter, &[frame(VIDEO, 4990, true), frame(VIDEO, 5030, false)], "[5001 -11 +29 ]");
}

proptest! {
    #[test]
    fn every_frame_is_written_once_in_order_or_counted_as_dropped(
        steps in prop::collection::vec((-200i64..3000, any::<bool>(), prop::bool::weighted(0.7)), 0..200),
    ) {
        let mut fragmenter = fragmenter(&[(VIDEO, TrackKind::Video), (AUDIO, TrackKind::Audio)]);
        let mut commands = Vec::new();
        let mut now = 1_000_000;
        let mut pushed = Vec::new();
        for (step_ms, key_frame, is_video) in steps {
            now += step_ms;
            let frame = frame(if is_video { VIDEO } else { AUDIO }, now, key_frame || !is_video);
            pushed.push(frame.clone());
            push(&mut fragmenter, frame, &mut commands);
        }
        fragmenter.finish(&mut commands);

        let mut start: Option<Timestamp> = None;
        let mut last_start = Timestamp::MIN;
        let mut written = Vec::new();
        for command in &commands {
            match command {
                Command::StartFragment { timestamp } => {
                    prop_assert!(start.is_none() && *timestamp > last_start);
                    (start, last_start) = (Some(*timestamp), *timestamp);
                }
                Command::Append { frame, relative_ms } => {
                    // Whatever the fragment's time, each frame keeps its own.
                    prop_assert_eq!(start.unwrap().plus_millis((*relative_ms).into()), frame.timestamp);
                    prop_assert!(i64::from(*relative_ms) < FRAGMENT_DURATION_MS_MAX);
                    written.push(frame.clone());
                }
                Command::EndFragment => {
                    prop_assert!(start.take().is_some());
                }
                Command::Step(_) => prop_assert!(false, "nobody moved the time line"),
            }
        }
        prop_assert!(start.is_none());
        prop_assert_eq!(written.len() as u64 + fragmenter.dropped_frames(), pushed.len() as u64);
        let mut rest = pushed.iter();
        prop_assert!(written.iter().all(|frame| rest.any(|pushed| pushed == frame)));
    }
}
