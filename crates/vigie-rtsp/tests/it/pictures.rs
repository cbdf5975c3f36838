//! Pictures: whatever a camera does with markers, slices, fragments, parameter sets and numbers, each comes out whole and
//! once.

use std::time::Duration;

use bytes::Bytes;
use vigie_media::FrameData;
use vigie_rtsp::media::{Limits, Receiver, Transport};
use vigie_rtsp::{Deviation, MediaEvent};

use crate::common::{
    self, Chance, Codec, H264_PPS, H264_SPS, Mark, Picture, Received, Rtp, hex, length_prefixed,
    packets, pictures, receive, receive_all, receive_payloads,
};

const CODECS: [Codec; 2] = [Codec::H264, Codec::H265];

fn expected(pictures: &[Picture]) -> Vec<Vec<u8>> {
    pictures.iter().map(Picture::expected).collect()
}

/// Same pictures, keys, times and arrivals, and nothing lost.
fn check_whole(received: &Received, pictures: &[Picture], what: &str) {
    check_all(received, pictures, what);
    assert_eq!(received.lost(), 0, "{what}");
}

/// Same pictures, keys, times and arrivals.
fn check_all(received: &Received, pictures: &[Picture], what: &str) {
    assert_eq!(received.data(), expected(pictures), "{what}");
    let keys: Vec<bool> = pictures.iter().map(|picture| picture.key_frame).collect();
    assert_eq!(
        received.units.iter().map(|unit| unit.key_frame).collect::<Vec<_>>(),
        keys,
        "{what}"
    );
    for (index, unit) in (0..).zip(&received.units) {
        assert_eq!(unit.media_us, 1_000_000 + index * 40_000, "{what}");
        assert_eq!(unit.arrival, Duration::from_millis(1_000 + index as u64 * 40), "{what}");
    }
    assert!(received.order.starts_with("TU") && received.tracks.len() == 1, "{what}");
}

#[test]
fn markers_on_each_slice_nal_unit_or_packet_or_none_at_all_give_the_same_pictures() {
    for codec in CODECS {
        for slices in [1, 4] {
            let pictures = pictures(codec, 3, 100, 25, slices);
            for (mark, said) in [
                (Mark::Picture, false),
                (Mark::Slice, slices > 1),
                (Mark::NalUnit, slices > 1),
                (Mark::Packet, true),
                (Mark::Never, true),
            ] {
                let what = format!("{codec:?}, {slices} slices, {mark:?}");
                for transport in [Transport::Ordered, Transport::Datagrams] {
                    let packets = packets(&pictures, mark);
                    let received = receive_all(&codec.format(&[]), transport, &packets);
                    check_all(&received, &pictures, &what);
                    // Where markers tell nothing, nothing tells that the last picture is whole.
                    let lost: Vec<u32> = received.units.iter().map(|u| u.packets_lost).collect();
                    let (last, others) = lost.split_last().unwrap();
                    assert!(others.iter().all(|lost| *lost == 0), "{what}");
                    assert_eq!(*last, u32::from(said), "{what}");
                    let expect: &[_] = if said { &[Deviation::Marker] } else { &[] };
                    assert_eq!(received.deviations, expect, "{what}");
                }
            }
        }
    }
}

#[test]
fn a_marker_that_is_known_to_be_right_ends_a_picture_at_once() {
    let pictures = pictures(Codec::H264, 4, 60, 10, 2);
    let mut receiver = Receiver::new(Limits::default());
    receiver.add_track(0, &Codec::H264.format(&[]), Transport::Ordered, 1).unwrap();
    let mut at_once = Vec::new();
    for packet in packets(&pictures, Mark::Picture) {
        receiver.rtp(0, Bytes::from(packet.to_bytes()), packet.at);
        let mut received = Received::default();
        received.take(&mut receiver);
        let is_last = packet.marker;
        at_once.extend(received.units.iter().filter(|_| is_last).map(|unit| unit.arrival));
    }
    assert!(at_once.len() >= 60 - 34, "{}", at_once.len());
}

#[test]
fn a_camera_that_turns_to_a_marker_on_each_slice_costs_one_picture() {
    let pictures = pictures(Codec::H264, 5, 90, 30, 3);
    let mut sent = packets(&pictures, Mark::Picture);
    let on_slices = packets(&pictures, Mark::Slice);
    for (packet, other) in sent.iter_mut().zip(on_slices) {
        if packet.of >= 50 {
            packet.marker = other.marker;
        }
    }
    let received = receive_all(&Codec::H264.format(&[]), Transport::Ordered, &sent);
    let (data, expected) = (received.data(), expected(&pictures));
    assert_eq!(data.len(), 90);
    let other: Vec<usize> = (0..90).filter(|&at| data[at] != expected[at]).collect();
    assert_eq!(other, [50]);
    assert!(received.lost() > 0);
    assert_eq!(received.deviations, [Deviation::Marker]);
}

/// A slice whose header can be read: frame number, then order count, as the parameter set of kvssink has them.
fn h264_slice(frame_num: u8, order: u8, rest: &[u8]) -> Vec<u8> {
    // first_mb 0, slice_type 5, pic_parameter_set_id 0, frame_num u(4), order u(?).
    let bits = format!("1{}1{frame_num:04b}{order:06b}1", "00110");
    let bits = format!("{bits:0<24}");
    let header = bits
        .as_bytes()
        .chunks(8)
        .map(|byte| u8::from_str_radix(std::str::from_utf8(byte).unwrap(), 2).unwrap());
    [vec![0x41], header.collect(), rest.to_vec()].concat()
}

#[test]
fn two_pictures_with_one_timestamp_are_two_and_a_slice_sent_again_is_none() {
    let sets = [hex(H264_SPS), hex(H264_PPS)];
    let key = Codec::H264.slice(true, true, &[7; 20]);
    let (one, two) = (h264_slice(1, 2, &[8; 20]), h264_slice(2, 4, &[9; 20]));
    let same = Codec::H264.slice(false, false, &[8; 30]);
    let sent = [
        (0, false, sets[0].clone()),
        (0, false, sets[1].clone()),
        (0, true, key.clone()),
        (1, false, one.clone()),
        (1, true, same.clone()),
        (1, true, two.clone()),
        (2, false, one.clone()),
        (2, true, one.clone()),
    ];
    let received = receive_payloads(Codec::H264, &[], &sent);
    let expect = [
        length_prefixed([&key]),
        length_prefixed([&one, &same]),
        length_prefixed([&two]),
        length_prefixed([&one, &one]),
    ];
    assert_eq!(received.data(), expect);
    let times: Vec<i64> = received.units.iter().map(|unit| unit.media_us).collect();
    assert_eq!(times, [0, 40_000, 40_000, 80_000]);
    // Of H.265 the flag alone tells.
    let sets = Codec::H265.parameter_sets();
    let slice = Codec::H265.slice(true, true, &[7; 20]);
    let sent: Vec<_> =
        sets.into_iter().chain([slice.clone(), slice]).map(|p| (0, false, p)).collect();
    assert_eq!(receive_payloads(Codec::H265, &[], &sent).units.len(), 2);
}

#[test]
fn what_stands_before_the_slices_belongs_to_the_picture_that_follows() {
    let (sps, pps) = (hex(H264_SPS), hex(H264_PPS));
    let (aud, sei) = (vec![9, 0xF0], Codec::H264.sei());
    let key = Codec::H264.slice(true, true, &[7; 20]);
    let delta = Codec::H264.slice(false, true, &[8; 20]);
    let lower = Codec::H264.slice(false, false, &[9; 20]);
    // All with the timestamp of the picture before; and between two slices of one picture.
    let sent = [
        (0, false, sps.clone()),
        (0, false, pps.clone()),
        (0, false, key.clone()),
        (0, false, aud.clone()),
        (0, false, sei.clone()),
        (1, false, delta.clone()),
        (1, false, sei.clone()),
        (1, false, lower.clone()),
        (1, false, aud.clone()),
        (1, false, sps),
        (1, false, pps),
        (2, false, key.clone()),
    ];
    let received = receive_payloads(Codec::H264, &[], &sent);
    let expect = [
        length_prefixed([&key]),
        length_prefixed([&aud, &sei, &delta, &sei, &lower]),
        length_prefixed([&aud, &key]),
    ];
    assert_eq!(received.data(), expect);
    // A suffix of H.265 stays where it is.
    let suffix = vec![40 << 1, 1, 5, 1, 7, 0x80];
    let slice = Codec::H265.slice(true, true, &[7; 20]);
    let mut sent: Vec<_> =
        Codec::H265.parameter_sets().into_iter().map(|set| (0, false, set)).collect();
    sent.extend([(0, false, slice.clone()), (0, false, suffix.clone()), (1, true, slice.clone())]);
    let received = receive_payloads(Codec::H265, &[], &sent);
    assert_eq!(received.data(), [length_prefixed([&slice, &suffix]), length_prefixed([&slice])]);
}

#[test]
fn a_session_that_begins_inside_a_fragmented_nal_unit_goes_on_at_the_next() {
    for codec in CODECS {
        let pictures = pictures(codec, 6, 30, 10, 1);
        let sent = packets(&pictures, Mark::Picture);
        let from = sent.iter().position(|packet| packet.of == 10).unwrap() - 1;
        // Inside the key picture.
        let from = from + codec.parameter_sets().len() + 3;
        let received = receive_all(&codec.format(&[]), Transport::Ordered, &sent[from..]);
        assert_eq!(received.data(), expected(&pictures[20..]), "{codec:?}");
        assert!(received.deviations.iter().all(|said| *said == Deviation::NoParameterSets));
        let received = receive_all(&codec.format_with_sets(), Transport::Ordered, &sent[from..]);
        assert_eq!(received.data(), expected(&pictures[11..]), "{codec:?}");
        assert_eq!((received.lost(), &received.deviations[..]), (0, &[][..]));
    }
}

#[test]
fn a_fragment_that_is_missing_without_a_gap_costs_its_nal_unit() {
    for codec in CODECS {
        for (slices, which) in [(1, 0), (1, 1), (1, 3), (3, 0), (3, 4), (3, 11)] {
            let mut pictures = pictures(codec, 7, 60, 20, slices);
            let rest = Chance(1).bytes(1_800);
            pictures[40].nal_units = codec.parameter_sets();
            pictures[40].nal_units.extend((0..slices).map(|at| codec.slice(true, at == 0, &rest)));
            let mut sent = packets(&pictures, Mark::Picture);
            let fragments: Vec<usize> = (0..sent.len())
                .filter(|&at| sent[at].of == 40 && sent[at].payload.len() > 100)
                .collect();
            let at = fragments[which];
            sent.remove(at);
            (0..).zip(&mut sent[..]).for_each(|(number, packet)| packet.sequence = number);
            let received = receive_all(&codec.format(&[]), Transport::Ordered, &sent);
            let (data, mut expected) = (received.data(), expected(&pictures));
            let (damaged, whole) = match (slices, which) {
                // The middle of the only slice is missing, and nothing shows it.
                (1, 1) => (true, 60),
                (1, _) => (false, 59),
                _ => (true, 60),
            };
            assert_eq!(data.len(), whole, "{codec:?} {slices} {which}");
            let removed = expected.remove(40);
            let rest = data.iter().filter(|data| expected.contains(data)).count();
            assert_eq!(rest, 59, "{codec:?} {slices} {which}");
            assert!(!damaged || !data.contains(&removed));
            assert!((slices, which) == (1, 1) || received.lost() > 0);
        }
    }
}

#[test]
fn of_a_picture_that_lost_a_slice_the_others_are_kept_and_the_loss_is_said() {
    for codec in CODECS {
        let pictures = pictures(codec, 8, 50, 25, 4);
        let mut sent = packets(&pictures, Mark::Picture);
        // The last packet of the first slice.
        let (mut at, mut seen) = (0, 0);
        for (index, packet) in sent.iter().enumerate().filter(|(_, packet)| packet.of == 30) {
            seen += 1;
            if seen > 1 && packet.payload.len() < 500 {
                at = index;
                break;
            }
        }
        sent.remove(at);
        let received = receive_all(&codec.format(&[]), Transport::Ordered, &sent);
        assert_eq!(received.units.len(), 50);
        let unit = &received.units[30];
        assert_eq!(unit.packets_lost, 1);
        let slices = pictures[30].nal_units.iter().filter(|nal| codec.is_slice(nal)).count();
        let data = unit.data.to_bytes();
        let kept = vigie_media::codec::nal::length_prefixed(&data, 4);
        let kept: Vec<_> = kept.map(Result::unwrap).filter(|nal| codec.is_slice(nal)).collect();
        assert_eq!(kept.len(), slices - 1);
        assert!(kept.iter().all(|nal| pictures[30].nal_units.iter().any(|sent| sent == nal)));
        assert_eq!(received.lost(), 1);
    }
}

#[test]
fn fragments_with_odd_bits_and_aggregates_give_the_same_nal_units() {
    let sets = Codec::H264.parameter_sets();
    let key = Codec::H264.slice(true, true, &[7; 40]);
    // STAP-A with an empty unit and zeros behind the last one; FU-A whole in one packet, with the reserved bit.
    let mut stap = vec![24];
    for unit in [&sets[0], &Vec::new(), &sets[1], &Codec::H264.sei()] {
        stap.extend((unit.len() as u16).to_be_bytes());
        stap.extend(unit);
    }
    stap.extend([0, 0, 0, 0]);
    let fu = [&[0x7C, 0xE5], &key[1..]].concat();
    let received = receive_payloads(Codec::H264, &[], &[(0, false, stap), (0, true, fu)]);
    assert_eq!(received.data(), [length_prefixed([&Codec::H264.sei(), &key])]);
    assert_eq!(received.deviations, []);

    let sets = Codec::H265.parameter_sets();
    let key = Codec::H265.slice(true, true, &[7; 40]);
    let mut ap = vec![48 << 1, 1];
    for unit in &sets {
        ap.extend((unit.len() as u16).to_be_bytes());
        ap.extend(unit);
    }
    let fu = [&[49 << 1, 1, 0xC0 | 19], &key[2..]].concat();
    let received = receive_payloads(Codec::H265, &[], &[(0, false, ap), (0, true, fu)]);
    assert_eq!(received.data(), [length_prefixed([&key])]);
    assert_eq!(received.deviations, []);
}

#[test]
fn payloads_that_mean_nothing_are_dropped_and_counted() {
    let check = |codec: Codec, payload: &[u8], lost| {
        let pictures = pictures(codec, 9, 3, 3, 1);
        let mut sent: Vec<_> = Vec::new();
        for packet in packets(&pictures, Mark::Picture) {
            sent.push((packet.of as u32, packet.marker, packet.payload));
        }
        sent.push((3, true, payload.to_vec()));
        sent.push((4, true, codec.slice(false, true, &[1; 9])));
        let received = receive_payloads(codec, &[], &sent);
        let mut expect = expected(&pictures);
        expect.push(length_prefixed([&codec.slice(false, true, &[1; 9])]));
        assert_eq!(received.data(), expect, "{payload:x?}");
        assert_eq!(received.lost(), lost, "{payload:x?}");
        assert_eq!(received.deviations, [Deviation::BadRtpPacket], "{payload:x?}");
    };
    // Empty, reserved types, aggregates that end early, FU without its header, FU of no type, the forbidden bit.
    for (payload, lost) in [
        (&[][..], 0),
        (&[30, 1][..], 1),
        (&[25, 0, 0, 1][..], 1),
        (&[24][..], 1),
        (&[24, 0, 9, 0x41][..], 1),
        (&[28][..], 1),
        (&[28, 0x9F, 1][..], 1),
        (&[28, 0x05, 1][..], 1),
        (&[0xC1, 0x9A, 1][..], 1),
        (&[0x41][..], 1),
        (&[0, 9, 9][..], 1),
    ] {
        check(Codec::H264, payload, lost);
    }
    for (payload, lost) in [
        (&[50 << 1, 1, 1][..], 1),
        (&[48 << 1, 1, 0, 9, 2][..], 1),
        (&[49 << 1, 1][..], 1),
        (&[49 << 1, 1, 1, 1][..], 1),
        (&[2, 0, 0xD0][..], 1),
        (&[2][..], 1),
    ] {
        check(Codec::H265, payload, lost);
    }
}

#[test]
fn pieces_of_an_annex_b_stream_are_taken_apart() {
    let start_code: &[u8] = &[0, 0, 0, 1];
    for codec in CODECS {
        let pictures = pictures(codec, 10, 40, 10, 2);
        for lead in [&[][..], start_code, &start_code[1..]] {
            for mtu in [97, 400, 100_000] {
                let mut sent = Vec::new();
                for (of, picture) in (0..).zip(&pictures) {
                    let stream = picture.nal_units.join(start_code);
                    let stream = [lead, &stream].concat();
                    let header_bytes = if codec == Codec::H264 { 1 } else { 2 };
                    if stream.len() <= mtu {
                        sent.push((of, true, stream));
                        continue;
                    }
                    // Fragments of the whole, as if it were one NAL unit.
                    let (header, body) = stream.split_at(header_bytes);
                    let pieces: Vec<_> = body.chunks(mtu).collect();
                    for (at, piece) in pieces.iter().enumerate() {
                        let start = if at == 0 { 0x80 } else { 0 };
                        let end = if at + 1 == pieces.len() { 0x40 } else { 0 };
                        let fu = match codec {
                            Codec::H264 => {
                                vec![header[0] & 0xE0 | 28, header[0] & 0x1F | start | end]
                            }
                            Codec::H265 => {
                                let kind = header[0] >> 1 & 0x3F | start | end;
                                vec![header[0] & 0x81 | 49 << 1, header[1], kind]
                            }
                        };
                        sent.push((of, end != 0, [&fu[..], piece].concat()));
                    }
                }
                let received = receive_payloads(codec, &[], &sent);
                assert_eq!(received.data(), expected(&pictures), "{codec:?} {lead:?} {mtu}");
                assert_eq!(received.deviations, [Deviation::StartCodes]);
                assert_eq!(received.lost(), 0);
            }
        }
    }
}

#[test]
fn header_extensions_sources_and_padding_change_nothing() {
    let pictures = pictures(Codec::H264, 12, 20, 10, 1);
    let mut chance = Chance(1);
    let dressed = packets(&pictures, Mark::Picture).into_iter().map(|packet| {
        let plain = packet.to_bytes();
        let (sources, padding) = (chance.below(3), chance.below(4));
        let mut out = plain[..12].to_vec();
        out[0] |= sources as u8 | if padding > 0 { 0x20 } else { 0 } | 0x10;
        out.extend(vec![9; sources * 4]);
        out.extend([0xBE, 0xDE, 0, 1, 0x10, 7, 0, 0]);
        out.extend(&plain[12..]);
        if padding > 0 {
            out.extend(vec![0; padding - 1]);
            out.push(padding as u8);
        }
        (packet.at, out)
    });
    let dressed: Vec<_> = dressed.collect();
    let received = receive(&Codec::H264.format(&[]), Transport::Ordered, dressed);
    check_whole(&received, &pictures, "dressed");
    assert_eq!(received.deviations, []);
}

#[test]
fn another_source_goes_on_with_its_next_picture_and_time_runs_on() {
    for transport in [Transport::Ordered, Transport::Datagrams] {
        let pictures = pictures(Codec::H264, 13, 80, 10, 2);
        let mut sent = packets(&pictures, Mark::Picture);
        for packet in sent.iter_mut().filter(|packet| packet.of >= 45) {
            packet.ssrc = 99;
            packet.sequence = packet.sequence.wrapping_add(30_000);
            packet.timestamp = packet.timestamp.wrapping_add(2_000_000_000);
        }
        let received = receive_all(&Codec::H264.format(&[]), transport, &sent);
        assert_eq!(received.deviations, [Deviation::SsrcChanged]);
        check_whole(&received, &pictures, "another source");
    }
}

#[test]
fn an_rtptime_puts_pictures_and_sound_on_one_time_line() {
    let pictures = pictures(Codec::H264, 14, 10, 10, 1);
    let sent = packets(&pictures, Mark::Picture);
    let mut receiver = Receiver::new(Limits::default());
    receiver.add_track(0, &Codec::H264.format(&[]), Transport::Ordered, 1).unwrap();
    let sound = common::format(vigie_rtsp::MediaKind::Audio, "pcmu", 8_000, &[]);
    receiver.add_track(1, &sound, Transport::Ordered, 2).unwrap();
    receiver.set_rtptime(0, sent[0].timestamp.wrapping_sub(9_000));
    receiver.set_rtptime(1, 1_000);
    let mut received = Received::default();
    for packet in &sent {
        receiver.rtp(0, Bytes::from(packet.to_bytes()), packet.at);
    }
    let packet = Rtp { timestamp: 1_800, payload: vec![0; 160], ..sent[0].clone() };
    receiver.rtp(1, Bytes::from(packet.to_bytes()), packet.at + Duration::from_millis(190));
    receiver.finish();
    received.take(&mut receiver);
    let first = |number| received.units.iter().find(|u| u.track_number == number).unwrap().media_us;
    assert_eq!((first(1), first(2)), (1_100_000, 1_100_000));
}

#[test]
fn the_bye_of_the_video_ends_the_session_and_no_other_does() {
    let pictures = pictures(Codec::H264, 15, 5, 10, 1);
    let sent = packets(&pictures, Mark::Picture);
    let mut receiver = Receiver::new(Limits::default());
    receiver.add_track(0, &Codec::H264.format(&[]), Transport::Ordered, 1).unwrap();
    let sound = common::format(vigie_rtsp::MediaKind::Audio, "pcmu", 8_000, &[]);
    receiver.add_track(1, &sound, Transport::Ordered, 2).unwrap();
    let at = Duration::from_secs(9);
    let bye = |ssrc: u32| Bytes::from([&[0x81, 203, 0, 1][..], &ssrc.to_be_bytes()].concat());
    for packet in &sent {
        receiver.rtp(0, Bytes::from(packet.to_bytes()), packet.at);
        receiver.rtp(1, Bytes::from(packet.to_bytes()), packet.at);
    }
    receiver.rtcp(1, bye(sent[0].ssrc), at);
    receiver.rtcp(0, bye(1), at);
    receiver.rtcp(0, Bytes::new(), at);
    receiver.rtcp(7, bye(1), at);
    let mut received = Received::default();
    received.take(&mut receiver);
    assert!(!received.is_ended);
    assert_eq!(received.deviations, [Deviation::BadRtcpPacket]);
    // Also where RTP is expected. What was held comes out before.
    receiver.rtp(0, bye(sent[0].ssrc), at);
    received.take(&mut receiver);
    assert!(received.is_ended);
    let video = received.units.iter().filter(|unit| unit.track_number == 1);
    assert_eq!(video.count(), 5);
}

#[test]
fn packets_of_another_payload_type_are_passed_over() {
    let pictures = pictures(Codec::H264, 16, 20, 10, 1);
    let mut sent = Vec::new();
    for packet in packets(&pictures, Mark::Picture) {
        let other = Rtp { payload_type: 97, ssrc: 5, ..packet.clone() };
        sent.extend([other, packet]);
    }
    let received = receive_all(&Codec::H264.format(&[]), Transport::Datagrams, &sent);
    check_whole(&received, &pictures, "another stream beside it");
    // With numbers of this stream: between pictures nothing is lost by it, inside a NAL unit the unit is.
    let sent = packets(&pictures, Mark::Picture);
    let is_inside = |packet: &Rtp| packet.payload[0] & 0x1F == 28 && packet.payload[1] & 0x80 == 0;
    for (inside, lost) in [(false, 0), (true, 1)] {
        let fits = |packet: &Rtp| packet.of >= 5 && is_inside(packet) == inside;
        let at = sent.iter().position(fits).unwrap();
        let mut sent = sent.clone();
        let other = Rtp { payload_type: 13, payload: vec![0; 4], ..sent[at].clone() };
        sent.insert(at, other);
        let first = sent[0].sequence;
        for (number, packet) in (0..).zip(&mut sent) {
            packet.sequence = first.wrapping_add(number);
        }
        let received = receive_all(&Codec::H264.format(&[]), Transport::Ordered, &sent);
        assert_eq!(received.deviations[0], Deviation::OtherPayloadType);
        assert_eq!((received.lost() > 0, received.units.len() >= 19), (lost > 0, true));
        if !inside {
            check_whole(&received, &pictures, "another payload type between pictures");
        }
    }
}

#[test]
fn a_picture_beyond_the_bound_is_dropped_and_the_next_is_whole() {
    for codec in CODECS {
        let mut pictures = pictures(codec, 17, 40, 10, 2);
        let last = pictures[20].nal_units.len() - 1;
        let mut chance = Chance(2);
        let large = chance.bytes(60_000);
        pictures[20].nal_units[last] = codec.slice(true, false, &large);
        let mut receiver = Receiver::new(Limits { access_unit_bytes_max: 50_000 });
        receiver.add_track(0, &codec.format(&[]), Transport::Ordered, 1).unwrap();
        let mut received = Received::default();
        for packet in packets(&pictures, Mark::Picture) {
            receiver.rtp(0, Bytes::from(packet.to_bytes()), packet.at);
            received.take(&mut receiver);
        }
        receiver.finish();
        received.take(&mut receiver);
        let mut expect = expected(&pictures);
        expect.remove(20);
        assert_eq!(received.data(), expect);
        assert_eq!(received.deviations, [Deviation::AccessUnitTooLarge]);
        assert!(received.lost() > 0);
    }
}

#[test]
fn a_picture_without_end_is_counted_before_it_ends_and_once() {
    for codec in CODECS {
        let mut pictures = pictures(codec, 19, 41, 10, 1);
        let mut chance = Chance(3);
        pictures[40].nal_units = vec![codec.slice(false, true, &chance.bytes(120_000))];
        let mut receiver = Receiver::new(Limits { access_unit_bytes_max: 50_000 });
        receiver.add_track(0, &codec.format(&[]), Transport::Ordered, 1).unwrap();
        let mut received = Received::default();
        let mut sent = packets(&pictures, Mark::Picture);
        assert!(sent.pop().unwrap().of == 40);
        for packet in sent {
            receiver.rtp(0, Bytes::from(packet.to_bytes()), packet.at);
            received.take(&mut receiver);
        }
        assert_eq!(received.data(), expected(&pictures[..40]));
        assert_eq!(received.deviations, [Deviation::AccessUnitTooLarge], "{codec:?}");
        receiver.finish();
        received.take(&mut receiver);
        assert_eq!(received.deviations, [Deviation::AccessUnitTooLarge], "{codec:?}");
    }
}

#[test]
fn a_session_that_ends_inside_a_picture_marks_it_as_damaged() {
    for codec in CODECS {
        for (slices, drop) in [(1, 1), (2, 1), (2, 2)] {
            let mut pictures = pictures(codec, 20, 45, 10, slices);
            let mut chance = Chance(4);
            pictures[44].nal_units.retain(|nal| codec.is_slice(nal));
            for slice in &mut pictures[44].nal_units {
                slice.extend(chance.bytes(3_000));
            }
            let mut sent = packets(&pictures, Mark::Picture);
            sent.truncate(sent.len() - drop);
            let received = receive_all(&codec.format(&[]), Transport::Ordered, &sent);
            let (last, others) = received.units.split_last().unwrap();
            assert!(others.iter().all(|unit| unit.packets_lost == 0), "{codec:?} {slices} {drop}");
            // Of one slice nothing is left; of two the first.
            let is_damaged = slices == 2;
            let found = (received.units.len(), last.packets_lost > 0);
            assert_eq!(found, (44 + usize::from(is_damaged), is_damaged), "{codec:?} {drop}");
        }
    }
}

#[test]
fn an_access_unit_is_slices_of_what_was_received() {
    let pictures = pictures(Codec::H264, 18, 60, 10, 2);
    let mut receiver = Receiver::new(Limits::default());
    receiver.add_track(0, &Codec::H264.format(&[]), Transport::Ordered, 1).unwrap();
    let mut buffers: Vec<Bytes> = Vec::new();
    let (mut copied, mut all) = (0, 0);
    for packet in packets(&pictures, Mark::Picture) {
        let packet_bytes = Bytes::from(packet.to_bytes());
        buffers.push(packet_bytes.clone());
        receiver.rtp(0, packet_bytes, packet.at);
        while let Some(event) = receiver.poll() {
            let MediaEvent::AccessUnit(unit) = event else { continue };
            // The first pictures are looked into for start codes.
            if packet.of < 12 {
                continue;
            }
            for part in FrameData::parts(&unit.data) {
                all += part.len();
                let start = part.as_ptr() as usize;
                let within = |buffer: &Bytes| buffer.as_ptr_range().contains(&part.as_ptr());
                assert!(start > 0);
                copied += if buffers.iter().any(within) { 0 } else { part.len() };
            }
        }
    }
    assert!(all > 50_000 && copied * 20 < all, "{copied} of {all} bytes were copied");
}
