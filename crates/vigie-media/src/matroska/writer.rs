//! Writes documents of fragments: a header once, then for each fragment a Cluster and its blocks.
//!
//! Everything is small and returned by value; the frames' data itself is never copied: write
//! [`simple_block_header`], then the data as it is. Nothing written has to be patched later, so that a
//! document cut anywhere is readable up to the last whole block.

use std::ops::Deref;

use super::{ebml, ids};
use crate::{Timestamp, Track, TrackKind};

/// The program that writes; a constant, because media files are rolled when a header changes.
const WRITING_APP: &[u8] = b"Vigie";

/// A document up to its first Cluster: EBML header, a Segment of unknown size, Info with timestamps in
/// milliseconds, Tracks.
pub fn document_header(tracks: &[Track]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut body = Vec::new();
    ebml::put_uint(&mut body, ids::EBML_VERSION, 1);
    ebml::put_uint(&mut body, ids::EBML_READ_VERSION, 1);
    ebml::put_uint(&mut body, ids::EBML_MAX_ID_LENGTH, 4);
    ebml::put_uint(&mut body, ids::EBML_MAX_SIZE_LENGTH, 8);
    ebml::put_element(&mut body, ids::DOC_TYPE, b"matroska");
    // SimpleBlock needs version 2.
    ebml::put_uint(&mut body, ids::DOC_TYPE_VERSION, 2);
    ebml::put_uint(&mut body, ids::DOC_TYPE_READ_VERSION, 2);
    ebml::put_element(&mut out, ids::EBML, &body);

    ebml::put_id(&mut out, ids::SEGMENT);
    out.extend_from_slice(&UNKNOWN_SIZE_8);

    body.clear();
    ebml::put_uint(&mut body, ids::TIMESTAMP_SCALE, 1_000_000);
    ebml::put_element(&mut body, ids::MUXING_APP, WRITING_APP);
    ebml::put_element(&mut body, ids::WRITING_APP, WRITING_APP);
    ebml::put_element(&mut out, ids::INFO, &body);

    body.clear();
    for track in tracks {
        ebml::put_element(&mut body, ids::TRACK_ENTRY, &track_entry(track));
    }
    ebml::put_element(&mut out, ids::TRACKS, &body);
    out
}

/// The 8-byte form, which every reader takes for a Segment.
const UNKNOWN_SIZE_8: [u8; 8] = [0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF];

fn track_entry(track: &Track) -> Vec<u8> {
    let mut entry = Vec::new();
    ebml::put_uint(&mut entry, ids::TRACK_NUMBER, track.number);
    ebml::put_uint(&mut entry, ids::TRACK_UID, track.number);
    let track_type = match track.kind {
        TrackKind::Video => 1,
        TrackKind::Audio => 2,
        TrackKind::Other(other) => other,
    };
    ebml::put_uint(&mut entry, ids::TRACK_TYPE, u64::from(track_type));
    ebml::put_uint(&mut entry, ids::FLAG_LACING, 0);
    if !track.name.is_empty() {
        ebml::put_element(&mut entry, ids::NAME, track.name.as_bytes());
    }
    ebml::put_element(&mut entry, ids::CODEC_ID, track.codec_id.as_bytes());
    if !track.codec_private.is_empty() {
        ebml::put_element(&mut entry, ids::CODEC_PRIVATE, &track.codec_private);
    }
    if let Some(video) = &track.video {
        let mut settings = Vec::new();
        ebml::put_uint(&mut settings, ids::PIXEL_WIDTH, u64::from(video.width_pixels));
        ebml::put_uint(&mut settings, ids::PIXEL_HEIGHT, u64::from(video.height_pixels));
        ebml::put_element(&mut entry, ids::VIDEO, &settings);
    }
    if let Some(audio) = &track.audio {
        let mut settings = Vec::new();
        let frequency = audio.sampling_frequency_hz.to_be_bytes();
        ebml::put_element(&mut settings, ids::SAMPLING_FREQUENCY, &frequency);
        ebml::put_uint(&mut settings, ids::CHANNELS, u64::from(audio.channels));
        if audio.bit_depth > 0 {
            ebml::put_uint(&mut settings, ids::BIT_DEPTH, u64::from(audio.bit_depth));
        }
        ebml::put_element(&mut entry, ids::AUDIO, &settings);
    }
    entry
}

/// Length of what [`cluster_start`] returns.
pub const CLUSTER_START_BYTES: usize = 15;

/// The start of a Cluster of unknown size and its timestamp, at the unit of [`document_header`]. A time before
/// the epoch cannot be written and becomes the epoch.
pub fn cluster_start(timestamp: Timestamp) -> [u8; CLUSTER_START_BYTES] {
    let millis = u64::try_from(timestamp.as_millis()).unwrap_or(0);
    let mut out = [0; CLUSTER_START_BYTES];
    out[..7].copy_from_slice(&[0x1F, 0x43, 0xB6, 0x75, 0xFF, 0xE7, 0x88]);
    out[7..].copy_from_slice(&millis.to_be_bytes());
    out
}

/// What stands before a frame's data, see [`simple_block_header`]. Dereferences to its bytes.
#[derive(Clone, Copy, Debug)]
pub struct SimpleBlockHeader {
    bytes: [u8; SIMPLE_BLOCK_HEADER_BYTES_MAX],
    len: usize,
}

/// Id (1), size (8), track number (8), relative time (2), flags (1).
const SIMPLE_BLOCK_HEADER_BYTES_MAX: usize = 20;

impl Deref for SimpleBlockHeader {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// The head of a SimpleBlock of one frame whose data, `data_bytes` long, the caller writes next.
/// `relative_ms` counts from the Cluster's timestamp.
pub fn simple_block_header(
    track_number: u64,
    relative_ms: i16,
    key_frame: bool,
    data_bytes: usize,
) -> SimpleBlockHeader {
    let number_len = ebml::size_len(track_number);
    let mut header = SimpleBlockHeader { bytes: [0; SIMPLE_BLOCK_HEADER_BYTES_MAX], len: 0 };
    header.put(&[ids::SIMPLE_BLOCK as u8]);
    header.put_vint(data_bytes as u64 + number_len as u64 + 3);
    header.put_vint(track_number);
    header.put(&relative_ms.to_be_bytes());
    header.put(&[if key_frame { 0x80 } else { 0 }]);
    header
}

impl SimpleBlockHeader {
    fn put(&mut self, bytes: &[u8]) {
        self.bytes[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }

    fn put_vint(&mut self, value: u64) {
        let len = ebml::size_len(value);
        self.put(&ebml::coded_size(value, len).to_be_bytes()[8 - len..]);
    }
}

/// A Void element: readers skip it, whatever is in it (RFC 8794 section 11.3.2).
pub fn void(content: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    ebml::put_element(&mut out, ids::VOID, content);
    out
}

/// One Tags element, with a Tag for each pair of name and value.
pub fn tags(pairs: &[(&str, &str)]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, value) in pairs {
        let mut simple_tag = Vec::new();
        ebml::put_element(&mut simple_tag, ids::TAG_NAME, name.as_bytes());
        ebml::put_element(&mut simple_tag, ids::TAG_STRING, value.as_bytes());
        let mut tag = Vec::new();
        ebml::put_element(&mut tag, ids::SIMPLE_TAG, &simple_tag);
        ebml::put_element(&mut body, ids::TAG, &tag);
    }
    let mut out = Vec::new();
    ebml::put_element(&mut out, ids::TAGS, &body);
    out
}
