//! The edge configurations of streams, with where their hubs stand.

use async_trait::async_trait;
use vigie_engine::sync::EdgeSync;
use vigie_media::Timestamp;

use crate::DbError;

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

/// Rows of edge configurations, one a stream.
///
/// One that a hub is to apply has a stream that is active and keeps media; what a hub is to erase needs none. That rule spans
/// two rows, and holds also where one caller changes the stream meanwhile.
#[async_trait]
pub trait EdgeConfigurations: Send + Sync {
    /// The edge configuration of a stream.
    async fn edge_configuration(
        &self,
        stream_arn: &str,
    ) -> Result<Option<EdgeConfiguration>, DbError>;
    /// Edge configurations of a hub in order of stream ARN, after `after_arn`, at most `limit`.
    async fn edge_configurations_of_hub(
        &self,
        hub_device_arn: &str,
        after_arn: &str,
        limit: usize,
    ) -> Result<Vec<EdgeConfiguration>, DbError>;
    /// Saves, adds or removes edge configurations: all of them, or none and `false` when one was changed since it
    /// was read, or when one that is to be applied has no active stream with retention any more.
    async fn save_edge_configurations(&self, changes: &[EdgeChange]) -> Result<bool, DbError>;
    /// Edge configurations whose deadline is at or before `now`, those that have waited longest first, at most `limit`.
    async fn edge_configurations_due(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<EdgeConfiguration>, DbError>;
    /// The earliest deadline of all edge configurations.
    async fn next_edge_deadline(&self) -> Result<Option<Timestamp>, DbError>;
}
