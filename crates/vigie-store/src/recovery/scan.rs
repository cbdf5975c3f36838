//! What is whole behind the last commit of a media file.

use bytes::Bytes;

use crate::contents::whole_frames;
use crate::disk::DiskFile;
use crate::fragment::{Extent, FragmentEntry, FragmentMeta, MediaFileState};
use crate::index::UnsealedMediaFile;
use crate::mark::{FRAGMENT_MARK_BYTES, VOID, marked_end, parse_begin_mark, parse_end_mark};
use crate::settings::{StoreSettings, Uncommitted};

/// Looks for whole fragments behind the last commit of one file.
pub(super) struct Scan<'a> {
    pub(super) file: &'a dyn DiskFile,
    pub(super) settings: StoreSettings,
    /// No power was lost: every byte that was written is as it was written.
    pub(super) same_boot: bool,
}

impl Scan<'_> {
    /// The fragments to add to the file's entries, by offset.
    pub(super) fn recover(
        &self,
        unsealed: &UnsealedMediaFile,
    ) -> std::io::Result<Vec<FragmentEntry>> {
        let mut recovered = Vec::new();
        if self.settings.uncommitted == Uncommitted::Drop
            || unsealed.media_file.state == MediaFileState::Abandoned
        {
            return Ok(recovered);
        }
        let length_bytes = self.file.length_bytes()?;
        let mut begin = match (&unsealed.open_fragment, unsealed.entries.last()) {
            (Some(open), _) => open.offset.saturating_sub(FRAGMENT_MARK_BYTES as u64),
            (None, Some(last)) => marked_end(last),
            // Without a fragment or the begin of one there is nothing to know it by.
            (None, None) => return Ok(recovered),
        };
        // A recovery that was cut off itself may have cut the last mark.
        let Some(tail) = length_bytes.checked_sub(begin) else { return Ok(recovered) };
        let tail = usize::try_from(tail).unwrap_or(usize::MAX);
        let mut tail = self.file.read_exact_at(begin, tail)?;
        let mut open_fragment = unsealed.open_fragment;
        while let Some(meta) = parse_begin_mark(&tail) {
            let body = tail.slice(FRAGMENT_MARK_BYTES..);
            let offset = begin + FRAGMENT_MARK_BYTES as u64;
            let whole = find_whole(&meta, &body);
            let Some(extent) = whole.or_else(|| self.whole_frames(unsealed, &body)) else { break };
            let entry = FragmentEntry::new(&meta, Extent { offset, ..extent });
            // What a commit made durable is kept at the least.
            let shorter = open_fragment.is_some_and(|open| open.size_bytes > entry.size_bytes);
            if shorter {
                break;
            }
            open_fragment = None;
            recovered.push(entry);
            if whole.is_none() {
                return Ok(recovered);
            }
            let passed = FRAGMENT_MARK_BYTES + body_bytes(&extent) + FRAGMENT_MARK_BYTES;
            tail = tail.slice(passed.min(tail.len())..);
            begin += passed as u64;
        }
        recovered.extend(open_fragment);
        Ok(recovered)
    }

    /// The open fragment up to its last whole frame. Only where no power was lost: a frame has no checksum of its
    /// own, and a disk that lost power may hold half of one with the next one whole behind it.
    fn whole_frames(&self, unsealed: &UnsealedMediaFile, body: &Bytes) -> Option<Extent> {
        if !self.same_boot {
            return None;
        }
        let place = &unsealed.media_file.place;
        let header_bytes = usize::try_from(place.header_size_bytes).ok()?;
        let raw = self.file.read_exact_at(0, header_bytes).ok()?;
        whole_frames(&raw, body)
    }
}

/// A fragment that has its end mark behind it and the checksum that the mark says.
fn find_whole(meta: &FragmentMeta, body: &Bytes) -> Option<Extent> {
    let mut from = 0;
    while let Some(found) = body.get(from..)?.iter().position(|&byte| byte == VOID) {
        let at = from + found;
        if let Some(entry) = parse_end_mark(&body[at..])
            && entry.meta() == *meta
            && entry.size_bytes == at as u64
            && crc32c::crc32c(&body[..at]) == entry.crc32c
        {
            return Some(Extent {
                offset: 0,
                size_bytes: entry.size_bytes,
                duration_ms: entry.duration_ms,
                frame_count: entry.frame_count,
                crc32c: entry.crc32c,
            });
        }
        from = at + 1;
    }
    None
}

fn body_bytes(extent: &Extent) -> usize {
    usize::try_from(extent.size_bytes).unwrap_or(usize::MAX)
}
