//! How many calls a second a caller may make: token buckets, and the quotas of the service as a preset.
//!
//! Decides for one call at a given time whether it is over the limit. Never waits and never names what a key is.

use std::collections::BTreeMap;
use std::time::Duration;

use vigie_kvs::OperationId;

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quotas {
    /// On all streams together.
    pub account: Option<Rate>,
    /// On each stream.
    pub stream: Option<Rate>,
}

impl Quotas {
    /// No limit.
    pub const NONE: Self = Self { account: None, stream: None };

    const fn account(calls: u32) -> Self {
        Self { account: Some(Rate::per_second(calls)), stream: None }
    }

    const fn stream(calls: u32) -> Self {
        Self { account: None, stream: Some(Rate::per_second(calls)) }
    }

    const fn both(account: u32, stream: u32) -> Self {
        Self { account: Some(Rate::per_second(account)), stream: Some(Rate::per_second(stream)) }
    }
}

/// All operations of STS together (STS's own service quotas).
pub const AWS_STS: Quotas = Quotas::account(600);
/// Playlists, manifests and init fragments of a playback session, each: by session, which is for one player.
pub const AWS_SESSION_PLAYLISTS: Quotas = Quotas::account(5);
/// Media fragments of a playback session.
pub const AWS_SESSION_FRAGMENTS: Quotas = Quotas::account(20);

/// The quotas of KVS ("Kinesis Video Streams service quotas" of the developer guide) by operation.
pub const fn aws_quotas(operation: OperationId) -> Quotas {
    use OperationId as Id;
    match operation {
        Id::CreateStream | Id::ListStreams | Id::ListEdgeAgentConfigurations => Quotas::account(50),
        Id::DescribeStream | Id::GetDataEndpoint => Quotas::both(300, 5),
        Id::StartEdgeConfigurationUpdate | Id::DeleteEdgeConfiguration => Quotas::both(10, 1),
        Id::DeleteStream
        | Id::DescribeEdgeConfiguration
        | Id::DescribeImageGenerationConfiguration
        | Id::DescribeNotificationConfiguration
        | Id::DescribeStreamStorageConfiguration
        | Id::ListTagsForStream
        | Id::TagStream
        | Id::UntagStream
        | Id::UpdateDataRetention
        | Id::UpdateImageGenerationConfiguration
        | Id::UpdateNotificationConfiguration
        | Id::UpdateStream
        | Id::UpdateStreamStorageConfiguration => Quotas::both(50, 5),
        Id::PutMedia | Id::GetMedia => Quotas::stream(5),
        Id::GetHLSStreamingSessionURL | Id::GetDASHStreamingSessionURL => Quotas::stream(25),
        // Vigie's own: each makes a hub connect to a camera, and cameras lock accounts.
        Id::TestCamera => Quotas::account(2),
        // One quota for all of STS.
        Id::GetCallerIdentity | Id::GetSessionToken => AWS_STS,
        // Their quotas are not in calls a second.
        Id::GetClip | Id::GetImages | Id::GetMediaForFragmentList | Id::ListFragments => {
            Quotas::NONE
        }
        // Of another service.
        Id::CreateSecret
        | Id::DeleteSecret
        | Id::DescribeSecret
        | Id::GetSecretValue
        | Id::ListSecrets
        | Id::PutSecretValue => Quotas::NONE,
        // Vigie's own.
        Id::DescribeHub
        | Id::ForgetHub
        | Id::ListHubs
        | Id::ListMediaGaps
        | Id::ListMediaLosses
        | Id::DescribeSchedule
        | Id::ExportClip
        | Id::CreateShareLink
        | Id::ListShareLinks
        | Id::RevokeShareLink
        | Id::DescribeStreamMedia
        | Id::ListMediaRanges
        | Id::SyncEdgeAgent
        | Id::CreateAccessKey
        | Id::ListAccessKeys
        | Id::ListAuditEvents
        | Id::RevokeAccessKey
        | Id::CreateUser
        | Id::UpdateUser
        | Id::DeleteUser
        | Id::ListUsers
        | Id::SignOutUser
        | Id::ChangePassword => Quotas::NONE,
    }
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
            assert!(aws_quotas(operation.id).account.is_some(), "{}", operation.name);
        }
        assert_eq!(aws_quotas(OperationId::CreateSecret), Quotas::NONE);
        let start = aws_quotas(OperationId::StartEdgeConfigurationUpdate);
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
