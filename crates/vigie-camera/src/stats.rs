//! What a mount has sent, and when: for tests and measurements to compare with what was received.

use std::collections::VecDeque;
use std::time::Instant;

use vigie_media::Timestamp;

use crate::timeline::Packet;

/// Groups that are kept for whoever asks; older ones are forgotten.
const GROUPS_MAX: usize = 64;

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

/// One group of pictures as it left: a key frame and all pictures up to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SentGroup {
    /// When its key frame had left, by the camera's wall clock.
    pub begun: Timestamp,
    /// When the last packet of its last picture had left.
    pub ended: Instant,
    /// Its pictures.
    pub frames: u64,
}

/// The groups that a mount has sent. It is known that one has ended when the next begins.
#[derive(Clone, Debug, Default)]
pub(crate) struct GroupLog {
    open: Option<SentGroup>,
    ended: VecDeque<SentGroup>,
}

impl GroupLog {
    /// A whole picture has left, with all before it.
    pub(crate) fn picture(&mut self, key_frame: bool, at: Instant, wall: Timestamp) {
        if key_frame {
            let begins = SentGroup { begun: wall, ended: at, frames: 1 };
            if let Some(ended) = self.open.replace(begins) {
                self.ended.truncate(GROUPS_MAX - 1);
                self.ended.push_front(ended);
            }
        } else if let Some(open) = &mut self.open {
            open.ended = at;
            open.frames += 1;
        }
    }

    /// What has ended since the last call, oldest first.
    pub(crate) fn take(&mut self) -> Vec<SentGroup> {
        self.ended.drain(..).rev().collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::*;

    #[test]
    fn a_group_ends_with_its_last_picture_and_is_told_once() {
        let begin = Instant::now().into_std();
        let at = |ms: u64| begin + Duration::from_millis(ms);
        let mut log = GroupLog::default();
        // A client that joins within a group has nothing to show before the next key frame.
        log.picture(false, at(0), Timestamp::from_millis(0));
        for (number, key_frame) in [true, false, false, true, true].into_iter().enumerate() {
            let ms = 40 * number as u64;
            log.picture(key_frame, at(ms), Timestamp::from_millis(1000 + ms as i64));
        }
        let group = |begun, ended, frames| {
            let (begun, ended) = (Timestamp::from_millis(begun), at(ended));
            SentGroup { begun, ended, frames }
        };
        assert_eq!(log.take(), [group(1000, 80, 3), group(1120, 120, 1)]);
        assert_eq!(log.take(), []);
    }

    #[test]
    fn groups_that_nobody_takes_are_forgotten() {
        let at = Instant::now().into_std();
        let mut log = GroupLog::default();
        for number in 0..1000 {
            log.picture(true, at, Timestamp::from_millis(number));
        }
        let left = log.take();
        assert_eq!(left.len(), GROUPS_MAX);
        assert_eq!(left.last().map(|group| group.begun), Some(Timestamp::from_millis(998)));
    }
}
