//! What a session's URLs answer: playlists, manifests, init segments and media segments.
//!
//! The token says which session; whoever has it may play, as long as its stream keeps media and the key or user that asked
//! for it holds. Nothing else is asked for. Decides which answer a URL
//! gets and how long it may be kept; [`crate::http::content`] turns it into a response.

use std::time::Duration;

use hyper::Method;
use hyper::http::request::Parts;
use vigie_kvs::shapes::archived_media::FragmentSelectorType;
use vigie_kvs::shapes::streaming_session::ContainerFormat;
use vigie_kvs::{FragmentNumber, KvsError};
use vigie_media::fmp4::{self, SegmentPlace};
use vigie_media::sample::timing::SINGLE_PICTURE_MS_MAX;
use vigie_media::sample::{CodecConfig, SampleTrack, Unreadable, fragment_samples};
use vigie_media::{Timestamp, TrackKind, mpeg_ts};

use super::Playback;
use super::create::keeps_nothing;
use super::dash::manifest::{
    self, Growing, Manifest, ManifestPeriod, Representation, RepresentationKind,
};
use super::hls::date_time::date_times;
use super::hls::playlist::{self, MediaPlaylist, Variant};
use super::request::{Asked, Parameters, open};
use super::selection::{Entry, Progress, timeline_origin_ms};
use super::session::{PlaybackSession, Protocol};
use super::tracks::{PlayedTracks, refusal};
use crate::api::fragments::fragment_number;
use crate::archive::{ArchiveError, FragmentQuery, StoredFragment};
use crate::db::{Stream, StreamKey, StreamStatus};
use crate::failure::{Answer, Failure};
use crate::guard;
use crate::http::content::{Content, Keep};

const DASH_MANIFEST: &str = "application/dash+xml";
const HLS_PLAYLIST: &str = "application/vnd.apple.mpegurl";
/// The answer to a URL of a session, with the name of what it asked for; `None` for another path.
pub(crate) async fn serve(
    playback: &Playback,
    head: &Parts,
) -> Option<(&'static str, Answer<Content>)> {
    if head.method != Method::GET && head.method != Method::HEAD {
        return None;
    }
    let asked = Asked::of(head.uri.path())?;
    Some((asked.operation(), answer(playback, asked, head).await))
}

async fn answer(playback: &Playback, asked: Asked, head: &Parts) -> Answer<Content> {
    let parameters = Parameters::of(head.uri.query().unwrap_or_default())?;
    let at = playback.media.process.now();
    let now = at.wall;
    let session = open(&playback.master_key, &parameters, now)?;
    let arn = session.stream_arn(playback.media.config.place()).to_string();
    playback.grants.check(&session.grant, session.operation(), &arn, now).await?;
    guard::verified(&head.extensions);
    let admitted = playback.limits.admit_session(asked.counted(), session.id, at.mono);
    admitted.inspect_err(|_| {
        playback.media.metrics.limited_calls.inc();
    })?;
    let stream = playback.db.stream(StreamKey::Arn(&arn)).await?;
    let stream = stream.filter(|stream| stream.status == StreamStatus::Active);
    let stream = stream.ok_or_else(|| KvsError::not_found("the stream of this session is gone"))?;
    // What retention 0 still keeps is for GetMedia alone (KVS API_GetHLSStreamingSessionURL), at once and not only for
    // sessions to come: it says that nothing is to be seen any more.
    if stream.retention_hours == 0 {
        return Err(keeps_nothing().into());
    }
    let of = Playing { playback, stream, session, parameters, now };
    match asked {
        Asked::HlsMasterPlaylist => of.hls_master_playlist().await,
        Asked::HlsMediaPlaylist => of.hls_media_playlist().await,
        Asked::Mp4InitFragment => of.init_fragment().await,
        Asked::DashManifest => of.dash_manifest().await,
        Asked::Mp4MediaFragment | Asked::TsFragment => of.media_fragment(asked).await,
    }
}

/// With how many fragments a growing playlist of MPEG-TS begins.
const FRAGMENTS_TO_BEGIN_WITH: usize = 3;
/// How long it waits for them; players wait for ten seconds and more.
const BEGINNING_MAX: Duration = Duration::from_secs(6);
/// How often it looks.
const BEGINNING_STEP: Duration = Duration::from_millis(250);

/// A request of a session.
struct Playing<'a> {
    playback: &'a Playback,
    stream: Stream,
    session: PlaybackSession,
    parameters: Parameters,
    now: Timestamp,
}

impl Playing<'_> {
    async fn progress(&self) -> Answer<std::sync::Arc<Progress>> {
        let progress = self
            .playback
            .fragments
            .progress(&self.playback.media, &self.stream, &self.session)
            .await;
        Ok(progress?)
    }

    /// The same for a playlist. Chromium's own player (156) was seen to fail for good at a growing list of MPEG-TS with one segment
    /// or two: of a stream that has just begun, the list waits for the third.
    async fn progress_to_begin_with(
        &self,
        container: ContainerFormat,
    ) -> Answer<std::sync::Arc<Progress>> {
        let few = usize::from(self.session.fragments_max).min(FRAGMENTS_TO_BEGIN_WITH);
        let mut waited = Duration::ZERO;
        loop {
            let progress = self.progress().await?;
            let is_enough = container != ContainerFormat::MpegTs
                || !self.session.is_live()
                || progress.shown() >= few as u64;
            if is_enough || waited >= BEGINNING_MAX {
                return Ok(progress);
            }
            self.playback.media.process.sleep(BEGINNING_STEP).await;
            waited += BEGINNING_STEP;
        }
    }

    /// What of a session's window is still there.
    fn alive<'p>(&self, progress: &'p Progress) -> Vec<&'p Entry> {
        let expired_before = self.playback.media.expired_before(&self.stream).as_millis();
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
    async fn frame_rate(
        &self,
        tracks: &PlayedTracks,
        fragment: &StoredFragment,
    ) -> Answer<Option<f64>> {
        let Some(video) = tracks.tracks.iter().position(|t| t.kind() == TrackKind::Video) else {
            return Ok(None);
        };
        let bytes =
            self.playback.fragments.bytes(&self.playback.media, fragment).await.map_err(gone)?;
        let only = &tracks.tracks[video..=video];
        let found = fragment_samples(only, &tracks.header, bytes, Unreadable::LeftOut);
        let pictures = found.ok().and_then(|found| Some(found.first()?.samples.len()));
        let seconds = f64::from(fragment.duration_ms) / 1000.0;
        Ok(pictures.filter(|&count| count > 0 && seconds > 0.0).map(|n| n as f64 / seconds))
    }

    async fn hls_media_playlist(&self) -> Answer<Content> {
        let Protocol::Hls { container, .. } = self.session.protocol else {
            return Err(other_protocol());
        };
        let progress = self.progress_to_begin_with(container).await?;
        let entries = self.alive(&progress);
        let date_times = date_times(&self.session, &entries);
        let text = playlist::media(&MediaPlaylist {
            token: &self.parameters.token,
            track_number: self.parameters.track_number.unwrap_or(1),
            container,
            on_demand: !self.session.is_live(),
            longest_ms: progress.longest_ms,
            next_number: progress.next_number(),
            entries: &entries,
            date_times: &date_times,
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
        let number = fragment_number(&fragment);
        let tracks = self.tracks(&fragment).await?;
        let tracks = tracks.as_ref().as_ref().map_err(Clone::clone)?;
        let bytes =
            self.playback.fragments.bytes(&self.playback.media, &fragment).await.map_err(gone)?;
        let place = SegmentPlace {
            // Counts up with the stream; a u32 is all that mfhd has, and nobody minds a wrap.
            sequence_number: fragment.sequence as u32,
            start_ms: fragment.producer_timestamp.as_millis(),
            end_ms: self.ends_at(&fragment).await?.map(Timestamp::as_millis),
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

    /// Where a fragment ends; where it does not say so, with the next one, as its playlist has it.
    async fn ends_at(&self, fragment: &StoredFragment) -> Answer<Option<Timestamp>> {
        if fragment.duration_ms > 0 {
            return Ok(Some(fragment.producer_until()));
        }
        let start = fragment.producer_timestamp;
        let query = FragmentQuery::producer_range(
            start.plus_millis(1),
            start.plus_millis(SINGLE_PICTURE_MS_MAX),
            1,
        );
        let media = &self.playback.media;
        let next = media.fragments.list(&media.config.media_key(&self.stream), query).await?;
        if let Some(next) = next.first() {
            return Ok(Some(next.producer_timestamp));
        }
        let number = fragment_number(fragment);
        let progress = self.progress().await?;
        let shown = progress.window.iter().rfind(|entry| entry.fragment.number == number);
        Ok(shown.map(|entry| Timestamp::from_millis(entry.fragment.producer_end_ms())))
    }

    async fn asked_fragment(&self) -> Answer<StoredFragment> {
        let Parameters { fragment_number, producer_timestamp, .. } = self.parameters;
        match (fragment_number, producer_timestamp) {
            (Some(number), _) => self.fragment(number).await,
            (None, Some(at)) => {
                let cache = &self.playback.fragments;
                let found = cache
                    .fragment_at(&self.playback.media, &self.stream, &self.session, at)
                    .await?;
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
                (None, CodecConfig::G711AsFlac(format)) => RepresentationKind::Audio {
                    sampling_frequency_hz: format.sampling_frequency_hz,
                    channels: format.channels.into(),
                },
                (None, CodecConfig::Opus(head)) => RepresentationKind::Audio {
                    sampling_frequency_hz: track.timescale(),
                    channels: head.channels.into(),
                },
                (None, _) => RepresentationKind::Audio {
                    sampling_frequency_hz: track.timescale(),
                    channels: 1,
                },
            },
        };
        tracks.tracks.iter().enumerate().map(of).collect()
    }

    async fn fragment(&self, number: FragmentNumber) -> Answer<StoredFragment> {
        let cache = &self.playback.fragments;
        let found =
            cache.fragment(&self.playback.media, &self.stream, &self.session, number).await?;
        found.ok_or_else(fragment_gone)
    }

    async fn tracks(
        &self,
        fragment: &StoredFragment,
    ) -> Answer<std::sync::Arc<Result<PlayedTracks, KvsError>>> {
        let cache = &self.playback.fragments;
        cache.document(&self.playback.media, fragment, &self.session).await.map_err(gone)
    }

    /// A segment never changes, and nobody asks for it after the session.
    fn for_the_session(&self) -> Keep {
        let left_ms = self.session.expires_ms.saturating_sub(self.now.as_millis());
        Keep::Immutable { seconds: u64::try_from(left_ms / 1000).unwrap_or(0) }
    }
}

const fn mp4_type(kind: TrackKind) -> &'static str {
    match kind {
        TrackKind::Audio => fmp4::AUDIO_MP4,
        _ => fmp4::VIDEO_MP4,
    }
}

/// Deleted since it was listed, by retention: the caller's news, not the operator's.
fn gone(error: ArchiveError) -> Failure {
    match error {
        ArchiveError::FragmentGone => fragment_gone(),
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
