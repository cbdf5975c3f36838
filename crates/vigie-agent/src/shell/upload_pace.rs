//! Holds uploads to the hub's bandwidth, see [`vigie_engine::bandwidth`]. Waits; decides nothing.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use vigie_engine::bandwidth::Bandwidth;
use vigie_engine::clock::Clock;

/// Sent at a time without a limit, so that the acknowledgements of earlier fragments are seen between pieces.
const PIECE_BYTES: usize = 256 * 1024;

/// The one limit of all uploads. Clones are the same.
#[derive(Clone)]
pub(crate) struct UploadPace {
    bandwidth: Arc<Mutex<Option<Bandwidth>>>,
    clock: Arc<dyn Clock>,
}

impl UploadPace {
    /// At most so many bytes a second, or as fast as it goes.
    pub(crate) fn new(bytes_per_second: Option<u64>, clock: Arc<dyn Clock>) -> Self {
        Self { bandwidth: Arc::new(Mutex::new(bytes_per_second.map(Bandwidth::new))), clock }
    }

    /// Another limit from now on.
    pub(crate) fn set(&self, bytes_per_second: Option<u64>) {
        *self.bandwidth() = bytes_per_second.map(Bandwidth::new);
    }

    fn bandwidth(&self) -> MutexGuard<'_, Option<Bandwidth>> {
        self.bandwidth.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The monotonic clock.
    pub(crate) fn now(&self) -> Duration {
        self.clock.now().mono
    }

    /// The longest piece to ask for.
    pub(crate) fn piece_bytes(&self) -> usize {
        self.bandwidth().map_or(PIECE_BYTES, |limit| limit.piece_bytes().min(PIECE_BYTES))
    }

    /// Returns when a piece of so many bytes may leave.
    pub(crate) async fn admitted(&self, bytes: usize) {
        let now = self.now();
        let wait = self
            .bandwidth()
            .as_mut()
            .map_or(Duration::ZERO, |limit| limit.admit(bytes as u64, now));
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
    }
}
