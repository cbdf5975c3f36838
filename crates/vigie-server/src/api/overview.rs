//! What people who look want to know (Vigie's own): `DescribeSchedule`, `DescribeStreamMedia`, `ListMediaRanges`.
//!
//! Reads and explains; changes nothing.

use std::time::Duration;

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use vigie_engine::cron::CronExpression;
use vigie_engine::schedule::Schedule;
use vigie_kvs::KvsError;
use vigie_kvs::shapes::overview::{
    DescribeScheduleInput, DescribeScheduleOutput, DescribeStreamMediaInput,
    DescribeStreamMediaOutput, HeldMedia, ListMediaRangesInput, ListMediaRangesOutput,
    ScheduleFault, ScheduleWindow,
};
use vigie_media::Timestamp;

use super::{Call, page_token};
use crate::archive::{FragmentOrder, FragmentPosition, FragmentQuery, StoredFragment};
use crate::failure::Answer;
use crate::media::Media;

const FIRES_DEFAULT: i32 = 5;
const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);
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

pub(crate) async fn describe_schedule(
    media: &Media,
    _call: &Call,
    input: DescribeScheduleInput,
) -> Answer<DescribeScheduleOutput> {
    let zone = match &input.time_zone {
        None => TimeZone::UTC,
        Some(name) => TimeZone::get(name).map_err(|_| {
            let message = "TimeZone is no IANA name, such as Europe/Paris or UTC";
            KvsError::invalid_argument(message)
        })?,
    };
    let from = input.from.unwrap_or_else(|| media.process.now().wall);
    let text = &input.schedule_expression;
    let cron = match CronExpression::parse(text) {
        Ok(cron) => cron,
        Err(error) => {
            let characters = text.get(..error.position).map_or(0, |head| head.chars().count());
            let position = u64::try_from(characters).unwrap_or(u64::MAX);
            let fault = Some(ScheduleFault { message: error.message, position });
            return Ok(DescribeScheduleOutput { fault, ..DescribeScheduleOutput::default() });
        }
    };
    let count = usize::try_from(input.count.unwrap_or(FIRES_DEFAULT)).unwrap_or(0);
    let next = |after: &Timestamp| cron.next_valid_time_after(*after, &zone);
    let next_fires = std::iter::successors(next(&from), next).take(count);
    let next_fires = next_fires.map(Timestamp::as_seconds_f64).collect();
    let description = Some(cron.words());
    let duration_seconds =
        input.duration_in_seconds.and_then(|seconds| u32::try_from(seconds).ok());
    let windows = duration_seconds.map_or_else(Vec::new, |duration_seconds| {
        Schedule::Windows { cron, duration_seconds }.windows_between(from, from + WEEK, &zone)
    });
    let windows = windows
        .into_iter()
        .map(|window| ScheduleWindow { start_timestamp: window.from, end_timestamp: window.until })
        .collect();
    Ok(DescribeScheduleOutput { description, fault: None, next_fires, windows })
}

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
