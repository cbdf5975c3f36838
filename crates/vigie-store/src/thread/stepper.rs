//! The store's thread without a thread, for the simulator.

use std::sync::mpsc::Receiver;
use std::time::Duration;

use super::body::{Body, Wait};
use super::handle::StoreHandle;
use super::request::{Monotonic, Request, ThreadSettings};
use crate::commit::SyncHandle;
use crate::error::StoreError;
use crate::store::Store;

/// The same without a thread, for who has time of his own: it goes on when it is told to, and stops when it is dropped, as a
/// process that is killed.
pub struct StoreStepper {
    body: Body,
    receiver: Receiver<Request>,
}

impl StoreStepper {
    /// Takes the store over.
    pub fn new(
        store: Store,
        settings: ThreadSettings,
        monotonic: Monotonic,
    ) -> (Self, StoreHandle) {
        let (body, receiver, handle) = Body::new(store, settings, monotonic);
        (Self { body, receiver }, handle)
    }

    /// Goes a step: takes a request, begins or ends a commit, or does some of what nobody waits for. Whether there was
    /// something to do.
    pub fn step(&mut self) -> Result<bool, StoreError> {
        let (wait, request) = (self.body.wait(), self.receiver.try_recv().ok());
        let is_synced = self.body.syncing.as_ref().is_some_and(SyncHandle::is_done);
        let has_something = request.is_some() || wait == Wait::Not || is_synced;
        self.body.step(wait, request)?;
        Ok(has_something)
    }

    /// When there will be something to do without a request, by its clock.
    pub fn wake_at(&self) -> Option<Duration> {
        match self.body.wait() {
            Wait::Not => Some((self.body.monotonic)()),
            Wait::Until(at) => Some(at),
            Wait::ForRequest => None,
        }
    }
}
