//! The store's words in the seam's, and back. A fragment's location is its media file and its place in it.

use std::sync::Arc;

use vigie_store::{Fragment, FragmentEntry, MediaFilePlace, StoreError, describe};

use super::{
    ArchiveError, DocumentId, FragmentOrder, FragmentQuery, Location, StoredFragment, StreamTotals,
    WholeFragment,
};

pub(super) fn of_store(error: StoreError) -> ArchiveError {
    let text = describe(&error);
    match error {
        StoreError::StreamDeleted { .. } => ArchiveError::StreamDeleted,
        StoreError::MediaFileGone { .. } => ArchiveError::FragmentGone,
        StoreError::DiskFull { free_bytes, reserve_bytes } => {
            ArchiveError::BelowReserve { free_bytes, reserve_bytes }
        }
        error if error.is_index_locked() => ArchiveError::Locked(text),
        error if error.is_disk_full() => ArchiveError::Full(text),
        error if error.is_passing() => ArchiveError::Busy(text),
        _ => ArchiveError::Engine(text),
    }
}

/// Where a fragment lies in its media file.
struct Place {
    media_file: Arc<MediaFilePlace>,
    offset: u64,
}

/// A fragment in the seam's words.
pub(super) fn stored(Fragment { entry, media_file }: Fragment) -> StoredFragment {
    let id = media_file.id.0;
    let place = Arc::new(Place { media_file, offset: entry.offset });
    StoredFragment {
        sequence: entry.sequence,
        producer_timestamp: entry.producer_timestamp,
        server_timestamp: entry.server_timestamp,
        timecode_ms: entry.timecode_ms,
        duration_ms: entry.duration_ms,
        size_bytes: entry.size_bytes,
        frame_count: entry.frame_count,
        crc32c: entry.crc32c,
        number_tail: entry.number_tail,
        key: entry.key,
        // All fragments of a media file have its header.
        document: DocumentId(id.into()),
        at: Location::new(u128::from(id) << 64 | u128::from(entry.offset), place),
    }
}

fn place(fragment: &StoredFragment) -> Result<Arc<Place>, StoreError> {
    let gone = || StoreError::MediaFileGone { path: std::path::PathBuf::new() };
    fragment.at.place().ok_or_else(gone)
}

/// The media file of a fragment; one of another engine is not there.
pub(super) fn media_file(fragment: &StoredFragment) -> Result<Arc<MediaFilePlace>, StoreError> {
    Ok(Arc::clone(&place(fragment)?.media_file))
}

/// A fragment in the store's words.
pub(super) fn found(fragment: &StoredFragment) -> Result<Fragment, StoreError> {
    let place = place(fragment)?;
    let entry = FragmentEntry {
        sequence: fragment.sequence,
        producer_timestamp: fragment.producer_timestamp,
        server_timestamp: fragment.server_timestamp,
        timecode_ms: fragment.timecode_ms,
        duration_ms: fragment.duration_ms,
        offset: place.offset,
        size_bytes: fragment.size_bytes,
        frame_count: fragment.frame_count,
        crc32c: fragment.crc32c,
        number_tail: fragment.number_tail,
        key: fragment.key,
        uploaded: false,
    };
    Ok(Fragment { entry, media_file: Arc::clone(&place.media_file) })
}

pub(super) fn whole_of(fragment: WholeFragment) -> vigie_store::WholeFragment {
    let WholeFragment { meta, duration_ms, frame_count, bytes, crc32c } = fragment;
    let meta = vigie_store::FragmentMeta {
        sequence: meta.sequence,
        producer_timestamp: meta.producer_timestamp,
        server_timestamp: meta.server_timestamp,
        timecode_ms: meta.timecode_ms,
        number_tail: meta.number_tail,
        key: meta.key,
    };
    vigie_store::WholeFragment { meta, duration_ms, frame_count, bytes, crc32c }
}

pub(super) const fn order_of(order: FragmentOrder) -> vigie_store::FragmentOrder {
    match order {
        FragmentOrder::Sequence => vigie_store::FragmentOrder::Sequence,
        FragmentOrder::ProducerTimestamp => vigie_store::FragmentOrder::ProducerTimestamp,
        FragmentOrder::ServerTimestamp => vigie_store::FragmentOrder::ServerTimestamp,
    }
}

pub(super) fn query_of(query: &FragmentQuery) -> vigie_store::FragmentQuery {
    vigie_store::FragmentQuery {
        order: order_of(query.order),
        from: query.from,
        until: query.until,
        after: query.after.map(|after| vigie_store::FragmentPosition {
            value: after.value,
            sequence: after.sequence,
        }),
        not_uploaded: false,
        limit: query.limit,
    }
}

pub(super) const fn totals_of(totals: vigie_store::StreamTotals) -> StreamTotals {
    StreamTotals {
        size_bytes: totals.size_bytes,
        fragment_count: totals.fragment_count,
        oldest_producer_timestamp: totals.oldest_producer_timestamp,
        newest_producer_timestamp: totals.newest_producer_timestamp,
    }
}
