//! Sample entries: the codec of a track with its parameters (ISO/IEC 14496-12 §8.5.2, 14496-14 §5.6, 14496-15; of FLAC and
//! Opus what their projects publish as "Encapsulation of … in ISO Base Media File Format").

use super::boxes::{full_box, plain_box};
use crate::VideoSettings;
use crate::codec::flac;
use crate::codec::g711::Law;
use crate::codec::opus::{OpusHead, SAMPLING_FREQUENCY_HZ};
use crate::sample::{CodecConfig, SampleTrack};

/// The `stsd` box.
pub(super) fn stsd(out: &mut Vec<u8>, track: &SampleTrack) {
    full_box(out, *b"stsd", 0, 0, |out| {
        out.extend_from_slice(&1u32.to_be_bytes());
        sample_entry(out, track);
    });
}

/// Parameter sets are out of band (`avc1`, `hvc1`), which is what Apple's players ask for; producers that repeat them
/// in the frames do no harm.
fn sample_entry(out: &mut Vec<u8>, track: &SampleTrack) {
    match track.config() {
        CodecConfig::H264(config) => plain_box(out, *b"avc1", |out| {
            visual(out, track.size());
            // Checked when the track was made.
            plain_box(out, *b"avcC", |out| out.extend(config.to_avcc().unwrap_or_default()));
        }),
        CodecConfig::H265(config) => plain_box(out, *b"hvc1", |out| {
            visual(out, track.size());
            plain_box(out, *b"hvcC", |out| out.extend(config.to_hvcc()));
        }),
        CodecConfig::Aac(config, raw) => plain_box(out, *b"mp4a", |out| {
            audio(out, config.channels, config.sampling_frequency_hz);
            full_box(out, *b"esds", 0, 0, |out| es_descriptor(out, raw));
        }),
        CodecConfig::G711(format) => {
            let kind = match format.law {
                Law::A => *b"alaw",
                Law::Mu => *b"ulaw",
            };
            plain_box(out, kind, |out| {
                audio(out, format.channels.into(), format.sampling_frequency_hz);
            });
        }
        CodecConfig::G711AsFlac(format) => plain_box(out, *b"fLaC", |out| {
            audio(out, format.channels.into(), format.sampling_frequency_hz);
            full_box(out, *b"dfLa", 0, 0, |out| {
                let stream_info = flac::stream_info(format);
                out.extend_from_slice(&[0x80, 0, 0, stream_info.len() as u8]); // the last block, STREAMINFO
                out.extend_from_slice(&stream_info);
            });
        }),
        CodecConfig::Opus(head) => plain_box(out, *b"Opus", |out| {
            audio(out, head.channels.into(), SAMPLING_FREQUENCY_HZ);
            plain_box(out, *b"dOps", |out| opus_config(out, head));
        }),
    }
}

/// Nothing is dropped at the beginning: what is written begins anywhere in what was sent.
fn opus_config(out: &mut Vec<u8>, head: &OpusHead) {
    out.extend_from_slice(&[0, head.channels, 0, 0]);
    out.extend_from_slice(&SAMPLING_FREQUENCY_HZ.to_be_bytes());
    out.extend_from_slice(&[0, 0, 0]); // no gain, mono or stereo
}

fn visual(out: &mut Vec<u8>, size: Option<VideoSettings>) {
    let side = |pixels: u32| u16::try_from(pixels).unwrap_or(u16::MAX).to_be_bytes();
    let size = size.unwrap_or(VideoSettings { width_pixels: 0, height_pixels: 0 });
    out.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 1]); // the only data reference
    out.extend_from_slice(&[0; 16]);
    out.extend_from_slice(&side(size.width_pixels));
    out.extend_from_slice(&side(size.height_pixels));
    out.extend_from_slice(&0x0048_0000u32.to_be_bytes()); // 72 dots an inch, both ways
    out.extend_from_slice(&0x0048_0000u32.to_be_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&[0, 1]); // one picture a sample
    out.extend_from_slice(&[0; 32]); // no compressor's name
    out.extend_from_slice(&[0, 0x18, 0xFF, 0xFF]);
}

fn audio(out: &mut Vec<u8>, channels: u32, sampling_frequency_hz: u32) {
    out.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 1]); // the only data reference
    out.extend_from_slice(&[0; 8]);
    out.extend_from_slice(&(channels as u16).to_be_bytes());
    out.extend_from_slice(&16u16.to_be_bytes()); // bits of a decoded sample
    out.extend_from_slice(&[0; 4]);
    // 16.16 fixed point; a frequency that does not fit is left to the timescale.
    let hertz = u16::try_from(sampling_frequency_hz).unwrap_or(0);
    out.extend_from_slice(&(u32::from(hertz) << 16).to_be_bytes());
}

/// ES_Descriptor of MPEG-4 systems (ISO/IEC 14496-1 §7.2.6.5) of an AAC track.
fn es_descriptor(out: &mut Vec<u8>, audio_specific_config: &[u8]) {
    descriptor(out, 0x03, |out| {
        out.extend_from_slice(&[0, 0, 0]); // ES_ID 0, no flags
        descriptor(out, 0x04, |out| {
            out.push(0x40); // MPEG-4 audio
            out.push(0x15); // an audio stream
            out.extend_from_slice(&[0; 3]); // buffer size not said
            out.extend_from_slice(&[0; 8]); // bit rates not said
            descriptor(out, 0x05, |out| out.extend_from_slice(audio_specific_config));
        });
        descriptor(out, 0x06, |out| out.push(0x02)); // as MP4 files have it
    });
}

/// A descriptor with its length in four bytes of seven bits.
fn descriptor(out: &mut Vec<u8>, tag: u8, content: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[tag, 0x80, 0x80, 0x80, 0]);
    content(out);
    let size_bytes = out.len() - start - 5;
    for (at, shift) in [(1, 21), (2, 14), (3, 7), (4, 0)] {
        out[start + at] |= (size_bytes >> shift) as u8 & 0x7F;
    }
}
