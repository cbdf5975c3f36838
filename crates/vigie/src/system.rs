//! The real clock and the real chance: the only place in the project that names them.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use vigie_engine::chance::Chance;
use vigie_engine::clock::{Clock, Now};
use vigie_media::Timestamp;

/// The machine's clocks.
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// A clock whose monotonic side starts at zero now.
    pub fn new() -> Self {
        Self { started: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Now {
        // A machine without a battery clock can start before 1970 is even over; its time is then the epoch.
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Now { wall: Timestamp::EPOCH + wall, mono: self.started.elapsed() }
    }
}

/// The operating system's random numbers.
pub struct SystemChance;

impl Chance for SystemChance {
    fn next_u64(&mut self) -> u64 {
        match getrandom::u64() {
            Ok(number) => number,
            // Ids, nonces and keys come from here: to go on with anything weaker would be a lie.
            Err(error) => {
                tracing::error!(%error, "the operating system gives no random numbers; stopping");
                std::process::abort();
            }
        }
    }
}
