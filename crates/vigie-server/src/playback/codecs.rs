//! What a session is told of the codecs in its fragments. Decides nothing.

use serde::{Deserialize, Serialize};

/// What is in a fragment, as far as a session has to know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Codecs {
    /// The codec of the video track.
    #[serde(rename = "v", default, skip_serializing_if = "Option::is_none")]
    pub video: Option<VideoCodec>,
    /// The codec of the audio track that is played.
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    pub audio: Option<AudioCodec>,
}

/// A codec of pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) enum VideoCodec {
    #[serde(rename = "4")]
    H264,
    #[serde(rename = "5")]
    H265,
}

/// A codec of sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) enum AudioCodec {
    #[serde(rename = "c")]
    Aac,
    #[serde(rename = "7")]
    G711,
    #[serde(rename = "o")]
    Opus,
}
