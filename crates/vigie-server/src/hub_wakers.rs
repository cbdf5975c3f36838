//! Wakes the SyncEdgeAgent calls of a hub when its configurations may have changed.
//!
//! A hint and nothing more: whoever is woken reads the database again, so a lost or spare wake-up does no harm, and
//! another instance may send it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// The calls that wait, by hub.
#[derive(Debug, Default)]
pub(crate) struct HubWakers {
    hubs: Mutex<HashMap<String, Arc<Notify>>>,
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
        let notify = Arc::clone(hubs.entry(hub_device_arn.to_owned()).or_default());
        HubWaiter { wakers: Arc::clone(self), hub_device_arn: hub_device_arn.to_owned(), notify }
    }

    pub(crate) fn wake(&self, hub_device_arn: &str) {
        let hubs = self.hubs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(notify) = hubs.get(hub_device_arn) {
            notify.notify_waiters();
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
