//! Archived media: lists of fragments.

use serde::{Deserialize, Serialize};
use vigie_media::Timestamp;

use super::{identifies_stream, wire_enum};
use crate::error::KvsError;
use crate::fragment_number::FragmentNumber;
use crate::wire::{null_as_default, timestamp};

wire_enum! {
    /// Which clock a range counts by.
    FragmentSelectorType {
        /// The producer's.
        ProducerTimestamp = "PRODUCER_TIMESTAMP",
        /// The server's.
        ServerTimestamp = "SERVER_TIMESTAMP",
    }
}

/// KVS API_TimestampRange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TimestampRange {
    /// The first instant.
    #[serde(with = "timestamp")]
    pub start_timestamp: Timestamp,
    /// The last instant.
    #[serde(with = "timestamp")]
    pub end_timestamp: Timestamp,
}

/// KVS API_FragmentSelector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct FragmentSelector {
    /// Which clock.
    pub fragment_selector_type: FragmentSelectorType,
    /// Which range.
    pub timestamp_range: TimestampRange,
}

/// KVS API_ListFragments.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListFragmentsInput {
    /// Either this or the ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream_name: Option<String>,
    /// Either this or the name.
    #[serde(rename = "StreamARN", default, skip_serializing_if = "Option::is_none")]
    pub stream_arn: Option<String>,
    /// 1..=1000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_results: Option<i64>,
    /// From the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
    /// Needed unless there is a token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fragment_selector: Option<FragmentSelector>,
}

impl ListFragmentsInput {
    /// The rules between members: a selector or a token is needed, and a range must not end before it starts.
    pub fn check(&self) -> Result<(), KvsError> {
        let Some(selector) = &self.fragment_selector else {
            return match self.next_token {
                Some(_) => Ok(()),
                None => Err(KvsError::invalid_argument(
                    "FragmentSelector must be given unless NextToken is",
                )),
            };
        };
        let range = selector.timestamp_range;
        if range.end_timestamp < range.start_timestamp {
            return Err(KvsError::invalid_argument(
                "FragmentSelector.TimestampRange.EndTimestamp must not be before StartTimestamp",
            ));
        }
        Ok(())
    }
}

/// KVS API_Fragment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Fragment {
    /// Its number.
    pub fragment_number: FragmentNumber,
    /// Its size.
    pub fragment_size_in_bytes: i64,
    /// When the producer made it.
    #[serde(with = "timestamp")]
    pub producer_timestamp: Timestamp,
    /// When the server began to receive it.
    #[serde(with = "timestamp")]
    pub server_timestamp: Timestamp,
    /// How long it lasts.
    pub fragment_length_in_milliseconds: i64,
}

/// KVS API_ListFragments.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListFragmentsOutput {
    /// One page; no order is promised across pages.
    #[serde(default, deserialize_with = "null_as_default")]
    pub fragments: Vec<Fragment>,
    /// For the next page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// KVS API_GetMediaForFragmentList. The answer is Matroska.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetMediaForFragmentListInput {
    /// Either this or the ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream_name: Option<String>,
    /// Either this or the name.
    #[serde(rename = "StreamARN", default, skip_serializing_if = "Option::is_none")]
    pub stream_arn: Option<String>,
    /// Numbers of fragments as ListFragments returns them; any digits pass the model.
    pub fragments: Vec<String>,
}

identifies_stream!(ListFragmentsInput, GetMediaForFragmentListInput);
