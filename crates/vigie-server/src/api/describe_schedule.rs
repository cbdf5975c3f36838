//! `DescribeSchedule` (Vigie's own): what a schedule means, and where it is wrong.
//!
//! Explains; what a schedule means is the engine's to say.

use std::time::Duration;

use jiff::tz::TimeZone;
use vigie_engine::cron::CronExpression;
use vigie_engine::schedule::Schedule;
use vigie_kvs::KvsError;
use vigie_kvs::shapes::describe_schedule::{
    DescribeScheduleInput, DescribeScheduleOutput, ScheduleFault, ScheduleWindow,
};
use vigie_media::Timestamp;

use super::Call;
use crate::failure::Answer;
use crate::media::Media;

const FIRES_DEFAULT: i32 = 5;
const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);

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
    let description = Some(cron.describe());
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
