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
        Some(text) => zone::parse_time("--from", text)?,
        None => SystemClock::new().now().wall,
    };
    match CronExpression::parse(&options.expression) {
        Ok(expression) => {
            let fires = next_fires(&expression, from, options.count, &zone);
            let is_over = fires.is_empty();
            if options.json {
                let fires = fires.into_iter().map(Timestamp::as_millis).collect();
                output::json(&Answer::Valid { valid: true, fires })?;
            } else {
                print_fires(&fires, &zone)?;
            }
            if is_over {
                return report_over(options);
            }
            Ok(())
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
    for fire in fires {
        output::line(&zone::local_text(*fire, zone)?)?;
    }
    Ok(())
}

/// A job with such a schedule is in USER_ERROR; a script is told by the exit status.
fn report_over(options: &CronOptions) -> Result<(), Failure> {
    if !options.json {
        eprintln!(
            "valid, but it never fires from then on: a job with this schedule would never run"
        );
    }
    Err(Failure::answered_no())
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
