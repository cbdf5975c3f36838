//! A clock that moves when the world says so.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use vigie_engine::clock::{Clock, Now};
use vigie_media::Timestamp;

/// Shared simulated time. The wall clock can be stepped, and drifts; the monotonic one only advances.
#[derive(Clone, Debug)]
pub struct SimClock {
    time: Arc<Mutex<Time>>,
}

#[derive(Debug)]
struct Time {
    now: Now,
    /// How much faster the wall clock runs than the monotonic one.
    drift_ppm: i64,
    /// What the wall clock has moved since its last whole millisecond.
    fraction_nanos: i64,
}

impl SimClock {
    /// A clock whose wall reads `wall`.
    pub fn new(wall: Timestamp) -> Self {
        let now = Now { wall, mono: Duration::ZERO };
        Self { time: Arc::new(Mutex::new(Time { now, drift_ppm: 0, fraction_nanos: 0 })) }
    }

    /// Both clocks move on, each at its own speed.
    pub fn advance(&self, by: Duration) {
        let mut time = self.lock();
        let nanos = by.as_nanos() as i64;
        let wall_nanos = nanos + nanos / 1_000_000 * time.drift_ppm + time.fraction_nanos;
        time.now.wall = time.now.wall.plus_millis(wall_nanos.div_euclid(1_000_000));
        time.fraction_nanos = wall_nanos.rem_euclid(1_000_000);
        time.now.mono += by;
    }

    /// From now on the wall clock runs faster than the monotonic one by so many millionths.
    pub fn drift(&self, ppm: i64) {
        self.lock().drift_ppm = ppm;
    }

    /// The wall clock jumps, as when NTP sets it; the monotonic one does not.
    pub fn step_wall(&self, by_millis: i64) {
        let mut time = self.lock();
        time.now.wall = time.now.wall.plus_millis(by_millis);
    }

    fn lock(&self) -> MutexGuard<'_, Time> {
        self.time.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for SimClock {
    fn now(&self) -> Now {
        self.lock().now
    }
}
