//! What is whole behind the last commit of a media file.

use bytes::Bytes;

use crate::contents::{begin_with_mark, whole_fragments, whole_frames};
use crate::disk::DiskFile;
use crate::fragment::{Extent, FragmentEntry};
use crate::index::UnsealedMediaFile;
use crate::mark::{FRAGMENT_MARK_BYTES, marked_end, parse_begin_mark};
use crate::settings::{StoreSettings, Uncommitted};

/// Looks for whole fragments behind the last commit of one file.
pub(super) struct Scan<'a> {
    pub(super) file: &'a dyn DiskFile,
    pub(super) settings: StoreSettings,
    /// No power was lost: every byte that was written is as it was written.
    pub(super) is_as_written: bool,
    /// What lies behind the last commit is nobody's.
    pub(super) is_given_up: bool,
}

/// Where the index's last commit of a file ends, and what is read again begins. `None` of one of which it has nothing.
pub(super) fn committed_end(unsealed: &UnsealedMediaFile) -> Option<u64> {
    match (&unsealed.open_fragment, unsealed.entries.last()) {
        (Some(open), _) => Some(open.offset.saturating_sub(FRAGMENT_MARK_BYTES as u64)),
        (None, last) => last.map(marked_end),
    }
}

impl Scan<'_> {
    /// The fragments to add to the file's entries, by offset. Whatever has its end mark and the checksum that it says is
    /// one, whether or not the index was told: the index may be older than the file.
    pub(super) fn recover(
        &self,
        unsealed: &UnsealedMediaFile,
    ) -> std::io::Result<Vec<FragmentEntry>> {
        let begin = committed_end(unsealed).filter(|_| !self.is_given_up);
        let Some(begin) = begin else { return Ok(Vec::new()) };
        // A recovery that was cut off itself may have cut the last mark.
        let length_bytes = self.file.length_bytes()?;
        let Some(tail) = length_bytes.checked_sub(begin) else {
            return Ok(Vec::from_iter(unsealed.open_fragment));
        };
        let tail = usize::try_from(tail).unwrap_or(usize::MAX);
        let tail = self.file.read_exact_at(begin, tail)?;
        let whole = whole_fragments(&tail, 0..tail.len());
        let mut recovered = Vec::with_capacity(whole.len() + 1);
        if let Some(open) = unsealed.open_fragment {
            let is_whole = whole.first().is_some_and(|first| {
                first.sequence == open.sequence && first.size_bytes >= open.size_bytes
            });
            if !is_whole {
                let until = whole.first().map_or(tail.len(), |next| begin_with_mark(&tail, next));
                // What a commit made durable is kept at the least.
                let longer = self.growing(unsealed, tail.slice(..until), begin);
                let longer = longer.filter(|longer| longer.size_bytes >= open.size_bytes);
                recovered.push(longer.unwrap_or(open));
            }
        }
        let moved =
            |entry: &FragmentEntry| FragmentEntry { offset: entry.offset + begin, ..*entry };
        recovered.extend(whole.iter().map(moved));
        // What was begun behind the last whole one.
        if let Some(last) = whole.last() {
            let end = usize::try_from(marked_end(last)).unwrap_or(usize::MAX).min(tail.len());
            recovered.extend(self.growing(unsealed, tail.slice(end..), begin + end as u64));
        } else if unsealed.open_fragment.is_none() {
            recovered.extend(self.growing(unsealed, tail, begin));
        }
        Ok(recovered)
    }

    /// A fragment that begins with its mark at `begin` and has no end, up to its last whole frame. Only where no power
    /// was lost: a frame has no checksum of its own, and a disk that lost power may hold half of one with the next one
    /// whole behind it.
    fn growing(
        &self,
        unsealed: &UnsealedMediaFile,
        tail: Bytes,
        begin: u64,
    ) -> Option<FragmentEntry> {
        if !self.is_as_written || self.settings.uncommitted == Uncommitted::KeepWholeFragments {
            return None;
        }
        let meta = parse_begin_mark(&tail)?;
        let place = &unsealed.media_file.place;
        let header_bytes = usize::try_from(place.header_size_bytes).ok()?;
        let raw = self.file.read_exact_at(0, header_bytes).ok()?;
        let extent = whole_frames(&raw, &tail.slice(FRAGMENT_MARK_BYTES..))?;
        let offset = begin + FRAGMENT_MARK_BYTES as u64;
        Some(FragmentEntry::new(&meta, Extent { offset, ..extent }))
    }
}
