//! A track whose codec parameters have been read, ready to be written to MP4 or MPEG-TS.

use bytes::Bytes;

use super::SampleError;
use crate::codec::aac::AudioSpecificConfig;
use crate::codec::g711::WaveFormat;
use crate::codec::h264::AvcConfig;
use crate::codec::h265::HevcConfig;
use crate::codec::opus::{self, OpusHead};
use crate::codec::{CodecError, flac, nal};
use crate::{Track, TrackKind, VideoSettings, codec_id};

/// Units per second of video times in MP4: MPEG's clock, of which a millisecond is a whole number.
pub const VIDEO_TIMESCALE: u32 = 90_000;

/// Codec ids as the KVS API pages spell them; producers send those of the Matroska registry.
const H264_OF_API_PAGES: &str = "V_MPEG/ISO/AVC";
const H265_OF_API_PAGES: &str = "V_MPEG/ISO/HEVC";

/// The codec of a track with its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CodecConfig {
    /// `avc1`.
    H264(AvcConfig),
    /// `hvc1`.
    H265(HevcConfig),
    /// `mp4a`: what was read, and the AudioSpecificConfig as it came.
    Aac(AudioSpecificConfig, Bytes),
    /// `alaw` or `ulaw`.
    G711(WaveFormat),
    /// `fLaC`: the stored frames are G.711, those that are written FLAC of its samples.
    G711AsFlac(WaveFormat),
    /// `Opus`.
    Opus(OpusHead),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SampleTrack {
    number: u32,
    config: CodecConfig,
    size: Option<VideoSettings>,
}

/// All tracks of a document, in its order.
pub fn sample_tracks(tracks: &[Track]) -> Result<Vec<SampleTrack>, SampleError> {
    tracks.iter().map(SampleTrack::new).collect()
}

impl SampleTrack {
    /// Reads the codec private data of a track.
    pub fn new(track: &Track) -> Result<Self, SampleError> {
        let track_number = track.number;
        let unsupported =
            || SampleError::UnsupportedCodec { track_number, codec_id: track.codec_id.clone() };
        let invalid = |reason| SampleError::InvalidCodecPrivate { track_number, reason };
        let number = u32::try_from(track_number).map_err(|_| unsupported())?;
        let private = &track.codec_private;
        let known = [
            codec_id::H264,
            codec_id::H265,
            codec_id::AAC,
            codec_id::MS_ACM,
            codec_id::OPUS,
            H264_OF_API_PAGES,
            H265_OF_API_PAGES,
        ];
        if !known.contains(&track.codec_id.as_str()) {
            return Err(unsupported());
        }
        if private.is_empty() {
            return Err(SampleError::MissingCodecPrivate { track_number });
        }
        let (config, size) = match track.codec_id.as_str() {
            codec_id::H264 | H264_OF_API_PAGES => {
                let config = AvcConfig::parse(private).map_err(invalid)?;
                config.to_avcc().map_err(invalid)?;
                let size = config.dimensions().map_err(invalid)?;
                (CodecConfig::H264(config), Some(size))
            }
            codec_id::H265 | H265_OF_API_PAGES => {
                let config = HevcConfig::parse(private).map_err(invalid)?;
                let size = config.dimensions();
                (CodecConfig::H265(config), Some(size))
            }
            codec_id::AAC => {
                let config = AudioSpecificConfig::parse(private).map_err(invalid)?;
                (CodecConfig::Aac(config, private.clone()), None)
            }
            codec_id::OPUS => (CodecConfig::Opus(OpusHead::parse(private).map_err(invalid)?), None),
            _ => (CodecConfig::G711(WaveFormat::parse(private).map_err(invalid)?), None),
        };
        Ok(Self { number, config, size })
    }

    /// G.711 as FLAC, which is how browsers play it; other tracks as they are.
    pub fn with_g711_as_flac(self) -> Result<Self, SampleError> {
        let CodecConfig::G711(format) = self.config else { return Ok(self) };
        let track_number = self.number.into();
        flac::check(&format)
            .map_err(|reason| SampleError::InvalidCodecPrivate { track_number, reason })?;
        Ok(Self { config: CodecConfig::G711AsFlac(format), ..self })
    }

    /// Matroska `TrackNumber`, which is the `track_ID` in MP4 as well.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Codec and parameters.
    pub fn config(&self) -> &CodecConfig {
        &self.config
    }

    /// Video or audio.
    pub fn kind(&self) -> TrackKind {
        match self.config {
            CodecConfig::H264(_) | CodecConfig::H265(_) => TrackKind::Video,
            CodecConfig::Aac(..)
            | CodecConfig::G711(_)
            | CodecConfig::G711AsFlac(_)
            | CodecConfig::Opus(_) => TrackKind::Audio,
        }
    }

    /// Picture size of a video track, as its parameter sets say.
    pub fn size(&self) -> Option<VideoSettings> {
        self.size
    }

    /// Units per second of its times in MP4: [`VIDEO_TIMESCALE`], or the sampling frequency.
    pub fn timescale(&self) -> u32 {
        match &self.config {
            CodecConfig::H264(_) | CodecConfig::H265(_) => VIDEO_TIMESCALE,
            CodecConfig::Aac(config, _) => config.sampling_frequency_hz,
            CodecConfig::G711(format) | CodecConfig::G711AsFlac(format) => {
                format.sampling_frequency_hz
            }
            CodecConfig::Opus(_) => opus::SAMPLING_FREQUENCY_HZ,
        }
    }

    /// RFC 6381 codec string, such as `avc1.4D4029`, `hvc1.1.6.L93.B0`, `mp4a.40.2`, `alaw`, `fLaC`, `Opus`.
    pub fn codec_string(&self) -> String {
        match &self.config {
            CodecConfig::H264(config) => config.codec_string(),
            CodecConfig::H265(config) => config.codec_string(),
            CodecConfig::Aac(config, _) => config.codec_string(),
            CodecConfig::G711(format) => format.codec_string().to_owned(),
            CodecConfig::G711AsFlac(_) => "fLaC".to_owned(),
            CodecConfig::Opus(_) => "Opus".to_owned(),
        }
    }

    /// How long a frame of an audio track plays by its codec, in units of [`Self::timescale`]; `None` of video, and of what does
    /// not say so.
    pub(super) fn nominal_duration(&self, data: &[u8]) -> Option<u32> {
        match &self.config {
            CodecConfig::H264(_) | CodecConfig::H265(_) => None,
            CodecConfig::Aac(config, _) => Some(config.samples_per_frame),
            // One byte a channel.
            CodecConfig::G711(format) | CodecConfig::G711AsFlac(format) => {
                u32::try_from(data.len() / usize::from(format.channels.max(1))).ok()
            }
            CodecConfig::Opus(_) => opus::packet_samples(data),
        }
    }

    /// A frame of silence; `None` of video, and of sound for which none is known.
    pub(super) fn silence(&self) -> Option<Bytes> {
        match &self.config {
            CodecConfig::H264(_) | CodecConfig::H265(_) => None,
            CodecConfig::Aac(config, _) => config.silence().map(Bytes::from),
            CodecConfig::G711(format) | CodecConfig::G711AsFlac(format) => {
                format.silence().map(Bytes::from)
            }
            CodecConfig::Opus(head) => Some(Bytes::copy_from_slice(&opus::silence(head.channels))),
        }
    }

    /// Whether the codec could have made these bytes, as far as that shows without decoding: the NAL units of a frame
    /// fill it exactly, and it is not empty.
    pub(super) fn check_frame(&self, data: &[u8]) -> Result<(), CodecError> {
        if data.is_empty() {
            return Err(CodecError::Truncated("a frame"));
        }
        let length_size = match &self.config {
            CodecConfig::H264(config) => config.nal_length_size,
            CodecConfig::H265(config) => config.nal_length_size,
            CodecConfig::Aac(..)
            | CodecConfig::G711(_)
            | CodecConfig::G711AsFlac(_)
            | CodecConfig::Opus(_) => return Ok(()),
        };
        let mut units = nal::length_prefixed(data, length_size).peekable();
        if units.peek().is_none() {
            return Err(CodecError::Truncated("a frame without a NAL unit"));
        }
        units.try_for_each(|unit| unit.map(drop))
    }
}
