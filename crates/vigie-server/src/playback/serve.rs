//! What a session's URLs answer: playlists, manifests, init segments and media segments.
//!
//! The token says which session; whoever has it may play, and nothing else is asked for. Decides which answer a URL
//! gets and how long it may be kept; [`crate::http::content`] turns it into a response.

use hyper::Method;
use hyper::http::request::Parts;
use url::form_urlencoded;
use vigie_kvs::shapes::archived_media::FragmentSelectorType;
use vigie_kvs::shapes::streaming_session::ContainerFormat;
use vigie_kvs::{ErrorKind, FragmentNumber, KvsError};
use vigie_media::fmp4::{self, SegmentPlace};
use vigie_media::sample::{CodecConfig, SampleTrack, fragment_samples};
use vigie_media::{Timestamp, TrackKind, mpeg_ts};
use vigie_store::Fragment;

use super::dash::manifest::{
    self, Growing, Manifest, ManifestPeriod, Representation, RepresentationKind,
};
use super::hls::playlist::{self, MediaPlaylist, Variant};
use super::selection::{Entry, Progress, timeline_origin_ms};
use super::session::{Protocol, Session};
use super::tracks::{PlayedTracks, refusal};
use crate::api::fragments::fragment_number;
use crate::app::App;
use crate::db::{Stream, StreamKey, StreamStatus};
use crate::failure::{Answer, Failure};
use crate::fragment_store::FragmentStoreError;
use crate::http::content::{Content, Keep};
use crate::reconcile::expired_before;

const DASH_MANIFEST: &str = "application/dash+xml";
const HLS_PLAYLIST: &str = "application/vnd.apple.mpegurl";
/// Longest query that is looked at: a token of the longest stream name is well below.
const QUERY_BYTES_MAX: usize = 4096;

/// What a URL of a session asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    HlsMasterPlaylist,
    HlsMediaPlaylist,
    Mp4InitFragment,
    Mp4MediaFragment,
    TsFragment,
    DashManifest,
}

impl Asked {
    /// By the paths of the service.
    fn of(path: &str) -> Option<Self> {
        Some(match path {
            "/hls/v1/getHLSMasterPlaylist.m3u8" => Self::HlsMasterPlaylist,
            "/hls/v1/getHLSMediaPlaylist.m3u8" => Self::HlsMediaPlaylist,
            "/hls/v1/getMP4InitFragment.mp4" | "/dash/v1/getMP4InitFragment.mp4" => {
                Self::Mp4InitFragment
            }
            "/hls/v1/getMP4MediaFragment.mp4" | "/dash/v1/getMP4MediaFragment.mp4" => {
                Self::Mp4MediaFragment
            }
            "/hls/v1/getTSFragment.ts" => Self::TsFragment,
            "/dash/v1/getDASHManifest.mpd" => Self::DashManifest,
            _ => return None,
        })
    }

    /// For metrics and logs; the names of the service's metrics.
    const fn operation(self) -> &'static str {
        match self {
            Self::HlsMasterPlaylist => "GetHLSMasterPlaylist",
            Self::HlsMediaPlaylist => "GetHLSMediaPlaylist",
            Self::Mp4InitFragment => "GetMP4InitFragment",
            Self::Mp4MediaFragment => "GetMP4MediaFragment",
            Self::TsFragment => "GetTSFragment",
            Self::DashManifest => "GetDASHManifest",
        }
    }
}

/// The answer to a URL of a session, with the name of what it asked for; `None` for another path.
pub(crate) async fn serve(app: &App, head: &Parts) -> Option<(&'static str, Answer<Content>)> {
    if head.method != Method::GET && head.method != Method::HEAD {
        return None;
    }
    let asked = Asked::of(head.uri.path())?;
    Some((asked.operation(), answer(app, asked, head).await))
}

async fn answer(app: &App, asked: Asked, head: &Parts) -> Answer<Content> {
    let parameters = Parameters::of(head.uri.query().unwrap_or_default())?;
    let now = app.clock.now().wall;
    let session = open(app, &parameters, now)?;
    app.limits.admit_session(app, asked.operation(), session.id)?;
    let place = app.config.place();
    let arn = session.stream_arn(place).to_string();
    let stream = app.db.stream(StreamKey::Arn(&arn)).await?;
    let stream = stream.filter(|stream| stream.status == StreamStatus::Active);
    let stream = stream.ok_or_else(|| KvsError::not_found("the stream of this session is gone"))?;
    let of = Playing { app, stream, session, parameters, now };
    match asked {
        Asked::HlsMasterPlaylist => of.hls_master_playlist().await,
        Asked::HlsMediaPlaylist => of.hls_media_playlist().await,
        Asked::Mp4InitFragment => of.init_fragment().await,
        Asked::DashManifest => of.dash_manifest().await,
        Asked::Mp4MediaFragment | Asked::TsFragment => of.media_fragment(asked).await,
    }
}

fn open(app: &App, parameters: &Parameters, now: Timestamp) -> Result<Session, KvsError> {
    let session = Session::open(&app.master_key, &parameters.token).ok_or_else(|| {
        let message = "the session token is not valid; ask for a new streaming session URL";
        KvsError::new(ErrorKind::UnrecognizedClient, message)
    })?;
    if session.has_expired(now) {
        let message = "the session token has expired; ask for a new streaming session URL";
        return Err(KvsError::new(ErrorKind::ExpiredToken, message));
    }
    Ok(session)
}

/// The query of a session's URL.
#[derive(Debug, Default)]
struct Parameters {
    token: String,
    track_number: Option<usize>,
    parameters_id: Option<u64>,
    fragment_number: Option<FragmentNumber>,
    producer_timestamp: Option<Timestamp>,
}

impl Parameters {
    fn of(query: &str) -> Result<Self, KvsError> {
        if query.len() > QUERY_BYTES_MAX {
            return Err(KvsError::invalid_argument("the query is too long"));
        }
        let mut found = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let wrong = |what: &str| KvsError::invalid_argument(format!("{name} must be {what}"));
            match &*name {
                "SessionToken" => found.token = value.into_owned(),
                "TrackNumber" => {
                    let number = value.parse().map_err(|_| wrong("the number of a track"))?;
                    found.track_number = Some(number);
                }
                "SequenceNumber" => {
                    let number = value.parse().map_err(|_| wrong("a number of a playlist"))?;
                    found.parameters_id = Some(number);
                }
                "ProducerTimestamp" => {
                    let millis = value.parse().map_err(|_| wrong("a time of a manifest"))?;
                    found.producer_timestamp = Some(Timestamp::from_millis(millis));
                }
                "FragmentNumber" => {
                    let number = value.parse().map_err(|_| wrong("the number of a fragment"))?;
                    found.fragment_number = Some(number);
                }
                _ => {}
            }
        }
        if found.token.is_empty() {
            let message = "SessionToken is missing";
            return Err(KvsError::new(ErrorKind::MissingAuthenticationToken, message));
        }
        Ok(found)
    }
}

/// A request of a session.
struct Playing<'a> {
    app: &'a App,
    stream: Stream,
    session: Session,
    parameters: Parameters,
    now: Timestamp,
}

impl Playing<'_> {
    async fn progress(&self) -> Answer<std::sync::Arc<Progress>> {
        let progress = self.app.library.progress(self.app, &self.stream, &self.session).await;
        Ok(progress?)
    }

    /// What of a session's window is still there.
    fn alive<'p>(&self, progress: &'p Progress) -> Vec<&'p Entry> {
        let expired_before = expired_before(&self.stream, self.now).as_millis();
        progress.window.iter().filter(|e| e.fragment.server_ms >= expired_before).collect()
    }

    async fn hls_master_playlist(&self) -> Answer<Content> {
        let Protocol::Hls { container, .. } = self.session.protocol else {
            return Err(other_protocol());
        };
        let progress = self.progress().await?;
        let entries = self.alive(&progress);
        let newest = entries.last().ok_or_else(nothing_there)?;
        let fragment = self.fragment(newest.fragment.number).await?;
        let tracks = self.tracks(&fragment).await?;
        let tracks = tracks.as_ref().as_ref().map_err(Clone::clone)?;
        let bits_a_second = |entry: &&Entry| {
            let duration_ms = u64::try_from(entry.fragment.duration_ms).unwrap_or(0).max(1);
            entry.fragment.size_bytes.saturating_mul(8000) / duration_ms
        };
        let size = tracks.tracks.iter().find_map(|track| track.size());
        let variant = Variant {
            codecs: tracks.tracks.iter().map(|track| track.codec_string()).collect(),
            resolution: size.map(|size| (size.width_pixels, size.height_pixels)),
            frame_rate: self.frame_rate(tracks, &fragment).await?,
            bandwidth: entries.iter().map(bits_a_second).max().unwrap_or(0),
            separate_audio: container == ContainerFormat::FragmentedMp4 && tracks.tracks.len() > 1,
        };
        Ok(Content::text(HLS_PLAYLIST, playlist::master(&self.parameters.token, &variant)))
    }

    /// Pictures a second of a fragment, where it has pictures.
    async fn frame_rate(&self, tracks: &PlayedTracks, fragment: &Fragment) -> Answer<Option<f64>> {
        let Some(video) = tracks.tracks.iter().position(|t| t.kind() == TrackKind::Video) else {
            return Ok(None);
        };
        let bytes = self.app.library.bytes(self.app, fragment).await.map_err(gone)?;
        let found = fragment_samples(&tracks.tracks[video..=video], &tracks.header, bytes);
        let pictures = found.ok().and_then(|found| Some(found.first()?.samples.len()));
        let seconds = f64::from(fragment.entry.duration_ms) / 1000.0;
        Ok(pictures.filter(|&count| count > 0 && seconds > 0.0).map(|n| n as f64 / seconds))
    }

    async fn hls_media_playlist(&self) -> Answer<Content> {
        let Protocol::Hls { container, display_timestamp, .. } = self.session.protocol else {
            return Err(other_protocol());
        };
        let progress = self.progress().await?;
        let entries = self.alive(&progress);
        let date_times = display_timestamp.then(|| {
            entries.iter().map(|entry| date_time(&self.session, entry)).collect::<Vec<_>>()
        });
        let text = playlist::media(&MediaPlaylist {
            token: &self.parameters.token,
            track_number: self.parameters.track_number.unwrap_or(1),
            container,
            on_demand: !self.session.is_live(),
            longest_ms: progress.longest_ms,
            next_number: progress.next_number(),
            entries: &entries,
            date_times: date_times.as_deref(),
        });
        Ok(Content::text(HLS_PLAYLIST, text))
    }

    async fn init_fragment(&self) -> Answer<Content> {
        let progress = self.progress().await?;
        let entries = self.alive(&progress);
        let wanted = |entry: &&&Entry| {
            self.parameters.parameters_id.is_none_or(|id| entry.fragment.parameters_id == id)
        };
        let entry = entries.iter().find(wanted).ok_or_else(nothing_there)?;
        let fragment = self.fragment(entry.fragment.number).await?;
        let tracks = self.tracks(&fragment).await?;
        let tracks = tracks.as_ref().as_ref().map_err(Clone::clone)?;
        let number = self.parameters.track_number.unwrap_or(1);
        let track = tracks.track(number).ok_or_else(no_track)?;
        let init = fmp4::init_segment(std::slice::from_ref(track));
        let etag = format!("\"{:016x}.{number}\"", tracks.parameters_id);
        Ok(Content {
            content_type: mp4_type(track.kind()),
            pieces: vec![init.into()],
            keep: self.for_the_session(),
            etag,
        })
    }

    async fn media_fragment(&self, asked: Asked) -> Answer<Content> {
        let is_ts = asked == Asked::TsFragment;
        if is_ts != self.session.is_transport_stream() {
            return Err(other_protocol());
        }
        let fragment = self.asked_fragment().await?;
        let number = fragment_number(&fragment.entry);
        let tracks = self.tracks(&fragment).await?;
        let tracks = tracks.as_ref().as_ref().map_err(Clone::clone)?;
        let bytes = self.app.library.bytes(self.app, &fragment).await.map_err(gone)?;
        let entry = &fragment.entry;
        let place = SegmentPlace {
            // Counts up with the stream; a u32 is all that mfhd has, and nobody minds a wrap.
            sequence_number: entry.sequence as u32,
            start_ms: entry.producer_timestamp.as_millis(),
            end_ms: Some(entry.producer_until().as_millis()),
        };
        let (segment, content_type, etag) = if is_ts {
            let segment = mpeg_ts::segment(&tracks.tracks, &tracks.header, bytes, &place);
            (segment, mpeg_ts::VIDEO_MP2T, format!("\"{number}.ts\""))
        } else {
            let track_number = self.parameters.track_number.unwrap_or(1);
            let track = tracks.track(track_number).ok_or_else(no_track)?;
            let only = std::slice::from_ref(track);
            let segment = fmp4::media_segment(only, &tracks.header, bytes, &place);
            (segment, mp4_type(track.kind()), format!("\"{number}.{track_number}\""))
        };
        let segment = segment.map_err(|error| refusal(&error))?;
        Ok(Content { content_type, pieces: segment.pieces, keep: self.for_the_session(), etag })
    }

    async fn asked_fragment(&self) -> Answer<Fragment> {
        let Parameters { fragment_number, producer_timestamp, .. } = self.parameters;
        match (fragment_number, producer_timestamp) {
            (Some(number), _) => self.fragment(number).await,
            (None, Some(at)) => {
                let library = &self.app.library;
                let found = library.fragment_at(self.app, &self.stream, &self.session, at).await?;
                found.ok_or_else(fragment_gone)
            }
            (None, None) => Err(KvsError::invalid_argument(
                "FragmentNumber or ProducerTimestamp must be given for a media fragment",
            )
            .into()),
        }
    }

    async fn dash_manifest(&self) -> Answer<Content> {
        let Protocol::Dash { display_timestamp, display_number } = self.session.protocol else {
            return Err(other_protocol());
        };
        let progress = self.progress().await?;
        let entries = self.alive(&progress);
        let mut periods = Vec::new();
        for entries in entries.chunk_by(|a, b| a.period.number == b.period.number) {
            let Some(first) = entries.first() else { continue };
            let fragment = self.fragment(first.fragment.number).await?;
            let tracks = self.tracks(&fragment).await?;
            let tracks = tracks.as_ref().as_ref().map_err(Clone::clone)?;
            let representations = self.representations(tracks);
            periods.push(ManifestPeriod { entries: entries.to_vec(), representations });
        }
        let growing = self.session.is_live().then(|| Growing {
            timeline_origin: Timestamp::from_millis(timeline_origin_ms(&self.session)),
            now: self.now,
        });
        let by_server = |entry: &Entry| Timestamp::from_millis(entry.fragment.server_ms);
        let by_producer = |entry: &Entry| Timestamp::from_millis(entry.fragment.producer_ms);
        let shown_timestamp: fn(&Entry) -> Timestamp = match self.session.selector {
            FragmentSelectorType::ServerTimestamp => by_server,
            FragmentSelectorType::ProducerTimestamp => by_producer,
        };
        let text = manifest::manifest(&Manifest {
            token: &self.parameters.token,
            periods,
            longest_ms: progress.longest_ms,
            growing,
            display_timestamp: display_timestamp.then_some(shown_timestamp),
            display_number,
        });
        Ok(Content::text(DASH_MANIFEST, text))
    }

    fn representations(&self, tracks: &PlayedTracks) -> Vec<Representation> {
        let of = |(index, track): (usize, &SampleTrack)| Representation {
            track_number: index + 1,
            codecs: track.codec_string(),
            bandwidth: self.session.bits_a_second.get(index).copied().unwrap_or(1),
            kind: match (track.size(), track.config()) {
                (Some(size), _) => RepresentationKind::Video {
                    width: size.width_pixels,
                    height: size.height_pixels,
                },
                (None, CodecConfig::Aac(config, _)) => RepresentationKind::Audio {
                    sampling_frequency_hz: config.sampling_frequency_hz,
                    channels: config.channels,
                },
                (None, CodecConfig::G711(format)) => RepresentationKind::Audio {
                    sampling_frequency_hz: format.sampling_frequency_hz,
                    channels: format.channels.into(),
                },
                (None, _) => RepresentationKind::Audio {
                    sampling_frequency_hz: track.timescale(),
                    channels: 1,
                },
            },
        };
        tracks.tracks.iter().enumerate().map(of).collect()
    }

    async fn fragment(&self, number: FragmentNumber) -> Answer<Fragment> {
        let library = &self.app.library;
        let found = library.fragment(self.app, &self.stream, &self.session, number).await?;
        found.ok_or_else(fragment_gone)
    }

    async fn tracks(
        &self,
        fragment: &Fragment,
    ) -> Answer<std::sync::Arc<Result<PlayedTracks, KvsError>>> {
        let library = &self.app.library;
        library.document(self.app, fragment, self.session.protocol).await.map_err(gone)
    }

    /// A segment never changes, and nobody asks for it after the session.
    fn for_the_session(&self) -> Keep {
        let left_ms = self.session.expires_ms.saturating_sub(self.now.as_millis());
        Keep::Immutable { seconds: u64::try_from(left_ms / 1000).unwrap_or(0) }
    }
}

/// When a fragment begins by the clock of the session's selector, as RFC 3339 in UTC.
fn date_time(session: &Session, entry: &Entry) -> String {
    let at_ms = match session.selector {
        FragmentSelectorType::ProducerTimestamp => entry.fragment.producer_ms,
        FragmentSelectorType::ServerTimestamp => entry.fragment.server_ms,
    };
    crate::audit::rfc3339(Timestamp::from_millis(at_ms))
}

const fn mp4_type(kind: TrackKind) -> &'static str {
    match kind {
        TrackKind::Audio => fmp4::AUDIO_MP4,
        _ => fmp4::VIDEO_MP4,
    }
}

/// Deleted since it was listed, by retention: the caller's news, not the operator's.
fn gone(error: FragmentStoreError) -> Failure {
    match error {
        FragmentStoreError::FragmentGone => fragment_gone(),
        error => error.into(),
    }
}

fn fragment_gone() -> Failure {
    KvsError::not_found("the session has no such fragment, or it has been deleted").into()
}

fn nothing_there() -> Failure {
    KvsError::not_found("the session has no media left: it has been deleted").into()
}

fn no_track() -> Failure {
    KvsError::not_found("the session has no track of this number").into()
}

fn other_protocol() -> Failure {
    KvsError::invalid_argument("the session token is of another protocol").into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_query_is_read_whatever_the_order_and_escapes() {
        let query = "TrackNumber=2&SessionToken=Ab-_%7E&FragmentNumber=\
                     91343852333182036507421233921329142742245756394&SequenceNumber=7&x=y";
        let found = Parameters::of(query).unwrap();
        assert_eq!((found.token.as_str(), found.track_number), ("Ab-_~", Some(2)));
        assert_eq!(found.fragment_number.map(FragmentNumber::sequence), Some(122_001));
        assert_eq!(found.parameters_id, Some(7));
        let check = |query: &str, kind| assert_eq!(Parameters::of(query).unwrap_err().kind, kind);
        check("", ErrorKind::MissingAuthenticationToken);
        check("SessionToken=", ErrorKind::MissingAuthenticationToken);
        for wrong in
            ["TrackNumber=-1", "FragmentNumber=7", "SequenceNumber=x", "ProducerTimestamp="]
        {
            check(&format!("SessionToken=a&{wrong}"), ErrorKind::InvalidArgument);
        }
        check(&"a".repeat(QUERY_BYTES_MAX + 1), ErrorKind::InvalidArgument);
    }

    proptest! {
        #[test]
        fn any_query_is_read_without_panic(query in "\\PC{0,80}|([A-Za-z]{0,16}=[0-9%A-F~-]{0,60}&?){0,4}") {
            if let Ok(found) = Parameters::of(&query) {
                let key = crate::auth::MasterKey::from_bytes([7; 32]);
                prop_assert!(Session::open(&key, &found.token).is_none(), "nothing is guessable");
            }
        }
    }
}
