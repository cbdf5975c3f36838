//! The extensions that say what the server holds of a stream, and where it lies in time.

use serde::{Deserialize, Serialize};
use vigie_media::Timestamp;

use super::identifies_stream;
use crate::error::KvsError;
use crate::wire::{timestamp, timestamp_option};

/// Asks what the server holds of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DescribeStreamMediaInput {
    /// Either this or the ARN.
    #[serde(rename = "StreamName", default, skip_serializing_if = "Option::is_none")]
    pub stream_name: Option<String>,
    /// Either this or the name.
    #[serde(rename = "StreamARN", default, skip_serializing_if = "Option::is_none")]
    pub stream_arn: Option<String>,
}

identifies_stream!(DescribeStreamMediaInput);

/// What the server holds of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeStreamMediaOutput {
    /// Bytes on disk.
    pub size_bytes: u64,
    /// Fragments.
    pub fragment_count: u64,
    /// When the oldest media begins, by the producer's clock.
    #[serde(default, with = "timestamp_option", skip_serializing_if = "Option::is_none")]
    pub oldest_timestamp: Option<Timestamp>,
    /// When the newest media ends, by the producer's clock.
    #[serde(default, with = "timestamp_option", skip_serializing_if = "Option::is_none")]
    pub newest_timestamp: Option<Timestamp>,
}

/// Asks where media of a stream lies in time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListMediaRangesInput {
    /// Either this or the ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream_name: Option<String>,
    /// Either this or the name.
    #[serde(rename = "StreamARN", default, skip_serializing_if = "Option::is_none")]
    pub stream_arn: Option<String>,
    /// Only media that ends after this.
    #[serde(with = "timestamp")]
    pub start_timestamp: Timestamp,
    /// Only media that begins before this.
    #[serde(with = "timestamp")]
    pub end_timestamp: Timestamp,
    /// 1..=1000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_results: Option<i64>,
    /// From the page before, whose range counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

identifies_stream!(ListMediaRangesInput);

impl ListMediaRangesInput {
    /// The rule between members: a range does not end before it starts.
    pub fn check(&self) -> Result<(), KvsError> {
        if self.end_timestamp < self.start_timestamp {
            let message = "EndTimestamp must not be before StartTimestamp";
            return Err(KvsError::invalid_argument(message));
        }
        Ok(())
    }
}

/// Media without a gap that anybody would see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct HeldMedia {
    /// Begin, by the producer's clock.
    #[serde(with = "timestamp")]
    pub start_timestamp: Timestamp,
    /// End.
    #[serde(with = "timestamp")]
    pub end_timestamp: Timestamp,
    /// Fragments.
    pub fragment_count: u64,
    /// Their bytes.
    pub size_bytes: u64,
}

/// Where media of a stream lies in time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListMediaRangesOutput {
    /// One page, in the order of time. What is very long may go on in the first range of the next page.
    pub ranges: Vec<HeldMedia>,
    /// For the next page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}
