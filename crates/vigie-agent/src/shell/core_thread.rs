//! The one thread that owns the hub's core: it takes what happened, batch by batch, and hands out what is to be done.
//!
//! Everything that arrived while it worked is handled in one go, so that hundreds of cameras cost few wake-ups.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, oneshot};
use vigie_engine::clock::{Clock, Now};
use vigie_engine::pulse::Pulse;

use crate::core::{Effect, Event, Hub, HubSnapshot, Waker};
use crate::shell::core_message::Message;
use crate::shell::gathering::Gathering;

/// Messages that may wait for the core. Sources and uploads wait for room, so slow storage slows the cameras' sockets
/// down instead of filling the memory.
const WAITING_MAX: usize = 64;

/// The thread is taken to have stood still when it runs so much later than it wanted. A busy disk's slowest commits are
/// no reason yet.
const LATE_MIN: Duration = Duration::from_secs(3);

/// Where sources, uploads and calls report to.
#[derive(Clone)]
pub(crate) struct CoreHandle {
    sender: mpsc::Sender<Message>,
    /// Where events wait for others, if they do.
    gathering: Option<Arc<Gathering>>,
}

impl CoreHandle {
    /// The same core, whose events are handed over together with others.
    pub(crate) fn gathered_by(&self, gathering: Arc<Gathering>) -> Self {
        Self { sender: self.sender.clone(), gathering: Some(gathering) }
    }

    /// Reports `event`, waiting for room. `false` when the core has ended.
    pub(crate) async fn send(&self, event: Event) -> bool {
        match &self.gathering {
            Some(gathering) => gathering.send(event).await,
            None => self.sender.send(Message::Event(event)).await.is_ok(),
        }
    }

    /// Like [`CoreHandle::send`], from a thread that may block.
    pub(crate) fn blocking_send(&self, event: Event) -> bool {
        self.sender.blocking_send(Message::Event(event)).is_ok()
    }

    /// Where messages go.
    pub(crate) const fn sender(&self) -> &mpsc::Sender<Message> {
        &self.sender
    }

    /// The numbers of this moment; `None` when the core has ended.
    pub(crate) async fn snapshot(&self) -> Option<HubSnapshot> {
        let (sender, receiver) = oneshot::channel();
        self.sender.send(Message::Snapshot(sender)).await.ok()?;
        receiver.await.ok()
    }

    /// A handle of no core: its messages are read by whoever makes it.
    pub(crate) fn apart() -> (Self, mpsc::Receiver<Message>) {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        (Self { sender, gathering: None }, receiver)
    }

    /// The same, for tests.
    #[cfg(test)]
    pub(crate) fn for_test() -> (Self, mpsc::Receiver<Message>) {
        Self::apart()
    }
}

/// Starts the thread. It ends, and its effects with it, when the hub has stopped; it returns whether its disk failed.
pub(crate) fn start(
    mut hub: Hub,
    clock: Arc<dyn Clock>,
    pulse: Option<Pulse>,
) -> io::Result<(CoreHandle, mpsc::UnboundedReceiver<Effect>, JoinHandle<bool>)> {
    let (sender, messages) = mpsc::channel(WAITING_MAX);
    hub.wake_by(waker(&sender));
    // Unbounded without risk: the core itself bounds what is under way (one call of each kind, a window of fragments).
    let (effect_sender, effects) = mpsc::unbounded_channel();
    // Of its own: a timer of another runtime would wake a thread of that one for each wait of this one.
    let runtime = Builder::new_current_thread().enable_time().build()?;
    let thread = std::thread::Builder::new()
        .name("vigie-hub".to_owned())
        .spawn(move || run(hub, &runtime, clock.as_ref(), pulse, messages, &effect_sender))?;
    Ok((CoreHandle { sender, gathering: None }, effects, thread))
}

/// Wakes the core. Not a [`CoreHandle`]: the core ends when the last of those is gone.
fn waker(sender: &mpsc::Sender<Message>) -> Waker {
    let sender = sender.downgrade();
    Arc::new(move || {
        if let Some(sender) = sender.upgrade() {
            // A core that has messages to take is awake.
            drop(sender.try_send(Message::Wake));
        }
    })
}

fn run(
    mut hub: Hub,
    runtime: &Runtime,
    clock: &dyn Clock,
    mut pulse: Option<Pulse>,
    mut messages: mpsc::Receiver<Message>,
    effects: &mpsc::UnboundedSender<Effect>,
) -> bool {
    let mut batch = Vec::with_capacity(WAITING_MAX);
    let send = |hub: &mut Hub, event: Event, now: Now| {
        hub.handle(event, now).into_iter().all(|effect| effects.send(effect).is_ok())
    };
    // When the thread wants to run next, at the latest.
    let mut wanted = clock.now().mono;
    loop {
        let now = clock.now();
        if let Some(paused) = paused(now, wanted)
            && !send(&mut hub, paused, now)
        {
            return hub.has_failed();
        }
        if !send(&mut hub, Event::Tick, now) || hub.has_stopped() {
            return hub.has_failed();
        }
        let wait = hub.next_deadline().saturating_sub(now.mono);
        let wait = pulse.as_mut().map_or(wait, |pulse| wait.min(pulse.beat(now.mono)));
        wanted = now.mono.saturating_add(wait);
        let received = runtime.block_on(async {
            tokio::time::timeout(wait, messages.recv_many(&mut batch, WAITING_MAX)).await
        });
        if received == Ok(0) {
            return hub.has_failed();
        }
        let now = clock.now();
        // Before what came: a camera that ended its session meanwhile did so because it was not heard.
        if let Some(paused) = paused(now, wanted)
            && !send(&mut hub, paused, now)
        {
            return hub.has_failed();
        }
        wanted = now.mono;
        for message in batch.drain(..) {
            match message {
                Message::Event(event) => {
                    if !send(&mut hub, event, now) {
                        return hub.has_failed();
                    }
                }
                Message::Events(events, _permit) => {
                    if !events.into_iter().all(|event| send(&mut hub, event, now)) {
                        return hub.has_failed();
                    }
                }
                // The tick that follows sees to it.
                Message::Wake => {}
                Message::Snapshot(sender) => {
                    // The asker may have gone away; then nobody misses the answer.
                    drop(sender.send(hub.snapshot(now)));
                }
            }
        }
    }
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
