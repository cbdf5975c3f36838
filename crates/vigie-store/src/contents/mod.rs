//! What a media file says of itself: read from its bytes alone, without the index.
//!
//! It trusts what has a checksum that agrees, and nothing else. It never changes a file.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use vigie_media::matroska::{DocumentHeader, FragmentReader, Limits};

use crate::disk::{BLOCK_BYTES, DiskFile};
use crate::fragment::{Extent, FragmentEntry, FragmentMeta};
use crate::mark::{
    FRAGMENT_MARK_BYTES, FileMark, VOID, marked_end, parse_begin_mark, parse_end_mark,
    parse_file_mark,
};

/// A longer file is none of the store's: it rolls them long before, and no fragment is as large.
const MEDIA_FILE_BYTES_MAX: u64 = 512 << 20;

/// EBML id of a Cluster, with which every fragment begins.
const CLUSTER: [u8; 4] = [0x1F, 0x43, 0xB6, 0x75];

/// EBML id of the header that every document begins with.
const EBML: [u8; 4] = [0x1A, 0x45, 0xDF, 0xA3];

/// All bytes of a media file; `None` of one that is too long to be the store's.
pub(crate) fn read_whole(file: &dyn DiskFile) -> io::Result<Option<Bytes>> {
    let length_bytes = file.length_bytes()?;
    if length_bytes > MEDIA_FILE_BYTES_MAX {
        return Ok(None);
    }
    let length_bytes = usize::try_from(length_bytes).map_err(io::Error::other)?;
    file.read_exact_at(0, length_bytes).map(Some)
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Contents {
    pub(crate) mark: FileMark,
    pub(crate) header_size_bytes: u64,
    pub(crate) header_crc32c: u32,
    /// Fragments with their end mark and the right checksum, by offset.
    pub(crate) fragments: Vec<FragmentEntry>,
    /// What a hub was writing when it stopped, up to its last whole frame.
    pub(crate) open: Option<FragmentEntry>,
    /// Bytes that belong to nothing of these, behind them and between them.
    pub(crate) unknown_bytes: u64,
}

impl Contents {
    /// Reads a file's bytes. `None` when it has no file mark where one should be: then nothing is known of it.
    pub(crate) fn of(bytes: &Bytes) -> Option<Self> {
        let fragments = whole_fragments(bytes, 0..bytes.len());
        let begins_at = fragments.first().map(|first| begin_with_mark(bytes, first));
        let (at, mark) = find_file_mark(bytes, begins_at.unwrap_or(bytes.len()))?;
        let header = bytes.get(..at)?;
        let mut end = fragments.last().map_or(at + mark.size_bytes, |last| index(marked_end(last)));
        let open = open_fragment(header, bytes, end);
        let mut known_bytes = at + mark.size_bytes;
        for fragment in &fragments {
            known_bytes += index(marked_end(fragment)) - begin_with_mark(bytes, fragment);
        }
        if let Some(open) = &open {
            known_bytes += index(open.end()) - end;
            end = index(open.end());
        }
        debug_assert!(end <= bytes.len());
        known_bytes += filling_bytes(bytes, end);
        Some(Self {
            mark,
            header_size_bytes: header.len() as u64,
            header_crc32c: crc32c::crc32c(header),
            fragments,
            open,
            unknown_bytes: (bytes.len() as u64).saturating_sub(known_bytes as u64),
        })
    }

    /// Leaves out what was being written: a disk that lost power since may hold half of a frame, which has no checksum of
    /// its own.
    pub(crate) fn distrust_open(&mut self) {
        if let Some(open) = self.open.take() {
            self.unknown_bytes += open.size_bytes;
        }
    }

    /// All fragments, the one that was being written last.
    pub(crate) fn entries(&self) -> Vec<FragmentEntry> {
        self.fragments.iter().copied().chain(self.open).collect()
    }
}

/// Zeros behind the last bytes of a file that was being written: they fill its last block, see
/// [`crate::disk::DiskFile::end`].
fn filling_bytes(bytes: &[u8], end: usize) -> usize {
    let rest = bytes.get(end..).unwrap_or_default();
    let fills = rest.len() < BLOCK_BYTES && bytes.len().is_multiple_of(BLOCK_BYTES);
    if fills && rest.iter().all(|byte| *byte == 0) { rest.len() } else { 0 }
}

/// The fragments in a part of a file that have their end mark and the checksum that it says, by offset.
///
/// A fragment's own bytes may hold marks: a producer can send what another store wrote. Going from the end, the mark
/// behind a fragment comes before those within it.
pub(crate) fn whole_fragments(bytes: &[u8], range: Range<usize>) -> Vec<FragmentEntry> {
    let mut found = Vec::new();
    // What a later fragment does not cover, and of that what was not looked at.
    let mut bound = range.end.min(bytes.len());
    let mut looked_at = bound;
    while let Some(at) = last_void(bytes, range.start..looked_at) {
        looked_at = at;
        let bytes = bytes.get(..bound).unwrap_or_default();
        if let Some(entry) = whole_fragment_before(bytes, at, range.start) {
            bound = index(entry.offset);
            looked_at = bound;
            found.push(entry);
        }
    }
    found.reverse();
    found
}

/// What the end marks within `bytes` say, whether or not what lies before them is whole. Their offsets are 0.
pub(crate) fn marked_fragments(bytes: &[u8]) -> Vec<FragmentEntry> {
    let mut found = Vec::new();
    let mut looked_at = bytes.len();
    while let Some(at) = last_void(bytes, 0..looked_at) {
        looked_at = at;
        found.extend(bytes.get(at..).and_then(parse_end_mark));
    }
    found.reverse();
    found
}

/// Whether bytes that no entry refers to, and in which nothing is whole, may be somebody's media: they hold a mark. What a
/// kill leaves of a fragment that was never whole has none, or where a hub wrote it (`is_as_written`: no power was lost
/// since) a begin mark without a whole frame behind it.
pub(crate) fn may_be_media(bytes: &[u8], is_as_written: bool) -> bool {
    let mut from = 0;
    while let Some(found) = bytes.get(from..).and_then(|rest| rest.iter().position(|&b| b == VOID))
    {
        let at = from + found;
        let mark = bytes.get(at..).unwrap_or_default();
        if parse_end_mark(mark).is_some() || !is_as_written && parse_begin_mark(mark).is_some() {
            return true;
        }
        from = at + 1;
    }
    false
}

/// Whether a file in which nothing is whole is what a kill leaves of one before its first fragment is: it begins as a
/// media file does, and breaks off. Told only of bytes that are as they were written.
pub(crate) fn is_broken_off(bytes: &[u8]) -> bool {
    bytes.starts_with(&EBML) && !may_be_media(bytes, true)
}

/// The last place within `range` where a mark may begin.
fn last_void(bytes: &[u8], range: Range<usize>) -> Option<usize> {
    let slice = bytes.get(range.clone())?;
    slice.iter().rposition(|&byte| byte == VOID).map(|at| range.start + at)
}

/// The fragment that the end mark at `at` closes, when it begins at `from` or behind and is whole.
fn whole_fragment_before(bytes: &[u8], at: usize, from: usize) -> Option<FragmentEntry> {
    let entry = parse_end_mark(bytes.get(at..)?)?;
    let offset = at.checked_sub(usize::try_from(entry.size_bytes).ok()?)?;
    if offset < from || crc32c::crc32c(bytes.get(offset..at)?) != entry.crc32c {
        return None;
    }
    Some(FragmentEntry { offset: offset as u64, ..entry })
}

/// Where a fragment begins with the mark that may stand in front of it.
pub(crate) fn begin_with_mark(bytes: &[u8], entry: &FragmentEntry) -> usize {
    let offset = index(entry.offset);
    let mark = offset.checked_sub(FRAGMENT_MARK_BYTES).and_then(|at| {
        let meta = parse_begin_mark(bytes.get(at..)?)?;
        (meta == entry.meta()).then_some(at)
    });
    mark.unwrap_or(offset)
}

/// The file mark between the document header and the first fragment. A header may hold one of another store, so
/// the mark that is wanted is the one that a fragment follows.
fn find_file_mark(bytes: &[u8], begins_at: usize) -> Option<(usize, FileMark)> {
    let mut fallback = None;
    let mut from = 0;
    while let Some(found) = bytes.get(from..begins_at)?.iter().position(|&byte| byte == VOID) {
        let at = from + found;
        from = at + 1;
        let Some(mark) = bytes.get(at..begins_at).and_then(parse_file_mark) else { continue };
        let end = at + mark.size_bytes;
        if end == begins_at {
            return Some((at, mark));
        }
        let rest = bytes.get(end..).unwrap_or_default();
        let followed = rest.starts_with(&CLUSTER) || parse_begin_mark(rest).is_some();
        if followed {
            fallback.get_or_insert((at, mark));
        }
    }
    fallback
}

/// What begins at `at` with a begin mark and has no end mark: kept up to its last whole frame.
fn open_fragment(header: &[u8], bytes: &Bytes, at: usize) -> Option<FragmentEntry> {
    let meta: FragmentMeta = parse_begin_mark(bytes.get(at..)?)?;
    let offset = at + FRAGMENT_MARK_BYTES;
    let extent = whole_frames(header, &bytes.slice(offset..))?;
    Some(FragmentEntry::new(&meta, Extent { offset: offset as u64, ..extent }))
}

/// A fragment that was torn, up to its last whole frame. Its offset is left at 0.
pub(crate) fn whole_frames(header: &[u8], body: &Bytes) -> Option<Extent> {
    // What is on this disk the store wrote itself: its own limits were kept when it was taken in.
    let limits = Limits { fragment_bytes_max: body.len().saturating_add(1), ..Limits::FILE };
    let header = Arc::new(DocumentHeader::parse(header, limits).ok()?);
    let mut reader = FragmentReader::resume(header, 0, limits);
    reader.push(body);
    while let Ok(Some(_)) = reader.next_event() {}
    let fragment = reader.recover().fragment?;
    Some(Extent {
        offset: 0,
        size_bytes: fragment.bytes.len() as u64,
        duration_ms: u32::try_from(fragment.duration_ms).unwrap_or(u32::MAX),
        frame_count: fragment.frame_count,
        crc32c: fragment.crc32c,
    })
}

/// An offset within bytes that are in memory.
fn index(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
