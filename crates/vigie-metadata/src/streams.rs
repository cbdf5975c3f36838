//! Streams and their tags.

use std::collections::BTreeMap;

use async_trait::async_trait;
use vigie_media::Timestamp;

use crate::{DbError, EdgeChange};

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

/// Rows of streams.
///
/// A stream keeps its retention above 0 as long as it has an edge configuration: that rule spans two rows, and holds also
/// where one caller changes the stream while another one adds the configuration.
#[async_trait]
pub trait Streams: Send + Sync {
    /// Adds a stream with its tags; `false` when the name is taken.
    async fn create_stream(
        &self,
        stream: &Stream,
        tags: &BTreeMap<String, String>,
    ) -> Result<bool, DbError>;
    /// A stream by name or ARN, whatever its status.
    async fn stream(&self, key: StreamKey<'_>) -> Result<Option<Stream>, DbError>;
    /// Up to `limit` streams in order of name, after `after_name`, whose names begin with `prefix`.
    async fn list_streams(
        &self,
        prefix: &str,
        after_name: &str,
        limit: usize,
    ) -> Result<Vec<Stream>, DbError>;
    /// Saves a changed stream (its ARN, name and creation time stay); `false` when `expected_version` is not the
    /// newest, when it is being deleted, or when its retention would be 0 under an edge configuration.
    async fn save_stream(&self, stream: &Stream, expected_version: &str) -> Result<bool, DbError>;
    /// Marks a stream as DELETING and, in the same transaction, saves its edge configuration: both, or none and `false`.
    async fn begin_stream_deletion(
        &self,
        arn: &str,
        expected_version: &str,
        edge: Option<&EdgeChange>,
    ) -> Result<bool, DbError>;
    /// Removes a stream, its tags, its share links and its ledgers, once its media is gone. Its edge configuration stays, so that its hub is
    /// still told.
    async fn finish_stream_deletion(&self, arn: &str) -> Result<(), DbError>;

    /// Adds tags, replacing equal keys; `false` when there would be more than `tags_max`.
    async fn put_tags(
        &self,
        arn: &str,
        tags: &BTreeMap<String, String>,
        tags_max: usize,
    ) -> Result<bool, DbError>;
    /// Removes tags; unknown keys do no harm.
    async fn remove_tags(&self, arn: &str, keys: &[String]) -> Result<(), DbError>;
    /// A stream's tags.
    async fn tags(&self, arn: &str) -> Result<BTreeMap<String, String>, DbError>;
}
