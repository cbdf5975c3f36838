//! What of a document stands in an MP4 file, and what cannot be one file. Pure.

use vigie_kvs::{ErrorKind, KvsError};
use vigie_media::matroska::DocumentHeader;
use vigie_media::sample::{SampleError, SampleTrack, sample_tracks};
use vigie_media::{Track, TrackKind};

use crate::failure::{Answer, Failure};

/// The tracks of the file.
#[derive(Debug)]
pub(crate) struct Played {
    declared: Vec<Track>,
    pub(crate) tracks: Vec<SampleTrack>,
}

impl Played {
    /// The first video track and the first audio track.
    pub(crate) fn of(header: &DocumentHeader) -> Answer<Self> {
        let declared = declared(header);
        if declared.is_empty() {
            let message = "the media has neither a video nor an audio track".to_owned();
            return Err(refused(ErrorKind::UnsupportedStreamMediaType, message));
        }
        let tracks = sample_tracks(&declared).map_err(refusal)?;
        Ok(Self { declared, tracks })
    }

    /// One file has one set of tracks and of codec parameters (KVS API_GetClip: an error where they change).
    pub(crate) fn check(&self, header: &DocumentHeader) -> Answer<()> {
        let declared = declared(header);
        let kinds = |tracks: &[Track]| -> Vec<(u64, String)> {
            tracks.iter().map(|track| (track.number, track.codec_id.clone())).collect()
        };
        if kinds(&declared) != kinds(&self.declared) {
            let message = "the tracks or their codecs change within the range".to_owned();
            return Err(refused(ErrorKind::UnsupportedStreamMediaType, message));
        }
        let pairs = declared.iter().zip(&self.declared);
        if pairs.into_iter().any(|(track, first)| track.codec_private != first.codec_private) {
            let message = "the codec private data changes within the range".to_owned();
            return Err(refused(ErrorKind::InvalidCodecPrivateData, message));
        }
        Ok(())
    }
}

fn declared(header: &DocumentHeader) -> Vec<Track> {
    let first = |kind| header.tracks.iter().find(|track| track.kind == kind);
    [first(TrackKind::Video), first(TrackKind::Audio)].into_iter().flatten().cloned().collect()
}

pub(crate) fn refusal(error: SampleError) -> Failure {
    let kind = match error {
        SampleError::UnsupportedCodec { .. } => ErrorKind::UnsupportedStreamMediaType,
        SampleError::MissingCodecPrivate { .. } => ErrorKind::MissingCodecPrivateData,
        SampleError::InvalidCodecPrivate { .. } => ErrorKind::InvalidCodecPrivateData,
        SampleError::InvalidFrame { .. } | SampleError::Fragment(_) => ErrorKind::InvalidMediaFrame,
        SampleError::TooLarge(_) => ErrorKind::ClientLimitExceeded,
    };
    refused(kind, error.to_string())
}

pub(crate) fn refused(kind: ErrorKind, message: String) -> Failure {
    KvsError::new(kind, message).into()
}
