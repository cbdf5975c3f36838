//! How long a fragment of a single picture lasts, which does not say so. Pure.

use vigie_media::Timestamp;
use vigie_media::sample::timing::SINGLE_PICTURE_MS_MAX;

use crate::archive::StoredFragment;

/// Until when a fragment may last, by the producer's clock: what it says; one of a single picture, which says nothing, until the
/// next one, if that comes within a minute.
pub(crate) fn lasts_until(fragment: &StoredFragment) -> Timestamp {
    match fragment.duration_ms {
        0 => fragment.producer_timestamp.plus_millis(SINGLE_PICTURE_MS_MAX),
        _ => fragment.producer_until(),
    }
}
