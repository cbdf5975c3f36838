//! Who writes to a stream.
//!
//! Decides whose turn it is: a writer of a later lease fences the one before, and an erasure fences both. Whether it is still
//! one's turn and the handing over to the store's thread are one step, so that nothing of a fenced writer comes behind.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::{Semaphore, oneshot};
use vigie_store::FragmentEntry;
use vigie_store::thread::{Reply, StoreHandle};

use super::embedded_types::{of_store, whole_of};
use super::store_thread::{WAITING_KIBIBYTES_MAX, outcome, reply};
use super::{ArchiveError, Persisting, StreamWriter, WholeFragment};

/// What is known of streams while the process lives.
#[derive(Default)]
pub(super) struct Streams {
    /// The writers whose turn it is, by the epochs of their leases.
    writers: HashMap<String, u64>,
}

impl Streams {
    /// Nobody's turn it is any more, and then `act` is done, before another one's is.
    pub(super) fn end_writer(&mut self, stream: &str, act: impl FnOnce()) {
        self.writers.remove(stream);
        act();
    }
}

pub(super) struct EmbeddedWriter {
    handle: StoreHandle,
    room: Arc<Semaphore>,
    streams: Arc<Mutex<Streams>>,
    stream: String,
    epoch: u64,
}

impl EmbeddedWriter {
    pub(super) fn begin(
        handle: StoreHandle,
        room: Arc<Semaphore>,
        streams: Arc<Mutex<Streams>>,
        stream: &str,
        epoch: u64,
    ) -> Result<Self, ArchiveError> {
        {
            let mut streams = streams.lock().unwrap_or_else(PoisonError::into_inner);
            if streams.writers.get(stream).is_some_and(|last| *last >= epoch) {
                return Err(ArchiveError::Fenced);
            }
            streams.writers.insert(stream.to_owned(), epoch);
        }
        Ok(Self { handle, room, streams, stream: stream.to_owned(), epoch })
    }

    fn streams(&self) -> MutexGuard<'_, Streams> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something as long as it is this one's turn.
    fn in_turn(&self, act: impl FnOnce()) -> Result<(), ArchiveError> {
        let streams = self.streams();
        if streams.writers.get(&self.stream) != Some(&self.epoch) {
            return Err(ArchiveError::Fenced);
        }
        act();
        drop(streams);
        Ok(())
    }
}

#[async_trait]
impl StreamWriter for EmbeddedWriter {
    fn epoch(&self) -> u64 {
        self.epoch
    }

    async fn reserve_sequences(&mut self, count: u64) -> Result<Range<u64>, ArchiveError> {
        let (reply, receiver) = reply();
        let key = self.stream.as_str().into();
        self.in_turn(|| self.handle.reserve_sequences(key, count, reply))?;
        outcome(receiver).await
    }

    async fn append(&mut self, header: &Bytes, fragment: WholeFragment) -> Persisting {
        let kibibytes = u32::try_from(fragment.bytes.len() / 1024 + 1).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room).acquire_many_owned(kibibytes.min(WAITING_KIBIBYTES_MAX));
        let room = room.await;
        let (sender, receiver) = oneshot::channel();
        let key = self.stream.clone();
        let reply: Reply<FragmentEntry> = Box::new(move |outcome| {
            // Given back here rather than where the outcome is read: that one may be waiting for room itself.
            drop(room);
            if sender.send(outcome.map(drop).map_err(of_store)).is_err() {
                tracing::debug!(stream = key, "nobody waits for a fragment to be persisted");
            }
        });
        let (key, header) = (self.stream.as_str().into(), header.clone());
        let taken =
            self.in_turn(|| self.handle.append_fragment(key, header, whole_of(fragment), reply));
        match taken {
            Ok(()) => Box::pin(outcome(receiver)),
            Err(error) => Box::pin(std::future::ready(Err(error))),
        }
    }
}
