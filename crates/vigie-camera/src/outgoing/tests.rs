//! Writing to sockets that take little at a time.

use std::cell::{Cell, RefCell};

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::Media;

/// Takes so many bytes in each of its first writes, 0 meaning "would block"; later writes take all.
struct Narrow {
    widths: Vec<usize>,
    writes: Cell<usize>,
    taken: RefCell<Vec<u8>>,
}

impl Narrow {
    fn new(widths: Vec<usize>) -> Self {
        Self { widths, writes: Cell::new(0), taken: RefCell::default() }
    }
}

impl Wire for Narrow {
    fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let width = self.widths.get(self.writes.replace(self.writes.get() + 1));
        if width == Some(&0) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.to_vec()).collect();
        let taken = width.map_or(bytes.len(), |&width| width.min(bytes.len()));
        self.taken.borrow_mut().extend(&bytes[..taken]);
        Ok(taken)
    }
}

/// H.264 with fragmented NAL units, and AAC.
fn presentation() -> std::sync::Arc<Presentation> {
    let file = include_bytes!("../../../vigie-media/tests/fixtures/h264_aac.mp4");
    Media::parse(Bytes::from_static(file)).unwrap().presentation()
}

fn outgoing(channels: &[Option<u8>]) -> Outgoing {
    let mut out = Outgoing::new(channels.len());
    for (track, channel) in channels.iter().enumerate() {
        out.senders[track] = channel.map(|rtp| {
            Sender::new(Route::Interleaved { rtp, rtcp: rtp + 1 }, 7, 65_530, 1000 * track as u32)
        });
    }
    out
}

/// Sends frames `from..to` over `wire`, as often as it needs; with a reply after the first try.
fn send(wire: &Narrow, channels: &[Option<u8>], from: u64, to: u64) -> (Vec<TrackStats>, Outgoing) {
    let presentation = presentation();
    let mut out = outgoing(channels);
    let mut sent = vec![TrackStats::default(); channels.len()];
    let mut scratch = Scratch::default();
    out.play_from(from);
    for _ in 0..=wire.widths.len() {
        out.send_due(wire, &presentation, to, &mut scratch, &mut sent).unwrap();
    }
    (sent, out)
}

/// The interleaved packets: channel and RTP packet.
fn packets(mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut packets = Vec::new();
    while let [b'$', channel, high, low, rest @ ..] = bytes {
        let (packet, rest) = rest.split_at(usize::from(u16::from_be_bytes([*high, *low])));
        packets.push((*channel, packet.to_vec()));
        bytes = rest;
    }
    assert!(bytes.is_empty(), "{} bytes are no packet", bytes.len());
    packets
}

proptest! {
    #[test]
    fn what_arrives_does_not_depend_on_how_little_the_socket_takes(
        widths in prop::collection::vec(prop_oneof![Just(0), 1..20_usize, 1..5000_usize], 0..200),
        to in 90..230_u64,
    ) {
        let wide = Narrow::new(Vec::new());
        let narrow = Narrow::new(widths);
        let channels = [Some(0), Some(2)];
        let (expect, _) = send(&wide, &channels, 40, to);
        let (sent, out) = send(&narrow, &channels, 40, to);
        prop_assert_eq!(narrow.taken.into_inner(), wide.taken.into_inner());
        prop_assert_eq!(sent, expect);
        prop_assert_eq!(out.next_frame(), Some(to));
    }
}

#[test]
fn sequence_numbers_are_the_clients_own_and_wrap() {
    let wire = Narrow::new(Vec::new());
    send(&wire, &[Some(4), None], 0, 93);
    let packets = packets(&wire.taken.borrow());
    assert!(packets.len() > 40 && packets.iter().all(|(channel, _)| *channel == 4));
    for ((_, packet), expect) in packets.iter().zip(0_u16..) {
        assert_eq!(packet[2..4], 65_530_u16.wrapping_add(expect).to_be_bytes());
        assert_eq!(packet[8..12], [0, 0, 0, 7]);
    }
}

#[test]
fn tracks_that_are_not_set_up_are_passed_over() {
    let wire = Narrow::new(Vec::new());
    let (sent, out) = send(&wire, &[None, Some(0)], 0, 93);
    assert_eq!((sent[0].frames, sent[1].frames > 40), (0, true));
    assert_eq!(out.next_frame(), Some(93));
    let wire = Narrow::new(Vec::new());
    let (_, out) = send(&wire, &[None, None], 0, 93);
    assert_eq!((wire.taken.into_inner().len(), out.next_frame()), (0, Some(93)));
}

#[test]
fn a_reply_waits_for_the_rest_of_a_cut_packet_and_not_longer() {
    let presentation = presentation();
    let mut out = outgoing(&[Some(0), None]);
    let (mut sent, mut scratch) = (vec![TrackStats::default(); 2], Scratch::default());
    let wire = Narrow::new(vec![500, 0]);
    out.play_from(0);
    out.send_due(&wire, &presentation, 93, &mut scratch, &mut sent).unwrap();
    assert_eq!(wire.taken.borrow().len(), 500);
    out.reply(b"RTSP/1.0 200 OK\r\n\r\n").unwrap();
    out.send_due(&wire, &presentation, 93, &mut scratch, &mut sent).unwrap();
    let taken = wire.taken.borrow();
    let first_packet = 4 + usize::from(u16::from_be_bytes([taken[2], taken[3]]));
    assert!(first_packet > 500);
    assert!(taken[first_packet..].starts_with(b"RTSP/1.0 200 OK\r\n\r\n$"));
}

#[test]
fn a_frame_that_is_broken_off_shows_as_a_lost_packet() {
    let presentation = presentation();
    let mut out = outgoing(&[Some(0), None]);
    let (mut sent, mut scratch) = (vec![TrackStats::default(); 2], Scratch::default());
    let wire = Narrow::new(vec![500, 0]);
    out.play_from(0);
    out.send_due(&wire, &presentation, 93, &mut scratch, &mut sent).unwrap();
    out.play_from(0);
    out.send_due(&wire, &presentation, 93, &mut scratch, &mut sent).unwrap();
    out.play_from(93);
    out.send_due(&wire, &presentation, 186, &mut scratch, &mut sent).unwrap();
    let sequences = packets(&wire.taken.borrow());
    let sequences = sequences.iter().map(|(_, packet)| u16::from_be_bytes([packet[2], packet[3]]));
    let steps: Vec<_> =
        sequences.collect::<Vec<_>>().windows(2).map(|s| s[1].wrapping_sub(s[0])).collect();
    // Only the first frame was cut in its middle.
    assert_eq!((steps[0], steps[1..].iter().all(|&step| step == 1)), (2, true));
}

#[test]
fn replies_that_are_not_read_have_a_bound() {
    let mut out = outgoing(&[None, None]);
    let reply = [0; 1024];
    let kept = (0..1000).take_while(|_| out.reply(&reply).is_ok()).count();
    assert_eq!(kept, PENDING_BYTES_MAX / 1024);
}
