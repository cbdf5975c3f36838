//! The order of one medium's packets: what was lost, came twice or too late, and where numbering begins anew
//! (RFC 3550 appendix A.1).
//!
//! - Over TCP packets come in the order in which they were sent: a gap is a loss at once.
//! - Over UDP a packet that is missing is waited for until [`WAITING_MAX`] packets are there behind it, or for
//!   [`WAIT_MAX`] once [`FEW`] are there, or for [`WAIT_FOR_FEW_MAX`]. On a local network packets overtake each other by a
//!   few and by less than a millisecond; a burst of a picture's packets settles a real loss by number, a quiet medium by
//!   time. So one that is overtaken by three costs nothing, also where packets are a picture apart.
//! - A packet with the number of the last one but other bytes is not the last one again: one of the two has a wrong
//!   number, and both are taken.
//! - A packet whose number or source does not fit waits for the next: when that one follows on it, the camera counts
//!   anew, or another source has taken over. Else it was one bad packet, and is dropped.

use std::collections::VecDeque;
use std::time::Duration;

use super::Transport;
use super::packet::Packet;
use crate::Deviation;

/// Packets that wait for one before them.
const WAITING_MAX: usize = 32;
const WAITING_BYTES_MAX: usize = 256 * 1024;
/// How long they wait.
const WAIT_MAX: Duration = Duration::from_millis(40);
/// How long fewer than [`FEW`] wait.
const WAIT_FOR_FEW_MAX: Duration = Duration::from_millis(150);
/// So many behind a missing one show that it is lost rather than overtaken.
const FEW: usize = 4;
/// `MAX_DROPOUT`: a greater step forward is a new numbering.
const DROPOUT_MAX: u16 = 3000;
/// `MAX_MISORDER`: over UDP, a greater step backward is a new numbering.
const MISORDER_MAX: u16 = 100;
/// How far the second packet of a new source may be from the first.
const CONFIRM_MAX: u16 = 16;

/// A packet in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct InOrder {
    pub(super) packet: Packet,
    /// Packets that are missing before it.
    pub(super) lost_before: u32,
    /// Whether the source is another one than the packet's before.
    pub(super) is_new_source: bool,
}

/// Puts one medium's packets in order.
#[derive(Debug)]
pub(super) struct Order {
    transport: Transport,
    source: Option<Source>,
    /// A packet that does not fit, until the next.
    odd: Option<Packet>,
    /// Over UDP, by rising number.
    waiting: VecDeque<Waiting>,
    waiting_bytes: usize,
    ready: VecDeque<InOrder>,
}

#[derive(Clone, Copy, Debug)]
struct Source {
    ssrc: u32,
    expected: u16,
    /// Bit n is set when the packet n + 1 before the expected one came.
    seen: u64,
    /// Packets that were put in place.
    placed: u64,
    last: Fingerprint,
}

/// Enough of a packet to tell it from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fingerprint {
    timestamp: u32,
    bytes: usize,
    end: [u8; 8],
}

impl Fingerprint {
    fn of(packet: &Packet) -> Self {
        let payload = &packet.payload;
        let end = payload.last_chunk().copied().unwrap_or_default();
        Self { timestamp: packet.timestamp, bytes: payload.len(), end }
    }
}

#[derive(Clone, Debug)]
struct Waiting {
    packet: Packet,
    /// [`Source::placed`] when it came.
    placed: u64,
}

impl Order {
    pub(super) const fn new(transport: Transport) -> Self {
        Self {
            transport,
            source: None,
            odd: None,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            ready: VecDeque::new(),
        }
    }

    /// The source whose packets are taken.
    pub(super) fn ssrc(&self) -> Option<u32> {
        self.source.map(|source| source.ssrc)
    }

    /// Takes a packet in; then [`Self::pop`] until `None`.
    pub(super) fn push(&mut self, packet: Packet) -> Option<Deviation> {
        let now = packet.arrival;
        let deviation = self.place(packet);
        self.timeout(now);
        deviation
    }

    /// The next packet in its place.
    pub(super) fn pop(&mut self) -> Option<InOrder> {
        self.ready.pop_front()
    }

    /// When what waits is given out whatever is missing.
    pub(super) fn next_deadline(&self) -> Option<Duration> {
        let first = self.waiting.iter().map(|waiting| waiting.packet.arrival).min()?;
        let wait = if self.waiting.len() < FEW { WAIT_FOR_FEW_MAX } else { WAIT_MAX };
        Some(first.saturating_add(wait))
    }

    /// Gives out what has waited long enough at `now`.
    pub(super) fn timeout(&mut self, now: Duration) {
        while self.next_deadline().is_some_and(|deadline| deadline <= now) {
            self.give_up();
        }
    }

    /// Gives out all that waits.
    pub(super) fn flush(&mut self) {
        while !self.waiting.is_empty() {
            self.give_up();
        }
    }

    fn place(&mut self, packet: Packet) -> Option<Deviation> {
        let Some(source) = &mut self.source else {
            self.begin(packet, 0, false);
            return None;
        };
        if packet.ssrc != source.ssrc {
            return self.other_source(packet);
        }
        let ahead = packet.sequence.wrapping_sub(source.expected);
        if ahead == 0 {
            let odd = self.odd.take();
            self.put(packet);
            self.put_followers();
            return odd.map(|_| Deviation::BadRtpPacket);
        }
        let behind = source.expected.wrapping_sub(packet.sequence);
        let follows = |odd: &Packet| {
            odd.ssrc == packet.ssrc && packet.sequence.wrapping_sub(odd.sequence) == 1
        };
        if self.odd.as_ref().is_some_and(follows) {
            return self.other_numbering(packet);
        }
        if behind <= 64 && source.seen >> (behind - 1) & 1 == 1 {
            if behind == 1 && source.last != Fingerprint::of(&packet) {
                self.ready.push_back(InOrder { packet, lost_before: 0, is_new_source: false });
                return Some(Deviation::BadRtpPacket);
            }
            return Some(Deviation::DoubledRtpPacket);
        }
        match self.transport {
            Transport::Ordered if ahead <= DROPOUT_MAX => {
                let odd = self.odd.take();
                self.put(packet);
                odd.map(|_| Deviation::BadRtpPacket)
            }
            Transport::Datagrams if ahead <= DROPOUT_MAX => self.wait(packet),
            Transport::Datagrams if behind <= MISORDER_MAX => Some(Deviation::LateRtpPacket),
            _ => self.other_numbering(packet),
        }
    }

    /// The first packet of a source.
    fn begin(&mut self, packet: Packet, lost_before: u32, is_new_source: bool) {
        let expected = packet.sequence.wrapping_add(1);
        let placed = self.source.map_or(0, |source| source.placed) + 1;
        let last = Fingerprint::of(&packet);
        self.source = Some(Source { ssrc: packet.ssrc, expected, seen: 1, placed, last });
        self.ready.push_back(InOrder { packet, lost_before, is_new_source });
    }

    /// Puts a packet behind the last one, whatever is missing between.
    fn put(&mut self, packet: Packet) {
        let Some(source) = &mut self.source else { return };
        let missing = packet.sequence.wrapping_sub(source.expected);
        source.expected = packet.sequence.wrapping_add(1);
        source.seen = source.seen.checked_shl(u32::from(missing) + 1).unwrap_or(0) | 1;
        source.placed += 1;
        source.last = Fingerprint::of(&packet);
        let lost_before = u32::from(missing);
        self.ready.push_back(InOrder { packet, lost_before, is_new_source: false });
    }

    /// Puts those that waited for the last one alone.
    fn put_followers(&mut self) {
        while let Some(waiting) = self.waiting.front()
            && self.source.is_some_and(|source| source.expected == waiting.packet.sequence)
        {
            self.put_first_waiting();
        }
    }

    fn put_first_waiting(&mut self) {
        if let Some(waiting) = self.waiting.pop_front() {
            self.waiting_bytes -= waiting.packet.payload.len();
            self.put(waiting.packet);
        }
    }

    fn wait(&mut self, packet: Packet) -> Option<Deviation> {
        let source = self.source.as_ref()?;
        let ahead = |packet: &Packet| packet.sequence.wrapping_sub(source.expected);
        let before = self.waiting.iter().rev().position(|w| ahead(&w.packet) <= ahead(&packet));
        let at = before.map_or(0, |from_end| self.waiting.len() - from_end);
        if at > 0 && self.waiting.get(at - 1).is_some_and(|w| w.packet.sequence == packet.sequence)
        {
            return Some(Deviation::DoubledRtpPacket);
        }
        self.waiting_bytes += packet.payload.len();
        self.waiting.insert(at, Waiting { packet, placed: source.placed });
        while self.waiting.len() > WAITING_MAX || self.waiting_bytes > WAITING_BYTES_MAX {
            self.give_up();
        }
        None
    }

    /// Goes on without what is missing before the first that waits. One that stands alone far ahead while others are put
    /// in place below it has a wrong number: it is dropped instead.
    fn give_up(&mut self) {
        let Some(first) = self.waiting.front() else { return };
        let next = first.packet.sequence.wrapping_add(1);
        let is_alone = self.waiting.get(1).is_none_or(|second| second.packet.sequence != next);
        if is_alone && self.source.is_some_and(|source| source.placed > first.placed) {
            self.waiting_bytes -= first.packet.payload.len();
            self.waiting.pop_front();
        } else {
            self.put_first_waiting();
        }
        self.put_followers();
    }

    /// A packet of another source than the one whose packets are taken.
    fn other_source(&mut self, packet: Packet) -> Option<Deviation> {
        let ahead = |odd: &Packet| packet.sequence.wrapping_sub(odd.sequence);
        match self.odd.take() {
            Some(odd) if odd.ssrc == packet.ssrc && (1..=CONFIRM_MAX).contains(&ahead(&odd)) => {
                self.flush();
                self.begin(odd, 0, true);
                self.put(packet);
                Some(Deviation::SsrcChanged)
            }
            odd => {
                self.odd = Some(packet);
                odd.map(|_| Deviation::BadRtpPacket)
            }
        }
    }

    /// A packet whose number is far from the expected one.
    fn other_numbering(&mut self, packet: Packet) -> Option<Deviation> {
        match self.odd.take() {
            Some(odd)
                if odd.ssrc == packet.ssrc && packet.sequence.wrapping_sub(odd.sequence) == 1 =>
            {
                self.flush();
                // How many are missing is not known.
                self.begin(odd, 1, false);
                self.put(packet);
                None
            }
            odd => {
                self.odd = Some(packet);
                odd.map(|_| Deviation::BadRtpPacket)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn packet(ssrc: u32, sequence: u16, at_ms: u64) -> Packet {
        Packet {
            marker: false,
            payload_type: 96,
            sequence,
            timestamp: 0,
            ssrc,
            payload: Bytes::from_static(b"payload"),
            arrival: Duration::from_millis(at_ms),
        }
    }

    /// What comes of packets with these numbers, a millisecond apart: number, lost before, new source.
    fn run(
        transport: Transport,
        numbers: &[(u32, u16)],
    ) -> (Vec<(u16, u32, bool)>, Vec<Deviation>) {
        let mut order = Order::new(transport);
        let (mut out, mut deviations) = (Vec::new(), Vec::new());
        for (at_ms, &(ssrc, sequence)) in (0..).zip(numbers) {
            deviations.extend(order.push(packet(ssrc, sequence, at_ms)));
            out.extend(std::iter::from_fn(|| order.pop()));
        }
        order.timeout(Duration::from_secs(10));
        out.extend(std::iter::from_fn(|| order.pop()));
        let out = out.into_iter().map(|o| (o.packet.sequence, o.lost_before, o.is_new_source));
        (out.collect(), deviations)
    }

    fn check(transport: Transport, numbers: &[u16], expect: &[(u16, u32)], said: &[Deviation]) {
        let numbers: Vec<_> = numbers.iter().map(|&number| (1, number)).collect();
        let (out, deviations) = run(transport, &numbers);
        let out: Vec<_> = out.into_iter().map(|(number, lost, _)| (number, lost)).collect();
        assert_eq!((out, &deviations[..]), (expect.to_vec(), said), "{transport:?} {numbers:?}");
    }

    use Deviation::{BadRtpPacket, DoubledRtpPacket, LateRtpPacket, SsrcChanged};
    use Transport::{Datagrams, Ordered};

    #[test]
    fn what_is_in_order_passes() {
        for transport in [Ordered, Datagrams] {
            check(
                transport,
                &[65_534, 65_535, 0, 1],
                &[(65_534, 0), (65_535, 0), (0, 0), (1, 0)],
                &[],
            );
        }
    }

    #[test]
    fn over_tcp_a_gap_is_a_loss_at_once() {
        check(Ordered, &[1, 2, 5, 6], &[(1, 0), (2, 0), (5, 2), (6, 0)], &[]);
        let mut order = Order::new(Ordered);
        assert_eq!(order.push(packet(1, 1, 0)), None);
        assert_eq!(order.push(packet(1, 3, 0)), None);
        assert_eq!(std::iter::from_fn(|| order.pop()).count(), 2);
        assert_eq!(order.next_deadline(), None);
    }

    #[test]
    fn over_udp_packets_that_overtook_each_other_are_put_in_order_without_a_loss() {
        check(Datagrams, &[1, 3, 2, 4], &[(1, 0), (2, 0), (3, 0), (4, 0)], &[]);
        check(Datagrams, &[1, 5, 4, 3, 2], &[(1, 0), (2, 0), (3, 0), (4, 0), (5, 0)], &[]);
    }

    #[test]
    fn over_udp_a_lost_packet_holds_the_others_back_for_a_moment_only() {
        let mut order = Order::new(Datagrams);
        for (sequence, at_ms) in [(1, 0), (3, 10), (4, 20)] {
            assert_eq!(order.push(packet(1, sequence, at_ms)), None);
        }
        assert_eq!(order.pop().map(|first| first.packet.sequence), Some(1));
        assert_eq!(order.next_deadline(), Some(Duration::from_millis(160)));
        for (sequence, at_ms) in [(5, 20), (6, 20)] {
            assert_eq!(order.push(packet(1, sequence, at_ms)), None);
        }
        assert_eq!(order.next_deadline(), Some(Duration::from_millis(50)));
        order.timeout(Duration::from_millis(49));
        assert_eq!(order.pop(), None);
        order.timeout(Duration::from_millis(50));
        let rest: Vec<_> = std::iter::from_fn(|| order.pop()).collect();
        assert_eq!(rest.iter().map(|p| p.lost_before).collect::<Vec<_>>(), [1, 0, 0, 0]);
        // Then it comes after all.
        assert_eq!(order.push(packet(1, 2, 60)), Some(LateRtpPacket));
    }

    #[test]
    fn over_udp_a_burst_behind_a_loss_settles_it_by_number() {
        let numbers: Vec<u16> = [1].into_iter().chain(3..36).collect();
        let mut order = Order::new(Datagrams);
        for number in numbers {
            assert_eq!(order.push(packet(1, number, 0)), None);
            assert!(order.waiting.len() <= WAITING_MAX);
        }
        assert_eq!(std::iter::from_fn(|| order.pop()).count(), 34);
    }

    #[test]
    fn over_udp_what_waits_is_bounded_in_bytes() {
        let mut order = Order::new(Datagrams);
        for number in [1, 3, 4, 5, 6, 7, 8] {
            let payload = Bytes::from(vec![0; 60_000]);
            order.push(Packet { payload, ..packet(1, number, 0) });
            assert!(order.waiting_bytes <= WAITING_BYTES_MAX);
        }
    }

    #[test]
    fn a_packet_twice_is_taken_once() {
        for transport in [Ordered, Datagrams] {
            check(transport, &[1, 2, 2, 1, 3], &[(1, 0), (2, 0), (3, 0)], &[DoubledRtpPacket; 2]);
        }
        check(Datagrams, &[1, 3, 3, 2], &[(1, 0), (2, 0), (3, 0)], &[DoubledRtpPacket]);
    }

    #[test]
    fn a_packet_with_a_wrong_number_costs_itself_alone() {
        // Over TCP the next ones show that it is the numbering which is wrong.
        let after = |odd| [(1, 0), (2, 0), (odd, u32::from(odd) - 3), (4, 1), (5, 0), (6, 0)];
        check(Ordered, &[1, 2, 50, 4, 5, 6], &after(50), &[]);
        let without = [(1, 0), (2, 0), (4, 1), (5, 0), (6, 0)];
        check(Ordered, &[1, 2, 40_000, 4, 5, 6], &without, &[BadRtpPacket]);
        check(Datagrams, &[1, 2, 50, 4, 5, 6], &without, &[]);
        check(Datagrams, &[1, 2, 40_000, 3, 4], &[(1, 0), (2, 0), (3, 0), (4, 0)], &[BadRtpPacket]);
    }

    #[test]
    fn a_wrong_number_that_is_the_next_ones_costs_neither() {
        let numbered = |sequence, byte| Packet {
            payload: Bytes::copy_from_slice(&[byte; 10]),
            ..packet(1, sequence, 0)
        };
        let mut order = Order::new(Ordered);
        let sent = [(1, 1), (3, 2), (3, 3), (4, 4)];
        let said = sent.into_iter().filter_map(|(number, byte)| order.push(numbered(number, byte)));
        assert_eq!(said.collect::<Vec<_>>(), [BadRtpPacket]);
        let came: Vec<u8> =
            std::iter::from_fn(|| order.pop()).map(|p| p.packet.payload[0]).collect();
        assert_eq!(came, [1, 2, 3, 4]);
        // By two: the next two show it.
        let expect = [(1, 0), (4, 2), (3, 1), (4, 0), (5, 0)];
        check(Ordered, &[1, 4, 3, 4, 5], &expect, &[]);
    }

    #[test]
    fn numbering_that_begins_anew_is_followed() {
        check(Ordered, &[500, 501, 7, 8, 9], &[(500, 0), (501, 0), (7, 1), (8, 0), (9, 0)], &[]);
        check(Datagrams, &[500, 501, 7, 8, 9], &[(500, 0), (501, 0), (7, 1), (8, 0), (9, 0)], &[]);
        check(Datagrams, &[1, 20_000, 20_001], &[(1, 0), (20_000, 1), (20_001, 0)], &[]);
    }

    #[test]
    fn another_source_is_followed_once_it_goes_on() {
        for transport in [Ordered, Datagrams] {
            let (out, said) = run(transport, &[(1, 10), (1, 11), (2, 900), (2, 901), (2, 902)]);
            let expect =
                [(10, 0, false), (11, 0, false), (900, 0, true), (901, 0, false), (902, 0, false)];
            assert_eq!((&out[..], &said[..]), (&expect[..], &[SsrcChanged][..]));
            // A single packet of a stranger is none.
            let (out, said) = run(transport, &[(1, 10), (2, 900), (1, 11)]);
            assert_eq!(out, [(10, 0, false), (11, 0, false)]);
            assert_eq!(said, [BadRtpPacket]);
        }
    }
}
