//! Program-specific information (ISO/IEC 13818-1 §2.4.4): one program, its streams.

use super::elementary::Elementary;

pub(super) const PAT_PID: u16 = 0;
pub(super) const PMT_PID: u16 = 0x1000;
const PROGRAM: u16 = 1;

/// The packet identifier of the stream at `index`.
pub(super) fn elementary_pid(index: usize) -> u16 {
    0x100 + (index as u16 & 0xFF)
}

/// The program association section.
pub(super) fn program_association() -> Vec<u8> {
    let mut content = PROGRAM.to_be_bytes().to_vec();
    content.extend_from_slice(&(0xE000 | PMT_PID).to_be_bytes());
    section(0x00, 1, &content)
}

/// The program map section; the first stream carries the clock.
pub(super) fn program_map(streams: &[Elementary<'_>]) -> Vec<u8> {
    let mut content = (0xE000 | elementary_pid(0)).to_be_bytes().to_vec();
    content.extend_from_slice(&0xF000u16.to_be_bytes()); // no descriptors of the program
    for (index, stream) in streams.iter().enumerate() {
        content.push(stream.stream_type());
        content.extend_from_slice(&(0xE000 | elementary_pid(index)).to_be_bytes());
        content.extend_from_slice(&0xF000u16.to_be_bytes()); // no descriptors of the stream
    }
    section(0x02, PROGRAM, &content)
}

/// A whole section, the only one of its table, in its first version.
fn section(table_id: u8, id: u16, content: &[u8]) -> Vec<u8> {
    let length = (5 + content.len() + 4) as u16;
    let mut out = vec![table_id];
    out.extend_from_slice(&(0xB000 | length).to_be_bytes());
    out.extend_from_slice(&id.to_be_bytes());
    out.extend_from_slice(&[0xC1, 0, 0]); // version 0, in force, section 0 of 0
    out.extend_from_slice(content);
    out.extend_from_slice(&crc32(&out).to_be_bytes());
    out
}

/// CRC-32 of MPEG (ISO/IEC 13818-1 Annex A).
fn crc32(data: &[u8]) -> u32 {
    data.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte) << 24, |crc, _| {
            crc << 1 ^ if crc & 1 << 31 == 0 { 0 } else { 0x04C1_1DB7 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_mpeg() {
        // The check value of CRC-32/MPEG-2.
        assert_eq!(crc32(b"123456789"), 0x0376_E6E7);
    }
}
