//! Where a session or a clip begins so that its first picture can be decoded: at a fragment that begins with a key frame, or
//! where it would begin anyway if there is none nearby.

use vigie_kvs::shapes::archived_media::{FragmentSelectorType, TimestampRange};
use vigie_media::Timestamp;

use crate::archive::{ArchiveError, FragmentQuery, StoredFragment};
use crate::db::Stream;
use crate::media::Media;

/// How far before a picture its key frame may lie: cameras have been seen that send one each two minutes.
pub(crate) const KEY_FRAME_BEFORE_MS: i64 = 300_000;
/// How many fragments before or behind one are looked at for it.
pub(crate) const KEY_FRAME_FRAGMENTS_MAX: usize = 256;

/// Entries of the index that are read at a time for the first one of a range.
const ENTRIES_PER_READ: usize = 64;

/// How far the key frame of a range may lie from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Minutes before it.
    BeforeRange,
    /// Within it alone, whatever cannot be decoded then: what a share link shows.
    Within,
}

/// The range with its start moved to where it can be decoded from, and the fragment with which it then begins; `None` where
/// no fragment starts within it. By the order of the selector's clock.
pub(crate) async fn begun_with_key_frame(
    media: &Media,
    stream: &Stream,
    selector: FragmentSelectorType,
    (range, reach): (TimestampRange, Reach),
) -> Result<Option<(TimestampRange, StoredFragment)>, ArchiveError> {
    let query = match selector {
        FragmentSelectorType::ProducerTimestamp => FragmentQuery::producer_range,
        FragmentSelectorType::ServerTimestamp => FragmentQuery::server_range,
    };
    let key = media.config.media_key(stream);
    let expired_before = media.expired_before(stream);
    let mut query = query(range.start_timestamp, range.end_timestamp, ENTRIES_PER_READ);
    // Expired media waits for the rest of its media file to expire; it is not seen any more.
    loop {
        let found = media.fragments.list(&key, query).await?;
        let Some(last) = found.last() else { return Ok(None) };
        query = query.after(query.order.position(last));
        let mut found = found.into_iter();
        let alive = found.find(|fragment| fragment.server_timestamp >= expired_before);
        let Some(alive) = alive else { continue };
        let in_range = FragmentQuery { after: None, ..query };
        let alive_sequence = alive.sequence;
        let first =
            beginning_of_range(media, &key, in_range, alive, (expired_before, reach)).await?;
        let start_timestamp = match first.sequence == alive_sequence {
            true => range.start_timestamp,
            false => Timestamp::from_millis(query.order.value(&first)),
        };
        return Ok(Some((TimestampRange { start_timestamp, ..range }, first)));
    }
}

/// The fragment with which a range begins in which `first` is the first one: the last one before it that begins with a key
/// frame, or else the first one behind it, or else `first` itself.
async fn beginning_of_range(
    media: &Media,
    key: &str,
    range: FragmentQuery,
    first: StoredFragment,
    (expired_before, reach): (Timestamp, Reach),
) -> Result<StoredFragment, ArchiveError> {
    if first.begins_with_key_frame {
        return Ok(first);
    }
    let at = range.order.value(&first);
    let before_ms = match reach {
        Reach::BeforeRange => KEY_FRAME_BEFORE_MS,
        Reach::Within => 0,
    };
    let before = FragmentQuery {
        from: at.saturating_sub(before_ms),
        until: at.saturating_sub(1),
        after: None,
        limit: ENTRIES_PER_READ,
        ..range
    };
    let is_beginning = |fragment: &StoredFragment| {
        fragment.begins_with_key_frame && fragment.server_timestamp >= expired_before
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
    let behind = FragmentQuery { limit: KEY_FRAME_FRAGMENTS_MAX, ..behind };
    let behind = media.fragments.list(key, behind).await?;
    Ok(behind.into_iter().find(is_beginning).unwrap_or(first))
}

/// The same of a live session that would begin with the fragment at `index`, none of those before `earliest`.
pub(crate) fn beginning_of_live(
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
