//! The RTP packet (RFC 3550 section 5.1): its header read, its payload cut out of what was received without a copy.

use std::time::Duration;

use bytes::{Buf as _, Bytes};

/// The fixed part of the header.
const HEADER_BYTES: usize = 12;
const VERSION: u8 = 2;

/// An RTP packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Packet {
    pub(super) marker: bool,
    pub(super) payload_type: u8,
    pub(super) sequence: u16,
    pub(super) timestamp: u32,
    pub(super) ssrc: u32,
    /// Without extension and padding.
    pub(super) payload: Bytes,
    pub(super) arrival: Duration,
}

impl Packet {
    /// `None` when it is no RTP packet or its own lengths do not fit into it.
    pub(super) fn parse(mut datagram: Bytes, arrival: Duration) -> Option<Self> {
        let (header, rest) = datagram.split_first_chunk::<HEADER_BYTES>()?;
        let &[first, second, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3] = header;
        if first >> 6 != VERSION {
            return None;
        }
        let contributing_bytes = usize::from(first & 0xF) * 4;
        let mut start = HEADER_BYTES + contributing_bytes;
        if first & 0x10 != 0 {
            let extension = rest.get(contributing_bytes..)?.first_chunk::<4>()?;
            start += 4 + 4 * usize::from(u16::from_be_bytes([extension[2], extension[3]]));
        }
        let mut end = datagram.len();
        if first & 0x20 != 0 {
            end = end.checked_sub(usize::from(*datagram.last()?).max(1))?;
        }
        if start > end {
            return None;
        }
        let marker = second & 0x80 != 0;
        let payload_type = second & 0x7F;
        let sequence = u16::from_be_bytes([s0, s1]);
        let timestamp = u32::from_be_bytes([t0, t1, t2, t3]);
        let ssrc = u32::from_be_bytes([c0, c1, c2, c3]);
        datagram.truncate(end);
        datagram.advance(start);
        Some(Self { marker, payload_type, sequence, timestamp, ssrc, payload: datagram, arrival })
    }
}

/// Whether it is an RTCP packet that came where RTP is expected (RFC 5761 section 4).
pub(super) fn is_rtcp(datagram: &[u8]) -> bool {
    matches!(datagram, [first, 192..=223, ..] if first >> 6 == VERSION)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(bytes: &[u8]) -> Option<Packet> {
        Packet::parse(Bytes::copy_from_slice(bytes), Duration::from_secs(1))
    }

    const HEADER: [u8; 12] = [0x80, 0xE0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

    #[test]
    fn the_fields_read_in_network_order() {
        let packet = parse(&[&HEADER[..], b"abc"].concat()).unwrap();
        assert_eq!((packet.marker, packet.payload_type, packet.sequence), (true, 96, 0x0102));
        assert_eq!((packet.timestamp, packet.ssrc), (0x0304_0506, 0x0708_090A));
        assert_eq!((&packet.payload[..], packet.arrival), (&b"abc"[..], Duration::from_secs(1)));
        assert_eq!(parse(&HEADER).unwrap().payload.len(), 0);
    }

    #[test]
    fn contributing_sources_extension_and_padding_are_left_aside() {
        let check = |first: u8, rest: &[u8], expect: Option<&[u8]>| {
            let packet = parse(&[&[first], &HEADER[1..], rest].concat());
            assert_eq!(packet.as_ref().map(|packet| &packet.payload[..]), expect, "{rest:x?}");
        };
        check(0x82, b"ccccddddabc", Some(b"abc"));
        check(0x90, &[&[0xBE, 0xDE, 0, 1, 9, 9, 9, 9], &b"abc"[..]].concat(), Some(b"abc"));
        check(0x91, &[b"cccc", &[0xBE, 0xDE, 0, 0], &b"abc"[..]].concat(), Some(b"abc"));
        check(0xA0, &[b'a', 0, 0, 3], Some(b"a"));
        check(0xA0, &[0, 0, 3], Some(b""));
        // A padding that does not count itself: its one byte is taken for it.
        check(0xA0, &[b'a', 0], Some(b"a"));
        check(0xA0, &[b'a', 3], None);
        check(0x90, &[0xBE, 0xDE, 0, 1, 9, 9, 9], None);
        check(0x90, &[0xBE, 0xDE], None);
        check(0x8F, &[0; 59], None);
        check(0x40, b"abc", None);
        assert_eq!(parse(&HEADER[..11]), None);
    }

    #[test]
    fn rtcp_is_told_from_rtp() {
        assert!(is_rtcp(&[0x80, 200, 0, 6]));
        assert!(!is_rtcp(&[0x80, 0xE0, 0, 6]));
        assert!(!is_rtcp(&[0x80]));
    }
}
