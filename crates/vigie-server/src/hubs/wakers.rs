//! Wakes the SyncEdgeAgent calls of a hub when its configurations, their secrets or what it is asked may have changed.
//!
//! A hint and nothing more: whoever is woken reads the database again, so a lost or spare wake-up does no harm, and
//! another instance may send it.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// The calls that wait, by hub.
#[derive(Debug, Default)]
pub(crate) struct HubWakers {
    hubs: Mutex<HashMap<String, Waiting>>,
}

#[derive(Debug, Default)]
struct Waiting {
    notify: Arc<Notify>,
    /// The secrets that its configurations name, as they name them.
    secret_arns: BTreeSet<String>,
}

/// One call that waits.
#[derive(Debug)]
pub(crate) struct HubWaiter {
    wakers: Arc<HubWakers>,
    hub_device_arn: String,
    pub(crate) notify: Arc<Notify>,
}

impl HubWakers {
    pub(crate) fn waiter(self: &Arc<Self>, hub_device_arn: &str) -> HubWaiter {
        let mut hubs = self.hubs.lock().unwrap_or_else(PoisonError::into_inner);
        let notify = Arc::clone(&hubs.entry(hub_device_arn.to_owned()).or_default().notify);
        HubWaiter { wakers: Arc::clone(self), hub_device_arn: hub_device_arn.to_owned(), notify }
    }

    pub(crate) fn wake(&self, hub_device_arn: &str) {
        let hubs = self.hubs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(waiting) = hubs.get(hub_device_arn) {
            waiting.notify.notify_waiters();
        }
    }

    /// Wakes every hub whose configurations name this secret, by its ARN with or without the random suffix.
    pub(crate) fn wake_for_secret(&self, secret_arn: &str) {
        let hubs = self.hubs.lock().unwrap_or_else(PoisonError::into_inner);
        let without_suffix = secret_arn.rsplit_once('-').map_or(secret_arn, |(head, _)| head);
        let names = |waiting: &&Waiting| {
            waiting.secret_arns.contains(secret_arn) || waiting.secret_arns.contains(without_suffix)
        };
        for waiting in hubs.values().filter(names) {
            waiting.notify.notify_waiters();
        }
    }
}

impl HubWaiter {
    /// The hub's configurations name these secrets. To be said before they are read, so that no change is missed.
    pub(crate) fn watch_secrets(&self, secret_arns: BTreeSet<String>) {
        let mut hubs = self.wakers.hubs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(waiting) = hubs.get_mut(&self.hub_device_arn) {
            waiting.secret_arns = secret_arns;
        }
    }
}

impl Drop for HubWaiter {
    fn drop(&mut self) {
        let mut hubs = self.wakers.hubs.lock().unwrap_or_else(PoisonError::into_inner);
        // The map and this waiter hold the last ones.
        if Arc::strong_count(&self.notify) <= 2 {
            hubs.remove(&self.hub_device_arn);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_hubs_that_use_a_secret_are_woken_for_it() {
        let wakers = Arc::new(HubWakers::default());
        let secret = "arn:aws:secretsmanager:us-east-1:000000000000:secret:gate-cam-AbCdEf";
        let uses = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let (whole, without, other) =
            (wakers.waiter("whole"), wakers.waiter("without"), wakers.waiter("other"));
        whole.watch_secrets(uses(&["arn:x", secret]));
        without.watch_secrets(uses(&[secret.strip_suffix("-AbCdEf").unwrap()]));
        other.watch_secrets(uses(&["arn:aws:secretsmanager:us-east-1:000000000000:secret:gate"]));
        let woken = {
            let notified = |waiter: &HubWaiter| Arc::clone(&waiter.notify).notified_owned();
            let mut waits = [&whole, &without, &other].map(|waiter| Box::pin(notified(waiter)));
            for wait in &mut waits {
                assert!(!wait.as_mut().enable());
            }
            wakers.wake_for_secret(secret);
            waits.map(|mut wait| wait.as_mut().enable())
        };
        assert_eq!(woken, [true, true, false]);
        drop((whole, without, other));
        assert!(wakers.hubs.lock().unwrap().is_empty());
    }
}
