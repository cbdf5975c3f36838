//! How many calls a second a caller may make: token buckets, and the quotas of the service as a preset.
//!
//! Decides for one call at a given time whether it is over the limit. Never waits and never names what a key is.

use std::collections::BTreeMap;
use std::time::Duration;

/// Buckets are looked through for full ones when there are this many, or twice as many as after the last look.
const SWEEP_BUCKETS_MIN: usize = 1024;

/// Calls a second that may last; a bucket holds the calls of one second, which may come at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// At least 1.
    calls_per_second: u32,
}

impl Rate {
    /// A rate; 0 counts as 1, because a limit that lets nothing through is a policy and no rate.
    pub const fn per_second(calls: u32) -> Self {
        Self { calls_per_second: if calls == 0 { 1 } else { calls } }
    }

    /// Calls a second.
    pub const fn calls_per_second(self) -> u32 {
        self.calls_per_second
    }

    fn interval(self) -> Duration {
        Duration::from_secs(1) / self.calls_per_second
    }
}

/// A bucket for each key that has called lately.
///
/// A bucket is one time: when it will be full again. A full one says nothing that a new one would not, so it is
/// dropped; memory is bounded by the keys that called within the last second or so, doubled.
#[derive(Clone, Debug)]
pub struct RateLimiter<K> {
    full_at: BTreeMap<K, Duration>,
    sweep_at: usize,
}

impl<K: Ord> Default for RateLimiter<K> {
    fn default() -> Self {
        Self { full_at: BTreeMap::new(), sweep_at: SWEEP_BUCKETS_MIN }
    }
}

impl<K: Ord> RateLimiter<K> {
    /// Takes one call out of the key's bucket at `now` (monotonic), or says after what wait there will be one. A refused
    /// call takes nothing.
    pub fn take(&mut self, key: K, rate: Rate, now: Duration) -> Result<(), Duration> {
        let full_at = self.full_at.get(&key).copied().unwrap_or(now).max(now);
        let after = full_at + rate.interval();
        let empty_at_most = now + rate.interval() * rate.calls_per_second();
        if after > empty_at_most {
            return Err(after - empty_at_most);
        }
        if self.full_at.insert(key, after).is_none() && self.full_at.len() > self.sweep_at {
            self.full_at.retain(|_, full_at| *full_at > now);
            self.sweep_at = SWEEP_BUCKETS_MIN.max(self.full_at.len() * 2);
        }
        Ok(())
    }

    /// How many buckets are held.
    pub fn buckets(&self) -> usize {
        self.full_at.len()
    }
}

/// What one caller may do of one operation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quotas {
    /// On all streams together.
    pub account: Option<Rate>,
    /// On each stream.
    pub stream: Option<Rate>,
}

/// The quotas of KVS ("Kinesis Video Streams service quotas" of the developer guide) by operation. Operations whose
/// quotas are not in calls a second, and those of other services, have none here.
pub fn aws_quotas(operation: &str) -> Quotas {
    let (account, stream) = match operation {
        "CreateStream" | "ListStreams" | "ListEdgeAgentConfigurations" => (Some(50), None),
        "DescribeStream" | "GetDataEndpoint" => (Some(300), Some(5)),
        "StartEdgeConfigurationUpdate" | "DeleteEdgeConfiguration" => (Some(10), Some(1)),
        "DeleteStream"
        | "DescribeEdgeConfiguration"
        | "DescribeImageGenerationConfiguration"
        | "DescribeNotificationConfiguration"
        | "DescribeStreamStorageConfiguration"
        | "ListTagsForStream"
        | "TagStream"
        | "UntagStream"
        | "UpdateDataRetention"
        | "UpdateImageGenerationConfiguration"
        | "UpdateNotificationConfiguration"
        | "UpdateStream"
        | "UpdateStreamStorageConfiguration" => (Some(50), Some(5)),
        // Vigie's own: each makes a hub connect to a camera, and cameras lock accounts.
        "TestCamera" => (Some(2), None),
        // All its operations together (STS's own service quotas).
        "STS" => (Some(600), None),
        "PutMedia" | "GetMedia" => (None, Some(5)),
        "GetHLSStreamingSessionURL" | "GetDASHStreamingSessionURL" => (None, Some(25)),
        // What a URL of a playback session answers: by session, which is for one player.
        "GetHLSMasterPlaylist"
        | "GetHLSMediaPlaylist"
        | "GetDASHManifest"
        | "GetMP4InitFragment" => (Some(5), None),
        "GetMP4MediaFragment" | "GetTSFragment" => (Some(20), None),
        _ => (None, None),
    };
    Quotas { account: account.map(Rate::per_second), stream: stream.map(Rate::per_second) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use vigie_kvs::operation::OPERATIONS;
    use vigie_kvs::operation::Service;

    use super::*;

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn a_second_of_calls_may_come_at_once_and_then_one_each_interval() {
        let mut limiter = RateLimiter::default();
        let rate = Rate::per_second(5);
        for _ in 0..5 {
            assert_eq!(limiter.take("a", rate, ms(1000)), Ok(()));
        }
        assert_eq!(limiter.take("a", rate, ms(1000)), Err(ms(200)));
        assert_eq!(limiter.take("a", rate, ms(1150)), Err(ms(50)));
        assert_eq!(limiter.take("a", rate, ms(1200)), Ok(()));
        assert_eq!(limiter.take("a", rate, ms(1200)), Err(ms(200)));
    }

    #[test]
    fn a_caller_over_its_limit_does_not_harm_another() {
        let mut limiter = RateLimiter::default();
        let rate = Rate::per_second(1);
        assert_eq!(limiter.take("a", rate, ms(0)), Ok(()));
        for _ in 0..1000 {
            assert!(limiter.take("a", rate, ms(0)).is_err());
        }
        assert_eq!(limiter.take("b", rate, ms(0)), Ok(()));
    }

    #[test]
    fn buckets_of_idle_keys_are_dropped() {
        let mut limiter = RateLimiter::default();
        for key in 0..100_000_u64 {
            // A thousand new keys a second.
            assert_eq!(limiter.take(key, Rate::per_second(5), ms(key)), Ok(()));
            assert!(limiter.buckets() <= SWEEP_BUCKETS_MIN + 1, "{}", limiter.buckets());
        }
    }

    #[test]
    fn every_quota_belongs_to_an_operation_of_kvs() {
        for operation in OPERATIONS.iter().filter(|it| it.service == Service::KinesisVideo) {
            assert!(aws_quotas(operation.name).account.is_some(), "{}", operation.name);
        }
        assert_eq!(aws_quotas("CreateSecret"), Quotas::default());
        let start = aws_quotas("StartEdgeConfigurationUpdate");
        assert_eq!(start.account, Some(Rate::per_second(10)));
        assert_eq!(start.stream, Some(Rate::per_second(1)));
    }

    proptest! {
        #[test]
        fn no_stretch_of_time_sees_more_than_its_calls_and_one_second_of_burst(
            calls_per_second in 1_u32..400,
            pauses_ms in prop::collection::vec(0_u64..400, 1..300),
        ) {
            let mut limiter = RateLimiter::default();
            let rate = Rate::per_second(calls_per_second);
            let mut now = Duration::ZERO;
            let mut granted: Vec<Duration> = Vec::new();
            for pause in pauses_ms {
                now += ms(pause);
                match limiter.take((), rate, now) {
                    Ok(()) => granted.push(now),
                    // What it says is true: after the wait there is a call, a moment before there is none.
                    Err(wait) => {
                        prop_assert!(limiter.clone().take((), rate, now + wait).is_ok());
                        let sooner = wait.saturating_sub(Duration::from_nanos(1));
                        prop_assert!(limiter.clone().take((), rate, now + sooner).is_err());
                    }
                }
            }
            for (index, from) in granted.iter().enumerate() {
                for (calls, until) in (1_u32..).zip(&granted[index..]) {
                    let most = (*until - *from).as_secs_f64() * f64::from(calls_per_second)
                        + f64::from(calls_per_second);
                    // Intervals are whole nanoseconds, which a second of calls does not always divide into.
                    prop_assert!(f64::from(calls) <= most + 1e-3, "{calls} calls, at most {most}");
                }
            }
        }

        #[test]
        fn who_keeps_to_the_rate_is_never_refused(calls_per_second in 1_u32..400, calls in 1_u32..500) {
            let mut limiter = RateLimiter::default();
            let rate = Rate::per_second(calls_per_second);
            for call in 0..calls {
                prop_assert_eq!(limiter.take((), rate, rate.interval() * call), Ok(()));
            }
        }
    }
}
