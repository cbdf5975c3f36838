//! A sign of life for whoever supervises the process.
//!
//! Given to the loop that does the work, so that a loop that is stuck gives none. It decides nothing.

use std::time::Duration;

/// Something to do at least so often.
pub struct Pulse {
    every: Duration,
    next_at: Duration,
    beat: Box<dyn FnMut() + Send>,
}

impl Pulse {
    /// `beat` is to be called at least once in every `every`.
    pub fn new(every: Duration, beat: Box<dyn FnMut() + Send>) -> Self {
        Self { every, next_at: Duration::ZERO, beat }
    }

    /// How often.
    pub fn every(&self) -> Duration {
        self.every
    }

    /// The loop has come round: beats when it is time. Returns how long it may stay away; `now` is monotonic.
    pub fn beat(&mut self, now: Duration) -> Duration {
        if now >= self.next_at {
            (self.beat)();
            self.next_at = now.saturating_add(self.every);
        }
        self.next_at - now
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn it_beats_when_it_is_time_however_often_the_loop_comes_round() {
        let beats = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&beats);
        let beat = Box::new(move || {
            counted.fetch_add(1, Ordering::Relaxed);
        });
        let mut pulse = Pulse::new(Duration::from_secs(10), beat);
        let seconds = Duration::from_secs;
        assert_eq!(pulse.beat(seconds(100)), seconds(10));
        assert_eq!(pulse.beat(seconds(104)), seconds(6));
        assert_eq!(pulse.beat(seconds(110)), seconds(10));
        assert_eq!(beats.load(Ordering::Relaxed), 2);
    }
}
