//! When it is worth a line that connections get scarce. Writes at most one a minute, and closes nothing.

use std::time::Duration;

const SAID_EVERY: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct Crowd {
    connections_max: usize,
    said_at: Option<Duration>,
}

impl Crowd {
    pub(super) fn new(connections_max: usize) -> Self {
        Self { connections_max, said_at: None }
    }

    /// A connection began, so that so many are open, and perhaps another one was given up for it; `now` is monotonic.
    pub(super) fn tell(&mut self, open: usize, gave_up: bool, now: Duration) {
        if !self.is_worth_saying(open, gave_up, now) {
            return;
        }
        let connections_max = self.connections_max;
        if gave_up {
            tracing::warn!(
                open,
                connections_max,
                "connections without a verified call take half of all there may be; the oldest of those who have most of \
                 them are closed for new ones"
            );
        } else {
            tracing::warn!(
                open,
                connections_max,
                "connections are nearly as many as there may be; raise --connections-max if their callers are yours"
            );
        }
    }

    fn is_worth_saying(&mut self, open: usize, gave_up: bool, now: Duration) -> bool {
        let is_near = open >= self.connections_max - self.connections_max / 10;
        let was_said = self.said_at.is_some_and(|said_at| now < said_at + SAID_EVERY);
        if !(is_near || gave_up) || was_said {
            return false;
        }
        self.said_at = Some(now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_once_a_minute_while_it_is_so() {
        let mut crowd = Crowd::new(100);
        let mut said =
            |open, gave_up, now_s| crowd.is_worth_saying(open, gave_up, Duration::from_secs(now_s));
        assert!(!said(89, false, 0));
        assert!(said(90, false, 1));
        assert!(!said(95, true, 60));
        assert!(said(50, true, 61));
        assert!(!said(50, false, 200));
    }
}
