//! Reads which fragments lie in a selector's range, and checks the range by the clock.

use vigie_kvs::KvsError;
use vigie_kvs::shapes::archived_media::{FragmentSelectorType, TimestampRange};
use vigie_media::Timestamp;

use super::repetitions::without_repetitions;
use crate::archive::{FragmentQuery, StoredFragment};
use crate::db::Stream;
use crate::failure::Answer;
use crate::media::Media;

/// Index entries that are read at a time.
const ENTRIES_PER_READ: usize = 1000;

/// Every sequence.
const NEWEST: u64 = u64::MAX;

/// What was found of a range.
pub(crate) struct Found {
    pub fragments: Vec<StoredFragment>,
    /// Whether it is all of the range: looking did not stop before its end.
    pub is_whole: bool,
}

/// The fragments that start within `range` and have not expired, in the order of the selector's clock; by the
/// producer's clock without repetitions. Stops looking when some `looked_at_max` are found, those repeated included.
pub(crate) async fn list_range(
    media: &Media,
    stream: &Stream,
    selector: FragmentSelectorType,
    range: TimestampRange,
    looked_at_max: usize,
) -> Answer<Found> {
    list_range_as_of(media, stream, selector, range, (NEWEST, looked_at_max)).await
}

/// The same of what there was when the fragment of this sequence was the newest: what comes later changes nothing of it.
pub(crate) async fn list_range_as_of(
    media: &Media,
    stream: &Stream,
    selector: FragmentSelectorType,
    range: TimestampRange,
    (newest_sequence, looked_at_max): (u64, usize),
) -> Answer<Found> {
    let key = media.config.media_key(stream);
    let query = match selector {
        FragmentSelectorType::ProducerTimestamp => FragmentQuery::producer_range,
        FragmentSelectorType::ServerTimestamp => FragmentQuery::server_range,
    };
    let mut query = query(range.start_timestamp, range.end_timestamp, ENTRIES_PER_READ);
    // Expired media waits for the rest of its media file to expire; it is not seen any more.
    let expired_before = media.expired_before(stream);
    let is_seen = |fragment: &StoredFragment| {
        fragment.server_timestamp >= expired_before && fragment.sequence <= newest_sequence
    };
    let mut fragments: Vec<StoredFragment> = Vec::new();
    let mut is_whole = false;
    while !is_whole && fragments.len() < looked_at_max {
        let page = media.fragments.list(&key, query).await?;
        is_whole = page.len() < ENTRIES_PER_READ;
        if let Some(last) = page.last() {
            query = query.after(query.order.position(last));
        }
        fragments.extend(page.into_iter().filter(is_seen));
    }
    let fragments = match selector {
        FragmentSelectorType::ProducerTimestamp => without_repetitions(fragments),
        FragmentSelectorType::ServerTimestamp => fragments,
    };
    Ok(Found { fragments, is_whole })
}

/// The rules of a range by the server's clock, at its time `now`, of a stream that begins at `head` (KVS API_HLSTimestampRange, API_ClipTimestampRange).
pub(crate) fn check_server_range(
    head: Timestamp,
    start: Timestamp,
    end: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), KvsError> {
    if start <= head {
        return Err(KvsError::invalid_argument(format!(
            "StartTimestamp must be later than the stream's head, which is at {} ms",
            head.as_millis()
        )));
    }
    if end.is_some_and(|end| end >= now) {
        return Err(KvsError::invalid_argument(
            "EndTimestamp must be in the past when FragmentSelectorType is SERVER_TIMESTAMP",
        ));
    }
    Ok(())
}
