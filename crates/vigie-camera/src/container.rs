//! A media file taken apart: its tracks, and where each frame lies in the file.
//!
//! The reading itself is `vigie-media`'s; this brings MP4 and Matroska to one shape. Frame data is never copied.

use std::ops::Range;

use bytes::Bytes;
use vigie_media::Track;
use vigie_media::matroska::{Event, FragmentReader, Limits};
use vigie_media::mp4::{self, Mp4Error, Mp4Reader};

use crate::error::MediaError;

/// Frames of one track. A day of audio has fewer; an index of empty samples must not fill the memory.
const FRAMES_MAX: usize = 8_000_000;
const TOO_MANY_FRAMES: MediaError = MediaError::UnusableTimes("it has more than 8 million frames");
const OUTSIDE: &str = "it refers to bytes outside of the file";

/// One track of a file.
#[derive(Debug)]
pub(crate) struct SourceTrack {
    pub(crate) track: Track,
    /// What [`Sample::pts`] counts.
    pub(crate) ticks_per_second: u32,
    /// In decode order.
    pub(crate) samples: Vec<Sample>,
}

impl SourceTrack {
    fn push(&mut self, sample: Sample) -> Result<(), MediaError> {
        if self.samples.len() == FRAMES_MAX {
            return Err(TOO_MANY_FRAMES);
        }
        self.samples.push(sample);
        Ok(())
    }
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
    read_mp4(file)
}

fn read_mp4(file: &Bytes) -> Result<Vec<SourceTrack>, MediaError> {
    let refuse = |error: Mp4Error<&'static str>| match error {
        Mp4Error::NotMp4 => MediaError::UnknownContainer,
        error => MediaError::Container { container: "MP4", reason: error.to_string() },
    };
    let mut read_at = |offset: u64, len: usize| {
        let start = usize::try_from(offset).map_err(|_| OUTSIDE)?;
        let end = start.checked_add(len).filter(|&end| end <= file.len()).ok_or(OUTSIDE)?;
        Ok(file.slice(start..end))
    };
    let mut reader =
        Mp4Reader::open(file.len() as u64, &mut read_at, mp4::Limits::default()).map_err(refuse)?;
    let tracks = reader.tracks().iter().cloned();
    let mut tracks: Vec<_> = tracks
        .map(|track| SourceTrack { track, ticks_per_second: 1, samples: Vec::new() })
        .collect();
    while let Some(found) = reader.next_sample(&mut read_at).map_err(refuse)? {
        let of = |source: &&mut SourceTrack| source.track.number == found.track_number;
        let Some(source) = tracks.iter_mut().find(of) else { continue };
        if reader.description(&found).is_none_or(|track| *track != source.track) {
            let reason = "its codec parameters change in the middle of the file".to_owned();
            return Err(MediaError::Container { container: "MP4", reason });
        }
        // One timescale for all of a track's samples. The reader has checked that they lie in the file.
        source.ticks_per_second = found.timescale;
        let start = found.offset as usize;
        let data = start..start + found.size_bytes as usize;
        source.push(Sample { pts: found.pts, key_frame: found.key_frame, data })?;
    }
    Ok(tracks)
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
                    source.push(sample)?;
                }
            }
            Some(Event::FragmentStart { .. } | Event::Tag(_) | Event::FragmentEnd(_)) => {}
            None => match pieces.next() {
                Some(piece) => reader.push(piece),
                None => break,
            },
        }
    }
    // A file that is torn at its end is looped up to there; one without any frame is refused for it.
    if tracks.iter().all(|track| track.samples.is_empty()) {
        reader.finish();
        reader.next_event().map_err(|error| container(&error))?;
    }
    Ok(tracks)
}

fn matroska_track(track: Track) -> SourceTrack {
    // The reader's timecodes are milliseconds, whatever the file's TimestampScale.
    SourceTrack { track, ticks_per_second: 1000, samples: Vec::new() }
}
