//! The hub sync: the extension `SyncEdgeAgent`.
//!
//! It is level-triggered. The hub always sends all it has; the answer always holds all that the hub shall have, or
//! nothing when that has not changed. Lost, repeated or reordered messages do no harm.

use serde::{Deserialize, Serialize};
use vigie_media::Timestamp;

use super::edge::{EdgeConfig, LastRecorderStatus, LastUploaderStatus};
use super::hub_request::{HubRequest, HubRequestReport};
use super::media_ledger::{LedgerReceipt, LedgerReport, LossTotals, MediaRange};
use super::wire_enum;
use crate::wire::{null_as_default, timestamp, timestamp_option};

wire_enum! {
    /// How far a hub is with one revision of one stream's configuration.
    Phase {
        /// The hub has it on disk.
        Received = "RECEIVED",
        /// The hub works by it.
        Applied = "APPLIED",
        /// The hub cannot work by it.
        Failed = "FAILED",
        /// Jobs are stopped and local media is gone.
        Erased = "ERASED",
        /// Local media could not be erased.
        EraseFailed = "ERASE_FAILED",
    }
}

wire_enum! {
    /// What a hub shall do with a stream.
    Action {
        /// Work by the configuration.
        Apply = "APPLY",
        /// Stop, and erase the stream's local media.
        Delete = "DELETE",
    }
}

/// What a hub keeps of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct LocalMedia {
    /// All of it.
    pub size_bytes: i64,
    /// All fragments.
    pub fragment_count: i64,
    /// Start of the oldest fragment.
    #[serde(default, with = "timestamp_option", skip_serializing_if = "Option::is_none")]
    pub oldest_timestamp: Option<Timestamp>,
    /// End of the newest fragment.
    #[serde(default, with = "timestamp_option", skip_serializing_if = "Option::is_none")]
    pub newest_timestamp: Option<Timestamp>,
    /// What exists nowhere else.
    pub not_uploaded_bytes: i64,
    /// `MaxLocalMediaSizeInMB` in bytes, when there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_bytes_max: Option<i64>,
    /// When that is reached, or the disk's reserve, at the present bit rate; absent while nothing is recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds_until_full: Option<i64>,
    /// Age of the oldest media that is not uploaded; 0 when all is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upload_lag_seconds: Option<i64>,
}

/// What a hub erases with a stream's edge configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ErasedMedia {
    /// Bytes of all media that was there.
    pub size_bytes: u64,
    /// All fragments.
    pub fragment_count: u64,
    /// What of it existed nowhere else.
    pub not_uploaded: LossTotals,
    /// Where that lay; bounded, the last range then spans the rest.
    #[serde(default, deserialize_with = "null_as_default")]
    pub not_uploaded_ranges: Vec<MediaRange>,
}

/// What a hub says about one stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct StreamReport {
    /// Which stream.
    #[serde(rename = "StreamARN")]
    pub stream_arn: String,
    /// Which revision of its configuration, 1 and up; reports about older ones are stale.
    pub revision: u64,
    /// How far the hub is with it.
    pub phase: Phase,
    /// Why, when the phase is a failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_status_details: Option<String>,
    /// Of the recorder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recorder_status: Option<LastRecorderStatus>,
    /// Of the uploader.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uploader_status: Option<LastUploaderStatus>,
    /// What the hub keeps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local_media: Option<LocalMedia>,
    /// Its gaps and losses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ledger: Option<LedgerReport>,
    /// Once it is erased, or to be: what was there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erased_media: Option<ErasedMedia>,
}

/// Which agent calls: two under one `HubDeviceArn` are told apart by it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AgentInstance {
    /// Kept in the agent's data folder.
    pub instance_id: String,
    /// Of this process: another one after each start.
    pub start_id: String,
    /// An operator wants this agent to replace another that works as the hub.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub take_over: bool,
}

/// What a hub says: everything it has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SyncEdgeAgentInput {
    /// Which hub.
    pub hub_device_arn: String,
    /// The program's version.
    pub agent_version: String,
    /// From the last answer; absent at first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// 0..=60: how long the server may hold the request when it owes nothing.
    pub wait_seconds: u32,
    /// All streams that the hub knows.
    pub streams: Vec<StreamReport>,
    /// What it can be asked for ([`super::hub_request::HubRequestKind`]; a newer hub may know more). Empty: it knows no
    /// requests.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub request_kinds: Vec<String>,
    /// All requests that it has taken and of which it does not know yet that nobody waits for them any more.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub requests: Vec<HubRequestReport>,
    /// Absent for older agents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<AgentInstance>,
    /// How far the hub's clock was ahead of the service's with the call before; negative: behind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_skew_milliseconds: Option<i64>,
    /// How long the hub deletes nothing by age yet, because its clock jumped; absent when it does, and for older agents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age_hold_seconds_left: Option<u64>,
}

/// One stream's configuration for a hub.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Configuration {
    /// The stream's name.
    pub stream_name: String,
    /// The stream.
    #[serde(rename = "StreamARN")]
    pub stream_arn: String,
    /// 1 and up.
    pub revision: u64,
    /// What to do.
    pub action: Action,
    /// The configuration; of a deletion, the one that is deleted.
    pub edge_config: EdgeConfig,
    /// Another one when `MediaUriSecretArn` leads to another value than before; absent when the service cannot know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_uri_secret_revision: Option<String>,
}

/// By which the hub measures how far its clock is from the service's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ServiceClock {
    /// When the service had the request.
    #[serde(with = "timestamp")]
    pub received_timestamp: Timestamp,
    /// How long it held it.
    pub held_milliseconds: u64,
}

/// What a hub hears.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SyncEdgeAgentOutput {
    /// For the next request.
    pub cursor: String,
    /// The full desired set, absent when the hub's cursor is current. Only an explicit DELETE erases: a stream that
    /// is not in the set keeps working by its last known configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configurations: Option<Vec<Configuration>>,
    /// How much of the streams' ledgers the service has.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub ledgers: Vec<LedgerReceipt>,
    /// All requests that somebody waits for; absent when the hub knows no requests, or the service none. What the hub
    /// works on and is not among them is called off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<Vec<HubRequest>>,
    /// What the service's clock says; of older ones nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<ServiceClock>,
}
