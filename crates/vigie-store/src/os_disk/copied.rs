//! Small parts that wait to be written, copied to where they will be written from.
//!
//! A camera's frames are some hundred slices a second of what was received, and slices keep whole receive buffers. Here
//! they are put in a row, in memory that begins on a block as the file does at that place: so it is written past the page
//! cache as it is, and through it in one piece. What lies before them in their first block is left free.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

use crate::disk::BLOCK_BYTES;

/// A camera's frames of a hand-over fill two or three.
pub(super) const RUN_BYTES_MAX: usize = 32 << 10;
/// Pieces of memory that are kept for the next: 8 MiB.
const KEPT_MAX: usize = 256;

/// Memory only: it carries nothing from one use to the next.
static KEPT: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// Bytes in a row, within [`RUN_BYTES_MAX`] of a place in the file that is a multiple of a block.
pub(super) struct Copied {
    memory: Vec<u8>,
    /// Where the bytes begin: less than a block.
    head: usize,
    end: usize,
}

impl Copied {
    /// Empty, for bytes that go to `offset`.
    pub(super) fn at(offset: u64) -> Self {
        let kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let memory = kept.unwrap_or_else(|| vec![0; RUN_BYTES_MAX + BLOCK_BYTES]);
        let head = (offset % BLOCK_BYTES as u64) as usize;
        Self { memory, head, end: head }
    }

    /// Copies as many bytes as fit and takes them off `part`.
    pub(super) fn take(&mut self, part: &mut &[u8]) {
        let count = part.len().min(RUN_BYTES_MAX - self.end);
        let (taken, rest) = part.split_at(count);
        let end = self.end;
        self.blocks()[end..end + count].copy_from_slice(taken);
        self.end += count;
        *part = rest;
    }

    pub(super) const fn len(&self) -> usize {
        self.end - self.head
    }

    pub(super) const fn is_full(&self) -> bool {
        self.end == RUN_BYTES_MAX
    }

    /// Forgets all but the first bytes.
    pub(super) fn truncate(&mut self, len: usize) {
        self.end = self.end.min(self.head + len);
    }

    /// Takes the first bytes out, up to the end of the first block.
    pub(super) fn split_first_block(&mut self) -> Bytes {
        let end = BLOCK_BYTES.min(self.end);
        let first = Bytes::copy_from_slice(self.bytes().get(..end - self.head).unwrap_or_default());
        self.head = end;
        first
    }

    pub(super) fn bytes(&self) -> &[u8] {
        let start = self.start();
        &self.memory[start + self.head..start + self.end]
    }

    /// Puts in front what lies before them in their first block, and zeros behind to the end of the last.
    pub(super) fn fill_blocks(&mut self, before: &[u8]) {
        let (head, end) = (self.head, self.end);
        let blocks = self.blocks();
        // Nothing, when the first block was split off.
        let before = before.get(..head % BLOCK_BYTES).unwrap_or_default();
        blocks[head - before.len()..head].copy_from_slice(before);
        blocks[end..end.next_multiple_of(BLOCK_BYTES)].fill(0);
    }

    /// All blocks that have any of the bytes, as [`Self::fill_blocks`] made them.
    pub(super) fn whole_blocks(&self) -> &[u8] {
        let start = self.start();
        let first = self.head / BLOCK_BYTES * BLOCK_BYTES;
        &self.memory[start + first..start + self.end.next_multiple_of(BLOCK_BYTES)]
    }

    /// The bytes of the last block, when they do not fill it: with what lies before them.
    pub(super) fn last_odd(&self) -> &[u8] {
        let start = self.start();
        &self.memory[start + self.end / BLOCK_BYTES * BLOCK_BYTES..start + self.end]
    }

    fn start(&self) -> usize {
        self.memory.as_ptr().align_offset(BLOCK_BYTES).min(BLOCK_BYTES)
    }

    fn blocks(&mut self) -> &mut [u8] {
        let start = self.start();
        &mut self.memory[start..start + RUN_BYTES_MAX]
    }
}

impl Drop for Copied {
    fn drop(&mut self) {
        let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < KEPT_MAX {
            kept.push(std::mem::take(&mut self.memory));
        }
    }
}
