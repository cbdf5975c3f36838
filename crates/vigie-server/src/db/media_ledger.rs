//! Rows of the hubs' ledgers.

use serde::{Deserialize, Serialize};
use vigie_kvs::shapes::media_ledger::{LedgerEntry, LedgerKind};
use vigie_media::Timestamp;

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

/// A hub in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubRow {
    /// Which.
    pub hub_device_arn: String,
    /// When it last called, and what it called itself.
    pub seen: Option<(Timestamp, String)>,
    /// Streams that are configured for it.
    pub stream_count: u64,
    /// Those of them whose recorder last reported an error.
    pub failing_recorder_count: u64,
    /// How far its clock was ahead of this server's, if it said so.
    pub clock_skew_ms: Option<i64>,
}
