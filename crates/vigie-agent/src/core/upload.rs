//! Uploading: what the uploader decides, applied to connections and store. What follows from that goes into
//! [`super::outcome`].
//!
//! A fragment counts as uploaded from the moment the service says that it is persisted; the mark becomes durable with
//! the next commit, and only then may the fragment's media file go for being uploaded.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::tz::TimeZone;
use vigie_engine::schedule::Schedule;
use vigie_engine::uploader::{Action, Backlog, Event, Failure, Listed, Pending, Uploader};
use vigie_kvs::error::ErrorKind;
use vigie_media::Timestamp;
use vigie_store::{Fragment, FragmentQuery, MediaFilePlace, StoreError, StoreReader, describe};

use super::effect::Effect;
use super::event::{CallFailure, Session, UploadEvent};
use super::hub_sync::Contact;
use super::shared::Turn;
use super::stream::Stream;
use crate::ledger::Change;

/// Fragments that are read at once of a backlog, at the least.
const PAGE_FRAGMENTS_MIN: usize = 16;

/// The uploader of one stream and what it works with. Fragments are named by their sequence in the store.
pub(super) struct UploadJob {
    pub(super) uploader: Uploader<u64>,
    connection: Option<(Session, u64)>,
    is_connected: bool,
    /// Uploaded, the mark not yet durable: with the last commit that had begun before.
    marked: BTreeMap<u64, u64>,
    /// The service will not take them; the fragment that the hub cannot read is never sent either.
    refused: BTreeSet<u64>,
    /// Where the document headers are that the uploader was told of.
    documents: RefCell<BTreeMap<u64, Arc<MediaFilePlace>>>,
    /// Fragments in flight, so that what they held is known when they are acknowledged.
    sizes: BTreeMap<u64, u64>,
    pub(super) counters: UploadCounters,
}

/// What an uploader counts since the process started, see [`super::StreamSnapshot`].
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct UploadCounters {
    pub(super) fragments: u64,
    pub(super) bytes: u64,
}

/// The stream's backlog as the store has it.
struct StoreBacklog<'a> {
    reader: &'a StoreReader,
    key: &'a str,
    marked: &'a BTreeMap<u64, u64>,
    refused: &'a BTreeSet<u64>,
    documents: &'a RefCell<BTreeMap<u64, Arc<MediaFilePlace>>>,
}

impl StoreBacklog<'_> {
    fn read(&self, query: FragmentQuery) -> Vec<Fragment> {
        self.reader.fragments(self.key, &query).unwrap_or_else(|error| {
            tracing::error!(
                stream = self.key,
                error = describe(&error),
                "the backlog cannot be read"
            );
            Vec::new()
        })
    }

    fn is_pending(&self, sequence: u64) -> bool {
        !self.marked.contains_key(&sequence) && !self.refused.contains(&sequence)
    }
}

/// Two media files with the same document header hold fragments of one document.
fn document_of(place: &MediaFilePlace) -> u64 {
    (place.header_size_bytes << 32) | u64::from(place.header_crc32c)
}

impl Backlog<u64> for StoreBacklog<'_> {
    fn not_uploaded_after(&self, after: Option<u64>, limit: usize) -> Vec<Pending<u64>> {
        let mut pending = Vec::new();
        let mut after = after.unwrap_or(0);
        while pending.len() < limit {
            // Some at a time also where one is wanted: those that are refused stand before it.
            let wanted = (limit - pending.len()).max(PAGE_FRAGMENTS_MIN);
            let page = self.read(FragmentQuery::not_uploaded(after, wanted));
            let is_last = page.len() < wanted;
            for fragment in page {
                if pending.len() == limit {
                    break;
                }
                let entry = fragment.entry;
                after = entry.sequence;
                if self.is_pending(entry.sequence) {
                    let document = document_of(&fragment.media_file);
                    self.documents.borrow_mut().insert(document, fragment.media_file);
                    pending.push(Pending {
                        id: entry.sequence,
                        timecode: entry.producer_timestamp,
                        size_bytes: entry.size_bytes,
                        document,
                    });
                }
            }
            if is_last {
                break;
            }
        }
        pending
    }

    fn timecodes_not_uploaded(&self) -> Option<(Timestamp, Timestamp)> {
        let files = self.reader.media_files(self.key).ok()?;
        let spans =
            files.iter().filter(|file| file.not_uploaded_count > 0).filter_map(|file| file.span);
        let range = spans.map(|span| (span.producer_min, span.producer_max));
        range.reduce(|(from, until), (min, max)| (from.min(min), until.max(max)))
    }
}

impl UploadJob {
    /// `refused`: what the service would not take of an earlier process.
    pub(super) fn new(
        schedule: Schedule,
        zone: TimeZone,
        refused: BTreeSet<u64>,
        now: Timestamp,
    ) -> Self {
        Self {
            uploader: Uploader::new(schedule, zone, now),
            connection: None,
            is_connected: false,
            marked: BTreeMap::new(),
            refused,
            documents: RefCell::default(),
            sizes: BTreeMap::new(),
            counters: UploadCounters::default(),
        }
    }

    pub(super) fn is_connected(&self) -> bool {
        self.is_connected
    }

    /// The begin of the oldest media that the service does not have.
    pub(super) fn oldest_not_uploaded(&self, reader: &StoreReader, key: &str) -> Option<Timestamp> {
        let backlog = self.backlog(reader, key);
        backlog.not_uploaded_after(None, 1).first().map(|pending| pending.timecode)
    }

    fn backlog<'a>(&'a self, reader: &'a StoreReader, key: &'a str) -> StoreBacklog<'a> {
        let Self { marked, refused, documents, .. } = self;
        StoreBacklog { reader, key, marked, refused, documents }
    }

    /// What was marked before the commit of this number began is durable; whether there was any.
    pub(super) fn marks_committed(&mut self, commit_number: u64) -> bool {
        let marked = self.marked.len();
        self.marked.retain(|_, last_commit| *last_commit >= commit_number);
        self.marked.len() < marked
    }

    /// The service waits for the stream's next fragment, as soon as it is whole.
    pub(super) fn is_live(&self) -> bool {
        self.uploader.is_live()
    }

    /// Hands `event` to the uploader and does what it says.
    pub(super) fn hear(&mut self, event: Event<u64>, stream: &Stream, turn: &mut Turn<'_>) {
        let backlog = StoreBacklog {
            reader: &turn.shared.media.reader,
            key: &stream.key,
            marked: &self.marked,
            refused: &self.refused,
            documents: &self.documents,
        };
        let chance = turn.shared.chance.as_mut();
        for action in self.uploader.handle(event, &backlog, turn.now, chance) {
            self.perform(action, stream, turn);
        }
    }

    fn perform(&mut self, action: Action<u64>, stream: &Stream, turn: &mut Turn<'_>) {
        match action {
            Action::Connect { attempt, .. } if turn.contact == Contact::AnotherAgent => {
                turn.out.uploader(Event::Failed { attempt, failure: Failure::AnotherAgent });
            }
            Action::Connect { attempt, document, start } => {
                self.connect(attempt, document, start, stream, turn);
            }
            Action::ListFragments { from, until, .. } => {
                if let Some((session, _)) = &self.connection {
                    let session = session.clone();
                    turn.out.effect(Effect::ListFragments { session, from, until });
                }
            }
            Action::SendFragment { attempt, id, complete } => {
                self.send(attempt, id, complete, stream, turn);
            }
            Action::MarkUploaded { id } => {
                let media = &mut turn.shared.media;
                self.marked.insert(id, media.commit_number());
                self.counters.fragments += 1;
                self.counters.bytes += self.sizes.remove(&id).unwrap_or(0);
                match media.store.mark_uploaded(&stream.key, &[id]) {
                    Ok(()) => media.touch(turn.now),
                    Err(error) => media.failed(&stream.name, &error),
                }
            }
            Action::MarkRefused { id, error } => {
                tracing::warn!(
                    stream = stream.name,
                    sequence = id,
                    code = error.code(),
                    "the service refuses a fragment; it stays on this hub"
                );
                self.refuse(id, error.id(), stream, turn);
            }
            Action::FinishUpload { .. } => {
                if let Some((session, _)) = &self.connection {
                    turn.out.effect(Effect::FinishUpload { session: session.clone() });
                }
            }
            Action::CloseUpload { .. } => {
                self.is_connected = false;
                self.sizes.clear();
                if let Some((session, _)) = self.connection.take() {
                    turn.out.effect(Effect::CloseUpload { session });
                }
            }
        }
    }

    /// It will not be tried again, not by a later start either.
    fn refuse(&mut self, sequence: u64, code: u32, stream: &Stream, turn: &mut Turn<'_>) {
        self.refused.insert(sequence);
        let stream = stream.arn.to_string();
        turn.shared.ledgers.note(Change::Refuse { stream, sequence, code }, turn.now);
    }

    fn connect(
        &mut self,
        attempt: u64,
        document: u64,
        start: Timestamp,
        stream: &Stream,
        turn: &mut Turn<'_>,
    ) {
        let place = self.documents.borrow().get(&document).cloned();
        // Only the latest answers of the backlog can be meant: what else was known has done its work.
        self.documents.borrow_mut().retain(|known, _| *known == document);
        let header = match place {
            Some(place) => turn.shared.media.reader.read_document_header(&place),
            None => Err(StoreError::Closed),
        };
        let session = turn.shared.new_session(&stream.arn);
        self.connection = Some((session.clone(), attempt));
        match header {
            Ok(document_header) => {
                turn.out.effect(Effect::OpenUpload { session, start, document_header });
            }
            Err(error) => {
                tracing::warn!(
                    stream = stream.name,
                    error = describe(&error),
                    "the header of a media file cannot be read"
                );
                turn.out.uploader(Event::Failed { attempt, failure: Failure::DiskError });
            }
        }
    }

    fn send(
        &mut self,
        attempt: u64,
        sequence: u64,
        complete: bool,
        stream: &Stream,
        turn: &mut Turn<'_>,
    ) {
        let Some((session, _)) = &self.connection else { return };
        match turn.shared.media.reader.fragment(&stream.key, sequence) {
            Ok(Some(fragment)) => {
                self.sizes.insert(sequence, fragment.entry.size_bytes);
                let session = session.clone();
                turn.out.effect(Effect::SendFragment { session, fragment, complete });
            }
            Ok(None) => turn.out.uploader(Event::FragmentGone { attempt, id: sequence }),
            Err(error) => {
                turn.shared.media.failed(&stream.name, &error);
                turn.out.uploader(Event::Failed { attempt, failure: Failure::DiskError });
            }
        }
    }

    /// An upload connection has something to say.
    pub(super) fn connection_event(
        &mut self,
        session: &Session,
        event: UploadEvent,
        stream: &Stream,
        turn: &mut Turn<'_>,
    ) {
        let of = self.connection.as_ref().filter(|(current, _)| current == session);
        let Some(attempt) = of.map(|(_, attempt)| *attempt) else { return };
        let event = match event {
            UploadEvent::Connected => {
                self.is_connected = true;
                Event::Connected { attempt }
            }
            UploadEvent::Listed(fragments) => Event::Listed {
                attempt,
                fragments: fragments
                    .iter()
                    .map(|found| Listed {
                        producer_timestamp: found.producer_timestamp,
                        size_bytes: u64::try_from(found.fragment_size_in_bytes).unwrap_or(0),
                    })
                    .collect(),
            },
            UploadEvent::ListFailed(CallFailure::Refused { status: 401 | 403, .. }) => {
                Event::ListDenied { attempt }
            }
            UploadEvent::ListFailed(failure) => {
                Event::Failed { attempt, failure: upload_failure(failure) }
            }
            UploadEvent::Acknowledged(acknowledgement) => {
                Event::Acknowledged { attempt, acknowledgement }
            }
            UploadEvent::Progress => Event::Progress { attempt },
            UploadEvent::FragmentGone { sequence } => {
                // Should it be there nevertheless, it is damaged: another attempt would end the same way.
                self.refuse(sequence, 0, stream, turn);
                Event::FragmentGone { attempt, id: sequence }
            }
            UploadEvent::Closed { failure: None } => Event::Ended { attempt },
            UploadEvent::Closed { failure: Some(failure) } => {
                Event::Failed { attempt, failure: upload_failure(failure) }
            }
        };
        turn.out.uploader(event);
    }
}

/// What a call that failed means for the uploader.
fn upload_failure(failure: CallFailure) -> Failure {
    match failure {
        CallFailure::NoCredentials => Failure::AccessDenied,
        CallFailure::Unreachable | CallFailure::TimedOut => Failure::Unreachable,
        CallFailure::CertificateUntrusted => Failure::TlsUntrusted,
        CallFailure::PlainDataEndpoint => Failure::PlainDataEndpoint,
        CallFailure::Disconnected | CallFailure::UnreadableAnswer => Failure::Closed,
        CallFailure::Refused { status, kind } => {
            Failure::from_http(status, kind.map_or("", ErrorKind::name))
        }
    }
}
