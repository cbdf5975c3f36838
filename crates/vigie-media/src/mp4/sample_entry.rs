//! The sample entry (`stsd`): the codec of a track, as a [`Track`].

use bytes::Bytes;
use mp4_atom::{Atom, Esds};

use super::boxes::{self, FourCc};
use crate::codec::{CodecError, aac, g711, h264, h265};
use crate::{Track, VideoSettings};

/// Why a track cannot be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unsupported {
    pub(super) kind: FourCc,
    pub(super) reason: &'static str,
}

/// Bytes of a VisualSampleEntry before its boxes (ISO/IEC 14496-12 §12.1.3).
const VISUAL_BYTES: usize = 78;
/// Bytes of an AudioSampleEntry before its boxes (§12.2.3).
const AUDIO_BYTES: usize = 28;

/// Reads the first sample entry of the body of an `stsd`. The track's number is left 0.
pub(super) fn read(stsd: &[u8]) -> Result<Track, Unsupported> {
    let entries = stsd.get(8..).unwrap_or_default();
    let Some((kind, entry)) = boxes::children(entries).next() else {
        return Err(Unsupported { kind: *b"stsd", reason: "it has no sample entry" });
    };
    let track = match &kind {
        b"avc1" | b"avc3" => avc(entry),
        b"hvc1" | b"hev1" => hevc(entry),
        b"mp4a" => mp4a(entry),
        b"alaw" => g711(entry, g711::Law::A),
        b"ulaw" => g711(entry, g711::Law::Mu),
        _ => Err("its codec is not H.264, H.265, AAC or G.711"),
    };
    track.map_err(|reason| Unsupported { kind, reason })
}

const TRUNCATED: &str = "its sample entry is too short";
const PARAMETERS: &str = "its codec parameters cannot be read";

fn avc(entry: &[u8]) -> Result<Track, &'static str> {
    let avcc = visual_box(entry, *b"avcC")?;
    let config = h264::AvcConfig::parse(avcc).map_err(parameters)?;
    let mut track = h264::track(0, "", &config).map_err(parameters)?;
    track.codec_private = Bytes::copy_from_slice(avcc);
    track.video = visual_size(entry).or(track.video);
    Ok(track)
}

fn hevc(entry: &[u8]) -> Result<Track, &'static str> {
    let hvcc = visual_box(entry, *b"hvcC")?;
    let config = h265::HevcConfig::parse(hvcc).map_err(parameters)?;
    let mut track = h265::track(0, "", &config);
    track.codec_private = Bytes::copy_from_slice(hvcc);
    track.video = visual_size(entry).or(track.video);
    Ok(track)
}

/// The reason is one text, because what exactly is broken helps nobody who only has the file.
fn parameters(_: CodecError) -> &'static str {
    PARAMETERS
}

fn visual_box(entry: &[u8], kind: FourCc) -> Result<&[u8], &'static str> {
    boxes::child(entry.get(VISUAL_BYTES..).ok_or(TRUNCATED)?, kind).ok_or(PARAMETERS)
}

fn visual_size(entry: &[u8]) -> Option<VideoSettings> {
    let side = |at: usize| Some(u32::from(u16::from_be_bytes(*entry.get(at..)?.first_chunk()?)));
    let size = VideoSettings { width_pixels: side(24)?, height_pixels: side(26)? };
    (size.width_pixels > 0 && size.height_pixels > 0).then_some(size)
}

fn mp4a(entry: &[u8]) -> Result<Track, &'static str> {
    let boxes = audio_boxes(entry)?;
    // QuickTime puts the esds into a `wave` box.
    let esds = boxes::child(boxes, *b"esds")
        .or_else(|| boxes::descendant(boxes, &[*b"wave", *b"esds"]))
        .ok_or(PARAMETERS)?;
    let config = Esds::decode_body(&mut &esds[..]).map_err(|_| PARAMETERS)?.es_desc.dec_config;
    // MPEG-4 audio, or MPEG-2 AAC main, LC, SSR.
    if !matches!(config.object_type_indication, 0x40 | 0x66..=0x68) {
        return Err("its audio is neither AAC nor G.711");
    }
    let specific = config.dec_specific.ok_or(PARAMETERS)?;
    aac::track(0, "", Bytes::from(specific.raw)).map_err(parameters)
}

fn g711(entry: &[u8], law: g711::Law) -> Result<Track, &'static str> {
    let number = |at: usize| Some(u16::from_be_bytes(*entry.get(at..)?.first_chunk()?));
    let (channels, hz) = (number(16).ok_or(TRUNCATED)?, number(24).ok_or(TRUNCATED)?);
    if channels == 0 || hz == 0 {
        return Err(PARAMETERS);
    }
    Ok(g711::track(0, "", law, u32::from(hz), channels))
}

/// What follows the fixed part, which QuickTime's versions 1 and 2 lengthen.
fn audio_boxes(entry: &[u8]) -> Result<&[u8], &'static str> {
    let version = entry.get(8..10).ok_or(TRUNCATED)?;
    let more_bytes = match version {
        [0, 1] => 16,
        [0, 2] => 36,
        _ => 0,
    };
    entry.get(AUDIO_BYTES + more_bytes..).ok_or(TRUNCATED)
}
