//! What of the process every room may ask for: the time, waiting, chance, tasks that outlive a call, and the stop.
//!
//! Decides nothing. Holds no state of the service.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use tokio::sync::{Mutex as AsyncMutex, mpsc, oneshot, watch};
use vigie_engine::chance::Chance;
use vigie_engine::clock::{Clock, Now};
use vigie_kvs::version::version_token;

use crate::age_hold::ServerAgeHold;
use crate::runtime::{Runtime, Task};

pub(crate) struct Process {
    clock: Arc<dyn Clock>,
    /// Whether the clock is believed when it says that something is old.
    pub age_hold: ServerAgeHold,
    chance: Mutex<Box<dyn Chance>>,
    runtime: Arc<dyn Runtime>,
    stopping: watch::Sender<bool>,
    /// Held by every background task; taken when the server stops, see [`Process::tasks_ended`].
    alive: Mutex<Option<mpsc::Sender<Infallible>>>,
    ended: AsyncMutex<mpsc::Receiver<Infallible>>,
    listen_port: AtomicU16,
}

impl Process {
    pub(crate) fn new(
        clock: Arc<dyn Clock>,
        age_hold: ServerAgeHold,
        chance: Box<dyn Chance>,
        runtime: Arc<dyn Runtime>,
    ) -> Self {
        let (alive, ended) = mpsc::channel(1);
        Self {
            clock,
            age_hold,
            chance: Mutex::new(chance),
            runtime,
            stopping: watch::Sender::new(false),
            alive: Mutex::new(Some(alive)),
            ended: AsyncMutex::new(ended),
            listen_port: AtomicU16::new(0),
        }
    }

    /// The time. Whatever is written with it: that the clock was wrong is known by then.
    pub(crate) fn now(&self) -> Now {
        let now = self.clock.now();
        self.age_hold.sample(now);
        now
    }

    /// The source of chance; hold it only for a draw.
    pub(crate) fn chance(&self) -> MutexGuard<'_, Box<dyn Chance>> {
        self.chance.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A stream's new version.
    pub(crate) fn new_version(&self) -> String {
        let mut chance = self.chance();
        version_token([chance.next_u64(), chance.next_u64()])
    }

    /// A fresh id for a request, in the form of a UUID.
    pub(crate) fn new_request_id(&self) -> String {
        let drawn = {
            let mut chance = self.chance();
            [chance.next_u64(), chance.next_u64()]
        };
        request_id(drawn)
    }

    /// The stop of the server, to wait for.
    pub(crate) fn stopping(&self) -> Stopping {
        Stopping(self.stopping.subscribe())
    }

    pub(crate) fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// Resolves when so much time has passed.
    pub(crate) fn sleep(&self, time: Duration) -> Task {
        self.runtime.sleep(time)
    }

    /// What `future` gives, unless that takes longer. One that is ready at once costs no timer.
    pub(crate) async fn timeout<F: Future>(
        &self,
        time: Duration,
        future: F,
    ) -> Result<F::Output, TimedOut> {
        let mut future = pin!(future);
        let mut time_passed = None;
        poll_fn(|context| {
            if let Poll::Ready(output) = future.as_mut().poll(context) {
                return Poll::Ready(Ok(output));
            }
            let time_passed = time_passed.get_or_insert_with(|| self.sleep(time));
            time_passed.as_mut().poll(context).map(|()| Err(TimedOut))
        })
        .await
    }

    /// Runs a task that outlives the call it belongs to; the server's end waits for it. Who wants to know receives what comes
    /// of it, or that it was cut off.
    pub(crate) fn spawn<F>(&self, task: F) -> oneshot::Receiver<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let alive = self.alive.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (sender, receiver) = oneshot::channel();
        self.runtime.spawn(Box::pin(async move {
            let output = task.await;
            drop(alive);
            // Most who began a task do not wait for it.
            drop(sender.send(output));
        }));
        receiver
    }

    /// Does work that takes a processor for a while where no task has to wait for it.
    pub(crate) fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> oneshot::Receiver<T> {
        crate::runtime::blocking(self.runtime.as_ref(), work)
    }

    /// Resolves when all tasks of [`Process::spawn`] have ended. Stop first.
    pub(crate) async fn tasks_ended(&self) {
        drop(self.alive.lock().unwrap_or_else(PoisonError::into_inner).take());
        // Nothing is ever sent: the channel closes with its last sender.
        let closed: Option<Infallible> = self.ended.lock().await.recv().await;
        debug_assert!(closed.is_none());
    }

    pub(crate) fn listen_port(&self) -> u16 {
        self.listen_port.load(Ordering::Relaxed)
    }

    pub(crate) fn set_listen_port(&self, port: u16) {
        self.listen_port.store(port, Ordering::Relaxed);
    }
}

fn request_id([high, low]: [u64; 2]) -> String {
    let drawn = u128::from(high) << 64 | u128::from(low);
    uuid::Builder::from_random_bytes(drawn.to_be_bytes()).into_uuid().to_string()
}

/// It took too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimedOut;

/// The stop of the server, which comes once.
pub(crate) struct Stopping(watch::Receiver<bool>);

impl Stopping {
    /// Resolves when the server stops. Safe to drop and call again.
    pub(crate) async fn wait(&mut self) {
        // The other end is gone only when the server is.
        if self.0.wait_for(|stopping| *stopping).await.is_err() {
            tracing::debug!("the server has gone");
        }
    }

    pub(crate) fn is_now(&self) -> bool {
        *self.0.borrow()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_drawn_makes_the_same_id_in_every_version() {
        let id = request_id([0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210]);
        assert_eq!(id, "01234567-89ab-4def-bedc-ba9876543210");
        assert_eq!(request_id([0, 0]), "00000000-0000-4000-8000-000000000000");
        assert_eq!(request_id([u64::MAX; 2]), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }
}
