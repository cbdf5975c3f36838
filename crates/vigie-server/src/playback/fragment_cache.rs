//! Stored fragments as sessions see them: reads them, and remembers for a while what many viewers want.
//!
//! Everything that is remembered here can be read again: a restart costs time and changes no answer. Decides nothing
//! about which fragments a session shows; that is [`super::selection`].

use std::collections::VecDeque;
use std::hash::Hash;
use std::sync::Arc;

use bytes::Bytes;
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};
use vigie_kvs::KvsError;
use vigie_kvs::shapes::archived_media::FragmentSelectorType;
use vigie_kvs::shapes::streaming_session::ContainerFormat;
use vigie_media::Timestamp;
use vigie_media::matroska::{DocumentHeader, Limits};

use super::codecs::{AudioCodec, Codecs};
use super::selection::{Candidate, Progress, Walk};
use super::session::{Mode, PlaybackSession, Protocol};
use super::tracks::{PlayedTracks, unreadable};
use crate::api::fragments::fragment_number;
use crate::archive::{ArchiveError, DocumentId, FragmentOrder, FragmentQuery, StoredFragment};
use crate::db::Stream;
use crate::media::Media;

/// Bytes of stored fragments that are kept in memory for the next viewer; one that takes more than half of them is not.
const FRAGMENT_BYTES_MAX: u64 = 64 << 20;
/// The part of them for fragments that were asked for again. Viewers of a live stream want the same fragment within seconds
/// and never again; with the cache's own 97 % for what is hot they find it less often than in a queue (0.53 against 0.80 of
/// the requests, 15 streams of 5 viewers), with a half about as often (0.79), and viewers of recordings more (0.57 against
/// 0.45, popularity by Zipf).
const HOT_FRAGMENTS: f64 = 0.5;
/// The part of the entries for sessions whose playlist was asked for again, which each does within seconds.
const HOT_SESSIONS: f64 = 0.9;
/// About so many fragments and sessions are remembered; only room is made by it.
const FRAGMENTS_GUESS: usize = 256;
const SESSIONS_GUESS: usize = 1024;
/// Documents whose tracks are remembered.
const DOCUMENTS_MAX: usize = 1024;
/// Entries of playlists that are remembered, of all sessions together.
const ENTRIES_MAX: u64 = 200_000;
/// Fragments that begin at one producer timestamp, as far as they are looked at.
const REPETITIONS_MAX: usize = 64;
/// Index entries that are read at a time.
const ENTRIES_PER_READ: usize = 1000;

pub(crate) struct FragmentCache {
    documents: Cache<(DocumentId, Form, Codecs), Arc<Document>>,
    fragments: Cache<u128, Bytes, Weight>,
    progress: Cache<u64, Arc<Progress>, Weight>,
}

/// What an entry counts against the bound of its cache.
#[derive(Clone, Copy, Debug)]
struct Weight;

impl Weighter<u128, Bytes> for Weight {
    fn weight(&self, _id: &u128, fragment: &Bytes) -> u64 {
        fragment.len() as u64
    }
}

impl Weighter<u64, Arc<Progress>> for Weight {
    fn weight(&self, _session: &u64, progress: &Arc<Progress>) -> u64 {
        progress.window.len() as u64 + 1
    }
}

impl Default for FragmentCache {
    fn default() -> Self {
        Self {
            documents: Cache::new(DOCUMENTS_MAX),
            fragments: bounded(FRAGMENT_BYTES_MAX, FRAGMENTS_GUESS, HOT_FRAGMENTS),
            progress: bounded(ENTRIES_MAX, SESSIONS_GUESS, HOT_SESSIONS),
        }
    }
}

/// One shard: what weighs much may take of the bound of all, and not of a shard's.
fn bounded<K: Eq + Hash, V: Clone>(weight_max: u64, guess: usize, hot: f64) -> Cache<K, V, Weight>
where
    Weight: Weighter<K, V>,
{
    let options = OptionsBuilder::new()
        .shards(1)
        .hot_allocation(hot)
        .estimated_items_capacity(guess)
        .weight_capacity(weight_max)
        .build();
    match options {
        Ok(options) => {
            let (hasher, lifecycle) = (DefaultHashBuilder::default(), DefaultLifecycle::default());
            Cache::with_options(options, Weight, hasher, lifecycle)
        }
        // Both bounds are given, which is all that is asked for.
        Err(_) => Cache::with_weighter(guess, weight_max, Weight),
    }
}

/// What a session can play of a document, or why it cannot.
type Document = Result<PlayedTracks, KvsError>;

/// The forms of playback in which different tracks fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Form {
    HlsMp4,
    HlsTs,
    Dash,
}

impl Form {
    const fn of(protocol: Protocol) -> Self {
        match protocol {
            Protocol::Hls { container: ContainerFormat::FragmentedMp4, .. } => Self::HlsMp4,
            Protocol::Hls { container: ContainerFormat::MpegTs, .. } => Self::HlsTs,
            Protocol::Dash { .. } => Self::Dash,
        }
    }
}

impl FragmentCache {
    /// What a session can play of the document that a fragment belongs to, with the sound that the session has; of one that
    /// has no codecs yet, all that there is.
    pub(crate) async fn document(
        &self,
        media: &Media,
        fragment: &StoredFragment,
        session: &PlaybackSession,
    ) -> Result<Arc<Document>, ArchiveError> {
        self.document_with(media, fragment, session.protocol, session.codecs).await
    }

    async fn document_with(
        &self,
        media: &Media,
        fragment: &StoredFragment,
        protocol: Protocol,
        codecs: Codecs,
    ) -> Result<Arc<Document>, ArchiveError> {
        let key = (fragment.document, Form::of(protocol), codecs);
        let read = async {
            let raw = media.fragments.read_header(fragment).await?;
            let document = match DocumentHeader::parse(&raw, Limits::KVS) {
                Ok(header) => PlayedTracks::of(header, protocol).and_then(|tracks| {
                    if codecs == Codecs::default() { Ok(tracks) } else { tracks.fitted(codecs) }
                }),
                Err(error) => Err(unreadable(&error)),
            };
            Ok(Arc::new(document))
        };
        self.documents.get_or_insert_async(&key, read).await
    }

    /// The bytes of a stored fragment. Viewers who want one at once cause one read.
    pub(crate) async fn bytes(
        &self,
        media: &Media,
        fragment: &StoredFragment,
    ) -> Result<Bytes, ArchiveError> {
        let read = media.fragments.read(fragment);
        self.fragments.get_or_insert_async(&fragment.at.id(), read).await
    }

    /// The fragment with this number, if the session may show it.
    pub(crate) async fn fragment(
        &self,
        media: &Media,
        stream: &Stream,
        session: &PlaybackSession,
        number: vigie_kvs::FragmentNumber,
    ) -> Result<Option<StoredFragment>, ArchiveError> {
        let Ok(sequence) = i64::try_from(number.sequence()) else { return Ok(None) };
        let all = FragmentQuery::all(FragmentOrder::Sequence, 1);
        let query = FragmentQuery { from: sequence, until: sequence, ..all };
        let found = media.fragments.list(&media.config.media_key(stream), query).await?;
        let expired_before = media.expired_before(stream);
        Ok(found.into_iter().next().filter(|fragment| {
            fragment_number(fragment) == number
                && fragment.server_timestamp >= expired_before
                && is_in_range(session, fragment)
        }))
    }

    /// The fragment that begins at this producer timestamp, as the session shows it.
    pub(crate) async fn fragment_at(
        &self,
        media: &Media,
        stream: &Stream,
        session: &PlaybackSession,
        at: Timestamp,
    ) -> Result<Option<StoredFragment>, ArchiveError> {
        let query = FragmentQuery::producer_range(at, at, REPETITIONS_MAX);
        let mut found = media.fragments.list(&media.config.media_key(stream), query).await?;
        let expired_before = media.expired_before(stream);
        found.retain(|fragment| {
            fragment.server_timestamp >= expired_before && is_in_range(session, fragment)
        });
        if found.len() > 1 {
            // Media that was ingested more than once: which of it is shown is the walk's to say.
            let progress = self.progress(media, stream, session).await?;
            let shown = progress.window.iter().find(|e| e.fragment.producer_ms == at.as_millis());
            let is_shown = |fragment: &StoredFragment| {
                shown.is_some_and(|e| e.fragment.number == fragment_number(fragment))
            };
            if let Some(index) = found.iter().position(is_shown) {
                return Ok(Some(found.swap_remove(index)));
            }
        }
        Ok(found.pop())
    }

    /// What a session shows now.
    pub(crate) async fn progress(
        &self,
        media: &Media,
        stream: &Stream,
        session: &PlaybackSession,
    ) -> Result<Arc<Progress>, ArchiveError> {
        let known = self.progress.get(&session.id).unwrap_or_default();
        let now = media.process.now().wall;
        let mut candidates = Candidates::new(media, stream, session, known.position);
        let mut next = candidates.next(self).await?;
        if next.is_none() {
            return Ok(known);
        }
        let mut walk = Walk::new(session, Progress::clone(&known), now.as_millis());
        if let (Some(first), None) = (&next, known.position) {
            walk.begin_at(first.number.sequence());
        }
        while let Some(fragment) = next.filter(|_| walk.wants_more()) {
            next = candidates.next(self).await?;
            walk.push(fragment, next.as_ref());
        }
        let progress = Arc::new(walk.finish());
        if session.is_live() {
            self.progress.insert(session.id, Arc::clone(&progress));
        }
        Ok(progress)
    }
}

/// A session's token opens the fragments that it can show and no others of its stream.
fn is_in_range(session: &PlaybackSession, fragment: &StoredFragment) -> bool {
    let at = match session.selector {
        FragmentSelectorType::ProducerTimestamp => fragment.producer_timestamp,
        FragmentSelectorType::ServerTimestamp => fragment.server_timestamp,
    };
    let at = at.as_millis();
    match session.mode {
        Mode::Live { first_sequence, .. } => fragment.sequence >= first_sequence,
        Mode::LiveReplay { start_ms, end_ms, .. } => {
            at >= start_ms && end_ms.is_none_or(|end_ms| at <= end_ms)
        }
        Mode::OnDemand { start_ms, end_ms } => (start_ms..=end_ms).contains(&at),
    }
}

/// The stored fragments that a session could show, in the order of its walk.
pub(super) struct Candidates<'a> {
    media: &'a Media,
    session: &'a PlaybackSession,
    key: String,
    query: FragmentQuery,
    expired_before: Timestamp,
    page: VecDeque<StoredFragment>,
    ended: bool,
    /// The document of the fragment before, and its parameters if it fits the session.
    document: Option<(DocumentId, Option<u64>)>,
    /// Sound of a document whose pictures the session plays without it.
    sound_left_out: Option<AudioCodec>,
}

impl<'a> Candidates<'a> {
    pub(super) fn new(
        media: &'a Media,
        stream: &Stream,
        session: &'a PlaybackSession,
        after: Option<crate::archive::FragmentPosition>,
    ) -> Self {
        let all = query(session);
        Self {
            media,
            session,
            key: media.config.media_key(stream),
            query: after.map_or(all, |position| all.after(position)),
            expired_before: media.expired_before(stream),
            page: VecDeque::new(),
            ended: false,
            document: None,
            sound_left_out: None,
        }
    }

    /// Of a session without sound: what sound its fragments have, as far as they were looked at.
    pub(super) fn sound_left_out(&self) -> Option<AudioCodec> {
        self.sound_left_out
    }

    pub(super) async fn next(
        &mut self,
        cache: &FragmentCache,
    ) -> Result<Option<Candidate>, ArchiveError> {
        loop {
            while let Some(fragment) = self.page.pop_front() {
                if fragment.server_timestamp < self.expired_before {
                    continue;
                }
                if let Some(parameters_id) = self.parameters_id(cache, &fragment).await? {
                    return Ok(Some(self.candidate(&fragment, parameters_id)));
                }
            }
            if self.ended {
                return Ok(None);
            }
            let page = self.media.fragments.list(&self.key, self.query).await?;
            self.ended = page.len() < self.query.limit;
            if let Some(last) = page.last() {
                self.query = self.query.after(self.query.order.position(last));
            }
            self.page = page.into();
        }
    }

    /// `None` when the pictures of the fragment's document are of another codec than the session's, or it has none: players
    /// could not go on with it.
    async fn parameters_id(
        &mut self,
        cache: &FragmentCache,
        fragment: &StoredFragment,
    ) -> Result<Option<u64>, ArchiveError> {
        let id = fragment.document;
        if let Some((_, known)) = self.document.filter(|(of, _)| *of == id) {
            return Ok(known);
        }
        let document = match cache.document(self.media, fragment, self.session).await {
            Ok(document) => document,
            // Deleted since it was listed.
            Err(ArchiveError::FragmentGone) => return Ok(None),
            Err(error) => return Err(error),
        };
        let parameters_id = document.as_ref().as_ref().ok().map(|tracks| tracks.parameters_id);
        if parameters_id.is_some() && self.session.codecs.audio.is_none() {
            let (protocol, all) = (self.session.protocol, Codecs::default());
            let document = cache.document_with(self.media, fragment, protocol, all).await;
            let found = document.ok().and_then(|found| found.as_ref().as_ref().ok()?.codecs.audio);
            self.sound_left_out = self.sound_left_out.or(found);
        }
        self.document = Some((id, parameters_id));
        Ok(parameters_id)
    }

    fn candidate(&self, fragment: &StoredFragment, parameters_id: u64) -> Candidate {
        Candidate {
            position: self.query.order.position(fragment),
            number: fragment_number(fragment),
            producer_ms: fragment.producer_timestamp.as_millis(),
            server_ms: fragment.server_timestamp.as_millis(),
            duration_ms: fragment.duration_ms.into(),
            size_bytes: fragment.size_bytes,
            parameters_id,
            begins_with_key_frame: fragment.begins_with_key_frame,
        }
    }
}

fn query(session: &PlaybackSession) -> FragmentQuery {
    let range = |start_ms, end_ms| {
        let (start, end) = (Timestamp::from_millis(start_ms), Timestamp::from_millis(end_ms));
        match session.selector {
            FragmentSelectorType::ProducerTimestamp => {
                FragmentQuery::producer_range(start, end, ENTRIES_PER_READ)
            }
            FragmentSelectorType::ServerTimestamp => {
                FragmentQuery::server_range(start, end, ENTRIES_PER_READ)
            }
        }
    };
    match session.mode {
        Mode::Live { first_sequence, .. } => FragmentQuery {
            from: i64::try_from(first_sequence).unwrap_or(i64::MAX),
            ..FragmentQuery::all(FragmentOrder::Sequence, ENTRIES_PER_READ)
        },
        Mode::LiveReplay { start_ms, end_ms, .. } => range(start_ms, end_ms.unwrap_or(i64::MAX)),
        Mode::OnDemand { start_ms, end_ms } => range(start_ms, end_ms),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use tokio::sync::Semaphore;

    use super::*;

    #[test]
    fn fragments_are_kept_up_to_their_bytes_and_what_is_asked_for_again_outlives_what_is_not() {
        let cache: Cache<u128, Bytes, Weight> = bounded(100, 16, HOT_FRAGMENTS);
        let fragment = |size| Bytes::from(vec![7; size]);
        cache.insert(1, fragment(10));
        for id in 2..100 {
            assert!(cache.get(&1).is_some(), "asked for again and again, {id}");
            cache.insert(id, fragment(10));
            assert!(cache.get(&id).is_some(), "the next viewer comes at once");
            assert!(cache.weight() <= 100);
        }
        assert!(cache.get(&2).is_none());
        cache.insert(200, fragment(51));
        assert!(cache.get(&200).is_none() && cache.get(&1).is_some(), "too large to keep");
    }

    #[tokio::test]
    async fn viewers_who_want_one_at_once_cause_one_read_and_a_failure_is_not_kept() {
        let cache: Cache<u128, Bytes, Weight> = bounded(100, 16, HOT_FRAGMENTS);
        let (reads, opened) = (AtomicUsize::new(0), Semaphore::new(0));
        let read = |outcome: Result<Bytes, &'static str>| async {
            reads.fetch_add(1, Ordering::Relaxed);
            opened.acquire().await.unwrap().forget();
            outcome
        };
        let get = |outcome| cache.get_or_insert_async(&1, read(outcome));
        let bytes = Bytes::from_static(b"media");
        let both = async { tokio::join!(get(Ok(bytes.clone())), get(Ok(bytes.clone()))) };
        let (found, ()) = tokio::join!(both, async { opened.add_permits(1) });
        assert_eq!((found, reads.load(Ordering::Relaxed)), ((Ok(bytes.clone()), Ok(bytes)), 1));
        opened.add_permits(2);
        for _ in 0..2 {
            let failed = cache.get_or_insert_async(&2, read(Err("gone"))).await;
            assert_eq!(failed, Err("gone"));
        }
        assert_eq!(reads.load(Ordering::Relaxed), 3);
        // Who reads goes away: the next one reads.
        let given_up = cache.get_or_insert_async(&3, read(Ok(Bytes::new())));
        assert!(tokio::time::timeout(Duration::ZERO, given_up).await.is_err());
        opened.add_permits(1);
        assert!(cache.get_or_insert_async(&3, read(Ok(Bytes::new()))).await.is_ok());
    }
}
