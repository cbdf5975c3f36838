//! One file of many fragments: where it begins, how it is sought in, and what is refused.

use std::io::Cursor;

use bytes::Bytes;

use super::*;
use crate::matroska::writer;
use crate::{AudioSettings, VideoSettings, codec_id};

const BEGIN: Timestamp = Timestamp::from_millis(1_763_829_180_000);

fn tracks() -> Vec<Track> {
    let video = Track {
        number: 1,
        kind: TrackKind::Video,
        name: "camera".to_owned(),
        codec_id: codec_id::H264.to_owned(),
        codec_private: Bytes::from_static(&[1, 2, 3]),
        video: Some(VideoSettings { width_pixels: 640, height_pixels: 360 }),
        audio: None,
    };
    let audio = Track {
        number: 2,
        kind: TrackKind::Audio,
        codec_id: codec_id::AAC.to_owned(),
        video: None,
        audio: Some(AudioSettings { sampling_frequency_hz: 48000.0, channels: 2, bit_depth: 0 }),
        ..video.clone()
    };
    vec![video, audio]
}

fn header() -> DocumentHeader {
    let raw = writer::document_header(&tracks());
    DocumentHeader::parse(&raw, crate::matroska::Limits::FILE).unwrap()
}

/// A Cluster as a producer sends it, whose blocks are (track, relative time, key), with a Void and Tags.
fn cluster(timecode_ms: i64, blocks: &[(u64, i16, bool)]) -> Vec<u8> {
    let mut out = writer::cluster_start(Timestamp::from_millis(timecode_ms)).to_vec();
    out.extend([0xEC, 0x82, 0, 0]);
    for &(track, relative_ms, key) in blocks {
        out.extend_from_slice(&writer::simple_block_header(track, relative_ms, key, 2));
        out.extend([track as u8, relative_ms as u8]);
    }
    out.extend(writer::tags(&[("name", "value")]));
    out
}

/// The whole file of fragments that begin at these times after [`BEGIN`].
fn file(fragments: &[(i64, Vec<u8>)]) -> Vec<u8> {
    let (mut writer, mut file) = FileWriter::new(&header()).unwrap();
    for (at_ms, fragment) in fragments {
        file.extend(writer.fragment(fragment, BEGIN.plus_millis(*at_ms), 2000).unwrap());
    }
    let end = writer.finish();
    file.extend(end.tail);
    for (at, bytes) in end.patches {
        file[at as usize..at as usize + bytes.len()].copy_from_slice(&bytes);
    }
    file
}

/// What an independent reader finds: track, time and data of each frame.
fn read_back(file: &[u8]) -> (f64, Vec<(u64, u64, Vec<u8>)>) {
    let mut reader = matroska_demuxer::MatroskaFile::open(Cursor::new(file)).unwrap();
    let mut frame = matroska_demuxer::Frame::default();
    let mut frames = Vec::new();
    while reader.next_frame(&mut frame).unwrap() {
        frames.push((frame.track, frame.timestamp, frame.data.clone()));
    }
    (reader.info().duration().unwrap(), frames)
}

const FRAMES: [(u64, i16, bool); 3] = [(1, 0, true), (2, 10, true), (1, 40, false)];

#[test]
fn fragments_become_one_segment_that_begins_at_zero() {
    let fragments = [
        // The producer's own base is not the wall clock.
        (0, cluster(70_000, &FRAMES)),
        (2000, cluster(72_000, &FRAMES)),
        // A gap of a minute stays one.
        (62_000, cluster(5, &FRAMES)),
    ];
    let file = file(&fragments);
    let (duration, frames) = read_back(&file);
    assert_eq!(duration, 64_000.0);
    let times: Vec<(u64, u64)> = frames.iter().map(|(track, at, _)| (*track, *at)).collect();
    let expected = [0, 2000, 62_000]
        .iter()
        .flat_map(|at| [(1, *at), (2, at + 10), (1, at + 40)])
        .collect::<Vec<(u64, u64)>>();
    assert_eq!(times, expected);
    assert!(frames.iter().all(|(track, _, data)| data[0] == *track as u8));
}

#[test]
fn a_seek_by_cues_finds_the_cluster() {
    let fragments: Vec<(i64, Vec<u8>)> =
        (0..20).map(|number| (number * 2000, cluster(number * 2000, &FRAMES))).collect();
    let file = file(&fragments);
    let mut reader = matroska_demuxer::MatroskaFile::open(Cursor::new(&file)).unwrap();
    let mut frame = matroska_demuxer::Frame::default();
    for number in [13, 4, 19] {
        reader.seek(number * 2000).unwrap();
        assert!(reader.next_frame(&mut frame).unwrap());
        assert_eq!((frame.track, frame.timestamp), (1, number * 2000));
    }
}

#[test]
fn no_track_goes_backwards() {
    // The clock was set back by a second, then by a year; the first frame is audio before its Cluster's time.
    let fragments = [
        (0, cluster(0, &[(2, -30, true), (1, 0, true), (1, 1960, false)])),
        (1000, cluster(1000, &FRAMES)),
        (-31_000_000_000, cluster(0, &FRAMES)),
        (6000, cluster(0, &FRAMES)),
    ];
    let (_, frames) = read_back(&file(&fragments));
    for track in [1, 2] {
        let of_track = frames.iter().filter(|frame| frame.0 == track);
        let times: Vec<u64> = of_track.map(|frame| frame.1).collect();
        assert!(times.is_sorted() && times.windows(2).all(|pair| pair[0] < pair[1]), "{times:?}");
    }
    assert_eq!(frames.first().map(|frame| frame.1), Some(0));
    // What is later than all that is where it belongs, the first 30 ms included.
    assert_eq!(frames.iter().rev().nth(2).map(|frame| frame.1), Some(6030));
}

#[test]
fn other_tracks_are_not_accepted() {
    let (writer, _) = FileWriter::new(&header()).unwrap();
    assert!(writer.accepts(&header()));
    let mut other = header();
    other.tracks[0].codec_private = Bytes::from_static(&[9]);
    assert!(!writer.accepts(&other));
    let other = DocumentHeader { timestamp_scale_ns: 1000, ..header() };
    assert!(!writer.accepts(&other));
}

#[test]
fn torn_fragments_are_refused() {
    let (mut writer, _) = FileWriter::new(&header()).unwrap();
    let whole = cluster(0, &FRAMES);
    for end in 1..whole.len() {
        // Cut between two elements it is a shorter fragment; anywhere else an error, and never a panic.
        if let Ok(written) = writer.fragment(&whole[..end], BEGIN, 0) {
            assert!(written.len() <= whole.len() + 20);
        }
    }
    assert!(writer.fragment(&whole[..whole.len() - 1], BEGIN, 0).is_err());
}
