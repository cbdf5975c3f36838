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

/// KVS API_GetClip. Its answer is an MP4 file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetClipInput {
    /// Either this or the ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream_name: Option<String>,
    /// Either this or the name.
    #[serde(rename = "StreamARN", default, skip_serializing_if = "Option::is_none")]
    pub stream_arn: Option<String>,
    /// Fragments that start within it, both ends included.
    pub clip_fragment_selector: FragmentSelector,
}

impl GetClipInput {
    /// The rules of KVS API_ClipTimestampRange that do not depend on the time.
    pub fn check(&self) -> Result<(), KvsError> {
        let refuse = |rule: &str| {
            let member = "ClipFragmentSelector.TimestampRange.EndTimestamp";
            Err(KvsError::invalid_argument(format!("{member} must be {rule}")))
        };
        let range = self.clip_fragment_selector.timestamp_range;
        let length_ms = range.end_timestamp.millis_since(range.start_timestamp);
        if length_ms <= 0 {
            return refuse("later than StartTimestamp");
        }
        if length_ms > CLIP_HOURS_MAX * 60 * 60 * 1000 {
            return refuse("within 24 hours of StartTimestamp");
        }
        Ok(())
    }
}

/// KVS API_ClipTimestampRange.
const CLIP_HOURS_MAX: i64 = 24;

identifies_stream!(GetClipInput, ListFragmentsInput, GetMediaForFragmentListInput);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clips_range_follows_the_rules() {
        let check = |start_s: i64, end_s: i64, expect: Result<(), &str>| {
            let at = |seconds: i64| Timestamp::from_millis(seconds * 1000);
            let input = GetClipInput {
                stream_name: None,
                stream_arn: None,
                clip_fragment_selector: FragmentSelector {
                    fragment_selector_type: FragmentSelectorType::ProducerTimestamp,
                    timestamp_range: TimestampRange {
                        start_timestamp: at(start_s),
                        end_timestamp: at(end_s),
                    },
                },
            };
            let found = input.check().map_err(|error| error.message);
            match expect {
                Ok(()) => assert_eq!(found, Ok(())),
                Err(rule) => assert!(found.is_err_and(|message| message.contains(rule)), "{rule}"),
            }
        };
        check(10, 11, Ok(()));
        check(10, 10, Err("later than StartTimestamp"));
        check(11, 10, Err("later than StartTimestamp"));
        check(0, 86_400, Ok(()));
        check(0, 86_401, Err("within 24 hours"));
    }
}
