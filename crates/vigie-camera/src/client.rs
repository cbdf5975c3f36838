//! A connected client, as its connection and the pacing task share it. Decides nothing.

use std::sync::Mutex;

use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::outgoing::Outgoing;

/// A connected client, shared with the pacing task.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) socket: TcpStream,
    pub(crate) out: Mutex<Outgoing>,
    end: Notify,
}

impl Client {
    pub(crate) fn new(socket: TcpStream, track_count: usize) -> Self {
        Self { socket, out: Mutex::new(Outgoing::new(track_count)), end: Notify::new() }
    }

    /// Makes the connection's own task end it.
    pub(crate) fn end(&self) {
        self.end.notify_one();
    }

    /// Waits for [`Self::end`].
    pub(crate) async fn ended(&self) {
        self.end.notified().await;
    }
}
