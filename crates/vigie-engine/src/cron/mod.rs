//! Quartz cron expressions, as the KVS `ScheduleExpression` uses them.
//!
//! Decides what an expression means and when it fires, by Quartz's documented grammar: six or seven fields (seconds,
//! minutes, hours, day-of-month, month, day-of-week, optional year), wrapping ranges, steps, names, `?`, `L`, `W`, `#`.
//! It never reads a clock and never waits. Where Quartz's code and its documentation differ (its `W`, and text outside
//! the grammar that it swallows silently, such as `MON-FRI/2`), the documentation wins and the rest is refused with a
//! reason: a user whose every-other-day became every-day had rather been told.
//!
//! **Zones.** The search runs in local wall time. A wall time that a spring gap skips does not fire that day; a wall
//! time that the autumn repeats fires once, on the second pass.
//!
//! **Years** end with 2126. Quartz ends a hundred years after its wall clock's year; a fixed last year keeps the answer
//! a matter of the arguments alone. Years outside 1970 to 2126 may be written, as with Quartz, and never fire.

mod describe;
mod field;
mod next;
mod parse;
#[cfg(test)]
mod tests;

use std::fmt;

use thiserror::Error;

use field::{DayRule, YearRange};

/// A parsed expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CronExpression {
    /// As it was written.
    text: String,
    /// Bit n: second n.
    seconds: u64,
    /// Bit n: minute n.
    minutes: u64,
    /// Bit n: hour n.
    hours: u64,
    /// Bit n: month n, 1 = January.
    months: u64,
    days: DayRule,
    years: Vec<YearRange>,
}

/// Why an expression was refused.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{message}")]
pub struct CronError {
    /// The field, what is wrong with it, and what to write instead.
    pub message: String,
    /// Byte offset in the expression where it goes wrong.
    pub position: usize,
}

impl CronExpression {
    /// Parses six or seven fields separated by spaces or tabs, in any letter case.
    ///
    /// ```
    /// use vigie_engine::cron::CronExpression;
    ///
    /// assert!(CronExpression::parse("0 0 9-16 ? * MON-FRI").is_ok());
    /// let error = CronExpression::parse("0 0 9-16 ? * MON-FRI/2").unwrap_err();
    /// assert_eq!(error.position, 20);
    /// assert!(error.message.starts_with("day-of-week field: names take no step"));
    /// ```
    pub fn parse(text: &str) -> Result<Self, CronError> {
        parse::parse(text)
    }

    /// The expression as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for CronExpression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
