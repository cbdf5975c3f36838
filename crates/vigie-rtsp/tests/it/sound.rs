//! Sound and metadata: frames come out as they were sent, what cannot be described is left out and said why.

use std::time::Duration;

use bytes::Bytes;
use vigie_media::codec::g711::{Law, WaveFormat};
use vigie_media::codec::opus::OpusHead;
use vigie_media::{TrackKind, codec_id};
use vigie_rtsp::media::{LeftOut, Limits, Receiver, Transport, supports};
use vigie_rtsp::{Deviation, MediaFormat, MediaKind};

use crate::common::{Codec, Mark, Received, Rtp, format, packets, pictures, receive_all};

const HBR: [(&str, &str); 4] =
    [("mode", "AAC-hbr"), ("sizelength", "13"), ("indexlength", "3"), ("indexdeltalength", "3")];

fn aac(fmtp: &[(&str, &str)]) -> MediaFormat {
    format(MediaKind::Audio, "mpeg4-generic", 16_000, fmtp)
}

fn aac_hbr() -> MediaFormat {
    aac(&[&HBR[..], &[("config", "1408")]].concat())
}

/// What comes of payloads, each with the timestamp and the marker: (media time since the first, bytes).
fn frames(
    format: &MediaFormat,
    payloads: &[(u32, bool, &[u8])],
) -> (Vec<(i64, Vec<u8>)>, Received) {
    let packet = |(sequence, (timestamp, marker, payload)): (u16, &(u32, bool, &[u8]))| Rtp {
        of: 0,
        marker: *marker,
        payload_type: 96,
        sequence,
        timestamp: *timestamp,
        ssrc: 7,
        payload: payload.to_vec(),
        at: Duration::from_millis(1_000),
    };
    let packets: Vec<Rtp> = (0..).zip(payloads).map(packet).collect();
    let received = receive_all(format, Transport::Ordered, &packets);
    let frame =
        |unit: &vigie_rtsp::AccessUnit| (unit.media_us - 1_000_000, unit.data.to_bytes().to_vec());
    (received.units.iter().map(frame).collect(), received)
}

#[test]
fn aac_comes_alone_several_in_a_packet_or_in_fragments() {
    let (one, two): (&[u8], &[u8]) =
        (&[0, 16, 0, 3 << 3, 1, 2, 3], &[0, 32, 0, 2 << 3, 0, 1 << 3, 4, 5, 6]);
    // 10 bytes in three pieces; each says the whole size.
    let pieces: [&[u8]; 3] = [
        &[0, 16, 0, 10 << 3, 1, 2, 3, 4],
        &[0, 16, 0, 10 << 3, 5, 6, 7],
        &[0, 16, 0, 10 << 3, 8, 9, 10],
    ];
    let (frames, received) = frames(
        &aac_hbr(),
        &[
            (0, true, one),
            (1024, true, two),
            (3072, false, pieces[0]),
            (3072, false, pieces[1]),
            (3072, true, pieces[2]),
        ],
    );
    let expect = [
        (0, vec![1, 2, 3]),
        (64_000, vec![4, 5]),
        (128_000, vec![6]),
        (192_000, (1..=10).collect()),
    ];
    assert_eq!(frames, expect);
    assert_eq!((received.lost(), &received.deviations[..]), (0, &[][..]));
    let track = &received.tracks[0][0];
    assert_eq!((&*track.codec_id, &track.codec_private[..]), (codec_id::AAC, &[0x14, 0x08][..]));
    assert_eq!(track.audio.unwrap().sampling_frequency_hz, 16_000.0);
}

#[test]
fn the_headers_of_aac_are_as_the_sdp_says() {
    let check = |fmtp: &[(&str, &str)], payload: &[u8], expect: &[&[u8]]| {
        let fmtp = [fmtp, &[("config", "1408")]].concat();
        let (frames, _) = frames(&aac(&fmtp), &[(0, true, payload)]);
        let frames: Vec<_> = frames.into_iter().map(|(_, frame)| frame).collect();
        assert_eq!(frames, expect, "{fmtp:?}");
    };
    // Low bit rate: 6 bits of size, 2 of index. Also where the mode alone is said.
    let lbr =
        [("mode", "AAC-lbr"), ("sizelength", "6"), ("indexlength", "2"), ("indexdeltalength", "2")];
    let two: &[u8] = &[0, 16, 2 << 2, 1 << 2, 7, 8, 9];
    check(&lbr, two, &[&[7, 8], &[9]]);
    check(&lbr[..1], two, &[&[7, 8], &[9]]);
    // Nothing said but the configuration.
    check(&[], &[0, 16, 0, 2 << 3, 7, 8], &[&[7, 8]]);
    // A flag and 7 bits of composition time, a flag without decoding time, an auxiliary section of 8 bits.
    let times = [
        &HBR[..],
        &[("ctsdeltalength", "7"), ("dtsdeltalength", "4"), ("auxiliarydatasizelength", "8")],
    ]
    .concat();
    check(&times, &[0, 25, 0, 2 << 3, 0x83, 0, 8, 0xAA, 7, 8], &[&[7, 8]]);
    // Of constant size, without headers.
    check(&[("constantsize", "2")], &[1, 2, 3, 4], &[&[1, 2], &[3, 4]]);
    check(&[("sizelength", "0")], &[1, 2, 3, 4], &[&[1, 2, 3, 4]]);
}

#[test]
fn aac_that_cannot_be_read_costs_itself() {
    let good: &[u8] = &[0, 16, 0, 3 << 3, 1, 2, 3];
    for bad in [
        &[][..],
        &[0][..],
        &[0, 0][..],
        &[0, 16][..],
        &[0xFF, 0xFF, 1, 2, 3][..],
        &[0, 32, 0, 9 << 3, 0, 9 << 3, 1][..],
        &[0, 8, 0, 1][..],
        b"garbage in the place of it",
    ] {
        let (frames, received) =
            frames(&aac_hbr(), &[(0, true, good), (1024, true, bad), (2048, true, good)]);
        assert_eq!(frames, [(0, vec![1, 2, 3]), (128_000, vec![1, 2, 3])], "{bad:x?}");
        assert!(received.deviations.contains(&Deviation::BadRtpPacket), "{bad:x?}");
    }
    // Fragments whose last one does not come, or is another's.
    let piece: &[u8] = &[0, 16, 0, 10 << 3, 1, 2, 3, 4];
    let (frames, received) = frames(&aac_hbr(), &[(0, false, piece), (1024, true, good)]);
    assert_eq!(frames, [(64_000, vec![1, 2, 3])]);
    assert_eq!(received.lost(), 1);
}

#[test]
fn sound_that_cannot_be_described_is_left_out_and_said_why() {
    let add = |format: &MediaFormat| {
        Receiver::new(Limits::default()).add_track(1, format, Transport::Ordered, 2)
    };
    assert_eq!(add(&aac(&HBR)), Err(LeftOut::NoAacConfig));
    assert_eq!(add(&aac(&[("config", "")])), Err(LeftOut::NoAacConfig));
    for config in ["zz", "140", "00", "1", &"14".repeat(2_000)] {
        let left_out = add(&aac(&[("config", config)])).unwrap_err();
        assert!(matches!(left_out, LeftOut::AacConfig(_)), "{config}: {left_out:?}");
    }
    for bad in [("sizelength", "x"), ("sizelength", "99"), ("constantsize", "4000000000")] {
        assert_eq!(add(&aac(&[("config", "1408"), bad])), Err(LeftOut::AacHeaders), "{bad:?}");
    }
    let unknown = format(MediaKind::Audio, "g726-32", 8_000, &[]);
    assert!(!supports(&unknown));
    let left_out = add(&unknown).unwrap_err();
    assert_eq!(
        left_out.to_string(),
        "its codec \"g726-32\" is not recorded; set the camera to one that is"
    );
    let unknown = format(MediaKind::Video, "jpeg", 90_000, &[]);
    assert!(!supports(&unknown) && add(&unknown).is_err());
    // The pictures are recorded all the same.
    let mut receiver = Receiver::new(Limits::default());
    receiver.add_track(0, &Codec::H264.format(&[]), Transport::Ordered, 1).unwrap();
    assert!(receiver.add_track(1, &aac(&HBR), Transport::Ordered, 2).is_err());
    let pictures = pictures(Codec::H264, 1, 10, 5, 1);
    for packet in packets(&pictures, Mark::Picture) {
        receiver.rtp(1, Bytes::from_static(b"garbage"), packet.at);
        receiver.rtp(0, Bytes::from(packet.to_bytes()), packet.at);
    }
    receiver.finish();
    let mut received = Received::default();
    received.take(&mut receiver);
    assert_eq!((received.units.len(), received.tracks.len()), (10, 1));
    assert_eq!(received.tracks[0].len(), 1);
}

#[test]
fn g711_is_a_frame_a_packet_however_long() {
    for (encoding, law) in [("pcma", Law::A), ("pcmu", Law::Mu)] {
        for (rate_hz, said_hz, channels) in [(8_000, 8_000, 1), (8_000, 0, 1), (16_000, 16_000, 2)]
        {
            let format = MediaFormat {
                channels: Some(channels),
                ..format(MediaKind::Audio, encoding, said_hz, &[])
            };
            let payloads: [(u32, bool, &[u8]); 3] =
                [(0, false, &[1; 160]), (160, false, &[2; 320]), (480, false, &[3; 1])];
            let (frames, received) = frames(&format, &payloads);
            let us = |ticks: i64| ticks * 1_000_000 / i64::from(rate_hz);
            assert_eq!(frames, [(0, vec![1; 160]), (us(160), vec![2; 320]), (us(480), vec![3])]);
            let track = &received.tracks[0][0];
            let wave = WaveFormat::parse(&track.codec_private).unwrap();
            assert_eq!(wave, WaveFormat { law, sampling_frequency_hz: rate_hz, channels });
        }
    }
    let absurd = MediaFormat { channels: Some(0), ..format(MediaKind::Audio, "pcmu", 8_000, &[]) };
    let (_, received) = frames(&absurd, &[(0, false, &[1; 160])]);
    assert_eq!(received.tracks[0][0].audio.unwrap().channels, 1);
}

#[test]
fn opus_is_a_frame_a_packet_at_48_khz() {
    for (fmtp, channels) in
        [(&[][..], 2), (&[("sprop-stereo", "1")][..], 2), (&[("sprop-stereo", "0")][..], 1)]
    {
        let format = format(MediaKind::Audio, "opus", 8_000, fmtp);
        let (frames, received) = frames(&format, &[(0, false, &[1; 80]), (960, false, &[2; 90])]);
        assert_eq!(frames, [(0, vec![1; 80]), (20_000, vec![2; 90])]);
        let track = &received.tracks[0][0];
        assert_eq!((&*track.codec_id, track.kind), (codec_id::OPUS, TrackKind::Audio));
        assert_eq!(OpusHead::parse(&track.codec_private), Ok(OpusHead { channels, pre_skip: 0 }));
    }
}

#[test]
fn tracks_are_said_video_first_and_sound_waits_for_them() {
    let pictures = pictures(Codec::H264, 2, 60, 10, 1);
    let run = |video: &MediaFormat| {
        let mut receiver = Receiver::new(Limits::default());
        let sound = format(MediaKind::Audio, "pcma", 8_000, &[]);
        receiver.add_track(5, &sound, Transport::Ordered, 2).unwrap();
        receiver.add_track(3, video, Transport::Ordered, 1).unwrap();
        let mut received = Received::default();
        for (number, packet) in (0..).zip(packets(&pictures[1..], Mark::Picture)) {
            let sound = Rtp {
                sequence: number,
                timestamp: u32::from(number) * 320,
                payload: vec![1; 320],
                ..packet.clone()
            };
            receiver.rtp(5, Bytes::from(sound.to_bytes()), packet.at);
            receiver.rtp(3, Bytes::from(packet.to_bytes()), packet.at);
            received.take(&mut receiver);
        }
        assert_eq!(received.tracks.len(), 1);
        let numbers: Vec<u64> = received.tracks[0].iter().map(|track| track.number).collect();
        assert_eq!(numbers, [1, 2]);
        received.units[0].track_number
    };
    // Until the parameter sets come there is nothing to put sound beside.
    assert_eq!(run(&Codec::H264.format(&[])), 1);
    assert_eq!(run(&Codec::H264.format_with_sets()), 2);
}

#[test]
fn metadata_is_handed_through_whole_or_not_at_all() {
    let onvif = format(MediaKind::Application, "vnd.onvif.metadata", 90_000, &[]);
    assert!(supports(&onvif));
    let (_, received) = frames(
        &onvif,
        &[
            (0, false, b"<tt:Meta"),
            (0, true, b"dataStream/>"),
            // Without its marker.
            (9_000, false, b"<two/>"),
            (18_000, true, b"<three/>"),
        ],
    );
    assert_eq!(received.units, []);
    assert_eq!(received.tracks, [] as [Vec<_>; 0]);
    let data: Vec<_> =
        received.metadata.iter().map(|m| (m.media_us - 1_000_000, m.data.to_bytes())).collect();
    let text = |text: &'static str| Bytes::from_static(text.as_bytes());
    let expect =
        [(0, text("<tt:MetadataStream/>")), (100_000, text("<two/>")), (200_000, text("<three/>"))];
    assert_eq!(data, expect);
    // With a hole: neither what was before it nor what came behind.
    let packet = |sequence, timestamp, marker, payload: &[u8]| Rtp {
        of: 0,
        marker,
        payload_type: 96,
        sequence,
        timestamp,
        ssrc: 7,
        payload: payload.to_vec(),
        at: Duration::ZERO,
    };
    let sent = [
        packet(1, 0, true, b"<one/>"),
        packet(2, 1, false, b"<tw"),
        packet(4, 2, false, b"ree/>"),
        packet(5, 2, true, b"<!-- -->"),
        packet(6, 3, true, b"<four/>"),
    ];
    let received = receive_all(&onvif, Transport::Ordered, &sent);
    let data: Vec<_> = received.metadata.iter().map(|m| m.data.to_bytes()).collect();
    assert_eq!(data, [text("<one/>"), text("<four/>")]);
    // Larger than any.
    let large: Vec<_> = (0..300).map(|n| packet(n, 7, n == 299, &[b'x'; 1_000])).collect();
    let received = receive_all(&onvif, Transport::Ordered, &large);
    assert_eq!(
        (received.metadata.len(), &received.deviations[..]),
        (0, &[Deviation::AccessUnitTooLarge][..])
    );
}
