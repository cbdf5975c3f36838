//! The store's words in the seam's, and back. A fragment's location is its media file, which it shares with its neighbours,
//! and its place in it, the lower half of the location's id.

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
        StoreError::Damaged { .. } => ArchiveError::Damaged(text),
        error if error.is_index_locked() => ArchiveError::Locked(text),
        error if error.is_disk_full() => ArchiveError::Full(text),
        error if error.is_passing() => ArchiveError::Busy(text),
        _ => ArchiveError::Engine(text),
    }
}

/// A fragment in the seam's words.
pub(super) fn stored(Fragment { entry, media_file }: Fragment) -> StoredFragment {
    let id = media_file.id.0;
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
        begins_with_key_frame: entry.begins_with_key_frame,
        // All fragments of a media file have its header.
        document: DocumentId(id.into()),
        at: Location::new(location_id(id, entry.offset), media_file),
    }
}

const fn location_id(media_file: u64, offset: u64) -> u128 {
    (media_file as u128) << 64 | offset as u128
}

const fn offset_of(location_id: u128) -> u64 {
    // Its lower half.
    location_id as u64
}

/// The media file of a fragment; one of another engine is not there.
pub(super) fn media_file(fragment: &StoredFragment) -> Result<Arc<MediaFilePlace>, StoreError> {
    let gone = || StoreError::MediaFileGone { path: std::path::PathBuf::new() };
    fragment.at.place().ok_or_else(gone)
}

/// A fragment in the store's words.
pub(super) fn found(fragment: &StoredFragment) -> Result<Fragment, StoreError> {
    let entry = FragmentEntry {
        sequence: fragment.sequence,
        producer_timestamp: fragment.producer_timestamp,
        server_timestamp: fragment.server_timestamp,
        timecode_ms: fragment.timecode_ms,
        duration_ms: fragment.duration_ms,
        offset: offset_of(fragment.at.id()),
        size_bytes: fragment.size_bytes,
        frame_count: fragment.frame_count,
        crc32c: fragment.crc32c,
        number_tail: fragment.number_tail,
        begins_with_key_frame: fragment.begins_with_key_frame,
        uploaded: false,
    };
    Ok(Fragment { entry, media_file: media_file(fragment)? })
}

pub(super) fn whole_of(fragment: WholeFragment) -> vigie_store::WholeFragment {
    let WholeFragment { meta, duration_ms, frame_count, bytes, crc32c } = fragment;
    let meta = vigie_store::FragmentMeta {
        sequence: meta.sequence,
        producer_timestamp: meta.producer_timestamp,
        server_timestamp: meta.server_timestamp,
        timecode_ms: meta.timecode_ms,
        number_tail: meta.number_tail,
        begins_with_key_frame: meta.begins_with_key_frame,
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

#[cfg(test)]
mod tests {
    use vigie_media::Timestamp;
    use vigie_store::MediaFileId;

    use super::*;

    #[test]
    fn what_is_found_of_a_location_is_what_it_was_made_of_and_nothing_is_made_for_it() {
        let path = std::path::PathBuf::from("gate/1.mkv");
        let id = MediaFileId(u64::MAX - 1);
        let place = Arc::new(MediaFilePlace { id, path, header_size_bytes: 100, header_crc32c: 7 });
        let entry = |offset| FragmentEntry {
            sequence: 3,
            producer_timestamp: Timestamp::from_millis(1),
            server_timestamp: Timestamp::from_millis(2),
            timecode_ms: 5,
            duration_ms: 6,
            offset,
            size_bytes: 8,
            frame_count: 9,
            crc32c: 10,
            number_tail: 11,
            begins_with_key_frame: true,
            uploaded: false,
        };
        for offset in [0, 100, u64::MAX] {
            let fragment = Fragment { entry: entry(offset), media_file: Arc::clone(&place) };
            let stored = stored(fragment.clone());
            assert!(Arc::ptr_eq(&media_file(&stored).unwrap(), &place));
            assert_eq!(found(&stored).unwrap(), fragment);
        }
    }
}
