//! G.711 in Matroska: `A_MS/ACM` with a WAVEFORMATEX, as Amazon's producers send it.

use bytes::Bytes;

use super::CodecError;
use crate::{AudioSettings, Track, TrackKind, codec_id};

/// Which of the two companding laws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Law {
    /// A-law, `WAVE_FORMAT_ALAW` (6); PCMA in RTP.
    A,
    /// µ-law, `WAVE_FORMAT_MULAW` (7); PCMU in RTP.
    Mu,
}

/// What a WAVEFORMATEX of G.711 says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaveFormat {
    /// `wFormatTag`.
    pub law: Law,
    /// `nSamplesPerSec`.
    pub sampling_frequency_hz: u32,
    /// `nChannels`.
    pub channels: u16,
}

impl WaveFormat {
    /// Parses a WAVEFORMATEX (or the 16 bytes of a WAVEFORMAT). Rates and block sizes are not looked at:
    /// Amazon's C producer writes wrong ones.
    pub fn parse(wave_format: &[u8]) -> Result<Self, CodecError> {
        let fixed =
            wave_format.first_chunk::<16>().ok_or(CodecError::Truncated("the WAVEFORMATEX"))?;
        let law = match u16::from_le_bytes([fixed[0], fixed[1]]) {
            6 => Law::A,
            7 => Law::Mu,
            _ => return Err(CodecError::Invalid("the WAVEFORMATEX is neither A-law nor µ-law")),
        };
        let channels = u16::from_le_bytes([fixed[2], fixed[3]]);
        let sampling_frequency_hz = u32::from_le_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]);
        if channels == 0 || sampling_frequency_hz == 0 {
            return Err(CodecError::Invalid("the WAVEFORMATEX has no channels or no frequency"));
        }
        Ok(Self { law, sampling_frequency_hz, channels })
    }

    /// The 18 bytes of the WAVEFORMATEX.
    pub fn to_bytes(&self) -> [u8; 18] {
        let tag: u16 = match self.law {
            Law::A => 6,
            Law::Mu => 7,
        };
        let bytes_per_second = self.sampling_frequency_hz.saturating_mul(u32::from(self.channels));
        let mut out = [0; 18]; // The last two bytes are cbSize, 0.
        out[0..2].copy_from_slice(&tag.to_le_bytes());
        out[2..4].copy_from_slice(&self.channels.to_le_bytes());
        out[4..8].copy_from_slice(&self.sampling_frequency_hz.to_le_bytes());
        out[8..12].copy_from_slice(&bytes_per_second.to_le_bytes());
        out[12..14].copy_from_slice(&self.channels.to_le_bytes()); // nBlockAlign: one byte a channel
        out[14..16].copy_from_slice(&8u16.to_le_bytes());
        out
    }

    /// 20 ms of silence; `None` of more channels than any sound has, for each takes memory.
    pub fn silence(&self) -> Option<Vec<u8>> {
        if self.channels > 8 {
            return None;
        }
        let silent = match self.law {
            Law::A => 0xD5,
            Law::Mu => 0xFF,
        };
        let samples = (self.sampling_frequency_hz / 50).clamp(1, 4096) as usize;
        Some(vec![silent; samples * usize::from(self.channels)])
    }

    /// Codec string: the MP4 sample entry's name, as RFC 6381 has no other for G.711.
    pub fn codec_string(&self) -> &'static str {
        match self.law {
            Law::A => "alaw",
            Law::Mu => "ulaw",
        }
    }
}

/// A Matroska track of G.711.
pub fn track(
    number: u64,
    name: &str,
    law: Law,
    sampling_frequency_hz: u32,
    channels: u16,
) -> Track {
    let format = WaveFormat { law, sampling_frequency_hz, channels };
    Track {
        number,
        kind: TrackKind::Audio,
        name: name.to_owned(),
        codec_id: codec_id::MS_ACM.to_owned(),
        codec_private: Bytes::copy_from_slice(&format.to_bytes()),
        video: None,
        audio: Some(AudioSettings {
            sampling_frequency_hz: f64::from(sampling_frequency_hz),
            channels: u32::from(channels),
            bit_depth: 8,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_of_amazons_producer_reads() {
        let sent = [6, 0, 1, 0, 0x40, 0x1F, 0, 0, 0xE8, 3, 0, 0, 1, 0, 0, 0, 0, 0];
        let expect = WaveFormat { law: Law::A, sampling_frequency_hz: 8000, channels: 1 };
        assert_eq!(WaveFormat::parse(&sent), Ok(expect));
    }

    #[test]
    fn what_is_built_reads_back() {
        for law in [Law::A, Law::Mu] {
            let format = WaveFormat { law, sampling_frequency_hz: 16000, channels: 2 };
            assert_eq!(WaveFormat::parse(&format.to_bytes()), Ok(format));
        }
    }

    #[test]
    fn silence_is_bounded_whatever_a_format_says() {
        let format = WaveFormat { law: Law::A, sampling_frequency_hz: 8000, channels: 2 };
        assert_eq!(format.silence(), Some(vec![0xD5; 320]));
        let fast = WaveFormat { law: Law::Mu, sampling_frequency_hz: u32::MAX, channels: 8 };
        assert_eq!(fast.silence().map(|silence| silence.len()), Some(4096 * 8));
        assert_eq!(WaveFormat { channels: u16::MAX, ..format }.silence(), None);
    }

    #[test]
    fn other_formats_are_refused() {
        let mut pcm =
            WaveFormat { law: Law::A, sampling_frequency_hz: 8000, channels: 1 }.to_bytes();
        pcm[0] = 1;
        assert!(WaveFormat::parse(&pcm).is_err());
        assert!(WaveFormat::parse(&pcm[..10]).is_err());
        assert!(WaveFormat::parse(&[6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]).is_err());
    }
}
