//! The one thread that owns the hub's core: it takes what happened, batch by batch, and hands out what is to be done.
//!
//! Cameras are read on it as well, all in one pass, and what one has sent is handled as soon as it is read: nothing is handed
//! over between threads. Between two passes it sleeps, and wakes for the core's deadlines and for what others say.

use std::io;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::thread::{JoinHandle, Thread};
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;
use vigie_engine::clock::{Clock, Now};
use vigie_engine::pulse::Pulse;

use crate::core::{Effect, Event, Hub, HubSnapshot};
use crate::shell::core_message::Message;
use crate::shell::core_seat::CoreSeat;
use crate::shell::drain_pace::DrainPace;

/// Messages that may wait for the core. Sources and uploads wait for room, so slow storage slows the cameras' sockets
/// down instead of filling the memory.
const WAITING_MAX: usize = 64;

/// The thread is taken to have stood still when it runs so much later than it wanted. A busy disk's slowest commits are
/// no reason yet.
const LATE_MIN: Duration = Duration::from_secs(3);

/// Tasks that run before sockets are asked again: those of one pass are all done first.
const TASKS_PER_PASS: u32 = 4096;

/// How long cameras may take at the end to be taken leave of.
const LEAVE_WITHIN: Duration = Duration::from_millis(600);
/// Between two passes then.
const LEAVE_INTERVAL: Duration = Duration::from_millis(10);

/// Where sources, uploads and calls report to.
#[derive(Clone)]
pub(crate) struct CoreHandle {
    sender: mpsc::Sender<Message>,
    /// Woken for each message; behind the sender, so that the last one's end is noticed.
    thread: Option<Arc<Wakes>>,
    /// For what runs on the core's thread.
    seat: Option<Weak<Mutex<CoreSeat>>>,
}

/// A thread that is woken also when nobody has this any more.
struct Wakes(Thread);

impl Drop for Wakes {
    fn drop(&mut self) {
        self.0.unpark();
    }
}

impl CoreHandle {
    /// Reports `event`, waiting for room. `false` when the core has ended.
    pub(crate) async fn send(&self, event: Event) -> bool {
        if let Some(seat) = &self.seat {
            let Some(seat) = seat.upgrade() else { return false };
            // Where the core failed in the midst of an event, its thread ends.
            return seat.lock().is_ok_and(|mut seat| seat.report(event));
        }
        let is_sent = self.sender.send(Message::Event(event)).await.is_ok();
        self.wake();
        is_sent
    }

    /// Like [`CoreHandle::send`], from a thread that may block.
    pub(crate) fn blocking_send(&self, event: Event) -> bool {
        let is_sent = self.sender.blocking_send(Message::Event(event)).is_ok();
        self.wake();
        is_sent
    }

    /// The numbers of this moment; `None` when the core has ended.
    pub(crate) async fn snapshot(&self) -> Option<HubSnapshot> {
        let (sender, receiver) = oneshot::channel();
        self.sender.send(Message::Snapshot(sender)).await.ok()?;
        self.wake();
        receiver.await.ok()
    }

    fn wake(&self) {
        if let Some(Wakes(thread)) = self.thread.as_deref() {
            thread.unpark();
        }
    }

    /// A handle of no core: its messages are read by whoever makes it.
    pub(crate) fn apart() -> (Self, mpsc::Receiver<Message>) {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        (Self { sender, thread: None, seat: None }, receiver)
    }
}

/// Where cameras are read: on the core's thread, in passes.
#[derive(Clone)]
pub(crate) struct CoreTasks {
    runtime: Handle,
    thread: Thread,
}

impl CoreTasks {
    /// Runs `task` there until it is done or the core has ended.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
        let handle = self.runtime.spawn(task).abort_handle();
        // Where none has run there are no passes.
        self.thread.unpark();
        handle
    }
}

/// The thread. It ends, and its effects with it, when the hub has stopped; it returns whether its disk failed.
pub(crate) struct CoreThread {
    /// For what runs elsewhere.
    pub(crate) core: CoreHandle,
    /// For what runs as one of `tasks`.
    pub(crate) core_here: CoreHandle,
    pub(crate) tasks: CoreTasks,
    pub(crate) effects: mpsc::UnboundedReceiver<Effect>,
    pub(crate) thread: JoinHandle<bool>,
}

/// Starts the thread; cameras are read at `pace`.
pub(crate) fn start(
    hub: Hub,
    clock: Arc<dyn Clock>,
    pulse: Option<Pulse>,
    pace: DrainPace,
) -> io::Result<CoreThread> {
    let (sender, messages) = mpsc::channel(WAITING_MAX);
    // Unbounded without risk: the core itself bounds what is under way (one call of each kind, a window of fragments).
    let (effect_sender, effects) = mpsc::unbounded_channel();
    let runtime =
        Builder::new_current_thread().enable_all().event_interval(TASKS_PER_PASS).build()?;
    let handle = runtime.handle().clone();
    let seat = Arc::new(Mutex::new(CoreSeat::new(hub, Arc::clone(&clock), effect_sender)));
    let here = Arc::downgrade(&seat);
    let core = Loop { seat, runtime, clock, pulse, pace, messages };
    let thread =
        std::thread::Builder::new().name("vigie-hub".to_owned()).spawn(move || core.run())?;
    let wakes = Some(Arc::new(Wakes(thread.thread().clone())));
    let core = CoreHandle { sender, thread: wakes, seat: None };
    Ok(CoreThread {
        core_here: CoreHandle { seat: Some(here), ..core.clone() },
        core,
        tasks: CoreTasks { runtime: handle, thread: thread.thread().clone() },
        effects,
        thread,
    })
}

/// What the thread works with.
struct Loop {
    seat: Arc<Mutex<CoreSeat>>,
    runtime: Runtime,
    clock: Arc<dyn Clock>,
    pulse: Option<Pulse>,
    pace: DrainPace,
    messages: mpsc::Receiver<Message>,
}

impl Loop {
    fn run(mut self) -> bool {
        let thread = std::thread::current();
        self.seat().hub.wake_by(Arc::new(move || thread.unpark()));
        self.work();
        let has_failed = self.seat().hub.has_failed();
        self.take_leave();
        has_failed
    }

    fn work(&mut self) {
        let mut pass_at = Duration::ZERO;
        // When the thread wants to run next, at the latest.
        let mut wanted = self.clock.now().mono;
        loop {
            let now = self.clock.now();
            // Before what came: a camera that ended its session meanwhile did so because it was not heard.
            if let Some(paused) = paused(now, wanted) {
                self.seat().handle(paused, now);
            }
            wanted = now.mono;
            if !self.take_messages(now) {
                return;
            }
            if self.is_reading() && now.mono >= pass_at {
                self.runtime.block_on(pass());
                // From its beginning: however long it takes, no camera waits longer for the next.
                pass_at = now.mono + self.pace.next_sleep();
            }
            let now = self.clock.now();
            if let Some(paused) = paused(now, wanted) {
                self.seat().handle(paused, now);
            }
            let mut core = self.seat();
            if !core.handle(Event::Tick, now) {
                return;
            }
            let mut until = core.hub.next_deadline();
            drop(core);
            if self.is_reading() {
                until = until.min(pass_at);
            }
            let wait = until.saturating_sub(now.mono);
            let wait = self.pulse.as_mut().map_or(wait, |pulse| wait.min(pulse.beat(now.mono)));
            wanted = now.mono.saturating_add(wait);
            // Who has something to say from here on wakes the thread.
            if self.messages.is_empty() && !self.messages.is_closed() {
                std::thread::park_timeout(wait);
            }
        }
    }

    /// Takes in what others said, as far as it waits. `false` when the core has ended, or nobody can say anything any more.
    fn take_messages(&mut self, now: Now) -> bool {
        for _ in 0..WAITING_MAX {
            match self.messages.try_recv() {
                Ok(Message::Event(event)) => {
                    if !self.seat().handle(event, now) {
                        return false;
                    }
                }
                Ok(Message::Snapshot(sender)) => {
                    // The asker may have gone away; then nobody misses the answer.
                    drop(sender.send(self.seat().hub.snapshot(now)));
                }
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
        true
    }

    /// Whether there is a camera to read.
    fn is_reading(&self) -> bool {
        self.runtime.metrics().num_alive_tasks() > 0
    }

    fn seat(&self) -> MutexGuard<'_, CoreSeat> {
        // What failed in the midst of an event cannot go on.
        self.seat.lock().unwrap_or_else(|_| resume_unwind(Box::new("the hub's core failed")))
    }

    /// The end: the effects end with the core, and with them what is under way; cameras hear of it.
    fn take_leave(self) {
        let Self { seat, runtime, clock, messages, .. } = self;
        drop((seat, messages));
        let until = clock.now().mono + LEAVE_WITHIN;
        while runtime.metrics().num_alive_tasks() > 0 && clock.now().mono < until {
            runtime.block_on(pass());
            std::thread::park_timeout(LEAVE_INTERVAL);
        }
    }
}

/// Lets everything run that is ready, then what sockets and timers have made ready.
async fn pass() {
    tokio::task::yield_now().await;
    tokio::task::yield_now().await;
}

/// What to tell the hub when it runs later than it wanted: it was stopped or suspended, or was long behind its disk,
/// and has not heard yet what cameras sent meanwhile.
fn paused(now: Now, wanted: Duration) -> Option<Event> {
    let lasted = now.mono.saturating_sub(wanted);
    (lasted >= LATE_MIN).then_some(Event::Paused { lasted })
}

#[cfg(test)]
mod tests {
    use vigie_media::Timestamp;

    use super::*;

    #[test]
    fn a_thread_that_runs_much_later_than_it_wanted_stood_still() {
        let at = |seconds| Now { wall: Timestamp::EPOCH, mono: Duration::from_secs_f64(seconds) };
        let check = |now, wanted, expect: Option<f64>| {
            let lasted = match paused(at(now), Duration::from_secs_f64(wanted)) {
                Some(Event::Paused { lasted }) => Some(lasted.as_secs_f64()),
                _ => None,
            };
            assert_eq!(lasted, expect);
        };
        check(20.0, 20.0, None);
        check(20.0, 25.0, None);
        check(22.5, 20.0, None);
        check(35.0, 20.0, Some(15.0));
    }
}
