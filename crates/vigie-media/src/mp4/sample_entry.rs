//! The sample entry (`stsd`): the codec of a track, as a [`Track`].

use bytes::Bytes;
use mp4_atom::{Atom, Esds};

use super::boxes::{self, FourCc};
use crate::codec::{CodecError, aac, g711, h264, h265, names};
use crate::{AudioSettings, Track, TrackKind, VideoSettings, codec_id};

/// Why a track cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unsupported {
    pub(super) kind: FourCc,
    /// What people call the codec.
    pub(super) codec: String,
    pub(super) reason: &'static str,
    /// Whether the codec itself is none that is carried.
    pub(super) is_other_codec: bool,
}

impl Unsupported {
    /// Of a codec that is carried, or of none.
    pub(super) fn new(kind: FourCc, reason: &'static str) -> Self {
        Self { kind, codec: names::of_sample_entry(kind), reason, is_other_codec: false }
    }
}

/// A track has few sample entries: one for each time its parameters change. More are not looked at.
const ENTRIES_MAX: usize = 1024;

/// Bytes of a VisualSampleEntry before its boxes (ISO/IEC 14496-12 §12.1.3).
const VISUAL_BYTES: usize = 78;
/// Bytes of an AudioSampleEntry before its boxes (§12.2.3).
const AUDIO_BYTES: usize = 28;

/// Reads the sample entries of the body of an `stsd`. The tracks' numbers are left 0.
pub(super) fn read(stsd: &[u8]) -> Vec<Result<Track, Unsupported>> {
    let entries = stsd.get(8..).unwrap_or_default();
    boxes::children(entries)
        .take(ENTRIES_MAX)
        .map(|(kind, entry)| read_entry(kind, entry))
        .collect()
}

fn read_entry(kind: FourCc, entry: &[u8]) -> Result<Track, Unsupported> {
    if let Some(object_type) = other_object_type(kind, entry) {
        let codec = names::of_object_type(object_type);
        let reason = "its audio is neither AAC nor G.711";
        return Err(Unsupported { kind, codec, reason, is_other_codec: true });
    }
    let track = match &kind {
        b"avc1" | b"avc3" => avc(entry),
        b"hvc1" | b"hev1" => hevc(entry),
        b"mp4a" => mp4a(entry),
        b"alaw" => g711(entry, g711::Law::A),
        b"ulaw" => g711(entry, g711::Law::Mu),
        b"Opus" => opus(entry),
        _ => {
            let reason = "its codec is not H.264, H.265, AAC or G.711";
            return Err(Unsupported { is_other_codec: true, ..Unsupported::new(kind, reason) });
        }
    };
    track.map_err(|reason| Unsupported::new(kind, reason))
}

/// What an `mp4a` holds when that is no AAC: MPEG-4 audio, or MPEG-2 AAC main, LC, SSR.
fn other_object_type(kind: FourCc, entry: &[u8]) -> Option<u8> {
    let esds = if kind == *b"mp4a" { esds(entry).ok()? } else { return None };
    let object_type = esds.es_desc.dec_config.object_type_indication;
    (!matches!(object_type, 0x40 | 0x66..=0x68)).then_some(object_type)
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
    let specific = esds(entry)?.es_desc.dec_config.dec_specific.ok_or(PARAMETERS)?;
    aac::track(0, "", Bytes::from(specific.raw)).map_err(parameters)
}

fn esds(entry: &[u8]) -> Result<Esds, &'static str> {
    let boxes = audio_boxes(entry)?;
    // QuickTime puts the esds into a `wave` box.
    let esds = boxes::child(boxes, *b"esds")
        .or_else(|| boxes::descendant(boxes, &[*b"wave", *b"esds"]))
        .ok_or(PARAMETERS)?;
    Esds::decode_body(&mut &esds[..]).map_err(|_| PARAMETERS)
}

/// The `dOps` of "Encapsulation of Opus in ISO BMFF" (0.8.1, §4.3.2) as the identification header of RFC 7845 (§5.1),
/// which Matroska wants: the same fields, little-endian and behind a magic.
fn opus(entry: &[u8]) -> Result<Track, &'static str> {
    let dops = boxes::child(audio_boxes(entry)?, *b"dOps").ok_or(PARAMETERS)?;
    let &[0, channels, skip_1, skip_0, hz_3, hz_2, hz_1, hz_0, gain_1, gain_0, ref mapping @ ..] =
        dops
    else {
        return Err(PARAMETERS);
    };
    // Family 0 has no table; the others have stream counts and one byte a channel.
    let mapping_bytes = match mapping.first() {
        Some(0) => 1,
        Some(_) => 3 + usize::from(channels),
        None => return Err(PARAMETERS),
    };
    let mapping = mapping.get(..mapping_bytes).filter(|_| channels > 0).ok_or(PARAMETERS)?;
    let mut head = b"OpusHead\x01".to_vec();
    head.extend([channels, skip_0, skip_1, hz_0, hz_1, hz_2, hz_3, gain_0, gain_1]);
    head.extend_from_slice(mapping);
    Ok(Track {
        number: 0,
        kind: TrackKind::Audio,
        name: String::new(),
        codec_id: codec_id::OPUS.to_owned(),
        codec_private: Bytes::from(head),
        video: None,
        // Opus always decodes at 48 kHz; the rate in its header is that of what was encoded.
        audio: Some(AudioSettings {
            sampling_frequency_hz: 48_000.0,
            channels: u32::from(channels),
            bit_depth: 0,
        }),
    })
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
