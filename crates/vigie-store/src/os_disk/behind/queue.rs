//! What waits to be written to one file, bytes in a row: which of it is copied, and where to.
//!
//! Writes nothing.

use std::collections::VecDeque;
use std::io;

use bytes::Bytes;

use crate::disk::BLOCK_BYTES;
use crate::os_disk::copied::Copied;

/// Parts that are larger, on average, stay where they are.
const COPY_BELOW_BYTES: usize = 16 << 10;

/// Bytes in a row.
#[derive(Default)]
pub(super) struct Queue {
    pieces: VecDeque<Piece>,
    offset: u64,
    size_bytes: usize,
    /// Why bytes were lost. They do not come back, so no later sync may succeed.
    failed: Option<(io::ErrorKind, String)>,
}

pub(super) enum Piece {
    Given(Bytes),
    Copied(Copied),
}

impl Queue {
    /// Where the last byte that waits ends; 0 when none does.
    pub(super) fn end(&self) -> u64 {
        if self.pieces.is_empty() { 0 } else { self.offset + self.size_bytes as u64 }
    }

    /// Takes in parts that go to `offset`, where the last ones end if any wait. Returns the checksum `crc32c` gone on with
    /// them, where there is one.
    pub(super) fn push(&mut self, parts: &[Bytes], offset: u64, crc32c: Option<u32>) -> u32 {
        if self.pieces.is_empty() {
            self.offset = offset;
        }
        let mut sum = Sum(crc32c);
        self.take_in(parts, &mut sum);
        sum.0.unwrap_or_default()
    }

    /// Forgets what lies behind the first bytes of the file.
    pub(super) fn truncate(&mut self, length_bytes: u64) {
        let left = length_bytes.saturating_sub(self.offset).min(self.size_bytes as u64) as usize;
        self.size_bytes = left;
        let mut kept_bytes = 0;
        self.pieces.retain_mut(|piece| {
            piece.truncate(left - kept_bytes);
            kept_bytes += piece.len();
            piece.len() > 0
        });
    }

    pub(super) const fn size_bytes(&self) -> usize {
        self.size_bytes
    }

    /// Bytes that were taken could not be written.
    pub(super) fn fail(&mut self, error: &io::Error) {
        self.failed = Some((error.kind(), error.to_string()));
    }

    /// They were lost for want of space.
    pub(super) fn is_full(&self) -> bool {
        let kind = self.failed.as_ref().map(|(kind, _)| *kind);
        matches!(kind, Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded))
    }

    /// What was lost so is cut off.
    pub(super) fn forget_want_of_space(&mut self) {
        if self.is_full() {
            self.failed = None;
        }
    }

    fn take_in(&mut self, parts: &[Bytes], sum: &mut Sum) {
        let size_bytes: usize = parts.iter().map(Bytes::len).sum();
        if size_bytes / parts.len().max(1) >= COPY_BELOW_BYTES {
            for part in parts.iter().filter(|part| !part.is_empty()) {
                sum.add(part);
                self.pieces.push_back(Piece::Given(part.clone()));
            }
            self.size_bytes += size_bytes;
            return;
        }
        let mut parts = parts.iter().map(Bytes::as_ref).filter(|part| !part.is_empty());
        let mut rest = parts.next().unwrap_or_default();
        while !rest.is_empty() {
            let mut copied = self.take_open();
            let before = copied.len();
            while !rest.is_empty() && !copied.is_full() {
                copied.take(&mut rest);
                if rest.is_empty() {
                    rest = parts.next().unwrap_or_default();
                }
            }
            sum.add(copied.bytes().get(before..).unwrap_or_default());
            self.size_bytes += copied.len() - before;
            self.pieces.push_back(Piece::Copied(copied));
        }
    }

    /// Where the next bytes are copied to, taken off the queue.
    fn take_open(&mut self) -> Copied {
        match self.pieces.pop_back() {
            Some(Piece::Copied(last)) if !last.is_full() => last,
            other => {
                self.pieces.extend(other);
                Copied::at(self.offset + self.size_bytes as u64)
            }
        }
    }

    /// What waits, and where it goes.
    pub(super) fn take(&mut self) -> io::Result<(VecDeque<Piece>, u64)> {
        if let Some((kind, reason)) = &self.failed {
            return Err(io::Error::new(*kind, reason.clone()));
        }
        self.size_bytes = 0;
        Ok((std::mem::take(&mut self.pieces), self.offset))
    }
}

/// A checksum that goes on, where one is wanted.
struct Sum(Option<u32>);

impl Sum {
    fn add(&mut self, bytes: &[u8]) {
        self.0 = self.0.map(|crc32c| crc32c::crc32c_append(crc32c, bytes));
    }
}

impl Piece {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Given(part) => part.len(),
            Self::Copied(copied) => copied.len(),
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::Given(part) => part,
            Self::Copied(copied) => copied.bytes(),
        }
    }

    fn truncate(&mut self, len: usize) {
        match self {
            Self::Given(part) => part.truncate(len),
            Self::Copied(copied) => copied.truncate(len),
        }
    }

    /// Takes off what goes to the block that begins before `offset`, where the piece begins.
    pub(super) fn split_first_block(&mut self, offset: u64) -> Bytes {
        match self {
            Self::Given(part) => {
                let to_block = offset.next_multiple_of(BLOCK_BYTES as u64) - offset;
                part.split_to(part.len().min(to_block as usize))
            }
            Self::Copied(copied) => copied.split_first_block(),
        }
    }
}
