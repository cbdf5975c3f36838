//! A hub's SyncEdgeAgent call that waits until its configurations or their secrets may have changed.
//!
//! Decides which notices concern it. They are hints: whoever is woken reads the database again, and a hub whose notice was
//! lost is told when it calls next, which is within a minute.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::db::{Notice, Notices, Subscription};

pub(crate) struct HubWaiter {
    notices: Arc<dyn Notices>,
    hub_device_arn: String,
    /// The secrets that its configurations name, as they name them.
    secret_arns: BTreeSet<String>,
    subscription: Box<dyn Subscription>,
    /// Whether something was heard that nobody has waited for yet.
    has_heard: bool,
}

impl HubWaiter {
    pub(crate) fn new(notices: &Arc<dyn Notices>, hub_device_arn: &str) -> Self {
        let secret_arns = BTreeSet::new();
        Self {
            notices: Arc::clone(notices),
            hub_device_arn: hub_device_arn.to_owned(),
            subscription: notices.subscribe(subscribed(hub_device_arn, &secret_arns)),
            secret_arns,
            has_heard: false,
        }
    }

    /// The hub's configurations name these secrets. To be said before they are read, so that no change is missed.
    pub(crate) fn watch_secrets(&mut self, secret_arns: &BTreeSet<String>) {
        if self.secret_arns == *secret_arns {
            return;
        }
        self.secret_arns.clone_from(secret_arns);
        let subscribed = subscribed(&self.hub_device_arn, secret_arns);
        let mut before =
            std::mem::replace(&mut self.subscription, self.notices.subscribe(subscribed));
        self.has_heard |= before.has_heard();
    }

    /// Resolves when something may have changed since the last time. Safe to drop and call again.
    pub(crate) async fn changed(&mut self) {
        if !std::mem::take(&mut self.has_heard) {
            self.subscription.heard().await;
        }
    }
}

fn subscribed(hub_device_arn: &str, secret_arns: &BTreeSet<String>) -> BTreeSet<Notice> {
    let secret = |arn: &String| Notice::SecretChanged { secret_arn: arn.clone() };
    let mut notices: BTreeSet<Notice> = secret_arns.iter().map(secret).collect();
    notices.insert(Notice::HubChanged { hub_device_arn: hub_device_arn.to_owned() });
    notices
}

/// Tells the calls of a hub.
pub(crate) fn tell_hub(notices: &dyn Notices, hub_device_arn: &str) {
    notices.publish(&Notice::HubChanged { hub_device_arn: hub_device_arn.to_owned() });
}

/// Tells the calls of every hub whose configurations name this secret, by its ARN with or without the random suffix.
pub(crate) fn tell_of_secret(notices: &dyn Notices, secret_arn: &str) {
    let without_suffix = secret_arn.rsplit_once('-').map(|(head, _)| head);
    for name in [Some(secret_arn), without_suffix].into_iter().flatten() {
        notices.publish(&Notice::SecretChanged { secret_arn: name.to_owned() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::InProcessNotices;

    const SECRET: &str = "arn:aws:secretsmanager:us-east-1:000000000000:secret:gate-cam-AbCdEf";

    fn arns(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn only_hubs_that_use_a_secret_are_woken_for_it() {
        let notices: Arc<dyn Notices> = Arc::new(InProcessNotices::default());
        let other = "arn:aws:secretsmanager:us-east-1:000000000000:secret:gate";
        let without = SECRET.strip_suffix("-AbCdEf").unwrap();
        let waits = |names: &[&str]| {
            let mut waiter = HubWaiter::new(&notices, "hub");
            waiter.watch_secrets(&arns(names));
            waiter
        };
        let mut waiters = [waits(&["arn:x", SECRET]), waits(&[without]), waits(&[other])];
        tell_of_secret(notices.as_ref(), SECRET);
        let woken = waiters.each_mut().map(|waiter| waiter.subscription.has_heard());
        assert_eq!(woken, [true, true, false]);
    }

    #[tokio::test]
    async fn what_is_told_while_it_learns_of_secrets_is_not_missed() {
        let notices: Arc<dyn Notices> = Arc::new(InProcessNotices::default());
        let mut waiter = HubWaiter::new(&notices, "hub");
        tell_hub(notices.as_ref(), "another");
        tell_hub(notices.as_ref(), "hub");
        waiter.watch_secrets(&arns(&[SECRET]));
        waiter.changed().await;
        tell_of_secret(notices.as_ref(), SECRET);
        waiter.watch_secrets(&arns(&[SECRET]));
        waiter.changed().await;
        assert!(!waiter.has_heard && !waiter.subscription.has_heard());
    }
}
