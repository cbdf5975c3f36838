//! Archived media: playback sessions of HLS and DASH.

use serde::{Deserialize, Serialize};
use vigie_media::Timestamp;

use super::archived_media::FragmentSelectorType;
use super::{identifies_stream, wire_enum};
use crate::error::KvsError;
use crate::wire::timestamp_option;

wire_enum! {
    /// How a session's fragments are chosen as time passes.
    PlaybackMode {
        /// The newest, as they are persisted.
        Live = "LIVE",
        /// From a point in the past on, as if live.
        LiveReplay = "LIVE_REPLAY",
        /// Those of a range, all at once.
        OnDemand = "ON_DEMAND",
    }
}

wire_enum! {
    /// What HLS media is packed in.
    ContainerFormat {
        /// `ftyp`, `moov`, then `moof` and `mdat` for each fragment.
        FragmentedMp4 = "FRAGMENTED_MP4",
        /// MPEG transport stream.
        MpegTs = "MPEG_TS",
    }
}

wire_enum! {
    /// Between which fragments of a playlist `EXT-X-DISCONTINUITY` stands.
    DiscontinuityMode {
        /// Between all.
        Always = "ALWAYS",
        /// Between none.
        Never = "NEVER",
        /// Where a gap or an overlap is longer than 50 ms.
        OnDiscontinuity = "ON_DISCONTINUITY",
    }
}

wire_enum! {
    /// Whether something is shown.
    Display {
        /// It is.
        Always = "ALWAYS",
        /// It is not.
        Never = "NEVER",
    }
}

/// KVS API_HLSTimestampRange and API_DASHTimestampRange.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SessionTimestampRange {
    /// The first instant.
    #[serde(default, with = "timestamp_option", skip_serializing_if = "Option::is_none")]
    pub start_timestamp: Option<Timestamp>,
    /// The last instant.
    #[serde(default, with = "timestamp_option", skip_serializing_if = "Option::is_none")]
    pub end_timestamp: Option<Timestamp>,
}

/// KVS API_HLSFragmentSelector and API_DASHFragmentSelector.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SessionFragmentSelector {
    /// Which clock; the server's when it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fragment_selector_type: Option<FragmentSelectorType>,
    /// Which range; none for LIVE.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp_range: Option<SessionTimestampRange>,
}

/// What a session plays, once its range has been checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionRange {
    /// The newest fragments.
    Live,
    /// Fragments from `start` on, up to `end` if there is one.
    LiveReplay {
        /// The first instant.
        start: Timestamp,
        /// The last instant.
        end: Option<Timestamp>,
    },
    /// Fragments that start within the range, both ends included.
    OnDemand {
        /// The first instant.
        start: Timestamp,
        /// The last instant.
        end: Timestamp,
    },
}

/// No range is longer.
const RANGE_HOURS_MAX: i64 = 24;

/// The rules between playback mode and range. `member` is the selector's name in the input.
fn session_range(
    mode: Option<PlaybackMode>,
    selector: Option<SessionFragmentSelector>,
    member: &str,
) -> Result<SessionRange, KvsError> {
    let refuse = |rule: &str| Err(KvsError::invalid_argument(format!("{member}.{rule}")));
    let range = selector.and_then(|selector| selector.timestamp_range);
    let SessionTimestampRange { start_timestamp: start, end_timestamp: end } =
        range.unwrap_or_default();
    if let (Some(start), Some(end)) = (start, end) {
        if end <= start {
            return refuse("TimestampRange.EndTimestamp must be later than StartTimestamp");
        }
        if end.millis_since(start) > RANGE_HOURS_MAX * 60 * 60 * 1000 {
            return refuse("TimestampRange.EndTimestamp must be within 24 hours of StartTimestamp");
        }
    }
    match (mode.unwrap_or(PlaybackMode::Live), start, end) {
        (PlaybackMode::Live, ..) if range.is_some() => {
            refuse("TimestampRange must not be given when PlaybackMode is LIVE")
        }
        (PlaybackMode::Live, ..) => Ok(SessionRange::Live),
        (PlaybackMode::LiveReplay, Some(start), end) => Ok(SessionRange::LiveReplay { start, end }),
        (PlaybackMode::LiveReplay, None, _) => {
            refuse("TimestampRange.StartTimestamp must be given when PlaybackMode is LIVE_REPLAY")
        }
        (PlaybackMode::OnDemand, Some(start), Some(end)) => {
            Ok(SessionRange::OnDemand { start, end })
        }
        (PlaybackMode::OnDemand, ..) => refuse(
            "TimestampRange.StartTimestamp and EndTimestamp must be given when PlaybackMode is \
             ON_DEMAND",
        ),
    }
}

/// KVS API_GetHLSStreamingSessionURL.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetHlsStreamingSessionUrlInput {
    /// Either this or the ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream_name: Option<String>,
    /// Either this or the name.
    #[serde(rename = "StreamARN", default, skip_serializing_if = "Option::is_none")]
    pub stream_arn: Option<String>,
    /// LIVE when it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub playback_mode: Option<PlaybackMode>,
    /// Which fragments.
    #[serde(rename = "HLSFragmentSelector", default, skip_serializing_if = "Option::is_none")]
    pub hls_fragment_selector: Option<SessionFragmentSelector>,
    /// FRAGMENTED_MP4 when it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container_format: Option<ContainerFormat>,
    /// ALWAYS by server timestamps, NEVER by producer timestamps, when it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discontinuity_mode: Option<DiscontinuityMode>,
    /// NEVER when it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_fragment_timestamp: Option<Display>,
    /// Seconds, 300..=43200; 300 when it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<i64>,
    /// 1..=5000; 5 when it is left out, or 1000 on demand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_media_playlist_fragment_results: Option<i64>,
}

impl GetHlsStreamingSessionUrlInput {
    /// What the session plays.
    pub fn range(&self) -> Result<SessionRange, KvsError> {
        session_range(self.playback_mode, self.hls_fragment_selector, "HLSFragmentSelector")
    }
}

/// KVS API_GetHLSStreamingSessionURL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetHlsStreamingSessionUrlOutput {
    /// The URL of the master playlist, with its session token.
    #[serde(rename = "HLSStreamingSessionURL")]
    pub hls_streaming_session_url: String,
}

/// KVS API_GetDASHStreamingSessionURL.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetDashStreamingSessionUrlInput {
    /// Either this or the ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream_name: Option<String>,
    /// Either this or the name.
    #[serde(rename = "StreamARN", default, skip_serializing_if = "Option::is_none")]
    pub stream_arn: Option<String>,
    /// LIVE when it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub playback_mode: Option<PlaybackMode>,
    /// NEVER when it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_fragment_timestamp: Option<Display>,
    /// NEVER when it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_fragment_number: Option<Display>,
    /// Which fragments.
    #[serde(rename = "DASHFragmentSelector", default, skip_serializing_if = "Option::is_none")]
    pub dash_fragment_selector: Option<SessionFragmentSelector>,
    /// Seconds, 300..=43200; 300 when it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<i64>,
    /// 1..=5000; 5 when it is left out, or 1000 on demand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_manifest_fragment_results: Option<i64>,
}

impl GetDashStreamingSessionUrlInput {
    /// What the session plays.
    pub fn range(&self) -> Result<SessionRange, KvsError> {
        session_range(self.playback_mode, self.dash_fragment_selector, "DASHFragmentSelector")
    }
}

/// KVS API_GetDASHStreamingSessionURL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetDashStreamingSessionUrlOutput {
    /// The URL of the manifest, with its session token.
    #[serde(rename = "DASHStreamingSessionURL")]
    pub dash_streaming_session_url: String,
}

identifies_stream!(GetHlsStreamingSessionUrlInput, GetDashStreamingSessionUrlInput);

#[cfg(test)]
mod tests {
    use super::*;

    fn check(
        mode: Option<PlaybackMode>,
        range: Option<(Option<i64>, Option<i64>)>,
        expect: Result<SessionRange, &str>,
    ) {
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1000);
        let timestamp_range = range.map(|(start, end)| SessionTimestampRange {
            start_timestamp: start.map(at),
            end_timestamp: end.map(at),
        });
        let selector = SessionFragmentSelector { fragment_selector_type: None, timestamp_range };
        let found = session_range(mode, Some(selector), "S");
        let found = found.map_err(|error| error.message);
        assert_eq!(found, expect.map_err(|text| format!("S.TimestampRange{text}")));
    }

    #[test]
    fn each_playback_mode_wants_its_own_range() {
        use PlaybackMode::*;
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1000);
        let day = 24 * 60 * 60;
        check(None, None, Ok(SessionRange::Live));
        check(Some(Live), None, Ok(SessionRange::Live));
        check(
            Some(Live),
            Some((Some(1), Some(2))),
            Err(" must not be given when PlaybackMode is LIVE"),
        );
        let replay = |end| Ok(SessionRange::LiveReplay { start: at(1), end });
        check(Some(LiveReplay), Some((Some(1), None)), replay(None));
        check(Some(LiveReplay), Some((Some(1), Some(9))), replay(Some(at(9))));
        let no_start = ".StartTimestamp must be given when PlaybackMode is LIVE_REPLAY";
        check(Some(LiveReplay), Some((None, Some(9))), Err(no_start));
        check(Some(LiveReplay), None, Err(no_start));
        let on_demand = |end| Ok(SessionRange::OnDemand { start: at(1), end: at(end) });
        check(Some(OnDemand), Some((Some(1), Some(1 + day))), on_demand(1 + day));
        let no_range =
            ".StartTimestamp and EndTimestamp must be given when PlaybackMode is ON_DEMAND";
        for range in [None, Some((Some(1), None)), Some((None, Some(1)))] {
            check(Some(OnDemand), range, Err(no_range));
        }
        for mode in [OnDemand, LiveReplay] {
            let order = ".EndTimestamp must be later than StartTimestamp";
            check(Some(mode), Some((Some(2), Some(2))), Err(order));
            let too_long = ".EndTimestamp must be within 24 hours of StartTimestamp";
            check(Some(mode), Some((Some(1), Some(2 + day))), Err(too_long));
        }
    }

    #[test]
    fn inputs_and_outputs_have_the_names_of_the_model() {
        let input = r#"{"StreamName":"gate","PlaybackMode":"ON_DEMAND","HLSFragmentSelector":
            {"FragmentSelectorType":"SERVER_TIMESTAMP","TimestampRange":{"StartTimestamp":1.5,
            "EndTimestamp":2}},"ContainerFormat":"MPEG_TS","DiscontinuityMode":"ON_DISCONTINUITY",
            "DisplayFragmentTimestamp":"ALWAYS","Expires":300,"MaxMediaPlaylistFragmentResults":7}"#;
        let input: GetHlsStreamingSessionUrlInput = serde_json::from_str(input).unwrap();
        assert_eq!(input.container_format, Some(ContainerFormat::MpegTs));
        let (start, end) = (Timestamp::from_millis(1500), Timestamp::from_millis(2000));
        assert_eq!(input.range(), Ok(SessionRange::OnDemand { start, end }));
        let output = GetDashStreamingSessionUrlOutput { dash_streaming_session_url: "u".into() };
        let text = serde_json::to_string(&output).unwrap();
        assert_eq!(text, r#"{"DASHStreamingSessionURL":"u"}"#);
    }
}
