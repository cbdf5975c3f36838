//! A frame: one coded picture or one block of audio, with the time it belongs to.

use crate::{FrameData, Timestamp};

/// One frame of one track. `data` is in the form that Matroska stores (length-prefixed NAL units for H.26x,
/// raw AAC without ADTS, raw G.711 bytes).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The [`crate::Track::number`] it belongs to.
    pub track_number: u64,
    /// Presentation time. On the hub this is the producer's wall clock.
    pub timestamp: Timestamp,
    /// Whether decoding can start here. Audio frames are all key frames.
    pub key_frame: bool,
    /// The coded bytes.
    pub data: FrameData,
}
