//! How often cameras are read.
//!
//! A camera sends hundreds of packets a second, and a recorder needs none of them sooner than a fraction of a second: all
//! cameras are read in one pass, which drains what each has sent meanwhile in one large read. The pace of the cameras'
//! connections is TCP's as ever: what is not read yet waits in the kernel. Passes are less far apart while fragments are
//! uploaded as they come, while a camera's session opens, and while a camera sends so much that it would wait for room.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use crate::camera_outputs::BATCH_INTERVAL;

/// How long packets may wait. At 8 Mbit/s this is 150 KB a camera, below every socket's buffer: those grow as they are
/// used (tcp(7), tcp_rmem).
const DRAIN_INTERVAL: Duration = BATCH_INTERVAL;
/// The same while a session opens, which asks and is answered several times, and while a camera sends very much.
const SHORT_DRAIN_INTERVAL: Duration = Duration::from_millis(50);
/// The same while somebody waits for what comes: half the time between two pictures.
const LIVE_DRAIN_INTERVAL: Duration = Duration::from_millis(20);
/// As much of one camera at once, 25 Mbit/s, is very much.
const READ_BYTES_LARGE: usize = 512 * 1024;
/// How far apart passes are.
#[derive(Clone, Debug, Default)]
pub(crate) struct DrainPace {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    is_live: AtomicBool,
    opening: AtomicUsize,
    largest_read_bytes: AtomicUsize,
    /// Cameras whose frames wait for a later pass, which was taken to be soon.
    keeping: AtomicUsize,
    slept_ms: AtomicU64,
}

/// Why passes are less far apart holds, as long as this is there.
#[derive(Debug)]
pub(crate) struct Hurry {
    shared: Arc<Shared>,
    count: fn(&Shared) -> &AtomicUsize,
}

impl DrainPace {
    /// Whether somebody waits for what cameras send. Counts from the next pass.
    pub(crate) fn set_live(&self, is_live: bool) {
        self.shared.is_live.store(is_live, Ordering::Relaxed);
    }

    /// A session begins to open.
    pub(crate) fn opening(&self) -> Hurry {
        self.hurry(|shared| &shared.opening)
    }

    /// A camera had so much for one read.
    pub(crate) fn note_read(&self, bytes: usize) {
        // One thread reads.
        if bytes > self.shared.largest_read_bytes.load(Ordering::Relaxed) {
            self.shared.largest_read_bytes.store(bytes, Ordering::Relaxed);
        }
    }

    /// How long frames of this pass may wait for a later one: what they have waited to be read and the time until the
    /// next pass leave so much of [`BATCH_INTERVAL`].
    pub(crate) fn may_keep_for(&self) -> Duration {
        let slept = Duration::from_millis(self.shared.slept_ms.load(Ordering::Relaxed));
        BATCH_INTERVAL.saturating_sub(slept + self.interval())
    }

    /// A camera's frames wait for a later pass.
    pub(crate) fn keep(&self) -> Hurry {
        self.hurry(|shared| &shared.keeping)
    }

    fn hurry(&self, count: fn(&Shared) -> &AtomicUsize) -> Hurry {
        count(&self.shared).fetch_add(1, Ordering::Relaxed);
        Hurry { shared: Arc::clone(&self.shared), count }
    }

    fn interval(&self) -> Duration {
        let Shared { is_live, opening, largest_read_bytes, .. } = &*self.shared;
        if is_live.load(Ordering::Relaxed) {
            LIVE_DRAIN_INTERVAL
        } else if opening.load(Ordering::Relaxed) > 0
            || largest_read_bytes.load(Ordering::Relaxed) >= READ_BYTES_LARGE
        {
            SHORT_DRAIN_INTERVAL
        } else {
            DRAIN_INTERVAL
        }
    }

    /// Decides how long it is to the next pass from the end of this one.
    pub(crate) fn next_sleep(&self) -> Duration {
        let mut interval = self.interval();
        self.shared.largest_read_bytes.store(0, Ordering::Relaxed);
        if self.shared.keeping.load(Ordering::Relaxed) > 0 {
            // Whatever made the passes frequent may just have ended.
            interval = interval.min(SHORT_DRAIN_INTERVAL);
        }
        let slept_ms = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX);
        self.shared.slept_ms.store(slept_ms, Ordering::Relaxed);
        interval
    }
}

impl Drop for Hurry {
    fn drop(&mut self) {
        (self.count)(&self.shared).fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_who_opens_and_who_sends_much_is_looked_at_more_often() {
        let pace = DrainPace::default();
        assert_eq!(pace.next_sleep(), DRAIN_INTERVAL);
        let opening = pace.opening();
        assert_eq!(pace.next_sleep(), SHORT_DRAIN_INTERVAL);
        drop(opening);
        assert_eq!(pace.next_sleep(), DRAIN_INTERVAL);
        pace.note_read(READ_BYTES_LARGE - 1);
        assert_eq!(pace.next_sleep(), DRAIN_INTERVAL);
        pace.note_read(READ_BYTES_LARGE);
        pace.note_read(1);
        assert_eq!(pace.next_sleep(), SHORT_DRAIN_INTERVAL);
        assert_eq!(pace.next_sleep(), DRAIN_INTERVAL, "of one pass");
        pace.set_live(true);
        assert_eq!(pace.next_sleep(), LIVE_DRAIN_INTERVAL);
    }

    #[test]
    fn what_waited_to_be_read_and_waits_again_is_not_late_however_the_pace_changes() {
        let pace = DrainPace::default();
        assert_eq!(pace.next_sleep(), DRAIN_INTERVAL);
        assert_eq!(pace.may_keep_for(), Duration::ZERO);
        // The pass before was long ago, though the next is soon.
        pace.set_live(true);
        assert_eq!(pace.may_keep_for(), Duration::ZERO);
        let waited = pace.next_sleep();
        let keep_for = pace.may_keep_for();
        assert_eq!(waited + keep_for + LIVE_DRAIN_INTERVAL, BATCH_INTERVAL);
        let keeping = pace.keep();
        pace.set_live(false);
        assert_eq!(pace.next_sleep(), SHORT_DRAIN_INTERVAL);
        assert_eq!(pace.next_sleep(), SHORT_DRAIN_INTERVAL);
        drop(keeping);
        assert_eq!(pace.next_sleep(), DRAIN_INTERVAL);
    }
}
