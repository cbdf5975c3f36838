//! Parameter sets: from the SDP or between the pictures, old, broken, one at a time, several at once.

use bytes::Bytes;
use vigie_media::codec::h264::AvcConfig;
use vigie_media::codec::h265::HevcConfig;
use vigie_media::{VideoSettings, codec_id};
use vigie_rtsp::Deviation;
use vigie_rtsp::media::Transport;

use crate::common::{
    self, Codec, H264_PPS, H264_SPS, H265_VPS, Mark, Received, base64, h264_pps, h264_sps, hex,
    packets, pictures, receive_all, receive_payloads,
};

fn size(received: &Received, at: usize) -> Option<VideoSettings> {
    received.tracks.get(at).and_then(|tracks| tracks[0].video)
}

#[test]
fn parameter_sets_of_the_sdp_are_a_beginning_whatever_stands_around_them() {
    let (sps, pps) = (hex(H264_SPS), hex(H264_PPS));
    let key = Codec::H264.slice(true, true, &[7; 20]);
    let sent = [(0, true, key.clone()), (1, true, key.clone())];
    let with_code = |set: &[u8]| base64(&[&[0, 0, 0, 1], set].concat());
    let behind = |set: &[u8]| base64(&[set, &[0, 0, 0, 1]].concat());
    let both = base64(&[&sps[..], &[0, 0, 1], &pps[..]].concat());
    let (sps, pps) = (base64(&sps), base64(&pps));
    for value in [
        format!("{sps},{pps}"),
        format!(" {sps} , {pps} "),
        format!("\"{sps},{pps}\""),
        format!("{},{}", sps.trim_end_matches('='), pps.trim_end_matches('=')),
        format!("{},{}", with_code(&hex(H264_SPS)), with_code(&hex(H264_PPS))),
        format!("{},{}", behind(&hex(H264_SPS)), behind(&hex(H264_PPS))),
        format!("{sps},{pps},,AAAA,%%%"),
        both,
    ] {
        let received = receive_payloads(Codec::H264, &[("sprop-parameter-sets", &value)], &sent);
        assert_eq!(received.units.len(), 2, "{value}");
        let expect = VideoSettings { width_pixels: 640, height_pixels: 360 };
        assert_eq!(size(&received, 0), Some(expect), "{value}");
        let config = AvcConfig::parse(&received.tracks[0][0].codec_private).unwrap();
        assert_eq!(
            (config.sps, config.pps),
            (vec![hex(H264_SPS).into()], vec![hex(H264_PPS).into()])
        );
    }
    // Nothing that can be used: the pictures wait for those in band.
    for value in ["", "%%%", "6QDwBE/LCAAAH0gAB1TgIAAAAAA=,AAAAAA==", &sps, &pps] {
        let fmtp = [("sprop-parameter-sets", value)];
        let received = receive_payloads(Codec::H264, &fmtp, &sent);
        assert_eq!((received.units.len(), received.tracks.len()), (0, 0), "{value}");
        assert_eq!(received.deviations, [Deviation::NoParameterSets; 2]);
        let sets = Codec::H264.parameter_sets();
        let mut in_band: Vec<_> = sets.into_iter().map(|set| (0, false, set)).collect();
        in_band.extend(sent.clone());
        let received = receive_payloads(Codec::H264, &fmtp, &in_band);
        assert_eq!((received.units.len(), received.tracks.len()), (2, 1), "{value}");
    }
    // The picture parameter set alone is missing between the pictures.
    let sent = [(0, false, hex(H264_SPS)), (0, true, key)];
    let fmtp = [("sprop-parameter-sets", &*format!("{sps},{pps}"))];
    assert_eq!(receive_payloads(Codec::H264, &fmtp, &sent).units.len(), 1);
}

#[test]
fn sets_that_change_with_each_key_picture_stay_in_the_stream_and_make_few_tracks() {
    let sps = |n: u8| {
        let mut sps = hex(H264_SPS);
        // A constraint flag that no decoder looks at.
        sps[2] ^= (n % 4) << 2;
        sps
    };
    let delimiter = vec![0x09, 0xF0];
    let key = |n: u8| Codec::H264.slice(true, true, &[n + 1; 20]);
    let mut sent = Vec::new();
    for n in 0..10_u8 {
        sent.push((n.into(), false, delimiter.clone()));
        sent.extend([sps(n), hex(H264_PPS)].map(|set| (n.into(), false, set)));
        sent.push((n.into(), true, key(n)));
    }
    // One without sets, and another size.
    sent.push((10, true, key(10)));
    sent.extend([OTHER_SPS, OTHER_PPS].map(|set| (11, false, hex(set))));
    sent.push((11, true, key(11)));
    let received = receive_payloads(Codec::H264, &[], &sent);
    let said = received
        .tracks
        .iter()
        .map(|tracks| AvcConfig::parse(&tracks[0].codec_private).unwrap().sps[0].to_vec());
    let expect = [sps(0), sps(1), sps(2), sps(3), sps(4), hex(OTHER_SPS)];
    assert_eq!(said.collect::<Vec<_>>(), expect);
    assert_eq!(received.deviations, [Deviation::ParameterSetsChange]);
    // Each can be decoded by what was said last and what it brings.
    for (n, data) in (0..12_u8).zip(received.data()) {
        let brings = (n == 10 || (5..10).contains(&n)) && sps(n.min(9)) != sps(4);
        let mut nal_units = Vec::new();
        if n < 10 {
            nal_units.push(delimiter.clone());
        }
        if brings {
            nal_units.extend([sps(n.min(9)), hex(H264_PPS)]);
        }
        nal_units.push(key(n));
        assert_eq!(data, common::length_prefixed(&nal_units), "picture {n}");
    }
}

/// x264, 320x240, High profile.
const OTHER_SPS: &str = "6764000cacb30283f60220000003002000000303c1e2854d";
const OTHER_PPS: &str = "68e970392c8b";

#[test]
fn parameter_sets_between_the_pictures_win_and_a_change_is_said_before_its_picture() {
    let key = |byte| Codec::H264.slice(true, true, &[byte; 20]);
    let sprop = [hex(OTHER_SPS), hex(OTHER_PPS)].map(|set| base64(&set)).join(",");
    let fmtp = [("sprop-parameter-sets", &*sprop)];
    let sets = [hex(H264_SPS), hex(H264_PPS)];
    let others = [hex(OTHER_SPS), hex(OTHER_PPS)];
    let picture = |of: u32, sets: &[Vec<u8>]| {
        let mut sent: Vec<_> = sets.iter().map(|set| (of, false, set.clone())).collect();
        sent.push((of, true, key(of as u8 + 1)));
        sent
    };
    // Old ones in the SDP.
    let sent = [picture(0, &sets), picture(1, &sets), picture(2, &[])].concat();
    let received = receive_payloads(Codec::H264, &fmtp, &sent);
    assert_eq!(received.order, "TUUU");
    assert_eq!(size(&received, 0).unwrap().width_pixels, 640);
    let config = AvcConfig::parse(&received.tracks[0][0].codec_private).unwrap();
    assert_eq!((config.sps.len(), config.pps.len()), (1, 1));
    // The camera is set to another size, and back.
    let sent =
        [picture(0, &sets), picture(1, &others), picture(2, &others), picture(3, &sets)].concat();
    let received = receive_payloads(Codec::H264, &[], &sent);
    assert_eq!(received.order, "TUTUUTU");
    let widths: Vec<_> = (0..3).map(|at| size(&received, at).unwrap().width_pixels).collect();
    assert_eq!(widths, [640, 320, 640]);
    let config = AvcConfig::parse(&received.tracks[1][0].codec_private).unwrap();
    assert_eq!((&config.sps[0][..], &config.pps[0][..]), (&others[0][..], &others[1][..]));
    assert_eq!(config.pps.len(), 1);
    // One that cannot be read changes nothing.
    let broken = [vec![0x67, 1, 2, 3], vec![0x68]];
    let sent = [picture(0, &sets), picture(1, &broken), picture(2, &sets)].concat();
    let received = receive_payloads(Codec::H264, &[], &sent);
    assert_eq!(received.order, "TUUU");
    assert_eq!(received.deviations, [Deviation::BadParameterSet; 2]);
}

#[test]
fn picture_parameter_sets_that_come_in_turn_settle() {
    let picture = |of: u32, sets: &[&[u8]]| {
        let mut sent = vec![(of, false, hex(H264_SPS))];
        sent.extend(sets.iter().map(|set| (of, false, set.to_vec())));
        sent.push((of, true, Codec::H264.slice(true, true, &[of as u8 + 1; 20])));
        sent
    };
    let (zero, one): (&[u8], &[u8]) = (&[0x68, 0xCE, 0x3C, 0x80], &[0x68, 0x53, 0x8F, 0x20]);
    let sent =
        [picture(0, &[zero]), picture(1, &[one]), picture(2, &[zero]), picture(3, &[one, zero])];
    let received = receive_payloads(Codec::H264, &[], &sent.concat());
    assert_eq!(received.order, "TUTUUU");
    let config = AvcConfig::parse(&received.tracks[1][0].codec_private).unwrap();
    assert_eq!(
        config.pps,
        [
            Bytes::from_static(&[0x68, 0xCE, 0x3C, 0x80]),
            Bytes::from_static(&[0x68, 0x53, 0x8F, 0x20])
        ]
    );
}

#[test]
fn h265_parameter_sets_come_from_the_sdp_or_between_the_pictures() {
    let key = Codec::H265.slice(true, true, &[7; 20]);
    let sent = [(0, true, key.clone()), (1, true, key)];
    let received = receive_all(
        &Codec::H265.format_with_sets(),
        Transport::Ordered,
        &packets(&pictures(Codec::H265, 1, 2, 2, 1), Mark::Picture),
    );
    assert_eq!((received.units.len(), received.tracks.len()), (2, 1));
    let track = &received.tracks[0][0];
    assert_eq!((&*track.codec_id, track.number), (codec_id::H265, 1));
    let config = HevcConfig::parse(&track.codec_private).unwrap();
    assert_eq!(
        (config.vps, config.sps.len(), config.pps.len()),
        (vec![hex(H265_VPS).into()], 1, 1)
    );
    assert_eq!(receive_payloads(Codec::H265, &[("sprop-sps", "AAAA")], &sent).units.len(), 0);
}

#[test]
fn of_several_sequence_parameter_sets_the_one_that_is_used_says_the_size() {
    let sets = [h264_sps(0, 40, 30), h264_pps(0, 0), h264_sps(1, 20, 15), h264_pps(1, 1)];
    // A slice of picture parameter set 0, as 1, or 1, as 010.
    let key = |of_set: u8| {
        [&[0x65, if of_set == 0 { 0b1011_1000 } else { 0b1011_0100 }], &[7; 20][..]].concat()
    };
    let picture = |of: u32, sets: &[Vec<u8>], of_set| {
        let mut sent: Vec<_> = sets.iter().map(|set| (of, false, set.clone())).collect();
        sent.push((of, true, key(of_set)));
        sent
    };
    let sent =
        [picture(0, &sets, 0), picture(1, &sets, 0), picture(2, &sets, 1), picture(3, &sets, 1)];
    let received = receive_payloads(Codec::H264, &[], &sent.concat());
    assert_eq!(received.order, "TUUTUU");
    let widths: Vec<_> = (0..2).map(|at| size(&received, at).unwrap().width_pixels).collect();
    assert_eq!(widths, [640, 320]);
    let config = AvcConfig::parse(&received.tracks[1][0].codec_private).unwrap();
    assert_eq!((config.sps.len(), config.pps.len()), (2, 2));
}

#[test]
fn more_parameter_sets_than_there_can_be_begin_anew() {
    let mut sent = Vec::new();
    for of in 0..40 {
        sent.push((of, false, h264_sps(of % 32, 40, 30)));
        for id in 0..8 {
            sent.push((of, false, h264_pps((of * 8 + id) % 256, of % 32)));
        }
        sent.push((of, false, [&[0x67][..], &vec![7; 100_000]].concat()));
        sent.push((of, true, Codec::H264.slice(true, true, &[7; 20])));
    }
    let received = receive_payloads(Codec::H264, &[], &sent);
    assert_eq!(received.units.len(), 40);
    for tracks in &received.tracks {
        let config = AvcConfig::parse(&tracks[0].codec_private).unwrap();
        assert!(config.sps.len() <= 31 && config.pps.len() <= 255);
        assert!(tracks[0].codec_private.len() < 70_000);
    }
    assert!(received.deviations.contains(&Deviation::BadParameterSet));
}
