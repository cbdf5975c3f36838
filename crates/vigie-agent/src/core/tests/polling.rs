//! A service that does not know SyncEdgeAgent: its list of configurations is asked for instead.

use vigie_kvs::error::ErrorKind;
use vigie_kvs::shapes::edge::{EdgeConfigurationOutput, SyncStatus};

use super::*;

/// A hub that was told so.
fn refused() -> Bench {
    let mut bench = Bench::new();
    refuse(&mut bench);
    bench
}

fn refuse(bench: &mut Bench) {
    let (request, _) = bench.sync();
    let kind = Some(ErrorKind::UnknownOperation);
    let failure = CallFailure::Refused { status: 404, kind };
    bench.event(Event::SyncFailed { request, failure });
}

/// The number of the list that is asked for.
fn asked(bench: &mut Bench) -> Option<u64> {
    let is_list = |effect: &Effect| matches!(effect, Effect::ListConfigurations { .. });
    if !bench.has(is_list) {
        return None;
    }
    let asked = bench.take("ListConfigurations", |effect| match effect {
        Effect::ListConfigurations { request, hub_device_arn } => {
            Some((*request, hub_device_arn.clone()))
        }
        _ => None,
    });
    assert_eq!(asked.1, HUB);
    assert!(!bench.has(is_list), "twice");
    Some(asked.0)
}

fn gate(sync_status: SyncStatus) -> EdgeConfigurationOutput {
    EdgeConfigurationOutput {
        stream_name: Some("gate".to_owned()),
        stream_arn: Some(ARN.to_owned()),
        sync_status: Some(sync_status),
        edge_config: Some(edge_config()),
        ..EdgeConfigurationOutput::default()
    }
}

fn list(bench: &mut Bench, request: u64, sync_status: SyncStatus) {
    let configurations = vec![gate(sync_status)];
    bench.event(Event::ConfigurationsListed { request, configurations });
}

#[test]
fn a_service_that_does_not_know_the_operation_is_asked_for_its_list_at_once_and_again_and_again() {
    let mut bench = refused();
    let request = asked(&mut bench).expect("at once");
    list(&mut bench, request, SyncStatus::Acknowledged);
    assert!(bench.snapshot().in_contact);
    let session = bench.camera_opens();
    // There is news; nobody would hear it.
    bench.play(&session, 19);
    assert_eq!(asked(&mut bench), None);
    bench.seconds(1);
    let request = asked(&mut bench).expect("20 s after it was last asked for");
    list(&mut bench, request, SyncStatus::InSync);
    assert!(!bench.has(|effect| matches!(effect, Effect::OpenSource { .. })), "the same revision");
    bench.seconds(20);
    let request = asked(&mut bench).unwrap();
    list(&mut bench, request, SyncStatus::Deleting);
    bench.seconds(1);
    assert_eq!(bench.snapshot().streams, []);
    assert!(!bench.has(|effect| matches!(effect, Effect::Sync { .. })));
}

#[test]
fn a_service_may_learn_the_operation_and_is_asked_again_after_an_hour() {
    let mut bench = refused();
    for _ in 0..180 {
        let request = asked(&mut bench).expect("every 20 s");
        list(&mut bench, request, SyncStatus::InSync);
        assert!(!bench.has(|effect| matches!(effect, Effect::Sync { .. })));
        bench.seconds(20);
    }
    assert_eq!(asked(&mut bench), None);
    refuse(&mut bench);
    assert!(bench.snapshot().in_contact, "it answers");
    asked(&mut bench).expect("20 s after it was last asked for");
}

#[test]
fn a_list_that_fails_is_asked_for_again_as_any_request_is() {
    let mut bench = refused();
    let request = asked(&mut bench).unwrap();
    let kind = Some(ErrorKind::UnknownOperation);
    let failure = CallFailure::Refused { status: 404, kind };
    bench.event(Event::SyncFailed { request, failure });
    assert!(!bench.snapshot().in_contact);
    assert_eq!(asked(&mut bench), None);
    bench.seconds(1);
    asked(&mut bench).expect("by the backoff, as it was never heard");
}
