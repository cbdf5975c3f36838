//! What one caller does again and again, in the audit log: a line a minute, which says how many it stands for. Players and
//! consoles make a playback session whenever somebody seeks, and consumers come back. And whoever is refused could else fill
//! the log until it has nothing else.
//!
//! Decides which calls get a line. Exports and changes that were made are not among what is left out.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Between two lines of the same.
const LINE_INTERVAL: Duration = Duration::from_secs(60);
/// Of so many it is remembered; beyond, all are forgotten.
const REMEMBERED_MAX: usize = 4096;

/// What is the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SameCalls {
    /// Who: a key or a user, not one of its sessions.
    pub principal: String,
    pub action: &'static str,
    pub resource: Option<String>,
    /// The exception, where it was refused.
    pub error: Option<&'static str>,
}

#[derive(Debug)]
struct Said {
    at: Duration,
    untold: u64,
}

#[derive(Debug, Default)]
pub(super) struct CallSampler(Mutex<BTreeMap<SameCalls, Said>>);

impl CallSampler {
    /// One more: for how many a line is to be written now, if any is.
    pub(super) fn note(&self, calls: SameCalls, now: Duration) -> Option<u64> {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match said.get_mut(&calls) {
            Some(said) if now.saturating_sub(said.at) < LINE_INTERVAL => {
                said.untold += 1;
                None
            }
            Some(said) => {
                said.at = now;
                Some(std::mem::take(&mut said.untold) + 1)
            }
            None => {
                if said.len() >= REMEMBERED_MAX {
                    said.clear();
                }
                said.insert(calls, Said { at: now, untold: 0 });
                Some(1)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls(resource: usize) -> SameCalls {
        SameCalls {
            principal: "ada".into(),
            action: "kinesisvideo:GetMedia",
            resource: Some(resource.to_string()),
            error: None,
        }
    }

    #[test]
    fn the_first_gets_a_line_and_those_that_follow_are_counted() {
        let sampler = CallSampler::default();
        let at = Duration::from_secs;
        assert_eq!(sampler.note(calls(1), at(0)), Some(1));
        for second in 1..60 {
            assert_eq!(sampler.note(calls(1), at(second)), None);
        }
        assert_eq!(sampler.note(calls(2), at(59)), Some(1), "another stream");
        let refused = SameCalls { error: Some("x"), ..calls(1) };
        assert_eq!(sampler.note(refused, at(59)), Some(1), "a refusal");
        assert_eq!(sampler.note(calls(1), at(60)), Some(60));
        assert_eq!(sampler.note(calls(1), at(121)), Some(1));
    }

    #[test]
    fn memory_is_bounded() {
        let sampler = CallSampler::default();
        for resource in 0..3 * REMEMBERED_MAX {
            assert_eq!(sampler.note(calls(resource), Duration::ZERO), Some(1));
        }
        assert!(sampler.0.lock().unwrap().len() <= REMEMBERED_MAX);
    }
}
