//! Tags of streams.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::StreamIdentifier;
use crate::error::{ErrorKind, KvsError};
use crate::wire::null_as_default;

/// KVS API_TagStream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TagStreamInput {
    /// Either this or the name.
    #[serde(rename = "StreamARN", default, skip_serializing_if = "Option::is_none")]
    pub stream_arn: Option<String>,
    /// Either this or the ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream_name: Option<String>,
    /// 1..=50; values of known keys are replaced.
    pub tags: BTreeMap<String, String>,
}

/// KVS API_UntagStream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UntagStreamInput {
    /// Either this or the name.
    #[serde(rename = "StreamARN", default, skip_serializing_if = "Option::is_none")]
    pub stream_arn: Option<String>,
    /// Either this or the ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream_name: Option<String>,
    /// 1..=50; keys that the stream does not have are ignored.
    pub tag_key_list: Vec<String>,
}

/// KVS API_ListTagsForStream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListTagsForStreamInput {
    /// From the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
    /// Either this or the name.
    #[serde(rename = "StreamARN", default, skip_serializing_if = "Option::is_none")]
    pub stream_arn: Option<String>,
    /// Either this or the ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream_name: Option<String>,
}

/// KVS API_ListTagsForStream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListTagsForStreamOutput {
    /// For the next page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
    /// One page.
    #[serde(default, deserialize_with = "null_as_default")]
    pub tags: BTreeMap<String, String>,
}

/// Like other stream operations, but an ARN that is none has an exception of its own here.
macro_rules! identifies_tagged_stream {
    ($($input:ident),+) => {$(
        impl $input {
            /// The stream that is meant; an error unless exactly one of StreamName and StreamARN is there.
            pub fn stream(&self) -> Result<StreamIdentifier, KvsError> {
                let (name, arn) = (self.stream_name.as_deref(), self.stream_arn.as_deref());
                StreamIdentifier::of(name, arn).map_err(|error| match (name, arn) {
                    (None, Some(_)) => KvsError { kind: ErrorKind::InvalidResourceFormat, ..error },
                    _ => error,
                })
            }
        }
    )+};
}
identifies_tagged_stream!(TagStreamInput, UntagStreamInput, ListTagsForStreamInput);
