//! Stored fragments as sessions see them: reads them, and remembers for a while what many viewers want.
//!
//! Everything that is remembered here can be read again: a restart costs time and changes no answer. Decides nothing
//! about which fragments a session shows; that is [`super::selection`].

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::OnceCell;
use vigie_kvs::KvsError;
use vigie_kvs::shapes::archived_media::FragmentSelectorType;
use vigie_kvs::shapes::streaming_session::ContainerFormat;
use vigie_media::Timestamp;
use vigie_media::matroska::{DocumentHeader, Limits};

use super::selection::{Candidate, Progress, Walk};
use super::session::{Mode, Protocol, Session};
use super::tracks::{PlayedTracks, unreadable};
use crate::api::fragments::fragment_number;
use crate::archive::{ArchiveError, DocumentId, FragmentOrder, FragmentQuery, StoredFragment};
use crate::db::Stream;
use crate::media::{Media, expired_before};

/// Bytes of stored fragments that are kept in memory for the next viewer.
const FRAGMENT_BYTES_MAX: u64 = 64 << 20;
/// Documents whose tracks are remembered.
const DOCUMENTS_MAX: u64 = 1024;
/// Entries of playlists that are remembered, of all sessions together.
const ENTRIES_MAX: u64 = 200_000;
/// Fragments that begin at one producer timestamp, as far as they are looked at.
const REPETITIONS_MAX: usize = 64;
/// Index entries that are read at a time.
const ENTRIES_PER_READ: usize = 1000;

/// See the module's documentation.
#[derive(Default)]
pub(crate) struct Library {
    documents: Recent<(DocumentId, Form), Arc<OnceCell<Arc<Document>>>>,
    fragments: Recent<u128, Arc<OnceCell<Bytes>>>,
    progress: Recent<u64, Arc<Progress>>,
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

impl Library {
    /// What a session of this protocol can play of the document that a fragment belongs to.
    pub(crate) async fn document(
        &self,
        media: &Media,
        fragment: &StoredFragment,
        protocol: Protocol,
    ) -> Result<Arc<Document>, ArchiveError> {
        let key = (fragment.document, Form::of(protocol));
        let cell = self.documents.get_or_insert(key, 1, DOCUMENTS_MAX);
        let read = || async {
            let raw = media.fragments.read_header(fragment).await?;
            let document = match DocumentHeader::parse(&raw, Limits::KVS) {
                Ok(header) => PlayedTracks::of(header, protocol),
                Err(error) => Err(unreadable(&error)),
            };
            Ok(Arc::new(document))
        };
        cell.get_or_try_init(read).await.cloned()
    }

    /// The bytes of a stored fragment. Viewers who want one at once cause one read.
    pub(crate) async fn bytes(
        &self,
        media: &Media,
        fragment: &StoredFragment,
    ) -> Result<Bytes, ArchiveError> {
        let key = fragment.at.id();
        let cell = self.fragments.get_or_insert(key, fragment.size_bytes, FRAGMENT_BYTES_MAX);
        cell.get_or_try_init(|| media.fragments.read(fragment)).await.cloned()
    }

    /// The fragment with this number, if the session may show it.
    pub(crate) async fn fragment(
        &self,
        media: &Media,
        stream: &Stream,
        session: &Session,
        number: vigie_kvs::FragmentNumber,
    ) -> Result<Option<StoredFragment>, ArchiveError> {
        let Ok(sequence) = i64::try_from(number.sequence()) else { return Ok(None) };
        let all = FragmentQuery::all(FragmentOrder::Sequence, 1);
        let query = FragmentQuery { from: sequence, until: sequence, ..all };
        let found = media.fragments.list(&media.config.media_key(stream), query).await?;
        let expired_before = expired_before(stream, media.process.now().wall);
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
        session: &Session,
        at: Timestamp,
    ) -> Result<Option<StoredFragment>, ArchiveError> {
        let query = FragmentQuery::producer_range(at, at, REPETITIONS_MAX);
        let mut found = media.fragments.list(&media.config.media_key(stream), query).await?;
        let expired_before = expired_before(stream, media.process.now().wall);
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
        session: &Session,
    ) -> Result<Arc<Progress>, ArchiveError> {
        let known = self.progress.get(&session.id).unwrap_or_default();
        let now = media.process.now().wall;
        let mut candidates = Candidates::new(media, stream, session, known.position, now);
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
            let cost = progress.window.len() as u64 + 1;
            self.progress.insert(session.id, Arc::clone(&progress), cost, ENTRIES_MAX);
        }
        Ok(progress)
    }
}

/// A session's token opens the fragments that it can show and no others of its stream.
fn is_in_range(session: &Session, fragment: &StoredFragment) -> bool {
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
    session: &'a Session,
    key: String,
    query: FragmentQuery,
    expired_before: Timestamp,
    page: VecDeque<StoredFragment>,
    ended: bool,
    /// The document of the fragment before, and its parameters if it fits the session.
    document: Option<(DocumentId, Option<u64>)>,
}

impl<'a> Candidates<'a> {
    pub(super) fn new(
        media: &'a Media,
        stream: &Stream,
        session: &'a Session,
        after: Option<crate::archive::FragmentPosition>,
        now: Timestamp,
    ) -> Self {
        let all = query(session);
        Self {
            media,
            session,
            key: media.config.media_key(stream),
            query: after.map_or(all, |position| all.after(position)),
            expired_before: expired_before(stream, now),
            page: VecDeque::new(),
            ended: false,
            document: None,
        }
    }

    pub(super) async fn next(
        &mut self,
        library: &Library,
    ) -> Result<Option<Candidate>, ArchiveError> {
        loop {
            while let Some(fragment) = self.page.pop_front() {
                if fragment.server_timestamp < self.expired_before {
                    continue;
                }
                if let Some(parameters_id) = self.parameters_id(library, &fragment).await? {
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

    /// `None` when the fragment's document is of other codecs than the session: players could not go on with it.
    async fn parameters_id(
        &mut self,
        library: &Library,
        fragment: &StoredFragment,
    ) -> Result<Option<u64>, ArchiveError> {
        let id = fragment.document;
        if let Some((_, known)) = self.document.filter(|(of, _)| *of == id) {
            return Ok(known);
        }
        let document = match library.document(self.media, fragment, self.session.protocol).await {
            Ok(document) => document,
            // Deleted since it was listed.
            Err(ArchiveError::FragmentGone) => return Ok(None),
            Err(error) => return Err(error),
        };
        let fits = |tracks: &&PlayedTracks| tracks.codecs == self.session.codecs;
        let parameters_id =
            document.as_ref().as_ref().ok().filter(fits).map(|tracks| tracks.parameters_id);
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
        }
    }
}

fn query(session: &Session) -> FragmentQuery {
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

/// The values that were put in last, up to a total cost.
struct Recent<K, V>(Mutex<RecentValues<K, V>>);

struct RecentValues<K, V> {
    values: HashMap<K, (V, u64)>,
    order: VecDeque<K>,
    cost: u64,
}

impl<K, V> Default for Recent<K, V> {
    fn default() -> Self {
        Self(Mutex::new(RecentValues { values: HashMap::new(), order: VecDeque::new(), cost: 0 }))
    }
}

impl<K: Clone + Eq + Hash, V: Clone> Recent<K, V> {
    fn lock(&self) -> MutexGuard<'_, RecentValues<K, V>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, key: &K) -> Option<V> {
        self.lock().values.get(key).map(|(value, _)| value.clone())
    }

    fn insert(&self, key: K, value: V, cost: u64, cost_max: u64) {
        self.lock().insert(key, value, cost, cost_max);
    }

    fn get_or_insert(&self, key: K, cost: u64, cost_max: u64) -> V
    where
        V: Default,
    {
        let mut recent = self.lock();
        if let Some((value, _)) = recent.values.get(&key) {
            return value.clone();
        }
        let value = V::default();
        recent.insert(key, value.clone(), cost, cost_max);
        value
    }
}

impl<K: Clone + Eq + Hash, V> RecentValues<K, V> {
    fn insert(&mut self, key: K, value: V, cost: u64, cost_max: u64) {
        self.cost += cost;
        match self.values.insert(key.clone(), (value, cost)) {
            Some((_, former_cost)) => self.cost -= former_cost,
            None => self.order.push_back(key),
        }
        while self.cost > cost_max {
            let Some(oldest) = self.order.pop_front() else { break };
            if let Some((_, cost)) = self.values.remove(&oldest) {
                self.cost -= cost;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_in_first_goes_first_when_the_cost_is_too_high() {
        let recent: Recent<u8, char> = Recent::default();
        for (key, value) in [(1, 'a'), (2, 'b'), (3, 'c')] {
            recent.insert(key, value, 4, 10);
        }
        let all = [1, 2, 3].map(|key| recent.get(&key));
        assert_eq!(all, [None, Some('b'), Some('c')]);
        recent.insert(2, 'd', 6, 10);
        assert_eq!([recent.get(&2), recent.get(&3)], [Some('d'), Some('c')], "10 are allowed");
        recent.insert(9, 'e', 11, 10);
        assert!(recent.lock().values.is_empty() && recent.lock().cost == 0, "too dear to keep");
    }
}
