//! Both sides against each other, over a network that loses and repeats, with restarts.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use vigie_kvs::shapes::hub_request::{
    CameraAddress, HubAnswer, HubRequest, HubRequestReport, TestedCamera,
};
use vigie_kvs::shapes::sync_edge_agent::SyncEdgeAgentInput;

use super::*;

const HUB: &str = "arn:aws:iot:us-east-1:000000000000:thing/hub";
const OTHER_HUB: &str = "arn:aws:iot:us-east-1:000000000000:thing/other";
const TIMEOUT: Duration = Duration::from_secs(20);

fn request(id: &str) -> HubRequest {
    HubRequest {
        request_id: id.to_owned(),
        timeout_seconds: TIMEOUT.as_secs() as u32,
        test_camera: Some(CameraAddress {
            media_uri: Some("rtsp://c".into()),
            ..Default::default()
        }),
    }
}

/// An answer that is told apart from those to other requests.
fn answer(id: &str) -> HubAnswer {
    HubAnswer { failure: Some(id.to_owned()), ..HubAnswer::default() }
}

fn call(hub: &str, requests: Vec<HubRequestReport>) -> SyncEdgeAgentInput {
    SyncEdgeAgentInput {
        hub_device_arn: hub.to_owned(),
        agent_version: "1".to_owned(),
        wait_seconds: 20,
        request_kinds: HubRequests::kinds(),
        requests,
        ..SyncEdgeAgentInput::default()
    }
}

fn report(id: &str, answer: Option<HubAnswer>) -> HubRequestReport {
    HubRequestReport { request_id: id.to_owned(), progress: None, answer }
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn a_request_is_taken_answered_and_let_go() {
    let (mut server, mut hub) = (ServerRequests::default(), HubRequests::default());
    server.ask(HUB, "key", request("1"), seconds(0)).unwrap();
    let first = call(HUB, hub.reports());
    assert_eq!(server.heard(&first, seconds(0)), []);
    assert!(server.is_news(&first));
    let told = server.told(&first).unwrap();
    let changes = hub.take(Some(&told), seconds(1));
    assert_eq!((changes.begun, changes.is_news), (told, true));

    assert!(hub.progress("1", "CONNECT"));
    assert!(!hub.progress("1", "CONNECT"));
    let second = call(HUB, hub.reports());
    server.heard(&second, seconds(1));
    assert!(!server.is_news(&second), "the call is held until there is something to say");
    assert_eq!(server.progress("1"), Some("CONNECT"));

    assert!(hub.answer("1", answer("1")));
    assert!(!hub.answer("1", answer("2")), "the first answer stands");
    let third = call(HUB, hub.reports());
    let ended = server.heard(&third, seconds(2));
    assert_eq!(ended, [("1".to_owned(), Outcome::Answered(answer("1")))]);
    assert!(server.is_news(&third), "the hub is told that its answer has come");
    assert_eq!(server.heard(&third, seconds(2)), [], "said twice");
    let changes = hub.take(server.told(&third).as_deref(), seconds(2));
    assert_eq!((changes.begun.len(), changes.called_off.len(), changes.is_news), (0, 0, true));
    assert_eq!(hub.reports(), []);
    assert_eq!(hub.take(Some(&[]), seconds(3)), Changes::default());
}

#[test]
fn a_hub_that_is_away_or_silent_is_said_to_be() {
    let mut server = ServerRequests::default();
    server.ask(HUB, "key", request("1"), seconds(0)).unwrap();
    assert_eq!(server.deadline("1"), Some(TAKEN_WITHIN));
    assert_eq!(server.tick(TAKEN_WITHIN - seconds(1)), []);
    assert_eq!(server.tick(TAKEN_WITHIN), [("1".to_owned(), Outcome::NotInContact)]);
    assert_eq!(server.deadline("1"), None);

    server.ask(HUB, "key", request("2"), seconds(20)).unwrap();
    let doing = HubRequestReport { progress: Some("PLAY".to_owned()), ..report("2", None) };
    server.heard(&call(HUB, vec![doing]), seconds(22));
    assert_eq!(server.deadline("2"), Some(seconds(22) + TIMEOUT));
    // Mentioning it again makes it no younger.
    server.heard(&call(HUB, vec![report("2", None)]), seconds(30));
    let late = Outcome::TimedOut { progress: Some("PLAY".to_owned()) };
    assert_eq!(server.tick(seconds(22) + TIMEOUT), [("2".to_owned(), late)]);
    let answered = call(HUB, vec![report("2", Some(answer("2")))]);
    assert_eq!(server.heard(&answered, seconds(60)), [], "too late");
}

#[test]
fn an_older_hub_is_told_nothing_and_its_caller_at_once_why() {
    let mut server = ServerRequests::default();
    server.ask(HUB, "key", request("1"), seconds(0)).unwrap();
    let older = SyncEdgeAgentInput { request_kinds: Vec::new(), ..call(HUB, Vec::new()) };
    assert_eq!((server.told(&older), server.is_news(&older)), (None, false));
    let unsupported = Outcome::Unsupported { agent_version: "1".to_owned() };
    assert_eq!(server.heard(&older, seconds(0)), [("1".to_owned(), unsupported)]);
    // One that knows other kinds alone.
    server.ask(HUB, "key", request("2"), seconds(0)).unwrap();
    let kinds = vec!["SOMETHING_ELSE".to_owned()];
    let other = SyncEdgeAgentInput { request_kinds: kinds, ..call(HUB, Vec::new()) };
    assert_eq!(server.heard(&other, seconds(0)).len(), 1);
    assert_eq!(server.told(&other), Some(Vec::new()));
}

#[test]
fn what_a_hub_does_not_know_it_says_and_an_older_server_calls_all_off() {
    let mut hub = HubRequests::default();
    let unknown = HubRequest { test_camera: None, ..request("1") };
    let changes = hub.take(Some(&[unknown, request("2")]), seconds(0));
    assert_eq!(changes.begun, [request("2")]);
    assert!(hub.reports()[0].answer.as_ref().is_some_and(|answer| answer.failure.is_some()));
    let changes = hub.take(None, seconds(0));
    assert_eq!((changes.called_off, changes.is_news), (vec!["2".to_owned()], true));
}

#[test]
fn no_hub_answers_for_another_and_none_what_it_was_not_asked() {
    let mut server = ServerRequests::default();
    server.ask(HUB, "key", request("1"), seconds(0)).unwrap();
    let forged = call(OTHER_HUB, vec![report("1", Some(answer("1"))), report("7", None)]);
    assert_eq!(server.heard(&forged, seconds(0)), []);
    assert_eq!(server.told(&forged), Some(Vec::new()), "nor does it hear what others are asked");
    assert!(server.is_news(&forged), "it is told that nobody asked");
    assert_eq!(server.deadline("1"), Some(TAKEN_WITHIN), "nor is it taken");
    let invented = call(HUB, vec![report("7", Some(answer("7")))]);
    assert_eq!(server.heard(&invented, seconds(0)), []);
    let long = HubRequestReport { progress: Some("x".repeat(65)), ..report("1", None) };
    server.heard(&call(HUB, vec![long]), seconds(0));
    assert_eq!(server.progress("1"), None);
}

#[test]
fn nobody_asks_without_bound_or_at_the_cost_of_others() {
    let mut server = ServerRequests::default();
    let mut ask =
        |hub: &str, caller: &str, id: &str| server.ask(hub, caller, request(id), seconds(0));
    assert_eq!((ask(HUB, "a", "1"), ask(HUB, "a", "2")), (Ok(()), Ok(())));
    assert_eq!(ask(HUB, "a", "3"), Err(AskError::Caller));
    assert_eq!(ask(OTHER_HUB, "a", "3"), Ok(()), "another hub has room");
    for caller in ["b", "c", "d"] {
        assert_eq!((ask(HUB, caller, "x"), ask(HUB, caller, "y")), (Ok(()), Ok(())));
    }
    assert_eq!(ask(HUB, "e", "9"), Err(AskError::Hub));
    for hub in 0..(IN_ALL_MAX - OF_HUB_MAX - 1) {
        assert_eq!(ask(&format!("{hub}"), "a", "z"), Ok(()));
    }
    assert_eq!(ask("one more", "f", "10"), Err(AskError::InAll));
    server.call_off("1");
    assert_eq!(server.ask(HUB, "a", request("11"), seconds(0)), Ok(()));
}

#[test]
fn large_answers_take_turns() {
    let mut hub = HubRequests::default();
    hub.take(Some(&[request("1"), request("2"), request("3")]), seconds(0));
    for id in ["1", "2"] {
        let test = TestedCamera {
            job_status: vigie_kvs::shapes::edge::JobStatus::Success,
            job_status_details: String::new(),
            steps: Vec::new(),
            tracks: Vec::new(),
            key_frame: Some(vec![0; 1 << 20]),
        };
        hub.answer(id, HubAnswer { failure: None, test_camera: Some(test) });
    }
    hub.answer("3", answer("3"));
    let said = |hub: &HubRequests| {
        let is_said = |report: HubRequestReport| report.answer.is_some();
        hub.reports().into_iter().map(is_said).collect::<Vec<_>>()
    };
    assert_eq!(said(&hub), [true, false, true]);
    hub.take(Some(&[request("2")]), seconds(1));
    assert_eq!(said(&hub), [true]);
}

#[test]
fn a_hub_gives_up_what_takes_too_long() {
    let mut hub = HubRequests::default();
    hub.take(Some(&[request("1")]), seconds(5));
    assert_eq!((hub.deadline(), hub.tick(seconds(6))), (seconds(5) + TIMEOUT, Vec::new()));
    assert_eq!(hub.tick(seconds(5) + TIMEOUT), ["1"]);
    assert!(!hub.is_open("1") && hub.deadline() == Duration::MAX);
    assert!(!hub.answer("1", answer("1")));
    // So it does an answer that does not come through.
    hub.take(Some(&[request("2")]), seconds(5));
    hub.answer("2", answer("2"));
    assert_eq!(hub.tick(seconds(5) + TIMEOUT), Vec::<String>::new());
    assert_ne!(hub.reports()[0].answer, Some(answer("2")));
}

/// One thing that happens.
#[derive(Clone, Debug)]
enum Step {
    Ask,
    CallOff(u8),
    /// The hub calls; what it says may be lost, or an old call arrive again.
    Call {
        lost: bool,
        old: u8,
    },
    /// The server's answer to the last call that arrived.
    Answer {
        lost: bool,
    },
    /// The hub is done with one of those it works on.
    Done(u8),
    HubRestarts,
    ServerRestarts,
    Wait(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => Just(Step::Ask),
        1 => any::<u8>().prop_map(Step::CallOff),
        6 => (prop::bool::weighted(0.3), 0u8..4).prop_map(|(lost, old)| Step::Call { lost, old }),
        6 => prop::bool::weighted(0.3).prop_map(|lost| Step::Answer { lost }),
        4 => any::<u8>().prop_map(Step::Done),
        1 => Just(Step::HubRestarts),
        1 => Just(Step::ServerRestarts),
        2 => (0u8..8).prop_map(Step::Wait),
    ]
}

/// Both sides, and what their callers saw.
#[derive(Default)]
struct World {
    now: Duration,
    server: ServerRequests,
    hub: HubRequests,
    /// What the hub works on.
    working: BTreeSet<String>,
    begun_in_this_life: BTreeSet<String>,
    sent: Vec<SyncEdgeAgentInput>,
    arrived: Option<SyncEdgeAgentInput>,
    asked: BTreeMap<String, Duration>,
    ended: BTreeMap<String, Outcome>,
    next: u64,
}

impl World {
    fn end(&mut self, ended: Vec<(String, Outcome)>) {
        for (id, outcome) in ended {
            if let Outcome::Answered(said) = &outcome {
                let is_given_up = said.failure.as_deref() == Some(hub::TOO_LATE);
                assert!(is_given_up || said == &answer(&id), "the answer to another request");
            }
            assert!(self.asked.remove(&id).is_some(), "{id} had ended, or nobody had asked");
            assert!(self.ended.insert(id, outcome).is_none());
        }
    }

    fn call(&mut self, lost: bool, old: u8) {
        self.sent.push(call(HUB, self.hub.reports()));
        if !lost {
            let at = self.sent.len().saturating_sub(1 + usize::from(old));
            self.arrived = Some(self.sent[at].clone());
        }
        if let Some(call) = self.arrived.clone() {
            let ended = self.server.heard(&call, self.now);
            self.end(ended);
        }
    }

    fn answer(&mut self, lost: bool) {
        let Some(call) = self.arrived.take().filter(|_| !lost) else { return };
        let changes = self.hub.take(self.server.told(&call).as_deref(), self.now);
        for id in changes.called_off {
            assert!(self.working.remove(&id), "{id} was not worked on");
        }
        for request in changes.begun {
            // An answer that was overtaken may name what has been let go: then it is begun again, which does no harm.
            self.begun_in_this_life.insert(request.request_id.clone());
            assert!(self.working.insert(request.request_id), "begun twice at once");
        }
        assert!(self.working.len() <= OF_HUB_MAX);
    }

    fn done(&mut self, which: u8) {
        let at = usize::from(which) % self.working.len().max(1);
        if let Some(id) = self.working.iter().nth(at).cloned() {
            self.working.remove(&id);
            assert!(self.hub.answer(&id, answer(&id)));
        }
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Ask => {
                self.next += 1;
                let id = format!("{:04}", self.next);
                let caller = format!("{}", self.next % 5);
                if self.server.ask(HUB, &caller, request(&id), self.now).is_ok() {
                    self.asked.insert(id, self.now);
                }
            }
            Step::CallOff(which) => {
                let at = usize::from(*which) % self.asked.len().max(1);
                if let Some(id) = self.asked.keys().nth(at).cloned() {
                    self.asked.remove(&id);
                    self.server.call_off(&id);
                }
            }
            Step::Call { lost, old } => self.call(*lost, *old),
            Step::Answer { lost } => self.answer(*lost),
            Step::Done(which) => self.done(*which),
            Step::HubRestarts => {
                self.hub = HubRequests::default();
                self.working.clear();
                self.begun_in_this_life.clear();
            }
            Step::ServerRestarts => {
                // Whoever waited has lost his connection.
                self.server = ServerRequests::default();
                self.asked.clear();
                self.arrived = None;
            }
            Step::Wait(seconds) => self.now += Duration::from_secs(u64::from(*seconds)),
        }
        for id in self.hub.tick(self.now) {
            self.working.remove(&id);
        }
        let late = self.server.tick(self.now);
        self.end(late);
        for (id, asked_at) in &self.asked {
            // The hub takes it in time or not at all, and then has its time.
            assert!(self.now < *asked_at + TAKEN_WITHIN + TIMEOUT, "{id} waits for ever");
        }
    }
}

proptest! {
    #[test]
    fn every_request_ends_once_and_with_its_own_answer(
        steps in prop::collection::vec(step(), 0..150),
    ) {
        let mut world = World::default();
        for step in &steps {
            world.take(step);
        }
        // The network heals: what is asked now is answered, and both sides come to rest.
        world.asked.clear();
        world.server = ServerRequests::default();
        world.arrived = None;
        world.take(&Step::Ask);
        let id = world.asked.keys().next().cloned().unwrap();
        for _ in 0..3 {
            world.call(false, 0);
            world.answer(false);
            while !world.working.is_empty() {
                world.done(0);
            }
        }
        prop_assert_eq!(world.ended.get(&id), Some(&Outcome::Answered(answer(&id))));
        world.call(false, 0);
        let last = world.sent.last().unwrap();
        prop_assert!(last.requests.is_empty() && !world.server.is_news(last));
    }
}
