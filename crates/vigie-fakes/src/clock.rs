//! Clocks that tests know: one that moves when it is told to, one that runs, and one that leaps.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use vigie_engine::clock::{Clock, Now};
use vigie_media::Timestamp;

/// Shared simulated time: it moves when the world says so. The wall clock can be stepped, and drifts; the monotonic one only
/// advances.
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

/// When a test begins that wants no other time: 2026-11-18T11:06:40Z.
pub const START: Timestamp = Timestamp::from_millis(1_795_000_000_000);

/// Runs with tokio's time, which tests may pause, from a wall time that they move.
#[derive(Debug)]
pub struct TestClock {
    started: Instant,
    wall_at_start_ms: AtomicI64,
    passed_ms: AtomicI64,
    held: Mutex<Option<Duration>>,
}

impl TestClock {
    /// One whose wall reads [`START`].
    pub fn new() -> Arc<Self> {
        Self::starting_at(START)
    }

    /// One whose wall reads `wall`.
    pub fn starting_at(wall: Timestamp) -> Arc<Self> {
        Arc::new(Self {
            started: Instant::now(),
            wall_at_start_ms: AtomicI64::new(wall.as_millis()),
            passed_ms: AtomicI64::new(0),
            held: Mutex::new(None),
        })
    }

    /// Stands still from now on, but for what the test adds: what happens in a second does not depend on the machine.
    pub fn hold(&self) {
        *self.held() = Some(self.started.elapsed());
    }

    /// Time passes, by both clocks.
    pub fn advance(&self, by: Duration) {
        self.passed_ms.fetch_add(by.as_millis() as i64, Ordering::SeqCst);
    }

    /// The wall clock is set, by so much.
    pub fn step(&self, by_ms: i64) {
        self.wall_at_start_ms.fetch_add(by_ms, Ordering::SeqCst);
    }

    /// Makes it that time now.
    pub fn set_wall(&self, wall: Timestamp) {
        let ran_ms = self.now().mono.as_millis() as i64;
        self.wall_at_start_ms.store(wall.as_millis() - ran_ms, Ordering::SeqCst);
    }

    /// What its wall reads.
    pub fn wall(&self) -> Timestamp {
        self.now().wall
    }

    fn held(&self) -> MutexGuard<'_, Option<Duration>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for TestClock {
    fn now(&self) -> Now {
        let passed_ms = self.passed_ms.load(Ordering::SeqCst);
        let ran = self.held().unwrap_or_else(|| self.started.elapsed());
        let mono = ran + Duration::from_millis(passed_ms as u64);
        let wall = Timestamp::from_millis(self.wall_at_start_ms.load(Ordering::SeqCst)) + mono;
        Now { wall, mono }
    }
}

/// Leaps on whenever it is looked at.
#[derive(Debug)]
pub struct LeapingClock {
    wall_at_start: Timestamp,
    leap: Duration,
    looks: AtomicU64,
}

impl LeapingClock {
    /// One whose wall first reads `wall`.
    pub fn new(wall: Timestamp, leap: Duration) -> Self {
        Self { wall_at_start: wall, leap, looks: AtomicU64::new(0) }
    }
}

impl Clock for LeapingClock {
    fn now(&self) -> Now {
        let looks = self.looks.fetch_add(1, Ordering::Relaxed);
        let mono = self.leap * u32::try_from(looks).unwrap_or(u32::MAX);
        Now { wall: self.wall_at_start, mono }
    }
}
