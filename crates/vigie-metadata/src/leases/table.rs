//! Who holds what, of all names, in memory. Decides by [`LeaseEntry`]; knows nothing of who calls.

use std::collections::BTreeMap;
use std::time::Duration;

use super::entry::LeaseEntry;
use super::{EndReason, Lease, Standing, Takeover};

/// All leases.
#[derive(Debug, Default)]
pub(super) struct Table {
    last_epoch: u64,
    /// None that is empty.
    names: BTreeMap<String, LeaseEntry>,
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
        let epoch = self.last_epoch + 1;
        let entry = self.names.entry(name.to_owned()).or_default();
        let standing = entry.claim(epoch, owner, takeover, now)?;
        self.last_epoch = epoch;
        Some((Lease { name: name.to_owned(), epoch }, standing))
    }

    /// See [`super::Leases::renew`].
    pub(super) fn renew(&mut self, lease: &Lease, now: Duration) -> Standing {
        match self.names.get_mut(&lease.name) {
            Some(entry) => entry.renew(lease.epoch, now),
            None => Standing::Lost(EndReason::Superseded),
        }
    }

    /// See [`super::Leases::release`].
    pub(super) fn release(&mut self, lease: &Lease) {
        if let Some(entry) = self.names.get_mut(&lease.name) {
            entry.release(lease.epoch);
            self.forget_empty(&lease.name);
        }
    }

    /// See [`super::Leases::revoke`].
    pub(super) fn revoke(&mut self, name: &str, reason: EndReason) -> u64 {
        if let Some(entry) = self.names.get_mut(name) {
            entry.revoke(self.last_epoch, reason);
            self.forget_empty(name);
        }
        self.last_epoch
    }

    /// See [`super::Leases::holder`].
    pub(super) fn holder(&self, name: &str, now: Duration) -> Option<(String, u64)> {
        let claim = self.names.get(name)?.holder(now)?;
        Some((claim.owner.clone(), claim.epoch))
    }

    fn forget_empty(&mut self, name: &str) {
        if self.names.get(name).is_some_and(LeaseEntry::is_empty) {
            self.names.remove(name);
        }
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
