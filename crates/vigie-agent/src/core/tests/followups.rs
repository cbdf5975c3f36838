//! What follows from an event is queued, and nothing re-enters.

use vigie_engine::recorder;
use vigie_engine::recorder::{Failure, UriFault};
use vigie_kvs::error::ErrorKind;

use super::*;
use crate::core::outcome::{Followup, FragmentStep, Outcomes};

#[test]
fn what_is_said_is_heard_in_the_order_in_which_it_is_said_whoever_it_is_for() {
    let mut out = Outcomes::default();
    out.recorder(recorder::Event::Tick);
    out.fragment(FragmentStep::Grew { duration_ms: 1 });
    assert!(matches!(out.next_followup(), Some(Followup::Recorder(recorder::Event::Tick))));
    out.recorder(recorder::Event::SpaceFree);
    let grew = out.next_followup();
    assert!(matches!(grew, Some(Followup::Fragment(FragmentStep::Grew { duration_ms: 1 }))));
    assert!(matches!(out.next_followup(), Some(Followup::Recorder(recorder::Event::SpaceFree))));
    assert!(out.next_followup().is_none());
}

/// The recorder asks chance how long to wait when something fails: where on the stack it stands then.
fn depth_of_failure(event: &dyn Fn(Session) -> Event, says: &Failure) -> usize {
    let mut bench = Bench::new();
    bench.configure(vec![configuration(1, edge_config())]);
    let session = bench.take("ResolveSecret", |effect| match effect {
        Effect::ResolveSecret { session, .. } => Some(session.clone()),
        _ => None,
    });
    ASKED_AT.set(0);
    let event = event(session);
    let now = bench.now;
    bench.hub().handle(event, now);
    let asked_at = ASKED_AT.get();
    let said = bench.recorder_says().1;
    assert!(said.starts_with(&says.explanation()), "{said}");
    asked_at
}

#[test]
fn a_failure_at_the_end_of_a_chain_is_heard_no_deeper_than_one_that_comes_at_once() {
    let kind = Some(ErrorKind::ResourceNotFound);
    let failure = CallFailure::Refused { status: 400, kind };
    let at_once = depth_of_failure(
        &|session| Event::SecretFailed { session, failure },
        &Failure::SecretNotFound,
    );
    // Resolved, opened, of the wrong kind.
    let secret_string = Some(Sensitive::new(r#"{"MediaURI":"file:///videos"}"#));
    let chain = depth_of_failure(
        &|session| Event::SecretResolved { session, secret_string: secret_string.clone() },
        &Failure::BadUri(UriFault::Kind),
    );
    assert_ne!(at_once, 0);
    assert_eq!(at_once, chain);
}
