//! The media seam: where fragments are kept. [`EmbeddedFragmentStore`] keeps them in media files of this machine;
//! object storage fits the same trait.
//!
//! Decides nothing about who may read or how long media is kept.

mod embedded;

use std::future::Future;
use std::ops::Range;
use std::pin::Pin;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::watch;
use vigie_media::Timestamp;
use vigie_store::{
    Findings, Fragment, FragmentEntry, FragmentOrder, FragmentQuery, StoreError, StreamTotals,
    WholeFragment,
};

pub use embedded::EmbeddedFragmentStore;

/// Why media could not be kept or read. Its text goes to the log, never to a caller.
#[derive(Clone, Debug, thiserror::Error)]
pub enum FragmentStoreError {
    /// The stream was deleted meanwhile.
    #[error("the stream was deleted")]
    StreamDeleted,
    /// The fragment was deleted after it was listed.
    #[error("the fragment is gone")]
    FragmentGone,
    /// The engine failed.
    #[error("media store: {}", vigie_store::describe(.0))]
    Engine(StoreError),
    /// The document header of a media file cannot be read.
    #[error("media store: a document header cannot be read: {0}")]
    Header(String),
    /// The engine's reading task was cancelled.
    #[error("media store: a read was cut off")]
    Cancelled,
}

impl FragmentStoreError {
    /// Whether it passes by itself, or when there is space: a caller may try again.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Engine(error) if error.is_passing())
    }

    /// Whether it is for want of space.
    pub fn is_disk_full(&self) -> bool {
        matches!(self, Self::Engine(error) if error.is_disk_full())
    }
}

/// Resolves when the fragment is persisted, or will not be.
pub type Persisting =
    Pin<Box<dyn Future<Output = Result<FragmentEntry, FragmentStoreError>> + Send>>;

/// What [`FragmentStore::watch`] says when there is nothing more to come.
pub const ERASED: u64 = u64::MAX;

/// What an erasure took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// Fragments.
    pub fragment_count: u64,
    /// Their bytes on disk.
    pub size_bytes: u64,
}

/// A fragment's bytes, a block at a time.
#[async_trait]
pub trait Blocks: Send {
    /// The next block; `None` at the end. That the fragment is damaged is known, and said, in place of its last block.
    async fn next_block(&mut self) -> Result<Option<Bytes>, FragmentStoreError>;
}

/// The fragments of all streams. A stream's key is the caller's; it comes into being with its first fragment.
#[async_trait]
pub trait FragmentStore: Send + Sync {
    /// Sequence numbers of a stream, handed out once for ever.
    async fn reserve_sequences(
        &self,
        stream: &str,
        count: u64,
    ) -> Result<Range<u64>, FragmentStoreError>;
    /// Takes a fragment as soon as there is room for it, and gives what to wait for; those of one stream are
    /// persisted in the order in which they were taken.
    async fn append(&self, stream: &str, header: &Bytes, fragment: WholeFragment) -> Persisting;
    /// Persisted fragments that match.
    async fn list(
        &self,
        stream: &str,
        query: FragmentQuery,
    ) -> Result<Vec<Fragment>, FragmentStoreError>;
    /// The last fragment, in `order`, whose [`FragmentOrder::value`] is `value` or less.
    async fn last_at_or_before(
        &self,
        stream: &str,
        order: FragmentOrder,
        value: i64,
    ) -> Result<Option<Fragment>, FragmentStoreError>;
    /// The fragment with the highest sequence.
    async fn latest(&self, stream: &str) -> Result<Option<Fragment>, FragmentStoreError> {
        self.last_at_or_before(stream, FragmentOrder::Sequence, i64::MAX).await
    }
    /// The document header that a fragment belongs to, verbatim.
    async fn read_header(&self, fragment: &Fragment) -> Result<Bytes, FragmentStoreError>;
    /// A fragment's bytes, verbatim, in blocks. Nothing is read before the first is asked for.
    fn blocks(&self, fragment: &Fragment) -> Box<dyn Blocks>;
    /// A fragment's bytes, verbatim and checked.
    async fn read(&self, fragment: &Fragment) -> Result<Bytes, FragmentStoreError>;
    /// Erases all media of a stream.
    async fn delete_stream(&self, stream: &str) -> Result<Erased, FragmentStoreError>;
    /// Erases media that is older than `before` as a whole, by the time at which the server received it; nothing while the
    /// store still compares what it has with its index.
    async fn delete_older_than(
        &self,
        stream: &str,
        before: Timestamp,
    ) -> Result<(), FragmentStoreError>;
    /// Erases all but the newest media of a stream, of which at least so much is kept.
    async fn delete_but_newest(
        &self,
        stream: &str,
        kept_bytes_min: u64,
    ) -> Result<(), FragmentStoreError>;
    /// The newest sequence that was persisted since, as it changes; [`ERASED`] when the stream's media was erased.
    fn watch(&self, stream: &str) -> watch::Receiver<u64>;
    /// What a stream holds; nothing when it never had a fragment.
    async fn totals(&self, stream: &str) -> Result<StreamTotals, FragmentStoreError>;
    /// What the store found at its start that its index did not know, so far.
    fn findings(&self) -> Findings;
    /// Bytes on disk.
    async fn size_bytes(&self) -> Result<u64, FragmentStoreError>;
    /// Whether the store takes fragments now and gives them out; the error says why not.
    async fn check(&self) -> Result<(), FragmentStoreError>;
    /// Whether it takes none any more before the process starts again.
    fn has_ended(&self) -> bool;
}
