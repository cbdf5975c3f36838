//! AAC: AudioSpecificConfig (ISO/IEC 14496-3 §1.6.2.1).

use bytes::Bytes;

use super::CodecError;
use super::bits::{BitReader, BitWriter};
use crate::{AudioSettings, Track, TrackKind, codec_id};

/// What the config says of the core coder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AudioSpecificConfig {
    /// Audio object type: 2 for AAC-LC, 5 for HE-AAC, 29 for HE-AAC v2.
    pub object_type: u8,
    /// Of the core coder; a decoder of spectral band replication puts out twice this.
    pub sampling_frequency_hz: u32,
    /// 0 when the stream itself says it (program config element).
    pub channels: u32,
    /// 1024, or 960 of some broadcasters.
    pub samples_per_frame: u32,
}

const FREQUENCIES_HZ: [u32; 13] =
    [96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350];

impl AudioSpecificConfig {
    /// Parses the config; the bytes after the core coder's part (as AAC encoders append for backward
    /// compatible spectral band replication) are left aside.
    pub fn parse(config: &[u8]) -> Result<Self, CodecError> {
        let mut bits = BitReader::new(config, "the AudioSpecificConfig");
        let object_type = object_type(&mut bits)?;
        let sampling_frequency_hz = frequency(&mut bits)?;
        let channels = match bits.bits(4)? {
            7 => 8,
            channels @ 0..=6 => channels,
            _ => return Err(CodecError::Invalid("the AAC channel configuration is unknown")),
        };
        if matches!(object_type, 5 | 29) {
            frequency(&mut bits)?;
            self::object_type(&mut bits)?;
        }
        let samples_per_frame = if bits.flag()? { 960 } else { 1024 };
        Ok(Self { object_type, sampling_frequency_hz, channels, samples_per_frame })
    }

    /// The two bytes of a plain AAC-LC config; `None` when the frequency or the channels have no index.
    pub fn aac_lc(sampling_frequency_hz: u32, channels: u32) -> Option<[u8; 2]> {
        let frequency = u16::from(frequency_index(sampling_frequency_hz)?);
        let channels = match channels {
            1..=6 => channels as u16,
            8 => 7,
            _ => return None,
        };
        Some((2 << 11 | frequency << 7 | channels << 3).to_be_bytes())
    }

    /// A frame of silence (ISO/IEC 14496-3 §4.4.2): each channel without a spectrum. `None` where the core coder is not AAC-LC or
    /// the stream itself says which channels there are.
    pub fn silence(&self) -> Option<Vec<u8>> {
        const SINGLE: u32 = 0;
        const PAIR: u32 = 1;
        const LOW_FREQUENCIES: u32 = 3;
        const END: u32 = 7;
        let elements: &[(u32, u32)] = match self.channels {
            1 => &[(SINGLE, 0)],
            2 => &[(PAIR, 0)],
            3 => &[(SINGLE, 0), (PAIR, 0)],
            4 => &[(SINGLE, 0), (PAIR, 0), (SINGLE, 1)],
            5 => &[(SINGLE, 0), (PAIR, 0), (PAIR, 1)],
            6 => &[(SINGLE, 0), (PAIR, 0), (PAIR, 1), (LOW_FREQUENCIES, 0)],
            8 => &[(SINGLE, 0), (PAIR, 0), (PAIR, 1), (PAIR, 2), (LOW_FREQUENCIES, 0)],
            _ => return None,
        };
        if !matches!(self.object_type, 2 | 5 | 29) {
            return None;
        }
        let mut out = BitWriter::default();
        for &(element, instance) in elements {
            out.put(element, 3);
            out.put(instance, 4);
            if element == PAIR {
                out.put(0, 1); // no window in common
            }
            for _ in 0..if element == PAIR { 2 } else { 1 } {
                // global_gain; one long window, of which no scale factor band is sent; no pulses, shaping or gain control.
                out.put(0, 8 + 11 + 3);
            }
        }
        out.put(END, 3);
        Some(out.into_bytes())
    }

    /// RFC 6381 codec string.
    pub fn codec_string(&self) -> String {
        format!("mp4a.40.{}", self.object_type)
    }
}

/// The index that stands for a sampling frequency, in the config and in ADTS headers.
pub(crate) fn frequency_index(sampling_frequency_hz: u32) -> Option<u8> {
    FREQUENCIES_HZ.iter().position(|&hz| hz == sampling_frequency_hz).map(|index| index as u8)
}

fn object_type(bits: &mut BitReader<'_>) -> Result<u8, CodecError> {
    match bits.bits(5)? {
        31 => Ok(32 + bits.bits(6)? as u8),
        0 => Err(CodecError::Invalid("the AAC object type is 0")),
        object_type => Ok(object_type as u8),
    }
}

fn frequency(bits: &mut BitReader<'_>) -> Result<u32, CodecError> {
    let hz = match bits.bits(4)? as usize {
        15 => bits.bits(24)?,
        index => *FREQUENCIES_HZ
            .get(index)
            .ok_or(CodecError::Invalid("the AAC sampling frequency index is reserved"))?,
    };
    if hz == 0 { Err(CodecError::Invalid("the AAC sampling frequency is 0")) } else { Ok(hz) }
}

/// A Matroska track of this AudioSpecificConfig.
pub fn track(number: u64, name: &str, config: Bytes) -> Result<Track, CodecError> {
    let parsed = AudioSpecificConfig::parse(&config)?;
    Ok(Track {
        number,
        kind: TrackKind::Audio,
        name: name.to_owned(),
        codec_id: codec_id::AAC.to_owned(),
        codec_private: config,
        video: None,
        audio: Some(AudioSettings {
            sampling_frequency_hz: f64::from(parsed.sampling_frequency_hz),
            channels: parsed.channels,
            bit_depth: 0,
        }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configs_of_real_producers_read() {
        let check = |config: &[u8], object_type, sampling_frequency_hz, channels| {
            let samples_per_frame = 1024;
            let expect = AudioSpecificConfig {
                object_type,
                sampling_frequency_hz,
                channels,
                samples_per_frame,
            };
            assert_eq!(AudioSpecificConfig::parse(config), Ok(expect), "{config:02x?}");
        };
        check(&[0x12, 0x08, 0x56, 0xE5, 0x00], 2, 44100, 1); // kvssink
        check(&[0x11, 0x90], 2, 48000, 2); // Amazon's C producer
        check(&[0x15, 0x88], 2, 8000, 1); // embedded-c
        check(&[0x2B, 0x11, 0x88, 0x00], 5, 24000, 2); // HE-AAC, signalled explicitly
    }

    #[test]
    fn broken_configs_are_refused() {
        let check = |config: &[u8]| assert!(AudioSpecificConfig::parse(config).is_err());
        check(&[]);
        check(&[0x12]);
        check(&[0x00, 0x10]);
        check(&[0x16, 0x90]); // reserved frequency index
        check(&[0x12, 0x70]); // reserved channel configuration
    }

    #[test]
    fn a_built_config_reads_back() {
        assert_eq!(AudioSpecificConfig::aac_lc(48000, 2), Some([0x11, 0x90]));
        assert_eq!(AudioSpecificConfig::aac_lc(8000, 1), Some([0x15, 0x88]));
        assert_eq!(AudioSpecificConfig::aac_lc(44101, 2), None);
        let parsed = AudioSpecificConfig::parse(&[0x11, 0x90]).unwrap();
        assert_eq!(parsed.codec_string(), "mp4a.40.2");
    }
}
