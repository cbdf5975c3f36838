//! One PutMedia connection per stream: the newest wins, or the first, as a setting says.
//!
//! Decides who may write to a stream. The older connection is told to end and has finished its pending appends before
//! the newer one gets its turn, so that a producer that lists fragments after its 200 sees everything it had sent.
//! (KVS refuses the newest today and let the last win in 2022; a producer whose old socket is half dead needs the
//! latter.)

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard, watch};

/// Who may go on when a producer connects to a stream that has one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProducerPolicy {
    /// The newest; the older connection ends.
    #[default]
    NewestWins,
    /// The one that is there; the newest is refused, as AWS does.
    FirstWins,
}

/// Why a connection has to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EndReason {
    /// A newer connection took over.
    Superseded,
    /// The stream is being deleted.
    StreamDeleted,
    /// The stream changed in a way that a connection learns at its start only.
    StreamChanged,
}

#[derive(Clone, Copy, Debug, Default)]
struct Orders {
    newest: u64,
    /// Connections up to this number have to end, and why.
    ended: Option<(u64, EndReason)>,
}

#[derive(Debug, Default)]
struct Slot {
    orders: watch::Sender<Orders>,
    turn: Arc<AsyncMutex<()>>,
}

/// The connections of all streams.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    slots: Mutex<HashMap<String, Arc<Slot>>>,
}

/// A connection's turn on its stream; the next one waits until it is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    number: u64,
    orders: watch::Receiver<Orders>,
    stream: String,
    connections: Arc<Connections>,
    slot: Arc<Slot>,
    guard: Option<OwnedMutexGuard<()>>,
}

impl Connections {
    /// The turn on a stream that has no connection; `None` when it has one.
    pub(crate) fn enter(self: &Arc<Self>, stream: &str) -> Option<Turn> {
        let slot = self.slot(stream);
        // Refused without a number, for the newest number ends all others.
        let guard = Arc::clone(&slot.turn).try_lock_owned().ok()?;
        let mut turn = self.waiting(stream, slot);
        turn.guard = Some(guard);
        Some(turn)
    }

    /// Waits for the turn on a stream, after telling the present connection to end. `None` when a still newer
    /// connection came meanwhile.
    pub(crate) async fn take_over(self: &Arc<Self>, stream: &str) -> Option<Turn> {
        let slot = self.slot(stream);
        let next = Arc::clone(&slot.turn).lock_owned();
        let mut turn = self.waiting(stream, slot);
        let guard = tokio::select! {
            biased;
            _ = turn.ended() => return None,
            guard = next => guard,
        };
        turn.guard = Some(guard);
        Some(turn)
    }

    /// A connection that does not have its turn yet. It is the newest of its stream.
    fn waiting(self: &Arc<Self>, stream: &str, slot: Arc<Slot>) -> Turn {
        let mut number = 0;
        slot.orders.send_modify(|orders| {
            orders.newest += 1;
            number = orders.newest;
        });
        Turn {
            number,
            orders: slot.orders.subscribe(),
            stream: stream.to_owned(),
            connections: Arc::clone(self),
            slot,
            guard: None,
        }
    }

    /// Tells a stream's connections to end and waits until they have.
    pub(crate) async fn end(self: &Arc<Self>, stream: &str, reason: EndReason) {
        let slot = self.slot(stream);
        slot.orders.send_modify(|orders| orders.ended = Some((orders.newest, reason)));
        drop(slot.turn.lock().await);
        self.forget_unused(stream, &slot);
    }

    /// Whether a stream has a connection, or one that waits for its turn.
    pub(crate) fn has_connection(&self, stream: &str) -> bool {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner).contains_key(stream)
    }

    fn slot(&self, stream: &str) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry(stream.to_owned()).or_default())
    }

    /// The map, the caller and nobody else hold an unused slot. Taken under the lock under which slots are handed
    /// out, so that nobody can be about to use it.
    fn forget_unused(&self, stream: &str, slot: &Arc<Slot>) {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if Arc::strong_count(slot) <= 2 {
            slots.remove(stream);
        }
    }
}

impl Turn {
    /// Resolves when this connection has to end. Safe to drop and call again.
    pub(crate) async fn ended(&mut self) -> EndReason {
        let number = self.number;
        let must_end = |orders: &Orders| {
            orders.newest > number || orders.ended.is_some_and(|(to, _)| to >= number)
        };
        match self.orders.wait_for(must_end).await {
            Ok(orders) => match orders.ended {
                Some((to, reason)) if to >= number => reason,
                _ => EndReason::Superseded,
            },
            // The sender lives in the slot that this turn holds.
            Err(_) => EndReason::Superseded,
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.guard = None;
        self.connections.forget_unused(&self.stream, &self.slot);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_newest_gets_its_turn_when_the_older_has_finished() {
        let connections = Arc::new(Connections::default());
        let mut old = connections.take_over("gate").await.unwrap();
        let newer = tokio::spawn({
            let connections = Arc::clone(&connections);
            async move { connections.take_over("gate").await.is_some() }
        });
        assert_eq!(old.ended().await, EndReason::Superseded);
        assert!(!newer.is_finished());
        drop(old);
        assert!(newer.await.unwrap());
        assert!(connections.slots.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn the_first_keeps_its_turn_when_it_wins() {
        let connections = Arc::new(Connections::default());
        let mut first = connections.enter("gate").unwrap();
        assert!(connections.enter("gate").is_none());
        assert!(tokio::time::timeout(std::time::Duration::ZERO, first.ended()).await.is_err());
        assert!(connections.enter("yard").is_some());
        drop(first);
        assert!(connections.enter("gate").is_some());
        assert!(connections.slots.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_waiting_connection_gives_way_to_a_newer_one() {
        let connections = Arc::new(Connections::default());
        let mut first = connections.take_over("gate").await.unwrap();
        let take_over = || {
            let connections = Arc::clone(&connections);
            tokio::spawn(async move { connections.take_over("gate").await })
        };
        let second = take_over();
        assert_eq!(first.ended().await, EndReason::Superseded);
        let third = take_over();
        assert!(second.await.unwrap().is_none());
        drop(first);
        assert!(third.await.unwrap().is_some());
    }

    #[tokio::test]
    async fn deleting_a_stream_ends_its_connection_and_no_other() {
        let connections = Arc::new(Connections::default());
        let mut gate = connections.take_over("gate").await.unwrap();
        let _yard = connections.take_over("yard").await.unwrap();
        let ending = tokio::spawn({
            let connections = Arc::clone(&connections);
            async move { connections.end("gate", EndReason::StreamDeleted).await }
        });
        assert_eq!(gate.ended().await, EndReason::StreamDeleted);
        drop(gate);
        ending.await.unwrap();
        assert_eq!(connections.slots.lock().unwrap().len(), 1);
        // A connection that comes after the order is not ended by it.
        let mut later = connections.take_over("gate").await.unwrap();
        assert!(tokio::time::timeout(std::time::Duration::ZERO, later.ended()).await.is_err());
    }
}
