//! The bytes of RTP headers and RTCP sender reports (RFC 3550), and of their framing on the RTSP connection
//! (RFC 2326 §10.12).
//!
//! Pure: writes what it is given, keeps no state.

use vigie_media::Timestamp;

use crate::packetizer::RTP_HEADER_LEN;

/// `$`, channel, length.
pub(crate) const INTERLEAVED_HEADER_LEN: usize = 4;
/// Sender report without report blocks, then SDES with one CNAME.
pub(crate) const SENDER_REPORT_LEN: usize = 28 + SDES_LEN;

const VERSION: u8 = 2 << 6;
const SENDER_REPORT: u8 = 200;
const SOURCE_DESCRIPTION: u8 = 202;
const CNAME_ITEM: u8 = 1;
/// One name for all tracks of a client, so that receivers know that their clocks belong together.
const CNAME: &[u8; 6] = b"camera";
/// Header 4, SSRC 4, item 2 + 6, end of items padded to 4.
const SDES_LEN: usize = 20;
/// Seconds from 1900-01-01 to 1970-01-01.
const NTP_UNIX_OFFSET_SECONDS: i64 = 2_208_988_800;

/// The fields of an RTP header that differ from packet to packet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RtpHeader {
    pub(crate) marker: bool,
    pub(crate) payload_type: u8,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) ssrc: u32,
}

impl RtpHeader {
    pub(crate) fn to_bytes(self) -> [u8; RTP_HEADER_LEN] {
        let mut bytes = [0; RTP_HEADER_LEN];
        bytes[0] = VERSION;
        bytes[1] = u8::from(self.marker) << 7 | self.payload_type & 0x7f;
        bytes[2..4].copy_from_slice(&self.sequence.to_be_bytes());
        bytes[4..8].copy_from_slice(&self.timestamp.to_be_bytes());
        bytes[8..].copy_from_slice(&self.ssrc.to_be_bytes());
        bytes
    }
}

/// The framing of one binary packet on the RTSP connection.
pub(crate) fn interleaved_header(channel: u8, len: u16) -> [u8; INTERLEAVED_HEADER_LEN] {
    let [high, low] = len.to_be_bytes();
    [b'$', channel, high, low]
}

/// What a sender report says about one track of one client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SenderReport {
    pub(crate) ssrc: u32,
    /// Wall clock, and what the track's RTP clock shows at that same moment.
    pub(crate) wall: Timestamp,
    pub(crate) timestamp: u32,
    /// Packets and payload bytes sent so far, modulo 2^32.
    pub(crate) packets: u32,
    pub(crate) octets: u32,
}

impl SenderReport {
    /// A compound packet: SR (RFC 3550 §6.4.1), SDES with the CNAME (§6.5).
    pub(crate) fn to_bytes(self) -> [u8; SENDER_REPORT_LEN] {
        let mut bytes = [0; SENDER_REPORT_LEN];
        let (report, sdes) = bytes.split_at_mut(28);
        // Lengths count 32-bit words, less one.
        report[..4].copy_from_slice(&[VERSION, SENDER_REPORT, 0, 6]);
        report[4..8].copy_from_slice(&self.ssrc.to_be_bytes());
        report[8..16].copy_from_slice(&ntp(self.wall).to_be_bytes());
        report[16..20].copy_from_slice(&self.timestamp.to_be_bytes());
        report[20..24].copy_from_slice(&self.packets.to_be_bytes());
        report[24..28].copy_from_slice(&self.octets.to_be_bytes());
        sdes[..4].copy_from_slice(&[VERSION | 1, SOURCE_DESCRIPTION, 0, (SDES_LEN / 4 - 1) as u8]);
        sdes[4..8].copy_from_slice(&self.ssrc.to_be_bytes());
        sdes[8..10].copy_from_slice(&[CNAME_ITEM, CNAME.len() as u8]);
        sdes[10..16].copy_from_slice(CNAME);
        bytes
    }
}

/// 32.32 fixed-point seconds since 1900, modulo 2^32 seconds as RFC 3550 §4 has it.
fn ntp(wall: Timestamp) -> u64 {
    let millis = wall.as_millis();
    let seconds = millis.div_euclid(1000).wrapping_add(NTP_UNIX_OFFSET_SECONDS);
    let fraction = ((millis.rem_euclid(1000) as u64) << 32) / 1000;
    (seconds as u64 & 0xffff_ffff) << 32 | fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_rtp_header_has_its_fields_in_network_order() {
        let header = RtpHeader {
            marker: true,
            payload_type: 96,
            sequence: 0x0102,
            timestamp: 0x0304_0506,
            ssrc: 0x0708_090a,
        };
        assert_eq!(header.to_bytes(), [0x80, 0xe0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    }

    #[test]
    fn a_sender_report_is_a_compound_packet_with_a_cname() {
        let report = SenderReport {
            ssrc: 0x0a0b_0c0d,
            wall: Timestamp::from_millis(500),
            timestamp: 90_000,
            packets: 3,
            octets: 1000,
        };
        let mut expect = vec![0x80, 200, 0, 6, 0x0a, 0x0b, 0x0c, 0x0d];
        expect.extend([0x83, 0xaa, 0x7e, 0x80, 0x80, 0, 0, 0]); // 2208988800.5 s
        expect.extend([0, 1, 0x5f, 0x90, 0, 0, 0, 3, 0, 0, 3, 0xe8]);
        expect.extend([0x81, 202, 0, 4, 0x0a, 0x0b, 0x0c, 0x0d, 1, 6]);
        expect.extend(b"camera\0\0\0\0");
        assert_eq!(report.to_bytes()[..], expect);
    }

    #[test]
    fn ntp_time_survives_2036_and_times_before_1970() {
        assert_eq!(ntp(Timestamp::from_millis(2_085_978_496_000)) >> 32, 0);
        assert_eq!(ntp(Timestamp::from_millis(-250)), 2_208_988_799 << 32 | 0xc000_0000);
    }
}
