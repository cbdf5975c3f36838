//! How far the clocks of the hubs that call now are from this server's: for the metric, which must not have a label for
//! each hub. Decides nothing; what a hub last said is also in its row.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A hub that has not called for so long counts no more.
const AWAY_AFTER: Duration = Duration::from_secs(120);

/// By hub: what it said, and when it called.
#[derive(Debug, Default)]
pub(crate) struct ClockSkews(Mutex<HashMap<String, (i64, Duration)>>);

impl ClockSkews {
    /// A hub calls; `now` is monotonic.
    pub(crate) fn note(&self, hub_device_arn: &str, skew_ms: Option<i64>, now: Duration) {
        let mut hubs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match skew_ms {
            Some(skew_ms) => hubs.insert(hub_device_arn.to_owned(), (skew_ms, now)),
            None => hubs.remove(hub_device_arn),
        };
    }

    /// The greatest of them, whichever way.
    pub(crate) fn greatest_seconds(&self, now: Duration) -> f64 {
        let mut hubs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        hubs.retain(|_, (_, called_at)| now.saturating_sub(*called_at) < AWAY_AFTER);
        let greatest_ms = hubs.values().map(|(skew_ms, _)| skew_ms.unsigned_abs()).max();
        greatest_ms.unwrap_or(0) as f64 / 1000.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greatest_difference_counts_and_that_of_a_hub_that_is_away_does_not() {
        let skews = ClockSkews::default();
        let at = Duration::from_secs;
        assert_eq!(skews.greatest_seconds(at(0)), 0.0);
        skews.note("barn", Some(-6_250), at(0));
        skews.note("gate", Some(3_000), at(60));
        assert_eq!(skews.greatest_seconds(at(60)), 6.25);
        assert_eq!(skews.greatest_seconds(at(120)), 3.0);
        skews.note("gate", None, at(121));
        assert_eq!(skews.greatest_seconds(at(121)), 0.0);
    }
}
