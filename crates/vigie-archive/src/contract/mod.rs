//! What the service relies on, held against an engine: one writer a stream, what is acknowledged can be read, and what is
//! erased is gone.

#![allow(clippy::unwrap_used, reason = "a check fails by panicking")]

mod erasing;
mod reading;
mod writing;

use std::sync::Arc;

use bytes::Bytes;
use vigie_media::Timestamp;

use crate::{Archive, FragmentMeta, FragmentOrder, FragmentQuery, StreamWriter, WholeFragment};

/// Checks an engine, each time a new and empty one that `open` makes; panics where one does not hold. It keeps documents and
/// fragments verbatim, so they need not be any.
pub async fn hold<Guard>(open: impl Fn() -> (Guard, Arc<dyn Archive>)) {
    macro_rules! check {
        ($($matter:ident: $($name:ident),*;)*) => {$($(
            // Seen where one fails.
            println!(concat!(stringify!($matter), ": ", stringify!($name)));
            let (guard, archive) = open();
            $matter::$name(archive).await;
            drop(guard);
        )*)*};
    }
    check! {
        writing: sequences_are_handed_out_once_and_rise, a_new_writer_fences_the_one_before,
            fragments_are_persisted_in_the_order_in_which_they_were_taken;
        reading: what_was_acknowledged_is_read_as_it_was, fragments_are_listed_in_each_order_and_in_pages,
            the_last_one_before_is_found, a_stream_that_never_had_a_fragment_holds_nothing;
        erasing: what_is_erased_is_gone_and_its_writer_is_fenced, what_is_older_goes_and_nothing_that_is_younger,
            the_newest_is_kept_for_want_of_space;
    }
}

const HEADER: &[u8] = b"a document header, as a producer sent it";
/// The time of the first fragment, in milliseconds since 1970.
const BEGIN_MS: i64 = 1_763_829_180_000;

fn at(second: i64) -> Timestamp {
    Timestamp::from_millis(BEGIN_MS + 1000 * second)
}

/// A fragment of two seconds that begins at that second by its producer and is received two seconds later.
fn fragment(sequence: u64, second: i64) -> WholeFragment {
    let meta = FragmentMeta {
        sequence,
        producer_timestamp: at(second),
        server_timestamp: at(second + 2),
        timecode_ms: second * 1000,
        number_tail: u32::try_from(sequence).unwrap() + 7,
        begins_with_key_frame: true,
    };
    let bytes = Bytes::from(format!("fragment {sequence} of second {second} ").repeat(50));
    WholeFragment::new(meta, 2000, 4, bytes)
}

/// Appends fragments that begin at those seconds; returns their sequences once all are persisted.
async fn write(writer: &mut dyn StreamWriter, seconds: &[i64]) -> Vec<u64> {
    let sequences = writer.reserve_sequences(seconds.len() as u64).await.unwrap();
    let (mut persisting, header) = (Vec::new(), Bytes::from_static(HEADER));
    for (sequence, second) in sequences.clone().zip(seconds) {
        let appended = writer.append(&header, fragment(sequence, *second));
        persisting.push(appended.await);
    }
    for persisted in persisting {
        persisted.await.unwrap();
    }
    sequences.collect()
}

async fn sequences(archive: &dyn Archive, stream: &str) -> Vec<u64> {
    let query = FragmentQuery::all(FragmentOrder::Sequence, 1000);
    let found = archive.list(stream, query).await.unwrap();
    found.into_iter().map(|fragment| fragment.sequence).collect()
}
