//! What is stored of a stream, for people who look (Vigie's own): `DescribeStreamMedia`, `ListMediaRanges`.
//!
//! Reads; changes nothing.

use serde::{Deserialize, Serialize};
use vigie_kvs::shapes::stream_media::{
    DescribeStreamMediaInput, DescribeStreamMediaOutput, HeldMedia, ListMediaRangesInput,
    ListMediaRangesOutput,
};
use vigie_media::Timestamp;

use super::{Call, page_token};
use crate::archive::{FragmentOrder, FragmentPosition, FragmentQuery, StoredFragment};
use crate::failure::Answer;
use crate::media::Media;

/// Media with less between it counts as one: no one sees it on a time line, and frame times are not exact.
const SEAM_MS: i64 = 1500;
/// No fragment is longer: what begins earlier than this before a range does not reach into it.
const FRAGMENT_MS_MAX: i64 = 60_000;
/// Fragments read at once, and in one call.
const PAGE: usize = 10_000;
const FRAGMENTS_MAX: usize = 200_000;
/// Ranges in an answer.
const RANGES_DEFAULT: usize = 100;
const RANGES_MAX: usize = 1000;

pub(crate) async fn describe_stream_media(
    media: &Media,
    call: &Call,
    input: DescribeStreamMediaInput,
) -> Answer<DescribeStreamMediaOutput> {
    let stream = media.streams.active(call, &input.stream()?).await?;
    let totals = media.fragments.totals(&media.config.media_key(&stream)).await?;
    Ok(DescribeStreamMediaOutput {
        size_bytes: totals.size_bytes,
        fragment_count: totals.fragment_count,
        oldest_timestamp: totals.oldest_producer_timestamp,
        newest_timestamp: totals.newest_producer_timestamp,
    })
}

/// Where a page ended: behind this fragment, in the order of producer timestamps. Holds the range, which a caller need
/// not repeat.
#[derive(Serialize, Deserialize)]
struct Position {
    from: i64,
    until: i64,
    after: Option<(i64, u64)>,
}

pub(crate) async fn list_media_ranges(
    media: &Media,
    call: &Call,
    input: ListMediaRangesInput,
) -> Answer<ListMediaRangesOutput> {
    input.check()?;
    let stream = media.streams.active(call, &input.stream()?).await?;
    let key = media.config.media_key(&stream);
    let expired_before = media.expired_before(&stream);
    let limit = input.max_results.and_then(|results| usize::try_from(results).ok());
    let limit = limit.unwrap_or(RANGES_DEFAULT).clamp(1, RANGES_MAX);
    let (from, until) = (input.start_timestamp.as_millis(), input.end_timestamp.as_millis());
    let mut at = match &input.next_token {
        Some(token) => page_token::read(token)?,
        None => Position { from, until, after: None },
    };
    let from = Timestamp::from_millis(at.from);
    let mut output = ListMediaRangesOutput::default();
    for _ in 0..FRAGMENTS_MAX / PAGE {
        let begin = from.plus_millis(-FRAGMENT_MS_MAX);
        let end = Timestamp::from_millis(at.until);
        let query = FragmentQuery {
            after: at.after.map(|(value, sequence)| FragmentPosition { value, sequence }),
            ..FragmentQuery::producer_range(begin, end, PAGE)
        };
        let fragments = media.fragments.list(&key, query).await?;
        for fragment in &fragments {
            if fragment.producer_until() > from
                && fragment.server_timestamp >= expired_before
                && !add(&mut output.ranges, limit, fragment)
            {
                output.next_token = Some(page_token::write(&at)?);
                return Ok(output);
            }
            let FragmentPosition { value, sequence } =
                FragmentOrder::ProducerTimestamp.position(fragment);
            at.after = Some((value, sequence));
        }
        if fragments.len() < PAGE {
            return Ok(output);
        }
    }
    output.next_token = Some(page_token::write(&at)?);
    Ok(output)
}

/// Puts the next fragment, in the order of producer timestamps, where it belongs; `false` when that would be one range
/// too many.
fn add(ranges: &mut Vec<HeldMedia>, limit: usize, entry: &StoredFragment) -> bool {
    let (from, until) = (entry.producer_timestamp, entry.producer_until());
    let is_full = ranges.len() >= limit;
    match ranges.last_mut() {
        Some(last) if from <= last.end_timestamp.plus_millis(SEAM_MS) => {
            last.end_timestamp = last.end_timestamp.max(until);
            last.fragment_count += 1;
            last.size_bytes += entry.size_bytes;
        }
        _ if is_full => return false,
        _ => ranges.push(HeldMedia {
            start_timestamp: from,
            end_timestamp: until,
            fragment_count: 1,
            size_bytes: entry.size_bytes,
        }),
    }
    true
}
