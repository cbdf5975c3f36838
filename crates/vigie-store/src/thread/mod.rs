//! The store on a thread of its own, for the server: many connections append, one group commit answers them all.
//!
//! It reads no clock: the caller gives it one.

mod body;
mod handle;
mod request;
mod stepper;

use std::thread::JoinHandle;

use self::body::Body;
pub use self::handle::StoreHandle;
use self::request::Request;
pub use self::request::{Monotonic, Reply, ThreadSettings};
pub use self::stepper::StoreStepper;
use crate::error::StoreError;
use crate::store::Store;

/// The thread. Shut it down with [`StoreThread::shutdown`]; dropping it does the same and drops the outcome.
pub struct StoreThread {
    handle: StoreHandle,
    thread: Option<JoinHandle<Result<(), StoreError>>>,
}

impl StoreThread {
    /// Moves `store` to a thread of its own.
    pub fn spawn(
        store: Store,
        settings: ThreadSettings,
        monotonic: Monotonic,
    ) -> std::io::Result<Self> {
        let (body, receiver, handle) = Body::new(store, settings, monotonic);
        let thread =
            std::thread::Builder::new().name("store".to_owned()).spawn(|| body.run(receiver))?;
        Ok(Self { handle, thread: Some(thread) })
    }

    /// A handle for another task.
    pub fn handle(&self) -> StoreHandle {
        self.handle.clone()
    }

    /// Commits what waits, seals all media files and ends the thread. Requests sent later get
    /// [`StoreError::Closed`].
    pub fn shutdown(mut self) -> Result<(), StoreError> {
        self.stop()
    }

    fn stop(&mut self) -> Result<(), StoreError> {
        let Some(thread) = self.thread.take() else { return Ok(()) };
        if self.handle.sender.send(Request::Shutdown).is_err() {
            tracing::debug!("the store has ended before");
        }
        thread.join().unwrap_or(Err(StoreError::Closed))
    }
}

impl Drop for StoreThread {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            tracing::error!(%error, "the store did not close cleanly");
        }
    }
}
