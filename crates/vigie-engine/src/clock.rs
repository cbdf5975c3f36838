//! The clock seam: both clocks read together, once per event.

use std::time::Duration;

use vigie_media::Timestamp;

/// One reading of the wall clock and the monotonic clock.
///
/// Deadlines that must survive a restart are kept in `wall`; intervals inside one run are measured in `mono`,
/// which never steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Wall clock, UTC.
    pub wall: Timestamp,
    /// Time since an arbitrary start of this process; never goes backwards.
    pub mono: Duration,
}

impl Now {
    /// The moment that lies so long before this one.
    #[must_use]
    pub fn before(self, elapsed: Duration) -> Self {
        let elapsed_ms = i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX);
        Self { wall: self.wall.plus_millis(-elapsed_ms), mono: self.mono.saturating_sub(elapsed) }
    }
}

/// The only way to read a clock. The system's is named in the binary, the simulated one in `vigie-fakes`.
pub trait Clock: Send + Sync {
    /// Reads both clocks.
    fn now(&self) -> Now;
}
