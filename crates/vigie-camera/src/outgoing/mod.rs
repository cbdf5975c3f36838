//! What one client still has to be sent.
//!
//! A client's backlog is a position in the shared timeline, not a copy of packets: however slow a client is, it costs
//! the rest of one packet and the replies it has not read. Headers are made when a packet is about to leave, and go
//! out together with the file's bytes in vectored writes.

use std::io::{self, IoSlice};
use std::ops::Range;
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::Instant;
use vigie_media::Timestamp;

use crate::media::Presentation;
use crate::packetizer::RTP_HEADER_LEN;
use crate::rtp::{self, RtpHeader, SenderReport};
use crate::stats::TrackStats;
use crate::timeline::{Packet, Timeline};

/// Replies and reports that wait behind a full socket; a client that asks on without reading is dropped above it.
const PENDING_BYTES_MAX: usize = 64 * 1024;
/// Packets of one vectored write. Two slices each; far below `IOV_MAX`.
const BATCH_PACKETS_MAX: usize = 128;
/// Datagrams of one client in one tick, so that a key frame does not overrun a receiver's socket buffer at once.
const DATAGRAMS_PER_TICK_MAX: usize = 64;
/// Between sender reports: the fixed minimum of RFC 3550 §6.2.
const REPORT_INTERVAL: Duration = Duration::from_secs(5);

/// The non-blocking write side of a connection.
pub(crate) trait Wire {
    /// Writes some of the slices' bytes, or fails with `WouldBlock`.
    fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize>;
}

impl Wire for TcpStream {
    fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.try_write_vectored(slices)
    }
}

/// How a track's packets reach the client.
#[derive(Debug)]
pub(crate) enum Route {
    /// On the RTSP connection, on these channels.
    Interleaved { rtp: u8, rtcp: u8 },
    /// In datagrams, from sockets connected to the client's ports.
    Udp { rtp: UdpSocket, rtcp: UdpSocket },
}

/// One track on its way to one client.
#[derive(Debug)]
pub(crate) struct Sender {
    pub(crate) route: Route,
    pub(crate) ssrc: u32,
    /// Of the next packet.
    pub(crate) sequence: u16,
    /// Added to the timeline's RTP times.
    pub(crate) timestamp_base: u32,
    /// One datagram of so many is lost; 0: none.
    pub(crate) lose_every: u32,
    /// One datagram of so many is overtaken by the next; 0: none.
    pub(crate) delay_every: u32,
    /// The one that is being overtaken.
    delayed: Vec<u8>,
    packets: u32,
    octets: u32,
}

impl Sender {
    /// A track that has sent nothing yet; `ssrc`, `sequence` and `timestamp_base` come from chance (RFC 3550 §5.1).
    pub(crate) fn new(route: Route, ssrc: u32, sequence: u16, timestamp_base: u32) -> Self {
        Self {
            route,
            ssrc,
            sequence,
            timestamp_base,
            lose_every: 0,
            delay_every: 0,
            delayed: Vec::new(),
            packets: 0,
            octets: 0,
        }
    }

    /// Whether the next datagram is the last of `every`.
    fn is_last_of(&self, every: u32) -> bool {
        every > 0 && self.packets % every == every - 1
    }

    /// Sends the next datagram over UDP, or does with it what a bad network would; whether the socket took it.
    fn send(&mut self, datagram: &[u8]) -> bool {
        let Route::Udp { rtp, .. } = &self.route else { return true };
        if self.is_last_of(self.lose_every) {
            return true;
        }
        if self.delayed.is_empty() && self.is_last_of(self.delay_every) {
            self.delayed.extend(datagram);
            return true;
        }
        if socket_is_full(rtp.try_send(datagram)) {
            return false;
        }
        if !self.delayed.is_empty() {
            // Should the socket be full now, it is lost as any datagram may be.
            socket_is_full(rtp.try_send(&self.delayed));
            self.delayed.clear();
        }
        true
    }

    fn count(&mut self, packet: &Packet) {
        self.sequence = self.sequence.wrapping_add(1);
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(packet.payload_len() as u32);
    }
}

/// A position between two packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cursor {
    frame: u64,
    /// Of that frame's packets.
    packet: usize,
}

impl Cursor {
    fn at(frame: u64) -> Self {
        Self { frame, packet: 0 }
    }
}

/// Buffers that one task reuses for all the clients it writes to.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    headers: Vec<u8>,
    batch: Vec<Queued>,
    /// By track, the number of the next packet to be queued.
    sequences: Vec<u16>,
}

/// One packet of a batch.
#[derive(Debug)]
struct Queued {
    track: usize,
    packet: Packet,
    ends_frame: bool,
    /// Framing, RTP header and prefix, in [`Scratch::headers`].
    header: Range<usize>,
    after: Cursor,
}

/// The sending state of one client.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    /// Leaves before everything else: the rest of a cut packet, then replies and reports in their order.
    pending: BytesMut,
    /// By track; absent when not set up. All set-up tracks have the same kind of route.
    pub(crate) senders: Vec<Option<Sender>>,
    cursor: Option<Cursor>,
    next_report: Option<Instant>,
    /// The mount whose clients the pacing task counts this one among.
    pub(crate) paced: Option<usize>,
}

impl Outgoing {
    /// Nothing set up, of a presentation with so many tracks.
    pub(crate) fn new(track_count: usize) -> Self {
        Self { senders: (0..track_count).map(|_| None).collect(), ..Self::default() }
    }

    /// Whether the client is to be sent media.
    pub(crate) fn is_playing(&self) -> bool {
        self.cursor.is_some()
    }

    /// The number of the next frame it is to be sent.
    pub(crate) fn next_frame(&self) -> Option<u64> {
        self.cursor.map(|cursor| cursor.frame)
    }

    /// Goes on at the start of the frame of this number, wherever it was before.
    pub(crate) fn play_from(&mut self, frame: u64) {
        self.stop();
        self.cursor = Some(Cursor::at(frame));
    }

    /// No more media. A frame that is broken off shows to the client as a lost packet, not as a whole frame.
    pub(crate) fn stop(&mut self) {
        if self.cursor.take().is_some_and(|cursor| cursor.packet > 0) {
            for sender in self.senders.iter_mut().flatten() {
                sender.sequence = sender.sequence.wrapping_add(1);
            }
        }
    }

    /// Queues a reply. Fails when the client does not read its replies.
    pub(crate) fn reply(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.pending.len() + bytes.len() > PENDING_BYTES_MAX {
            return Err(io::Error::other("the client does not read its replies"));
        }
        self.pending.extend_from_slice(bytes);
        Ok(())
    }

    /// Writes what must leave first; whether all of it has left.
    pub(crate) fn flush(&mut self, wire: &impl Wire) -> io::Result<bool> {
        while !self.pending.is_empty() {
            match wire.try_write(&[IoSlice::new(&self.pending)]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => self.pending.advance(written),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Sends what is due, up to but without the frame `live`, as far as the sockets take it now. Counts it in
    /// `sent`, by track.
    pub(crate) fn send_due(
        &mut self,
        wire: &impl Wire,
        presentation: &Presentation,
        live: u64,
        scratch: &mut Scratch,
        sent: &mut [TrackStats],
    ) -> io::Result<()> {
        if self.senders.iter().flatten().any(|s| matches!(s.route, Route::Udp { .. })) {
            self.flush(wire)?;
            self.send_datagrams(presentation, live, scratch, sent);
            return Ok(());
        }
        while self.flush(wire)? {
            let Some(end) = self.collect(presentation, live, scratch) else { break };
            if scratch.batch.is_empty() {
                self.cursor = Some(end);
                break;
            }
            match write_batch(wire, presentation.timeline.data(), scratch) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    if self.commit(presentation.timeline.data(), scratch, written, sent) {
                        self.cursor = Some(end);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Fills the batch from the cursor on; the position after it. `None` when not playing.
    fn collect(
        &self,
        presentation: &Presentation,
        live: u64,
        scratch: &mut Scratch,
    ) -> Option<Cursor> {
        let timeline = &presentation.timeline;
        let Scratch { headers, batch, sequences } = scratch;
        headers.clear();
        batch.clear();
        sequences.clear();
        sequences.extend(self.senders.iter().map(|s| s.as_ref().map_or(0, |s| s.sequence)));
        let mut cursor = self.cursor?;
        while cursor.frame < live {
            let frame = timeline.frame(cursor.frame);
            let track = frame.track;
            if let Some(Some(sender)) = self.senders.get(track)
                && let Route::Interleaved { rtp: channel, .. } = sender.route
            {
                let packets = timeline.packets(frame);
                let timestamp = timestamp(sender, timeline, cursor.frame);
                let payload_type = presentation.tracks[track].payload_type;
                for &packet in &packets[cursor.packet..] {
                    if batch.len() == BATCH_PACKETS_MAX {
                        return Some(cursor);
                    }
                    cursor.packet += 1;
                    let ends_frame = cursor.packet == packets.len();
                    let after = if ends_frame { Cursor::at(cursor.frame + 1) } else { cursor };
                    let sequence = sequences[track];
                    sequences[track] = sequence.wrapping_add(1);
                    let start = headers.len();
                    let len = RTP_HEADER_LEN + packet.payload_len();
                    headers.extend(rtp::interleaved_header(channel, len as u16));
                    let header =
                        rtp_header(&packet, payload_type, sequence, timestamp, sender.ssrc);
                    headers.extend(header.to_bytes());
                    headers.extend(packet.prefix());
                    let header = start..headers.len();
                    batch.push(Queued { track, packet, ends_frame, header, after });
                }
            }
            cursor = Cursor::at(cursor.frame + 1);
        }
        Some(cursor)
    }

    /// Counts what `written` bytes of the batch are; keeps the rest of a cut packet. Whether all of it was written.
    fn commit(
        &mut self,
        data: &[u8],
        scratch: &Scratch,
        mut written: usize,
        sent: &mut [TrackStats],
    ) -> bool {
        for queued in &scratch.batch {
            if written == 0 {
                return false;
            }
            let header = &scratch.headers[queued.header.clone()];
            let payload = &data[queued.packet.data()];
            if written < header.len() + payload.len() {
                self.pending.extend_from_slice(&header[written.min(header.len())..]);
                let payload_written = written.saturating_sub(header.len());
                self.pending.extend_from_slice(&payload[payload_written..]);
            }
            written = written.saturating_sub(header.len() + payload.len());
            self.cursor = Some(queued.after);
            if let Some(Some(sender)) = self.senders.get_mut(queued.track) {
                sender.count(&queued.packet);
            }
            sent[queued.track].count(&queued.packet, queued.ends_frame);
        }
        true
    }

    /// A full socket buffer ends the tick and the rest follows in the next; a datagram that the network refuses is
    /// lost, as datagrams are.
    fn send_datagrams(
        &mut self,
        presentation: &Presentation,
        live: u64,
        scratch: &mut Scratch,
        sent: &mut [TrackStats],
    ) {
        let timeline = &presentation.timeline;
        let datagram = &mut scratch.headers;
        let Some(cursor) = &mut self.cursor else { return };
        let mut left = DATAGRAMS_PER_TICK_MAX;
        while cursor.frame < live {
            let frame = timeline.frame(cursor.frame);
            if let Some(Some(sender)) = self.senders.get_mut(frame.track) {
                let packets = timeline.packets(frame);
                let timestamp = timestamp(sender, timeline, cursor.frame);
                let payload_type = presentation.tracks[frame.track].payload_type;
                for packet in &packets[cursor.packet..] {
                    let header =
                        rtp_header(packet, payload_type, sender.sequence, timestamp, sender.ssrc);
                    datagram.clear();
                    datagram.extend(header.to_bytes());
                    datagram.extend(packet.prefix());
                    datagram.extend(&timeline.data()[packet.data()]);
                    if left == 0 || !sender.send(datagram) {
                        return;
                    }
                    left -= 1;
                    cursor.packet += 1;
                    sender.count(packet);
                    sent[frame.track].count(packet, cursor.packet == packets.len());
                }
            }
            *cursor = Cursor::at(cursor.frame + 1);
        }
    }

    /// Sends a sender report for each track when one is due: before the first frame, so that a receiver knows from
    /// the start how the tracks' clocks belong together, and every five seconds.
    pub(crate) fn report_if_due(
        &mut self,
        timeline: &Timeline,
        mount_now_90k: u64,
        now: Instant,
        wall: impl Fn() -> Timestamp,
    ) {
        if self.next_report.is_some_and(|due| now < due) {
            return;
        }
        self.next_report = Some(now + REPORT_INTERVAL);
        for (track, sender) in self.senders.iter().enumerate() {
            let Some(sender) = sender else { continue };
            let elapsed = timeline.rtp_time_at(track, mount_now_90k);
            let report = SenderReport {
                ssrc: sender.ssrc,
                wall: wall(),
                timestamp: sender.timestamp_base.wrapping_add(elapsed),
                packets: sender.packets,
                octets: sender.octets,
            }
            .to_bytes();
            match &sender.route {
                Route::Interleaved { rtcp: channel, .. } => {
                    self.pending.extend(rtp::interleaved_header(*channel, report.len() as u16));
                    self.pending.extend(report);
                }
                Route::Udp { rtcp, .. } => {
                    if let Err(error) = rtcp.try_send(&report) {
                        tracing::debug!(%error, "sender report lost");
                    }
                }
            }
        }
    }
}

fn socket_is_full(sent: io::Result<usize>) -> bool {
    sent.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
}

fn timestamp(sender: &Sender, timeline: &Timeline, frame: u64) -> u32 {
    sender.timestamp_base.wrapping_add(timeline.rtp_time(frame))
}

fn rtp_header(
    packet: &Packet,
    payload_type: u8,
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
) -> RtpHeader {
    RtpHeader { marker: packet.marker, payload_type, sequence, timestamp, ssrc }
}

fn write_batch(wire: &impl Wire, data: &[u8], scratch: &Scratch) -> io::Result<usize> {
    let mut slices = [IoSlice::new(&[]); 2 * BATCH_PACKETS_MAX];
    for (pair, queued) in slices.chunks_exact_mut(2).zip(&scratch.batch) {
        pair[0] = IoSlice::new(&scratch.headers[queued.header.clone()]);
        pair[1] = IoSlice::new(&data[queued.packet.data()]);
    }
    wire.try_write(&slices[..2 * scratch.batch.len()])
}

#[cfg(test)]
mod tests;
