//! The store's thread as others see it.

use std::ops::Range;
use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use vigie_media::Timestamp;

use super::request::{Reply, Request, State};
use crate::error::StoreError;
use crate::fragment::{FragmentEntry, MediaFileId, WholeFragment};
use crate::read::StoreReader;
use crate::report::Deleted;
use crate::unclaimed::Discarded;

/// Sends requests to the thread. Cheap to clone.
#[derive(Clone)]
pub struct StoreHandle {
    pub(super) sender: SyncSender<Request>,
    pub(super) reader: StoreReader,
    pub(super) state: Arc<Mutex<State>>,
}

impl StoreHandle {
    /// Reads what is persisted, without the thread.
    pub const fn reader(&self) -> &StoreReader {
        &self.reader
    }

    /// Whether the thread can do what it is there for: the error says why not. One that is passing passes without
    /// anything being done here.
    pub fn check(&self) -> Result<(), StoreError> {
        let state = *self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match state {
            State { has_ended: true, .. } => Err(StoreError::Closed),
            State { index_refusal: Some(refusal), .. } => Err(refusal.error()),
            _ => Ok(()),
        }
    }

    /// Appends a whole fragment. `reply` is called when it is persisted, or will not be.
    ///
    /// The fragment's bytes are held until then: a caller bounds how many of its fragments wait.
    pub fn append_fragment(
        &self,
        key: Arc<str>,
        header: Bytes,
        fragment: WholeFragment,
        reply: Reply<FragmentEntry>,
    ) {
        self.send(Request::Append { key, header, fragment, reply });
    }

    /// See [`crate::Store::reserve_sequences`].
    pub fn reserve_sequences(&self, key: Arc<str>, count: u64, reply: Reply<Range<u64>>) {
        self.send(Request::Reserve { key, count, reply });
    }

    /// Deletes media files of a stream, some at a time; when its open one is among them it is sealed first.
    pub fn delete_media_files(&self, key: Arc<str>, ids: Vec<MediaFileId>, reply: Reply<Deleted>) {
        self.send(Request::DeleteMediaFiles { key, ids, reply });
    }

    /// See [`crate::Store::begin_delete_stream`]: the reply comes when none of it is there for anyone; its files go between
    /// other requests.
    pub fn delete_stream(&self, key: Arc<str>, reply: Reply<Deleted>) {
        self.send(Request::DeleteStream { key, reply });
    }

    /// See [`crate::Store::discard_unclaimed_before`].
    pub fn discard_unclaimed_before(
        &self,
        key: Arc<str>,
        before: Timestamp,
        reply: Reply<Discarded>,
    ) {
        self.send(Request::DiscardUnclaimed { key, before, reply });
    }

    fn send(&self, request: Request) {
        let (request, error) = match self.sender.try_send(request) {
            Ok(()) => return,
            Err(TrySendError::Full(request)) => (request, StoreError::Busy),
            Err(TrySendError::Disconnected(request)) => (request, StoreError::Closed),
        };
        request.refuse(error);
    }
}
