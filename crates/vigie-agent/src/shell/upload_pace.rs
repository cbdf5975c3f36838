//! Holds uploads to the hub's bandwidth, see [`vigie_engine::bandwidth`]. Waits; decides nothing.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use vigie_engine::bandwidth::Bandwidth;
use vigie_engine::clock::Clock;

/// Sent at a time without a limit, so that the acknowledgements of earlier fragments are seen between pieces.
const PIECE_BYTES: usize = 256 * 1024;

/// The one limit of all uploads. Clones are the same.
#[derive(Clone)]
pub(crate) struct UploadPace {
    bandwidth: Option<Arc<Mutex<Bandwidth>>>,
    clock: Arc<dyn Clock>,
}

impl UploadPace {
    /// At most so many bytes a second, or as fast as it goes.
    pub(crate) fn new(bytes_per_second: Option<u64>, clock: Arc<dyn Clock>) -> Self {
        let bandwidth = bytes_per_second.map(|rate| Arc::new(Mutex::new(Bandwidth::new(rate))));
        Self { bandwidth, clock }
    }

    /// The monotonic clock.
    pub(crate) fn now(&self) -> Duration {
        self.clock.now().mono
    }

    /// The longest piece to ask for.
    pub(crate) fn piece_bytes(&self) -> usize {
        let Some(bandwidth) = &self.bandwidth else { return PIECE_BYTES };
        let bytes = bandwidth.lock().unwrap_or_else(PoisonError::into_inner).piece_bytes();
        bytes.min(PIECE_BYTES)
    }

    /// Returns when a piece of so many bytes may leave.
    pub(crate) async fn admitted(&self, bytes: usize) {
        let Some(bandwidth) = &self.bandwidth else { return };
        let now = self.now();
        let wait =
            bandwidth.lock().unwrap_or_else(PoisonError::into_inner).admit(bytes as u64, now);
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
    }
}
