//! What a media file's own bytes say of it, whole, damaged and cut.

use vigie_media::Timestamp;

use super::*;
use crate::fragment::MediaFileId;
use crate::mark::{begin_mark, end_mark, file_mark};

fn entry(sequence: u64, offset: usize, body: &[u8]) -> FragmentEntry {
    FragmentEntry {
        sequence,
        producer_timestamp: Timestamp::from_millis(sequence as i64 * 2000),
        server_timestamp: Timestamp::from_millis(sequence as i64 * 2000 + 5),
        timecode_ms: 0,
        duration_ms: 2000,
        offset: offset as u64,
        size_bytes: body.len() as u64,
        frame_count: 50,
        crc32c: crc32c::crc32c(body),
        number_tail: 7,
        begins_with_key_frame: true,
        uploaded: false,
    }
}

/// A media file of number 9 with these fragments, those of a hub with begin marks.
fn media_file(header: &[u8], bodies: &[Vec<u8>], is_hub: bool) -> (Vec<u8>, Vec<FragmentEntry>) {
    let mut bytes = header.to_vec();
    bytes.extend(file_mark(MediaFileId(9), "gate"));
    let mut entries = Vec::new();
    for (number, body) in bodies.iter().enumerate() {
        let at = if is_hub { bytes.len() + FRAGMENT_MARK_BYTES } else { bytes.len() };
        let entry = entry(number as u64 + 1, at, body);
        if is_hub {
            bytes.extend(begin_mark(&entry.meta()));
        }
        bytes.extend(body);
        bytes.extend(end_mark(&entry));
        entries.push(entry);
    }
    (bytes, entries)
}

fn bodies() -> Vec<Vec<u8>> {
    // Bytes of every value, so that the first byte of a mark is among them.
    (1..6u32).map(|seed| (0..900 * seed).map(|at| (at * seed) as u8).collect()).collect()
}

#[test]
fn a_file_says_what_it_holds() {
    for is_hub in [false, true] {
        let (bytes, entries) = media_file(b"header", &bodies(), is_hub);
        let contents = Contents::of(&bytes.into()).unwrap();
        assert_eq!((contents.mark.id, &*contents.mark.key), (MediaFileId(9), "gate"));
        assert_eq!(contents.header_size_bytes, 6);
        assert_eq!(contents.header_crc32c, crc32c::crc32c(b"header"));
        assert_eq!(contents.fragments, entries);
        assert_eq!((contents.open, contents.unknown_bytes), (None, 0));
    }
}

#[test]
fn damage_costs_the_fragment_that_it_hits() {
    let (bytes, entries) = media_file(b"header", &bodies(), false);
    for (number, hit) in entries.iter().enumerate() {
        for at in [hit.offset, hit.offset + 500, hit.end(), hit.end() + 69] {
            let mut bytes = bytes.clone();
            bytes[at as usize] ^= 0xFF;
            let contents = Contents::of(&bytes.into());
            // The header of the tests does not say where it ends: the first fragment's place does.
            if number == 0 {
                continue;
            }
            let contents = contents.unwrap_or_else(|| panic!("fragment {number}, byte {at}"));
            let mut left = entries.clone();
            left.remove(number);
            assert_eq!(contents.fragments, left, "fragment {number}, byte {at}");
            assert_eq!(contents.unknown_bytes, hit.size_bytes + FRAGMENT_MARK_BYTES as u64);
        }
    }
}

#[test]
fn what_another_store_wrote_within_a_fragment_is_not_taken_for_ours() {
    let (foreign, _) = media_file(b"foreign", &bodies(), true);
    let bodies = [bodies(), vec![foreign.clone()], bodies()].concat();
    // Its header is one that another store has marked.
    let header = [b"header".to_vec(), file_mark(MediaFileId(3), "elsewhere")].concat();
    let (bytes, entries) = media_file(&header, &bodies, false);
    let contents = Contents::of(&bytes.into()).unwrap();
    assert_eq!(
        (contents.mark.id, contents.header_size_bytes),
        (MediaFileId(9), header.len() as u64)
    );
    assert_eq!(contents.fragments, entries);
    assert_eq!(contents.unknown_bytes, 0);
}

#[test]
fn a_cut_anywhere_leaves_the_whole_fragments_before_it() {
    let (bytes, entries) = media_file(b"header", &bodies(), true);
    for end in (entries[0].end() as usize + FRAGMENT_MARK_BYTES..bytes.len()).step_by(37) {
        let contents = Contents::of(&Bytes::copy_from_slice(&bytes[..end])).unwrap();
        let whole = entries.iter().filter(|entry| marked_end(entry) <= end as u64).count();
        assert_eq!(contents.fragments, entries[..whole], "cut at {end}");
    }
}

#[test]
fn a_hubs_file_without_a_whole_frame_is_broken_off_so_long_as_its_bytes_are_as_written() {
    let (bytes, entries) = media_file(&EBML, &bodies()[..1], true);
    for end in [4, bytes.len() - FRAGMENT_MARK_BYTES, bytes.len() - 1] {
        assert!(is_broken_off(&bytes[..end]), "{end}");
    }
    assert!(!is_broken_off(&bytes), "its fragment has an end");
    assert!(!is_broken_off(&bytes[1..entries[0].offset as usize]), "no document begins so");
    // After a loss of power what is behind the begin mark may be whole frames with a hole before them.
    let begun = &bytes[..entries[0].offset as usize + 9];
    assert_eq!((may_be_media(begun, true), may_be_media(begun, false)), (false, true));
}
