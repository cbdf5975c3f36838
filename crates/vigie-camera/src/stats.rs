//! What a mount has sent, for tests to compare with what was received.

use crate::timeline::Packet;

/// What one track of a mount has sent to all its clients together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrackStats {
    /// Whole frames: access units of video and AAC, packets of G.711.
    pub frames: u64,
    /// RTP packets.
    pub packets: u64,
    /// Bytes of RTP payload.
    pub payload_bytes: u64,
}

impl TrackStats {
    pub(crate) fn count(&mut self, packet: &Packet, ends_frame: bool) {
        self.frames += u64::from(ends_frame);
        self.packets += 1;
        self.payload_bytes += packet.payload_len() as u64;
    }
}

/// One mount at this moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MountStats {
    /// Clients that play now.
    pub clients: usize,
    /// Clients that were dropped because they did not read.
    pub clients_dropped: u64,
    /// By track, in the order of the SDP.
    pub tracks: Vec<TrackStats>,
}
