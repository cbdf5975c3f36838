//! What a fragment has of each track. Decides nothing.

use bytes::Bytes;

use super::SampleTrack;

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Presentation time in milliseconds after the Cluster's timestamp; may be negative.
    pub offset_ms: i64,
    /// Whether decoding can start here; always of audio.
    pub key_frame: bool,
    /// The coded bytes, a slice of the fragment.
    pub data: Bytes,
}

/// The frames of one track in a fragment, in decode order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackSamples<'a> {
    /// Whose they are.
    pub track: &'a SampleTrack,
    /// `DefaultDuration` of the document, for a fragment of a single frame.
    pub default_duration_ns: Option<u64>,
    /// The frames; none when the fragment holds none of this track.
    pub samples: Vec<Sample>,
}
