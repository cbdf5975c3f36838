//! The part of a document before its first Cluster: EBML header, Info and Tracks.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::encoding::{self, ContentEncoding, TrackEncoding};
use super::error::ElementError;
use super::limits::Limits;
use super::tags::{Tag, read_tags};
use crate::matroska::ebml;
use crate::matroska::ids;
use crate::{AudioSettings, Track, TrackKind, VideoSettings};

/// Everything that the fragments of a document share.
#[derive(Clone, Debug, PartialEq)]
pub struct DocumentHeader {
    /// The bytes up to the first Cluster as they came, except that a Segment of known size is marked as of
    /// unknown size (same length), because fragments are appended to it, and that Cues, Chapters and
    /// Attachments are left out. A fragment's bytes appended to these make a playable document.
    pub raw: Bytes,
    /// Declared tracks, in document order.
    pub tracks: Vec<Track>,
    /// `TimestampScale`: nanoseconds per tick of block and Cluster timestamps; 1,000,000 when not said.
    pub timestamp_scale_ns: u64,
    /// `DefaultDuration` by track number, nanoseconds per frame, where the document gives it.
    pub default_durations_ns: BTreeMap<u64, u64>,
    /// Tags that stand before the first Cluster; they are part of `raw`.
    pub tags: Vec<Tag>,
    /// By track number, how the frames are stored of tracks that do not store them as they are.
    pub encodings: BTreeMap<u64, ContentEncoding>,
}

impl DocumentHeader {
    /// The track that blocks call `number`.
    pub fn track(&self, number: u64) -> Option<&Track> {
        self.tracks.iter().find(|track| track.number == number)
    }

    /// Ticks of this document to milliseconds, rounded down; `None` when out of range.
    pub(super) fn ticks_to_ms(&self, ticks: i128) -> Option<i64> {
        i64::try_from((ticks * i128::from(self.timestamp_scale_ns)).div_euclid(1_000_000)).ok()
    }
}

/// What has been read of a header so far.
#[derive(Debug, Default)]
pub(super) struct HeaderParts {
    pub(super) raw: Vec<u8>,
    pub(super) timestamp_scale_ns: Option<u64>,
    pub(super) tracks: Option<Vec<Track>>,
    pub(super) default_durations_ns: BTreeMap<u64, u64>,
    pub(super) tags: Vec<Tag>,
    pub(super) encodings: BTreeMap<u64, ContentEncoding>,
}

impl HeaderParts {
    /// Keeps an element as it came.
    pub(super) fn keep(&mut self, element: &[u8]) {
        self.raw.extend_from_slice(element);
    }

    /// Keeps the head of the Segment, its size marked as unknown: fragments will be appended to it.
    pub(super) fn keep_segment_head(&mut self, head: &[u8]) {
        let size_start = self.raw.len() + 4; // The Segment's id takes 4 bytes.
        self.raw.extend_from_slice(head);
        let size_field = &mut self.raw[size_start..];
        let len = size_field.len();
        size_field.fill(0xFF);
        size_field[0] = 0xFF >> (len - 1);
    }

    /// Reads the data of a child of the Segment, of those that say something of the whole document.
    pub(super) fn read(
        &mut self,
        id: u32,
        data: &[u8],
        limits: &Limits,
    ) -> Result<(), ElementError> {
        match id {
            ids::INFO => self.read_info(data),
            ids::TRACKS => self.read_tracks(data, limits),
            ids::TAGS => {
                self.tags.extend(read_tags(data, limits)?.tags);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The finished header, once Tracks has come.
    pub(super) fn finish(self) -> Result<DocumentHeader, ElementError> {
        let no_tracks = ElementError::Structure("no Tracks before the first Cluster");
        Ok(DocumentHeader {
            raw: Bytes::from(self.raw),
            tracks: self.tracks.ok_or(no_tracks)?,
            timestamp_scale_ns: self.timestamp_scale_ns.unwrap_or(1_000_000),
            default_durations_ns: self.default_durations_ns,
            tags: self.tags,
            encodings: self.encodings,
        })
    }

    fn read_info(&mut self, data: &[u8]) -> Result<(), ElementError> {
        let mut scale_ns = 1_000_000;
        for child in ebml::children(data) {
            if let (ids::TIMESTAMP_SCALE, value) = child? {
                scale_ns = ebml::uint(value)?;
            }
        }
        if scale_ns == 0 || scale_ns > 1_000_000_000_000 {
            return Err(ElementError::Structure("TimestampScale is out of range"));
        }
        match self.timestamp_scale_ns.replace(scale_ns) {
            None => Ok(()),
            Some(_) => Err(ElementError::Structure("Info appears twice")),
        }
    }

    fn read_tracks(&mut self, data: &[u8], limits: &Limits) -> Result<(), ElementError> {
        if self.tracks.is_some() {
            return Err(ElementError::Structure("Tracks appears twice"));
        }
        let mut tracks: Vec<Track> = Vec::new();
        for child in ebml::children(data) {
            let (ids::TRACK_ENTRY, entry) = child? else { continue };
            let TrackEntry { track, default_duration_ns, encoding } = track_entry(entry, limits)?;
            if tracks.iter().any(|other| other.number == track.number) {
                return Err(ElementError::Structure("two tracks have the same TrackNumber"));
            }
            if let Some(duration_ns) = default_duration_ns {
                self.default_durations_ns.insert(track.number, duration_ns);
            }
            if let Some(encoding) = encoding {
                self.encodings.insert(track.number, encoding);
            }
            tracks.push(track);
            if tracks.len() > limits.tracks_max {
                let (count, max) = (tracks.len(), limits.tracks_max);
                return Err(ElementError::TooManyTracks { count, max });
            }
        }
        if tracks.is_empty() {
            return Err(ElementError::Structure("Tracks declares no track"));
        }
        self.tracks = Some(tracks);
        Ok(())
    }
}

/// Checks that the EBML header announces something this reader can read (RFC 8794 §11.2).
pub(super) fn check_ebml_header(data: &[u8]) -> Result<(), ElementError> {
    let mut doc_type = None;
    for child in ebml::children(data) {
        let (id, value) = child?;
        match id {
            ids::DOC_TYPE => doc_type = Some(ebml::string(value)),
            ids::EBML_READ_VERSION if ebml::uint(value)? > 1 => {
                return Err(ElementError::Structure("EBMLReadVersion is above 1"));
            }
            ids::EBML_MAX_ID_LENGTH if ebml::uint(value)? > 4 => {
                return Err(ElementError::Structure("EBMLMaxIDLength is above 4"));
            }
            ids::EBML_MAX_SIZE_LENGTH if ebml::uint(value)? > 8 => {
                return Err(ElementError::Structure("EBMLMaxSizeLength is above 8"));
            }
            _ => {}
        }
    }
    match doc_type.as_deref() {
        Some("matroska" | "webm") => Ok(()),
        _ => Err(ElementError::Structure("DocType is neither matroska nor webm")),
    }
}

/// One `TrackEntry`.
struct TrackEntry {
    track: Track,
    default_duration_ns: Option<u64>,
    /// Of its frames.
    encoding: Option<ContentEncoding>,
}

fn track_entry(data: &[u8], limits: &Limits) -> Result<TrackEntry, ElementError> {
    let mut track = Track {
        number: 0,
        kind: TrackKind::Other(0),
        name: String::new(),
        codec_id: String::new(),
        codec_private: Bytes::new(),
        video: None,
        audio: None,
    };
    let mut default_duration_ns = None;
    let mut encoding: Option<TrackEncoding> = None;
    for child in ebml::children(data) {
        let (id, value) = child?;
        match id {
            ids::TRACK_NUMBER => track.number = ebml::uint(value)?,
            ids::TRACK_TYPE => track.kind = track_kind(ebml::uint(value)?)?,
            ids::NAME => track.name = ebml::string(value),
            ids::CODEC_ID => track.codec_id = ebml::string(value),
            ids::CODEC_PRIVATE => track.codec_private = Bytes::copy_from_slice(value),
            ids::DEFAULT_DURATION => {
                default_duration_ns =
                    Some(ebml::uint(value)?).filter(|&duration_ns| duration_ns > 0);
            }
            ids::VIDEO => track.video = Some(video_settings(value)?),
            ids::AUDIO => track.audio = Some(audio_settings(value)?),
            ids::CONTENT_ENCODINGS if limits.content_encodings => encoding = encoding::read(value)?,
            // Frames would not be the codec's bytes, and everything after this reader takes them as such.
            ids::CONTENT_ENCODINGS => {
                return Err(ElementError::Structure(
                    "tracks with ContentEncodings are not supported",
                ));
            }
            _ => {}
        }
    }
    if track.number == 0 {
        return Err(ElementError::Structure("a track has no TrackNumber"));
    }
    if let Some(encoding) = encoding.as_ref().filter(|encoding| encoding.is_of_private()) {
        // One that cannot be read says nothing of the track but its codec.
        track.codec_private = encoding
            .encoding
            .decode(track.codec_private, CODEC_PRIVATE_BYTES_MAX)
            .unwrap_or_default();
    }
    let encoding = encoding.filter(TrackEncoding::is_of_frames).map(|encoding| encoding.encoding);
    Ok(TrackEntry { track, default_duration_ns, encoding })
}

fn track_kind(track_type: u64) -> Result<TrackKind, ElementError> {
    match u8::try_from(track_type) {
        Ok(1) => Ok(TrackKind::Video),
        Ok(2) => Ok(TrackKind::Audio),
        Ok(other) => Ok(TrackKind::Other(other)),
        Err(_) => Err(ElementError::Structure("TrackType is out of range")),
    }
}

fn video_settings(data: &[u8]) -> Result<VideoSettings, ElementError> {
    let mut video = VideoSettings { width_pixels: 0, height_pixels: 0 };
    for child in ebml::children(data) {
        match child? {
            (ids::PIXEL_WIDTH, value) => video.width_pixels = small(value)?,
            (ids::PIXEL_HEIGHT, value) => video.height_pixels = small(value)?,
            _ => {}
        }
    }
    Ok(video)
}

fn audio_settings(data: &[u8]) -> Result<AudioSettings, ElementError> {
    // The defaults of RFC 9559 §5.1.4.1.29.
    let mut audio = AudioSettings { sampling_frequency_hz: 8000.0, channels: 1, bit_depth: 0 };
    for child in ebml::children(data) {
        match child? {
            (ids::SAMPLING_FREQUENCY, value) => {
                audio.sampling_frequency_hz = ebml::float(value)?;
                if !(0.0..=1e9).contains(&audio.sampling_frequency_hz) {
                    return Err(OUT_OF_RANGE);
                }
            }
            (ids::CHANNELS, value) => audio.channels = small(value)?,
            (ids::BIT_DEPTH, value) => audio.bit_depth = small(value)?,
            _ => {}
        }
    }
    Ok(audio)
}

fn small(data: &[u8]) -> Result<u32, ElementError> {
    let value = ebml::uint(data)?;
    u32::try_from(value).map_err(|_| OUT_OF_RANGE)
}

/// Parameter sets are a few hundred bytes; a compressed CodecPrivate is not inflated beyond.
const CODEC_PRIVATE_BYTES_MAX: usize = 1 << 20;
const OUT_OF_RANGE: ElementError = ElementError::Structure("a track setting is out of range");
