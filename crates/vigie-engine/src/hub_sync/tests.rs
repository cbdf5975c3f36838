//! What a hub is told, and when.

use proptest::prelude::*;
use vigie_kvs::shapes::edge::{MediaSourceConfig, MediaUriType, RecorderConfig, SyncStatus};
use vigie_kvs::shapes::sync_edge_agent::Action;

use super::*;
use crate::sync::{SYNC_DEADLINE, SyncState};

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

fn configuration(stream: &str, sync: EdgeSync) -> HubConfiguration {
    HubConfiguration {
        stream_name: stream.to_owned(),
        stream_arn: arn(stream),
        sync,
        edge_config: EdgeConfig {
            hub_device_arn: "arn:aws:iot:us-east-1:123456789012:thing/hub".to_owned(),
            recorder_config: RecorderConfig {
                media_source_config: MediaSourceConfig {
                    media_uri_secret_arn:
                        "arn:aws:secretsmanager:us-east-1:123456789012:secret:cam-AbCdEf".into(),
                    media_uri_type: MediaUriType::RtspUri,
                },
                schedule_config: None,
            },
            uploader_config: None,
            deletion_config: None,
        },
        secret_revision: None,
    }
}

fn arn(stream: &str) -> String {
    format!("arn:aws:kinesisvideo:us-east-1:123456789012:stream/{stream}/1800000000000")
}

fn request(cursor: Option<&str>, streams: Vec<StreamReport>) -> SyncEdgeAgentInput {
    SyncEdgeAgentInput {
        hub_device_arn: "arn:aws:iot:us-east-1:123456789012:thing/hub".to_owned(),
        agent_version: "1".to_owned(),
        cursor: cursor.map(str::to_owned),
        wait_seconds: 30,
        streams,
        ..SyncEdgeAgentInput::default()
    }
}

fn report(stream: &str, revision: u64, phase: WirePhase) -> StreamReport {
    StreamReport {
        stream_arn: arn(stream),
        revision,
        phase,
        failed_status_details: None,
        recorder_status: None,
        uploader_status: None,
        local_media: None,
        ledger: None,
        erased_media: None,
    }
}

/// The server's side of a hub: transitions are stored as told.
struct Server {
    configurations: Vec<HubConfiguration>,
}

impl Server {
    fn sync(&mut self, request: &SyncEdgeAgentInput, now: Timestamp) -> Reply {
        let Answer { transitions, reply, .. } = answer(&self.configurations, request, now);
        for Transition { stream_arn, before, after } in transitions {
            let index =
                self.configurations.iter().position(|one| one.stream_arn == stream_arn).unwrap();
            assert_eq!(self.configurations[index].sync, before);
            match after {
                Some(after) => self.configurations[index].sync = after,
                None => drop(self.configurations.remove(index)),
            }
        }
        reply
    }

    fn status(&self, stream: &str) -> Option<SyncStatus> {
        let one = self.configurations.iter().find(|one| one.stream_name == stream)?;
        Some(one.sync.status())
    }
}

fn told_now(reply: Reply) -> (String, Vec<Configuration>) {
    match reply {
        Reply::Now(SyncEdgeAgentOutput {
            cursor, configurations: Some(configurations), ..
        }) => (cursor, configurations),
        other => panic!("not told: {other:?}"),
    }
}

#[test]
fn a_configuration_goes_to_the_hub_and_comes_back_applied() {
    let sync = EdgeSync::start(NOW);
    let revision = sync.revision;
    let mut server = Server { configurations: vec![configuration("gate", sync)] };

    let (cursor, told) = told_now(server.sync(&request(None, vec![]), NOW));
    assert_eq!((told.len(), told[0].revision, told[0].action), (1, revision, Action::Apply));

    let received = request(Some(&cursor), vec![report("gate", revision, WirePhase::Received)]);
    let held = server.sync(&received, NOW);
    assert_eq!(held, Reply::Hold { wait: Duration::from_secs(30), cursor: cursor.clone() });
    assert_eq!(server.status("gate"), Some(SyncStatus::Acknowledged));

    let applied = request(Some(&cursor), vec![report("gate", revision, WirePhase::Applied)]);
    assert!(matches!(server.sync(&applied, NOW), Reply::Hold { .. }));
    assert_eq!(server.status("gate"), Some(SyncStatus::InSync));
    // Again, late, or twice: nothing moves.
    assert!(matches!(server.sync(&received, NOW), Reply::Hold { .. }));
    assert_eq!(server.status("gate"), Some(SyncStatus::InSync));
}

#[test]
fn a_deletion_ends_with_the_erased_media_and_the_hub_is_told_the_smaller_set() {
    let deleting =
        EdgeSync { revision: 9, state: SyncState::Deleting { give_up_at: NOW + SYNC_DEADLINE } };
    let kept = EdgeSync { revision: 3, state: SyncState::InSync };
    let mut server = Server {
        configurations: vec![configuration("gate", deleting), configuration("yard", kept)],
    };
    let kept = || report("yard", 3, WirePhase::Applied);

    let (cursor, told) = told_now(server.sync(&request(None, vec![kept()]), NOW));
    assert_eq!(
        told.iter().map(|one| one.action).collect::<Vec<_>>(),
        [Action::Delete, Action::Apply]
    );
    let received = request(Some(&cursor), vec![report("gate", 9, WirePhase::Received), kept()]);
    assert!(matches!(server.sync(&received, NOW), Reply::Hold { .. }));
    assert_eq!(server.status("gate"), Some(SyncStatus::DeletingAcknowledged));

    let erased = request(Some(&cursor), vec![report("gate", 9, WirePhase::Erased), kept()]);
    let (smaller, told) = told_now(server.sync(&erased, NOW));
    assert_ne!(smaller, cursor);
    assert_eq!(told.iter().map(|one| one.stream_name.as_str()).collect::<Vec<_>>(), ["yard"]);
    assert_eq!(server.status("gate"), None);
}

#[test]
fn a_silent_hub_fails_and_heals_when_it_returns() {
    let mut server = Server { configurations: vec![configuration("gate", EdgeSync::start(NOW))] };
    let revision = server.configurations[0].sync.revision;
    let late = NOW + SYNC_DEADLINE;
    // Even the first word of a hub that was away for long: it is told, and the failure stands until it acts.
    let (cursor, _) = told_now(server.sync(&request(None, vec![]), late));
    assert_eq!(server.status("gate"), Some(SyncStatus::SyncFailed));
    server.sync(&request(Some(&cursor), vec![report("gate", revision, WirePhase::Applied)]), late);
    assert_eq!(server.status("gate"), Some(SyncStatus::InSync));
}

#[test]
fn a_hub_that_cannot_work_any_more_by_what_it_worked_by_is_believed() {
    let applied = EdgeSync { revision: 3, state: SyncState::InSync };
    let mut server = Server { configurations: vec![configuration("gate", applied)] };
    let says = |phase, details: Option<&str>| {
        let details = details.map(str::to_owned);
        let report = StreamReport { failed_status_details: details, ..report("gate", 3, phase) };
        request(None, vec![report])
    };
    // It was upgraded, and the new version refuses the schedule.
    server.sync(&says(WirePhase::Failed, Some("write 7 or SAT")), NOW);
    assert_eq!(server.status("gate"), Some(SyncStatus::SyncFailed));
    let sync = &server.configurations[0].sync;
    assert_eq!((sync.revision, sync.failed_status_details()), (3, Some("write 7 or SAT")));
    assert_eq!(sync.owed_to_hub(), None, "it has it");
    server.sync(&says(WirePhase::Received, None), NOW);
    assert_eq!(server.status("gate"), Some(SyncStatus::SyncFailed));
    server.sync(&says(WirePhase::Applied, None), NOW);
    assert_eq!(server.status("gate"), Some(SyncStatus::InSync));
}

#[test]
fn a_hub_that_has_the_cursor_but_not_the_configuration_is_told_again() {
    let mut server = Server { configurations: vec![configuration("gate", EdgeSync::start(NOW))] };
    let (cursor, _) = told_now(server.sync(&request(None, vec![]), NOW));
    let (again, told) = told_now(server.sync(&request(Some(&cursor), vec![]), NOW));
    assert_eq!((again, told.len()), (cursor, 1));
}

#[test]
fn a_hub_has_no_say_about_streams_that_are_not_its_own() {
    let applied = EdgeSync { revision: 3, state: SyncState::InSync };
    let configurations = [configuration("gate", applied)];
    let request = request(
        None,
        vec![report("vault", 3, WirePhase::Erased), report("gate", 3, WirePhase::Applied)],
    );
    let answer = answer(&configurations, &request, NOW);
    assert_eq!(answer.transitions, []);
    assert_eq!(
        answer.reports.iter().map(|report| report.stream_arn.clone()).collect::<Vec<_>>(),
        [arn("gate")]
    );
}

#[test]
fn waiting_is_bounded_and_may_be_declined() {
    let mut request = request(None, vec![]);
    let Reply::Now(first) = answer(&[], &request, NOW).reply else {
        panic!("held without a cursor")
    };
    request.cursor = Some(first.cursor.clone());
    request.wait_seconds = 0;
    assert_eq!(answer(&[], &request, NOW).reply, Reply::Now(nothing_new(first.cursor.clone())));
    request.wait_seconds = u32::MAX;
    assert_eq!(
        answer(&[], &request, NOW).reply,
        Reply::Hold { wait: WAIT_MAX, cursor: first.cursor }
    );
}

#[test]
fn a_hub_s_reason_is_kept_and_bounded() {
    let mut failed = report("gate", 5, WirePhase::Failed);
    let syncing =
        EdgeSync { revision: 5, state: SyncState::Syncing { give_up_at: NOW + SYNC_DEADLINE } };
    let mut details = |text: Option<String>| {
        failed.failed_status_details = text;
        let mut server = Server { configurations: vec![configuration("gate", syncing.clone())] };
        server.sync(&request(None, vec![failed.clone()]), NOW);
        server.configurations[0].sync.failed_status_details().unwrap().to_owned()
    };
    assert_eq!(details(Some("the disk is read-only".into())), "the disk is read-only");
    assert_eq!(details(None), "the hub gave no reason");
    assert_eq!(details(Some("é".repeat(2000))).len(), 1024);
}

#[test]
fn the_cursor_depends_on_the_set_alone() {
    let one = |stream, revision, state| configuration(stream, EdgeSync { revision, state });
    let cursor = |configurations: &[HubConfiguration]| {
        told_now(answer(configurations, &request(None, vec![]), NOW).reply).0
    };
    let acknowledged = SyncState::Acknowledged { give_up_at: NOW + SYNC_DEADLINE };
    let base = cursor(&[one("a", 1, SyncState::InSync), one("b", 2, SyncState::InSync)]);
    assert_eq!(base, cursor(&[one("b", 2, acknowledged), one("a", 1, SyncState::InSync)]));
    assert_ne!(base, cursor(&[one("a", 1, SyncState::InSync)]));
    assert_ne!(base, cursor(&[one("a", 1, SyncState::InSync), one("b", 3, SyncState::InSync)]));
    let deleting = SyncState::DeletingAcknowledged { give_up_at: NOW + SYNC_DEADLINE };
    assert_ne!(base, cursor(&[one("a", 1, SyncState::InSync), one("b", 2, deleting)]));
}

#[test]
fn the_cursor_of_the_same_set_is_the_same_in_every_version() {
    // Computed apart. A hub keeps its cursor while the server is upgraded.
    let a = configuration("a", EdgeSync { revision: 1, state: SyncState::InSync });
    let state = SyncState::DeletingAcknowledged { give_up_at: NOW + SYNC_DEADLINE };
    let mut b = configuration("b", EdgeSync { revision: 2, state });
    b.secret_revision = Some("secret-1".to_owned());
    let cursor =
        |all: &[HubConfiguration]| told_now(answer(all, &request(None, vec![]), NOW).reply).0;
    assert_eq!(cursor(&[b, a]), "9f909010f07f9a0a");
    assert_eq!(cursor(&[]), "cbf29ce484222325");
}

#[test]
fn a_hub_hears_of_another_value_of_a_secret_whenever_it_calls() {
    let sync = EdgeSync { revision: 7, state: SyncState::InSync };
    let with = |secret: Option<&str>| HubConfiguration {
        secret_revision: secret.map(str::to_owned),
        ..configuration("gate", sync.clone())
    };
    let (cursor, told) = told_now(answer(&[with(Some("a"))], &request(None, vec![]), NOW).reply);
    assert_eq!(told[0].media_uri_secret_revision.as_deref(), Some("a"));
    let again = request(Some(&cursor), vec![]);
    let held = |secret| matches!(answer(&[with(secret)], &again, NOW).reply, Reply::Hold { .. });
    assert!(held(Some("a")));
    assert!(!held(Some("b")));
    assert!(!held(None));
    let (_, told) = told_now(answer(&[with(Some("b"))], &again, NOW).reply);
    assert_eq!((told[0].revision, told[0].media_uri_secret_revision.as_deref()), (7, Some("b")));
}

proptest! {
    #[test]
    fn lost_repeated_and_reordered_messages_do_no_harm(
        order in prop::collection::vec((0usize..6, any::<bool>()), 0..40), deletes in any::<bool>(),
    ) {
        // A hub that does as it is told, on a network that delivers old requests again and loses replies.
        let mut sync = EdgeSync::start(NOW);
        if deletes {
            sync = sync::step(sync, sync::Event::Delete, NOW).unwrap().unwrap();
        }
        let mut server = Server { configurations: vec![configuration("gate", sync)] };
        let mut sent = vec![request(None, vec![])];
        for (which, is_lost) in order {
            let old = sent[sent.len().saturating_sub(1 + which)].clone();
            let reply = server.sync(&old, NOW);
            let Reply::Now(SyncEdgeAgentOutput { cursor, configurations: Some(told), .. }) = reply else { continue };
            if !is_lost {
                let reports = told.iter().flat_map(|one| {
                    let done = if one.action == Action::Apply { WirePhase::Applied } else { WirePhase::Erased };
                    [vec![report("gate", one.revision, WirePhase::Received)], vec![report("gate", one.revision, done)]]
                });
                sent.extend(reports.map(|streams| request(Some(&cursor), streams)));
            }
        }
        // Once the network heals, three exchanges bring it to its end.
        let mut streams = vec![];
        let mut cursor = None;
        for _ in 0..3 {
            let reply = server.sync(&request(cursor.as_deref(), streams.clone()), NOW);
            if let Reply::Now(SyncEdgeAgentOutput { cursor: new, configurations: Some(told), .. }) = reply {
                cursor = Some(new);
                streams = told.iter().map(|one| {
                    let done = if one.action == Action::Apply { WirePhase::Applied } else { WirePhase::Erased };
                    report("gate", one.revision, done)
                }).collect();
            }
        }
        prop_assert_eq!(server.status("gate"), if deletes { None } else { Some(SyncStatus::InSync) });
    }
}
