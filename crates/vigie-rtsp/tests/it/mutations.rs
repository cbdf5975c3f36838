//! Each field of each packet of a working session is changed, each packet is dropped, doubled, cut or overtaken, one at
//! a time: all other pictures and frames come out byte for byte as they were sent, in their order.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use vigie_rtsp::media::{Limits, Receiver, Transport};
use vigie_rtsp::{MediaEvent, MediaFormat, MediaKind};

use crate::common::{Chance, Codec, Mark, Picture, Rtp, format, packets, pictures, receive};

const TRANSPORTS: [Transport; 2] = [Transport::Ordered, Transport::Datagrams];

/// What is sent, and what must come of it.
struct Run {
    format: MediaFormat,
    packets: Vec<Rtp>,
    /// The bytes of each picture or frame.
    expected: Vec<Vec<u8>>,
    key: Vec<bool>,
}

/// One thing that goes wrong with one packet.
fn mutate(chance: &mut Chance, packets: &[Rtp]) -> (String, usize, Vec<(Duration, Vec<u8>)>) {
    // Behind the last ones nothing comes that would show what was wrong.
    let at = chance.below(packets.len() - 4);
    let mut sent: Vec<(Duration, Vec<u8>)> = packets.iter().map(|p| (p.at, p.to_bytes())).collect();
    let bytes = &mut sent[at].1;
    let what = match chance.below(10) {
        0..=2 => {
            let (byte, bit) = (chance.below(12), chance.below(8));
            bytes[byte] ^= 1 << bit;
            format!("bit {bit} of header byte {byte}")
        }
        3 => {
            let byte = chance.below(12);
            bytes[byte] = chance.next() as u8;
            format!("header byte {byte}")
        }
        4 | 5 => {
            let byte = 12 + chance.below((bytes.len() - 12).min(8));
            bytes[byte] = chance.next() as u8;
            format!("payload byte {}", byte - 12)
        }
        6 => {
            bytes.truncate(chance.below(bytes.len()));
            format!("cut to {}", bytes.len())
        }
        7 => {
            sent.remove(at);
            "dropped".to_owned()
        }
        8 => {
            let again = sent[at].clone();
            sent.insert(at, again);
            "doubled".to_owned()
        }
        _ => {
            // Overtaken by one to three, at the time of those.
            // The very first cannot be missed.
            let at = at.max(1);
            let to = (at + 1 + chance.below(3)).min(sent.len() - 1);
            let (_, packet) = sent.remove(at);
            sent.insert(to, (packets[to].at, packet));
            format!("overtaken by {}", to - at)
        }
    };
    (format!("{what} of packet {at}"), at, sent)
}

/// All but what the packet `at` is of came as it was sent.
fn check(run: &Run, transport: Transport, at: usize, sent: Vec<(Duration, Vec<u8>)>, what: &str) {
    let overtaken = what.contains("overtaken");
    let to = if overtaken { (at + 3).min(run.packets.len() - 1) } else { at };
    // Over UDP an overtaken packet harms nothing.
    let harmed = match overtaken && transport == Transport::Datagrams {
        true => usize::MAX..usize::MAX,
        false => run.packets[at].of..run.packets[to].of + 1,
    };
    // Over UDP, one with another's number is taken for that one.
    let number = sent.get(at).and_then(|(_, bytes)| bytes.get(2..4));
    let taken_for = run.packets.iter().find(|packet| {
        transport == Transport::Datagrams && number == Some(&packet.sequence.to_be_bytes())
    });
    let taken_for = taken_for.map(|packet| packet.of);
    let received = receive(&run.format, transport, sent);
    let mut units = received.units.iter();
    for (of, (expected, key)) in run.expected.iter().zip(&run.key).enumerate() {
        if harmed.contains(&of) || taken_for == Some(of) {
            continue;
        }
        // What was a slice and now looks like what stands before one may stand before the next picture.
        let is_next = of.checked_sub(1).is_some_and(|before| harmed.contains(&before));
        let found = units.find(|unit| {
            let data = unit.data.to_bytes();
            data == *expected || is_next && data.ends_with(expected)
        });
        let found = found.unwrap_or_else(|| {
            let of_packet = &run.packets[at];
            panic!(
                "{transport:?}, {what}: {of} is missing, not {}, which begins {:02x?}; {:?}",
                of_packet.of,
                &of_packet.payload[..of_packet.payload.len().min(8)],
                received.deviations
            )
        });
        assert_eq!(found.key_frame, *key, "{transport:?}, {what}: {of}");
    }
    let all = received.units.len();
    assert!(all <= run.expected.len() + 3, "{transport:?}, {what}: {all} units");
}

fn run_all(name: &str, run: &Run, seeds: u64) {
    for transport in TRANSPORTS {
        check(
            run,
            transport,
            0,
            run.packets.iter().map(|p| (p.at, p.to_bytes())).collect(),
            "clean",
        );
    }
    for seed in 0..seeds {
        let mut chance = Chance(seed);
        let (what, at, sent) = mutate(&mut chance, &run.packets);
        let transport = TRANSPORTS[chance.below(2)];
        check(run, transport, at, sent, &format!("{name}, seed {seed}, {what}"));
    }
}

fn video(codec: Codec, slices: usize, mark: Mark) -> Run {
    let pictures = pictures(codec, 11, 48, 12, slices);
    Run {
        format: codec.format_with_sets(),
        packets: packets(&pictures, mark),
        expected: pictures.iter().map(Picture::expected).collect(),
        key: pictures.iter().map(|picture| picture.key_frame).collect(),
    }
}

#[test]
fn one_bad_packet_costs_no_other_picture_of_h264() {
    run_all("one slice", &video(Codec::H264, 1, Mark::Picture), 1_200);
    run_all("four slices", &video(Codec::H264, 4, Mark::Picture), 800);
    run_all("marker on each slice", &video(Codec::H264, 4, Mark::Slice), 500);
    run_all("no marker", &video(Codec::H264, 3, Mark::Never), 500);
}

#[test]
fn one_bad_packet_costs_no_other_picture_of_h265() {
    run_all("one slice", &video(Codec::H265, 1, Mark::Picture), 1_200);
    run_all("four slices", &video(Codec::H265, 4, Mark::Picture), 800);
    run_all("marker on each packet", &video(Codec::H265, 4, Mark::Packet), 500);
}

fn sound(encoding: &str, rate_hz: u32, ticks: u32, fmtp: &[(&str, &str)], prefix: bool) -> Run {
    let mut chance = Chance(5);
    let expected: Vec<Vec<u8>> = (0..200)
        .map(|_| {
            let len = 100 + chance.below(200);
            chance.bytes(len)
        })
        .collect();
    let packet = |(of, data): (usize, &Vec<u8>)| {
        let header = ((data.len() as u16) << 3).to_be_bytes();
        let payload = if prefix { [&[0, 16], &header[..], data].concat() } else { data.clone() };
        Rtp {
            of,
            marker: prefix,
            payload_type: 96,
            sequence: 65_500_u16.wrapping_add(of as u16),
            timestamp: 4_294_960_000_u32.wrapping_add(of as u32 * ticks),
            ssrc: 0x1234_5678,
            payload,
            at: Duration::from_millis(1_000 + of as u64 * 20),
        }
    };
    Run {
        format: format(MediaKind::Audio, encoding, rate_hz, fmtp),
        packets: expected.iter().enumerate().map(packet).collect(),
        key: vec![true; expected.len()],
        expected,
    }
}

#[test]
fn one_bad_packet_costs_no_other_frame_of_sound() {
    let aac = [
        ("mode", "AAC-hbr"),
        ("sizelength", "13"),
        ("indexlength", "3"),
        ("indexdeltalength", "3"),
        ("config", "1408"),
    ];
    run_all("aac", &sound("mpeg4-generic", 16_000, 1024, &aac, true), 800);
    run_all("g711", &sound("pcma", 8_000, 160, &[], false), 500);
    run_all("opus", &sound("opus", 48_000, 960, &[], false), 500);
}

#[test]
fn many_bad_packets_end_nothing() {
    for seed in 0..100 {
        let run = video([Codec::H264, Codec::H265][seed as usize % 2], 3, Mark::Picture);
        let mut chance = Chance(seed);
        let (mut sent, mut first_bad) = (Vec::new(), run.packets.len());
        for packet in &run.packets[..run.packets.len() / 2] {
            let mut bytes = packet.to_bytes();
            match chance.below(8) {
                0 => continue,
                1 => sent.push((packet.at, bytes.clone())),
                2 => {
                    let byte = chance.below(bytes.len());
                    bytes[byte] = chance.next() as u8;
                }
                3 => bytes.truncate(chance.below(bytes.len())),
                _ => {}
            }
            first_bad = first_bad.min(packet.of);
            sent.push((packet.at, bytes));
        }
        let from = run.packets.len() / 2;
        sent.extend(run.packets[from..].iter().map(|packet| (packet.at, packet.to_bytes())));
        let transport = TRANSPORTS[chance.below(2)];
        let received = receive(&run.format, transport, sent);
        // From the second whole group of pictures on all is well again.
        let whole_from = run.packets[from].of.next_multiple_of(12) + 1;
        let data = received.data();
        for (of, expected) in run.expected.iter().enumerate().skip(whole_from) {
            assert!(data.contains(expected), "seed {seed}, {transport:?}: {of} is missing");
        }
    }
}

fn formats() -> Vec<MediaFormat> {
    let aac: &[_] = &[
        ("config", "1408"),
        ("sizelength", "13"),
        ("indexlength", "3"),
        ("indexdeltalength", "3"),
        ("ctsdeltalength", "5"),
        ("auxiliarydatasizelength", "8"),
    ];
    vec![
        Codec::H264.format(&[]),
        Codec::H265.format(&[]),
        format(MediaKind::Audio, "mpeg4-generic", 16_000, &aac[..4]),
        format(MediaKind::Audio, "mpeg4-generic", 0, aac),
        format(MediaKind::Audio, "opus", 48_000, &[]),
        format(MediaKind::Application, "vnd.onvif.metadata", 90_000, &[]),
    ]
}

/// A receive buffer that is counted while it lives.
struct Buffer(Vec<u8>, Arc<AtomicUsize>);

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.1.fetch_sub(1, Ordering::Relaxed);
    }
}

#[test]
fn a_unit_without_an_end_holds_few_of_the_buffers_it_came_in() {
    let fu: &[u8] = &[28, 0x01, 9, 9];
    let sps: &[u8] = &[0x67, 1, 2, 3];
    let stap: &[u8] = &[24, 0, 2, 0x41, 0x9A, 0, 2, 0x41, 0x1A, 0, 2, 0x41, 0x1A];
    let aac: &[u8] = &[0, 16, 0xFF, 0xF8, 7];
    let video = Codec::H264.format_with_sets();
    let sound = &formats()[2];
    let xml = &formats()[5];
    let cases = [
        (&video, fu),
        (&video, sps),
        (&video, stap),
        (&video, &[0x41, 0x1A][..]),
        (sound, aac),
        (xml, fu),
    ];
    for (format, payload) in cases {
        for transport in TRANSPORTS {
            let living = Arc::new(AtomicUsize::new(0));
            let mut receiver = Receiver::new(Limits::default());
            receiver.add_track(0, format, transport, 1).unwrap();
            let mut most = 0;
            for number in 0..20_000_u16 {
                let mut payload = payload.to_vec();
                if payload[0] == 28 {
                    // Long enough not to be copied for its shortness.
                    payload.extend([9; 200]);
                    payload[1] |= if number == 0 { 0x80 } else { 0 };
                }
                let [high, low] = number.to_be_bytes();
                let header = [0x80, 96, high, low, 0, 0, 0, 7, 0, 0, 0, 7];
                living.fetch_add(1, Ordering::Relaxed);
                let buffer = Buffer([&header[..], &payload].concat(), living.clone());
                receiver.rtp(0, Bytes::from_owner(buffer), Duration::ZERO);
                while receiver.poll().is_some() {}
                most = most.max(living.load(Ordering::Relaxed));
            }
            assert!(most <= 300, "{transport:?}: {most} buffers live, {payload:x?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Wherever the marker stands, the same pictures come.
    #[test]
    fn markers_change_no_picture(
        seed: u64,
        is_h265: bool,
        is_udp: bool,
        slices in 1usize..6,
        gop in 1usize..30,
        mark in prop::sample::select(vec![Mark::Picture, Mark::Slice, Mark::NalUnit, Mark::Packet, Mark::Never]),
    ) {
        let codec = if is_h265 { Codec::H265 } else { Codec::H264 };
        let transport = if is_udp { Transport::Datagrams } else { Transport::Ordered };
        let pictures = pictures(codec, seed, 70, gop, slices);
        let sent = packets(&pictures, mark);
        let sent = sent.iter().map(|packet| (packet.at, packet.to_bytes()));
        let received = receive(&codec.format(&[]), transport, sent);
        let expected: Vec<_> = pictures.iter().map(Picture::expected).collect();
        prop_assert!(received.data() == expected, "{} units", received.units.len());
        // Where markers tell nothing, nothing tells that the last picture is whole.
        let last = received.units.last().map_or(0, |unit| unit.packets_lost);
        prop_assert_eq!(received.lost(), last);
        prop_assert!(last <= u32::from(mark != Mark::Picture));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever comes: nothing panics, and nothing is kept beyond its bound.
    #[test]
    fn arbitrary_packets_do_no_harm(
        which in 0usize..6,
        is_udp: bool,
        packets in prop::collection::vec((0u8..4, any::<[u8; 4]>(), prop::collection::vec(any::<u8>(), 0..60)), 0..80),
    ) {
        let transport = if is_udp { Transport::Datagrams } else { Transport::Ordered };
        let mut receiver = Receiver::new(Limits { access_unit_bytes_max: 1_000 });
        receiver.add_track(0, &formats()[which], transport, 1).unwrap();
        let mut out_bytes = 0;
        let mut in_bytes = 0;
        for (number, (shape, fields, body)) in packets.into_iter().enumerate() {
            let at = Duration::from_millis(number as u64 * 7);
            // Mostly a header that can be read, else nothing would be reached.
            let [sequence, timestamp, second, ssrc] = fields;
            let header = [0x80, if shape == 3 { second } else { 96 | second & 0x80 }, 0, number as u8 + sequence % 3, 0, 0, 0, timestamp & 3, 0, 0, 0, ssrc & 1];
            let packet = if shape == 0 { body } else { [&header[..], &body].concat() };
            in_bytes += packet.len();
            receiver.rtcp(0, Bytes::copy_from_slice(&packet), at);
            receiver.rtp(0, Bytes::from(packet), at);
            receiver.timeout(at);
            while let Some(event) = receiver.poll() {
                if let MediaEvent::AccessUnit(unit) = event {
                    prop_assert!(unit.data.len() <= 64 * 1024);
                    out_bytes += unit.data.len();
                }
            }
        }
        receiver.finish();
        prop_assert!(out_bytes <= in_bytes * 8);
    }
}
