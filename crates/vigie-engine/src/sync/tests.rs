//! Every state against every event, and what holds for all sequences of events.

use proptest::prelude::*;

use super::*;

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const REVISION: u64 = 7;
const LATER: Timestamp = Timestamp::from_millis(1_800_000_060_000);

/// Every state, by a short name.
fn states() -> Vec<(&'static str, SyncState)> {
    let details = || "why".to_owned();
    vec![
        ("syncing", SyncState::Syncing { give_up_at: LATER }),
        ("acknowledged", SyncState::Acknowledged { give_up_at: LATER }),
        ("in sync", SyncState::InSync),
        (
            "failed (silence)",
            SyncState::SyncFailed { cause: FailureCause::Silence, details: details() },
        ),
        ("failed (hub)", SyncState::SyncFailed { cause: FailureCause::Hub, details: details() }),
        ("deleting", SyncState::Deleting { give_up_at: LATER }),
        ("deleting acknowledged", SyncState::DeletingAcknowledged { give_up_at: LATER }),
        (
            "delete failed (silence)",
            SyncState::DeleteFailed { cause: FailureCause::Silence, details: details() },
        ),
        (
            "delete failed (hub)",
            SyncState::DeleteFailed { cause: FailureCause::Hub, details: details() },
        ),
    ]
}

/// Every event, by a short name.
fn events() -> Vec<(&'static str, Event, Timestamp)> {
    let report = |phase| Event::Report { revision: REVISION, phase };
    vec![
        ("update", Event::StartUpdate { same_hub: true }, NOW),
        ("other hub", Event::StartUpdate { same_hub: false }, NOW),
        ("delete", Event::Delete, NOW),
        ("received", report(Phase::Received), NOW),
        ("applied", report(Phase::Applied), NOW),
        ("failed", report(Phase::Failed("no disk".into())), NOW),
        ("erased", report(Phase::Erased), NOW),
        ("erase failed", report(Phase::EraseFailed("no disk".into())), NOW),
        ("stale applied", Event::Report { revision: REVISION - 1, phase: Phase::Applied }, NOW),
        ("stale erased", Event::Report { revision: REVISION + 1, phase: Phase::Erased }, NOW),
        ("tick before the deadline", Event::Tick, LATER.plus_millis(-1)),
        ("tick at the deadline", Event::Tick, LATER),
    ]
}

fn name(result: &Result<Option<EdgeSync>, Refusal>, before: &SyncState) -> String {
    match result {
        Err(refusal) => format!("refused: {refusal:?}"),
        Ok(None) => "gone".to_owned(),
        Ok(Some(sync)) if sync.state == *before && sync.revision == REVISION => "-".to_owned(),
        Ok(Some(sync)) => {
            let cause = match &sync.state {
                SyncState::SyncFailed { cause, .. } | SyncState::DeleteFailed { cause, .. } => {
                    format!(" ({cause:?})")
                }
                _ => String::new(),
            };
            let revision = if sync.revision == REVISION { "" } else { ", new revision" };
            let deadline = match sync.deadline() {
                Some(at) if at == NOW + SYNC_DEADLINE => ", 15 min",
                Some(at) if at == LATER => ", same deadline",
                Some(_) => ", odd deadline",
                None => "",
            };
            format!("{}{cause}{revision}{deadline}", sync.status())
        }
    }
}

#[test]
fn every_state_answers_every_event_as_documented() {
    let mut table = String::new();
    for (state_name, state) in states() {
        table.push_str(&format!("{state_name}\n"));
        for (event_name, event, now) in events() {
            let sync = EdgeSync { revision: REVISION, state: state.clone() };
            let outcome = name(&step(sync, event, now), &state);
            if outcome != "-" {
                table.push_str(&format!("    {event_name} -> {outcome}\n"));
            }
        }
    }
    insta::assert_snapshot!(table, @"
    syncing
        update -> refused: Syncing
        other hub -> refused: Syncing
        delete -> DELETING, new revision, 15 min
        received -> ACKNOWLEDGED, same deadline
        applied -> IN_SYNC
        failed -> SYNC_FAILED (Hub)
        tick at the deadline -> SYNC_FAILED (Silence)
    acknowledged
        update -> refused: Syncing
        other hub -> refused: Syncing
        delete -> DELETING, new revision, 15 min
        applied -> IN_SYNC
        failed -> SYNC_FAILED (Hub)
        tick at the deadline -> SYNC_FAILED (Silence)
    in sync
        update -> SYNCING, new revision, 15 min
        other hub -> refused: OtherHub
        delete -> DELETING, new revision, 15 min
        failed -> SYNC_FAILED (Hub)
    failed (silence)
        update -> SYNCING, new revision, 15 min
        other hub -> refused: OtherHub
        delete -> DELETING, new revision, 15 min
        received -> ACKNOWLEDGED, 15 min
        applied -> IN_SYNC
        failed -> SYNC_FAILED (Hub)
    failed (hub)
        update -> SYNCING, new revision, 15 min
        other hub -> refused: OtherHub
        delete -> DELETING, new revision, 15 min
        applied -> IN_SYNC
        failed -> SYNC_FAILED (Hub)
    deleting
        update -> refused: Deleting
        other hub -> refused: Deleting
        received -> DELETING_ACKNOWLEDGED, same deadline
        erased -> gone
        erase failed -> DELETE_FAILED (Hub)
        tick at the deadline -> DELETE_FAILED (Silence)
    deleting acknowledged
        update -> refused: Deleting
        other hub -> refused: Deleting
        erased -> gone
        erase failed -> DELETE_FAILED (Hub)
        tick at the deadline -> DELETE_FAILED (Silence)
    delete failed (silence)
        update -> refused: DeleteFailed
        other hub -> refused: DeleteFailed
        delete -> DELETING, new revision, 15 min
        received -> DELETING_ACKNOWLEDGED, 15 min
        erased -> gone
        erase failed -> DELETE_FAILED (Hub)
    delete failed (hub)
        update -> refused: DeleteFailed
        other hub -> refused: DeleteFailed
        delete -> DELETING, new revision, 15 min
        erased -> gone
        erase failed -> DELETE_FAILED (Hub)
    ");
}

#[test]
fn reasons_reach_the_caller() {
    let syncing = EdgeSync::start(NOW);
    let failed = step(
        syncing.clone(),
        Event::Report {
            revision: syncing.revision,
            phase: Phase::Failed("the disk is read-only".into()),
        },
        NOW,
    );
    assert_eq!(failed.unwrap().unwrap().failed_status_details(), Some("the disk is read-only"));
    let silent = step(syncing, Event::Tick, NOW + SYNC_DEADLINE).unwrap().unwrap();
    assert!(silent.failed_status_details().unwrap().contains("check that its agent runs"));
    assert_eq!(silent.owed_to_hub(), Some(Action::Apply));
}

#[test]
fn a_revision_is_not_used_again_after_a_deletion_even_when_the_clock_stands_still() {
    let first = EdgeSync::start(NOW);
    let second = step(
        EdgeSync { state: SyncState::InSync, ..first.clone() },
        Event::StartUpdate { same_hub: true },
        NOW,
    );
    let second = second.unwrap().unwrap();
    assert_eq!(second.revision, first.revision + 1);
    let anew = EdgeSync::start(NOW.plus_millis(2));
    assert!(anew.revision > second.revision);
}

#[test]
fn storing_and_reading_a_sync_changes_nothing() {
    for (_, state) in states() {
        let sync = EdgeSync { revision: REVISION, state };
        assert_eq!(EdgeSync::try_from(StoredSync::from(&sync)), Ok(sync));
    }
}

#[test]
fn columns_without_what_the_state_needs_are_refused() {
    let stored = StoredSync {
        revision: 1,
        status: SyncStatus::Syncing,
        give_up_at: None,
        failed_by_silence: false,
        failed_status_details: None,
    };
    let error = EdgeSync::try_from(stored).unwrap_err().to_string();
    assert_eq!(
        error,
        "the stored sync state SYNCING lacks its deadline; the database was changed by something else"
    );
}

/// One move of the user, the hub or the network.
#[derive(Clone, Debug)]
enum Move {
    Update,
    Delete,
    Wait {
        seconds: u32,
    },
    /// The hub reports about the revision that it knows, honest or not.
    Report {
        phase: u8,
        revision_back: u64,
    },
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        Just(Move::Update),
        Just(Move::Delete),
        (0u32..1200).prop_map(|seconds| Move::Wait { seconds }),
        (0u8..5, 0u64..3).prop_map(|(phase, revision_back)| Move::Report { phase, revision_back }),
    ];
    prop::collection::vec(one, 0..60)
}

fn phase(number: u8) -> Phase {
    match number {
        0 => Phase::Received,
        1 => Phase::Applied,
        2 => Phase::Failed("broken".into()),
        3 => Phase::Erased,
        _ => Phase::EraseFailed("broken".into()),
    }
}

proptest! {
    #[test]
    fn whatever_happens_it_ends_terminal_and_an_honest_hub_heals_it(moves in moves()) {
        let mut now = NOW;
        let mut sync = EdgeSync::start(now);
        for one in moves {
            let event = match one {
                Move::Update => Event::StartUpdate { same_hub: true },
                Move::Delete => Event::Delete,
                Move::Wait { seconds } => {
                    now = now + Duration::from_secs(seconds.into());
                    Event::Tick
                }
                Move::Report { phase: number, revision_back } => Event::Report {
                    revision: sync.revision.saturating_sub(revision_back),
                    phase: phase(number),
                },
            };
            let was_deleting = sync.desired_action() == Action::Delete;
            match step(sync.clone(), event.clone(), now) {
                // Only an erased hub makes a configuration go, and only when that was asked for.
                Ok(None) => {
                    let erased = matches!(event, Event::Report { phase: Phase::Erased, .. });
                    prop_assert!(was_deleting && erased);
                    sync = EdgeSync::start(now);
                }
                Ok(Some(next)) => {
                    prop_assert!(next.revision >= sync.revision);
                    // Nothing but an update leads back from deleting, and that is refused.
                    prop_assert!(!was_deleting || next.desired_action() == Action::Delete);
                    // Whoever waits for the hub has a deadline, at most 15 minutes away.
                    if let Some(deadline) = next.deadline() {
                        prop_assert!(deadline <= now + SYNC_DEADLINE);
                    }
                    let stored = StoredSync::from(&next);
                    prop_assert_eq!(EdgeSync::try_from(stored), Ok(next.clone()));
                    sync = next;
                }
                Err(_) => {
                    let is_update = matches!(event, Event::StartUpdate { .. });
                    prop_assert!(is_update);
                }
            }
        }

        // Silence: within 15 minutes the status is terminal.
        let silent = step(sync.clone(), Event::Tick, now + SYNC_DEADLINE).unwrap().unwrap();
        prop_assert_eq!(silent.deadline(), None);

        // The hub returns and does what it is told: in sync, or gone.
        let done = match silent.desired_action() {
            Action::Apply => Phase::Applied,
            Action::Delete => Phase::Erased,
        };
        let received = Event::Report { revision: silent.revision, phase: Phase::Received };
        let received = step(silent, received, now).unwrap().unwrap();
        let healed = step(received.clone(), Event::Report { revision: received.revision, phase: done }, now).unwrap();
        prop_assert!(healed.is_none_or(|sync| sync.state == SyncState::InSync));
    }
}
