//! Where a session begins so that its first picture can be decoded: at a fragment that begins with a key frame, or where it
//! would begin anyway if there is none nearby.

use vigie_media::Timestamp;

use crate::archive::{ArchiveError, FragmentQuery, StoredFragment};
use crate::media::Media;

/// How far before a session's range its key frame may lie: cameras have been seen that send one each two minutes.
const BEFORE_MS: i64 = 300_000;
/// How many fragments behind its beginning are looked at for one.
const BEHIND_MAX: usize = 256;
/// Index entries that are read at a time: a producer may have put any number before it.
const ENTRIES_PER_READ: usize = 1000;

/// What a session may begin with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Nothing that was received before.
    pub expired_before: Timestamp,
    /// Nothing before its range, whatever can be decoded of it: what a share link shows.
    pub within_range: bool,
}

/// The fragment with which a range begins in which `first` is the first one: the last one before it that begins with a key
/// frame, or else the first one behind it, or else `first` itself.
pub(super) async fn beginning_of_range(
    media: &Media,
    key: &str,
    range: FragmentQuery,
    first: StoredFragment,
    bounds: Bounds,
) -> Result<StoredFragment, ArchiveError> {
    if first.begins_with_key_frame {
        return Ok(first);
    }
    let at = range.order.value(&first);
    let before_ms = if bounds.within_range { 0 } else { BEFORE_MS };
    let before = FragmentQuery {
        from: at.saturating_sub(before_ms),
        until: at.saturating_sub(1),
        after: None,
        limit: ENTRIES_PER_READ,
        ..range
    };
    let is_beginning = |fragment: &StoredFragment| {
        fragment.begins_with_key_frame && fragment.server_timestamp >= bounds.expired_before
    };
    let mut pages = before;
    let mut latest = None;
    loop {
        let page = media.fragments.list(key, pages).await?;
        let end = page.last().filter(|_| page.len() == ENTRIES_PER_READ);
        let next = end.map(|end| pages.after(pages.order.position(end)));
        latest = page.into_iter().rfind(&is_beginning).or(latest);
        match next {
            Some(next) => pages = next,
            None => break,
        }
    }
    if let Some(found) = latest {
        return Ok(found);
    }
    let behind = range.after(range.order.position(&first));
    let behind = FragmentQuery { limit: BEHIND_MAX, ..behind };
    let behind = media.fragments.list(key, behind).await?;
    Ok(behind.into_iter().find(is_beginning).unwrap_or(first))
}

/// The same of a live session that would begin with the fragment at `index`, none of those before `earliest`.
pub(super) fn beginning_of_live(
    fragments: &[StoredFragment],
    index: usize,
    earliest: usize,
) -> Option<&StoredFragment> {
    let has_key_frame = |fragment: &&StoredFragment| fragment.begins_with_key_frame;
    let before = fragments.get(earliest..=index)?.iter().rfind(has_key_frame);
    before.or_else(|| fragments[index..].iter().find(has_key_frame)).or(fragments.get(index))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::archive::{DocumentId, Location};

    fn fragment(sequence: u64, begins_with_key_frame: bool) -> StoredFragment {
        StoredFragment {
            sequence,
            producer_timestamp: Timestamp::from_millis(0),
            server_timestamp: Timestamp::from_millis(0),
            timecode_ms: 0,
            duration_ms: 2000,
            size_bytes: 1,
            frame_count: 1,
            crc32c: 0,
            number_tail: 0,
            begins_with_key_frame,
            document: DocumentId(1),
            at: Location::new(sequence.into(), Arc::new(())),
        }
    }

    #[test]
    fn a_live_session_begins_with_a_key_frame_if_there_is_one() {
        let check = |keys: &str, index, earliest, expect| {
            let fragments: Vec<StoredFragment> =
                (0..).zip(keys.chars()).map(|(at, key)| fragment(at, key == 'k')).collect();
            let found = beginning_of_live(&fragments, index, earliest);
            assert_eq!(found.map(|found| found.sequence), Some(expect), "{keys}");
        };
        check("kkk", 1, 0, 1);
        check("k..k", 2, 0, 0);
        check("k..k", 2, 1, 3);
        check("....", 2, 0, 2);
    }
}
