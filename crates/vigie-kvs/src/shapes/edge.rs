//! Edge configurations: what a hub records, uploads and deletes, and how far it is with that.

use serde::{Deserialize, Serialize};
use vigie_media::Timestamp;

use super::{identifies_stream, wire_enum};
use crate::sensitive::Sensitive;
use crate::wire::{null_as_default, timestamp_option};

wire_enum! {
    /// What the secret's URI points to.
    MediaUriType {
        /// A camera.
        RtspUri = "RTSP_URI",
        /// A file on the hub.
        FileUri = "FILE_URI",
    }
}

wire_enum! {
    /// What happens when local media reaches its size limit.
    StrategyOnFullSize {
        /// The oldest goes.
        DeleteOldestMedia = "DELETE_OLDEST_MEDIA",
        /// Recording pauses.
        DenyNewMedia = "DENY_NEW_MEDIA",
    }
}

wire_enum! {
    /// How far a configuration is with its hub.
    SyncStatus {
        /// On its way.
        Syncing = "SYNCING",
        /// The hub has it.
        Acknowledged = "ACKNOWLEDGED",
        /// The hub applied it.
        InSync = "IN_SYNC",
        /// The hub could not be reached or could not apply it.
        SyncFailed = "SYNC_FAILED",
        /// The deletion is on its way.
        Deleting = "DELETING",
        /// The deletion failed; it may be asked for again.
        DeleteFailed = "DELETE_FAILED",
        /// The hub is deleting.
        DeletingAcknowledged = "DELETING_ACKNOWLEDGED",
    }
}

wire_enum! {
    /// How the recorder or uploader of a stream is doing (the model's RecorderStatus and UploaderStatus).
    JobStatus {
        /// Works, or waits for its schedule.
        Success = "SUCCESS",
        /// Fails until someone changes something: URI, credentials, codec, secret.
        UserError = "USER_ERROR",
        /// Fails for a reason of the system: disk, network.
        SystemError = "SYSTEM_ERROR",
    }
}

/// KVS API_ScheduleConfig.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ScheduleConfig {
    /// Quartz cron, in the hub's time zone.
    pub schedule_expression: String,
    /// How long each fire lasts, 60..=3600.
    pub duration_in_seconds: i32,
}

/// KVS API_MediaSourceConfig.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct MediaSourceConfig {
    /// The secret with the key `MediaURI`.
    pub media_uri_secret_arn: Sensitive,
    /// What the URI points to.
    pub media_uri_type: MediaUriType,
}

/// KVS API_RecorderConfig.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RecorderConfig {
    /// What to record.
    pub media_source_config: MediaSourceConfig,
    /// When; absent means always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule_config: Option<ScheduleConfig>,
}

/// KVS API_UploaderConfig.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UploaderConfig {
    /// When; absent means hourly. Required by the model, optional by the reference: both are taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule_config: Option<ScheduleConfig>,
}

/// KVS API_LocalSizeConfig.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct LocalSizeConfig {
    /// 64..=2,000,000.
    #[serde(rename = "MaxLocalMediaSizeInMB", default, skip_serializing_if = "Option::is_none")]
    pub max_local_media_size_in_mb: Option<i32>,
    /// What to do then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy_on_full_size: Option<StrategyOnFullSize>,
}

/// KVS API_DeletionConfig.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeletionConfig {
    /// 1..=720; default 720.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edge_retention_in_hours: Option<i32>,
    /// The size limit of the stream's local media.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local_size_config: Option<LocalSizeConfig>,
    /// Default true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete_after_upload: Option<bool>,
}

/// KVS API_EdgeConfig.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct EdgeConfig {
    /// The hub, an IoT thing.
    pub hub_device_arn: String,
    /// What and when to record.
    pub recorder_config: RecorderConfig,
    /// When to upload; absent means hourly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uploader_config: Option<UploaderConfig>,
    /// What to delete; absent means the defaults.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_config: Option<DeletionConfig>,
}

/// KVS API_StartEdgeConfigurationUpdate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct StartEdgeConfigurationUpdateInput {
    /// Either this or the ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream_name: Option<String>,
    /// Either this or the name.
    #[serde(rename = "StreamARN", default, skip_serializing_if = "Option::is_none")]
    pub stream_arn: Option<String>,
    /// What the hub shall do.
    pub edge_config: EdgeConfig,
}

/// KVS API_StartEdgeConfigurationUpdate; also one element of ListEdgeAgentConfigurations (API_ListEdgeAgentConfigurationsEdgeConfig).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct EdgeConfigurationOutput {
    /// The stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream_name: Option<String>,
    /// The stream.
    #[serde(rename = "StreamARN", default, skip_serializing_if = "Option::is_none")]
    pub stream_arn: Option<String>,
    /// When the configuration was first made.
    #[serde(default, with = "timestamp_option", skip_serializing_if = "Option::is_none")]
    pub creation_time: Option<Timestamp>,
    /// When the configuration was last changed.
    #[serde(default, with = "timestamp_option", skip_serializing_if = "Option::is_none")]
    pub last_updated_time: Option<Timestamp>,
    /// How far it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sync_status: Option<SyncStatus>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_status_details: Option<String>,
    /// The configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edge_config: Option<EdgeConfig>,
}

/// KVS API_DescribeEdgeConfiguration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DescribeEdgeConfigurationInput {
    /// Either this or the ARN.
    #[serde(rename = "StreamName", default, skip_serializing_if = "Option::is_none")]
    pub stream_name: Option<String>,
    /// Either this or the name.
    #[serde(rename = "StreamARN", default, skip_serializing_if = "Option::is_none")]
    pub stream_arn: Option<String>,
}

/// KVS API_DescribeEdgeConfiguration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeEdgeConfigurationOutput {
    /// What StartEdgeConfigurationUpdate answers.
    #[serde(flatten)]
    pub configuration: EdgeConfigurationOutput,
    /// How the hub's jobs are doing; absent until the hub has said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edge_agent_status: Option<EdgeAgentStatus>,
}

/// KVS API_DeleteEdgeConfiguration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeleteEdgeConfigurationInput {
    /// Either this or the ARN.
    #[serde(rename = "StreamName", default, skip_serializing_if = "Option::is_none")]
    pub stream_name: Option<String>,
    /// Either this or the name.
    #[serde(rename = "StreamARN", default, skip_serializing_if = "Option::is_none")]
    pub stream_arn: Option<String>,
}

/// KVS API_EdgeAgentStatus.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct EdgeAgentStatus {
    /// Of the recorder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_recorder_status: Option<LastRecorderStatus>,
    /// Of the uploader.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_uploader_status: Option<LastUploaderStatus>,
}

/// KVS API_LastRecorderStatus.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct LastRecorderStatus {
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_status_details: Option<String>,
    /// When the job last ran and stored media on the hub's disk.
    #[serde(default, with = "timestamp_option", skip_serializing_if = "Option::is_none")]
    pub last_collected_time: Option<Timestamp>,
    /// When this status changed.
    #[serde(default, with = "timestamp_option", skip_serializing_if = "Option::is_none")]
    pub last_updated_time: Option<Timestamp>,
    /// How it is doing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recorder_status: Option<JobStatus>,
}

/// KVS API_LastUploaderStatus.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct LastUploaderStatus {
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_status_details: Option<String>,
    /// When the job last ran and stored media at the service.
    #[serde(default, with = "timestamp_option", skip_serializing_if = "Option::is_none")]
    pub last_collected_time: Option<Timestamp>,
    /// When this status changed.
    #[serde(default, with = "timestamp_option", skip_serializing_if = "Option::is_none")]
    pub last_updated_time: Option<Timestamp>,
    /// How it is doing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uploader_status: Option<JobStatus>,
}

/// KVS API_ListEdgeAgentConfigurations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListEdgeAgentConfigurationsInput {
    /// Whose.
    pub hub_device_arn: String,
    /// 1..=10, default 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_results: Option<i32>,
    /// From the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// KVS API_ListEdgeAgentConfigurations.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListEdgeAgentConfigurationsOutput {
    /// One page.
    #[serde(default, deserialize_with = "null_as_default")]
    pub edge_configs: Vec<EdgeConfigurationOutput>,
    /// For the next page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

identifies_stream!(
    StartEdgeConfigurationUpdateInput,
    DescribeEdgeConfigurationInput,
    DeleteEdgeConfigurationInput,
);
