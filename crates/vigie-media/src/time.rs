//! The one time stamp of the project: milliseconds since the Unix epoch, as KVS counts.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

/// An instant in UTC, in milliseconds since 1970-01-01T00:00:00Z (the resolution of KVS).
///
/// Arithmetic saturates: a time stamp comes from the wire, and no sum of one may panic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The Unix epoch.
    pub const EPOCH: Self = Self(0);
    /// Later than every time stamp that can be stored.
    pub const MAX: Self = Self(i64::MAX);
    /// Earlier than every time stamp that can be stored.
    pub const MIN: Self = Self(i64::MIN);

    /// From milliseconds since the Unix epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// From seconds since the Unix epoch with a fraction, as JSON bodies carry them; rounded to the millisecond.
    pub fn from_seconds_f64(seconds: f64) -> Self {
        Self((seconds * 1000.0).round() as i64)
    }

    /// Seconds since the Unix epoch with a fraction, as JSON bodies carry them.
    pub fn as_seconds_f64(self) -> f64 {
        self.0 as f64 / 1000.0
    }

    /// Milliseconds from `earlier` to `self`, negative when `earlier` is later.
    pub const fn millis_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// `self` moved by `millis`, which may be negative.
    pub const fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        self.plus_millis(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl fmt::Display for Timestamp {
    /// Milliseconds as a plain number; people's forms are made where people look (the CLI, the console).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_seconds_round_to_the_millisecond() {
        assert_eq!(Timestamp::from_seconds_f64(1.705489836421E9).as_millis(), 1_705_489_836_421);
        assert_eq!(Timestamp::from_millis(1_705_489_836_421).as_seconds_f64(), 1_705_489_836.421);
    }

    #[test]
    fn arithmetic_saturates() {
        assert_eq!(Timestamp::MAX + Duration::from_secs(1), Timestamp::MAX);
        assert_eq!(Timestamp::MIN - Duration::from_secs(1), Timestamp::MIN);
        assert_eq!(Timestamp::EPOCH + Duration::MAX, Timestamp::MAX);
    }
}
