//! Where GetMedia begins (KVS API_StartSelector): the sequence behind which fragments are sent.

use vigie_kvs::shapes::media::Start;
use vigie_media::Timestamp;

use crate::archive::{ArchiveError, FragmentOrder, FragmentQuery, StoredFragment};
use crate::media::Media;

/// The sequence behind which `start` begins.
pub(super) async fn after_sequence(
    media: &Media,
    stream: &str,
    start: Start,
) -> Result<u64, ArchiveError> {
    match start {
        Start::Earliest => Ok(0),
        Start::After(number) => Ok(number.sequence()),
        Start::Now => Ok(newest(media, stream).await?.saturating_sub(1)),
        Start::ServerTimestamp(at) => {
            holding(media, stream, FragmentOrder::ServerTimestamp, at).await
        }
        Start::ProducerTimestamp(at) => {
            holding(media, stream, FragmentOrder::ProducerTimestamp, at).await
        }
    }
}

async fn newest(media: &Media, stream: &str) -> Result<u64, ArchiveError> {
    Ok(media.fragments.latest(stream).await?.map_or(0, |fragment| fragment.sequence))
}

/// Before the fragment that holds an instant, or the first one after it; when there is none, what is still to come.
async fn holding(
    media: &Media,
    stream: &str,
    order: FragmentOrder,
    at: Timestamp,
) -> Result<u64, ArchiveError> {
    let at_ms = at.as_millis();
    let before = media.fragments.last_at_or_before(stream, order, at_ms).await?;
    let reaches =
        |entry: &StoredFragment| order.value(entry) + i64::from(entry.duration_ms) > at_ms;
    // Of fragments that share a timestamp (a backlog that arrived at once) the first in order is meant.
    let holder = before.filter(|fragment| reaches(fragment));
    let from = holder.map_or(at_ms, |fragment| order.value(&fragment));
    let later = FragmentQuery { from, ..FragmentQuery::all(order, 1) };
    match media.fragments.list(stream, later).await?.first() {
        Some(fragment) => Ok(fragment.sequence.saturating_sub(1)),
        None => newest(media, stream).await,
    }
}
