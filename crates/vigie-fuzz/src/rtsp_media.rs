//! A camera's RTP and RTCP packets: whatever they are, tracks are said before their access units, and what comes out is
//! whole, bounded and the same again.

use std::time::Duration;

use bytes::Bytes;
use vigie_media::Track;
use vigie_media::codec::nal;
use vigie_rtsp::media::{Limits, Receiver, Transport};
use vigie_rtsp::{AccessUnit, MediaEvent, MediaFormat, MediaKind};

const BYTES_MAX: usize = 64 * 1024;

/// The first byte says how the medium is coded and comes; then packets, each behind milliseconds (one byte, the greatest
/// bit for RTCP) and a length of 16 bits.
pub fn rtsp_media(data: &[u8]) {
    let Some((&first, packets)) = data.split_first() else { return };
    let events = run(first, packets);
    assert_eq!(events, run(first, packets));
    let mut tracks: &[Track] = &[];
    let mut out_bytes = 0;
    for event in &events {
        match event {
            MediaEvent::Tracks(said) => tracks = said,
            MediaEvent::AccessUnit(unit) => {
                out_bytes += unit.data.len();
                check(unit, tracks);
            }
            MediaEvent::Metadata(metadata) => {
                out_bytes += metadata.data.len();
                assert!(!metadata.data.is_empty());
            }
            MediaEvent::Deviation(_) | MediaEvent::VideoEnded => {}
        }
    }
    // A NAL unit of one byte has four of length before it.
    assert!(out_bytes <= packets.len() * 5);
}

fn run(first: u8, mut packets: &[u8]) -> Vec<MediaEvent> {
    let transport = if first & 0x80 == 0 { Transport::Ordered } else { Transport::Datagrams };
    let mut receiver = Receiver::new(Limits { access_unit_bytes_max: BYTES_MAX });
    if receiver.add_track(0, &format(first), transport, 1).is_err() {
        return Vec::new();
    }
    let (mut now, mut events) = (Duration::ZERO, Vec::new());
    while let Some((&[step, high, low], rest)) = packets.split_first_chunk::<3>() {
        let len = usize::from(u16::from_be_bytes([high, low])).min(rest.len());
        let (packet, after) = rest.split_at(len);
        packets = after;
        now += Duration::from_millis(u64::from(step & 0x7F));
        if receiver.next_deadline().is_some_and(|deadline| deadline <= now) {
            receiver.timeout(now);
            assert!(receiver.next_deadline().is_none_or(|deadline| deadline > now));
        }
        let packet = Bytes::copy_from_slice(packet);
        match step & 0x80 {
            0 => receiver.rtp(0, packet, now),
            _ => receiver.rtcp(0, packet, now),
        }
        events.extend(std::iter::from_fn(|| receiver.poll()));
    }
    receiver.finish();
    events.extend(std::iter::from_fn(|| receiver.poll()));
    events
}

fn format(first: u8) -> MediaFormat {
    let (kind, encoding, fmtp): (_, _, &[(&str, &str)]) = match first & 7 {
        0 => (
            MediaKind::Video,
            "h264",
            &[("sprop-parameter-sets", "Z01AHtkAoC/5cBagwMDUoAAAAwAgAABlHixck=,aOvMsg==")],
        ),
        1 => (MediaKind::Video, "h264", &[]),
        2 => (MediaKind::Video, "h265", &[]),
        3 => (MediaKind::Audio, "mpeg4-generic", &[("config", "1408")]),
        4 => (
            MediaKind::Audio,
            "mpeg4-generic",
            &[
                ("config", "1408"),
                ("sizelength", "6"),
                ("indexlength", "2"),
                ("indexdeltalength", "2"),
                ("ctsdeltalength", "7"),
                ("auxiliarydatasizelength", "8"),
            ],
        ),
        5 => (MediaKind::Audio, "pcma", &[]),
        6 => (MediaKind::Audio, "opus", &[]),
        _ => (MediaKind::Application, "vnd.onvif.metadata", &[]),
    };
    MediaFormat {
        kind,
        payload_type: 96,
        encoding: encoding.to_owned(),
        clock_rate_hz: 0,
        channels: None,
        fmtp: fmtp.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
    }
}

fn check(unit: &AccessUnit, tracks: &[Track]) {
    let track = tracks.iter().find(|track| track.number == unit.track_number);
    assert!(track.is_some() && !unit.data.is_empty() && unit.data.len() <= BYTES_MAX);
    if track.is_some_and(|track| track.video.is_some()) {
        let data = unit.data.to_bytes();
        let units: Vec<_> = nal::length_prefixed(&data, 4).collect();
        assert!(units.iter().all(Result::is_ok));
        let bytes: usize = units.iter().flatten().map(|nal| nal.len() + 4).sum();
        assert_eq!(bytes, data.len());
    }
}
