//! Opus in Matroska: `A_OPUS` with an OpusHead as CodecPrivate (RFC 7845 section 5.1).

use bytes::Bytes;

use super::CodecError;
use crate::{AudioSettings, Track, TrackKind, codec_id};

/// The rate at which Opus always counts (RFC 7587 section 4.1, RFC 7845 section 4).
pub const SAMPLING_FREQUENCY_HZ: u32 = 48_000;

const MAGIC: &[u8; 8] = b"OpusHead";

/// What an OpusHead says, of mapping family 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpusHead {
    /// 1 or 2.
    pub channels: u8,
    /// Samples at 48 kHz that a player drops at the beginning.
    pub pre_skip: u16,
}

impl OpusHead {
    /// Reads an OpusHead; other mapping families than 0 (mono and stereo) are refused.
    pub fn parse(head: &[u8]) -> Result<Self, CodecError> {
        let fixed = head.first_chunk::<19>().ok_or(CodecError::Truncated("the OpusHead"))?;
        let [version, channels, skip_low, skip_high] = [fixed[8], fixed[9], fixed[10], fixed[11]];
        // Minor versions are compatible (RFC 7845 section 5.1).
        if !fixed.starts_with(MAGIC) || version >> 4 != 0 {
            return Err(CodecError::Invalid("the OpusHead has an unknown version"));
        }
        if fixed[18] != 0 || !matches!(channels, 1 | 2) {
            return Err(CodecError::Invalid("the OpusHead is neither of mono nor of stereo"));
        }
        Ok(Self { channels, pre_skip: u16::from_le_bytes([skip_low, skip_high]) })
    }

    /// The 19 bytes of the OpusHead.
    pub fn to_bytes(&self) -> [u8; 19] {
        let mut out = [0; 19]; // Output gain 0, mapping family 0.
        out[..8].copy_from_slice(MAGIC);
        out[8] = 1;
        out[9] = self.channels;
        out[10..12].copy_from_slice(&self.pre_skip.to_le_bytes());
        out[12..16].copy_from_slice(&SAMPLING_FREQUENCY_HZ.to_le_bytes());
        out
    }
}

/// How long a packet plays, in samples at 48 kHz (RFC 6716 section 3.1); `None` of one that is cut off before it says so, or
/// says more than the 120 ms that a packet may last.
pub fn packet_samples(packet: &[u8]) -> Option<u32> {
    let toc = *packet.first()?;
    let frame = match toc >> 3 {
        config @ 0..=11 => [480, 960, 1920, 2880][usize::from(config % 4)],
        config @ 12..=15 => [480, 960][usize::from(config % 2)],
        config => [120, 240, 480, 960][usize::from(config % 4)],
    };
    let frames = match toc & 0x3 {
        0 => 1,
        1 | 2 => 2,
        _ => u32::from(*packet.get(1)? & 0x3F),
    };
    Some(frame * frames).filter(|&samples| samples <= 5760)
}

/// 20 ms of silence, mono or stereo: a frame of CELT at full band whose first bits say so (RFC 6716 section 4.3).
pub fn silence(channels: u8) -> [u8; 3] {
    [if channels > 1 { 0xFC } else { 0xF8 }, 0xFF, 0xFE]
}

/// A Matroska track of Opus. Nothing is dropped at the beginning: what a camera sends has no beginning.
pub fn track(number: u64, name: &str, channels: u8) -> Track {
    let head = OpusHead { channels: channels.clamp(1, 2), pre_skip: 0 };
    Track {
        number,
        kind: TrackKind::Audio,
        name: name.to_owned(),
        codec_id: codec_id::OPUS.to_owned(),
        codec_private: Bytes::copy_from_slice(&head.to_bytes()),
        video: None,
        audio: Some(AudioSettings {
            sampling_frequency_hz: f64::from(SAMPLING_FREQUENCY_HZ),
            channels: u32::from(head.channels),
            bit_depth: 0,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_that_ffmpeg_writes_reads_and_ours_reads_back() {
        // libopus, mono, as ffmpeg wrote it into an MKV.
        let sent = b"OpusHead\x01\x01\x38\x01\x80\xbb\0\0\0\0\0";
        assert_eq!(OpusHead::parse(sent), Ok(OpusHead { channels: 1, pre_skip: 312 }));
        for channels in [1, 2] {
            let head = OpusHead { channels, pre_skip: 0 };
            assert_eq!(OpusHead::parse(&head.to_bytes()), Ok(head));
            let track = track(2, "audio", channels);
            assert_eq!(track.codec_private, head.to_bytes()[..]);
            assert_eq!(track.audio.map(|audio| audio.channels), Some(channels.into()));
        }
    }

    #[test]
    fn a_packet_says_how_long_it_plays() {
        let check =
            |packet: &[u8], expect| assert_eq!(packet_samples(packet), expect, "{packet:x?}");
        // libopus at 20 ms, mono and stereo; two frames of 60 ms; six of 2.5 ms.
        check(&[0x78, 0], Some(960));
        check(&[0xFC, 0], Some(960));
        check(&[0x19, 0], Some(5760));
        check(&[0x83, 6], Some(720));
        check(&[0x1B, 3], None);
        check(&[0x03], None);
        check(&[], None);
    }

    #[test]
    fn other_heads_are_refused() {
        let head = OpusHead { channels: 2, pre_skip: 0 }.to_bytes();
        assert!(OpusHead::parse(&head[..18]).is_err());
        for (at, byte) in [(0, b'o'), (8, 0x11), (9, 0), (9, 3), (18, 1)] {
            let mut changed = head;
            changed[at] = byte;
            assert!(OpusHead::parse(&changed).is_err(), "{at}");
        }
    }
}
