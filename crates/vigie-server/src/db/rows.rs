//! The rows of the metadata. Plain values: no row decides or saves anything.

use std::collections::BTreeMap;

use vigie_engine::hub_holder::Holder;
use vigie_engine::sync::EdgeSync;
use vigie_media::Timestamp;

/// How a caller names a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamKey<'a> {
    /// `StreamName`.
    Name(&'a str),
    /// `StreamARN`.
    Arn(&'a str),
}

/// KVS `Status`, as far as streams here can have it: creation and updates are done when they are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamStatus {
    /// In use.
    Active,
    /// Its media is being erased.
    Deleting,
}

/// A stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    /// `arn:aws:kinesisvideo:REGION:ACCOUNT:stream/NAME/CREATION_MILLIS`.
    pub arn: String,
    /// Unique among the account's streams.
    pub name: String,
    /// When it was created; the ARN's last element.
    pub created_at: Timestamp,
    /// 20 letters and digits, new with every change of the metadata.
    pub version: String,
    /// Active or being deleted.
    pub status: StreamStatus,
    /// `DataRetentionInHours`; 0 keeps nothing.
    pub retention_hours: u32,
    /// `DeviceName`, stored and given back.
    pub device_name: Option<String>,
    /// `MediaType`, stored and given back.
    pub media_type: Option<String>,
    /// `KmsKeyId` as the caller gave it.
    pub kms_key_id: Option<String>,
    /// `DefaultStorageTier`, stored and given back.
    pub storage_tier: Option<String>,
    /// `ImageGenerationConfiguration` as JSON, as the caller sent it.
    pub image_generation_json: Option<String>,
    /// `NotificationConfiguration` as JSON, as the caller sent it.
    pub notification_json: Option<String>,
}

/// The edge configuration of a stream, with where its hub stands.
#[derive(Clone, Debug, PartialEq)]
pub struct EdgeConfiguration {
    /// The stream. Outlives the stream's own row, so that the hub of a deleted stream is still told.
    pub stream_arn: String,
    /// The stream's name.
    pub stream_name: String,
    /// The hub.
    pub hub_device_arn: String,
    /// `EdgeConfig` as JSON, as the caller sent it.
    pub edge_config_json: String,
    /// When the first configuration was started.
    pub created_at: Timestamp,
    /// When it was last started, acknowledged, synced, failed or deleted.
    pub updated_at: Timestamp,
    /// Revision and state of the sync with the hub.
    pub sync: EdgeSync,
    /// `LastRecorderStatus` as JSON, as the hub sent it.
    pub recorder_status_json: Option<String>,
    /// `LastUploaderStatus` as JSON, as the hub sent it.
    pub uploader_status_json: Option<String>,
    /// What the hub holds, as JSON, as the hub sent it.
    pub local_media_json: Option<String>,
    /// The standing part of the hub's ledgers, as JSON, as the hub sent it.
    pub ledger_json: Option<String>,
    /// Counts the saves of this row; a save names the one it was decided on. 0 for a row not saved yet.
    pub row_version: u64,
}

/// One change to save.
#[derive(Clone, Debug, PartialEq)]
pub enum EdgeChange {
    /// Saves a row, which must not have been changed since it was read (or must not exist, with row version 0).
    Save(Box<EdgeConfiguration>),
    /// Removes a row, which must not have been changed since it was read.
    Remove {
        /// The stream.
        stream_arn: String,
        /// The row version that was read.
        row_version: u64,
    },
}

/// An edge agent that has called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hub {
    /// `HubDeviceArn`.
    pub hub_device_arn: String,
    /// When it last called.
    pub last_seen_at: Timestamp,
    /// What it called itself.
    pub agent_version: String,
    /// How far its clock was ahead of this server's, if it said so.
    pub clock_skew_ms: Option<i64>,
    /// Which agent works as it; unknown for older ones.
    pub holder: Option<Holder>,
}

/// A secret without its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secret {
    /// `arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME-SUFFIX`.
    pub arn: String,
    /// Unique among the account's secrets.
    pub name: String,
    /// Free text.
    pub description: Option<String>,
    /// As the caller gave it.
    pub kms_key_id: Option<String>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its metadata or value last changed.
    pub changed_at: Timestamp,
    /// The day it was last read, if ever (Secrets Manager keeps the date alone).
    pub accessed_on: Option<Timestamp>,
    /// When DeleteSecret was called, if it was.
    pub deleted_at: Option<Timestamp>,
    /// When it goes for good, once deleted.
    pub delete_after: Option<Timestamp>,
    /// Its versions, oldest first.
    pub versions: Vec<SecretVersion>,
    /// Counts the saves of this row; a save names the one it was decided on.
    pub row_version: u64,
}

/// A version of a secret without its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretVersion {
    /// `VersionId`, the `ClientRequestToken` that made it.
    pub version_id: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// `VersionStages`.
    pub stages: Vec<String>,
}

/// An access key, its secret half sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessKey {
    /// `AKIA…`.
    pub access_key_id: String,
    /// The secret access key, sealed under the master key; empty once the key is revoked.
    pub sealed_secret: Vec<u8>,
    /// Who uses it: `arn:aws:iam::ACCOUNT:root` for the root key.
    pub principal_arn: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// What it may do, an IAM policy document; `None` is a root key, which may do everything.
    pub policy_json: Option<String>,
    /// When it was revoked, if it was.
    pub revoked_at: Option<Timestamp>,
}
