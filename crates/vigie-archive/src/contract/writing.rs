//! One writer a stream.

use std::sync::Arc;

use bytes::Bytes;

use super::{HEADER, fragment, sequences, write};
use crate::{Archive, ArchiveError};

pub(super) async fn sequences_are_handed_out_once_and_rise(archive: Arc<dyn Archive>) {
    let mut last = 0;
    for epoch in [1, 2, 7] {
        let mut writer = archive.writer("gate", epoch).await.unwrap();
        assert_eq!(writer.epoch(), epoch);
        for count in [1, 5] {
            let reserved = writer.reserve_sequences(count).await.unwrap();
            assert!(reserved.start > last && reserved.end - reserved.start == count);
            last = reserved.end - 1;
        }
    }
}

pub(super) async fn a_new_writer_fences_the_one_before(archive: Arc<dyn Archive>) {
    let mut old = archive.writer("gate", 4).await.unwrap();
    let mut other = archive.writer("yard", 3).await.unwrap();
    let kept = write(&mut *old, &[0, 2]).await;
    let late = old.reserve_sequences(2).await.unwrap();
    let mut new = archive.writer("gate", 6).await.unwrap();
    for late in [3, 4, 5, 6] {
        assert!(matches!(archive.writer("gate", late).await, Err(ArchiveError::Fenced)), "{late}");
    }
    // A sequence from before the new writer's would be passed over by whoever reads what is new.
    let header = Bytes::from_static(HEADER);
    let refused = old.append(&header, fragment(late.start, 4)).await.await;
    assert_eq!(refused, Err(ArchiveError::Fenced));
    assert_eq!(old.reserve_sequences(1).await, Err(ArchiveError::Fenced));
    let more = write(&mut *new, &[4]).await;
    let refused = old.append(&header, fragment(late.start + 1, 6)).await.await;
    assert_eq!(refused, Err(ArchiveError::Fenced));
    assert_eq!(sequences(&*archive, "gate").await, [kept, more].concat());
    let of_other = write(&mut *other, &[0]).await;
    assert_eq!(sequences(&*archive, "yard").await, of_other, "each stream has its own");
}

pub(super) async fn fragments_are_persisted_in_the_order_in_which_they_were_taken(
    archive: Arc<dyn Archive>,
) {
    let mut writer = archive.writer("gate", 1).await.unwrap();
    let reserved = writer.reserve_sequences(40).await.unwrap();
    let (mut persisting, header) = (Vec::new(), Bytes::from_static(HEADER));
    for (sequence, second) in reserved.clone().zip(0..) {
        let appended = writer.append(&header, fragment(sequence, second));
        persisting.push((sequence, appended.await));
    }
    for (sequence, persisted) in persisting.into_iter().rev().step_by(13) {
        persisted.await.unwrap();
        let found = sequences(&*archive, "gate").await;
        let until_then: Vec<u64> = (reserved.start..=sequence).collect();
        assert_eq!(found[..until_then.len()], until_then, "none is acknowledged before another");
    }
}
