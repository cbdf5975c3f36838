//! Pictures of real encoders, one slice and four, with and without bidirectional prediction: sent as cameras do it, each
//! comes out byte for byte.

use bytes::Bytes;
use vigie_media::Track;
use vigie_media::codec::h264::AvcConfig;
use vigie_media::codec::h265::HevcConfig;
use vigie_media::codec::nal;
use vigie_media::mp4::{Limits, Mp4Reader};
use vigie_rtsp::media::Transport;
use vigie_rtsp::{Deviation, MediaFormat};

use crate::common::{Codec, Mark, Picture, Rtp, base64, packets, receive_all};

macro_rules! file {
    ($name:literal) => {
        include_bytes!(concat!("../../../vigie-media/tests/fixtures/", $name)).as_slice()
    };
}

const FILES: [(&str, &[u8], Codec); 3] = [
    ("h264_aac", file!("h264_aac.mp4"), Codec::H264),
    ("h264_bframes_aac", file!("h264_bframes_aac.mp4"), Codec::H264),
    ("h265", file!("h265.mp4"), Codec::H265),
];

const STREAMS: [(&[u8], Codec); 2] = [
    (include_bytes!("../fixtures/h264_slices.264"), Codec::H264),
    (include_bytes!("../fixtures/h265_slices.265"), Codec::H265),
];

/// The pictures of a file, whose parameter sets stand in the SDP alone.
fn file_pictures(file: &[u8], codec: Codec) -> (Vec<Picture>, MediaFormat, Track) {
    let mut read_at = |offset: u64, len: usize| -> Result<Bytes, String> {
        let data = file.get(offset as usize..).and_then(|rest| rest.get(..len));
        data.map(Bytes::copy_from_slice).ok_or_else(|| "past the end".to_owned())
    };
    let mut reader = Mp4Reader::open(file.len() as u64, &mut read_at, Limits::default()).unwrap();
    let track = reader.tracks().iter().find(|track| track.video.is_some()).unwrap().clone();
    let mut pictures = Vec::new();
    while let Some(sample) = reader.next_sample(&mut read_at).unwrap() {
        if sample.track_number == track.number {
            let data = read_at(sample.offset, sample.size_bytes as usize).unwrap();
            let nal_units = nal::length_prefixed(&data, 4).map(|nal| nal.unwrap().to_vec());
            pictures.push(Picture {
                codec,
                key_frame: sample.key_frame,
                nal_units: nal_units.collect(),
            });
        }
    }
    let list = |sets: &[Bytes]| sets.iter().map(|set| base64(set)).collect::<Vec<_>>().join(",");
    let format = match codec {
        Codec::H264 => {
            let config = AvcConfig::parse(&track.codec_private).unwrap();
            let sets = [config.sps, config.pps].concat();
            codec.format(&[("sprop-parameter-sets", &list(&sets))])
        }
        Codec::H265 => {
            let config = HevcConfig::parse(&track.codec_private).unwrap();
            let (vps, sps, pps) = (list(&config.vps), list(&config.sps), list(&config.pps));
            codec.format(&[("sprop-vps", &vps), ("sprop-sps", &sps), ("sprop-pps", &pps)])
        }
    };
    (pictures, format, track)
}

/// The pictures of an Annex B stream.
fn stream_pictures(stream: &[u8], codec: Codec) -> Vec<Picture> {
    let mut pictures: Vec<Picture> = Vec::new();
    let mut has_slice = true;
    for nal in nal::annex_b(stream) {
        let is_slice = codec.is_slice(nal);
        let first = match codec {
            Codec::H264 => nal[1] & 0x80 != 0,
            Codec::H265 => nal[2] & 0x80 != 0,
        };
        if has_slice && (!is_slice || first) {
            pictures.push(Picture { codec, key_frame: false, nal_units: Vec::new() });
            has_slice = false;
        }
        has_slice |= is_slice;
        let picture = pictures.last_mut().unwrap();
        picture.nal_units.push(nal.to_vec());
        picture.key_frame |= is_slice
            && match codec {
                Codec::H264 => nal[0] & 0x1F == 5,
                Codec::H265 => (16..=23).contains(&(nal[0] >> 1 & 0x3F)),
            };
    }
    pictures
}

/// `may_lack_its_end`: nothing tells that the last picture was whole when the session ended.
fn check(
    pictures: &[Picture],
    format: &MediaFormat,
    sent: &[Rtp],
    may_lack_its_end: bool,
    what: &str,
) -> Vec<Deviation> {
    for transport in [Transport::Ordered, Transport::Datagrams] {
        let received = receive_all(format, transport, sent);
        let expected: Vec<_> = pictures.iter().map(Picture::expected).collect();
        assert!(received.data() == expected, "{what}: {} units", received.units.len());
        let keys = received.units.iter().map(|unit| unit.key_frame);
        assert!(keys.eq(pictures.iter().map(|picture| picture.key_frame)), "{what}");
        let lost = received.lost();
        assert_eq!((lost, received.tracks.len()), (u32::from(may_lack_its_end), 1), "{what}");
    }
    receive_all(format, Transport::Ordered, sent).deviations
}

#[test]
fn files_come_out_as_they_are() {
    for (name, file, codec) in FILES {
        let (pictures, format, track) = file_pictures(file, codec);
        assert!(pictures.len() > 40);
        let sent = packets(&pictures, Mark::Picture);
        assert_eq!(check(&pictures, &format, &sent, false, name), []);
        let received = receive_all(&format, Transport::Ordered, &sent);
        assert_eq!(received.tracks[0][0].video, track.video);
        if codec == Codec::H264 {
            assert_eq!(received.tracks[0][0].codec_private, track.codec_private);
        }
    }
}

#[test]
fn pictures_of_four_slices_come_out_whole_wherever_the_marker_stands() {
    for (stream, codec) in STREAMS {
        let pictures = stream_pictures(stream, codec);
        assert_eq!(pictures.len(), 30);
        for mark in [Mark::Picture, Mark::Slice, Mark::NalUnit, Mark::Packet, Mark::Never] {
            let what = format!("{codec:?} {mark:?}");
            let tells_no_end = !matches!(mark, Mark::Picture);
            check(&pictures, &codec.format(&[]), &packets(&pictures, mark), tells_no_end, &what);
        }
    }
}

#[test]
fn timestamps_that_stand_still_and_no_markers_leave_the_slices_to_tell() {
    let still = |pictures: &[Picture]| {
        let mut sent = packets(pictures, Mark::Never);
        sent.iter_mut().for_each(|packet| packet.timestamp = 7);
        sent
    };
    for (stream, codec) in STREAMS {
        let pictures = stream_pictures(stream, codec);
        let format = codec.format_with_sets();
        check(&pictures, &format, &still(&pictures), true, &format!("{codec:?}"));
    }
    for (name, file, codec) in FILES {
        let (pictures, format, _) = file_pictures(file, codec);
        check(&pictures, &format, &still(&pictures), true, name);
    }
}
