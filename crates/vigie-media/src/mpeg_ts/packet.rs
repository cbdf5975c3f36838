//! Transport packets: PES packets and sections cut into pieces of 184 bytes.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::elementary::{AccessUnit, Elementary};

const PACKET_BYTES: usize = 188;
const HEADER_BYTES: usize = 4;
const PAYLOAD_BYTES: usize = PACKET_BYTES - HEADER_BYTES;
/// Continuity counters count modulo this.
const COUNTER: usize = 16;
/// Times have 33 bits.
const TIME_MASK: u64 = (1 << 33) - 1;

/// The packets of a segment.
pub(super) struct Packets {
    out: Vec<u8>,
    /// Packets with payload so far, by packet identifier.
    counts: BTreeMap<u16, usize>,
}

impl Packets {
    pub(super) fn with_capacity(size_bytes: usize) -> Self {
        Self { out: Vec::with_capacity(size_bytes), counts: BTreeMap::new() }
    }

    pub(super) fn into_bytes(self) -> Bytes {
        self.out.into()
    }

    /// A section of a table, which fits into one packet.
    pub(super) fn table(&mut self, pid: u16, section: &[u8]) {
        let start = self.out.len();
        self.head(pid, true, false);
        self.out.push(0); // the section begins at once
        self.out.extend_from_slice(section);
        self.out.resize(start + PACKET_BYTES, 0xFF);
    }

    /// A PES packet. `clock` is the reference that comes with it; `is_last` says that no other of this stream follows
    /// in the segment.
    pub(super) fn access_unit(
        &mut self,
        pid: u16,
        stream: &Elementary<'_>,
        unit: &AccessUnit,
        clock: Option<i64>,
        is_last: bool,
    ) {
        let data_bytes: usize = unit.pieces.iter().map(Bytes::len).sum();
        let head = pes_head(stream, unit, data_bytes);
        let mut field = adaptation_field(unit.key_frame, clock);
        let mut left = head.len() + data_bytes;
        let first_room = PAYLOAD_BYTES - field.len();
        let mut count = 1 + left.saturating_sub(first_room).div_ceil(PAYLOAD_BYTES);
        if is_last {
            // Up to 15 more packets, with less in each: there are bytes enough, for the head alone has 14.
            let so_far = self.counts.get(&pid).copied().unwrap_or(0) + count;
            count += so_far.next_multiple_of(COUNTER) - so_far;
        }
        let mut data = std::iter::once(&head[..]).chain(unit.pieces.iter().map(|piece| &piece[..]));
        let mut piece: &[u8] = &[];
        for index in 0..count {
            let room = PAYLOAD_BYTES - field.len();
            // At least one byte for each packet that follows.
            let take = room.min(left.saturating_sub(count - 1 - index));
            stuff(&mut field, room - take);
            self.head(pid, index == 0, !field.is_empty());
            self.out.append(&mut field);
            left -= take;
            let mut take = take;
            while take > 0 {
                if piece.is_empty() {
                    let Some(next) = data.next() else { break };
                    piece = next;
                    continue;
                }
                let (now, later) = piece.split_at(take.min(piece.len()));
                self.out.extend_from_slice(now);
                (piece, take) = (later, take - now.len());
            }
        }
    }

    fn head(&mut self, pid: u16, is_start: bool, has_field: bool) {
        let count = self.counts.entry(pid).or_default();
        let counter = (*count % COUNTER) as u8;
        *count += 1;
        let start = if is_start { 0x40 } else { 0 };
        let control = if has_field { 0x30 } else { 0x10 };
        self.out.extend_from_slice(&[
            0x47,
            start | (pid >> 8) as u8 & 0x1F,
            pid as u8,
            control | counter,
        ]);
    }
}

/// §2.4.3.4; empty when it would say nothing.
fn adaptation_field(key_frame: bool, clock: Option<i64>) -> Vec<u8> {
    let random_access = if key_frame { 0x40 } else { 0 };
    match clock {
        Some(clock) => {
            let base = clock.cast_unsigned() & TIME_MASK;
            let mut field = vec![7, random_access | 0x10];
            field.extend_from_slice(&((base >> 1) as u32).to_be_bytes());
            field.extend_from_slice(&[(base as u8) << 7 | 0x7E, 0]); // extension 0
            field
        }
        None if key_frame => vec![1, random_access],
        None => Vec::new(),
    }
}

/// Makes an adaptation field longer by `count` bytes.
fn stuff(field: &mut Vec<u8>, count: usize) {
    if count == 0 {
        return;
    }
    let size_bytes = field.len() + count;
    if field.is_empty() {
        field.push(0);
    }
    if field.len() == 1 && size_bytes > 1 {
        field.push(0);
    }
    field.resize(size_bytes, 0xFF);
    field[0] = (size_bytes - 1) as u8;
}

/// §2.4.3.6.
fn pes_head(stream: &Elementary<'_>, unit: &AccessUnit, data_bytes: usize) -> Vec<u8> {
    let has_dts = unit.dts != unit.pts;
    let times_bytes: u8 = if has_dts { 10 } else { 5 };
    let mut head = vec![0, 0, 1, stream.stream_id()];
    // 0 says that it ends where the next one begins, which only video may say.
    let size_bytes = u16::try_from(3 + usize::from(times_bytes) + data_bytes).unwrap_or(0);
    head.extend_from_slice(&size_bytes.to_be_bytes());
    head.extend_from_slice(&[0x84, if has_dts { 0xC0 } else { 0x80 }, times_bytes]); // aligned
    put_time(&mut head, if has_dts { 3 } else { 2 }, unit.pts);
    if has_dts {
        put_time(&mut head, 1, unit.dts);
    }
    head
}

fn put_time(out: &mut Vec<u8>, prefix: u8, time: i64) {
    let time = time.cast_unsigned() & TIME_MASK;
    out.extend_from_slice(&[
        prefix << 4 | ((time >> 30) as u8) << 1 | 1,
        (time >> 22) as u8,
        ((time >> 15) as u8) << 1 | 1,
        (time >> 7) as u8,
        (time as u8) << 1 | 1,
    ]);
}
