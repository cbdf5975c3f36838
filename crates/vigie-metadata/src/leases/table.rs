//! Who holds what, and who is next. Decides by claims, renewals and `now`; knows nothing of who calls.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{EndReason, LEASE_TTL, Lease, Standing, Takeover};

/// All leases.
#[derive(Debug, Default)]
pub(super) struct Table {
    last_epoch: u64,
    /// None that is empty.
    names: BTreeMap<String, Entry>,
}

#[derive(Debug, Default)]
struct Entry {
    holder: Option<Claim>,
    waiting: Option<Waiting>,
    /// Claims up to this epoch are over, and why.
    revoked: Option<(u64, EndReason)>,
}

#[derive(Debug)]
struct Claim {
    epoch: u64,
    owner: String,
    /// Unless it is renewed.
    until: Duration,
}

#[derive(Debug)]
struct Waiting {
    claim: Claim,
    /// Longer it does not wait for the holder.
    goes_on_at: Duration,
}

impl Table {
    /// See [`super::Leases::claim`].
    pub(super) fn claim(
        &mut self,
        name: &str,
        owner: &str,
        takeover: Takeover,
        now: Duration,
    ) -> Option<(Lease, Standing)> {
        self.expire(name, now);
        if takeover == Takeover::First && self.names.contains_key(name) {
            return None;
        }
        self.last_epoch += 1;
        let epoch = self.last_epoch;
        let claim = Claim { epoch, owner: owner.to_owned(), until: now + LEASE_TTL };
        let entry = self.names.entry(name.to_owned()).or_default();
        // However many come, the first of them is not waited for anew.
        let waited_for = entry.waiting.take().map(|before| before.goes_on_at);
        let standing = match entry.holder {
            None => {
                entry.holder = Some(claim);
                Standing::Held
            }
            Some(_) => {
                let goes_on_at = waited_for.unwrap_or(now + LEASE_TTL);
                entry.waiting = Some(Waiting { claim, goes_on_at });
                Standing::Waiting
            }
        };
        Some((Lease { name: name.to_owned(), epoch }, standing))
    }

    /// See [`super::Leases::renew`].
    pub(super) fn renew(&mut self, lease: &Lease, now: Duration) -> Standing {
        let superseded = Standing::Lost(EndReason::Superseded);
        let Some(entry) = self.names.get_mut(&lease.name) else { return superseded };
        // What was not renewed in time, and nobody wanted, is as good as renewed.
        entry.renew(lease.epoch, now);
        entry.expire(now);
        if let Some(waiting) = entry.waiting.take_if(|waiting| waiting.claim.epoch == lease.epoch) {
            match entry.holder {
                Some(_) if now < waiting.goes_on_at => {
                    entry.waiting = Some(waiting);
                    return Standing::Waiting;
                }
                _ => entry.holder = Some(waiting.claim),
            }
        }
        match (entry.revoked, &entry.holder) {
            (Some((to, reason)), _) if to >= lease.epoch => Standing::Lost(reason),
            (_, Some(holder)) if holder.epoch == lease.epoch && entry.waiting.is_none() => {
                Standing::Held
            }
            _ => superseded,
        }
    }

    /// See [`super::Leases::release`].
    pub(super) fn release(&mut self, lease: &Lease) {
        let Some(entry) = self.names.get_mut(&lease.name) else { return };
        entry.holder.take_if(|claim| claim.epoch == lease.epoch);
        entry.waiting.take_if(|waiting| waiting.claim.epoch == lease.epoch);
        self.forget_empty(&lease.name);
    }

    /// See [`super::Leases::revoke`].
    pub(super) fn revoke(&mut self, name: &str, reason: EndReason) -> u64 {
        if let Some(entry) = self.names.get_mut(name) {
            entry.revoked = Some((self.last_epoch, reason));
            entry.waiting = None;
            self.forget_empty(name);
        }
        self.last_epoch
    }

    /// See [`super::Leases::holder`].
    pub(super) fn holder(&self, name: &str, now: Duration) -> Option<(String, u64)> {
        let entry = self.names.get(name)?;
        let waiting = entry.waiting.as_ref().map(|waiting| &waiting.claim);
        let mut claims = entry.holder.iter().chain(waiting);
        let claim = claims.find(|claim| claim.until > now)?;
        Some((claim.owner.clone(), claim.epoch))
    }

    fn expire(&mut self, name: &str, now: Duration) {
        if let Some(entry) = self.names.get_mut(name) {
            entry.expire(now);
            self.forget_empty(name);
        }
    }

    fn forget_empty(&mut self, name: &str) {
        let is_empty = |entry: &Entry| entry.holder.is_none() && entry.waiting.is_none();
        if self.names.get(name).is_some_and(is_empty) {
            self.names.remove(name);
        }
    }
}

impl Entry {
    fn renew(&mut self, epoch: u64, now: Duration) {
        let waiting = self.waiting.as_mut().map(|waiting| &mut waiting.claim);
        for claim in self.holder.iter_mut().chain(waiting) {
            if claim.epoch == epoch {
                claim.until = now + LEASE_TTL;
            }
        }
    }

    fn expire(&mut self, now: Duration) {
        self.holder.take_if(|claim| claim.until <= now);
        self.waiting.take_if(|waiting| waiting.claim.until <= now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn claim(table: &mut Table, now: Duration) -> (Lease, Standing) {
        table.claim("gate", "one", Takeover::Newest, now).unwrap()
    }

    #[test]
    fn the_next_holds_when_the_holder_gave_back_or_fell_silent_or_takes_too_long() {
        // Given back.
        let mut table = Table::default();
        let (first, standing) = claim(&mut table, Duration::ZERO);
        assert_eq!(standing, Standing::Held);
        let (second, standing) = claim(&mut table, SECOND);
        assert_eq!(standing, Standing::Waiting);
        assert_eq!(table.renew(&first, SECOND), Standing::Lost(EndReason::Superseded));
        assert_eq!(table.renew(&second, SECOND), Standing::Waiting);
        table.release(&first);
        assert_eq!(table.renew(&second, SECOND), Standing::Held);
        // Fallen silent: of its own ten seconds six are over.
        let (third, standing) = claim(&mut table, 7 * SECOND);
        assert_eq!(standing, Standing::Waiting);
        assert_eq!(table.renew(&third, 10 * SECOND), Standing::Waiting);
        assert_eq!(table.renew(&third, 11 * SECOND), Standing::Held);
        assert_eq!(table.renew(&second, 11 * SECOND), Standing::Lost(EndReason::Superseded));
        // There, and does not end: those who come meanwhile do not make it longer.
        let (fourth, _) = claim(&mut table, 12 * SECOND);
        let (fifth, standing) = claim(&mut table, 20 * SECOND);
        assert_eq!(standing, Standing::Waiting);
        assert_eq!(table.renew(&fourth, 20 * SECOND), Standing::Lost(EndReason::Superseded));
        for second in 12..22 {
            table.renew(&third, second * SECOND);
        }
        assert_eq!(table.renew(&fifth, 21 * SECOND), Standing::Waiting);
        assert_eq!(table.renew(&fifth, 22 * SECOND), Standing::Held);
        assert_eq!(table.renew(&third, 22 * SECOND), Standing::Lost(EndReason::Superseded));
        table.release(&third);
        assert_eq!(table.renew(&fifth, 22 * SECOND), Standing::Held, "it is another's");
    }

    #[test]
    fn what_nobody_wanted_may_be_renewed_late() {
        let mut table = Table::default();
        let (lease, _) = claim(&mut table, Duration::ZERO);
        assert_eq!(table.renew(&lease, 60 * SECOND), Standing::Held);
        assert_eq!(table.holder("gate", 69 * SECOND), Some(("one".to_owned(), lease.epoch)));
        assert_eq!(table.holder("gate", 70 * SECOND), None);
        assert_eq!(table.renew(&lease, 71 * SECOND), Standing::Held);
        let (other, standing) = claim(&mut table, 81 * SECOND);
        assert_eq!(standing, Standing::Held);
        assert_eq!(table.renew(&lease, 82 * SECOND), Standing::Lost(EndReason::Superseded));
        assert_eq!(table.renew(&other, 82 * SECOND), Standing::Held);
    }

    #[test]
    fn who_waits_and_falls_silent_is_passed_over() {
        let mut table = Table::default();
        let (first, _) = claim(&mut table, Duration::ZERO);
        let (second, _) = claim(&mut table, SECOND);
        table.renew(&first, 9 * SECOND);
        assert_eq!(table.renew(&first, 11 * SECOND), Standing::Held);
        assert_eq!(table.renew(&second, 11 * SECOND), Standing::Lost(EndReason::Superseded));
    }

    #[test]
    fn what_is_over_leaves_nothing() {
        let mut table = Table::default();
        let (first, _) = claim(&mut table, Duration::ZERO);
        let (second, _) = claim(&mut table, Duration::ZERO);
        table.release(&second);
        assert_eq!(table.renew(&first, SECOND), Standing::Held);
        table.release(&first);
        assert!(table.names.is_empty());
        table.revoke("gate", EndReason::StreamDeleted);
        assert!(table.names.is_empty());
    }
}
