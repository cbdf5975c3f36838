//! A clock that moves when the world says so.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use vigie_engine::clock::{Clock, Now};
use vigie_media::Timestamp;

/// Shared simulated time. The wall clock can be stepped; the monotonic one only advances.
#[derive(Clone, Debug)]
pub struct SimClock {
    now: Arc<Mutex<Now>>,
}

impl SimClock {
    /// A clock whose wall reads `wall`.
    pub fn new(wall: Timestamp) -> Self {
        Self { now: Arc::new(Mutex::new(Now { wall, mono: Duration::ZERO })) }
    }

    /// Both clocks move on.
    pub fn advance(&self, by: Duration) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        now.wall = now.wall + by;
        now.mono += by;
    }

    /// The wall clock jumps, as when NTP sets it; the monotonic one does not.
    pub fn step_wall(&self, by_millis: i64) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        now.wall = now.wall.plus_millis(by_millis);
    }
}

impl Clock for SimClock {
    fn now(&self) -> Now {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
