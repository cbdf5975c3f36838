//! What of a document a session can play: which codecs fit which form of playback, and which set of codec parameters
//! a fragment needs.
//!
//! Pure. One video and one audio track are played, the first of each kind. In URLs the video track is number 1 and the
//! audio track number 2, or 1 where there is no video, whatever the producer called them.

use std::hash::Hasher;

use fnv::FnvHasher;
use vigie_kvs::shapes::streaming_session::ContainerFormat;
use vigie_kvs::{ErrorKind, KvsError};
use vigie_media::codec::aac::{self, AudioSpecificConfig};
use vigie_media::codec::g711::{self, Law};
use vigie_media::codec::opus;
use vigie_media::matroska::{DocumentHeader, ReadError};
use vigie_media::sample::{CodecConfig, SampleError, SampleTrack};
use vigie_media::{Track, TrackKind};

use super::codecs::{AudioCodec, Codecs, VideoCodec};
use super::session::Protocol;

/// The tracks of a document that a session plays, with the document's header.
#[derive(Clone, Debug)]
pub(crate) struct PlayedTracks {
    /// Of the document the fragments belong to.
    pub header: DocumentHeader,
    /// The video track, then the audio track; at least one.
    pub tracks: Vec<SampleTrack>,
    pub codecs: Codecs,
    /// Names the codec parameters: documents with equal ones share it.
    pub parameters_id: u64,
}

impl PlayedTracks {
    /// Of a document, for a session of this protocol; the exception that the session operations declare where there is
    /// nothing that can be played.
    pub(crate) fn of(header: DocumentHeader, protocol: Protocol) -> Result<Self, KvsError> {
        let first = |kind| header.tracks.iter().find(|track| track.kind == kind);
        let video = first(TrackKind::Video);
        let audio = first(TrackKind::Audio);
        let mut tracks = Vec::new();
        let mut codecs = Codecs::default();
        let mut parameters = FnvHasher::default();
        if let Some(video) = video {
            let track = SampleTrack::new(video).map_err(|error| refusal(&error))?;
            let codec = match track.config() {
                CodecConfig::H264(_) => VideoCodec::H264,
                CodecConfig::H265(_) => VideoCodec::H265,
                _ => return Err(unsupported(&video.codec_id)),
            };
            if codec == VideoCodec::H265 && is_transport_stream(protocol) {
                return Err(unsupported("H.265 in MPEG_TS"));
            }
            codecs.video = Some(codec);
            add(&mut parameters, video);
            tracks.push(track);
        }
        if let Some(audio) = audio {
            let played = played_sound(audio, protocol);
            // A camera's pictures are not refused for the sake of sound that has no place in MPEG-TS.
            let is_left_out = video.is_some() && matches!(played, Ok(None));
            if !is_left_out {
                let (track, codec) =
                    played?.ok_or_else(|| unsupported("G.711 or Opus in MPEG_TS"))?;
                codecs.audio = Some(codec);
                add(&mut parameters, audio);
                if matches!(track.config(), CodecConfig::G711AsFlac(_)) {
                    // Earlier versions sent it as it is stored: a session of theirs is not given other bytes under the same name.
                    parameters.write(b"fLaC");
                }
                tracks.push(track);
            }
        }
        if tracks.is_empty() {
            return Err(unsupported("no video and no audio track"));
        }
        Ok(Self { tracks, codecs, parameters_id: parameters.finish(), header })
    }

    /// As a session plays it that has these codecs: its sound left out, or silence in the place of sound that it has not. The
    /// exception where its pictures are of another codec, with which players could not go on.
    pub(crate) fn fitted(mut self, codecs: Codecs) -> Result<Self, KvsError> {
        if self.codecs == codecs {
            return Ok(self);
        }
        if codecs.video.is_none() || self.codecs.video != codecs.video {
            return Err(unsupported("other codecs than the session began with"));
        }
        let video = self.header.tracks.iter().find(|track| track.kind == TrackKind::Video);
        let mut parameters = FnvHasher::default();
        video.into_iter().for_each(|video| add(&mut parameters, video));
        self.tracks.truncate(1);
        if let Some(codec) = codecs.audio {
            let taken =
                |number: &u64| self.header.tracks.iter().all(|track| track.number != *number);
            let number = (1..).find(taken).unwrap_or(u64::MAX);
            let silence = silence(codec, number).map_err(|error| refusal(&error))?;
            add(&mut parameters, &silence);
            let track = SampleTrack::new(&silence).and_then(SampleTrack::with_g711_as_flac);
            self.tracks.push(track.map_err(|error| refusal(&error))?);
        }
        Ok(Self { codecs, parameters_id: parameters.finish(), ..self })
    }

    /// The track with this number in URLs.
    pub(crate) fn track(&self, number: usize) -> Option<&SampleTrack> {
        self.tracks.get(number.checked_sub(1)?)
    }
}

/// Sound as a session of this protocol plays it; `None` of a codec that has no place there.
fn played_sound(
    audio: &Track,
    protocol: Protocol,
) -> Result<Option<(SampleTrack, AudioCodec)>, KvsError> {
    let read = SampleTrack::new(audio).and_then(|track| match is_transport_stream(protocol) {
        true => Ok(track),
        false => track.with_g711_as_flac(),
    });
    let track = read.map_err(|error| refusal(&error))?;
    let codec = match track.config() {
        CodecConfig::Aac(..) => AudioCodec::Aac,
        CodecConfig::G711AsFlac(_) => AudioCodec::G711,
        CodecConfig::Opus(_) if !is_transport_stream(protocol) => AudioCodec::Opus,
        CodecConfig::G711(_) | CodecConfig::Opus(_) => return Ok(None),
        CodecConfig::H264(_) | CodecConfig::H265(_) => return Err(unsupported(&audio.codec_id)),
    };
    Ok(Some((track, codec)))
}

/// A track that no frame belongs to, so that all of it is silence.
fn silence(codec: AudioCodec, number: u64) -> Result<Track, SampleError> {
    let invalid = |reason| SampleError::InvalidCodecPrivate { track_number: number, reason };
    match codec {
        AudioCodec::Aac => {
            let config = AudioSpecificConfig::aac_lc(48_000, 2).unwrap_or_default();
            aac::track(number, "", config.to_vec().into()).map_err(invalid)
        }
        AudioCodec::G711 => Ok(g711::track(number, "", Law::A, 8000, 1)),
        AudioCodec::Opus => Ok(opus::track(number, "", 1)),
    }
}

fn is_transport_stream(protocol: Protocol) -> bool {
    matches!(protocol, Protocol::Hls { container: ContainerFormat::MpegTs, .. })
}

/// What stands between a track and its playback, as the exception for it.
pub(crate) fn refusal(error: &SampleError) -> KvsError {
    let kind = match error {
        SampleError::MissingCodecPrivate { .. } => ErrorKind::MissingCodecPrivateData,
        SampleError::InvalidCodecPrivate { .. } => ErrorKind::InvalidCodecPrivateData,
        SampleError::InvalidFrame { .. } | SampleError::Fragment(_) => ErrorKind::InvalidMediaFrame,
        _ => ErrorKind::UnsupportedStreamMediaType,
    };
    KvsError::new(kind, format!("the stream cannot be played: {error}"))
}

/// A stored document header that cannot be read again.
pub(crate) fn unreadable(error: &ReadError) -> KvsError {
    unsupported(&error.to_string())
}

fn unsupported(what: &str) -> KvsError {
    let message = format!("the stream cannot be played in this form: {what}");
    KvsError::new(ErrorKind::UnsupportedStreamMediaType, message)
}

/// What the initialization of a decoder is made of. The hash tells the parameters of one stream's documents apart, and
/// nobody gains by making two of his own alike.
fn add(parameters: &mut FnvHasher, track: &Track) {
    parameters.write(&track.number.to_be_bytes());
    parameters.write(track.codec_id.as_bytes());
    parameters.write(&(track.codec_private.len() as u64).to_be_bytes());
    parameters.write(&track.codec_private);
}

#[cfg(test)]
mod tests {
    use vigie_kvs::shapes::streaming_session::DiscontinuityMode;
    use vigie_media::codec::CodecError;
    use vigie_media::matroska::{Limits, writer};

    use super::*;
    use crate::playback::session::DateTimes;

    fn sound(number: u64) -> Track {
        let config = AudioSpecificConfig::aac_lc(48_000, 2).unwrap().to_vec();
        aac::track(number, "sound", config.into()).unwrap()
    }

    fn picture(number: u64, codec_id: &str, codec_private: &'static [u8]) -> Track {
        Track {
            kind: TrackKind::Video,
            codec_id: codec_id.to_owned(),
            codec_private: codec_private.into(),
            audio: None,
            ..sound(number)
        }
    }

    fn hls(container: ContainerFormat) -> Protocol {
        let discontinuity = DiscontinuityMode::Never;
        Protocol::Hls { container, discontinuity, date_times: DateTimes::Never }
    }

    /// Main profile, 640x360.
    const AVCC: &[u8] =
        b"\x01\x4D\x40\x1E\xFF\xE1\x00\x1C\x67\x4D\x40\x1E\xD9\x00\xA0\x2F\xF9\x70\x16\xA0\xC0\xC0\
        \xD4\xA0\x00\x00\x03\x00\x20\x00\x00\x06\x51\xE2\xC5\xC9\x01\x00\x04\x68\xEB\xCC\xB2";

    const DASH: Protocol = Protocol::Dash { display_timestamp: false, display_number: false };

    /// What is played of `tracks` as fragmented MP4 by HLS, as MPEG-TS, by DASH.
    #[track_caller]
    fn check(tracks: &[Track], expect: [Result<Codecs, ErrorKind>; 3]) {
        let protocols = [hls(ContainerFormat::FragmentedMp4), hls(ContainerFormat::MpegTs), DASH];
        let found = protocols.map(|protocol| {
            let raw = writer::document_header(tracks);
            let header = DocumentHeader::parse(&raw, Limits::KVS).unwrap();
            let played = PlayedTracks::of(header, protocol);
            played.map(|played| played.codecs).map_err(|error| error.kind)
        });
        assert_eq!(found, expect);
    }

    #[test]
    fn what_cannot_be_played_is_refused_by_its_exception() {
        let only = |audio| Ok(Codecs { video: None, audio: Some(audio) });
        let unsupported = Err(ErrorKind::UnsupportedStreamMediaType);
        check(&[sound(1)], [only(AudioCodec::Aac); 3]);
        let alaw = g711::track(1, "a", Law::A, 8000, 1);
        check(&[alaw], [only(AudioCodec::G711), unsupported, only(AudioCodec::G711)]);
        let opus = opus::track(1, "a", 2);
        check(&[opus], [only(AudioCodec::Opus), unsupported, only(AudioCodec::Opus)]);
        let too_fast = g711::track(1, "a", Law::A, 1 << 20, 1);
        let invalid = Err(ErrorKind::InvalidCodecPrivateData);
        check(&[too_fast], [invalid, unsupported, invalid]);
        check(&[picture(1, "V_MJPEG", b"x"), sound(2)], [unsupported; 3]);
        let missing = Err(ErrorKind::MissingCodecPrivateData);
        check(&[picture(1, "V_MPEG4/ISO/AVC", b""), sound(2)], [missing; 3]);
        check(&[picture(1, "V_MPEG4/ISO/AVC", b"nonsense"), sound(2)], [invalid; 3]);
    }

    #[test]
    fn equal_parameters_share_their_number_and_others_do_not() {
        let id = |tracks: &[Track]| {
            let raw = writer::document_header(tracks);
            let header = DocumentHeader::parse(&raw, Limits::KVS).unwrap();
            PlayedTracks::of(header, DASH).unwrap().parameters_id
        };
        // Computed apart: it stands in URLs, which outlive the server's upgrade.
        assert_eq!(id(&[sound(1)]), 0x7131_a376_34b5_b51a);
        let named = Track { name: "another name".into(), ..sound(1) };
        assert_eq!(id(&[sound(1)]), id(&[named]));
        assert_ne!(id(&[sound(1)]), id(&[sound(2)]), "the track is numbered in the init segment");
        let config = AudioSpecificConfig::aac_lc(44_100, 2).unwrap().to_vec();
        assert_ne!(id(&[sound(1)]), id(&[aac::track(1, "sound", config.into()).unwrap()]));
    }

    #[test]
    fn a_session_keeps_its_sound_where_a_document_has_none() {
        let config = vigie_media::codec::h264::AvcConfig::parse(AVCC).unwrap();
        let pictures = vigie_media::codec::h264::track(1, "", &config).unwrap();
        let played = |tracks: &[Track]| {
            let raw = writer::document_header(tracks);
            PlayedTracks::of(DocumentHeader::parse(&raw, Limits::KVS).unwrap(), DASH).unwrap()
        };
        let mute = || played(std::slice::from_ref(&pictures));
        let both = || played(&[pictures.clone(), sound(2)]);
        let opus = || played(&[pictures.clone(), opus::track(2, "", 1)]);
        assert_eq!(both().fitted(mute().codecs).unwrap().parameters_id, mute().parameters_id);
        assert_eq!(both().fitted(both().codecs).unwrap().parameters_id, both().parameters_id);
        for (codecs, codec) in [(both().codecs, "mp4a.40.2"), (opus().codecs, "Opus")] {
            let silent = mute().fitted(codecs).unwrap();
            assert_eq!(silent.codecs, codecs);
            assert_eq!(silent.track(2).map(SampleTrack::codec_string).as_deref(), Some(codec));
            assert!(silent.header.tracks.iter().all(|track| track.number != 2));
        }
        let mixed = opus().fitted(both().codecs).unwrap();
        let numbers: Vec<u32> = mixed.tracks.iter().map(SampleTrack::number).collect();
        assert_eq!(numbers, [1, 3], "its own sound is not played as what it is not");
        let sound_alone = played(&[sound(1)]).fitted(both().codecs);
        assert_eq!(sound_alone.unwrap_err().kind, ErrorKind::UnsupportedStreamMediaType);
    }

    #[test]
    fn a_frame_that_is_none_is_an_invalid_media_frame() {
        let reason = CodecError::Truncated("a frame");
        let error = SampleError::InvalidFrame { track_number: 1, timecode_ms: 5, reason };
        assert_eq!(refusal(&error).kind, ErrorKind::InvalidMediaFrame);
    }
}
