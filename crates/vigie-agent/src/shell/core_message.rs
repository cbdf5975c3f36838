//! What the thread that owns the core is told by others.

use tokio::sync::oneshot;

use crate::core::{Event, HubSnapshot};

pub(crate) enum Message {
    Event(Event),
    Snapshot(oneshot::Sender<HubSnapshot>),
}
