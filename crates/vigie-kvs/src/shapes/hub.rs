//! The hubs and what each last said of its streams: the extensions `ListHubs`, `DescribeHub` and `ForgetHub`.
//!
//! Decides names and types alone.

use serde::{Deserialize, Serialize};
use vigie_media::Timestamp;

use super::edge::{LastRecorderStatus, LastUploaderStatus, SyncStatus};
use super::media_ledger::{LossTotals, OpenGap};
use super::sync_edge_agent::LocalMedia;
use crate::wire::{timestamp, timestamp_option};

/// The extension `ListHubs`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListHubsInput {
    /// 1..=1000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_results: Option<i64>,
    /// From the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// Another agent that calls as a hub as well, and is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RefusedAgent {
    /// When it last called, or was found out.
    #[serde(with = "timestamp")]
    pub last_refused_timestamp: Timestamp,
    /// It works with a copy of the other one's data folder.
    pub has_copied_folder: bool,
    /// What to do.
    pub details: String,
}

/// A hub that has called, or that a stream is configured for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct HubSummary {
    /// Which.
    pub hub_device_arn: String,
    /// The agent's version; absent when it never called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_version: Option<String>,
    /// When it last called.
    #[serde(default, with = "timestamp_option", skip_serializing_if = "Option::is_none")]
    pub last_seen_timestamp: Option<Timestamp>,
    /// Whether a call of it is under way, or one ended within the last 8 s; of a hub that calls another instance of the
    /// server, or called before this one was started: whether it called within two minutes.
    pub in_contact: bool,
    /// Streams that have an edge configuration for it.
    pub stream_count: u64,
    /// Those of them whose recorder last reported USER_ERROR or SYSTEM_ERROR.
    pub failing_recorder_count: u64,
    /// Another agent called as this hub within the last two minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused_agent: Option<RefusedAgent>,
    /// How far its clock was ahead of the server's when it last called; negative: behind. Absent for older agents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_skew_milliseconds: Option<i64>,
    /// How long it deletes nothing by age yet, because its clock jumped; absent when it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age_hold_seconds_left: Option<u64>,
}

/// The extension `ListHubs`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListHubsOutput {
    /// One page, in the order of their ARNs.
    pub hubs: Vec<HubSummary>,
    /// For the next page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// The extension `DescribeHub`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeHubInput {
    /// Which.
    pub hub_device_arn: String,
    /// Streams in an answer, 1..=1000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_results: Option<i64>,
    /// From the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// The extension `ForgetHub`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ForgetHubInput {
    /// Which.
    pub hub_device_arn: String,
}

/// What a hub last said of a stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct HubStream {
    /// The stream's name.
    pub stream_name: String,
    /// The stream.
    #[serde(rename = "StreamARN")]
    pub stream_arn: String,
    /// Of its edge configuration.
    pub sync_status: SyncStatus,
    /// Of the recorder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_recorder_status: Option<LastRecorderStatus>,
    /// Of the uploader.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_uploader_status: Option<LastUploaderStatus>,
    /// What the hub keeps, and how much it may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local_media: Option<LocalMedia>,
    /// The gap of the moment when it last said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_gap: Option<OpenGap>,
    /// All losses together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub losses: Option<LossTotals>,
}

/// The extension `DescribeHub`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeHubOutput {
    /// The hub.
    pub hub: HubSummary,
    /// One page of its streams, in the order of their ARNs.
    pub streams: Vec<HubStream>,
    /// For the next page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}
