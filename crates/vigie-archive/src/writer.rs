//! The one who writes to a stream.

use std::future::Future;
use std::ops::Range;
use std::pin::Pin;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{ArchiveError, WholeFragment};

/// Resolves when the fragment is persisted, or will not be.
pub type Persisting = Pin<Box<dyn Future<Output = Result<(), ArchiveError>> + Send>>;

/// Owns a stream's sequences, until another writer of the stream comes or the stream is erased: then it is fenced.
#[async_trait]
pub trait StreamWriter: Send {
    /// Of its lease; each has a larger one than those before.
    fn epoch(&self) -> u64;
    /// Sequence numbers of the stream, handed out once for ever and larger than all before.
    async fn reserve_sequences(&mut self, count: u64) -> Result<Range<u64>, ArchiveError>;
    /// Takes a fragment as soon as there is room for it, and gives what to wait for. Fragments are persisted in the order
    /// in which they were taken, which is that of their sequences.
    async fn append(&mut self, header: &Bytes, fragment: WholeFragment) -> Persisting;
}
