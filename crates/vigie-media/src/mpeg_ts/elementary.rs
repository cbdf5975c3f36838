//! Elementary streams: what of a track's samples goes into one PES packet, and in which bytes.

use bytes::Bytes;

use crate::codec::aac::{self, AudioSpecificConfig};
use crate::codec::h264::AvcConfig;
use crate::codec::h265::HevcConfig;
use crate::codec::nal;
use crate::fmp4::SegmentPlace;
use crate::sample::timing::{DecodeTimes, TimedSample};
use crate::sample::{CodecConfig, SampleError, SampleTrack, TrackSamples};

/// Bytes of AAC in one PES packet, so that small frames do not each fill up a packet of their own.
const AUDIO_BYTES_MAX: usize = 2800;

/// A track as an elementary stream.
pub(super) enum Elementary<'a> {
    H264(&'a AvcConfig),
    H265(&'a HevcConfig),
    Aac(&'a SampleTrack, Adts),
}

/// The clock of MPEG-TS, in units per second.
pub(super) const CLOCK_HZ: u32 = 90_000;

/// The payload of one PES packet: a picture, or AAC frames that follow one another.
pub(super) struct AccessUnit {
    /// In units of [`CLOCK_HZ`].
    pub(super) dts: i64,
    pub(super) pts: i64,
    pub(super) key_frame: bool,
    /// Slices of the fragment and what is put between them, in order.
    pub(super) pieces: Vec<Bytes>,
}

impl<'a> Elementary<'a> {
    pub(super) fn new(track: &'a SampleTrack) -> Result<Self, SampleError> {
        match track.config() {
            CodecConfig::H264(config) => Ok(Self::H264(config)),
            CodecConfig::H265(config) => Ok(Self::H265(config)),
            CodecConfig::Aac(config, _) => {
                let adts = Adts::new(config).ok_or_else(|| unsupported(track))?;
                Ok(Self::Aac(track, adts))
            }
            CodecConfig::G711(_) | CodecConfig::G711AsFlac(_) | CodecConfig::Opus(_) => {
                Err(unsupported(track))
            }
        }
    }

    pub(super) fn stream_type(&self) -> u8 {
        match self {
            Self::H264(_) => 0x1B,
            Self::H265(_) => 0x24,
            Self::Aac(..) => 0x0F,
        }
    }

    pub(super) fn stream_id(&self) -> u8 {
        match self {
            Self::H264(_) | Self::H265(_) => 0xE0,
            Self::Aac(..) => 0xC0,
        }
    }

    pub(super) fn access_units(
        &self,
        samples: &TrackSamples<'_>,
        place: &SegmentPlace,
    ) -> Result<Vec<AccessUnit>, SampleError> {
        let timed = samples.timed(DecodeTimes::BeforePresentation, place.start_ms, place.end_ms);
        let mut units: Vec<AccessUnit> = match self {
            Self::H264(config) => timed.iter().map(|sample| h264(config, sample)).collect(),
            Self::H265(config) => timed.iter().map(|sample| h265(config, sample)).collect(),
            Self::Aac(track, adts) => return aac(track, adts, &timed),
        };
        // Of pictures that are reordered ffmpeg takes no decode time that is the presentation time: it makes up its
        // own, which collides with the fragment before. One tick is enough.
        if units.iter().any(|unit| unit.dts != unit.pts) {
            units.iter_mut().for_each(|unit| unit.dts = unit.dts.saturating_sub(1).max(0));
        }
        Ok(units)
    }
}

fn unsupported(track: &SampleTrack) -> SampleError {
    SampleError::UnsupportedCodec {
        track_number: track.number().into(),
        codec_id: track.codec_string(),
    }
}

const START_CODE: Bytes = Bytes::from_static(&[0, 0, 0, 1]);

/// The delimiter is always ours, so that exactly one stands first.
fn h264(config: &AvcConfig, sample: &TimedSample) -> AccessUnit {
    const SPS: u8 = 7;
    const DELIMITER: u8 = 9;
    let nal_type = |unit: &[u8]| unit[0] & 0x1F;
    let sets = [&config.sps, &config.pps];
    let delimiter = Bytes::from_static(&[0, 0, 0, 1, 0x09, 0xF0]);
    picture(sample, config.nal_length_size, delimiter, &sets, |unit| match nal_type(unit) {
        DELIMITER => Unit::Delimiter,
        SPS => Unit::ParameterSet,
        _ => Unit::Other,
    })
}

fn h265(config: &HevcConfig, sample: &TimedSample) -> AccessUnit {
    const SPS: u8 = 33;
    const DELIMITER: u8 = 35;
    let nal_type = |unit: &[u8]| unit[0] >> 1 & 0x3F;
    let sets = [&config.vps, &config.sps, &config.pps];
    let delimiter = Bytes::from_static(&[0, 0, 0, 1, 0x46, 0x01, 0x50]);
    picture(sample, config.nal_length_size, delimiter, &sets, |unit| match nal_type(unit) {
        DELIMITER => Unit::Delimiter,
        SPS => Unit::ParameterSet,
        _ => Unit::Other,
    })
}

enum Unit {
    Delimiter,
    ParameterSet,
    Other,
}

fn picture(
    sample: &TimedSample,
    nal_length_size: usize,
    delimiter: Bytes,
    sets: &[&Vec<Bytes>],
    kind: impl Fn(&[u8]) -> Unit,
) -> AccessUnit {
    // What cannot be followed was refused when the sample was read.
    let units = || nal::length_prefixed(&sample.data, nal_length_size).map_while(Result::ok);
    let mut pieces = vec![delimiter];
    // A stream that repeats its parameter sets knows better than its header which ones hold.
    let has_sets = units().any(|unit| matches!(kind(unit), Unit::ParameterSet));
    if sample.key_frame && !has_sets {
        for set in sets.iter().copied().flatten() {
            pieces.extend([START_CODE, set.clone()]);
        }
    }
    for unit in units().filter(|unit| !matches!(kind(unit), Unit::Delimiter)) {
        pieces.extend([START_CODE, sample.data.slice_ref(unit)]);
    }
    let dts = i64::try_from(sample.dts).unwrap_or(i64::MAX);
    let pts = dts.saturating_add(sample.composition_offset.into());
    AccessUnit { dts, pts, key_frame: sample.key_frame, pieces }
}

fn aac(
    track: &SampleTrack,
    adts: &Adts,
    samples: &[TimedSample],
) -> Result<Vec<AccessUnit>, SampleError> {
    let mut units: Vec<AccessUnit> = Vec::new();
    let mut size_bytes = 0;
    // A frame joins the unit before it only if it follows without a gap, for just the first one has a time.
    let mut joins = false;
    for sample in samples {
        let head = adts
            .head(sample.data.len())
            .ok_or(SampleError::TooLarge("an AAC frame is too large for a transport stream"))?;
        let frame_bytes = head.len() + sample.data.len();
        let pieces = [Bytes::copy_from_slice(&head), sample.data.clone()];
        match units.last_mut() {
            Some(unit) if joins && size_bytes + frame_bytes <= AUDIO_BYTES_MAX => {
                unit.pieces.extend(pieces);
                size_bytes += frame_bytes;
            }
            _ => {
                let dts = u128::from(sample.dts) * u128::from(CLOCK_HZ);
                let dts = dts / u128::from(track.timescale().max(1));
                let dts = i64::try_from(dts).unwrap_or(i64::MAX);
                units.push(AccessUnit { dts, pts: dts, key_frame: true, pieces: pieces.into() });
                size_bytes = frame_bytes;
            }
        }
        joins = sample.duration == adts.samples_per_frame;
    }
    Ok(units)
}

/// What the ADTS header of every frame of a track says (ISO/IEC 14496-3 §1.A.2.2).
#[derive(Clone, Copy, Debug)]
pub(super) struct Adts {
    profile: u8,
    frequency_index: u8,
    channels: u8,
    samples_per_frame: u32,
}

impl Adts {
    /// `None` when ADTS has no words for the config.
    fn new(config: &AudioSpecificConfig) -> Option<Self> {
        let profile = match config.object_type {
            object_type @ 1..=4 => object_type - 1,
            // Spectral band replication and parametric stereo over AAC-LC; decoders find them by themselves.
            5 | 29 => 1,
            _ => return None,
        };
        let channels = match config.channels {
            channels @ 1..=6 => channels as u8,
            8 => 7,
            _ => return None,
        };
        let frequency_index = aac::frequency_index(config.sampling_frequency_hz)?;
        let samples_per_frame = config.samples_per_frame;
        let plain = samples_per_frame == 1024;
        plain.then_some(Self { profile, frequency_index, channels, samples_per_frame })
    }

    fn head(&self, data_bytes: usize) -> Option<[u8; 7]> {
        let frame_bytes = u16::try_from(data_bytes + 7).ok().filter(|&bytes| bytes < 1 << 13)?;
        Some([
            0xFF,
            0xF1, // MPEG-4, no checksum
            self.profile << 6 | self.frequency_index << 2 | self.channels >> 2,
            self.channels << 6 | (frame_bytes >> 11) as u8,
            (frame_bytes >> 3) as u8,
            (frame_bytes << 5) as u8 | 0x1F, // buffer fullness: variable rate
            0xFC,
        ])
    }
}
