//! The sync state machine of one edge configuration: KVS `SyncStatus`, and what moves it.
//!
//! Decides which calls and reports are legal in which state and what the next state is. The deadline is data in the
//! state, so it survives a restart; what the hub is owed is derived from the state and never stored, so a crash between
//! saving and sending loses nothing. It never sends anything and never reads a clock.
//!
//! Where AWS is silent, Vigie decides:
//! - A hub has 15 minutes from `StartEdgeConfigurationUpdate` to report that it applied the configuration; taking it
//!   (`ACKNOWLEDGED`) does not extend that. Afterwards the status is `SYNC_FAILED`, as with AWS, **but the hub is still
//!   owed the configuration**: when it returns, the status heals through `ACKNOWLEDGED` to `IN_SYNC`.
//! - Deletion has the same 15 minutes; afterwards it is `DELETE_FAILED` and **still owed**: a hub that returns erases
//!   its media and the configuration goes. Nothing is ever forgotten because a hub was silent.
//! - Asked to delete what it does not know, a hub answers that it is erased: so a deletion always comes to an end.
//! - What the hub itself reports as failed does not heal by being received again, only by the hub doing it after all,
//!   or by a new call.
//! - `IN_SYNC` holds as long as the hub says so. A hub that starts anew, perhaps by a newer version, and cannot work any
//!   more by what it worked by says `FAILED`; then the status is `SYNC_FAILED`, until it says `APPLIED` again.

mod stored;
#[cfg(test)]
mod tests;

use std::time::Duration;

use thiserror::Error;
use vigie_kvs::shapes::edge::SyncStatus;
use vigie_kvs::shapes::sync_edge_agent::Action;
use vigie_media::Timestamp;

pub use stored::{StoredSync, UnreadableSync};

/// How long a hub may take before the status says that it failed (API_StartEdgeConfigurationUpdate).
pub const SYNC_DEADLINE: Duration = Duration::from_secs(15 * 60);

/// The sync of one edge configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EdgeSync {
    /// Grows with every update and deletion; a report about another revision is stale.
    pub revision: u64,
    /// Where the configuration stands.
    pub state: SyncState,
}

/// KVS `SyncStatus`, with what each status needs to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyncState {
    /// `SYNCING`: the hub has not taken the configuration yet.
    Syncing {
        /// When the status becomes `SYNC_FAILED`.
        give_up_at: Timestamp,
    },
    /// `ACKNOWLEDGED`: the hub has taken it and not yet applied it.
    Acknowledged {
        /// When the status becomes `SYNC_FAILED`.
        give_up_at: Timestamp,
    },
    /// `IN_SYNC`: the hub works by it.
    InSync,
    /// `SYNC_FAILED`.
    SyncFailed {
        /// Who says so.
        cause: FailureCause,
        /// `FailedStatusDetails`.
        details: String,
    },
    /// `DELETING`: the hub has not taken the deletion yet.
    Deleting {
        /// When the status becomes `DELETE_FAILED`.
        give_up_at: Timestamp,
    },
    /// `DELETING_ACKNOWLEDGED`: the hub is erasing.
    DeletingAcknowledged {
        /// When the status becomes `DELETE_FAILED`.
        give_up_at: Timestamp,
    },
    /// `DELETE_FAILED`.
    DeleteFailed {
        /// Who says so.
        cause: FailureCause,
        /// `FailedStatusDetails`.
        details: String,
    },
}

/// Why a sync failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureCause {
    /// The hub was not heard from in time; its next report decides anew.
    Silence,
    /// The hub said that it cannot.
    Hub,
}

/// What happens to a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// `StartEdgeConfigurationUpdate` for a stream that already has a configuration.
    StartUpdate {
        /// Whether the new configuration names the same `HubDeviceArn`.
        same_hub: bool,
    },
    /// `DeleteEdgeConfiguration`.
    Delete,
    /// The hub reports about a revision.
    Report {
        /// The revision the hub speaks of.
        revision: u64,
        /// How far it is.
        phase: Phase,
    },
    /// Time has passed.
    Tick,
}

/// How far a hub is with a revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It has taken the configuration, or the deletion, and keeps it on disk.
    Received,
    /// It works by it.
    Applied,
    /// It cannot apply it; the sentence becomes `FailedStatusDetails`.
    Failed(String),
    /// Jobs stopped and all media of the stream erased.
    Erased,
    /// It cannot erase; the sentence becomes `FailedStatusDetails`.
    EraseFailed(String),
}

/// A call that the state does not allow.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Refusal {
    /// An update is under way (`ResourceInUseException`).
    #[error(
        "the edge configuration of this stream is still being synced to its hub; wait until SyncStatus is IN_SYNC or \
         SYNC_FAILED, at most 15 minutes"
    )]
    Syncing,
    /// A deletion is under way (`ResourceInUseException`).
    #[error(
        "the edge configuration of this stream is being deleted; wait until DescribeEdgeConfiguration answers \
         StreamEdgeConfigurationNotFoundException"
    )]
    Deleting,
    /// A deletion failed (`ResourceInUseException`).
    #[error(
        "deleting the edge configuration of this stream failed; call DeleteEdgeConfiguration again first"
    )]
    DeleteFailed,
    /// The configuration names another hub (`InvalidArgumentException`).
    #[error(
        "EdgeConfig.HubDeviceArn differs from the hub that holds this stream's configuration and media; call \
         DeleteEdgeConfiguration first, then start with the new hub"
    )]
    OtherHub,
}

impl EdgeSync {
    /// The first configuration of a stream, or the first after a deletion.
    pub fn start(now: Timestamp) -> Self {
        Self {
            revision: next_revision(0, now),
            state: SyncState::Syncing { give_up_at: now + SYNC_DEADLINE },
        }
    }

    /// What the hub's desired set says about this configuration, whatever the hub has reported so far.
    pub fn desired_action(&self) -> Action {
        match self.state {
            SyncState::Syncing { .. }
            | SyncState::Acknowledged { .. }
            | SyncState::InSync
            | SyncState::SyncFailed { .. } => Action::Apply,
            SyncState::Deleting { .. }
            | SyncState::DeletingAcknowledged { .. }
            | SyncState::DeleteFailed { .. } => Action::Delete,
        }
    }

    /// What the hub has to be told and has not yet said that it took. Derived, never stored.
    pub fn owed_to_hub(&self) -> Option<Action> {
        match self.state {
            SyncState::Syncing { .. }
            | SyncState::SyncFailed { cause: FailureCause::Silence, .. } => Some(Action::Apply),
            SyncState::Deleting { .. }
            | SyncState::DeleteFailed { cause: FailureCause::Silence, .. } => Some(Action::Delete),
            _ => None,
        }
    }

    /// When a [`Event::Tick`] changes the state.
    pub fn deadline(&self) -> Option<Timestamp> {
        match self.state {
            SyncState::Syncing { give_up_at }
            | SyncState::Acknowledged { give_up_at }
            | SyncState::Deleting { give_up_at }
            | SyncState::DeletingAcknowledged { give_up_at } => Some(give_up_at),
            _ => None,
        }
    }

    /// KVS `FailedStatusDetails`.
    pub fn failed_status_details(&self) -> Option<&str> {
        match &self.state {
            SyncState::SyncFailed { details, .. } | SyncState::DeleteFailed { details, .. } => {
                Some(details)
            }
            _ => None,
        }
    }

    /// KVS `SyncStatus`.
    pub fn status(&self) -> SyncStatus {
        match self.state {
            SyncState::Syncing { .. } => SyncStatus::Syncing,
            SyncState::Acknowledged { .. } => SyncStatus::Acknowledged,
            SyncState::InSync => SyncStatus::InSync,
            SyncState::SyncFailed { .. } => SyncStatus::SyncFailed,
            SyncState::Deleting { .. } => SyncStatus::Deleting,
            SyncState::DeletingAcknowledged { .. } => SyncStatus::DeletingAcknowledged,
            SyncState::DeleteFailed { .. } => SyncStatus::DeleteFailed,
        }
    }
}

/// The next state, or `None` once the hub has erased everything and the configuration is gone.
///
/// Reports are level-triggered: lost, repeated and late ones do no harm. A report about another revision, or one that
/// does not fit the state, changes nothing.
pub fn step(sync: EdgeSync, event: Event, now: Timestamp) -> Result<Option<EdgeSync>, Refusal> {
    match event {
        Event::StartUpdate { same_hub } => start_update(&sync, same_hub, now).map(Some),
        Event::Delete => Ok(Some(delete(sync, now))),
        Event::Report { revision, phase } => Ok(report(sync, revision, phase, now)),
        Event::Tick => Ok(Some(tick(sync, now))),
    }
}

fn start_update(sync: &EdgeSync, same_hub: bool, now: Timestamp) -> Result<EdgeSync, Refusal> {
    match sync.state {
        SyncState::Syncing { .. } | SyncState::Acknowledged { .. } => Err(Refusal::Syncing),
        SyncState::Deleting { .. } | SyncState::DeletingAcknowledged { .. } => {
            Err(Refusal::Deleting)
        }
        SyncState::DeleteFailed { .. } => Err(Refusal::DeleteFailed),
        SyncState::InSync | SyncState::SyncFailed { .. } if !same_hub => Err(Refusal::OtherHub),
        SyncState::InSync | SyncState::SyncFailed { .. } => Ok(EdgeSync {
            revision: next_revision(sync.revision, now),
            state: SyncState::Syncing { give_up_at: now + SYNC_DEADLINE },
        }),
    }
}

fn delete(sync: EdgeSync, now: Timestamp) -> EdgeSync {
    match sync.state {
        // Already asked for: asking again neither restarts the work nor moves the deadline.
        SyncState::Deleting { .. } | SyncState::DeletingAcknowledged { .. } => sync,
        _ => EdgeSync {
            revision: next_revision(sync.revision, now),
            state: SyncState::Deleting { give_up_at: now + SYNC_DEADLINE },
        },
    }
}

/// [`Event::Report`]: never refused, since a hub cannot know what has changed meanwhile.
pub(crate) fn report(sync: EdgeSync, about: u64, phase: Phase, now: Timestamp) -> Option<EdgeSync> {
    use FailureCause::{Hub, Silence};
    use SyncState::*;
    if about != sync.revision {
        return Some(sync);
    }
    let EdgeSync { revision, state } = sync;
    let give_up_at_anew = now + SYNC_DEADLINE;
    let state = match (state, phase) {
        (Syncing { give_up_at }, Phase::Received) => Acknowledged { give_up_at },
        (SyncFailed { cause: Silence, .. }, Phase::Received) => {
            Acknowledged { give_up_at: give_up_at_anew }
        }
        (Syncing { .. } | Acknowledged { .. } | SyncFailed { .. }, Phase::Applied) => InSync,
        (
            Syncing { .. } | Acknowledged { .. } | InSync | SyncFailed { .. },
            Phase::Failed(details),
        ) => SyncFailed { cause: Hub, details },

        (Deleting { give_up_at }, Phase::Received) => DeletingAcknowledged { give_up_at },
        (DeleteFailed { cause: Silence, .. }, Phase::Received) => {
            DeletingAcknowledged { give_up_at: give_up_at_anew }
        }
        (Deleting { .. } | DeletingAcknowledged { .. } | DeleteFailed { .. }, Phase::Erased) => {
            return None;
        }
        (
            Deleting { .. } | DeletingAcknowledged { .. } | DeleteFailed { .. },
            Phase::EraseFailed(details),
        ) => DeleteFailed { cause: Hub, details },

        // Late, repeated, or not an answer to what was asked: the outcome stands.
        (state, _) => state,
    };
    Some(EdgeSync { revision, state })
}

/// [`Event::Tick`]: never refused.
pub(crate) fn tick(sync: EdgeSync, now: Timestamp) -> EdgeSync {
    use SyncState::*;
    let EdgeSync { revision, state } = sync;
    let silence = |details: &str| (FailureCause::Silence, details.to_owned());
    let state = match state {
        Syncing { give_up_at } if now >= give_up_at => {
            let (cause, details) = silence(
                "the hub did not take the configuration within 15 minutes; check that its agent runs with this \
                 HubDeviceArn and reaches this endpoint; it will be applied when the hub returns",
            );
            SyncFailed { cause, details }
        }
        Acknowledged { give_up_at } if now >= give_up_at => {
            let (cause, details) = silence(
                "the hub took the configuration but did not report within 15 minutes that it works by it; check the \
                 log of its agent; the status heals when the hub reports",
            );
            SyncFailed { cause, details }
        }
        Deleting { give_up_at } if now >= give_up_at => {
            let (cause, details) = silence(
                "the hub did not take the deletion within 15 minutes; its media is erased and the configuration \
                 removed when it returns; check that its agent runs and reaches this endpoint",
            );
            DeleteFailed { cause, details }
        }
        DeletingAcknowledged { give_up_at } if now >= give_up_at => {
            let (cause, details) = silence(
                "the hub took the deletion but did not report within 15 minutes that its media is erased; check the \
                 log of its agent; the configuration goes when the hub reports",
            );
            DeleteFailed { cause, details }
        }
        state => state,
    };
    EdgeSync { revision, state }
}

/// Milliseconds of the wall clock, or one more than the last: so a configuration that is deleted and made again never
/// reuses a revision that its hub may still report about, and no counter has to outlive the deletion.
fn next_revision(last: u64, now: Timestamp) -> u64 {
    u64::try_from(now.as_millis()).unwrap_or(0).max(last.saturating_add(1))
}
