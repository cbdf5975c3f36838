//! Which hubs call this instance now, for people and metrics; whether a hub is there is decided in
//! [`vigie_engine::hub_contact`].
//!
//! A hub may have gone on to another instance, of which this one reads in the hub's row, to half a minute: then the row
//! counts.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use vigie_engine::clock::Now;
use vigie_engine::hub_contact::HubContact;
use vigie_media::Timestamp;

/// A hub of which only its row is known: it calls every fifteen seconds, and that is saved every thirty.
const IN_CONTACT: Duration = Duration::from_secs(120);

#[derive(Debug, Default)]
pub(crate) struct HubContacts(Mutex<HashMap<String, Known>>);

#[derive(Debug)]
struct Known {
    contact: HubContact,
    /// How far its clock is from this server's, as it last said.
    clock_skew_ms: Option<i64>,
    /// When the row says that it was last seen, as this instance read or wrote it.
    row_seen_at: Timestamp,
    heard_at: Timestamp,
}

/// How a hub stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    pub is_in_contact: bool,
    pub last_heard_at: Timestamp,
}

/// How the hubs of an instance stand as a whole.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Summary {
    /// Those with a call under way.
    pub calling: usize,
    /// The greatest difference of a clock from this server's, whichever way, of those that are in contact.
    pub clock_skew_seconds_max: f64,
}

/// A call that is under way; it ends with this.
pub(crate) struct ContactCall<'a, F: Fn() -> Duration> {
    contacts: &'a HubContacts,
    hub_device_arn: &'a str,
    now: F,
}

impl HubContacts {
    /// A hub calls, says how far its clock is off, and its row says that it was seen at `row_seen_at`; `now` tells the
    /// monotonic time when the call ends.
    pub(crate) fn begin<'a, F: Fn() -> Duration>(
        &'a self,
        hub_device_arn: &'a str,
        clock_skew_ms: Option<i64>,
        row_seen_at: Timestamp,
        heard_at: Timestamp,
        now: F,
    ) -> ContactCall<'a, F> {
        let mut hubs = self.hubs();
        let known = hubs.entry(hub_device_arn.to_owned()).or_insert_with(|| Known {
            contact: HubContact::default(),
            clock_skew_ms,
            row_seen_at,
            heard_at,
        });
        known.contact.begin();
        known.clock_skew_ms = clock_skew_ms;
        (known.row_seen_at, known.heard_at) = (row_seen_at, heard_at);
        drop(hubs);
        ContactCall { contacts: self, hub_device_arn, now }
    }

    /// Whether the hub's last call came here, for all that its row says.
    pub(crate) fn is_ours(&self, hub_device_arn: &str, row_seen_at: Timestamp) -> bool {
        self.hubs().get(hub_device_arn).is_some_and(|known| known.row_seen_at == row_seen_at)
    }

    /// How the hub stands whose row says that it was seen at `row_seen_at`.
    pub(crate) fn standing(
        &self,
        hub_device_arn: &str,
        row_seen_at: Timestamp,
        now: Now,
    ) -> Standing {
        match self.hubs().get(hub_device_arn).filter(|known| known.row_seen_at == row_seen_at) {
            Some(known) => Standing {
                is_in_contact: known.contact.is_there(now.mono),
                last_heard_at: known.heard_at,
            },
            None => Standing {
                is_in_contact: now.wall < row_seen_at + IN_CONTACT,
                last_heard_at: row_seen_at,
            },
        }
    }

    /// How the hubs of this instance stand as a whole: for metrics, which must not have a label for each hub.
    pub(crate) fn summary(&self, now: Duration) -> Summary {
        let hubs = self.hubs();
        let there = hubs.values().filter(|known| known.contact.is_there(now));
        let skews = there.filter_map(|known| known.clock_skew_ms).map(i64::unsigned_abs);
        let clock_skew_seconds_max = skews.max().unwrap_or(0) as f64 / 1000.0;
        let calling = hubs.values().filter(|known| known.contact.is_calling()).count();
        Summary { calling, clock_skew_seconds_max }
    }

    /// Nothing is known of the hub any more.
    pub(crate) fn forget(&self, hub_device_arn: &str) {
        self.hubs().remove(hub_device_arn);
    }

    fn hubs(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F: Fn() -> Duration> Drop for ContactCall<'_, F> {
    fn drop(&mut self) {
        let now = (self.now)();
        if let Some(known) = self.contacts.hubs().get_mut(self.hub_device_arn) {
            known.contact.end(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000 + seconds * 1000)
    }

    fn now(seconds: i64) -> Now {
        Now { wall: at(seconds), mono: Duration::from_secs(seconds.unsigned_abs()) }
    }

    #[test]
    fn a_hub_that_calls_here_is_away_within_seconds_and_one_that_went_on_is_judged_by_its_row() {
        let contacts = HubContacts::default();
        let of = |row: i64, seconds: i64| contacts.standing("barn", at(row), now(seconds));
        let is = |is_in_contact, heard: i64| Standing { is_in_contact, last_heard_at: at(heard) };
        // As after a restart of the server.
        assert_eq!(of(0, 119), is(true, 0));
        assert_eq!(of(0, 120), is(false, 0));
        let call = contacts.begin("barn", None, at(0), at(20), || Duration::from_secs(35));
        assert!(contacts.is_ours("barn", at(0)));
        assert_eq!(of(0, 500), is(true, 20));
        drop(call);
        assert_eq!(of(0, 42), is(true, 20));
        assert_eq!(of(0, 43), is(false, 20));
        // It calls another instance, which has saved that.
        assert!(!contacts.is_ours("barn", at(30)));
        assert_eq!(of(30, 43), is(true, 30));
    }

    #[test]
    fn the_greatest_difference_of_a_clock_counts_and_that_of_a_hub_that_is_away_does_not() {
        let contacts = HubContacts::default();
        let seconds = Duration::from_secs;
        let is = |calling, clock_skew_seconds_max| Summary { calling, clock_skew_seconds_max };
        assert_eq!(contacts.summary(seconds(0)), is(0, 0.0));
        let call = |hub, skew_ms, ends_at| {
            contacts.begin(hub, skew_ms, at(0), at(0), move || seconds(ends_at))
        };
        drop(call("barn", Some(-6_250), 10));
        let held = call("gate", Some(3_000), 60);
        assert_eq!(contacts.summary(seconds(17)), is(1, 6.25));
        assert_eq!(contacts.summary(seconds(18)), is(1, 3.0));
        let next = call("gate", None, 60);
        assert_eq!(contacts.summary(seconds(18)), is(1, 0.0));
        drop((held, next));
        assert_eq!(contacts.summary(seconds(68)), is(0, 0.0));
    }
}
