//! The reader's hands: look at the next element, wait for all of it, keep it, skip it, name what is wrong.

use bytes::Buf;

use super::block::BlockError;
use super::header::HeaderError;
use super::tags::TagsError;
use super::{FragmentReader, ReadError};
use crate::matroska::ebml::{self, EbmlError, ElementHead};

impl FragmentReader {
    /// Where the next element begins in the input.
    pub(super) fn offset(&self) -> u64 {
        self.buffer_offset + self.cursor as u64
    }

    /// The head of the next element; `None` while it is incomplete.
    pub(super) fn head(&self) -> Result<Option<ElementHead>, ReadError> {
        ebml::element_head(&self.buffer[self.cursor..]).map_err(|reason| self.ebml(reason))
    }

    /// Length of the next element, once all of it is there, of the part that is kept for the header.
    pub(super) fn header_element(&self, head: ElementHead) -> Result<Option<usize>, ReadError> {
        let size = head.size_bytes.ok_or_else(|| self.ebml(EbmlError::UnknownSize))?;
        let max_bytes = self.limits.header_bytes_max;
        let total = usize::try_from(size).ok().and_then(|size| size.checked_add(head.head_bytes));
        let total = total
            .filter(|total| total.saturating_add(self.parts.raw.len()) <= max_bytes)
            .ok_or(ReadError::HeaderTooLarge { max_bytes })?;
        Ok((self.buffer.len() >= total).then_some(total))
    }

    /// Length of the next element, once all of it is there, of the part that is kept for a fragment.
    pub(super) fn fragment_element(&self, head: ElementHead) -> Result<Option<usize>, ReadError> {
        let size = head.size_bytes.ok_or_else(|| self.ebml(EbmlError::UnknownSize))?;
        let end = self.end_within_fragment(self.cursor + head.head_bytes, size)?;
        Ok((self.buffer.len() >= end).then_some(end - self.cursor))
    }

    /// Where `size` bytes from `data_start` end in the buffer, if a fragment may be that long.
    pub(super) fn end_within_fragment(
        &self,
        data_start: usize,
        size: u64,
    ) -> Result<usize, ReadError> {
        let max_bytes = self.limits.fragment_bytes_max;
        let end = usize::try_from(size).ok().and_then(|size| size.checked_add(data_start));
        end.filter(|&end| end <= max_bytes)
            .ok_or(ReadError::FragmentTooLarge { offset: self.buffer_offset, max_bytes })
    }

    /// A child of a Segment of known size may not run past its end.
    pub(super) fn check_in_segment(&self, head: ElementHead) -> Result<(), ReadError> {
        let (Some(segment_end), Some(size)) = (self.segment_end, head.size_bytes) else {
            return Ok(());
        };
        let end = (self.offset() + head.head_bytes as u64).saturating_add(size);
        if end > segment_end { Err(self.ebml(EbmlError::ChildOverrun)) } else { Ok(()) }
    }

    /// Moves the first `total` bytes of the buffer to the header.
    pub(super) fn move_to_header(&mut self, total: usize) {
        self.parts.raw.extend_from_slice(&self.buffer[..total]);
        self.drop_bytes(total);
    }

    /// Goes on after an element that belongs to the open fragment.
    pub(super) fn advance_in_fragment(&mut self, total: usize) {
        let element = self.cursor..self.cursor + total;
        self.cursor = element.end;
        if let Some(open) = &mut self.open {
            open.pass(&self.buffer[element]);
        }
    }

    /// Drops the next element as it comes. What fragments keep is contiguous, so it ends the open fragment.
    pub(super) fn skip_element(&mut self, head: ElementHead) -> Result<(), ReadError> {
        let size = head.size_bytes.ok_or_else(|| self.ebml(EbmlError::UnknownSize))?;
        self.close_fragment()?;
        self.drop_bytes(head.head_bytes);
        self.skip_bytes = size;
        Ok(())
    }

    /// Drops bytes at the start of the buffer, while no fragment is open.
    pub(super) fn drop_bytes(&mut self, count: usize) {
        self.buffer.advance(count);
        self.buffer_offset += count as u64;
    }

    /// Drops an element that RFC 9559 does not list, unless it is so large that it must be garbage.
    pub(super) fn skip_unknown(&mut self, head: ElementHead) -> Result<(), ReadError> {
        if head.size_bytes.is_some_and(|size| size > self.limits.header_bytes_max as u64) {
            return Err(self.structure("an unknown element is too large"));
        }
        self.skip_element(head)
    }

    pub(super) fn structure(&self, reason: &'static str) -> ReadError {
        ReadError::Structure { offset: self.offset(), reason }
    }

    pub(super) fn ebml(&self, reason: EbmlError) -> ReadError {
        ReadError::Ebml { offset: self.offset(), reason }
    }

    pub(super) fn header_error(&self, error: HeaderError) -> ReadError {
        match error {
            HeaderError::Ebml(reason) => self.ebml(reason),
            HeaderError::Structure(reason) => self.structure(reason),
            HeaderError::TooManyTracks(count) => {
                ReadError::TooManyTracks { count, max: self.limits.tracks_max }
            }
        }
    }

    pub(super) fn tags_error(&self, error: TagsError) -> ReadError {
        match error {
            TagsError::Ebml(reason) => self.ebml(reason),
            TagsError::Limit(reason) => ReadError::TagLimit { offset: self.offset(), reason },
        }
    }

    pub(super) fn block_error(&self, error: BlockError) -> ReadError {
        error.at(self.offset())
    }
}

/// Rewrites the size field at the end of an element head of `head_bytes` as "unknown", keeping its length.
pub(super) fn mark_size_unknown(raw: &mut [u8], head_bytes: usize) {
    let size_start = raw.len() - (head_bytes - 4); // The Segment's id takes 4 bytes.
    let size_field = &mut raw[size_start..];
    let len = size_field.len();
    size_field.fill(0xFF);
    size_field[0] = 0xFF >> (len - 1);
}
