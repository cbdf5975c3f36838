//! Notices within one process: heard by whoever listens when they are published.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::{Notice, Notices, Subscription};

/// See the module's documentation.
#[derive(Clone, Debug, Default)]
pub struct InProcessNotices(Arc<Mutex<Listeners>>);

type Listeners = BTreeMap<Notice, Vec<Arc<Ear>>>;

/// Where one who listens is told.
#[derive(Debug, Default)]
struct Ear(Mutex<Told>);

#[derive(Debug, Default)]
struct Told {
    is_told: bool,
    /// Of the task that waits for it.
    waker: Option<Waker>,
}

struct Listening {
    notices: InProcessNotices,
    subscribed: BTreeSet<Notice>,
    ear: Arc<Ear>,
}

impl InProcessNotices {
    /// Tells everybody, whatever they listen for: notices may have been lost, so that they look again.
    pub fn publish_all(&self) {
        let mut wakers = Vec::new();
        for ear in self.listeners().values().flatten() {
            let mut told = ear.told();
            told.is_told = true;
            wakers.extend(told.waker.take());
        }
        wakers.into_iter().for_each(Waker::wake);
    }

    fn listeners(&self) -> MutexGuard<'_, Listeners> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ear {
    fn told(&self) -> MutexGuard<'_, Told> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Notices for InProcessNotices {
    fn publish(&self, notice: &Notice) {
        let mut wakers = Vec::new();
        for ear in self.listeners().get(notice).into_iter().flatten() {
            let mut told = ear.told();
            told.is_told = true;
            wakers.extend(told.waker.take());
        }
        // Not under the lock: what is woken may listen to something else at once.
        wakers.into_iter().for_each(Waker::wake);
    }

    fn subscribe(&self, notices: BTreeSet<Notice>) -> Box<dyn Subscription> {
        let ear = Arc::new(Ear::default());
        let mut listeners = self.listeners();
        for notice in &notices {
            listeners.entry(notice.clone()).or_default().push(Arc::clone(&ear));
        }
        drop(listeners);
        Box::new(Listening { notices: self.clone(), subscribed: notices, ear })
    }
}

impl Subscription for Listening {
    fn poll_heard(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let mut told = self.ear.told();
        if std::mem::take(&mut told.is_told) {
            return Poll::Ready(());
        }
        let before = told.waker.replace(context.waker().clone());
        // Not under the lock either: with the last waker its task goes, and with it whatever that listened to.
        drop(told);
        drop(before);
        Poll::Pending
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let mut listeners = self.notices.listeners();
        for notice in &self.subscribed {
            if let Some(ears) = listeners.get_mut(notice) {
                ears.retain(|ear| !Arc::ptr_eq(ear, &self.ear));
                if ears.is_empty() {
                    listeners.remove(notice);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn they_hold_to_the_contract() {
        crate::contract::hold_notices(|| Arc::new(InProcessNotices::default())).await;
    }

    #[test]
    fn where_some_may_be_lost_everybody_hears_once() {
        let notices = InProcessNotices::default();
        let of = |hub: &str| Notice::HubChanged { hub_device_arn: hub.to_owned() };
        let mut listening = notices.subscribe([of("a"), of("b")].into());
        let mut other = notices.subscribe([Notice::DeadlineSet].into());
        notices.publish_all();
        assert!(listening.has_heard() && other.has_heard());
        assert!(!listening.has_heard() && !other.has_heard());
    }

    #[test]
    fn who_listens_no_more_is_forgotten() {
        let notices = InProcessNotices::default();
        let of = |hub: &str| Notice::HubChanged { hub_device_arn: hub.to_owned() };
        let one = notices.subscribe([of("a"), of("b")].into());
        let other = notices.subscribe([of("b")].into());
        drop(one);
        assert_eq!(notices.listeners().keys().collect::<Vec<_>>(), [&of("b")]);
        drop(other);
        assert!(notices.listeners().is_empty());
    }
}
