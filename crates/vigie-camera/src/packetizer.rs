//! Frames to RTP payloads: H.264 (RFC 6184), H.265 (RFC 7798), AAC-hbr (RFC 3640) and G.711 (RFC 3551).
//!
//! Decides only where the cuts are. A payload refers to the file's bytes, nothing is copied and nothing is changed:
//! a receiver puts together each NAL unit byte for byte as it is in the file.

use std::ops::Range;

use crate::timeline::Packet;

/// Longest RTP packet, header included; stays below an Ethernet frame with UDP, IP and a tunnel around it.
pub(crate) const PACKET_BYTES_MAX: usize = 1400;
/// Fixed RTP header (RFC 3550 §5.1).
pub(crate) const RTP_HEADER_LEN: usize = 12;
const PAYLOAD_BYTES_MAX: usize = PACKET_BYTES_MAX - RTP_HEADER_LEN;

/// FU-A (RFC 6184 §5.8).
const H264_FU_A: u8 = 28;
/// FU (RFC 7798 §4.4.3).
const H265_FU: u8 = 49;
const FU_START: u8 = 0x80;
const FU_END: u8 = 0x40;
/// AU-size has 13 bits in mode AAC-hbr (RFC 3640 §3.3.6).
const AAC_AU_BYTES_MAX: usize = (1 << 13) - 1;

/// How a track's frames become packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PayloadFormat {
    /// NAL units behind a length of so many bytes (1 to 4).
    H264 { nal_length_size: usize },
    /// NAL units behind a length of so many bytes (1 to 4).
    H265 { nal_length_size: usize },
    /// One raw access unit.
    Aac,
    /// Raw bytes, one per sample and channel.
    G711,
}

/// Appends the packets of one frame, the `frame` range of `file`. Returns why it cannot.
pub(crate) fn packetize(
    format: PayloadFormat,
    file: &[u8],
    frame: Range<usize>,
    packets: &mut Vec<Packet>,
) -> Result<(), &'static str> {
    let first = packets.len();
    match format {
        PayloadFormat::H264 { nal_length_size } => {
            each_nal_unit(file, frame, nal_length_size, |nal| h264(file, nal, packets))?;
        }
        PayloadFormat::H265 { nal_length_size } => {
            each_nal_unit(file, frame, nal_length_size, |nal| h265(file, nal, packets))?;
        }
        PayloadFormat::Aac => return aac(frame, packets),
        PayloadFormat::G711 => {
            g711(frame, packets);
            return Ok(());
        }
    }
    // The marker ends the access unit (RFC 6184 §5.1, RFC 7798 §4.1).
    if packets.len() > first
        && let Some(last) = packets.last_mut()
    {
        last.marker = true;
    }
    Ok(())
}

fn each_nal_unit(
    file: &[u8],
    frame: Range<usize>,
    nal_length_size: usize,
    mut packetize_nal: impl FnMut(Range<usize>) -> Result<(), &'static str>,
) -> Result<(), &'static str> {
    let mut at = frame.start;
    while at < frame.end {
        let start = at + nal_length_size;
        let length = file.get(at..start.min(frame.end)).filter(|len| len.len() == nal_length_size);
        let length = length.ok_or("a NAL unit's length is cut off")?;
        let length = length.iter().fold(0_usize, |sum, &byte| sum << 8 | usize::from(byte));
        if length > frame.end - start {
            return Err("a NAL unit is longer than its frame");
        }
        at = start + length;
        // An empty NAL unit carries nothing and has no RTP form.
        if length > 0 {
            packetize_nal(start..at)?;
        }
    }
    Ok(())
}

fn h264(file: &[u8], nal: Range<usize>, packets: &mut Vec<Packet>) -> Result<(), &'static str> {
    if nal.len() <= PAYLOAD_BYTES_MAX {
        packets.push(Packet::new(&[], nal, false));
        return Ok(());
    }
    let header = file[nal.start];
    let indicator = header & 0xe0 | H264_FU_A;
    for (data, start_end) in fragments(nal.start + 1..nal.end, PAYLOAD_BYTES_MAX - 2) {
        packets.push(Packet::new(&[indicator, start_end | header & 0x1f], data, false));
    }
    Ok(())
}

fn h265(file: &[u8], nal: Range<usize>, packets: &mut Vec<Packet>) -> Result<(), &'static str> {
    if nal.len() < 2 {
        return Err("an H.265 NAL unit is shorter than its header");
    }
    if nal.len() <= PAYLOAD_BYTES_MAX {
        packets.push(Packet::new(&[], nal, false));
        return Ok(());
    }
    let header = [file[nal.start], file[nal.start + 1]];
    let payload_header = header[0] & 0x81 | H265_FU << 1;
    let nal_type = header[0] >> 1 & 0x3f;
    for (data, start_end) in fragments(nal.start + 2..nal.end, PAYLOAD_BYTES_MAX - 3) {
        packets.push(Packet::new(&[payload_header, header[1], start_end | nal_type], data, false));
    }
    Ok(())
}

/// Cuts a range, longer than `len_max`, and says for each piece whether it is the first or the last.
fn fragments(range: Range<usize>, len_max: usize) -> impl Iterator<Item = (Range<usize>, u8)> {
    let Range { start, end } = range;
    (start..end).step_by(len_max).map(move |at| {
        let piece = at..end.min(at + len_max);
        let start_bit = if at == start { FU_START } else { 0 };
        let end_bit = if piece.end == end { FU_END } else { 0 };
        (piece, start_bit | end_bit)
    })
}

/// One access unit a packet; a long one in fragments that all carry the whole size (RFC 3640 §3.2.3).
fn aac(unit: Range<usize>, packets: &mut Vec<Packet>) -> Result<(), &'static str> {
    if unit.len() > AAC_AU_BYTES_MAX {
        return Err("an AAC access unit is longer than 8191 bytes");
    }
    // AU-headers-length 16 bits; then AU-size 13 bits, AU-Index 3 bits.
    let [high, low] = ((unit.len() as u16) << 3).to_be_bytes();
    for (data, start_end) in fragments(unit, PAYLOAD_BYTES_MAX - 4) {
        packets.push(Packet::new(&[0, 16, high, low], data, start_end & FU_END != 0));
    }
    Ok(())
}

/// No marker: it begins a talkspurt (RFC 3551 §4.1), and a camera's microphone never pauses.
fn g711(samples: Range<usize>, packets: &mut Vec<Packet>) {
    for (data, _) in fragments(samples, PAYLOAD_BYTES_MAX) {
        packets.push(Packet::new(&[], data, false));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(format: PayloadFormat, frame: &[u8]) -> Vec<(Vec<u8>, bool)> {
        // The frame stands somewhere in the file.
        let file = [b"before", frame, b"after"].concat();
        let mut packets = Vec::new();
        packetize(format, &file, 6..6 + frame.len(), &mut packets).unwrap();
        packets
            .iter()
            .map(|packet| ([packet.prefix(), &file[packet.data()]].concat(), packet.marker))
            .collect()
    }

    fn with_lengths(units: &[&[u8]]) -> Vec<u8> {
        units
            .iter()
            .flat_map(|unit| [&(unit.len() as u32).to_be_bytes()[..], unit].concat())
            .collect()
    }

    const H264: PayloadFormat = PayloadFormat::H264 { nal_length_size: 4 };
    const H265: PayloadFormat = PayloadFormat::H265 { nal_length_size: 4 };

    #[test]
    fn small_nal_units_are_single_packets_and_the_last_is_marked() {
        let packets = check(H264, &with_lengths(&[&[0x67, 1], &[0x68, 2], &[0x65, 3, 4]]));
        let expect: &[(&[u8], bool)] =
            &[(&[0x67, 1], false), (&[0x68, 2], false), (&[0x65, 3, 4], true)];
        let packets: Vec<_> = packets.iter().map(|(bytes, marker)| (&bytes[..], *marker)).collect();
        assert_eq!(packets, expect);
    }

    #[test]
    fn a_large_h264_nal_unit_is_cut_into_fu_a_and_comes_together_again() {
        let mut nal = vec![0x65];
        nal.extend((0..4000_u32).map(|n| n as u8));
        let packets = check(H264, &with_lengths(&[&nal]));
        let headers: Vec<_> =
            packets.iter().map(|(bytes, marker)| (bytes[0], bytes[1], *marker)).collect();
        assert_eq!(headers, [(0x7c, 0x85, false), (0x7c, 0x05, false), (0x7c, 0x45, true)]);
        assert!(packets.iter().all(|(bytes, _)| bytes.len() <= PAYLOAD_BYTES_MAX));
        let together: Vec<u8> = packets.iter().flat_map(|(bytes, _)| bytes[2..].to_vec()).collect();
        assert_eq!(together, nal[1..]);
    }

    #[test]
    fn a_large_h265_nal_unit_is_cut_into_fu_and_comes_together_again() {
        // IDR_W_RADL (19), layer 0, temporal id 1.
        let mut nal = vec![19 << 1, 1];
        nal.extend((0..3000_u32).map(|n| n as u8));
        let packets = check(H265, &with_lengths(&[&nal]));
        let headers: Vec<_> =
            packets.iter().map(|(bytes, marker)| (bytes[0], bytes[1], bytes[2], *marker)).collect();
        let expect = [(98, 1, 0x80 | 19, false), (98, 1, 19, false), (98, 1, 0x40 | 19, true)];
        assert_eq!(headers, expect);
        let together: Vec<u8> = packets.iter().flat_map(|(bytes, _)| bytes[3..].to_vec()).collect();
        assert_eq!(together, nal[2..]);
    }

    #[test]
    fn a_nal_unit_of_exactly_the_bound_is_one_packet() {
        let nal = vec![0x41; PAYLOAD_BYTES_MAX];
        assert_eq!(check(H264, &with_lengths(&[&nal])).len(), 1);
        let nal = vec![0x41; PAYLOAD_BYTES_MAX + 1];
        assert_eq!(check(H264, &with_lengths(&[&nal])).len(), 2);
    }

    #[test]
    fn an_aac_unit_carries_its_size_in_the_au_header() {
        assert_eq!(
            check(PayloadFormat::Aac, &[7; 100]),
            [([&[0, 16, 3, 0x20][..], &[7; 100]].concat(), true)]
        );
        let fragments = check(PayloadFormat::Aac, &[7; 2000]);
        assert_eq!(fragments.iter().map(|(_, marker)| *marker).collect::<Vec<_>>(), [false, true]);
        assert!(fragments.iter().all(|(bytes, _)| bytes[..4] == [0, 16, 0x3e, 0x80]));
    }

    #[test]
    fn damaged_frames_are_refused() {
        for (frame, expect) in [
            (&[0, 0, 0][..], "a NAL unit's length is cut off"),
            (&[0, 0, 0, 2, 0x65][..], "a NAL unit is longer than its frame"),
            (&[0xff, 0xff, 0xff, 0xff, 0x65][..], "a NAL unit is longer than its frame"),
        ] {
            assert_eq!(packetize(H264, frame, 0..frame.len(), &mut Vec::new()), Err(expect));
        }
        assert!(packetize(PayloadFormat::Aac, &[], 0..9000, &mut Vec::new()).is_err());
        assert!(packetize(H265, &[0, 0, 0, 1, 0x26], 0..5, &mut Vec::new()).is_err());
    }

    #[test]
    fn an_empty_nal_unit_is_left_out() {
        assert_eq!(check(H264, &with_lengths(&[&[], &[0x65, 1], &[]])), [(vec![0x65, 1], true)]);
    }
}
