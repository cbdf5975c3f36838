//! What comes of a camera's media.

use std::time::Duration;

use vigie_media::{FrameData, Track};

use crate::Deviation;

/// One access unit of video, or one frame of audio.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessUnit {
    /// [`Track::number`].
    pub track_number: u64,
    /// Microseconds on the track's own RTP clock, unwrapped, from anywhere. They may jump either way, as the camera's do.
    pub media_us: i64,
    /// When its last packet arrived, on the monotonic clock.
    pub arrival: Duration,
    /// Whether decoding can start here.
    pub key_frame: bool,
    /// Packets that were lost or unusable before it or inside it, since the access unit before.
    pub packets_lost: u32,
    /// The coded bytes as Matroska stores them: slices of what was received, with lengths between.
    pub data: FrameData,
}

/// One unit of metadata (`m=application`): of ONVIF an XML document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// The medium it came by, as it was added.
    pub medium: usize,
    /// Microseconds on its own RTP clock, see [`AccessUnit::media_us`].
    pub media_us: i64,
    /// When its last packet arrived, on the monotonic clock.
    pub arrival: Duration,
    /// The bytes as the camera sent them.
    pub data: FrameData,
}

/// What the media of a session gives, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum MediaEvent {
    /// The tracks of the access units that follow, video first. Said before the first of them and whenever parameter
    /// sets change.
    Tracks(Vec<Track>),
    /// An access unit of a track that was said.
    AccessUnit(AccessUnit),
    /// A unit of metadata. It is of no track.
    Metadata(Metadata),
    /// Something was not as it should be, and is lived with.
    Deviation(Deviation),
    /// The camera said that its video ends (RTCP BYE).
    VideoEnded,
}
