//! Codec parameter sets: what a decoder has to be told before the first frame.
//!
//! Parses and builds the out-of-band configuration of the codecs that Vigie carries, and finds NAL units.
//! Never decodes a picture or a sample.

pub mod aac;
mod bits;
mod colour;
pub mod flac;
pub mod g711;
pub mod h264;
pub mod h264_slice;
pub mod h265;
pub mod nal;
pub mod nal_kind;
pub mod names;
pub mod opus;
pub mod picture_sets;

pub use colour::Colour;

use bytes::Bytes;

use crate::{Track, codec_id};

/// Why a parameter set is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// Shorter than its own fields say.
    #[error("{0} ends too early")]
    Truncated(&'static str),
    /// A field has a value that the standard does not allow or that Vigie does not know.
    #[error("{0}")]
    Invalid(&'static str),
}

/// The RFC 6381 codec string of a track (for example `avc1.64001F`), or `None` when the codec is not one of ours
/// or its CodecPrivate cannot be read.
pub fn codec_string(track: &Track) -> Option<String> {
    match track.codec_id.as_str() {
        codec_id::H264 => Some(h264::AvcConfig::parse(&track.codec_private).ok()?.codec_string()),
        codec_id::H265 => Some(h265::HevcConfig::parse(&track.codec_private).ok()?.codec_string()),
        codec_id::AAC => {
            Some(aac::AudioSpecificConfig::parse(&track.codec_private).ok()?.codec_string())
        }
        codec_id::MS_ACM => {
            Some(g711::WaveFormat::parse(&track.codec_private).ok()?.codec_string().to_owned())
        }
        codec_id::OPUS => {
            opus::OpusHead::parse(&track.codec_private).ok().map(|_| "opus".to_owned())
        }
        _ => None,
    }
}

/// Takes `count` NAL units, each after a 16-bit length, as avcC and hvcC list them; `None` when they end early.
fn take_units(rest: &mut &[u8], count: usize) -> Option<Vec<Bytes>> {
    let mut units = Vec::new(); // `count` is the file's word: no capacity from it.
    for _ in 0..count {
        let (length, after) = rest.split_first_chunk::<2>()?;
        let (unit, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        units.push(Bytes::copy_from_slice(unit));
        *rest = after;
    }
    Some(units)
}

/// Appends NAL units, each after a 16-bit length.
fn put_units(out: &mut Vec<u8>, units: &[Bytes]) {
    for unit in units {
        out.extend_from_slice(&(unit.len() as u16).to_be_bytes());
        out.extend_from_slice(unit);
    }
}
