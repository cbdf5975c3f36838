//! The seam of tasks and of waiting: who runs the tasks of a server, and who wakes one when its time has come.
//!
//! tokio does, in the program; in simulations an executor that draws from a seed which task goes on, and whose time jumps.
//! Decides nothing. The listener beneath the rooms is tokio's alone and does not come here.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use tokio::sync::oneshot;

/// A task, or what a task waits for.
pub type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

pub trait Runtime: Send + Sync {
    /// Runs a task to its end, beside the others.
    fn spawn(&self, task: Task);
    /// Resolves when so much time has passed, by the monotonic clock of the same server.
    fn sleep(&self, time: Duration) -> Task;
    /// Does work that may block where no task has to wait for it.
    fn spawn_blocking(&self, work: Box<dyn FnOnce() + Send>);
}

/// The runtime that this is called in.
#[derive(Clone, Copy, Debug)]
pub struct TokioRuntime;

impl Runtime for TokioRuntime {
    fn spawn(&self, task: Task) {
        drop(tokio::spawn(task));
    }

    fn sleep(&self, time: Duration) -> Task {
        Box::pin(tokio::time::sleep(time))
    }

    fn spawn_blocking(&self, work: Box<dyn FnOnce() + Send>) {
        drop(tokio::task::spawn_blocking(work));
    }
}

/// Does work that may block; what comes of it is received, or that it was cut off.
pub(crate) fn blocking<T: Send + 'static>(
    runtime: &dyn Runtime,
    work: impl FnOnce() -> T + Send + 'static,
) -> oneshot::Receiver<T> {
    let (sender, receiver) = oneshot::channel();
    // Whoever waited for it may have gone.
    runtime.spawn_blocking(Box::new(move || drop(sender.send(work()))));
    receiver
}
