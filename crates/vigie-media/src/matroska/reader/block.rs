//! SimpleBlock and BlockGroup: which frames a block holds and where their bytes are (RFC 9559 §10).

use std::ops::Range;

use super::error::ElementError;
use crate::matroska::ebml;
use crate::matroska::ids;

/// One block, laced or not. Ranges count from the first byte of the element's data that was given.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) track_number: u64,
    /// Ticks relative to the Cluster's timestamp.
    pub(super) relative_ticks: i16,
    pub(super) key_frame: bool,
    /// `BlockDuration` in ticks, of all frames together.
    pub(super) duration_ticks: Option<u64>,
    pub(super) frames: Frames,
}

/// The frames of a block; nearly always one, and then nothing is allocated.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frames {
    One(Range<usize>),
    Laced(Vec<Range<usize>>),
}

impl Frames {
    pub(super) fn ranges(&self) -> &[Range<usize>] {
        match self {
            Self::One(range) => std::slice::from_ref(range),
            Self::Laced(ranges) => ranges,
        }
    }
}

const KEY_FRAME: u8 = 0x80;
const LACING: u8 = 0x06;

/// Reads the data of a SimpleBlock.
pub(super) fn simple_block(data: &[u8]) -> Result<Block, ElementError> {
    let (mut block, flags) = block(data, 0..data.len())?;
    block.key_frame = flags & KEY_FRAME != 0;
    Ok(block)
}

/// Reads the data of a BlockGroup; `None` when it holds no Block.
pub(super) fn block_group(data: &[u8]) -> Result<Option<Block>, ElementError> {
    let mut found = None;
    let mut key_frame = true;
    let mut duration_ticks = None;
    let mut children = ebml::children(data);
    while let Some(child) = children.next() {
        let (id, value) = child?;
        match id {
            ids::BLOCK => {
                let end = children.position();
                found = Some(block(data, end - value.len()..end)?.0);
            }
            ids::REFERENCE_BLOCK => key_frame = false,
            ids::BLOCK_DURATION => duration_ticks = Some(ebml::uint(value)?),
            _ => {}
        }
    }
    Ok(found.map(|block| Block { key_frame, duration_ticks, ..block }))
}

fn block(data: &[u8], range: Range<usize>) -> Result<(Block, u8), ElementError> {
    let body = &data[range.clone()];
    let (track_number, len) = ebml::vint(body)?.ok_or(TOO_SHORT)?;
    let &[high, low, flags] = body.get(len..len + 3).ok_or(TOO_SHORT)? else {
        return Err(TOO_SHORT);
    };
    let payload = range.start + len + 3..range.end;
    let frames = match flags & LACING {
        0 => Frames::One(payload),
        lacing => Frames::Laced(laced(data, payload, lacing)?),
    };
    let relative_ticks = i16::from_be_bytes([high, low]);
    let key_frame = false;
    Ok((Block { track_number, relative_ticks, key_frame, duration_ticks: None, frames }, flags))
}

const TOO_SHORT: ElementError = ElementError::Structure("block is shorter than its header");
const BAD_LACING: ElementError = ElementError::Structure("laced frame sizes do not fit the block");

fn laced(
    data: &[u8],
    payload: Range<usize>,
    lacing: u8,
) -> Result<Vec<Range<usize>>, ElementError> {
    let mut at = payload.start;
    let count = usize::from(*data[..payload.end].get(at).ok_or(BAD_LACING)?) + 1;
    at += 1;
    // All sizes but the last, which is what remains.
    let mut sizes = Vec::with_capacity(count);
    match lacing {
        0x02 => {
            for _ in 1..count {
                let mut size = 0usize;
                loop {
                    let byte = *data[..payload.end].get(at).ok_or(BAD_LACING)?;
                    at += 1;
                    size += usize::from(byte);
                    if byte != 255 {
                        break;
                    }
                }
                sizes.push(size);
            }
        }
        0x06 => {
            let mut size = 0i64;
            for index in 1..count {
                let (value, len) = ebml::vint(&data[at..payload.end])?.ok_or(BAD_LACING)?;
                at += len;
                // The first size is plain, the next ones are differences, biased to be positive.
                let value = value as i64;
                size = if index == 1 { value } else { size + value - ((1 << (7 * len - 1)) - 1) };
                if size < 0 || size > payload.len() as i64 {
                    return Err(BAD_LACING); // Also keeps the sum from overflowing.
                }
                sizes.push(size as usize);
            }
        }
        _ => {
            let rest = payload.end - at;
            if !rest.is_multiple_of(count) {
                return Err(BAD_LACING);
            }
            sizes.resize(count - 1, rest / count);
        }
    }
    let mut frames = Vec::with_capacity(count);
    for size in sizes {
        let end = at.checked_add(size).filter(|&end| end <= payload.end).ok_or(BAD_LACING)?;
        frames.push(at..end);
        at = end;
    }
    frames.push(at..payload.end);
    Ok(frames)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(data: &[u8], expect: Result<&[&[u8]], ElementError>) {
        let frames = simple_block(data).map(|block| {
            block.frames.ranges().iter().map(|range| &data[range.clone()]).collect::<Vec<_>>()
        });
        assert_eq!(frames.as_deref().map_err(|&error| error), expect, "{data:02x?}");
    }

    #[test]
    fn frames_of_every_lacing_are_found() {
        check(&[0x81, 0, 5, 0x80, 1, 2, 3], Ok(&[&[1, 2, 3]]));
        check(&[0x81, 0, 5, 0x80], Ok(&[&[]]));
        check(&[0x81, 0, 5, 0x02, 2, 1, 2, 9, 8, 8, 7], Ok(&[&[9], &[8, 8], &[7]]));
        check(&[0x81, 0, 5, 0x04, 1, 9, 8], Ok(&[&[9], &[8]]));
        // EBML lacing: first size 1, then +1 (0xC0 is a difference of +1), the rest is the last frame.
        check(&[0x81, 0, 5, 0x06, 2, 0x81, 0xC0, 9, 8, 8, 7], Ok(&[&[9], &[8, 8], &[7]]));
    }

    #[test]
    fn sizes_that_do_not_fit_are_refused() {
        check(&[0x81, 0, 5], Err(TOO_SHORT));
        check(&[0x81, 0, 5, 0x02], Err(BAD_LACING));
        check(&[0x81, 0, 5, 0x02, 1, 9, 1], Err(BAD_LACING));
        check(&[0x81, 0, 5, 0x04, 1, 9, 8, 7], Err(BAD_LACING));
        check(&[0x81, 0, 5, 0x06, 2, 0x81, 0x80, 9], Err(BAD_LACING));
    }

    #[test]
    fn a_long_xiph_size_adds_up() {
        let mut data = vec![0x81, 0, 0, 0x02, 1, 255, 45];
        data.extend([0xAA; 300]);
        data.push(7);
        let block = simple_block(&data).unwrap();
        assert_eq!(block.frames, Frames::Laced(vec![7..307, 307..308]));
    }

    #[test]
    fn a_block_group_is_a_key_frame_unless_it_refers_to_another_block() {
        let plain = [0xA1, 0x85, 0x82, 0xFF, 0xFE, 0, 42, 0x9B, 0x81, 40];
        let block = block_group(&plain).unwrap().unwrap();
        assert_eq!((block.track_number, block.relative_ticks), (2, -2));
        assert_eq!((block.key_frame, block.duration_ticks), (true, Some(40)));
        assert_eq!(&plain[block.frames.ranges()[0].clone()], [42]);

        let referring = [0xA1, 0x85, 0x82, 0, 1, 0, 42, 0xFB, 0x81, 0xF0];
        assert!(!block_group(&referring).unwrap().unwrap().key_frame);
        assert_eq!(block_group(&[]), Ok(None));
    }
}
