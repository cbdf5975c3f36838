//! Data endpoints, PutMedia and GetMedia.

use serde::{Deserialize, Serialize};
use vigie_media::Timestamp;

use super::{StreamIdentifier, identifies_stream, wire_enum};
use crate::error::KvsError;
use crate::fragment_number::FragmentNumber;
use crate::operation::{PUT_MEDIA, validate};
use crate::wire::{header, parse_producer_start_timestamp, timestamp_option};

wire_enum! {
    /// What a data endpoint is wanted for.
    ApiName {
        /// PutMedia.
        PutMedia = "PUT_MEDIA",
        /// GetMedia.
        GetMedia = "GET_MEDIA",
        /// ListFragments.
        ListFragments = "LIST_FRAGMENTS",
        /// GetMediaForFragmentList.
        GetMediaForFragmentList = "GET_MEDIA_FOR_FRAGMENT_LIST",
        /// GetHLSStreamingSessionURL.
        GetHlsStreamingSessionUrl = "GET_HLS_STREAMING_SESSION_URL",
        /// GetDASHStreamingSessionURL.
        GetDashStreamingSessionUrl = "GET_DASH_STREAMING_SESSION_URL",
        /// GetClip.
        GetClip = "GET_CLIP",
        /// GetImages.
        GetImages = "GET_IMAGES",
    }
}

wire_enum! {
    /// What PutMedia's timecodes count from.
    FragmentTimecodeType {
        /// From 1970.
        Absolute = "ABSOLUTE",
        /// From the producer's start.
        Relative = "RELATIVE",
    }
}

wire_enum! {
    /// Where GetMedia starts.
    StartSelectorType {
        /// After the fragment `AfterFragmentNumber`.
        FragmentNumber = "FRAGMENT_NUMBER",
        /// At the fragment that holds `StartTimestamp` of the server.
        ServerTimestamp = "SERVER_TIMESTAMP",
        /// At the fragment that holds `StartTimestamp` of the producer.
        ProducerTimestamp = "PRODUCER_TIMESTAMP",
        /// At the newest fragment.
        Now = "NOW",
        /// At the oldest fragment.
        Earliest = "EARLIEST",
        /// Where an earlier answer ended: `ContinuationToken`.
        ContinuationToken = "CONTINUATION_TOKEN",
    }
}

/// KVS API_GetDataEndpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetDataEndpointInput {
    /// Either this or the ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream_name: Option<String>,
    /// Either this or the name.
    #[serde(rename = "StreamARN", default, skip_serializing_if = "Option::is_none")]
    pub stream_arn: Option<String>,
    /// What for.
    #[serde(rename = "APIName")]
    pub api_name: ApiName,
}

/// KVS API_GetDataEndpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetDataEndpointOutput {
    /// A base URL; the caller appends the operation's path.
    pub data_endpoint: String,
}

/// KVS API_StartSelector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct StartSelector {
    /// How the start is given.
    pub start_selector_type: StartSelectorType,
    /// For `FRAGMENT_NUMBER`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_fragment_number: Option<String>,
    /// For the two time stamps.
    #[serde(default, with = "timestamp_option", skip_serializing_if = "Option::is_none")]
    pub start_timestamp: Option<Timestamp>,
    /// For `CONTINUATION_TOKEN`; Vigie's tokens, like the service's, are fragment numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continuation_token: Option<String>,
}

/// Where GetMedia starts, with exactly what it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At the newest fragment.
    Now,
    /// At the oldest fragment.
    Earliest,
    /// At the first fragment after this one.
    After(FragmentNumber),
    /// At the fragment that holds this instant of the server's clock.
    ServerTimestamp(Timestamp),
    /// At the fragment that holds this instant of the producer's clock.
    ProducerTimestamp(Timestamp),
}

impl StartSelector {
    /// The start; an error that names the member when the one that the type needs is missing or unreadable. Members
    /// that the type does not need are ignored.
    pub fn start(&self) -> Result<Start, KvsError> {
        let kind = self.start_selector_type;
        let missing = |member| {
            KvsError::invalid_argument(format!(
                "StartSelector.{member} must be given when StartSelectorType is {kind}"
            ))
        };
        let after = |number: &Option<String>, member: &'static str| -> Result<Start, KvsError> {
            let number = number.as_deref().ok_or_else(|| missing(member))?;
            number.parse().map(Start::After).map_err(|error| {
                KvsError::invalid_argument(format!("StartSelector.{member}: {error}"))
            })
        };
        let time = || self.start_timestamp.ok_or_else(|| missing("StartTimestamp"));
        Ok(match kind {
            StartSelectorType::Now => Start::Now,
            StartSelectorType::Earliest => Start::Earliest,
            StartSelectorType::FragmentNumber => {
                after(&self.after_fragment_number, "AfterFragmentNumber")?
            }
            StartSelectorType::ContinuationToken => {
                after(&self.continuation_token, "ContinuationToken")?
            }
            StartSelectorType::ServerTimestamp => Start::ServerTimestamp(time()?),
            StartSelectorType::ProducerTimestamp => Start::ProducerTimestamp(time()?),
        })
    }
}

/// KVS API_GetMedia. The answer is Matroska.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetMediaInput {
    /// Either this or the ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream_name: Option<String>,
    /// Either this or the name.
    #[serde(rename = "StreamARN", default, skip_serializing_if = "Option::is_none")]
    pub stream_arn: Option<String>,
    /// Where to start.
    pub start_selector: StartSelector,
}

identifies_stream!(GetDataEndpointInput, GetMediaInput);

/// KVS API_PutMedia, read from the request's headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutMediaInput {
    /// Which stream.
    pub stream: StreamIdentifier,
    /// What timecodes count from.
    pub fragment_timecode_type: FragmentTimecodeType,
    /// What relative timecodes count from; every known producer sends it.
    pub producer_start_timestamp: Option<Timestamp>,
    /// Whether acknowledgements are wanted; only `x-amzn-fragment-acknowledgment-required: 0` says no.
    pub acknowledgements_wanted: bool,
}

impl PutMediaInput {
    /// Reads the headers. `value` gives a header's value by its lower-case name, `None` when it is absent.
    pub fn from_headers<'a>(value: impl Fn(&str) -> Option<&'a str>) -> Result<Self, KvsError> {
        let (name, arn) = (value(header::STREAM_NAME), value(header::STREAM_ARN));
        let timecode_type = value(header::FRAGMENT_TIMECODE_TYPE);
        let acknowledgement = value(header::FRAGMENT_ACKNOWLEDGMENT_REQUIRED);
        let input = serde_json::json!({
            "StreamName": name,
            "StreamARN": arn,
            "FragmentTimecodeType": timecode_type,
        });
        validate(&PUT_MEDIA, &input)?;
        let producer_start_timestamp = match value(header::PRODUCER_START_TIMESTAMP) {
            None => None,
            // The header on acknowledgements gives Amazon's C producers away, see the parser.
            Some(text) => {
                Some(parse_producer_start_timestamp(text, acknowledgement.is_some()).ok_or_else(
                    || {
                        KvsError::invalid_argument(
                            "ProducerStartTimestamp must be a time in seconds since 1970",
                        )
                    },
                )?)
            }
        };
        let fragment_timecode_type = timecode_type
            .and_then(FragmentTimecodeType::from_wire)
            .ok_or_else(|| KvsError::invalid_argument("FragmentTimecodeType must be given"))?;
        if fragment_timecode_type == FragmentTimecodeType::Relative
            && producer_start_timestamp.is_none()
        {
            return Err(KvsError::invalid_argument(
                "ProducerStartTimestamp must be given when FragmentTimecodeType is RELATIVE",
            ));
        }
        Ok(Self {
            stream: StreamIdentifier::of(name, arn)?,
            fragment_timecode_type,
            producer_start_timestamp,
            acknowledgements_wanted: acknowledgement.is_none_or(|value| value.trim() != "0"),
        })
    }
}
