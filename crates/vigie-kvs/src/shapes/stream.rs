//! Streams: create, describe, list, update, retention, storage, delete.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use vigie_media::Timestamp;

use super::{identifies_stream, wire_enum};
use crate::wire::{null_as_default, timestamp_option};

wire_enum! {
    /// What a stream is doing.
    StreamStatus {
        /// Being created.
        Creating = "CREATING",
        /// Usable.
        Active = "ACTIVE",
        /// Being changed.
        Updating = "UPDATING",
        /// Being deleted; its data is unreachable.
        Deleting = "DELETING",
    }
}

wire_enum! {
    /// Which way UpdateDataRetention goes.
    UpdateDataRetentionOperation {
        /// Keep longer.
        Increase = "INCREASE_DATA_RETENTION",
        /// Keep shorter; what is too old is deleted at once.
        Decrease = "DECREASE_DATA_RETENTION",
    }
}

wire_enum! {
    /// How ListStreams compares.
    ComparisonOperator {
        /// The name begins with the value.
        BeginsWith = "BEGINS_WITH",
    }
}

wire_enum! {
    /// Where new media is stored.
    DefaultStorageTier {
        /// For frequent reading.
        Hot = "HOT",
        /// For rare reading.
        Warm = "WARM",
    }
}

/// Storage of new media.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct StreamStorageConfiguration {
    /// The tier.
    pub default_storage_tier: DefaultStorageTier,
}

/// KVS API_CreateStream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateStreamInput {
    /// Stored, otherwise unused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_name: Option<String>,
    /// Unique in the account and region.
    pub stream_name: String,
    /// Comma-separated media types, such as `video/h264,audio/aac`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// Default `aws/kinesisvideo`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key_id: Option<String>,
    /// 0..=87,600; absent counts as 0, which keeps nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_retention_in_hours: Option<i32>,
    /// At most 50.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<BTreeMap<String, String>>,
    /// Default HOT.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream_storage_configuration: Option<StreamStorageConfiguration>,
}

/// KVS API_CreateStream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateStreamOutput {
    /// Of the new stream.
    #[serde(rename = "StreamARN")]
    pub stream_arn: String,
}

/// KVS API_DescribeStream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DescribeStreamInput {
    /// Either this or the ARN.
    #[serde(rename = "StreamName", default, skip_serializing_if = "Option::is_none")]
    pub stream_name: Option<String>,
    /// Either this or the name.
    #[serde(rename = "StreamARN", default, skip_serializing_if = "Option::is_none")]
    pub stream_arn: Option<String>,
}

/// KVS API_DescribeStream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeStreamOutput {
    /// The stream.
    pub stream_info: StreamInfo,
}

/// KVS API_StreamInfo. Everything is optional in the model; Vigie's server gives all but device name and media type.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct StreamInfo {
    /// As given at creation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_name: Option<String>,
    /// The name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream_name: Option<String>,
    /// The ARN.
    #[serde(rename = "StreamARN", default, skip_serializing_if = "Option::is_none")]
    pub stream_arn: Option<String>,
    /// As given at creation or update.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// The key's ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key_id: Option<String>,
    /// Changes with every change, see [`crate::version`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What it is doing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<StreamStatus>,
    /// When it was created.
    #[serde(default, with = "timestamp_option", skip_serializing_if = "Option::is_none")]
    pub creation_time: Option<Timestamp>,
    /// How long media is kept; 0 keeps nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_retention_in_hours: Option<i32>,
}

/// A filter of ListStreams.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct StreamNameCondition {
    /// How to compare.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comparison_operator: Option<ComparisonOperator>,
    /// What with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comparison_value: Option<String>,
}

/// KVS API_ListStreams.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListStreamsInput {
    /// Default 10,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_results: Option<i32>,
    /// From the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
    /// Only streams that satisfy it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream_name_condition: Option<StreamNameCondition>,
}

/// KVS API_ListStreams.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListStreamsOutput {
    /// One page.
    #[serde(default, deserialize_with = "null_as_default")]
    pub stream_info_list: Vec<StreamInfo>,
    /// For the next page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// KVS API_UpdateDataRetention.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateDataRetentionInput {
    /// Either this or the ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream_name: Option<String>,
    /// Either this or the name.
    #[serde(rename = "StreamARN", default, skip_serializing_if = "Option::is_none")]
    pub stream_arn: Option<String>,
    /// Has to be the newest.
    pub current_version: String,
    /// Which way.
    pub operation: UpdateDataRetentionOperation,
    /// By how much, 1 and up; the result has to be in 0..=87,600.
    pub data_retention_change_in_hours: i32,
}

/// KVS API_DeleteStream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteStreamInput {
    /// Its creation time guards against deleting a successor of the same name.
    #[serde(rename = "StreamARN")]
    pub stream_arn: String,
    /// When given, has to be the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current_version: Option<String>,
}

/// KVS API_UpdateStream. What is absent stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateStreamInput {
    /// Either this or the ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream_name: Option<String>,
    /// Either this or the name.
    #[serde(rename = "StreamARN", default, skip_serializing_if = "Option::is_none")]
    pub stream_arn: Option<String>,
    /// Has to be the newest.
    pub current_version: String,
    /// Stored, otherwise unused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_name: Option<String>,
    /// Comma-separated media types.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
}

/// KVS API_DescribeStreamStorageConfiguration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeStreamStorageConfigurationOutput {
    /// The name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream_name: Option<String>,
    /// The ARN.
    #[serde(rename = "StreamARN", default, skip_serializing_if = "Option::is_none")]
    pub stream_arn: Option<String>,
    /// Where new media is stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream_storage_configuration: Option<StreamStorageConfiguration>,
}

/// KVS API_UpdateStreamStorageConfiguration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateStreamStorageConfigurationInput {
    /// Either this or the ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream_name: Option<String>,
    /// Either this or the name.
    #[serde(rename = "StreamARN", default, skip_serializing_if = "Option::is_none")]
    pub stream_arn: Option<String>,
    /// Has to be the newest.
    pub current_version: String,
    /// Where new media is to be stored.
    pub stream_storage_configuration: StreamStorageConfiguration,
}

identifies_stream!(
    DescribeStreamInput,
    UpdateDataRetentionInput,
    UpdateStreamInput,
    UpdateStreamStorageConfigurationInput,
);
