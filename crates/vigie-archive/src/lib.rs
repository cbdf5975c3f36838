//! The media seam: where fragments are kept. An engine keeps them in media files of this machine, or in object storage; who
//! writes and reads knows only this.
//!
//! Decides nothing about who may read or how long media is kept. What an engine must hold to, whatever it is made of:
//!
//! - a stream has one writer: a new one fences the one before, of which nothing is taken any more;
//! - sequences are handed out once for ever, and persisted in rising order;
//! - what is acknowledged can be read, in the order of its sequences, until it expires or is erased;
//! - what is erased does not come back, and nothing that a writer from before still holds is taken.
//!
//! That there is more of a stream is told by who wrote it, not here.

#[cfg(any(test, feature = "testing"))]
pub mod contract;
mod error;
mod fragment;
#[cfg(any(test, feature = "testing"))]
mod memory;
mod query;
mod totals;
mod writer;

use async_trait::async_trait;
use bytes::Bytes;
use vigie_media::Timestamp;

pub use error::ArchiveError;
pub use fragment::{DocumentId, FragmentMeta, Location, StoredFragment, WholeFragment};
#[cfg(any(test, feature = "testing"))]
pub use memory::MemoryArchive;
pub use query::{FragmentOrder, FragmentPosition, FragmentQuery};
pub use totals::{Erased, Findings, StreamTotals};
pub use writer::{Persisting, StreamWriter};

/// A fragment's bytes, a block at a time.
#[async_trait]
pub trait Blocks: Send {
    /// The next block; `None` at the end. That the fragment is damaged is known, and said, in place of its last block.
    async fn next_block(&mut self) -> Result<Option<Bytes>, ArchiveError>;
}

/// The fragments of all streams. A stream's key is the caller's; it comes into being with its first fragment.
#[async_trait]
pub trait Archive: Send + Sync {
    /// The one who writes to a stream from now on, by a lease of that epoch; of those before nothing more is taken. Fenced
    /// where one of that epoch or a later one was there, unless the stream was erased since.
    async fn writer(&self, stream: &str, epoch: u64)
    -> Result<Box<dyn StreamWriter>, ArchiveError>;

    /// Persisted fragments that match.
    async fn list(
        &self,
        stream: &str,
        query: FragmentQuery,
    ) -> Result<Vec<StoredFragment>, ArchiveError>;
    /// The last fragment, in `order`, whose [`FragmentOrder::value`] is `value` or less.
    async fn last_at_or_before(
        &self,
        stream: &str,
        order: FragmentOrder,
        value: i64,
    ) -> Result<Option<StoredFragment>, ArchiveError>;
    /// The fragment with the highest sequence.
    async fn latest(&self, stream: &str) -> Result<Option<StoredFragment>, ArchiveError> {
        self.last_at_or_before(stream, FragmentOrder::Sequence, i64::MAX).await
    }
    /// The document header that a fragment belongs to, verbatim.
    async fn read_header(&self, fragment: &StoredFragment) -> Result<Bytes, ArchiveError>;
    /// A fragment's bytes, verbatim, in blocks. Nothing is read before the first is asked for.
    fn blocks(&self, fragment: &StoredFragment) -> Box<dyn Blocks>;
    /// A fragment's bytes, verbatim and checked.
    async fn read(&self, fragment: &StoredFragment) -> Result<Bytes, ArchiveError>;
    /// What a stream holds; nothing when it never had a fragment.
    async fn totals(&self, stream: &str) -> Result<StreamTotals, ArchiveError>;

    /// Erases media that was received before `before`, as far as the engine can without its neighbours; nothing while it
    /// still compares what it has with its index.
    async fn delete_older_than(&self, stream: &str, before: Timestamp) -> Result<(), ArchiveError>;
    /// Erases all but the newest media of a stream, of which at least so much is kept.
    async fn delete_but_newest(
        &self,
        stream: &str,
        kept_bytes_min: u64,
    ) -> Result<(), ArchiveError>;
    /// Erases all media of a stream: it is listed no more. Nothing that its writer still holds is taken. Its bytes go soon.
    async fn delete_stream(&self, stream: &str) -> Result<Erased, ArchiveError>;

    /// What the engine found at its start that its index did not know, so far.
    fn findings(&self) -> Findings;
    /// Bytes of all streams.
    async fn size_bytes(&self) -> Result<u64, ArchiveError>;
    /// Whether the engine takes fragments now and gives them out; the error says why not.
    async fn check(&self) -> Result<(), ArchiveError>;
    /// Whether it takes none any more before the process starts again.
    fn has_ended(&self) -> bool;
}
