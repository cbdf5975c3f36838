//! `vigie cron`: shows when a schedule fires, or what is wrong with it.

use serde::Serialize;
use vigie_engine::clock::Clock;
use vigie_engine::cron::{CronError, CronExpression};
use vigie_media::Timestamp;

use crate::cli::CronOptions;
use crate::failure::Failure;
use crate::output;
use crate::system::SystemClock;
use crate::zone;

/// The answer of `--json`. Fire times in milliseconds since 1970.
#[derive(Serialize)]
#[serde(untagged)]
enum Answer {
    Valid { valid: bool, fires: Vec<i64> },
    Invalid { valid: bool, error: String, position: usize },
}

pub fn run(options: &CronOptions) -> Result<(), Failure> {
    let zone = zone::find(options.timezone.as_deref())?;
    let from = match &options.from {
        Some(text) => parse_time(text)?,
        None => SystemClock::new().now().wall,
    };
    match CronExpression::parse(&options.expression) {
        Ok(expression) => {
            let fires = next_fires(&expression, from, options.count, &zone);
            if options.json {
                let fires = fires.into_iter().map(Timestamp::as_millis).collect();
                output::json(&Answer::Valid { valid: true, fires })
            } else {
                print_fires(&fires, &zone)
            }
        }
        Err(error) => report_invalid(options, error),
    }
}

fn next_fires(
    expression: &CronExpression,
    from: Timestamp,
    count: u32,
    zone: &jiff::tz::TimeZone,
) -> Vec<Timestamp> {
    let mut fires = Vec::new();
    let mut after = from;
    while fires.len() < count as usize {
        let Some(fire) = expression.next_valid_time_after(after, zone) else { break };
        fires.push(fire);
        after = fire;
    }
    fires
}

fn print_fires(fires: &[Timestamp], zone: &jiff::tz::TimeZone) -> Result<(), Failure> {
    if fires.is_empty() {
        return output::line("valid, but it never fires from then on");
    }
    for fire in fires {
        output::line(&zone::local_text(*fire, zone)?)?;
    }
    Ok(())
}

fn report_invalid(options: &CronOptions, error: CronError) -> Result<(), Failure> {
    let CronError { message, position, .. } = error;
    if options.json {
        output::json(&Answer::Invalid { valid: false, error: message, position })?;
    } else {
        // The caret stands under the character, not the byte.
        let column =
            options.expression.get(..position).map_or(position, |head| head.chars().count());
        eprintln!("{}\n{}^ {message}", options.expression, " ".repeat(column));
    }
    Err(Failure::answered_no())
}

/// RFC 3339, or milliseconds since 1970.
fn parse_time(text: &str) -> Result<Timestamp, Failure> {
    if let Ok(millis) = text.parse::<i64>() {
        return Ok(Timestamp::from_millis(millis));
    }
    match text.parse::<jiff::Timestamp>() {
        Ok(time) => Ok(Timestamp::from_millis(time.as_millisecond())),
        Err(_) => Err(Failure::usage(format!(
            "--from {text:?} is no time: give RFC 3339 such as 2026-11-22T09:00:00Z, or milliseconds since 1970"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn from_takes_both_forms() {
        assert_eq!(parse_time("1795358107000").unwrap().as_millis(), 1_795_358_107_000);
        assert_eq!(parse_time("1970-01-01T01:00:00+01:00").unwrap(), Timestamp::EPOCH);
        assert_eq!(parse_time("-5").unwrap().as_millis(), -5);
        assert!(parse_time("yesterday").is_err());
    }
}
