//! Which agent works as a hub, when more than one calls under its `HubDeviceArn`.
//!
//! Two agents under one ARN record each camera twice and take each other's connections. So a hub has one holder: the
//! data folder of one agent, by the id that is kept in it. Another one is refused while the holder still calls, and takes
//! over once it is silent, or when an operator says so on the new machine. A folder that was copied has its id as well;
//! what gives the copy away is that two starts of the agent call in turn: a start that was followed by another and calls
//! again was no process that ended. Then the first of the two stays. Agents of older versions have no id and are let be.
//!
//! Decides from what is known of the hub and from the call; it stores nothing and never reads a clock. A refused agent
//! keeps recording by what it knows: not to be told of anything is all that it suffers here.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A holder that has not called for so long may be followed by another agent.
pub const SILENCE: Duration = Duration::from_secs(120);
/// Starts that are remembered. Restarts are seldom; an agent that is refused calls several times a minute.
const STARTS_MAX: usize = 8;

/// What both logs and the console say of an agent that is refused.
pub const ANOTHER_AGENT: &str = "another agent works as this hub: one with a data folder of its own, or with a copy of the \
                                 same one, has called within the last two minutes; stop one of the two, or give it a \
                                 --hub-device-arn of its own; if the refused one is to replace the other, stop the \
                                 other and run `vigie agent take-over --data-dir FOLDER` where it runs";

/// Who works as a hub.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Of its data folder.
    pub instance_id: String,
    /// Of its process.
    pub start_id: String,
    /// Starts of the same folder that were followed by another, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    former: Vec<String>,
    /// Starts of copies of the folder.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    copies: Vec<String>,
}

/// Who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller<'a> {
    /// Of its data folder.
    pub instance_id: &'a str,
    /// Of its process.
    pub start_id: &'a str,
    /// An operator wants it to replace whoever works as the hub.
    pub takes_over: bool,
}

/// What becomes of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is the holder's: its first, one of many, or the first after a restart.
    Works,
    /// It is the holder's, and another agent works with a copy of its folder: that one is refused from now on.
    HasCopy,
    /// This agent replaces another, whose calls are refused from now on.
    TakesOver,
    /// Another agent works as this hub, see [`ANOTHER_AGENT`].
    Refused,
}

impl Holder {
    fn new(caller: &Caller<'_>) -> Self {
        Self {
            instance_id: caller.instance_id.to_owned(),
            start_id: caller.start_id.to_owned(),
            former: Vec::new(),
            copies: Vec::new(),
        }
    }

    /// The caller's start is the one that works from now on.
    fn begin(&mut self, start_id: &str) -> String {
        self.former.retain(|former| former != start_id);
        self.copies.retain(|copy| copy != start_id);
        std::mem::replace(&mut self.start_id, start_id.to_owned())
    }
}

/// Judges a call. `silent_for`: since the holder's last call; `None` when that is not known to be recent.
pub fn judge(
    holder: Option<Holder>,
    caller: &Caller<'_>,
    silent_for: Option<Duration>,
) -> (Holder, Verdict) {
    let is_silent = silent_for.is_none_or(|silent_for| silent_for >= SILENCE);
    let Some(mut holder) = holder else { return (Holder::new(caller), Verdict::Works) };
    if holder.instance_id != caller.instance_id {
        return match is_silent || caller.takes_over {
            true => (Holder::new(caller), Verdict::TakesOver),
            false => (holder, Verdict::Refused),
        };
    }
    let start_id = caller.start_id;
    let is_among = |starts: &[String]| starts.iter().any(|start| start == start_id);
    if holder.start_id == start_id {
        return (holder, Verdict::Works);
    }
    if is_among(&holder.copies) && !is_silent {
        return (holder, Verdict::Refused);
    }
    if is_among(&holder.former) && !is_silent {
        let copy = holder.begin(start_id);
        remember(&mut holder.copies, copy);
        return (holder, Verdict::HasCopy);
    }
    let former = holder.begin(start_id);
    remember(&mut holder.former, former);
    (holder, Verdict::Works)
}

fn remember(starts: &mut Vec<String>, start_id: String) {
    if starts.len() >= STARTS_MAX {
        starts.remove(0);
    }
    starts.push(start_id);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A server's memory of one hub, and the time.
    #[derive(Default)]
    struct Hub {
        holder: Option<Holder>,
        called_at: Option<Duration>,
        now: Duration,
    }

    impl Hub {
        fn call_as(&mut self, caller: Caller<'_>) -> Verdict {
            let silent_for = self.called_at.map(|at| self.now - at);
            let (holder, verdict) = judge(self.holder.take(), &caller, silent_for);
            self.holder = Some(holder);
            if verdict != Verdict::Refused {
                self.called_at = Some(self.now);
            }
            verdict
        }

        /// `folder/start`.
        fn call(&mut self, name: &str) -> Verdict {
            let (instance_id, start_id) = name.split_once('/').unwrap();
            self.call_as(Caller { instance_id, start_id, takes_over: false })
        }

        fn wait(&mut self, seconds: u64) {
            self.now += Duration::from_secs(seconds);
        }
    }

    #[test]
    fn another_folder_is_refused_for_two_minutes_and_takes_over_then() {
        let mut hub = Hub::default();
        assert_eq!(hub.call("a/1"), Verdict::Works);
        hub.wait(119);
        assert_eq!(hub.call("b/1"), Verdict::Refused);
        // Being refused does not make anybody a holder, nor the holder silent.
        hub.wait(1);
        assert_eq!(hub.call("b/1"), Verdict::TakesOver);
        assert_eq!(hub.call("b/1"), Verdict::Works);
        assert_eq!(hub.call("a/1"), Verdict::Refused);
    }

    #[test]
    fn a_holder_that_calls_is_never_replaced_but_by_an_operator() {
        let mut hub = Hub::default();
        for _ in 0..100 {
            assert_eq!(hub.call("a/1"), Verdict::Works);
            hub.wait(10);
            assert_eq!(hub.call("b/1"), Verdict::Refused);
            hub.wait(10);
        }
        let on_purpose = Caller { instance_id: "b", start_id: "2", takes_over: true };
        assert_eq!(hub.call_as(on_purpose), Verdict::TakesOver);
        // The answer was lost on the way: it is asked again.
        assert_eq!(hub.call_as(on_purpose), Verdict::Works);
        assert_eq!(hub.call("a/1"), Verdict::Refused);
    }

    #[test]
    fn restarts_are_no_copies_however_many_there_are() {
        let mut hub = Hub::default();
        for start in 0..50 {
            for _ in 0..3 {
                assert_eq!(hub.call(&format!("a/{start}")), Verdict::Works);
                hub.wait(1);
            }
        }
    }

    #[test]
    fn a_copied_folder_is_noticed_by_starts_that_call_in_turn_and_the_first_one_stays() {
        let mut hub = Hub::default();
        assert_eq!(hub.call("a/first"), Verdict::Works);
        hub.wait(20);
        assert_eq!(hub.call("a/copy"), Verdict::Works);
        hub.wait(5);
        assert_eq!(hub.call("a/first"), Verdict::HasCopy);
        for _ in 0..20 {
            hub.wait(5);
            assert_eq!(hub.call("a/copy"), Verdict::Refused);
            hub.wait(5);
            assert_eq!(hub.call("a/first"), Verdict::Works);
        }
        // The first one ends: the copy may work, as any other agent might.
        hub.wait(130);
        assert_eq!(hub.call("a/copy"), Verdict::Works);
        hub.wait(5);
        assert_eq!(hub.call("a/first"), Verdict::HasCopy);
    }

    #[test]
    fn a_machine_that_slept_and_finds_its_hub_silent_goes_on() {
        let mut hub = Hub::default();
        hub.call("a/1");
        hub.call("a/2");
        hub.wait(300);
        assert_eq!(hub.call("a/1"), Verdict::Works);
    }

    #[test]
    fn what_is_stored_comes_back_and_stays_small() {
        let mut hub = Hub::default();
        for start in 0..100 {
            hub.call(&format!("a/{start}"));
        }
        let holder = hub.holder.unwrap();
        let json = serde_json::to_string(&holder).unwrap();
        assert_eq!(serde_json::from_str::<Holder>(&json).unwrap(), holder);
        assert_eq!((holder.former.len(), holder.copies.len()), (STARTS_MAX, 0));
        let small = r#"{"instance_id":"a","start_id":"1"}"#;
        assert_eq!(
            serde_json::to_string(&serde_json::from_str::<Holder>(small).unwrap()).unwrap(),
            small
        );
    }

    proptest! {
        /// Whoever calls, and when: within two minutes of one folder's accepted call no other folder is accepted.
        #[test]
        fn no_two_folders_work_within_two_minutes(
            calls in prop::collection::vec((0usize..3, 0u32..3, 0u64..90), 1..60)
        ) {
            let mut hub = Hub::default();
            let mut last: Option<(usize, Duration)> = None;
            for (folder, start, seconds) in calls {
                hub.wait(seconds);
                let verdict = hub.call(&format!("{folder}/{start}"));
                if verdict == Verdict::Refused {
                    continue;
                }
                if let Some((other, at)) = last {
                    prop_assert!(other == folder || hub.now - at >= SILENCE);
                }
                last = Some((folder, hub.now));
            }
        }
    }
}
