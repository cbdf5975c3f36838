//! What is erased is gone.

use std::sync::Arc;

use bytes::Bytes;

use super::{HEADER, at, fragment, sequences, write};
use crate::{Archive, ArchiveError, FragmentOrder, FragmentQuery};

pub(super) async fn what_is_erased_is_gone_and_its_writer_is_fenced(archive: Arc<dyn Archive>) {
    let mut writer = archive.writer("gate", 1).await.unwrap();
    let written = write(&mut *writer, &[0, 2]).await;
    let late = writer.reserve_sequences(2).await.unwrap();
    let query = FragmentQuery::all(FragmentOrder::Sequence, 10);
    let listed = archive.list("gate", query).await.unwrap();
    let erased = archive.delete_stream("gate").await.unwrap();
    assert_eq!(erased.fragment_count, written.len() as u64);
    assert!(erased.size_bytes >= listed.iter().map(|one| one.size_bytes).sum());
    assert!(archive.list("gate", query).await.unwrap().is_empty());
    // Who has listed it before may read it as it was, until its bytes are gone as well.
    while let Ok(bytes) = archive.read(&listed[0]).await {
        assert_eq!(bytes, fragment(written[0], 0).bytes);
    }
    assert_eq!(archive.read(&listed[0]).await, Err(ArchiveError::FragmentGone));
    assert_eq!(archive.read_header(&listed[0]).await, Err(ArchiveError::FragmentGone));
    let block = archive.blocks(&listed[0]).next_block().await;
    assert_eq!(block, Err(ArchiveError::FragmentGone));
    // A fragment that was on its way makes no stream anew.
    let header = Bytes::from_static(HEADER);
    let refused = writer.append(&header, fragment(late.start, 4)).await.await;
    assert!(
        matches!(refused, Err(ArchiveError::Fenced | ArchiveError::StreamDeleted)),
        "{refused:?}"
    );
    assert!(writer.reserve_sequences(1).await.is_err());
    assert!(archive.list("gate", query).await.unwrap().is_empty());
    // A stream of the same key is written to by who comes afterwards, and not by who was there before.
    let mut next = archive.writer("gate", 2).await.unwrap();
    let refused = writer.append(&header, fragment(late.start + 1, 6)).await.await;
    assert!(
        matches!(refused, Err(ArchiveError::Fenced | ArchiveError::StreamDeleted)),
        "{refused:?}"
    );
    let more = write(&mut *next, &[8]).await;
    assert_eq!(sequences(&*archive, "gate").await, more);
    assert_eq!(archive.delete_stream("nobody").await.unwrap().fragment_count, 0);
}

pub(super) async fn what_is_older_goes_and_nothing_that_is_younger(archive: Arc<dyn Archive>) {
    let mut writer = archive.writer("gate", 1).await.unwrap();
    let written = write(&mut *writer, &[0, 2, 4, 6]).await;
    let mut other = archive.writer("yard", 2).await.unwrap();
    write(&mut *other, &[0]).await;
    // Received at the seconds 2, 4, 6 and 8.
    archive.delete_older_than("gate", at(6)).await.unwrap();
    let left = sequences(&*archive, "gate").await;
    assert!(left.ends_with(&written[2..]), "{left:?}");
    archive.delete_older_than("gate", at(9)).await.unwrap();
    assert!(sequences(&*archive, "gate").await.is_empty());
    // What comes afterwards is the stream's as before.
    let more = write(&mut *writer, &[8]).await;
    assert_eq!(sequences(&*archive, "gate").await, more);
    assert_eq!(sequences(&*archive, "yard").await.len(), 1);
}

pub(super) async fn the_newest_is_kept_for_want_of_space(archive: Arc<dyn Archive>) {
    let mut writer = archive.writer("gate", 1).await.unwrap();
    let written = write(&mut *writer, &[0, 2, 4, 6]).await;
    let kept_bytes_min = (fragment(3, 4).bytes.len() + fragment(4, 6).bytes.len()) as u64;
    archive.delete_but_newest("gate", kept_bytes_min).await.unwrap();
    let left = sequences(&*archive, "gate").await;
    assert!(left.ends_with(&written[2..]), "{left:?}");
}
