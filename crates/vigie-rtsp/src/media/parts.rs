//! The bytes of an access unit while it is put together: slices of what was received, and few small pieces of our own.
//!
//! A slice keeps the whole buffer alive in which it was received. So what is small is copied, and behind
//! [`SLICES_MAX`] slices everything is: a unit that came in crumbs holds no more than so many buffers, besides its bytes. A
//! unit that is not whole at the end of a read can let the buffers go ([`Parts::detach`]).

use bytes::{Bytes, BytesMut};
use vigie_media::FrameData;

/// Slices of receive buffers in one unit. A picture of 256 full packets is 350 kB: most never get there.
const SLICES_MAX: usize = 256;
/// What is shorter is copied: that costs no more than another reference would.
const COPY_BELOW_BYTES: usize = 64;
/// Parts of one unit, 32 bytes each.
const PARTS_MAX: usize = 16 * 1024;

/// Where small pieces are written, one allocation for many.
#[derive(Debug, Default)]
pub(super) struct Arena(BytesMut);

impl Arena {
    const CHUNK_BYTES: usize = 4 * 1024;

    /// The pieces in a row.
    pub(super) fn put(&mut self, pieces: [&[u8]; 2]) -> Bytes {
        let bytes = pieces.iter().map(|piece| piece.len()).sum();
        if self.0.capacity() < bytes {
            self.0 = BytesMut::with_capacity(Self::CHUNK_BYTES.max(bytes));
        }
        pieces.iter().for_each(|piece| self.0.extend_from_slice(piece));
        self.0.split().freeze()
    }
}

/// More than a unit may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLarge;

/// Bytes in parts.
#[derive(Debug, Default)]
pub(super) struct Parts {
    parts: Vec<Bytes>,
    bytes: usize,
    slices: usize,
    /// The first so many parts are in memory of our own.
    own: usize,
}

impl Parts {
    /// Makes room for so many, when there are none yet.
    pub(super) fn expect(&mut self, parts: usize) {
        if self.parts.is_empty() {
            self.parts.reserve(parts);
        }
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many there are: where the next goes.
    pub(super) fn len(&self) -> usize {
        self.parts.len()
    }

    /// Appends what was received.
    pub(super) fn push(
        &mut self,
        part: Bytes,
        arena: &mut Arena,
        bytes_max: usize,
    ) -> Result<(), TooLarge> {
        let part = match part.len() {
            0 => return Ok(()),
            short if short < COPY_BELOW_BYTES || self.slices >= SLICES_MAX => {
                arena.put([&part, &[]])
            }
            _ => {
                self.slices += 1;
                part
            }
        };
        self.append(part, bytes_max)
    }

    /// Appends a piece that is ours.
    pub(super) fn append(&mut self, part: Bytes, bytes_max: usize) -> Result<(), TooLarge> {
        if self.bytes + part.len() > bytes_max || self.parts.len() >= PARTS_MAX {
            return Err(TooLarge);
        }
        self.bytes += part.len();
        self.parts.push(part);
        Ok(())
    }

    /// Keeps a place for a piece that is known only later.
    pub(super) fn reserve(&mut self) -> usize {
        self.parts.push(Bytes::new());
        self.parts.len() - 1
    }

    /// Fills a place that was kept.
    pub(super) fn fill(&mut self, at: usize, part: Bytes) {
        if let Some(place) = self.parts.get_mut(at) {
            self.bytes += part.len();
            *place = part;
        }
    }

    /// Puts pieces of our own before all others, but behind the first NAL unit where `stays_first` says so of it. A length
    /// and a NAL unit are a part each.
    pub(super) fn insert_behind(
        &mut self,
        stays_first: impl Fn(&[u8]) -> bool,
        pieces: Vec<Bytes>,
    ) {
        let at = if self.parts.get(1).is_some_and(|nal| stays_first(nal)) { 2 } else { 0 };
        self.bytes += pieces.iter().map(Bytes::len).sum::<usize>();
        self.parts.splice(at..at, pieces);
    }

    /// Bytes from the part `at` on.
    pub(super) fn bytes_from(&self, at: usize) -> usize {
        self.parts.get(at..).map_or(0, |parts| parts.iter().map(Bytes::len).sum())
    }

    /// Copies what lies in receive buffers: none is held any more. Each byte is copied once, however often this is asked.
    pub(super) fn detach(&mut self) {
        if self.slices > 0 {
            let parts = self.parts.get_mut(self.own..).unwrap_or_default();
            let mut own = BytesMut::with_capacity(parts.iter().map(Bytes::len).sum());
            for part in parts {
                own.extend_from_slice(part);
                *part = own.split().freeze();
            }
            self.slices = 0;
        }
        self.own = self.parts.len();
    }

    /// Takes off the parts from `at` on.
    pub(super) fn split_off(&mut self, at: usize) -> Self {
        let parts = self.parts.split_off(at.min(self.parts.len()));
        let bytes = parts.iter().map(Bytes::len).sum();
        self.bytes -= bytes;
        // Which of them are slices is not kept; few are ever taken off.
        let slices = parts.len().min(self.slices);
        self.slices -= slices;
        let own = self.own.saturating_sub(self.parts.len());
        self.own -= own;
        Self { parts, bytes, slices, own }
    }

    pub(super) fn into_data(self) -> FrameData {
        FrameData::from(self.parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_share_allocations() {
        let mut arena = Arena::default();
        let one = arena.put([&[1, 2], &[3]]);
        let two = arena.put([&[4], &[]]);
        assert_eq!((&one[..], &two[..]), (&[1, 2, 3][..], &[4][..]));
        assert_eq!(one.as_ptr() as usize + 3, two.as_ptr() as usize);
        assert_eq!(arena.put([&[7; 5_000], &[]]).len(), 5_000);
    }

    #[test]
    fn a_place_is_filled_later_and_what_is_taken_off_is_gone() {
        let (mut arena, mut parts) = (Arena::default(), Parts::default());
        let at = parts.reserve();
        parts.push(Bytes::from(vec![2; 100]), &mut arena, 1_000).unwrap();
        parts.fill(at, Bytes::from_static(&[1]));
        assert_eq!((parts.bytes(), parts.bytes_from(1), parts.len()), (101, 100, 2));
        let off = parts.split_off(1);
        assert_eq!((parts.bytes(), off.bytes()), (1, 100));
        assert_eq!(parts.into_data().to_bytes(), Bytes::from_static(&[1]));
    }

    #[test]
    fn what_is_detached_is_the_same_and_holds_no_buffer() {
        let (mut arena, mut parts) = (Arena::default(), Parts::default());
        let buffer = Bytes::from((0..=255).collect::<Vec<u8>>());
        let at = parts.reserve();
        parts.push(buffer.slice(..100), &mut arena, 1_000).unwrap();
        parts.detach();
        let address = parts.parts[1].as_ptr();
        parts.push(buffer.slice(100..), &mut arena, 1_000).unwrap();
        parts.fill(at, Bytes::from_static(&[7]));
        parts.detach();
        assert_eq!(parts.parts[1].as_ptr(), address, "copied once");
        let is_unique = buffer.try_into_mut().is_ok();
        assert!(is_unique, "the buffer is free");
        let mut off = parts.split_off(2);
        assert_eq!((parts.bytes(), off.bytes()), (101, 156));
        let more = Bytes::from(vec![9; 100]);
        off.push(more.clone(), &mut arena, 1_000).unwrap();
        off.detach();
        assert!(more.try_into_mut().is_ok());
        let all = [parts.into_data().to_bytes(), off.into_data().to_bytes()].concat();
        let expected = [7].into_iter().chain(0..=255).chain([9; 100]).collect::<Vec<u8>>();
        assert_eq!(all, expected);
    }

    #[test]
    fn a_unit_in_crumbs_holds_few_buffers_and_is_bounded() {
        let (mut arena, mut parts) = (Arena::default(), Parts::default());
        let buffer = Bytes::from(vec![7; 65_536]);
        let slice = buffer.slice(..100);
        let pushed =
            (0..).take_while(|_| parts.push(slice.clone(), &mut arena, 10_000_000).is_ok());
        assert_eq!(pushed.count(), PARTS_MAX);
        let of_buffer = |part: &&Bytes| part.as_ptr() == buffer.as_ptr();
        assert_eq!(parts.parts.iter().filter(of_buffer).count(), SLICES_MAX);
        let mut parts = Parts::default();
        assert_eq!(parts.push(slice.clone(), &mut arena, 99), Err(TooLarge));
        assert_eq!(parts.push(slice.slice(..10), &mut arena, 99), Ok(()));
    }
}
