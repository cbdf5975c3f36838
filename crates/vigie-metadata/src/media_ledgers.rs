//! The hubs' ledgers: what was lost or never recorded, as their hubs entered it.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use vigie_kvs::shapes::media_ledger::{LedgerEntry, LedgerKind};
use vigie_media::Timestamp;

use crate::DbError;

/// Entries kept of one ledger; then the oldest go. A hub keeps half as many.
pub const LEDGER_ENTRIES_MAX: u64 = 200_000;
/// Ledgers kept of one stream: each is a hub, or a hub's new disk. Then the one that began first goes.
pub const LEDGERS_MAX: usize = 64;

/// A ledger of a stream: one for each hub, and for each new disk of a hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaLedger {
    /// The stream.
    pub stream_arn: String,
    /// The hub's name for it.
    pub ledger_id: String,
    /// The hub.
    pub hub_device_arn: String,
    /// It says nothing of the time before.
    pub known_from: Timestamp,
    /// Everything up to here is stored.
    pub sequence: u64,
}

/// An entry that is stored. Its sequence is the hub's concern, and 0 here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredLedgerEntry {
    /// Its ledger.
    pub ledger_id: String,
    /// Whose.
    pub hub_device_arn: String,
    /// The entry.
    pub entry: LedgerEntry,
}

/// A place in the list of a stream's entries, which is in this order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LedgerPosition {
    /// Begin, in milliseconds since 1970.
    pub starts_at_ms: i64,
    /// Then by ledger.
    pub ledger_id: String,
    /// Then by entry.
    pub id: i64,
}

impl LedgerPosition {
    /// Before all.
    pub const FIRST: Self = Self { starts_at_ms: i64::MIN, ledger_id: String::new(), id: i64::MIN };
}

/// Which entries.
#[derive(Clone, Debug)]
pub struct MediaLedgerQuery {
    /// Of this stream.
    pub stream_arn: String,
    /// Of this kind.
    pub kind: LedgerKind,
    /// Ending after this.
    pub from: Timestamp,
    /// Beginning before this.
    pub until: Timestamp,
    /// Behind this.
    pub after: LedgerPosition,
    /// At most so many.
    pub limit: usize,
}

/// Rows of ledgers and their entries. They go with their stream.
#[async_trait]
pub trait MediaLedgers: Send + Sync {
    /// The ledgers of a stream, the one that began first first; [`LEDGERS_MAX`] at most.
    async fn media_ledgers(&self, stream_arn: &str) -> Result<Vec<MediaLedger>, DbError>;
    /// Adds entries that changed after the sequence `after`, unless something before them is missing here: then only
    /// that there is a ledger. What is stored already is passed over. Bounded by [`LEDGER_ENTRIES_MAX`] and
    /// [`LEDGERS_MAX`].
    async fn take_media_ledger(
        &self,
        ledger: &MediaLedger,
        after: u64,
        entries: &[LedgerEntry],
    ) -> Result<(), DbError>;
    /// Entries of a stream's ledgers, in the order of their position. One that covers no time (its hub took it back) is none.
    async fn media_ledger_entries(
        &self,
        query: &MediaLedgerQuery,
    ) -> Result<Vec<StoredLedgerEntry>, DbError>;
}
