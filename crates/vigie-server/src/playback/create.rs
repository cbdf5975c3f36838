//! Makes sessions (KVS API_GetHLSStreamingSessionURL and API_GetDASHStreamingSessionURL): checks what is asked for
//! against what is stored, and seals the answer into the session's token.

use bytes::Bytes;
use vigie_kvs::shapes::archived_media::{FragmentSelectorType, TimestampRange};
use vigie_kvs::shapes::streaming_session::{
    ContainerFormat, DiscontinuityMode, Display, GetDashStreamingSessionUrlInput,
    GetDashStreamingSessionUrlOutput, GetHlsStreamingSessionUrlInput,
    GetHlsStreamingSessionUrlOutput, SessionRange,
};
use vigie_kvs::{ErrorKind, KvsError};
use vigie_media::Timestamp;
use vigie_media::sample::{TrackSamples, Unreadable, fragment_samples};

use super::Playback;
use super::codecs::Codecs;
use super::fragment_cache::Candidates;
use super::selection::{Progress, Walk};
use super::session::{DateTimes, Mode, PlaybackSession, Protocol};
use super::tracks::PlayedTracks;
use crate::api::Call;
use crate::archive::{FragmentOrder, FragmentQuery, StoredFragment};
use crate::auth::Grant;
use crate::db::Stream;
use crate::failure::{Answer, Failure};
use crate::fragment_selection::key_frame::{
    KEY_FRAME_BEFORE_MS, KEY_FRAME_FRAGMENTS_MAX, Reach, beginning_of_live, begun_with_key_frame,
};
use crate::fragment_selection::{check_server_range, lasts_until};
use crate::media::Media;

const HLS_MASTER_PLAYLIST: &str = "/hls/v1/getHLSMasterPlaylist.m3u8";
/// Five hours of two seconds each.
const FRAGMENTS_OF_GRANT: i64 = 10_000;
const EXPIRES_SECONDS_DEFAULT: i64 = 300;
/// Of live sessions, and of replays.
const FRAGMENTS_DEFAULT_LIVE: u16 = 5;
const FRAGMENTS_DEFAULT_ON_DEMAND: u16 = 1000;
/// A live session begins with media no older than this, and not before a pause this long.
const LIVE_MS: i64 = 30_000;
/// The text of the service (seen by its users).
const NO_FRAGMENTS: &str = "No fragments found in the stream for the streaming request.";

pub(crate) async fn get_hls_streaming_session_url(
    playback: &Playback,
    call: &Call,
    input: GetHlsStreamingSessionUrlInput,
) -> Answer<GetHlsStreamingSessionUrlOutput> {
    let selector = input.hls_fragment_selector.and_then(|given| given.fragment_selector_type);
    let selector = selector.unwrap_or(FragmentSelectorType::ServerTimestamp);
    let range = input.range()?;
    let discontinuity = input.discontinuity_mode.unwrap_or(match selector {
        FragmentSelectorType::ServerTimestamp => DiscontinuityMode::Always,
        FragmentSelectorType::ProducerTimestamp => DiscontinuityMode::Never,
    });
    let asked = Asked {
        stream: playback.media.streams.active(call, &input.stream()?).await?,
        selector,
        range,
        protocol: Protocol::Hls {
            container: input.container_format.unwrap_or(ContainerFormat::FragmentedMp4),
            discontinuity,
            date_times: match input.display_fragment_timestamp {
                Some(Display::Always) => DateTimes::Fragments,
                Some(Display::Never) => DateTimes::Never,
                None if matches!(range, SessionRange::OnDemand { .. }) => DateTimes::Never,
                None => DateTimes::Periods,
            },
        },
        expires: input.expires,
        fragments_max: input.max_media_playlist_fragment_results,
    };
    let grant = Grant::of(call.identity.principal.clone());
    let token = asked.token(playback, grant).await?;
    let base = playback.base_url(call)?;
    Ok(GetHlsStreamingSessionUrlOutput {
        hls_streaming_session_url: format!("{base}{HLS_MASTER_PLAYLIST}?SessionToken={token}"),
    })
}

pub(crate) async fn get_dash_streaming_session_url(
    playback: &Playback,
    call: &Call,
    input: GetDashStreamingSessionUrlInput,
) -> Answer<GetDashStreamingSessionUrlOutput> {
    let selector = input.dash_fragment_selector.and_then(|given| given.fragment_selector_type);
    let asked = Asked {
        stream: playback.media.streams.active(call, &input.stream()?).await?,
        selector: selector.unwrap_or(FragmentSelectorType::ServerTimestamp),
        range: input.range()?,
        protocol: Protocol::Dash {
            display_timestamp: input.display_fragment_timestamp == Some(Display::Always),
            display_number: input.display_fragment_number == Some(Display::Always),
        },
        expires: input.expires,
        fragments_max: input.max_manifest_fragment_results,
    };
    let grant = Grant::of(call.identity.principal.clone());
    let token = asked.token(playback, grant).await?;
    let base = playback.base_url(call)?;
    Ok(GetDashStreamingSessionUrlOutput {
        dash_streaming_session_url: format!(
            "{base}/dash/v1/getDASHManifest.mpd?SessionToken={token}"
        ),
    })
}

/// The path of a session that was made without a call, for who holds what it was made with.
pub(crate) async fn hls_url_of_grant(
    playback: &Playback,
    stream: Stream,
    range: SessionRange,
    grant: Grant,
    expires_seconds: i64,
) -> Answer<String> {
    let asked = Asked {
        stream,
        selector: FragmentSelectorType::ProducerTimestamp,
        range,
        protocol: Protocol::Hls {
            container: ContainerFormat::FragmentedMp4,
            discontinuity: DiscontinuityMode::OnDiscontinuity,
            date_times: DateTimes::Fragments,
        },
        expires: Some(expires_seconds),
        fragments_max: matches!(range, SessionRange::OnDemand { .. }).then_some(FRAGMENTS_OF_GRANT),
    };
    let token = asked.token(playback, grant).await?;
    Ok(format!("{HLS_MASTER_PLAYLIST}?SessionToken={token}"))
}

/// Of a stream without data retention, for a new session and for one that began when there was some.
pub(super) fn keeps_nothing() -> KvsError {
    let message = "the stream keeps no media: its data retention is 0 hours";
    KvsError::new(ErrorKind::NoDataRetention, message)
}

/// Of each track in a fragment; 1 where it cannot be told.
fn bits_a_second(tracks: &PlayedTracks, fragment: Bytes, duration_ms: u32) -> Vec<u64> {
    let samples = fragment_samples(&tracks.tracks, &tracks.header, fragment, Unreadable::LeftOut);
    let bits = |of: &TrackSamples<'_>| {
        let bytes: u64 = of.samples.iter().map(|sample| sample.data.len() as u64).sum();
        // One that says nothing of how long it lasts is as good as a second.
        let duration_ms = if duration_ms == 0 { 1000 } else { u64::from(duration_ms) };
        (bytes.saturating_mul(8000) / duration_ms).max(1)
    };
    samples.map_or_else(|_| vec![1; tracks.tracks.len()], |found| found.iter().map(bits).collect())
}

/// What both operations ask for.
struct Asked {
    stream: Stream,
    selector: FragmentSelectorType,
    range: SessionRange,
    protocol: Protocol,
    expires: Option<i64>,
    fragments_max: Option<i64>,
}

impl Asked {
    async fn token(&self, playback: &Playback, grant: Grant) -> Answer<String> {
        let now = playback.media.process.now().wall;
        if self.stream.retention_hours == 0 {
            return Err(keeps_nothing().into());
        }
        self.check_range(&playback.media, now)?;
        let expires_ms = self.expires.unwrap_or(EXPIRES_SECONDS_DEFAULT).saturating_mul(1000);
        let fragments_default = match self.range {
            SessionRange::OnDemand { .. } => FRAGMENTS_DEFAULT_ON_DEMAND,
            SessionRange::Live | SessionRange::LiveReplay { .. } => FRAGMENTS_DEFAULT_LIVE,
        };
        let fragments_max = self.fragments_max.and_then(|count| u16::try_from(count).ok());
        let mut session = PlaybackSession {
            id: playback.media.process.chance().next_u64(),
            stream_name: self.stream.name.clone(),
            stream_created_ms: self.stream.created_at.as_millis(),
            created_ms: now.as_millis(),
            expires_ms: now.plus_millis(expires_ms).as_millis(),
            protocol: self.protocol,
            grant,
            selector: self.selector,
            mode: self.mode(),
            fragments_max: fragments_max.unwrap_or(fragments_default).max(1),
            codecs: Codecs::default(),
            bits_a_second: Vec::new(),
        };
        let first = match self.range {
            SessionRange::Live => self.begin_live(&playback.media, &mut session, now).await?,
            SessionRange::LiveReplay { .. } | SessionRange::OnDemand { .. } => {
                self.begin_range(&playback.media, &mut session).await?
            }
        };
        let Some(first) = first else {
            return Err(KvsError::not_found(NO_FRAGMENTS).into());
        };
        let tracks = playback.fragments.document(&playback.media, &first, &session).await?;
        session.codecs = tracks.as_ref().as_ref().map_err(Clone::clone)?.codecs;
        self.note_what_is_shown(playback, &mut session, now).await?;
        if let Protocol::Dash { .. } = self.protocol {
            let tracks = playback.fragments.document(&playback.media, &first, &session).await?;
            let tracks = tracks.as_ref().as_ref().map_err(Clone::clone)?;
            let bytes = playback.fragments.bytes(&playback.media, &first).await?;
            session.bits_a_second = bits_a_second(tracks, bytes, first.duration_ms);
        }
        session.seal(&playback.master_key).map_err(Failure::from)
    }

    /// The rules of a range that depend on the time (KVS API_HLSTimestampRange).
    fn check_range(&self, media: &Media, now: Timestamp) -> Result<(), KvsError> {
        let (start, end) = match self.range {
            SessionRange::Live => return Ok(()),
            SessionRange::LiveReplay { start, end } => (start, end),
            SessionRange::OnDemand { start, end } => (start, Some(end)),
        };
        match self.selector {
            FragmentSelectorType::ServerTimestamp => {
                check_server_range(media.head(&self.stream), start, end, now)
            }
            FragmentSelectorType::ProducerTimestamp => Ok(()),
        }
    }

    fn mode(&self) -> Mode {
        match self.range {
            SessionRange::Live => Mode::Live { first_sequence: 0, initial_ms: 0 },
            SessionRange::LiveReplay { start, end } => Mode::LiveReplay {
                start_ms: start.as_millis(),
                end_ms: end.map(Timestamp::as_millis),
                initial_count: u16::MAX,
                initial_ms: 0,
            },
            SessionRange::OnDemand { start, end } => {
                Mode::OnDemand { start_ms: start.as_millis(), end_ms: end.as_millis() }
            }
        }
    }

    /// Lets a live session begin with the newest fragments up to its number, but not before a pause: what was filmed
    /// before it is no longer live. Returns the newest one.
    async fn begin_live(
        &self,
        media: &Media,
        session: &mut PlaybackSession,
        now: Timestamp,
    ) -> Answer<Option<StoredFragment>> {
        let key = media.config.media_key(&self.stream);
        let Some(newest) = media.fragments.latest(&key).await? else { return Ok(None) };
        let ends_at = |fragment: &StoredFragment| {
            let lasts_ms = lasts_until(fragment).millis_since(fragment.producer_timestamp);
            fragment.server_timestamp.plus_millis(lasts_ms)
        };
        if now.millis_since(ends_at(&newest)) > LIVE_MS {
            return Ok(None);
        }
        let wanted = usize::from(session.fragments_max);
        let mut span = wanted as u64 * 2;
        let fragments = loop {
            let from = newest.sequence.saturating_sub(span);
            let all = FragmentQuery::all(FragmentOrder::Sequence, usize::MAX);
            let from_i64 = i64::try_from(from).unwrap_or(i64::MAX);
            let found = media.fragments.list(&key, FragmentQuery { from: from_i64, ..all }).await?;
            let since_ms = newest.server_timestamp.as_millis().saturating_sub(KEY_FRAME_BEFORE_MS);
            let (early, late) = found.split_at(found.len().saturating_sub(wanted));
            let mut earlier = early.iter().rev().chain(late.first());
            let has_beginning = found.len() >= wanted + KEY_FRAME_FRAGMENTS_MAX
                || earlier.any(|fragment| {
                    fragment.begins_with_key_frame
                        || fragment.server_timestamp.as_millis() < since_ms
                });
            if found.len() >= wanted && has_beginning || from == 0 {
                break found;
            }
            // Sequences have gaps: each producer's connection takes a block of them.
            span = span.saturating_mul(8);
        };
        // How many of the newest ones follow each other without a pause.
        let pairs = fragments.iter().zip(fragments.iter().skip(1)).rev();
        let pause = |(earlier, later): &(&StoredFragment, &StoredFragment)| {
            later.server_timestamp.millis_since(ends_at(earlier))
        };
        let count = 1 + pairs.take_while(|pair| pause(pair) <= LIVE_MS).count();
        let index = fragments.len().saturating_sub(count.min(wanted));
        // A key frame further back than that is not gone back to.
        let near =
            fragments[..index].iter().rev().take(KEY_FRAME_FRAGMENTS_MAX).take_while(|fragment| {
                newest.server_timestamp.millis_since(fragment.server_timestamp)
                    <= KEY_FRAME_BEFORE_MS
            });
        let earliest = fragments.len().saturating_sub(count).max(index - near.count());
        let first = beginning_of_live(&fragments, index, earliest).unwrap_or(&newest);
        session.mode = Mode::Live { first_sequence: first.sequence, initial_ms: 0 };
        Ok(Some(newest))
    }

    /// Lets a session of a range begin with its first fragment, or with the one that has that one's key frame. Returns it.
    async fn begin_range(
        &self,
        media: &Media,
        session: &mut PlaybackSession,
    ) -> Answer<Option<StoredFragment>> {
        let (start, end) = match self.range {
            SessionRange::OnDemand { start, end } => (start, end),
            SessionRange::LiveReplay { start, end } => (start, end.unwrap_or(Timestamp::MAX)),
            SessionRange::Live => return Ok(None),
        };
        let range = TimestampRange { start_timestamp: start, end_timestamp: end };
        // A link shows nothing before its beginning.
        let reach = match session.grant.share_link_id {
            Some(_) => Reach::Within,
            None => Reach::BeforeRange,
        };
        let range = (range, reach);
        let begun = begun_with_key_frame(media, &self.stream, self.selector, range).await?;
        let Some((range, first)) = begun else { return Ok(None) };
        match &mut session.mode {
            Mode::OnDemand { start_ms, .. } | Mode::LiveReplay { start_ms, .. } => {
                *start_ms = range.start_timestamp.as_millis();
            }
            Mode::Live { .. } => {}
        }
        Ok(Some(first))
    }

    /// Notes what the session shows at its beginning, and whether it has sound, on which the pace of a replay and the timeline
    /// of a growing manifest depend.
    async fn note_what_is_shown(
        &self,
        playback: &Playback,
        session: &mut PlaybackSession,
        now: Timestamp,
    ) -> Answer<()> {
        let mut candidates = Candidates::new(&playback.media, &self.stream, session, None);
        let mut walk = Walk::new(session, Progress::default(), now.as_millis());
        let mut next = candidates.next(&playback.fragments).await?;
        // A live session shows all from its beginning on, which may lie further back, at a key frame.
        let count_max = match session.mode {
            Mode::Live { .. } => u16::MAX,
            Mode::LiveReplay { .. } | Mode::OnDemand { .. } => session.fragments_max,
        };
        let mut count = 0;
        while let Some(fragment) = next.filter(|_| count < count_max) {
            next = candidates.next(&playback.fragments).await?;
            walk.push(fragment, next.as_ref());
            count = u16::try_from(walk.shown()).unwrap_or(u16::MAX);
        }
        let shown = walk.finish().window;
        let sound = candidates.sound_left_out();
        session.codecs.audio = session.codecs.audio.or(sound);
        if shown.is_empty() {
            return Err(KvsError::not_found(NO_FRAGMENTS).into());
        }
        let shown_ms = shown.iter().map(|entry| entry.fragment.duration_ms).sum();
        match &mut session.mode {
            Mode::Live { initial_ms, .. } => *initial_ms = shown_ms,
            Mode::LiveReplay { initial_count, initial_ms, .. } => {
                (*initial_count, *initial_ms) = (count, shown_ms);
            }
            Mode::OnDemand { .. } => {}
        }
        Ok(())
    }
}
