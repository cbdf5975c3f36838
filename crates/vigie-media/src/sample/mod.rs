//! Samples: the frames of stored fragments as MP4 and MPEG-TS want them, with decode times and durations.
//!
//! Matroska carries presentation times and the decode order, in milliseconds. MP4 and MPEG-TS want decode times and
//! durations as well; [`timing`] says by which rule they are derived. Frame data is never copied: a sample's data is
//! a slice of the fragment's bytes.

mod fragment;
mod samples;
pub mod timing;
mod track;

pub use fragment::{Unreadable, fragment_samples};
pub use samples::{Sample, TrackSamples};
pub use track::{CodecConfig, SampleTrack, VIDEO_TIMESCALE, sample_tracks};

use crate::codec::CodecError;
use crate::matroska::ReadError;

/// Why stored media cannot be given out as MP4 or MPEG-TS.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SampleError {
    /// The codec cannot be carried by what is to be written.
    #[error("track {track_number} has the codec {codec_id}, which cannot be played back")]
    UnsupportedCodec {
        /// Matroska `TrackNumber`.
        track_number: u64,
        /// Matroska `CodecID`, or the codec string where the codec is known but not carried.
        codec_id: String,
    },
    /// The track needs codec private data and has none.
    #[error("track {track_number} has no codec private data")]
    MissingCodecPrivate {
        /// Matroska `TrackNumber`.
        track_number: u64,
    },
    /// The codec private data cannot be read.
    #[error("track {track_number} has codec private data that cannot be read: {reason}")]
    InvalidCodecPrivate {
        /// Matroska `TrackNumber`.
        track_number: u64,
        /// What is wrong with it.
        reason: CodecError,
    },
    /// A frame is not what its track's codec says.
    #[error("a frame of track {track_number} at {timecode_ms} ms cannot be read: {reason}")]
    InvalidFrame {
        /// Matroska `TrackNumber`.
        track_number: u64,
        /// In the document's own time base.
        timecode_ms: i64,
        /// What is wrong with it.
        reason: CodecError,
    },
    /// The fragment's Matroska structure is broken.
    #[error("the fragment cannot be read: {0}")]
    Fragment(#[from] ReadError),
    /// More or larger media than the form can hold.
    #[error("{0}")]
    TooLarge(&'static str),
}
