//! The reader against the bodies of real producers and against an independent reader.

use std::io::Cursor;

use bytes::Bytes;
use matroska_demuxer::{Frame, MatroskaFile};
use vigie_media::matroska::{Event, Limits, fragment_frames};
use vigie_media::{TrackKind, codec, codec_id};

use crate::common::{CAPTURES, capture, read_pieces, read_whole};

#[test]
fn the_events_are_the_same_however_the_body_is_cut() {
    for (name, body) in CAPTURES {
        let whole = read_whole(body);
        assert_eq!(whole.error, None, "{name}");
        // 65,524 is what Amazon's producers send; primes fall everywhere.
        for piece_bytes in [1, 7, 1021, 65_524] {
            let pieces = read_pieces(body.chunks(piece_bytes), Limits::KVS);
            assert!(pieces == whole, "{name} in pieces of {piece_bytes}");
        }
    }
}

#[test]
fn header_and_fragments_together_are_the_body() {
    for (name, body) in CAPTURES {
        let read = read_whole(body);
        let mut again = read.header().raw.to_vec();
        for fragment in read.fragments() {
            assert_eq!(fragment.offset, again.len() as u64, "{name}");
            again.extend_from_slice(&fragment.bytes);
        }
        assert!(again == body, "{name}");
    }
}

#[test]
fn frames_agree_with_an_independent_reader() {
    for (name, body) in CAPTURES {
        let read = read_whole(body);
        let mut theirs = Vec::new();
        let mut file = MatroskaFile::open(Cursor::new(body)).unwrap();
        let mut frame = Frame::default();
        while file.next_frame(&mut frame).unwrap() {
            theirs.push((frame.track, frame.timestamp as i64, Bytes::from(frame.data.clone())));
        }
        let data = |offset: u64, size: u32| {
            Bytes::copy_from_slice(&body[offset as usize..][..size as usize])
        };
        let ours: Vec<_> = read
            .frames()
            .into_iter()
            .map(|frame| {
                (frame.track_number, frame.timecode_ms, data(frame.data_offset, frame.size_bytes))
            })
            .collect();
        assert!(ours.len() > 60, "{name}");
        assert!(ours == theirs, "{name}");

        let header = read.header();
        let stored: Vec<_> = read
            .fragments()
            .into_iter()
            .flat_map(|fragment| fragment_frames(&header, fragment.bytes.clone()))
            .map(Result::unwrap)
            .map(|frame| (frame.track_number, frame.timecode_ms, frame.data))
            .collect();
        assert!(stored == ours, "{name}");
    }
}

#[test]
fn fragments_count_their_frames_and_begin_with_a_key_frame() {
    for (name, body) in CAPTURES {
        let read = read_whole(body);
        let mut frames = Vec::new();
        for event in &read.events {
            match event {
                Event::FragmentStart { .. } => frames.clear(),
                Event::Frame(frame) => frames.push(*frame),
                Event::FragmentEnd(fragment) => {
                    assert_eq!(fragment.frame_count as usize, frames.len(), "{name}");
                    assert!(frames[0].key_frame, "{name}");
                    assert_eq!(fragment.tracks_without_frames, [0; 0], "{name}");
                    let end = fragment.offset + fragment.bytes.len() as u64;
                    assert!(frames.is_sorted_by_key(|frame| frame.end_offset), "{name}");
                    assert!(frames[frames.len() - 1].end_offset <= end, "{name}");
                }
                Event::Header(_) | Event::Tag(_) => {}
            }
        }
    }
}

#[test]
fn timecodes_and_durations_are_those_of_the_producer() {
    let check = |name: &str, expect: &[(i64, i64)]| {
        let read = read_whole(capture(name));
        let fragments = read.fragments();
        let times: Vec<_> =
            fragments.iter().map(|fragment| (fragment.timecode_ms, fragment.duration_ms)).collect();
        assert_eq!(&times[..expect.len()], expect, "{name}");
    };
    check("sdkc_audio", &[(0, 2000), (2000, 2000), (4000, 720)]);
    check("sdkc_h265", &[(1_795_358_741_189, 1800), (1_795_358_742_989, 840)]);
    // Durations of kvssink follow its clock; each fragment ends where the next begins.
    check(
        "kvssink_http",
        &[(1_795_358_753_982, 800), (1_795_358_754_782, 800), (1_795_358_755_582, 760)],
    );
}

#[test]
fn tracks_are_those_of_the_producer() {
    let check = |name: &str, expect: &[(u64, TrackKind, &str, &str)]| {
        let header = read_whole(capture(name)).header();
        let tracks: Vec<_> = header
            .tracks
            .iter()
            .map(|track| {
                let codec = codec::codec_string(track).unwrap_or_default();
                (track.number, track.kind, track.codec_id.clone(), codec)
            })
            .collect();
        let expect: Vec<_> = expect
            .iter()
            .map(|&(number, kind, id, codec)| (number, kind, id.to_owned(), codec.to_owned()))
            .collect();
        assert_eq!(tracks, expect, "{name}");
        assert_eq!(header.timestamp_scale_ns, 1_000_000);
    };
    let (video, audio) = (TrackKind::Video, TrackKind::Audio);
    check(
        "kvssink_http",
        &[(1, video, codec_id::H264, "avc1.4D401E"), (2, audio, codec_id::AAC, "mp4a.40.2")],
    );
    check(
        "embc",
        &[(1, video, codec_id::H264, "avc1.640028"), (2, audio, codec_id::AAC, "mp4a.40.2")],
    );
    check("sdkc_audio", &[(1, audio, codec_id::AAC, "mp4a.40.2")]);
    check("sdkc_h265", &[(1, video, codec_id::H265, "hvc1.1.6.L150")]);
}

#[test]
fn tags_come_with_the_fragment_before_them() {
    let read = read_whole(capture("sdkc_h265"));
    let fragments = read.fragments();
    let pairs = |index: usize| -> Vec<(&str, &str)> {
        let tags = &fragments[index].tags;
        tags.iter().map(|tag| (tag.name.as_str(), tag.value.as_str())).collect()
    };
    assert_eq!(pairs(0), [("TEST_KEY_1", "TEST_VALUE_1")]);
    assert_eq!(pairs(1), [("TEST_KEY_1", "TEST_VALUE_46")]);
    assert_eq!(read.tags().len(), 2);

    let read = read_whole(capture("embc"));
    let names: Vec<_> = read.fragments()[0].tags.iter().map(|tag| tag.name.as_str()).collect();
    assert_eq!(names[..2], ["test_key_1", "test_key_2"]);
    assert_eq!(names.len(), 9);
}

#[test]
fn a_marked_end_completes_the_fragment_before_anything_follows() {
    let body = capture("sdkc_h265");
    // The mark ends where the second Cluster begins.
    let end = read_whole(body).fragments()[1].offset as usize;
    let mut reader = vigie_media::matroska::FragmentReader::new(Limits::KVS);
    let mut ends = 0;
    reader.push(&body[..end]);
    while let Some(event) = reader.next_event().unwrap() {
        ends += usize::from(matches!(event, Event::FragmentEnd(_)));
    }
    assert_eq!(ends, 1);
}

#[test]
fn a_kept_header_parses_again() {
    for (name, body) in CAPTURES {
        let header = read_whole(body).header();
        let again = vigie_media::matroska::DocumentHeader::parse(&header.raw, Limits::KVS);
        assert_eq!(again.as_ref(), Ok(&*header), "{name}");
    }
}
