//! The hubs that have called or are configured.

use async_trait::async_trait;
use vigie_engine::hub_holder::Holder;
use vigie_media::Timestamp;

use crate::DbError;

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

/// A hub in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubRow {
    /// Which.
    pub hub_device_arn: String,
    /// When it last called, and what it called itself.
    pub seen: Option<(Timestamp, String)>,
    /// Streams that are configured for it.
    pub stream_count: u64,
    /// Those of them whose recorder last reported an error.
    pub failing_recorder_count: u64,
    /// How far its clock was ahead of this server's, if it said so.
    pub clock_skew_ms: Option<i64>,
}

/// Rows of hubs.
#[async_trait]
pub trait Hubs: Send + Sync {
    /// Remembers when a hub was heard from.
    async fn save_hub(&self, hub: &Hub) -> Result<(), DbError>;
    /// Forgets a hub; `false` when it was seen at another time than `last_seen_at`, or is not there.
    async fn forget_hub(
        &self,
        hub_device_arn: &str,
        last_seen_at: Timestamp,
    ) -> Result<bool, DbError>;
    /// A hub by ARN.
    async fn hub(&self, hub_device_arn: &str) -> Result<Option<Hub>, DbError>;
    /// Hubs that have called or that streams are configured for, in order of ARN, from `from_arn` (itself included).
    async fn hubs(&self, from_arn: &str, limit: usize) -> Result<Vec<HubRow>, DbError>;
}
