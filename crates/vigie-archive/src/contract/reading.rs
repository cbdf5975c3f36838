//! What was acknowledged can be read.

use std::sync::Arc;

use bytes::Bytes;

use super::{HEADER, at, fragment, write};
use crate::{
    Archive, FragmentMeta, FragmentOrder, FragmentPosition, FragmentQuery, StoredFragment,
    StreamTotals,
};

pub(super) async fn what_was_acknowledged_is_read_as_it_was(archive: Arc<dyn Archive>) {
    let mut writer = archive.writer("gate", 1).await.unwrap();
    let first = write(&mut *writer, &[0, 2]).await;
    let other_header = Bytes::from_static(b"the header of another document");
    let reserved = writer.reserve_sequences(1).await.unwrap().start;
    let large = {
        let mut large = fragment(reserved, 4);
        large.bytes = Bytes::from(large.bytes.repeat(2000));
        crate::WholeFragment::new(large.meta, large.duration_ms, large.frame_count, large.bytes)
    };
    writer.append(&other_header, large.clone()).await.await.unwrap();
    let query = FragmentQuery::all(FragmentOrder::Sequence, 10);
    let found = archive.list("gate", query).await.unwrap();
    let sent = [fragment(first[0], 0), fragment(first[1], 2), large];
    assert_eq!(found.len(), sent.len());
    for (stored, sent) in found.iter().zip(&sent) {
        let meta = FragmentMeta {
            sequence: stored.sequence,
            producer_timestamp: stored.producer_timestamp,
            server_timestamp: stored.server_timestamp,
            timecode_ms: stored.timecode_ms,
            number_tail: stored.number_tail,
            begins_with_key_frame: stored.begins_with_key_frame,
        };
        assert_eq!(meta, sent.meta);
        assert_eq!((stored.duration_ms, stored.frame_count), (sent.duration_ms, sent.frame_count));
        assert_eq!((stored.size_bytes, stored.crc32c), (sent.bytes.len() as u64, sent.crc32c));
        assert_eq!(archive.read(stored).await.unwrap(), sent.bytes);
        let (mut blocks, mut in_blocks) = (archive.blocks(stored), Vec::new());
        while let Some(block) = blocks.next_block().await.unwrap() {
            in_blocks.extend_from_slice(&block);
        }
        assert_eq!(in_blocks, sent.bytes);
    }
    let headers = [HEADER, HEADER, &other_header];
    for (stored, header) in found.iter().zip(headers) {
        assert_eq!(archive.read_header(stored).await.unwrap(), header);
        // What is kept of one is the other's where the ids are the same.
        for (other, of_other) in found.iter().zip(headers) {
            assert!(stored.document != other.document || header == of_other);
            assert_eq!(stored.at.id() == other.at.id(), stored.sequence == other.sequence);
        }
    }
}

pub(super) async fn fragments_are_listed_in_each_order_and_in_pages(archive: Arc<dyn Archive>) {
    let mut writer = archive.writer("gate", 1).await.unwrap();
    // A producer whose clock was set back: its second three comes again.
    let written = write(&mut *writer, &[5, 7, 3, 9, 3, 1]).await;
    let second = |stored: &StoredFragment| (stored.timecode_ms / 1000, stored.sequence);
    let list = async |query: FragmentQuery| {
        let found = archive.list("gate", query).await.unwrap();
        found.iter().map(second).collect::<Vec<_>>()
    };
    let by_time = [(1, 5), (3, 2), (3, 4), (5, 0), (7, 1), (9, 3)];
    let by_time = by_time.map(|(second, index)| (second, written[index]));
    for order in [FragmentOrder::ProducerTimestamp, FragmentOrder::ServerTimestamp] {
        assert_eq!(list(FragmentQuery::all(order, 100)).await, by_time);
    }
    assert_eq!(list(FragmentQuery::producer_range(at(3), at(7), 100)).await, by_time[1..5]);
    assert_eq!(list(FragmentQuery::producer_range(at(3), at(7), 2)).await, by_time[1..3]);
    assert_eq!(list(FragmentQuery::server_range(at(5), at(5), 100)).await, by_time[1..3]);
    // Pages of two, by each order, lead through all.
    for order in
        [FragmentOrder::Sequence, FragmentOrder::ProducerTimestamp, FragmentOrder::ServerTimestamp]
    {
        let all = archive.list("gate", FragmentQuery::all(order, 100)).await.unwrap();
        let (mut walked, mut query) = (Vec::new(), FragmentQuery::all(order, 2));
        loop {
            let page = archive.list("gate", query).await.unwrap();
            let Some(last) = page.last() else { break };
            query = query.after(order.position(last));
            walked.extend(page);
        }
        assert_eq!(walked, all);
    }
    let behind = FragmentPosition { value: 3000, sequence: 0 };
    let query = FragmentQuery::all(FragmentOrder::Sequence, 100).after(behind);
    assert!(list(query).await.is_empty());
}

pub(super) async fn the_last_one_before_is_found(archive: Arc<dyn Archive>) {
    let mut writer = archive.writer("gate", 1).await.unwrap();
    let written = write(&mut *writer, &[5, 3, 3, 9]).await;
    let found = async |order, value| {
        let found = archive.last_at_or_before("gate", order, value).await.unwrap();
        found.map(|fragment| fragment.sequence)
    };
    let producer =
        async |second| found(FragmentOrder::ProducerTimestamp, at(second).as_millis()).await;
    assert_eq!(producer(2).await, None);
    assert_eq!(producer(4).await, Some(written[2]), "the later one of two that begin together");
    assert_eq!(producer(9).await, Some(written[3]));
    let server = found(FragmentOrder::ServerTimestamp, at(8).as_millis()).await;
    assert_eq!(server, Some(written[0]));
    assert_eq!(archive.latest("gate").await.unwrap().unwrap().sequence, written[3]);
}

pub(super) async fn a_stream_that_never_had_a_fragment_holds_nothing(archive: Arc<dyn Archive>) {
    let query = FragmentQuery::all(FragmentOrder::Sequence, 10);
    let mut writer = archive.writer("gate", 1).await.unwrap();
    writer.reserve_sequences(1).await.unwrap();
    for stream in ["gate", "nobody"] {
        assert!(archive.list(stream, query).await.unwrap().is_empty());
        assert_eq!(archive.latest(stream).await.unwrap(), None);
        assert_eq!(archive.totals(stream).await.unwrap(), StreamTotals::default());
        archive.delete_older_than(stream, at(100)).await.unwrap();
        archive.delete_but_newest(stream, 0).await.unwrap();
    }
    write(&mut *writer, &[4, 0]).await;
    let totals = archive.totals("gate").await.unwrap();
    assert_eq!(totals.fragment_count, 2);
    assert_eq!(totals.oldest_producer_timestamp, Some(at(0)));
    assert_eq!(totals.newest_producer_timestamp, Some(at(6)));
    let bytes = (fragment(1, 4).bytes.len() + fragment(2, 0).bytes.len()) as u64;
    assert!(totals.size_bytes >= bytes && archive.size_bytes().await.unwrap() >= bytes);
}
