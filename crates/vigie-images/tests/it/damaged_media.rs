//! The decoders in Rust with media that is damaged anywhere: each wanted frame is answered, whatever comes of it.

use std::collections::BTreeSet;
use std::io::Read;
use std::sync::OnceLock;

use bytes::Bytes;
use proptest::prelude::*;
use vigie_images::child::serve;
use vigie_images::decode::{Codec, CodedFrame, CodedVideo, RustDecoders};
use vigie_images::encode::{Form, Format};
use vigie_images::protocol::{ImageError, Reply, Request, read_reply};
use vigie_media::TrackKind;
use vigie_media::matroska::{Event, FragmentReader, Limits, fragment_frames};
use vigie_media::sample::{CodecConfig, SampleTrack};

/// The video of the first fragment of a seed of the fuzzer: a byte, then a document.
fn video(seed: &[u8]) -> CodedVideo {
    let mut reader = FragmentReader::new(Limits::FILE);
    reader.push(&seed[1..]);
    reader.finish();
    let mut header = None;
    loop {
        match reader.next_event().unwrap().expect("a fragment") {
            Event::Header(found) => header = Some(found),
            Event::FragmentEnd(fragment) => {
                let header = header.unwrap();
                let track = header.tracks.iter().find(|track| track.kind == TrackKind::Video);
                let track = SampleTrack::new(track.unwrap()).unwrap();
                let (codec, parameter_sets, nal_length_size) = match track.config() {
                    CodecConfig::H264(c) => {
                        (Codec::H264, [&c.sps[..], &c.pps].concat(), c.nal_length_size)
                    }
                    CodecConfig::H265(c) => {
                        (Codec::H265, [&c.vps[..], &c.sps, &c.pps].concat(), c.nal_length_size)
                    }
                    _ => panic!("no video"),
                };
                let frames = fragment_frames(&header, fragment.bytes).map(Result::unwrap);
                let frames = frames.filter(|it| it.track_number == u64::from(track.number()));
                let frame = |(data, shown_ms)| CodedFrame { data, wanted: true, shown_ms };
                let frames = frames.map(|it| (it.data, it.timecode_ms as i32)).map(frame);
                let frames = frames.collect();
                return CodedVideo { codec, parameter_sets, nal_length_size, frames };
            }
            _ => {}
        }
    }
}

fn videos() -> &'static [CodedVideo; 2] {
    static VIDEOS: OnceLock<[CodedVideo; 2]> = OnceLock::new();
    VIDEOS.get_or_init(|| {
        [
            video(include_bytes!("../../../../fuzz/corpus/playback/h264_bframes_aac")),
            video(include_bytes!("../../../../fuzz/corpus/playback/h265_mulaw")),
        ]
    })
}

/// What a decoder's process would answer.
fn answers(video: CodedVideo) -> Vec<Reply> {
    let format = Format::Jpeg { quality: 50 };
    let request = Request { video, form: Form { format, width: Some(16), height: None } };
    let wire = request.to_wire().unwrap().concat();
    let mut output = Vec::new();
    serve(&mut RustDecoders, &mut &wire[..], &mut output, &mut || Ok(())).unwrap();
    let mut output = &output[..];
    let mut replies = Vec::new();
    while !output.is_empty() {
        let mut length = [0; 4];
        output.read_exact(&mut length).unwrap();
        let (reply, rest) = output.split_at(u32::from_be_bytes(length) as usize);
        output = rest;
        replies.push(read_reply(Bytes::copy_from_slice(reply), format).unwrap());
    }
    assert_eq!(replies.len(), request.wanted());
    replies
}

#[test]
fn sound_media_gives_a_picture_for_each_frame_that_is_wanted() {
    for video in videos() {
        assert!(video.frames.len() > 3);
        let all = answers(video.clone());
        assert!(all.iter().all(Result::is_ok));
        // Frames that nobody needs are passed over, and it shows in nothing.
        for (wanted, reply) in all.iter().enumerate() {
            let mut one = video.clone();
            one.frames.truncate(wanted + 1);
            for (index, frame) in one.frames.iter_mut().enumerate() {
                frame.wanted = index == wanted;
            }
            assert_eq!(answers(one), std::slice::from_ref(reply), "frame {wanted}");
        }
    }
}

#[test]
fn a_frame_that_ends_early_is_broken_and_those_before_it_stand() {
    for video in videos() {
        let mut video = video.clone();
        let last = video.frames.len() - 1;
        let data = &mut video.frames[last].data;
        data.truncate(data.len() - 1);
        let replies = answers(video);
        assert!(replies[..last].iter().all(Result::is_ok));
        assert!(matches!(&replies[last], Err(ImageError::Broken(_))));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]
    #[test]
    fn damaged_media_is_answered_frame_by_frame(
        which in 0usize..2,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 1u8..), 1..12),
        in_sets in any::<bool>(),
    ) {
        let mut video = videos()[which].clone();
        for (unit, at, change) in damage {
            let data = match in_sets {
                true => unit.get_mut(&mut video.parameter_sets),
                false => &mut unit.get_mut(&mut video.frames).data,
            };
            let mut bytes = data.to_vec();
            // Mostly behind the lengths, where decoders read.
            let index = at.index(bytes.len());
            bytes[index] ^= change;
            *data = bytes.into();
        }
        let outcomes: BTreeSet<bool> = answers(video).iter().map(Result::is_ok).collect();
        prop_assert!(!outcomes.is_empty());
    }
}
