//! What is sent to the camera beside RTSP (RFC 3550): reports without blocks, which say that somebody listens, and
//! datagrams that open the way back through firewalls.

use bytes::Bytes;

/// A packet without its fixed header (RFC 3550 section 5.1) is none.
pub(crate) const RTP_BYTES_MIN: usize = 12;
/// The shortest RTCP packet says who sent it.
pub(crate) const RTCP_BYTES_MIN: usize = 8;

/// As CNAME: it names nobody.
const CNAME: &[u8; 5] = b"vigie";

/// A receiver report without blocks and a source description (sections 6.4.2 and 6.5).
pub(crate) fn receiver_report(ssrc: u32) -> Bytes {
    let ssrc = ssrc.to_be_bytes();
    let mut report = vec![0x80, 201, 0, 1];
    report.extend_from_slice(&ssrc);
    // Version 2, one chunk; four 32-bit words behind the first: SSRC, and the item with its end padded to 8 bytes.
    report.extend_from_slice(&[0x81, 202, 0, 3]);
    report.extend_from_slice(&ssrc);
    report.extend_from_slice(&[1, CNAME.len() as u8]);
    report.extend_from_slice(CNAME);
    report.push(0);
    Bytes::from(report)
}

/// An RTP packet without a payload, as other clients send it to the camera's media port.
pub(crate) fn opening_packet(ssrc: u32) -> Bytes {
    let mut packet = vec![0x80, 0, 0, 0, 0, 0, 0, 0];
    packet.extend_from_slice(&ssrc.to_be_bytes());
    Bytes::from(packet)
}

/// A short packet as an interleaved frame (RFC 2326 section 10.12).
pub(crate) fn interleaved(channel: u8, packet: &[u8]) -> Bytes {
    let size_bytes = u16::try_from(packet.len()).unwrap_or(0).to_be_bytes();
    let [high, low] = size_bytes;
    let mut frame = vec![b'$', channel, high, low];
    frame.extend_from_slice(packet);
    Bytes::from(frame)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_a_compound_of_whole_words() {
        let report = receiver_report(0x0102_0304);
        assert_eq!(
            report.as_ref(),
            b"\x80\xc9\x00\x01\x01\x02\x03\x04\x81\xca\x00\x03\x01\x02\x03\x04\x01\x05vigie\x00"
        );
        assert_eq!(opening_packet(1).len(), RTP_BYTES_MIN);
    }
}
