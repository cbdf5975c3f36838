//! Says to all background work that something may be due before its time.

use tokio::sync::watch;

/// See the module's documentation.
pub(crate) struct Alarm(watch::Sender<()>);

impl Default for Alarm {
    fn default() -> Self {
        Self(watch::Sender::new(()))
    }
}

impl Alarm {
    pub(crate) fn ring(&self) {
        self.0.send_replace(());
    }

    /// Hears every ring from now on, at the latest when it listens again.
    pub(super) fn hear(&self) -> Hearing {
        Hearing(self.0.subscribe())
    }
}

/// One who listens.
pub(super) struct Hearing(watch::Receiver<()>);

impl Hearing {
    /// Resolves when the alarm has rung since the last time. Safe to drop and call again.
    pub(super) async fn rung(&mut self) {
        // The other end is gone only when the server is.
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
