//! GetImages: stills out of stored media (KVS API_GetImages).
//!
//! [`plan`] decides which frame an instant shows and what has to be decoded for it, [`get_images`] reads the fragments
//! and asks the decoders, which run in processes of their own ([`vigie_images`]).

mod get_images;
mod plan;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use vigie_images::pool::{DecoderPool, PoolSettings};

pub(crate) use get_images::get_images;

/// Calls that wait for a decoder; those beyond are refused.
const WAITING_MAX: usize = 256;

/// The decoders, and how many calls may use them.
pub(crate) struct Images {
    pool: Arc<DecoderPool>,
    /// Calls at once: their fragments and images are in memory.
    calls: Semaphore,
    /// Those, and the ones that wait.
    waiting: Semaphore,
    /// How many fragments one call has decoded at once.
    processes_max: usize,
}

impl Images {
    pub(crate) fn new(settings: PoolSettings) -> Self {
        let processes_max = settings.processes_max.max(1);
        Self {
            pool: Arc::new(DecoderPool::new(settings)),
            calls: Semaphore::new(2 * processes_max),
            waiting: Semaphore::new(2 * processes_max + WAITING_MAX),
            processes_max,
        }
    }
}

/// How long a call may wait for its turn.
const TURN_MAX: Duration = Duration::from_secs(10);
