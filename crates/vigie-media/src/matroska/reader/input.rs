//! The input as far as it has come: where the next element begins, whether all of it is there, what is dropped. Knows
//! nothing of what an element means.

use bytes::{Buf, Bytes, BytesMut};

use super::error::ReadError;
use crate::matroska::ebml::{self, EbmlError, ElementHead};

/// Input that has come and is not done with.
#[derive(Debug)]
pub(super) struct Input {
    /// While a fragment is read it begins with that fragment's Cluster.
    pub(super) buffer: BytesMut,
    /// Where `buffer` begins in the input.
    pub(super) offset: u64,
    /// Where the next element begins in `buffer`.
    pub(super) cursor: usize,
    /// Bytes of an element to drop as they come, before anything else is read.
    skip_bytes: u64,
}

impl Input {
    /// Nothing has come of an input from `offset` on.
    pub(super) fn from(offset: u64) -> Self {
        Self { buffer: BytesMut::new(), offset, cursor: 0, skip_bytes: 0 }
    }

    /// Copies the next bytes, with room for `wanted_bytes` in all.
    pub(super) fn push(&mut self, piece: &[u8], wanted_bytes: usize) {
        let skipped = usize::try_from(self.skip_bytes).unwrap_or(usize::MAX).min(piece.len());
        self.skip_bytes -= skipped as u64;
        self.offset += skipped as u64;
        // Growing bit by bit would copy. Never from a declared size.
        self.buffer.reserve(wanted_bytes.saturating_sub(self.buffer.len()));
        self.buffer.extend_from_slice(&piece[skipped..]);
    }

    /// Goes on in this buffer. What it holds is lost.
    pub(super) fn use_buffer(&mut self, mut buffer: BytesMut) {
        buffer.clear();
        buffer.extend_from_slice(&self.buffer);
        self.buffer = buffer;
    }

    /// Where the next element begins in the input.
    pub(super) fn position(&self) -> u64 {
        self.offset + self.cursor as u64
    }

    /// The same, behind what is still to be dropped.
    pub(super) fn position_after_skip(&self) -> u64 {
        self.position().saturating_add(self.skip_bytes)
    }

    /// Whether an input that ends here does not end within an element.
    pub(super) fn is_between_elements(&self) -> bool {
        self.cursor == self.buffer.len() && self.skip_bytes == 0
    }

    /// The head of the next element; `None` while it is incomplete.
    pub(super) fn head(&self) -> Result<Option<ElementHead>, ReadError> {
        ebml::element_head(&self.buffer[self.cursor..]).map_err(|reason| self.ebml(reason))
    }

    /// The size that the next element states; only what holds elements may leave it open.
    pub(super) fn known_size(&self, head: ElementHead) -> Result<u64, ReadError> {
        head.size_bytes.ok_or_else(|| self.ebml(EbmlError::UnknownSize))
    }

    /// Length of the next element, once all of it is there, of the part that is kept for the header, of which
    /// `kept_bytes` are there already.
    pub(super) fn header_element(
        &self,
        head: ElementHead,
        kept_bytes: usize,
        max_bytes: usize,
    ) -> Result<Option<usize>, ReadError> {
        let size = self.known_size(head)?;
        let total = usize::try_from(size).ok().and_then(|size| size.checked_add(head.head_bytes));
        let total = total
            .filter(|total| total.saturating_add(kept_bytes) <= max_bytes)
            .ok_or(ReadError::HeaderTooLarge { max_bytes })?;
        Ok((self.buffer.len() >= total).then_some(total))
    }

    /// Length of the next element, once all of it is there, of the part that is kept for a fragment.
    pub(super) fn fragment_element(
        &self,
        head: ElementHead,
        max_bytes: usize,
    ) -> Result<Option<usize>, ReadError> {
        let size = self.known_size(head)?;
        let end = self.end_within_fragment(self.cursor + head.head_bytes, size, max_bytes)?;
        Ok((self.buffer.len() >= end).then_some(end - self.cursor))
    }

    /// Where `size` bytes from `data_start` end in the buffer, if a fragment may be that long.
    pub(super) fn end_within_fragment(
        &self,
        data_start: usize,
        size: u64,
        max_bytes: usize,
    ) -> Result<usize, ReadError> {
        let end = usize::try_from(size).ok().and_then(|size| size.checked_add(data_start));
        end.filter(|&end| end <= max_bytes)
            .ok_or(ReadError::FragmentTooLarge { offset: self.offset, max_bytes })
    }

    /// Goes on after the next element, of `total` bytes, and gives it.
    pub(super) fn advance(&mut self, total: usize) -> &[u8] {
        let start = self.cursor;
        self.cursor += total;
        &self.buffer[start..self.cursor]
    }

    /// Drops bytes at the start of the buffer, while no fragment is open.
    pub(super) fn drop_bytes(&mut self, count: usize) {
        self.buffer.advance(count);
        self.offset += count as u64;
    }

    /// Drops an element as it comes, while no fragment is open.
    pub(super) fn skip(&mut self, head_bytes: usize, size_bytes: u64) {
        self.drop_bytes(head_bytes);
        self.skip_bytes = size_bytes;
    }

    /// Drops what has come of what is to be dropped; whether that was the rest of it.
    pub(super) fn has_skipped(&mut self) -> bool {
        if self.skip_bytes > 0 {
            let skipped = self.skip_bytes.min(self.buffer.len() as u64);
            self.drop_bytes(skipped as usize);
            self.skip_bytes -= skipped;
        }
        self.skip_bytes == 0
    }

    /// Takes the fragment of `count` bytes with which the buffer begins, without copying it, and where it began.
    pub(super) fn take_fragment(&mut self, count: usize) -> (u64, Bytes) {
        let offset = self.offset;
        let fragment = self.buffer.split_to(count).freeze();
        self.offset += fragment.len() as u64;
        self.cursor = 0;
        if self.buffer.is_empty() {
            // Else the fragment's memory could not be used again while nothing more comes.
            self.buffer = BytesMut::new();
        }
        (offset, fragment)
    }

    /// The error of the next element's structure.
    pub(super) fn structure(&self, reason: &'static str) -> ReadError {
        ReadError::Structure { offset: self.position(), reason }
    }

    /// The error of the next element's coding.
    pub(super) fn ebml(&self, reason: EbmlError) -> ReadError {
        ReadError::Ebml { offset: self.position(), reason }
    }
}
