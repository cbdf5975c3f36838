//! Whether a hub is in contact with an instance of the server: one of its calls is under way, or its next one is not late.
//!
//! A hub calls again as soon as it is answered. So one that is cut off without a word, as by a loss of power, is known to be
//! away when the call that it had under way has ended and no other came: after the time that calls are held, and
//! [`LATE_AFTER`]. It never reads a clock.

use std::time::Duration;

/// A hub whose next call has not come so long after the last one ended is away. The agent pauses for a second where it is
/// answered at once, and on a poor link a packet may have to be sent for the third time.
pub const LATE_AFTER: Duration = Duration::from_secs(8);

/// The calls of one hub.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HubContact {
    /// The agent replaces a call by a newer one, so that there may be two for a moment.
    under_way: u32,
    /// When one last ended, on the monotonic clock.
    ended_at: Option<Duration>,
}

impl HubContact {
    /// A call comes.
    pub fn begin(&mut self) {
        self.under_way = self.under_way.saturating_add(1);
    }

    /// A call that came has ended, however it did.
    pub fn end(&mut self, now: Duration) {
        self.under_way = self.under_way.saturating_sub(1);
        self.ended_at = Some(now);
    }

    /// Whether one of its calls is under way.
    pub fn is_calling(&self) -> bool {
        self.under_way > 0
    }

    /// Whether the hub is there.
    pub fn is_there(&self, now: Duration) -> bool {
        let is_late = |ended_at| now.saturating_sub(ended_at) >= LATE_AFTER;
        self.is_calling() || self.ended_at.is_some_and(|ended_at| !is_late(ended_at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hub_is_there_while_it_calls_and_until_its_next_call_is_late() {
        let at = Duration::from_secs;
        let mut hub = HubContact::default();
        assert!(!hub.is_there(at(0)));
        hub.begin();
        assert!(hub.is_there(at(3600)) && hub.is_calling(), "a call that is held");
        // A newer call replaces the one that is held, which ends a little later.
        hub.begin();
        hub.end(at(3600));
        assert!(hub.is_there(at(3700)));
        hub.end(at(3700));
        assert!(hub.is_there(at(3707)) && !hub.is_calling());
        assert!(!hub.is_there(at(3708)));
        hub.begin();
        assert!(hub.is_there(at(3708)));
    }
}
