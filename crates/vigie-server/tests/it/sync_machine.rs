//! The sync of edge configurations over the wire, held against a model of its own: random calls, hub reports, silence,
//! passing time and restarts never lead to an illegal state, and nothing stays under way for ever.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::common::{self, TestServer};

const HUBS: [&str; 2] = [
    "arn:aws:iot:us-east-1:000000000000:thing/hub-1",
    "arn:aws:iot:us-east-1:000000000000:thing/hub-2",
];
const STREAMS: [&str; 2] = ["gate", "yard"];
/// Time passes in steps of four minutes, so that the 15 minutes of a sync never end within one.
const STEP_MINUTES: u64 = 4;
const STEPS_OF_DEADLINE: u64 = 4;

#[derive(Clone, Debug)]
enum Move {
    CreateStream(usize),
    DeleteStream(usize),
    Retention(usize, bool),
    Start(usize, usize),
    Delete(usize),
    /// The hub says this about the stream; of its revision, or of the one before.
    Report(usize, Phase, bool),
    /// Nobody says anything for so many steps; the server runs, or is restarted after.
    Silence(u64, bool),
    Restart,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    Received,
    Applied,
    Failed,
    Erased,
    EraseFailed,
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let stream = || 0..STREAMS.len();
    let phase = prop_oneof![
        3 => Just(Phase::Received),
        3 => Just(Phase::Applied),
        1 => Just(Phase::Failed),
        2 => Just(Phase::Erased),
        1 => Just(Phase::EraseFailed),
    ];
    let one = prop_oneof![
        2 => stream().prop_map(Move::CreateStream),
        1 => stream().prop_map(Move::DeleteStream),
        1 => (stream(), any::<bool>()).prop_map(|(stream, up)| Move::Retention(stream, up)),
        6 => (stream(), 0..HUBS.len()).prop_map(|(stream, hub)| Move::Start(stream, hub)),
        2 => stream().prop_map(Move::Delete),
        8 => (stream(), phase, prop::bool::weighted(0.1))
            .prop_map(|(stream, phase, stale)| Move::Report(stream, phase, stale)),
        5 => (1..=5_u64, any::<bool>()).prop_map(|(steps, restart)| Move::Silence(steps, restart)),
        1 => Just(Move::Restart),
    ];
    prop::collection::vec(one, 1..40)
}

/// What the model knows of one edge configuration.
#[derive(Clone, Debug)]
struct Edge {
    hub: usize,
    status: &'static str,
    /// Whether the hub itself said that it failed.
    failed_by_hub: bool,
    /// Steps of silence that are left.
    steps_left: u64,
}

impl Edge {
    fn begin(&mut self, status: &'static str) {
        *self = Self { hub: self.hub, status, failed_by_hub: false, steps_left: STEPS_OF_DEADLINE };
    }

    fn is_under_way(&self) -> bool {
        ["SYNCING", "ACKNOWLEDGED", "DELETING", "DELETING_ACKNOWLEDGED"].contains(&self.status)
    }

    fn action(&self) -> &'static str {
        if self.status.starts_with("DELET") { "DELETE" } else { "APPLY" }
    }

    fn pass(&mut self, steps: u64) {
        self.steps_left = self.steps_left.saturating_sub(steps);
        if self.is_under_way() && self.steps_left == 0 {
            self.status = if self.action() == "DELETE" { "DELETE_FAILED" } else { "SYNC_FAILED" };
        }
    }

    /// `false` once the configuration is gone.
    fn hears(&mut self, phase: Phase) -> bool {
        let silent = !self.failed_by_hub;
        match (self.status, phase) {
            ("SYNCING", Phase::Received) => self.status = "ACKNOWLEDGED",
            ("SYNC_FAILED", Phase::Received) if silent => self.begin("ACKNOWLEDGED"),
            ("SYNCING" | "ACKNOWLEDGED" | "SYNC_FAILED", Phase::Applied) => self.begin("IN_SYNC"),
            ("SYNCING" | "ACKNOWLEDGED" | "IN_SYNC" | "SYNC_FAILED", Phase::Failed) => {
                self.begin("SYNC_FAILED");
                self.failed_by_hub = true;
            }
            ("DELETING", Phase::Received) => self.status = "DELETING_ACKNOWLEDGED",
            ("DELETE_FAILED", Phase::Received) if silent => self.begin("DELETING_ACKNOWLEDGED"),
            ("DELETING" | "DELETING_ACKNOWLEDGED" | "DELETE_FAILED", Phase::Erased) => {
                return false;
            }
            ("DELETING" | "DELETING_ACKNOWLEDGED" | "DELETE_FAILED", Phase::EraseFailed) => {
                self.begin("DELETE_FAILED");
                self.failed_by_hub = true;
            }
            _ => {}
        }
        true
    }
}

struct World {
    server: Option<TestServer>,
    /// By name: ARN and whether it keeps anything.
    streams: BTreeMap<&'static str, (String, bool)>,
    /// By ARN, those of deleted streams as well: their hubs still have media to erase.
    edges: BTreeMap<String, Edge>,
}

fn edge_config(hub: usize) -> Value {
    let secret = "arn:aws:secretsmanager:us-east-1:000000000000:secret:cam-AbCdEf";
    json!({
        "HubDeviceArn": HUBS[hub],
        "RecorderConfig": {"MediaSourceConfig": {
            "MediaUriSecretArn": secret, "MediaUriType": "RTSP_URI",
        }},
    })
}

impl World {
    async fn new() -> Self {
        let server = TestServer::start().await;
        // Its deletion, asked for again and again, makes the server look at its deadlines.
        server.create_stream("nudge", 1).await;
        let hub = "arn:aws:iot:us-east-1:000000000000:thing/nobody";
        let mut config = edge_config(0);
        config["HubDeviceArn"] = json!(hub);
        let input = json!({"StreamName": "nudge", "EdgeConfig": config});
        server.call("/startEdgeConfigurationUpdate", input).await.ok();
        Self { server: Some(server), streams: BTreeMap::new(), edges: BTreeMap::new() }
    }

    fn server(&self) -> &TestServer {
        self.server.as_ref().unwrap()
    }

    async fn restart(&mut self) {
        let server = self.server.take().unwrap().restart().await;
        self.server = Some(server);
    }

    /// Calls, and holds the answer against what the model expects: an exception's name, or nothing.
    async fn call(&self, path: &str, input: Value, expect: Option<&str>) -> Value {
        let answer = self.server().call(path, input.clone()).await;
        match expect {
            None => answer.ok(),
            Some(name) => {
                assert_eq!(answer.error().1, name, "{path} {input}");
                answer.json()
            }
        }
    }

    async fn make(&mut self, one: &Move) {
        match *one {
            Move::CreateStream(n) => {
                // No two streams of a name are born in one millisecond.
                self.server().clock.advance(Duration::from_millis(10));
                let name = STREAMS[n];
                let input = json!({"StreamName": name, "DataRetentionInHours": 24});
                let expect = self.streams.contains_key(name).then_some("ResourceInUseException");
                let output = self.call("/createStream", input, expect).await;
                if let Some(arn) = output["StreamARN"].as_str() {
                    self.streams.insert(name, (arn.to_owned(), true));
                }
            }
            Move::DeleteStream(n) => {
                let Some((arn, _)) = self.streams.remove(STREAMS[n]) else { return };
                self.call("/deleteStream", json!({"StreamARN": arn}), None).await;
                self.begin_deletion(&arn);
            }
            Move::Retention(n, up) => self.change_retention(STREAMS[n], up).await,
            Move::Start(n, hub) => self.start(STREAMS[n], hub).await,
            Move::Delete(n) => {
                let name = STREAMS[n];
                let stream = self.streams.get(name).map(|(arn, _)| arn.clone());
                let expect = match &stream {
                    None => Some("ResourceNotFoundException"),
                    Some(arn) if !self.edges.contains_key(arn) => {
                        Some("StreamEdgeConfigurationNotFoundException")
                    }
                    Some(_) => None,
                };
                self.call("/deleteEdgeConfiguration", json!({"StreamName": name}), expect).await;
                if let Some(arn) = stream {
                    self.begin_deletion(&arn);
                }
            }
            Move::Report(n, phase, stale) => {
                // Of the stream of that name, or of one that was deleted: whichever the hub still has.
                let arns: Vec<String> = self.edges.keys().cloned().collect();
                let named = |arn: &&String| arn.contains(&format!("stream/{}/", STREAMS[n]));
                if let Some(arn) = arns.iter().find(named) {
                    self.report(arn, phase, stale).await;
                }
            }
            Move::Silence(steps, restart) => {
                let minutes = Duration::from_secs(60 * STEP_MINUTES * steps);
                self.server().clock.advance(minutes);
                self.edges.values_mut().for_each(|edge| edge.pass(steps));
                match restart {
                    true => self.restart().await,
                    false => self.nudge().await,
                }
            }
            Move::Restart => self.restart().await,
        }
    }

    fn begin_deletion(&mut self, arn: &str) {
        if let Some(edge) = self.edges.get_mut(arn)
            && !["DELETING", "DELETING_ACKNOWLEDGED"].contains(&edge.status)
        {
            edge.begin("DELETING");
        }
    }

    async fn change_retention(&mut self, name: &'static str, up: bool) {
        let Some((arn, keeps)) = self.streams.get(name).cloned() else { return };
        let info = self.call("/describeStream", json!({"StreamName": name}), None).await;
        let (operation, change) = match up {
            true => ("INCREASE_DATA_RETENTION", json!(24)),
            false if keeps => {
                let hours = info["StreamInfo"]["DataRetentionInHours"].clone();
                ("DECREASE_DATA_RETENTION", hours)
            }
            false => return,
        };
        let input = json!({
            "StreamName": name, "CurrentVersion": info["StreamInfo"]["Version"],
            "Operation": operation, "DataRetentionChangeInHours": change,
        });
        let refused = !up && self.edges.contains_key(&arn);
        self.call("/updateDataRetention", input, refused.then_some("InvalidArgumentException"))
            .await;
        if !refused {
            self.streams.insert(name, (arn, up));
        }
    }

    async fn start(&mut self, name: &'static str, hub: usize) {
        let stream = self.streams.get(name).cloned();
        let edge = stream.as_ref().and_then(|(arn, _)| self.edges.get(arn));
        let expect = match (&stream, edge) {
            (None, _) => Some("ResourceNotFoundException"),
            (Some((_, false)), _) => Some("NoDataRetentionException"),
            (Some(_), None) => None,
            (Some(_), Some(edge)) if !["IN_SYNC", "SYNC_FAILED"].contains(&edge.status) => {
                Some("ResourceInUseException")
            }
            (Some(_), Some(edge)) if edge.hub != hub => Some("InvalidArgumentException"),
            (Some(_), Some(_)) => None,
        };
        let input = json!({"StreamName": name, "EdgeConfig": edge_config(hub)});
        let output = self.call("/startEdgeConfigurationUpdate", input, expect).await;
        if let (None, Some((arn, _))) = (expect, stream) {
            assert_eq!(output["SyncStatus"], "SYNCING");
            let mut edge = Edge { hub, status: "", failed_by_hub: false, steps_left: 0 };
            edge.begin("SYNCING");
            self.edges.insert(arn, edge);
        }
    }

    async fn report(&mut self, arn: &str, phase: Phase, stale: bool) {
        let hub = self.edges[arn].hub;
        let told = self.hub_asks(hub, json!([])).await;
        let configuration = told.iter().find(|one| one["StreamARN"] == arn).unwrap();
        let revision = configuration["Revision"].as_u64().unwrap() - u64::from(stale);
        let phase_name = match phase {
            Phase::Received => "RECEIVED",
            Phase::Applied => "APPLIED",
            Phase::Failed => "FAILED",
            Phase::Erased => "ERASED",
            Phase::EraseFailed => "ERASE_FAILED",
        };
        let report = json!([{"StreamARN": arn, "Revision": revision, "Phase": phase_name}]);
        if !stale && !self.edges.get_mut(arn).unwrap().hears(phase) {
            self.edges.remove(arn);
        }
        self.hub_asks(hub, report).await;
    }

    /// What the hub is told: exactly the configurations that the model has for it, with the right action.
    async fn hub_asks(&self, hub: usize, reports: Value) -> Vec<Value> {
        let input = json!({
            "HubDeviceArn": HUBS[hub], "AgentVersion": "1", "WaitSeconds": 0, "Streams": reports,
        });
        let output = self.call("/syncEdgeAgent", input, None).await;
        let told = output["Configurations"].as_array().unwrap().clone();
        let actions: BTreeMap<&str, &str> = told
            .iter()
            .map(|one| (one["StreamARN"].as_str().unwrap(), one["Action"].as_str().unwrap()))
            .collect();
        let of_hub = self.edges.iter().filter(|(_, edge)| edge.hub == hub);
        assert_eq!(actions, of_hub.map(|(arn, edge)| (arn.as_str(), edge.action())).collect());
        told
    }

    async fn nudge(&self) {
        self.call("/deleteEdgeConfiguration", json!({"StreamName": "nudge"}), None).await;
    }

    /// Every stream stands where the model says. Deadlines are met beside the calls, so they may take a moment.
    async fn check(&self) {
        for (name, (arn, _)) in &self.streams {
            let Some(edge) = self.edges.get(arn) else {
                let none = Some("StreamEdgeConfigurationNotFoundException");
                self.call("/describeEdgeConfiguration", json!({"StreamName": name}), none).await;
                continue;
            };
            let described = common::soon(async {
                loop {
                    let input = json!({"StreamName": name});
                    let described = self.call("/describeEdgeConfiguration", input, None).await;
                    if described["SyncStatus"] == edge.status || !edge.status.ends_with("FAILED") {
                        break described;
                    }
                }
            })
            .await;
            assert_eq!(described["SyncStatus"], edge.status, "{name}");
            let details = described["FailedStatusDetails"].as_str().unwrap_or_default();
            assert_eq!(edge.status.ends_with("FAILED"), !details.is_empty(), "{described}");
        }
    }

    /// The network heals: hubs do what they are told, and say so.
    async fn heal(&mut self) {
        let arns: Vec<String> = self.edges.keys().cloned().collect();
        for arn in arns {
            let phase = match self.edges[&arn].action() {
                "DELETE" => Phase::Erased,
                _ => Phase::Applied,
            };
            self.report(&arn, phase, false).await;
        }
        assert!(self.edges.values().all(|edge| edge.status == "IN_SYNC"));
    }
}

fn play(moves: &[Move], heals: bool) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut world = World::new().await;
        for one in moves {
            world.make(one).await;
            world.check().await;
        }
        match heals {
            true => world.heal().await,
            false => {
                world.make(&Move::Silence(STEPS_OF_DEADLINE, moves.len().is_multiple_of(2))).await
            }
        }
        world.check().await;
        assert!(!world.edges.values().any(Edge::is_under_way));
        world.server.unwrap().stop().await;
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_leads_to_an_illegal_state_and_all_come_to_an_end(moves in moves(), heals: bool) {
        play(&moves, heals);
    }
}

#[test]
fn taking_a_configuration_does_not_move_its_deadline() {
    for restart in [false, true] {
        let (half, received) = (Move::Silence(2, restart), Move::Report(0, Phase::Received, false));
        let moves = [Move::CreateStream(0), Move::Start(0, 0), half.clone(), received, half];
        play(&moves, true);
    }
}

#[test]
fn a_deadline_survives_a_restart() {
    play(
        &[Move::CreateStream(0), Move::Start(0, 0), Move::Silence(3, true), Move::Silence(1, true)],
        true,
    );
}
