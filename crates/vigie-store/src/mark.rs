//! Marks: what the index says of a media file and its fragments, kept in the file itself, so that an index can be
//! rebuilt from the files alone.
//!
//! A mark is an EBML Void element (RFC 8794 §11.3.2), which every Matroska reader skips, so that the file stays
//! playable. The layout of a media file is
//! `document header, file mark, { begin mark (hub only), fragment, end mark }*`.
//! Each mark carries its own CRC-32C, so that half a mark is not a mark.

use bytes::{Buf, BufMut};
use vigie_media::Timestamp;

use crate::fragment::{Extent, FragmentEntry, FragmentMeta, MediaFileId};

/// EBML id of Void: the first byte of every mark.
pub(crate) const VOID: u8 = 0xEC;
const MAGIC: &[u8; 5] = b"vigie";
/// Void id and a size of two bytes.
const ELEMENT_HEADER_BYTES: usize = 3;
const CHECKSUM_BYTES: usize = 4;
const FRAGMENT_BODY_BYTES: usize = MAGIC.len() + 1 + 8 * 4 + 4 + 8 + 4 + 4 + 4 + 1;

const KIND_FILE: u8 = b'F';
const KIND_BEGIN: u8 = b'B';
const KIND_END: u8 = b'E';

/// Length of a begin mark and of an end mark.
pub(crate) const FRAGMENT_MARK_BYTES: usize =
    ELEMENT_HEADER_BYTES + FRAGMENT_BODY_BYTES + CHECKSUM_BYTES;

/// No file mark is longer: a size of two bytes has 14 bits.
pub(crate) const FILE_MARK_BYTES_MAX: usize = ELEMENT_HEADER_BYTES + 0x3FFF;

/// A begin mark or an end mark.
pub(crate) type FragmentMark = [u8; FRAGMENT_MARK_BYTES];

/// The mark behind the document header: which file of which stream this is.
pub(crate) fn file_mark(id: MediaFileId, key: &str) -> Vec<u8> {
    let body_bytes = MAGIC.len() + 1 + 8 + key.len();
    let mut mark = Vec::with_capacity(ELEMENT_HEADER_BYTES + body_bytes + CHECKSUM_BYTES);
    put_element_header(&mut mark, body_bytes + CHECKSUM_BYTES);
    mark.put_slice(MAGIC);
    mark.put_u8(KIND_FILE);
    mark.put_u64(id.0);
    mark.put_slice(key.as_bytes());
    put_checksum(&mut mark);
    mark
}

/// A file mark: which media file this is, and where the mark ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileMark {
    pub(crate) id: MediaFileId,
    pub(crate) key: String,
    pub(crate) size_bytes: usize,
}

/// The file mark at the start of `bytes`.
pub(crate) fn parse_file_mark(bytes: &[u8]) -> Option<FileMark> {
    let head: &[u8; ELEMENT_HEADER_BYTES] = bytes.first_chunk()?;
    let size_bytes =
        ELEMENT_HEADER_BYTES + (u16::from_be_bytes([head[1], head[2]]) & 0x3FFF) as usize;
    let mark = bytes.get(..size_bytes)?;
    let (checked, checksum) = mark.split_at_checked(size_bytes.checked_sub(CHECKSUM_BYTES)?)?;
    let mut expected = Vec::with_capacity(ELEMENT_HEADER_BYTES + MAGIC.len() + 1);
    put_element_header(&mut expected, size_bytes - ELEMENT_HEADER_BYTES);
    expected.put_slice(MAGIC);
    expected.put_u8(KIND_FILE);
    let body = checked.strip_prefix(expected.as_slice())?;
    if crc32c::crc32c(checked).to_be_bytes() != checksum {
        return None;
    }
    let (id, key) = body.split_first_chunk()?;
    let key = std::str::from_utf8(key).ok()?.to_owned();
    Some(FileMark { id: MediaFileId(u64::from_be_bytes(*id)), key, size_bytes })
}

/// The mark in front of a fragment that is written as it grows.
pub(crate) fn begin_mark(meta: &FragmentMeta) -> FragmentMark {
    fragment_mark(KIND_BEGIN, &FragmentEntry::new(meta, Extent::default()))
}

/// The mark behind a whole fragment.
pub(crate) fn end_mark(entry: &FragmentEntry) -> FragmentMark {
    fragment_mark(KIND_END, entry)
}

/// The fragment that a begin mark at the start of `bytes` announces.
pub(crate) fn parse_begin_mark(bytes: &[u8]) -> Option<FragmentMeta> {
    Some(parse_fragment_mark(KIND_BEGIN, bytes)?.meta())
}

/// The fragment that an end mark at the start of `bytes` closes. Its offset is not in the mark: it is what lies
/// before by as many bytes as its size.
pub(crate) fn parse_end_mark(bytes: &[u8]) -> Option<FragmentEntry> {
    parse_fragment_mark(KIND_END, bytes)
}

/// Where a fragment ends with its end mark.
pub(crate) fn marked_end(entry: &FragmentEntry) -> u64 {
    entry.end().saturating_add(FRAGMENT_MARK_BYTES as u64)
}

fn fragment_mark(kind: u8, entry: &FragmentEntry) -> FragmentMark {
    let mut bytes = Vec::with_capacity(FRAGMENT_MARK_BYTES);
    put_element_header(&mut bytes, FRAGMENT_BODY_BYTES + CHECKSUM_BYTES);
    bytes.put_slice(MAGIC);
    bytes.put_u8(kind);
    bytes.put_u64(entry.sequence);
    bytes.put_i64(entry.producer_timestamp.as_millis());
    bytes.put_i64(entry.server_timestamp.as_millis());
    bytes.put_i64(entry.timecode_ms);
    bytes.put_u32(entry.duration_ms);
    bytes.put_u64(entry.size_bytes);
    bytes.put_u32(entry.frame_count);
    bytes.put_u32(entry.crc32c);
    bytes.put_u32(entry.number_tail);
    bytes.put_u8(u8::from(entry.begins_with_key_frame));
    put_checksum(&mut bytes);
    let mut mark = [0; FRAGMENT_MARK_BYTES];
    mark.copy_from_slice(&bytes);
    mark
}

fn parse_fragment_mark(kind: u8, bytes: &[u8]) -> Option<FragmentEntry> {
    let mark = bytes.get(..FRAGMENT_MARK_BYTES)?;
    let (checked, checksum) = mark.split_at(FRAGMENT_MARK_BYTES - CHECKSUM_BYTES);
    let mut expected = Vec::with_capacity(ELEMENT_HEADER_BYTES + MAGIC.len() + 1);
    put_element_header(&mut expected, FRAGMENT_BODY_BYTES + CHECKSUM_BYTES);
    expected.put_slice(MAGIC);
    expected.put_u8(kind);
    let mut body = checked.strip_prefix(expected.as_slice())?;
    if crc32c::crc32c(checked).to_be_bytes() != checksum {
        return None;
    }
    let sequence = body.get_u64();
    let producer_timestamp = Timestamp::from_millis(body.get_i64());
    let server_timestamp = Timestamp::from_millis(body.get_i64());
    let timecode_ms = body.get_i64();
    let duration_ms = body.get_u32();
    let size_bytes = body.get_u64();
    let frame_count = body.get_u32();
    let crc32c = body.get_u32();
    let number_tail = body.get_u32();
    let begins_with_key_frame = body.get_u8() != 0;
    let meta = FragmentMeta {
        sequence,
        producer_timestamp,
        server_timestamp,
        timecode_ms,
        number_tail,
        begins_with_key_frame,
    };
    let extent = Extent { offset: 0, size_bytes, duration_ms, frame_count, crc32c };
    Some(FragmentEntry::new(&meta, extent))
}

fn put_element_header(mark: &mut Vec<u8>, data_bytes: usize) {
    mark.put_u8(VOID);
    // A size of two bytes: 0b01 and 14 bits. Keys are at most 1024 bytes long.
    debug_assert!(data_bytes < 0x3FFF);
    mark.put_u16(0x4000 | (data_bytes as u16 & 0x3FFF));
}

fn put_checksum(mark: &mut Vec<u8>) {
    let checksum = crc32c::crc32c(mark);
    mark.put_u32(checksum);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> FragmentEntry {
        FragmentEntry {
            sequence: 122_001,
            producer_timestamp: Timestamp::from_millis(-5),
            server_timestamp: Timestamp::MAX,
            timecode_ms: i64::MIN,
            duration_ms: 2000,
            offset: 0,
            size_bytes: 1 << 40,
            frame_count: 50,
            crc32c: 0xDEAD_BEEF,
            number_tail: 0x0FFF_FFFF,
            begins_with_key_frame: true,
            uploaded: false,
        }
    }

    #[test]
    fn marks_read_back() {
        let entry = entry();
        assert_eq!(parse_end_mark(&end_mark(&entry)), Some(entry));
        assert_eq!(parse_begin_mark(&begin_mark(&entry.meta())), Some(entry.meta()));
        assert_eq!(parse_begin_mark(&end_mark(&entry)), None);
    }

    #[test]
    fn a_mark_with_any_flipped_or_missing_byte_is_no_mark() {
        let mark = end_mark(&entry());
        for position in 0..mark.len() {
            let mut flipped = mark;
            flipped[position] ^= 0x10;
            assert_eq!(parse_end_mark(&flipped), None, "byte {position}");
            assert_eq!(parse_end_mark(&mark[..position]), None, "{position} bytes");
        }
    }

    #[test]
    fn a_file_mark_reads_back_whole_or_not_at_all() {
        let mark = file_mark(MediaFileId(42), "gate/1");
        let expected =
            FileMark { id: MediaFileId(42), key: "gate/1".to_owned(), size_bytes: mark.len() };
        assert_eq!(parse_file_mark(&[&mark[..], b"more"].concat()), Some(expected));
        for position in 0..mark.len() {
            let mut flipped = mark.clone();
            flipped[position] ^= 0x10;
            assert_eq!(parse_file_mark(&flipped), None, "byte {position}");
            assert_eq!(parse_file_mark(&mark[..position]), None, "{position} bytes");
        }
        assert_eq!(parse_file_mark(&end_mark(&entry())), None);
    }

    #[test]
    fn marks_are_void_elements_of_their_own_length() {
        for mark in [end_mark(&entry()).to_vec(), file_mark(MediaFileId(7), &"k".repeat(1024))] {
            assert_eq!(mark[0], VOID);
            let size = usize::from(u16::from_be_bytes([mark[1], mark[2]]) & 0x3FFF);
            assert_eq!(ELEMENT_HEADER_BYTES + size, mark.len());
        }
    }
}
