//! What the store's thread is asked for, and how it says how it is.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use vigie_media::Timestamp;

use crate::error::StoreError;
use crate::fragment::{FragmentEntry, MediaFileId, WholeFragment};
use crate::report::Deleted;
use crate::store::IndexRefusal;
use crate::unclaimed::Discarded;

/// Called once with the outcome, on the store's thread: hand it on and return.
pub type Reply<T> = Box<dyn FnOnce(Result<T, StoreError>) + Send>;

/// Time since some start, never backwards.
pub type Monotonic = Box<dyn Fn() -> Duration + Send>;

/// When the thread commits and how much may wait for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThreadSettings {
    /// How far apart commits begin at least, so that those who come in between share one: as long as a fragment waits for
    /// others.
    pub commit_interval: Duration,
    /// Commit at once when this many bytes wait.
    pub commit_bytes: u64,
    /// Requests that wait for the thread; more are refused as [`StoreError::Busy`].
    pub requests_max: usize,
}

impl Default for ThreadSettings {
    fn default() -> Self {
        Self {
            commit_interval: Duration::from_millis(20),
            commit_bytes: 64 << 20,
            requests_max: 1024,
        }
    }
}

pub(super) enum Request {
    Append {
        key: Arc<str>,
        header: Bytes,
        fragment: WholeFragment,
        reply: Reply<FragmentEntry>,
    },
    Reserve {
        key: Arc<str>,
        count: u64,
        reply: Reply<Range<u64>>,
    },
    DeleteMediaFiles {
        key: Arc<str>,
        ids: Vec<MediaFileId>,
        reply: Reply<Deleted>,
    },
    DeleteStream {
        key: Arc<str>,
        reply: Reply<Deleted>,
    },
    DiscardUnclaimed {
        key: Arc<str>,
        before: Timestamp,
        reply: Reply<Discarded>,
    },
    /// The syncs of a commit are done: their outcome is there.
    Synced,
    Shutdown,
}

/// How the thread is, for whoever asks from outside.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct State {
    pub(super) has_ended: bool,
    pub(super) index_refusal: Option<IndexRefusal>,
}

impl Request {
    pub(super) fn refuse(self, error: StoreError) {
        match self {
            Self::Append { reply, .. } => reply(Err(error)),
            Self::Reserve { reply, .. } => reply(Err(error)),
            Self::DiscardUnclaimed { reply, .. } => reply(Err(error)),
            Self::DeleteMediaFiles { reply, .. } | Self::DeleteStream { reply, .. } => {
                reply(Err(error));
            }
            Self::Synced | Self::Shutdown => {}
        }
    }
}
