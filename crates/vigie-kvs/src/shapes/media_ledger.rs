//! The two ledgers of a hub: why there is no media (gaps), and what the deletion policy cost (losses).
//!
//! Decides names and types alone. The ledgers are kept on the hub (`vigie-engine` decides what goes in), travel in
//! `SyncEdgeAgent` and are answered by the extensions `ListMediaGaps` and `ListMediaLosses`.

use serde::{Deserialize, Serialize};
use vigie_media::Timestamp;

use super::{identifies_stream, wire_enum};
use crate::error::KvsError;
use crate::wire::{null_as_default, timestamp, timestamp_option};

wire_enum! {
    /// Why there is no media.
    MediaGapReason {
        /// Outside the windows of the recorder's `ScheduleConfig`.
        ScheduleClosed = "SCHEDULE_CLOSED",
        /// The camera or the file gave none: off, unreachable, refused, or being connected to.
        SourceOffline = "SOURCE_OFFLINE",
        /// A `FILE_URI` is recorded to its end.
        SourceEnded = "SOURCE_ENDED",
        /// The policy (`DENY_NEW_MEDIA`) or the disk's reserve allowed no new media.
        DiskDenied = "DISK_DENIED",
        /// The hub's disk failed or was full.
        DiskError = "DISK_ERROR",
        /// The agent did not run.
        HubOff = "HUB_OFF",
        /// The hub's clock was set over this time: no media was recorded under it.
        ClockSet = "CLOCK_SET",
        /// Deleted, older than `EdgeRetentionInHours`.
        DeletedByAge = "DELETED_BY_AGE",
        /// Deleted for `MaxLocalMediaSizeInMB`.
        DeletedBySize = "DELETED_BY_SIZE",
        /// Deleted for the free space that the hub keeps in reserve.
        DeletedByDiskReserve = "DELETED_BY_DISK_RESERVE",
        /// Deleted on the hub, since the service has it.
        DeletedAfterUpload = "DELETED_AFTER_UPLOAD",
        /// The hub has it and the service does not, yet.
        NotUploaded = "NOT_UPLOADED",
        /// It was erased on the hub, with the edge configuration or by an operator, and the service never had it.
        Erased = "ERASED",
    }
}

wire_enum! {
    /// Which ledger an entry is of.
    LedgerKind {
        /// No media in this range.
        Gap = "GAP",
        /// Media of this range was deleted that was never uploaded.
        Loss = "LOSS",
    }
}

/// An entry of a ledger, as the hub reports it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct LedgerEntry {
    /// Names the entry within its ledger; it can grow afterwards.
    pub id: u64,
    /// Moves with every change of the ledger; of this entry, with its last.
    pub sequence: u64,
    /// Gap or loss.
    pub kind: LedgerKind,
    /// Why.
    pub reason: MediaGapReason,
    /// Begin, itself included.
    #[serde(with = "timestamp")]
    pub start_timestamp: Timestamp,
    /// End, itself not included.
    #[serde(with = "timestamp")]
    pub end_timestamp: Timestamp,
    /// Of a loss: fragments.
    pub fragment_count: u64,
    /// Of a loss: bytes.
    pub size_bytes: u64,
}

/// A gap that has begun and not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct OpenGap {
    /// Since when.
    #[serde(with = "timestamp")]
    pub start_timestamp: Timestamp,
    /// Why.
    pub reason: MediaGapReason,
}

/// A range of time, its end not included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct MediaRange {
    /// Begin.
    #[serde(with = "timestamp")]
    pub start_timestamp: Timestamp,
    /// End.
    #[serde(with = "timestamp")]
    pub end_timestamp: Timestamp,
}

/// What was lost in all, since the ledger began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct LossTotals {
    /// Fragments.
    pub fragment_count: u64,
    /// Bytes.
    pub size_bytes: u64,
}

/// A stream's ledgers in `SyncEdgeAgent`: what stands now, and what has changed since the service last said what it has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct LedgerReport {
    /// New with every ledger: a hub with a new disk begins another.
    pub ledger_id: String,
    /// Nothing is known of the time before.
    #[serde(with = "timestamp")]
    pub known_from: Timestamp,
    /// The newest change.
    pub sequence: u64,
    /// The entries are all that changed after this; absent when none are sent because the service has not said yet
    /// what it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
    /// In the order of their sequence; bounded, the rest follows in the next request.
    #[serde(default, deserialize_with = "null_as_default")]
    pub entries: Vec<LedgerEntry>,
    /// The gap of this moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_gap: Option<OpenGap>,
    /// What the hub has and the service does not; bounded, the last range then spans the rest.
    #[serde(default, deserialize_with = "null_as_default")]
    pub not_uploaded: Vec<MediaRange>,
    /// All losses together.
    pub losses: LossTotals,
}

/// How much of a stream's ledger the service has, in the answer to `SyncEdgeAgent`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct LedgerReceipt {
    /// Which stream.
    #[serde(rename = "StreamARN")]
    pub stream_arn: String,
    /// Which ledger.
    pub ledger_id: String,
    /// Everything up to here is stored.
    pub sequence: u64,
}

/// The extensions `ListMediaGaps` and `ListMediaLosses`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListMediaLedgerInput {
    /// Either this or the ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream_name: Option<String>,
    /// Either this or the name.
    #[serde(rename = "StreamARN", default, skip_serializing_if = "Option::is_none")]
    pub stream_arn: Option<String>,
    /// Only what ends after this.
    #[serde(default, with = "timestamp_option", skip_serializing_if = "Option::is_none")]
    pub start_timestamp: Option<Timestamp>,
    /// Only what begins before this.
    #[serde(default, with = "timestamp_option", skip_serializing_if = "Option::is_none")]
    pub end_timestamp: Option<Timestamp>,
    /// 1..=1000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_results: Option<i64>,
    /// From the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

identifies_stream!(ListMediaLedgerInput);

impl ListMediaLedgerInput {
    /// The rule between members: a range does not end before it starts.
    pub fn check(&self) -> Result<(), KvsError> {
        match (self.start_timestamp, self.end_timestamp) {
            (Some(start), Some(end)) if end < start => {
                Err(KvsError::invalid_argument("EndTimestamp must not be before StartTimestamp"))
            }
            _ => Ok(()),
        }
    }
}

/// One gap, as the service answers it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct MediaGap {
    /// Begin.
    #[serde(with = "timestamp")]
    pub start_timestamp: Timestamp,
    /// End; absent while it lasts.
    #[serde(default, with = "timestamp_option", skip_serializing_if = "Option::is_none")]
    pub end_timestamp: Option<Timestamp>,
    /// Why.
    pub reason: MediaGapReason,
    /// Which hub says so.
    pub hub_device_arn: String,
}

/// The extension `ListMediaGaps`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListMediaGapsOutput {
    /// One page, in the order of their begin.
    pub gaps: Vec<MediaGap>,
    /// No hub has said anything about the time before.
    #[serde(default, with = "timestamp_option", skip_serializing_if = "Option::is_none")]
    pub known_from: Option<Timestamp>,
    /// For the next page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// One loss, as the service answers it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct MediaLoss {
    /// Begin.
    #[serde(with = "timestamp")]
    pub start_timestamp: Timestamp,
    /// End.
    #[serde(with = "timestamp")]
    pub end_timestamp: Timestamp,
    /// Why: one of the deletions.
    pub reason: MediaGapReason,
    /// Fragments.
    pub fragment_count: u64,
    /// Bytes.
    pub size_bytes: u64,
    /// Which hub lost it.
    pub hub_device_arn: String,
}

/// The extension `ListMediaLosses`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListMediaLossesOutput {
    /// One page, in the order of their begin.
    pub losses: Vec<MediaLoss>,
    /// For the next page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}
