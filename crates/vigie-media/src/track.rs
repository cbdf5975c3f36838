//! What a track is: the part of a Matroska `TrackEntry` that Vigie decides with.

use bytes::Bytes;

/// Codec ids of the Matroska codec registry and of Amazon's KVS producers.
pub mod codec_id {
    /// H.264, length-prefixed NAL units, `avcC` as CodecPrivate.
    pub const H264: &str = "V_MPEG4/ISO/AVC";
    /// H.265, length-prefixed NAL units, `hvcC` as CodecPrivate.
    pub const H265: &str = "V_MPEGH/ISO/HEVC";
    /// AAC without ADTS, AudioSpecificConfig as CodecPrivate.
    pub const AAC: &str = "A_AAC";
    /// Audio described by a `WAVEFORMATEX` CodecPrivate: G.711 A-law (tag 6) and µ-law (tag 7).
    pub const MS_ACM: &str = "A_MS/ACM";
    /// Opus packets, the identification header of RFC 7845 (`OpusHead`) as CodecPrivate.
    pub const OPUS: &str = "A_OPUS";
}

/// Matroska `TrackType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TrackKind {
    /// `TrackType` 1.
    Video,
    /// `TrackType` 2.
    Audio,
    /// Any other `TrackType`, kept as it came.
    Other(u8),
}

/// One track of a fragment's document.
#[derive(Clone, Debug, PartialEq)]
pub struct Track {
    /// Matroska `TrackNumber`, 1 and up; blocks refer to it.
    pub number: u64,
    /// Video, audio or another kind.
    pub kind: TrackKind,
    /// Human-readable name; may be empty.
    pub name: String,
    /// Matroska `CodecID`, see [`codec_id`].
    pub codec_id: String,
    /// Matroska `CodecPrivate`: avcC, hvcC, AudioSpecificConfig or WAVEFORMATEX; empty when absent.
    pub codec_private: Bytes,
    /// Present for video tracks.
    pub video: Option<VideoSettings>,
    /// Present for audio tracks.
    pub audio: Option<AudioSettings>,
}

/// Matroska `Video`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VideoSettings {
    /// `PixelWidth`.
    pub width_pixels: u32,
    /// `PixelHeight`.
    pub height_pixels: u32,
}

/// Matroska `Audio`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AudioSettings {
    /// `SamplingFrequency`.
    pub sampling_frequency_hz: f64,
    /// `Channels`.
    pub channels: u32,
    /// `BitDepth`; 0 when not said.
    pub bit_depth: u32,
}
