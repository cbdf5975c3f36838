//! Which hubs delete nothing by age now, because their clocks jumped: what each said with its last call, for people. It is
//! over by itself, so nothing of it is kept over a restart; the hub says it again within half a minute.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// By hub: when it deletes by age again, on the monotonic clock.
#[derive(Debug, Default)]
pub(crate) struct HubAgeHolds(Mutex<HashMap<String, Duration>>);

impl HubAgeHolds {
    /// A hub calls; `now` is monotonic.
    pub(crate) fn note(&self, hub_device_arn: &str, seconds_left: Option<u64>, now: Duration) {
        let mut hubs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match seconds_left {
            Some(left) => {
                hubs.insert(
                    hub_device_arn.to_owned(),
                    now.saturating_add(Duration::from_secs(left)),
                );
            }
            None => {
                hubs.remove(hub_device_arn);
            }
        }
    }

    /// How long the hub deletes nothing by age yet; `None` when it does, or is not known to hold anything.
    pub(crate) fn seconds_left(&self, hub_device_arn: &str, now: Duration) -> Option<u64> {
        let hubs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let left = hubs.get(hub_device_arn)?.saturating_sub(now).as_secs();
        (left > 0).then_some(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_hub_said_runs_down_until_it_says_otherwise() {
        let holds = HubAgeHolds::default();
        let at = Duration::from_secs;
        holds.note("barn", Some(3600), at(10));
        assert_eq!(holds.seconds_left("barn", at(70)), Some(3540));
        assert_eq!(holds.seconds_left("gate", at(70)), None);
        assert_eq!(holds.seconds_left("barn", at(3610)), None);
        holds.note("barn", Some(600), at(80));
        assert_eq!(holds.seconds_left("barn", at(80)), Some(600));
        holds.note("barn", None, at(90));
        assert_eq!(holds.seconds_left("barn", at(90)), None);
    }
}
