//! One loop of the media, packetised: which frame is due when, and what RTP time it carries in which loop.
//!
//! Pure arithmetic over tables that are made once at load. Frames are numbered from 0 over all loops, so that a
//! position is one number that only grows. It never copies media bytes and never knows a client.

use std::ops::Range;

use bytes::Bytes;

/// The rate that send times are counted in: the RTP clock of video (RFC 6184 §8.2.1), so that video is exact.
pub(crate) const SEND_CLOCK_HZ: u64 = 90_000;

/// One RTP payload: some bytes of our own (FU or AU headers), then bytes of the file as they stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Packet {
    /// FU indicator and header, or AU headers.
    prefix: [u8; 4],
    prefix_len: u8,
    /// The RTP marker bit.
    pub(crate) marker: bool,
    len: u16,
    offset: u32,
}

impl Packet {
    /// A payload of `prefix` and then `data`, a range of the file no longer than a packet.
    pub(crate) fn new(prefix: &[u8], data: Range<usize>, marker: bool) -> Self {
        debug_assert!(prefix.len() <= 4 && data.len() <= usize::from(u16::MAX));
        let mut bytes = [0; 4];
        bytes[..prefix.len()].copy_from_slice(prefix);
        Self {
            prefix: bytes,
            prefix_len: prefix.len() as u8,
            marker,
            len: data.len() as u16,
            offset: data.start as u32,
        }
    }

    /// The bytes that are ours.
    pub(crate) fn prefix(&self) -> &[u8] {
        &self.prefix[..usize::from(self.prefix_len)]
    }

    /// Where the file's bytes are.
    pub(crate) fn data(&self) -> Range<usize> {
        let start = self.offset as usize;
        start..start + usize::from(self.len)
    }

    /// Bytes of RTP payload.
    pub(crate) fn payload_len(&self) -> usize {
        usize::from(self.prefix_len) + usize::from(self.len)
    }
}

/// A frame of one loop, with its packets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// Index into [`Timeline::clock_rates_hz`].
    pub(crate) track: usize,
    /// A client may begin here.
    pub(crate) key_frame: bool,
    /// When it leaves, from the start of the loop.
    pub(crate) send_at_90k: u64,
    /// Presentation time from the start of the loop, in the track's clock.
    pub(crate) rtp_time: u32,
    /// Index range of [`Timeline::packets`].
    pub(crate) packets: Range<u32>,
}

/// One loop of the media.
#[derive(Debug)]
pub(crate) struct Timeline {
    data: Bytes,
    clock_rates_hz: Vec<u32>,
    frames: Vec<Frame>,
    packets: Vec<Packet>,
    /// Indices of the frames of the lead track (the first) where a client may begin.
    joins: Vec<u64>,
    duration_90k: u64,
}

impl Timeline {
    /// Frames in any order of tracks; within a track in decode order with ascending send times, all of them below
    /// `duration_90k`. `None` when there is nothing to loop: no frame to begin at, or no duration.
    pub(crate) fn new(
        data: Bytes,
        clock_rates_hz: Vec<u32>,
        mut frames: Vec<Frame>,
        packets: Vec<Packet>,
        duration_90k: u64,
    ) -> Option<Self> {
        // Stable: frames of one track keep their decode order.
        frames.sort_by_key(|frame| frame.send_at_90k);
        let joins: Vec<u64> = (0_u64..)
            .zip(&frames)
            .filter(|(_, frame)| frame.track == 0 && frame.key_frame)
            .map(|(index, _)| index)
            .collect();
        (!joins.is_empty() && duration_90k > 0).then_some(Self {
            data,
            clock_rates_hz,
            frames,
            packets,
            joins,
            duration_90k,
        })
    }

    /// How long one loop lasts.
    pub(crate) fn duration_90k(&self) -> u64 {
        self.duration_90k
    }

    /// How many frames one loop has, all tracks together.
    pub(crate) fn frame_count(&self) -> u64 {
        self.frames.len() as u64
    }

    /// The file.
    pub(crate) fn data(&self) -> &[u8] {
        &self.data
    }

    fn split(&self, number: u64) -> (u64, usize) {
        let count = self.frame_count();
        (number / count, (number % count) as usize)
    }

    pub(crate) fn frame(&self, number: u64) -> &Frame {
        &self.frames[self.split(number).1]
    }

    pub(crate) fn packets(&self, frame: &Frame) -> &[Packet] {
        &self.packets[frame.packets.start as usize..frame.packets.end as usize]
    }

    /// The number of the first frame that is not yet due at `now_90k` after the mount's start.
    pub(crate) fn live_at(&self, now_90k: u64) -> u64 {
        let (round, within) = (now_90k / self.duration_90k, now_90k % self.duration_90k);
        let index = self.frames.partition_point(|frame| frame.send_at_90k <= within);
        round * self.frame_count() + index as u64
    }

    /// When the frame of this number is due, after the mount's start.
    pub(crate) fn due_at_90k(&self, number: u64) -> u64 {
        let (round, index) = self.split(number);
        round * self.duration_90k + self.frames[index].send_at_90k
    }

    /// The first frame from `number` on where a client may begin.
    pub(crate) fn next_join(&self, number: u64) -> u64 {
        let (round, index) = self.split(number);
        let join = self.joins.partition_point(|&join| join < index as u64);
        match self.joins.get(join) {
            Some(join) => round * self.frame_count() + join,
            // `joins` is never empty (`new`).
            None => (round + 1) * self.frame_count() + self.joins[0],
        }
    }

    /// The presentation time of the frame of this number in its track's clock, modulo 2^32, counted from the
    /// mount's start: it keeps growing over the loops.
    pub(crate) fn rtp_time(&self, number: u64) -> u32 {
        let (round, index) = self.split(number);
        let frame = &self.frames[index];
        self.rtp_time_at(frame.track, round * self.duration_90k).wrapping_add(frame.rtp_time)
    }

    /// What a track's clock shows `at_90k` after the mount's start, modulo 2^32.
    pub(crate) fn rtp_time_at(&self, track: usize, at_90k: u64) -> u32 {
        let rate = u128::from(self.clock_rates_hz[track]);
        (u128::from(at_90k) * rate / u128::from(SEND_CLOCK_HZ)) as u32
    }

    /// The time of the frame of this number, in the send clock, from the mount's start: what `rtptime` of RTP-Info
    /// refers to.
    pub(crate) fn presentation_90k(&self, number: u64) -> u64 {
        let (round, index) = self.split(number);
        let frame = &self.frames[index];
        let rate = u64::from(self.clock_rates_hz[frame.track]);
        round * self.duration_90k + u64::from(frame.rtp_time) * SEND_CLOCK_HZ / rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two loops' worth of arithmetic on video at 0, 3600, 7200 (key at 0) and audio (8 kHz) at 1800.
    fn timeline() -> Timeline {
        let frame = |track, key_frame, send_at_90k, rtp_time| Frame {
            track,
            key_frame,
            send_at_90k,
            rtp_time,
            packets: 0..0,
        };
        let frames = vec![
            frame(0, true, 0, 0),
            frame(0, false, 3600, 7200), // Presented last: a B-frame follows.
            frame(0, false, 7200, 3600),
            frame(1, true, 1800, 160),
        ];
        Timeline::new(Bytes::new(), vec![90_000, 8_000], frames, Vec::new(), 10_800).unwrap()
    }

    #[test]
    fn frames_of_all_tracks_leave_in_order_of_their_send_times() {
        let timeline = timeline();
        let order: Vec<_> =
            (0..8).map(|n| (timeline.due_at_90k(n), timeline.frame(n).track)).collect();
        assert_eq!(
            order,
            [
                (0, 0),
                (1800, 1),
                (3600, 0),
                (7200, 0),
                (10_800, 0),
                (12_600, 1),
                (14_400, 0),
                (18_000, 0)
            ]
        );
    }

    #[test]
    fn the_live_position_is_the_first_frame_not_yet_due() {
        let timeline = timeline();
        for (now, live) in [(0, 1), (1799, 1), (1800, 2), (10_799, 4), (10_800, 5), (108_000, 41)] {
            assert_eq!(timeline.live_at(now), live, "at {now}");
        }
    }

    #[test]
    fn clients_join_at_key_frames_of_the_lead_track_only() {
        let timeline = timeline();
        for (from, join) in [(0, 0), (1, 4), (4, 4), (5, 8), (400, 400)] {
            assert_eq!(timeline.next_join(from), join, "from {from}");
        }
    }

    #[test]
    fn rtp_time_grows_over_loops_in_each_tracks_own_clock() {
        let timeline = timeline();
        let times: Vec<_> = (0..8).map(|n| timeline.rtp_time(n)).collect();
        assert_eq!(times, [0, 160, 7200, 3600, 10_800, 160 + 960, 18_000, 14_400]);
        assert_eq!(timeline.presentation_90k(5), 1800 + 10_800);
    }

    #[test]
    fn rtp_time_wraps_after_years_without_a_jump() {
        let timeline = timeline();
        let far = 4 * 1_000_000_000_000;
        let step = timeline.rtp_time(far + 4).wrapping_sub(timeline.rtp_time(far));
        assert_eq!(step, 10_800);
    }

    #[test]
    fn without_a_key_frame_or_a_duration_there_is_no_timeline() {
        assert!(Timeline::new(Bytes::new(), vec![90_000], Vec::new(), Vec::new(), 3600).is_none());
        let frame = Frame { track: 0, key_frame: true, send_at_90k: 0, rtp_time: 0, packets: 0..0 };
        assert!(Timeline::new(Bytes::new(), vec![90_000], vec![frame], Vec::new(), 0).is_none());
    }
}
