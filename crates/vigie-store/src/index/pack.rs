//! Packed fragment entries: each is stored as its difference from what the one before lets expect, because cameras
//! are regular. About 20 bytes a fragment, of which 8 are checksum and random bits.

use vigie_media::Timestamp;

use super::varint::{self, Reader};
use crate::error::IndexError;
use crate::fragment::FragmentEntry;

/// What the next entry is expected to be.
#[derive(Clone, Copy, Default)]
struct Expected {
    sequence: i64,
    producer_timestamp: i64,
    /// Server timestamp less producer timestamp.
    lag_ms: i64,
    /// Producer timestamp less timecode.
    base_ms: i64,
    duration_ms: i64,
    offset: i64,
}

impl Expected {
    fn after(entry: &FragmentEntry) -> Self {
        let producer = entry.producer_timestamp.as_millis();
        Self {
            sequence: (entry.sequence as i64).wrapping_add(1),
            producer_timestamp: producer.wrapping_add(i64::from(entry.duration_ms)),
            lag_ms: entry.server_timestamp.as_millis().wrapping_sub(producer),
            base_ms: producer.wrapping_sub(entry.timecode_ms),
            duration_ms: i64::from(entry.duration_ms),
            offset: entry.end() as i64,
        }
    }
}

/// Packs the entries of a media file, which are in order of offset. The uploaded state is not in it.
pub(super) fn pack(entries: &[FragmentEntry]) -> Vec<u8> {
    let mut out = Vec::with_capacity(entries.len() * 24);
    let mut expected = Expected::default();
    for entry in entries {
        let producer = entry.producer_timestamp.as_millis();
        let lag = entry.server_timestamp.as_millis().wrapping_sub(producer);
        let base = producer.wrapping_sub(entry.timecode_ms);
        varint::put_signed(&mut out, (entry.sequence as i64).wrapping_sub(expected.sequence));
        varint::put_signed(&mut out, producer.wrapping_sub(expected.producer_timestamp));
        varint::put_signed(&mut out, lag.wrapping_sub(expected.lag_ms));
        varint::put_signed(&mut out, base.wrapping_sub(expected.base_ms));
        varint::put_signed(&mut out, i64::from(entry.duration_ms) - expected.duration_ms);
        varint::put_signed(&mut out, (entry.offset as i64).wrapping_sub(expected.offset));
        varint::put(&mut out, entry.size_bytes);
        varint::put(
            &mut out,
            (u64::from(entry.frame_count) << 1) | u64::from(entry.begins_with_key_frame),
        );
        out.extend_from_slice(&entry.crc32c.to_le_bytes());
        out.extend_from_slice(&entry.number_tail.to_le_bytes());
        expected = Expected::after(entry);
    }
    out
}

/// The entries of a packed column, none marked uploaded.
pub(super) fn unpack(bytes: &[u8]) -> Result<Vec<FragmentEntry>, IndexError> {
    let mut reader = Reader::new(bytes, "a media file's fragments");
    let mut entries = Vec::new();
    let mut expected = Expected::default();
    while !reader.is_empty() {
        let sequence = expected.sequence.wrapping_add(reader.signed()?) as u64;
        let producer = expected.producer_timestamp.wrapping_add(reader.signed()?);
        let server = producer.wrapping_add(expected.lag_ms.wrapping_add(reader.signed()?));
        let base = expected.base_ms.wrapping_add(reader.signed()?);
        let duration = expected.duration_ms.wrapping_add(reader.signed()?);
        let offset = expected.offset.wrapping_add(reader.signed()?) as u64;
        let size_bytes = reader.unsigned()?;
        let frames = reader.unsigned()?;
        let entry = FragmentEntry {
            sequence,
            producer_timestamp: Timestamp::from_millis(producer),
            server_timestamp: Timestamp::from_millis(server),
            timecode_ms: producer.wrapping_sub(base),
            duration_ms: u32::try_from(duration).map_err(|_| reader.damaged())?,
            offset,
            size_bytes,
            frame_count: u32::try_from(frames >> 1).map_err(|_| reader.damaged())?,
            crc32c: reader.fixed_u32()?,
            number_tail: reader.fixed_u32()?,
            begins_with_key_frame: frames & 1 == 1,
            uploaded: false,
        };
        expected = Expected::after(&entry);
        entries.push(entry);
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_entry() -> impl Strategy<Value = FragmentEntry> {
        (any::<(u64, i64, i64, i64, u32)>(), any::<(u64, u64, u32, u32, u32, bool)>()).prop_map(
            |((sequence, producer, server, timecode_ms, duration_ms), rest)| {
                let (offset, size_bytes, frame_count, crc32c, number_tail, begins_with_key_frame) =
                    rest;
                FragmentEntry {
                    sequence,
                    producer_timestamp: Timestamp::from_millis(producer),
                    server_timestamp: Timestamp::from_millis(server),
                    timecode_ms,
                    duration_ms,
                    offset,
                    size_bytes,
                    frame_count,
                    crc32c,
                    number_tail,
                    begins_with_key_frame,
                    uploaded: false,
                }
            },
        )
    }

    proptest! {
        #[test]
        fn any_entries_read_back(entries in prop::collection::vec(any_entry(), 0..8)) {
            prop_assert_eq!(unpack(&pack(&entries)).unwrap(), entries);
        }

        #[test]
        fn hostile_bytes_are_refused_or_read(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _read_or_refused = unpack(&bytes).is_ok();
        }
    }

    #[test]
    fn a_cameras_fragments_take_few_bytes() {
        // 2 s at 4 Mbit/s with the jitter of a real camera.
        let mut offset = 700;
        let entries: Vec<FragmentEntry> = (0..128)
            .map(|number: i64| {
                let jitter = number * 7 % 40;
                let producer = 1_763_829_180_000 + number * 2000 + jitter;
                let size_bytes = (1_000_000 + number * 977 % 50_000) as u64;
                let entry = FragmentEntry {
                    sequence: 5_000_000 + number as u64,
                    producer_timestamp: Timestamp::from_millis(producer),
                    server_timestamp: Timestamp::from_millis(producer + 2100 + jitter * 3),
                    timecode_ms: producer,
                    duration_ms: 2000,
                    offset,
                    size_bytes,
                    frame_count: 50,
                    crc32c: 0x89AB_CDEF ^ number as u32,
                    number_tail: 0x0765_4321 ^ number as u32,
                    begins_with_key_frame: true,
                    uploaded: false,
                };
                offset = entry.end() + 74;
                entry
            })
            .collect();
        let per_fragment = pack(&entries).len() / entries.len();
        assert!(per_fragment <= 22, "{per_fragment} bytes");
    }
}
