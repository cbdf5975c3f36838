//! A media file taken apart: its tracks, and where each frame lies in the file.
//!
//! The reading itself is `vigie-media`'s; this brings MP4 and Matroska to one shape. Frame data is never copied.

use std::ops::Range;

use bytes::Bytes;
use vigie_media::Track;
use vigie_media::matroska::{Event, FragmentReader, Limits};

use crate::error::MediaError;

/// One track of a file.
#[derive(Debug)]
pub(crate) struct SourceTrack {
    pub(crate) track: Track,
    /// What [`Sample::pts`] counts.
    pub(crate) ticks_per_second: u32,
    /// In decode order.
    pub(crate) samples: Vec<Sample>,
}

/// One frame in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sample {
    /// Presentation time in ticks.
    pub(crate) pts: i64,
    pub(crate) key_frame: bool,
    pub(crate) data: Range<usize>,
}

/// Finds out the container by its first bytes and reads it.
pub(crate) fn read(file: &Bytes) -> Result<Vec<SourceTrack>, MediaError> {
    const EBML_MAGIC: &[u8] = &[0x1a, 0x45, 0xdf, 0xa3];
    if file.starts_with(EBML_MAGIC) {
        return read_matroska(file);
    }
    Err(MediaError::UnknownContainer)
}

fn read_matroska(file: &Bytes) -> Result<Vec<SourceTrack>, MediaError> {
    let container = |error: &dyn std::error::Error| MediaError::Container {
        container: "Matroska",
        reason: error.to_string(),
    };
    let mut reader = FragmentReader::new(Limits::FILE);
    let mut tracks: Vec<SourceTrack> = Vec::new();
    // In pieces, so that the reader never holds more than one fragment.
    let mut pieces = file.chunks(1 << 20);
    loop {
        match reader.next_event().map_err(|error| container(&error))? {
            Some(Event::Header(header)) => {
                tracks = header.tracks.iter().cloned().map(matroska_track).collect();
            }
            Some(Event::Frame(frame)) => {
                let start = frame.data_offset as usize;
                let data = start..start + frame.size_bytes as usize;
                let sample = Sample { pts: frame.timecode_ms, key_frame: frame.key_frame, data };
                let of = |source: &&mut SourceTrack| source.track.number == frame.track_number;
                if let Some(source) = tracks.iter_mut().find(of) {
                    source.samples.push(sample);
                }
            }
            Some(Event::FragmentStart { .. } | Event::Tag(_) | Event::FragmentEnd(_)) => {}
            None => match pieces.next() {
                Some(piece) => reader.push(piece),
                None => break,
            },
        }
    }
    Ok(tracks)
}

fn matroska_track(track: Track) -> SourceTrack {
    // The reader's timecodes are milliseconds, whatever the file's TimestampScale.
    SourceTrack { track, ticks_per_second: 1000, samples: Vec::new() }
}
