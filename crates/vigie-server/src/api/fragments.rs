//! What media a stream holds (KVS API_ListFragments).

use serde::{Deserialize, Serialize};
use vigie_kvs::KvsError;
use vigie_kvs::fragment_number::FragmentNumber;
use vigie_kvs::shapes::archived_media::{
    Fragment as WireFragment, FragmentSelectorType, ListFragmentsInput, ListFragmentsOutput,
};

use super::{Call, page_token};
use crate::archive::{FragmentOrder, FragmentPosition, FragmentQuery, StoredFragment};
use crate::failure::Answer;
use crate::media::Media;

/// The reference gives no default that holds everywhere; the AWS CLI's page is 100.
const PAGE_DEFAULT: usize = 100;
const PAGE_MAX: usize = 1000;

/// Where a page ended. Holds the selector, which a caller need not repeat.
#[derive(Serialize, Deserialize)]
struct Position {
    by_producer: bool,
    from: i64,
    until: i64,
    value: i64,
    sequence: u64,
}

pub(crate) async fn list_fragments(
    media: &Media,
    call: &Call,
    input: ListFragmentsInput,
) -> Answer<ListFragmentsOutput> {
    input.check()?;
    let stream = media.streams.active(call, &input.stream()?).await?;
    let limit = input.max_results.and_then(|results| usize::try_from(results).ok());
    let limit = limit.unwrap_or(PAGE_DEFAULT).clamp(1, PAGE_MAX);
    if stream.retention_hours == 0 {
        // Nothing is archived; what GetMedia still finds is a buffer of minutes.
        return Ok(ListFragmentsOutput::default());
    }
    let query = query(&input, limit + 1)?;
    let key = media.config.media_key(&stream);
    let mut fragments = media.fragments.list(&key, query).await?;
    let next_token = match fragments.len() > limit {
        true => {
            fragments.truncate(limit);
            let last = fragments.last().map(|fragment| query.order.position(fragment));
            last.map(|position| page_token::write(&position_of(&query, position))).transpose()?
        }
        false => None,
    };
    // Expired media waits for the rest of its media file to expire; it is not seen any more.
    let expired_before = media.expired_before(&stream);
    let fragments = fragments
        .iter()
        .filter(|fragment| fragment.server_timestamp >= expired_before)
        .map(wire_fragment)
        .collect();
    Ok(ListFragmentsOutput { fragments, next_token })
}

fn query(input: &ListFragmentsInput, limit: usize) -> Result<FragmentQuery, KvsError> {
    if let Some(token) = &input.next_token {
        let at: Position = page_token::read(token)?;
        let order = match at.by_producer {
            true => FragmentOrder::ProducerTimestamp,
            false => FragmentOrder::ServerTimestamp,
        };
        let after = FragmentPosition { value: at.value, sequence: at.sequence };
        let range =
            FragmentQuery { from: at.from, until: at.until, ..FragmentQuery::all(order, limit) };
        return Ok(range.after(after));
    }
    let selector = input.fragment_selector.ok_or_else(|| {
        KvsError::invalid_argument("FragmentSelector must be given unless NextToken is")
    })?;
    let range = selector.timestamp_range;
    let query = match selector.fragment_selector_type {
        FragmentSelectorType::ProducerTimestamp => FragmentQuery::producer_range,
        FragmentSelectorType::ServerTimestamp => FragmentQuery::server_range,
    };
    Ok(query(range.start_timestamp, range.end_timestamp, limit))
}

fn position_of(query: &FragmentQuery, position: FragmentPosition) -> Position {
    Position {
        by_producer: query.order == FragmentOrder::ProducerTimestamp,
        from: query.from,
        until: query.until,
        value: position.value,
        sequence: position.sequence,
    }
}

fn wire_fragment(entry: &StoredFragment) -> WireFragment {
    WireFragment {
        fragment_number: fragment_number(entry),
        fragment_size_in_bytes: i64::try_from(entry.size_bytes).unwrap_or(i64::MAX),
        producer_timestamp: entry.producer_timestamp,
        server_timestamp: entry.server_timestamp,
        fragment_length_in_milliseconds: entry.duration_ms.into(),
    }
}

/// The number that was acknowledged for a stored fragment.
pub(crate) fn fragment_number(entry: &StoredFragment) -> FragmentNumber {
    FragmentNumber::new(entry.sequence, entry.server_timestamp, entry.number_tail)
}
