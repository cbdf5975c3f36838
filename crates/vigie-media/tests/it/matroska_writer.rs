//! What the writer makes, read by our reader and by an independent one.

use std::io::Cursor;

use matroska_demuxer::{Frame, MatroskaFile, TrackType};
use proptest::prelude::*;
use vigie_media::codec::{aac, g711};
use vigie_media::matroska::writer;
use vigie_media::{Timestamp, Track, TrackKind, VideoSettings, codec_id};

use crate::common::read_whole;

fn tracks() -> Vec<Track> {
    let h264 = Track {
        number: 1,
        kind: TrackKind::Video,
        name: "kamera å".to_owned(),
        codec_id: codec_id::H264.to_owned(),
        codec_private: vec![1, 2, 3].into(),
        video: Some(VideoSettings { width_pixels: 1920, height_pixels: 1080 }),
        audio: None,
    };
    let audio = aac::track(2, "audio", vec![0x12, 0x10].into()).unwrap();
    vec![h264, audio, g711::track(130, "", g711::Law::Mu, 16_000, 2)]
}

/// A document of the frames `(track, time, key, data)`, one fragment a second.
fn document(frames: &[(u64, i64, bool, Vec<u8>)]) -> Vec<u8> {
    let mut out = writer::document_header(&tracks());
    let mut cluster_ms = None;
    for (track, at_ms, key, data) in frames {
        let start_ms = match cluster_ms {
            Some(start_ms) if at_ms - start_ms < 1000 => start_ms,
            _ => {
                out.extend(writer::cluster_start(Timestamp::from_millis(*at_ms)));
                *at_ms
            }
        };
        cluster_ms = Some(start_ms);
        let relative_ms = (at_ms - start_ms) as i16;
        out.extend_from_slice(&writer::simple_block_header(*track, relative_ms, *key, data.len()));
        out.extend_from_slice(data);
    }
    out.extend(writer::tags(&[("door", "open"), ("who", "nobody")]));
    out
}

#[test]
fn an_independent_reader_reads_tracks_and_frames() {
    let base = 1_795_358_753_982;
    let frames = [
        (1, base, true, vec![1; 200]),
        (2, base + 20, true, vec![2; 3]),
        (1, base + 999, false, vec![3; 20_000]),
        (130, base + 1000, true, vec![]),
    ];
    let body = document(&frames);
    let mut file = MatroskaFile::open(Cursor::new(&body[..])).unwrap();
    assert_eq!(file.ebml_header().doc_type(), "matroska");
    assert_eq!(file.info().timestamp_scale().get(), 1_000_000);
    let video = &file.tracks()[0];
    assert_eq!(video.track_type(), TrackType::Video);
    assert_eq!(video.name(), Some("kamera å"));
    assert_eq!(video.codec_private(), Some(&[1, 2, 3][..]));
    assert_eq!(video.video().unwrap().pixel_width().get(), 1920);
    let audio = file.tracks()[2].audio().unwrap();
    assert_eq!((audio.sampling_frequency(), audio.channels().get()), (16_000.0, 2));
    assert_eq!(audio.bit_depth().unwrap().get(), 8);
    let mut frame = Frame::default();
    for (track, at_ms, key, data) in &frames {
        assert!(file.next_frame(&mut frame).unwrap());
        assert_eq!((frame.track, frame.timestamp as i64), (*track, *at_ms));
        assert_eq!((frame.is_keyframe, &frame.data), (Some(*key), data));
    }
    assert!(!file.next_frame(&mut frame).unwrap());
}

#[test]
fn tracks_and_tags_read_back() {
    let body = document(&[(1, 0, true, vec![7])]);
    let read = read_whole(&body);
    assert_eq!(read.error, None);
    assert_eq!(read.header().tracks, tracks());
    let tags: Vec<_> = read.tags().iter().map(|tag| (&tag.name[..], &tag.value[..])).collect();
    assert_eq!(tags, [("door", "open"), ("who", "nobody")]);
}

#[test]
fn a_time_before_the_epoch_becomes_the_epoch() {
    let expect = writer::cluster_start(Timestamp::EPOCH);
    assert_eq!(writer::cluster_start(Timestamp::from_millis(-1)), expect);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_frame_reads_back(
        frames in prop::collection::vec(
            (prop::sample::select(vec![1u64, 2, 130]), 0i64..900, any::<bool>(),
             prop::collection::vec(any::<u8>(), 0..200)),
            1..40,
        ),
    ) {
        let mut at_ms = 1_000_000;
        let frames: Vec<_> = frames
            .into_iter()
            .map(|(track, step_ms, key, data)| {
                at_ms += step_ms;
                (track, at_ms, key, data)
            })
            .collect();
        let body = document(&frames);
        let read = read_whole(&body);
        prop_assert_eq!(&read.error, &None);
        let again: Vec<_> = read
            .frames()
            .iter()
            .map(|frame| {
                let data = &body[frame.data_offset as usize..][..frame.size_bytes as usize];
                (frame.track_number, frame.timecode_ms, data.to_vec())
            })
            .collect();
        let expect: Vec<_> = frames.into_iter().map(|(track, at, _, data)| (track, at, data)).collect();
        prop_assert_eq!(again, expect);
    }
}
