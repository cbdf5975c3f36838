//! What all cameras' sessions have for the core, handed over some at a time.
//!
//! All cameras are read in one pass on one thread (`source_runtime`), and each reports by itself. Here their reports are
//! gathered, in their order: the core is woken for some cameras together and not for each, and still while what they sent
//! is in the processor's cache and little memory holds it. What is left at the end of a pass goes then. Waits for the core:
//! then the cameras wait as well, and the kernel for them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore, mpsc};

use crate::core::Event;
use crate::shell::core_message::Message;
use crate::shell::source_runtime::DrainPace;

/// Reports of one hand-over: at 4 Mbit/s each, they are of 0.7 MB.
const TOGETHER: usize = 8;
/// Reports that may wait here.
const WAITING_MAX: usize = 4 * TOGETHER;
/// Hand-overs that the core has not handled.
const UNHANDLED_MAX: usize = 8;

/// See the module's documentation.
pub(crate) struct Gathering {
    core: mpsc::Sender<Message>,
    waiting: Mutex<Waiting>,
    /// One for each report that may still come.
    room: Semaphore,
    /// One for each hand-over that the core may still get.
    unhandled: Arc<Semaphore>,
    /// For whoever hands over what is left.
    has_news: Arc<Notify>,
}

#[derive(Default)]
struct Waiting {
    events: Vec<Event>,
    /// Earlier ones are about to be handed over: none may overtake them.
    is_busy: bool,
}

/// Gathers for `core` what sessions on `runtime` report, which reads at this pace. Ends when nobody has it any more.
pub(crate) fn start(
    core: &mpsc::Sender<Message>,
    runtime: &Handle,
    pace: DrainPace,
) -> Arc<Gathering> {
    let gathering = Arc::new(Gathering {
        core: core.clone(),
        waiting: Mutex::default(),
        room: Semaphore::new(WAITING_MAX),
        unhandled: Arc::new(Semaphore::new(UNHANDLED_MAX)),
        has_news: Arc::default(),
    });
    let (rest, has_news) = (Arc::downgrade(&gathering), Arc::clone(&gathering.has_news));
    runtime.spawn(async move {
        loop {
            has_news.notified().await;
            let Some(gathering) = rest.upgrade() else { return };
            if !gathering.hand_over_rest(&pace).await {
                return;
            }
        }
    });
    gathering
}

impl Drop for Gathering {
    fn drop(&mut self) {
        self.has_news.notify_one();
    }
}

impl Gathering {
    /// Reports `event`, waiting for room. `false` when the core has ended.
    pub(crate) async fn send(&self, event: Event) -> bool {
        let Ok(permit) = self.room.acquire().await else { return false };
        permit.forget();
        let are_enough = {
            let mut waiting = self.waiting();
            waiting.events.push(event);
            waiting.events.len() >= TOGETHER
        };
        if !are_enough || !self.try_hand_over() {
            // A task that runs behind those of the cameras that were woken with this one: at the end of the pass.
            self.has_news.notify_one();
        }
        !self.core.is_closed()
    }

    /// Hands over what waits if the core has room for it.
    fn try_hand_over(&self) -> bool {
        let mut waiting = self.waiting();
        if waiting.is_busy {
            return false;
        }
        let Ok(place) = self.core.try_reserve() else { return false };
        let Ok(permit) = Arc::clone(&self.unhandled).try_acquire_owned() else { return false };
        let events = std::mem::replace(&mut waiting.events, Vec::with_capacity(TOGETHER));
        self.room.add_permits(events.len());
        place.send(Message::Events(events, permit));
        true
    }

    /// Hands over what waits, waiting for the core. `false` when that has ended.
    async fn hand_over_rest(&self, pace: &DrainPace) -> bool {
        let events = {
            let mut waiting = self.waiting();
            waiting.is_busy = true;
            std::mem::take(&mut waiting.events)
        };
        let count = events.len();
        if count > 0 {
            let _waiting = pace.waits_for_core();
            let permit = Arc::clone(&self.unhandled).acquire_owned().await;
            let message = permit.map(|permit| Message::Events(events, permit));
            let Ok(message) = message else { return false };
            if self.core.send(message).await.is_err() {
                // Who waits for room hears of it.
                self.room.close();
                return false;
            }
            self.room.add_permits(count);
        }
        self.waiting().is_busy = false;
        true
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{Session, SourceEvent};
    use crate::shell::core_thread::CoreHandle;
    use crate::shell::source_runtime::CORE_INTERVAL;

    fn report(number: u64) -> Event {
        let session = Session { stream: "camera".into(), number };
        Event::Source { session, event: SourceEvent::Ended }
    }

    /// The numbers of the next hand-over.
    async fn next(handed_over: &mut mpsc::Receiver<Message>) -> Vec<u64> {
        let Some(Message::Events(events, _permit)) = handed_over.recv().await else {
            panic!("not handed over together");
        };
        let number = |event: &Event| match event {
            Event::Source { session, .. } => session.number,
            other => panic!("{other:?}"),
        };
        events.iter().map(number).collect()
    }

    #[tokio::test]
    async fn reports_come_some_at_a_time_and_the_rest_at_the_end_of_the_pass() {
        let (core, mut handed_over) = CoreHandle::for_test();
        let gathered = start(core.sender(), &Handle::current(), DrainPace::default());
        for number in 0..20 {
            assert!(gathered.send(report(number)).await);
        }
        assert_eq!(next(&mut handed_over).await, (0..8).collect::<Vec<_>>());
        assert_eq!(next(&mut handed_over).await, (8..16).collect::<Vec<_>>());
        assert!(handed_over.try_recv().is_err());
        assert_eq!(next(&mut handed_over).await, (16..20).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn cameras_wait_for_a_core_that_handles_nothing_and_nothing_overtakes() {
        let (core, mut handed_over) = CoreHandle::for_test();
        let pace = DrainPace::default();
        let gathered = start(core.sender(), &Handle::current(), pace.clone());
        let sending = tokio::spawn(async move {
            for number in 0..1000 {
                assert!(gathered.send(report(number)).await);
            }
            gathered
        });
        let mut unhandled = Vec::new();
        for _ in 0..UNHANDLED_MAX {
            unhandled.push(handed_over.recv().await);
        }
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert!(handed_over.try_recv().is_err(), "no more before one is handled");
        assert!(!sending.is_finished());
        assert_eq!(pace.next_sleep(), CORE_INTERVAL, "the rest of a pass waits for no other");
        let mut expected = 0;
        let mut check = |message| {
            let Some(Message::Events(events, _permit)) = message else { panic!("no reports") };
            for event in events {
                match event {
                    Event::Source { session, .. } => assert_eq!(session.number, expected),
                    other => panic!("{other:?}"),
                }
                expected += 1;
            }
            expected
        };
        unhandled.into_iter().for_each(|message| {
            check(message);
        });
        while check(handed_over.recv().await) < 1000 {}
        let gathered = sending.await.unwrap();
        assert!(pace.next_sleep() > CORE_INTERVAL, "the pass has ended");
        drop((core, handed_over));
        while gathered.send(report(0)).await {
            tokio::task::yield_now().await;
        }
    }
}
