//! A media file is cut behind its last whole fragment, durably. What is about to go and may be somebody's media is copied
//! aside before.

use std::path::Path;

use bytes::Bytes;

use crate::contents::{Contents, begin_with_mark, may_be_media};
use crate::disk::{Disk, DiskFile};
use crate::error::StoreError;
use crate::fragment::{FragmentEntry, MediaFilePlace};
use crate::mark::{FILE_MARK_BYTES_MAX, end_mark, marked_end, parse_file_mark};
use crate::unclaimed::set_part_aside;

/// What is about to be cut off behind `last` is copied aside where it may be somebody's media: a fragment's mark is there
/// and its bytes are not what the mark says.
pub(crate) fn keep_tail(
    disk: &dyn Disk,
    root: &Path,
    path: &Path,
    file: &dyn DiskFile,
    place: &MediaFilePlace,
    last: &FragmentEntry,
    is_as_written: bool,
) -> Result<(), StoreError> {
    let read = || {
        let length_bytes = file.length_bytes()?;
        let tail_bytes = length_bytes.saturating_sub(marked_end(last));
        let tail_bytes = usize::try_from(tail_bytes).map_err(std::io::Error::other)?;
        file.read_exact_at(marked_end(last).min(length_bytes), tail_bytes)
    };
    let tail = read().map_err(|error| StoreError::io("read", path, error))?;
    if !may_be_media(&tail, is_as_written) {
        return Ok(());
    }
    let head =
        head(file, place, last.offset).map_err(|error| StoreError::io("read", path, error))?;
    set_part_aside(disk, root, path, &head, &tail, marked_end(last))
}

/// The document header and the file mark of a media file whose first fragment begins at `fragment`, or behind it; empty where
/// they are not whole.
pub(crate) fn head(
    file: &dyn DiskFile,
    place: &MediaFilePlace,
    fragment: u64,
) -> std::io::Result<Bytes> {
    let header_bytes = usize::try_from(place.header_size_bytes).unwrap_or(usize::MAX);
    let bytes_max = header_bytes.saturating_add(FILE_MARK_BYTES_MAX);
    let head =
        file.read_exact_at(0, bytes_max.min(usize::try_from(fragment).unwrap_or(usize::MAX)))?;
    let mark = head.get(header_bytes..).and_then(parse_file_mark);
    let bytes = mark.map_or(0, |mark| header_bytes + mark.size_bytes);
    Ok(head.slice(..bytes.min(head.len())))
}

/// What lies between the whole fragments of a file is copied aside where it may be somebody's media: no entry of a new index
/// will refer to it, and it would go with its file.
pub(crate) fn keep_gaps(
    disk: &dyn Disk,
    root: &Path,
    path: &Path,
    bytes: &Bytes,
    contents: &Contents,
) -> Result<(), StoreError> {
    let head_bytes = usize::try_from(contents.header_size_bytes).unwrap_or(usize::MAX);
    let mut end = head_bytes.saturating_add(contents.mark.size_bytes);
    let head = bytes.get(..end).unwrap_or_default();
    for fragment in &contents.fragments {
        let gap = bytes.get(end..begin_with_mark(bytes, fragment)).unwrap_or_default();
        if may_be_media(gap, false) {
            set_part_aside(disk, root, path, head, gap, end as u64)?;
        }
        end = usize::try_from(marked_end(fragment)).unwrap_or(usize::MAX);
    }
    Ok(())
}

/// Ends a file behind `last` with its mark, durably.
///
/// What no commit had made durable is written again: a sync may have failed on it before the crash, and then the
/// kernel holds it as clean and would never write it, however often it is synced.
pub(crate) fn make_durable(
    file: &dyn DiskFile,
    durable_end: u64,
    last: &FragmentEntry,
) -> std::io::Result<()> {
    let from = durable_end.min(last.end());
    let again = usize::try_from(last.end() - from).map_err(std::io::Error::other)?;
    let again = file.read_exact_at(from, again)?;
    let mark = end_mark(last);
    let marked = file.read_exact_at(last.end(), mark.len());
    // A mark that is there stays, whenever this is cut off: by it alone an older index is told of the fragment. Else to the
    // fragment's end, for a cut that made the file longer would leave what looks like a mark.
    let is_marked = marked.is_ok_and(|marked| marked == mark.as_slice());
    file.truncate(if is_marked { marked_end(last) } else { last.end() })?;
    file.write_all_at(&[&again, &mark], from)?;
    file.sync()
}
