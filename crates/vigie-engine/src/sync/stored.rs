//! A sync as plain columns, for whoever keeps it in a database.
//!
//! Converts both ways and refuses what no state machine wrote; never decides.

use thiserror::Error;
use vigie_kvs::shapes::edge::SyncStatus;
use vigie_media::Timestamp;

use super::{EdgeSync, FailureCause, SyncState};

/// An [`EdgeSync`] in columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSync {
    pub revision: u64,
    /// KVS `SyncStatus`.
    pub status: SyncStatus,
    /// When the status becomes a failure; present while it waits for the hub.
    pub give_up_at: Option<Timestamp>,
    /// Of a failure: the hub was silent, rather than unable.
    pub failed_by_silence: bool,
    /// KVS `FailedStatusDetails`; present for a failure.
    pub failed_status_details: Option<String>,
}

/// Columns that hold no state.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error(
    "the stored sync state {status} lacks {missing}; the database was changed by something else"
)]
pub struct UnreadableSync {
    status: SyncStatus,
    missing: &'static str,
}

impl From<&EdgeSync> for StoredSync {
    fn from(sync: &EdgeSync) -> Self {
        let silence = matches!(
            sync.state,
            SyncState::SyncFailed { cause: FailureCause::Silence, .. }
                | SyncState::DeleteFailed { cause: FailureCause::Silence, .. }
        );
        Self {
            revision: sync.revision,
            status: sync.status(),
            give_up_at: sync.deadline(),
            failed_by_silence: silence,
            failed_status_details: sync.failed_status_details().map(str::to_owned),
        }
    }
}

impl TryFrom<StoredSync> for EdgeSync {
    type Error = UnreadableSync;

    fn try_from(stored: StoredSync) -> Result<Self, UnreadableSync> {
        let StoredSync { revision, status, give_up_at, failed_by_silence, failed_status_details } =
            stored;
        let give_up_at = || give_up_at.ok_or(UnreadableSync { status, missing: "its deadline" });
        let details =
            || failed_status_details.ok_or(UnreadableSync { status, missing: "its details" });
        let cause = if failed_by_silence { FailureCause::Silence } else { FailureCause::Hub };
        let state = match status {
            SyncStatus::Syncing => SyncState::Syncing { give_up_at: give_up_at()? },
            SyncStatus::Acknowledged => SyncState::Acknowledged { give_up_at: give_up_at()? },
            SyncStatus::InSync => SyncState::InSync,
            SyncStatus::SyncFailed => SyncState::SyncFailed { cause, details: details()? },
            SyncStatus::Deleting => SyncState::Deleting { give_up_at: give_up_at()? },
            SyncStatus::DeletingAcknowledged => {
                SyncState::DeletingAcknowledged { give_up_at: give_up_at()? }
            }
            SyncStatus::DeleteFailed => SyncState::DeleteFailed { cause, details: details()? },
        };
        Ok(Self { revision, state })
    }
}
