//! Which fragments a range stands for: those that begin in it, and the one that is running where it begins; where that
//! has no key frame, from the one before it that has.
//!
//! Looked at again with the same range it comes to the same, as long as none of them is gone: what has arrived since is
//! left out.

use vigie_kvs::shapes::archived_media::{FragmentSelectorType, TimestampRange};
use vigie_kvs::{ErrorKind, KvsError};
use vigie_media::Timestamp;

use super::ClipFiles;
use crate::archive::{FragmentOrder, StoredFragment};
use crate::db::Stream;
use crate::failure::{Answer, Failure};
use crate::fragment_selection::key_frame::{Reach, begun_with_key_frame};
use crate::fragment_selection::{lasts_until, list_range_as_of};
use crate::media::Media;

/// Fragments of a range: two days of two seconds each.
const FRAGMENTS_MAX: usize = 100_000;

/// A range as it is looked at again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FixedRange {
    /// Where its first fragment may begin, in milliseconds of the producer's clock.
    pub start_ms: i64,
    /// Where its last one may.
    pub end_ms: i64,
    /// The newest fragment when it was fixed.
    pub newest_sequence: u64,
}

impl FixedRange {
    /// The range from `start` until `end` as it is now; `None` of a stream without media.
    pub(super) async fn fix(
        media: &Media,
        stream: &Stream,
        start: Timestamp,
        (end, reach): (Timestamp, Reach),
    ) -> Answer<Option<Self>> {
        let key = media.config.media_key(stream);
        let Some(newest) = media.fragments.latest(&key).await? else { return Ok(None) };
        let start_ms = start.as_millis();
        let order = FragmentOrder::ProducerTimestamp;
        let running = media.fragments.last_at_or_before(&key, order, start_ms).await?;
        let running = running.filter(|fragment| lasts_until(fragment) > start);
        let range = TimestampRange {
            start_timestamp: running.map_or(start, |running| running.producer_timestamp),
            // What begins with the end of the range is not in it.
            end_timestamp: Timestamp::from_millis(end.as_millis().saturating_sub(1)),
        };
        let by_producer = FragmentSelectorType::ProducerTimestamp;
        let begun = begun_with_key_frame(media, stream, by_producer, (range, reach)).await?;
        let range = begun.map_or(range, |(range, _)| range);
        Ok(Some(Self {
            start_ms: range.start_timestamp.as_millis(),
            end_ms: range.end_timestamp.as_millis(),
            newest_sequence: newest.sequence,
        }))
    }

    /// Its fragments, in the order of the producer's clock.
    pub(super) async fn fragments(
        &self,
        files: &ClipFiles,
        stream: &Stream,
    ) -> Answer<Vec<StoredFragment>> {
        let _turn = files.listing.acquire().await.map_err(|_| closed())?;
        let range = TimestampRange {
            start_timestamp: Timestamp::from_millis(self.start_ms),
            end_timestamp: Timestamp::from_millis(self.end_ms),
        };
        let by_producer = FragmentSelectorType::ProducerTimestamp;
        let bounds = (self.newest_sequence, FRAGMENTS_MAX + 1);
        let found = list_range_as_of(&files.media, stream, by_producer, range, bounds).await?;
        // A file that ends before its range would pass for whole.
        if found.fragments.len() > FRAGMENTS_MAX || !found.is_whole {
            let message = format!(
                "the range holds more than {FRAGMENTS_MAX} fragments; save it in shorter parts"
            );
            return Err(KvsError::new(ErrorKind::ClientLimitExceeded, message).into());
        }
        Ok(found.fragments)
    }
}

/// Of a semaphore, which nobody closes.
pub(super) fn closed() -> Failure {
    Failure::Internal("a semaphore of clip files is closed".to_owned())
}

/// Of a file of which a part is not there any more.
pub(super) fn gone() -> Failure {
    let message = "media of this file has been deleted since; save the clip again for what is left";
    KvsError::not_found(message).into()
}
