//! The notice seam: hints that something may have changed, from whoever changed it to whoever waits for that.
//!
//! Decides nothing and promises little: a notice may be lost, come late, or come twice. Who hears one looks again, at what is
//! stored, and who waits looks now and then without one. So losing a notice costs a poll, never an answer.

mod in_process;
#[cfg(any(test, feature = "testing"))]
mod silent;

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::task::{Context, Poll, Waker};

pub use in_process::InProcessNotices;
#[cfg(any(test, feature = "testing"))]
pub use silent::SilentNotices;

/// What may have changed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Notice {
    /// What a hub is to do, or what it is asked.
    HubChanged {
        /// The hub.
        hub_device_arn: String,
    },
    /// A secret has another value, or is gone.
    SecretChanged {
        /// As those who use it name it: with its random suffix or without.
        secret_arn: String,
    },
    /// A stream has a new fragment, or its media was erased.
    MediaChanged {
        /// Its key in the archive.
        stream: String,
    },
    /// A lease was claimed, revoked or given back.
    LeaseChanged {
        /// Of what.
        name: String,
    },
    /// A deadline was set or went: the next one may be earlier than it was.
    DeadlineSet,
}

/// An engine.
pub trait Notices: Send + Sync {
    /// Tells whoever listens. Neither waits nor fails: what cannot be told is lost.
    fn publish(&self, notice: &Notice);
    /// Listens for each of them from now on, until it is dropped.
    fn subscribe(&self, notices: BTreeSet<Notice>) -> Box<dyn Subscription>;
}

/// One who listens.
pub trait Subscription: Send + Sync {
    /// Ready when one of the notices was published since it was last ready: many are heard as one.
    fn poll_heard(&mut self, context: &mut Context<'_>) -> Poll<()>;
}

impl dyn Subscription {
    /// Resolves as [`Subscription::poll_heard`] says. What was published while nobody waited is heard at once. Safe to drop
    /// and call again.
    pub async fn heard(&mut self) {
        poll_fn(|context| self.poll_heard(context)).await;
    }

    /// Whether there is something to hear, which is heard by that.
    pub fn has_heard(&mut self) -> bool {
        self.poll_heard(&mut Context::from_waker(Waker::noop())).is_ready()
    }
}
