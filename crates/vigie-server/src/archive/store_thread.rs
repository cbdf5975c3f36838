//! How the store's thread is asked: what it answers reaches the task that waits, and what waits for it is bounded.

use tokio::sync::oneshot;
use vigie_store::StoreError;
use vigie_store::thread::Reply;

use super::ArchiveError;
use super::embedded_types::of_store;

/// Fragments that wait for their commit, of all streams together: a slow disk slows producers down rather than
/// filling the memory. Room for one commit under way, one that gathers, and what is on its way to the store's thread.
pub(super) const WAITING_KIBIBYTES_MAX: u32 = 96 << 10;

/// A reply that hands its outcome on to a task.
pub(super) fn reply<T: Send + 'static>() -> (Reply<T>, oneshot::Receiver<Result<T, ArchiveError>>) {
    let (sender, receiver) = oneshot::channel();
    let reply: Reply<T> = Box::new(move |outcome| {
        if sender.send(outcome.map_err(of_store)).is_err() {
            tracing::debug!("nobody waits for an outcome of the store");
        }
    });
    (reply, receiver)
}

pub(super) async fn outcome<T>(
    receiver: oneshot::Receiver<Result<T, ArchiveError>>,
) -> Result<T, ArchiveError> {
    receiver.await.map_err(|_| of_store(StoreError::Closed))?
}
