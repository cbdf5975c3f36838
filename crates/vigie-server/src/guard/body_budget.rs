//! The memory that bodies may take while nobody knows yet who sent them: one budget for all connections, and a share of
//! it for each remote address, so that one cannot use up what the others need.
//!
//! Decides whether another piece of a body may be kept. Never reads one.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus_client::metrics::counter::Counter;

use super::client_prefix::client_prefix;

/// Of each body, so much is not counted: the calls of ordinary size go on when the budget is used up. It is less than
/// what a connection takes anyway.
const FREE_BYTES: usize = 4 << 10;
const BYTES_MAX: usize = 64 << 20;
const BYTES_PER_ADDRESS_MAX: usize = 16 << 20;

#[derive(Default)]
struct Used {
    bytes: usize,
    by_address: HashMap<IpAddr, usize>,
}

#[derive(Default)]
pub(crate) struct BodyBudget {
    used: Mutex<Used>,
    refusals: Counter,
}

impl BodyBudget {
    /// What a body from that address holds: nothing yet.
    pub(crate) fn share(self: &Arc<Self>, address: IpAddr) -> BodyShare {
        BodyShare { budget: Arc::clone(self), address: client_prefix(address), bytes: 0 }
    }

    /// Counts the bodies for which there was no room.
    pub(crate) fn refusals(&self) -> Counter {
        self.refusals.clone()
    }

    fn used(&self) -> MutexGuard<'_, Used> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one body holds of the budget; dropped when its caller is known, or with the body.
pub(crate) struct BodyShare {
    budget: Arc<BodyBudget>,
    address: IpAddr,
    /// Counted bytes.
    bytes: usize,
}

impl BodyShare {
    /// Makes room for a body of `body_bytes` in all; `false` when there is none.
    #[must_use]
    pub(crate) fn grow_to(&mut self, body_bytes: usize) -> bool {
        let more = body_bytes.saturating_sub(FREE_BYTES).saturating_sub(self.bytes);
        if more == 0 {
            return true;
        }
        let mut used = self.budget.used();
        let of_address = used.by_address.get(&self.address).copied().unwrap_or_default();
        if used.bytes + more > BYTES_MAX || of_address + more > BYTES_PER_ADDRESS_MAX {
            self.budget.refusals.inc();
            return false;
        }
        used.bytes += more;
        used.by_address.insert(self.address, of_address + more);
        self.bytes += more;
        true
    }
}

impl Drop for BodyShare {
    fn drop(&mut self) {
        if self.bytes == 0 {
            return;
        }
        let mut used = self.budget.used();
        used.bytes -= self.bytes;
        if let Some(of_address) = used.by_address.get_mut(&self.address) {
            *of_address -= self.bytes;
            if *of_address == 0 {
                used.by_address.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    #[test]
    fn an_address_gets_its_share_and_all_together_the_budget() {
        let budget = Arc::new(BodyBudget::default());
        let body = |address: &str, bytes: usize| {
            let mut share = budget.share(address.parse().unwrap());
            share.grow_to(bytes + FREE_BYTES).then_some(share)
        };
        let mut held: Vec<_> = (0..16).map(|_| body("192.0.2.1", MIB).unwrap()).collect();
        assert!(body("192.0.2.1", 1).is_none());
        assert!(body("192.0.2.1", 0).is_some(), "an ordinary call");
        for address in ["192.0.2.2", "192.0.2.3", "192.0.2.4"] {
            held.extend((0..16).map(|_| body(address, MIB).unwrap()));
        }
        assert!(body("192.0.2.5", 1).is_none());
        assert!(body("192.0.2.5", 0).is_some());
        held.pop();
        assert!(body("192.0.2.5", MIB).is_some());
        drop(held);
        let used = budget.used();
        assert_eq!((used.bytes, used.by_address.len()), (0, 0));
    }

    #[test]
    fn a_body_counts_once_however_it_comes() {
        let budget = Arc::new(BodyBudget::default());
        let mut share = budget.share("192.0.2.1".parse().unwrap());
        for bytes in [1, FREE_BYTES, FREE_BYTES + 7, FREE_BYTES + 7, FREE_BYTES + 9] {
            assert!(share.grow_to(bytes));
        }
        assert_eq!(budget.used().bytes, 9);
    }
}
