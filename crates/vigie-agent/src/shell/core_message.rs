//! What the thread that owns the core is told.

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::core::{Event, HubSnapshot};

pub(crate) enum Message {
    Event(Event),
    /// Many at once, in order; the permit is given back when they are handled.
    Events(Vec<Event>, OwnedSemaphorePermit),
    /// What the hub left to its disk is done.
    Wake,
    Snapshot(oneshot::Sender<HubSnapshot>),
}
