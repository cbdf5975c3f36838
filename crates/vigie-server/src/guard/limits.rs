//! What keeps one caller from harming the others: connections by address, calls by key, answers to those who repeat
//! what was refused.
//!
//! Holds the state of `vigie_engine::rate_limit` and `vigie_engine::tarpit`, and says what they decide.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use vigie_engine::rate_limit::{AWS_STS, Quotas, Rate, RateLimiter, aws_quotas};
use vigie_engine::tarpit::Tarpit;
use vigie_kvs::{ErrorKind, KvsError, OperationId, Service};

use super::call_record::{Asked, CallRecord};
use super::client_prefix::client_prefix;
use crate::auth::Identity;

/// Answers that are held back at once; a refusal beyond is answered without delay, which costs less than its memory.
const TARPIT_PLACES_MAX: usize = 1024;

/// How many calls a second a key may make.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RateLimits {
    /// As many as it likes.
    #[default]
    Off,
    /// As many as an account of AWS.
    Aws,
}

/// What is counted, and what AWS allows of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counted {
    /// As a refusal names it.
    pub name: &'static str,
    /// With [`RateLimits::Aws`].
    pub aws: Quotas,
}

/// All calls of STS have one quota.
const STS: Counted = Counted { name: "STS", aws: AWS_STS };

impl Counted {
    fn of(asked: Asked) -> Self {
        match asked.operation() {
            Some(operation) if operation.service != Service::Sts => {
                Self { name: operation.name, aws: aws_quotas(operation.id) }
            }
            _ => STS,
        }
    }
}

/// A bucket belongs to a key (or a principal with temporary keys), an operation and, for the quota of a stream, the stream.
type BucketKey = (String, &'static str, Option<String>);

/// What is repeated, and by whom.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Repeated {
    /// PutMedia on a stream, by an access key id as claimed.
    PutMedia { key: String, stream: String },
    /// Credentials that do not hold: an access key id as claimed, from an address.
    Credentials { key: String, address: IpAddr },
    /// Share links that do not hold, from an address.
    ShareLink { address: IpAddr },
}

impl Repeated {
    /// What a refusal of this kind repeats when it comes again; `None` for those that cost their caller time enough.
    pub(crate) fn of(
        record: &CallRecord,
        remote: IpAddr,
        refused: Option<ErrorKind>,
    ) -> Option<Self> {
        let key = || record.claimed_key.clone().unwrap_or_default();
        if record.asked.operation().is_some_and(|it| it.id == OperationId::PutMedia) {
            let stream = record.stream_name.clone().unwrap_or_default();
            return Some(Self::PutMedia { key: key(), stream });
        }
        refused
            .is_none_or(ErrorKind::is_of_authentication)
            .then(|| Self::Credentials { key: key(), address: client_prefix(remote) })
    }
}

pub(crate) struct Limits {
    rate_limits: RateLimits,
    buckets: Mutex<RateLimiter<BucketKey>>,
    tarpit: Mutex<Tarpit<Repeated>>,
    tarpit_places: Semaphore,
    pub(crate) addresses: Arc<Addresses>,
}

impl Limits {
    pub(crate) fn new(rate_limits: RateLimits, connections_per_address_max: usize) -> Self {
        Self {
            rate_limits,
            buckets: Mutex::default(),
            tarpit: Mutex::default(),
            tarpit_places: Semaphore::new(TARPIT_PLACES_MAX),
            addresses: Arc::new(Addresses {
                connections: Mutex::default(),
                connections_max: connections_per_address_max,
            }),
        }
    }

    /// Whether calls are counted at all: if not, nobody needs to know which stream a reading call is about.
    pub(crate) fn counts_calls(&self) -> bool {
        self.rate_limits != RateLimits::Off
    }

    /// Refuses a verified call that is over its key's quotas.
    pub(crate) fn admit(&self, record: &CallRecord, now: Duration) -> Result<(), KvsError> {
        let Some(identity) = &record.identity else { return Ok(()) };
        let counted = Counted::of(record.asked);
        self.take(counted, caller(identity), record.stream_name.as_deref(), now)
    }

    /// Refuses a call of STS before anything of it is checked: by its address, which cannot be made up.
    pub(crate) fn admit_unproven(
        &self,
        record: &CallRecord,
        remote: IpAddr,
        now: Duration,
    ) -> Result<(), KvsError> {
        match record.asked.service() {
            Service::Sts => self.take(STS, &client_prefix(remote).to_string(), None, now),
            _ => Ok(()),
        }
    }

    /// Refuses a request of a playback session that is over the session's quota.
    pub(crate) fn admit_session(
        &self,
        counted: Counted,
        session_id: u64,
        now: Duration,
    ) -> Result<(), KvsError> {
        self.take(counted, &format!("playback session {session_id:x}"), None, now)
    }

    fn take(
        &self,
        Counted { name, aws }: Counted,
        caller: &str,
        stream_name: Option<&str>,
        now: Duration,
    ) -> Result<(), KvsError> {
        let quotas = match self.rate_limits {
            RateLimits::Off => Quotas::NONE,
            RateLimits::Aws => aws,
        };
        if quotas == Quotas::NONE {
            return Ok(());
        }
        let mut buckets = lock(&self.buckets);
        let mut take = |stream: Option<&str>, rate: Rate, what: &str| {
            let key = (caller.to_owned(), name, stream.map(str::to_owned));
            buckets.take(key, rate, now).map_err(|_| {
                let calls = rate.calls_per_second();
                let message =
                    format!("Rate exceeded: {name} may be called {calls} times a second {what}");
                KvsError::new(ErrorKind::ClientLimitExceeded, message)
            })
        };
        if let Some(rate) = quotas.account {
            take(None, rate, "by one caller")?;
        }
        match (quotas.stream, stream_name) {
            (Some(rate), Some(stream)) => take(Some(stream), rate, "on one stream by one caller"),
            _ => Ok(()),
        }
    }

    /// Notes how a call was answered. A refusal that comes again and again is to be held back for so long. A call that is
    /// granted is never delayed, so nobody can slow down another by being refused in his name.
    pub(crate) fn answered(
        &self,
        repeated: Option<Repeated>,
        refused: bool,
        now: Duration,
    ) -> Option<Tarpitted<'_>> {
        let repeated = repeated?;
        if !refused {
            lock(&self.tarpit).granted(&repeated);
            return None;
        }
        let delay = lock(&self.tarpit).refused(repeated, now);
        if delay.is_zero() {
            return None;
        }
        let place = self.tarpit_places.try_acquire().ok()?;
        Some(Tarpitted { delay, _place: place })
    }
}

/// An answer that waits. Dropped when it has gone.
pub(crate) struct Tarpitted<'a> {
    pub delay: Duration,
    _place: SemaphorePermit<'a>,
}

/// Who calls, as quotas count: temporary keys together, or a caller could make itself new ones for ever.
fn caller(identity: &Identity) -> &str {
    match identity.temporary {
        true => &identity.principal_arn,
        false => &identity.access_key_id,
    }
}

/// How many connections each remote address has. Bounded by the connections there are.
pub(crate) struct Addresses {
    connections: Mutex<HashMap<IpAddr, usize>>,
    connections_max: usize,
}

impl Addresses {
    /// A place for one more connection; `None` when the address has all it may have.
    pub(crate) fn enter(self: &Arc<Self>, address: IpAddr) -> Option<AddressSlot> {
        let address = client_prefix(address);
        let mut connections = lock(&self.connections);
        let count = connections.entry(address).or_default();
        if *count >= self.connections_max {
            return None;
        }
        *count += 1;
        Some(AddressSlot { addresses: Arc::clone(self), address })
    }
}

/// One connection of an address; dropped with the connection.
pub(crate) struct AddressSlot {
    addresses: Arc<Addresses>,
    address: IpAddr,
}

impl Drop for AddressSlot {
    fn drop(&mut self) {
        let mut connections = lock(&self.addresses.connections);
        if let Some(count) = connections.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                connections.remove(&self.address);
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_gets_its_connections_and_no_more_until_one_ends() {
        let limits = Limits::new(RateLimits::Off, 2);
        let enter = |address: &str| limits.addresses.enter(address.parse().unwrap());
        let (first, _second) = (enter("192.0.2.1").unwrap(), enter("192.0.2.1").unwrap());
        assert!(enter("192.0.2.1").is_none());
        assert!(enter("::ffff:192.0.2.1").is_none(), "the same machine");
        let other = enter("192.0.2.2");
        assert!(other.is_some());
        drop(first);
        assert!(enter("192.0.2.1").is_some());
        drop(other);
        assert_eq!(lock(&limits.addresses.connections).len(), 1, "who has none is forgotten");
    }

    #[test]
    fn addresses_of_one_64_count_together() {
        let limits = Limits::new(RateLimits::Off, 1);
        let enter = |address: &str| limits.addresses.enter(address.parse().unwrap());
        let _first = enter("2001:db8:0:1::1").unwrap();
        assert!(enter("2001:db8:0:1::2").is_none());
        assert!(enter("2001:db8:0:2::1").is_some());
    }
}
