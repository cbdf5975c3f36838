//! Where the hub's ledgers are kept durably: gaps, losses, what is about to be deleted, what the service refused.
//!
//! Keeps and finds; which intervals there are is decided in [`vigie_engine::ledger`]. The order that makes it safe: what
//! a deletion takes is written down as an *intent*, durably, before the store deletes; it becomes an entry when the
//! media is gone. If the agent dies between, the store tells at the next start which of the two happened.

mod reader;
mod rows;
mod schema;
mod sqlite;
#[cfg(test)]
mod tests;
mod write;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;
use vigie_engine::age_hold::LastRun;
use vigie_engine::ledger::{Deleted, Gap, TimelineState};
use vigie_kvs::shapes::media_ledger::{LedgerEntry, LedgerKind, LossTotals, MediaGapReason};
use vigie_media::Timestamp;

pub use reader::{HubStanding, LedgerReader};
pub use sqlite::SqliteLedger;

/// Why a ledger could not be read or written.
#[derive(Debug, Error)]
pub enum LedgerError {
    /// SQLite failed.
    #[error("the ledger of gaps and losses: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// Written by a newer version.
    #[error("the ledger is of version {found}, this is {known}; start a newer version of vigie")]
    Version {
        /// In the file.
        found: i64,
        /// What this program writes.
        known: i64,
    },
    /// The file is there and has no tables: whoever made it was ended before it wrote them.
    #[error("the ledger of gaps and losses is still empty; start the agent on its folder once")]
    Unmade,
    /// Its file cannot be made.
    #[error("cannot create {path}")]
    Create {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The lock beside it cannot be had.
    #[error("cannot lock {path}")]
    Lock {
        /// The lock's file.
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// Not what this program writes.
    #[error("the ledger holds an unknown {what}")]
    Damaged {
        /// Of what kind.
        what: &'static str,
    },
    /// A simulated power cut.
    #[error("the power is cut")]
    PowerCut,
}

/// One media file that is to be deleted, and what goes with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// The stream's ARN.
    pub stream: String,
    /// The store's name for the file.
    pub media_file_id: u64,
    pub reason: MediaGapReason,
    /// Its media.
    pub runs: Vec<Deleted>,
}

/// One change of the ledgers.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// A stream's ledger begins, unless it has one.
    Begin {
        /// The stream's ARN.
        stream: String,
        stream_name: String,
        /// The ledger's, never used before.
        ledger_id: String,
        now: Timestamp,
    },
    /// All that is known of a stream goes.
    Erase {
        /// The stream's ARN.
        stream: String,
    },
    /// The agent runs, or ends in order.
    Heartbeat {
        now: Timestamp,
        hub_device_arn: String,
        /// Whether the service answers it; `None` with the end.
        running: Option<bool>,
        /// For how long nothing is deleted by age yet.
        age_hold_left: Duration,
    },
    /// Where a stream stands.
    Standing {
        /// The stream's ARN.
        stream: String,
        state: TimelineState,
        /// `StreamReport` as JSON.
        report_json: String,
    },
    /// A gap has ended.
    Enter {
        /// The stream's ARN.
        stream: String,
        gap: Gap,
    },
    /// The hub's clock was far ahead and is set right: gaps beyond this end here. Deletions stay told.
    StepBack {
        /// The stream's ARN.
        stream: String,
        /// What it says now.
        to: Timestamp,
    },
    /// Media is about to be deleted.
    Intend(Intent),
    /// What became of that.
    Settle {
        /// The stream's ARN.
        stream: String,
        media_file_id: u64,
        is_gone: bool,
    },
    /// Media that lay aside was removed; of no media is said why where nothing else is there of that time.
    Discard {
        /// The stream's ARN.
        stream: String,
        reason: MediaGapReason,
        /// What it held. Whether another place has it nobody knows, so all of it is lost.
        media: Deleted,
        /// The stream has nothing else of that time.
        is_gap: bool,
    },
    /// The ledgers tell of what the store's journal has up to the deletion with this number.
    FollowJournal {
        /// Of the deletion.
        number: u64,
    },
    /// The service will not take a fragment, or the hub cannot read it.
    Refuse {
        /// The stream's ARN.
        stream: String,
        /// The fragment.
        sequence: u64,
        /// `ErrorId`; 0 when it is unreadable here.
        code: u32,
    },
    /// Fragments that are gone from the hub.
    ForgetRefused {
        /// The stream's ARN.
        stream: String,
        /// All below this.
        before: u64,
    },
}

/// A stream's ledger, in short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerSummary {
    /// Its name, new with every ledger.
    pub ledger_id: String,
    /// It says nothing of the time before.
    pub known_from: Timestamp,
    /// Of the newest change.
    pub sequence: u64,
    /// Where its timeline stood.
    pub state: TimelineState,
    /// All losses together.
    pub losses: LossTotals,
    /// What was last said of the stream: `StreamReport` as JSON.
    pub report_json: Option<String>,
}

/// Which entries.
#[derive(Clone, Copy, Debug)]
pub struct EntryQuery {
    /// Of this kind; `None`: of both.
    pub kind: Option<LedgerKind>,
    /// Ending after this.
    pub from: Timestamp,
    /// Beginning before this.
    pub until: Timestamp,
    /// The last so many.
    pub limit: usize,
}

/// The ledgers of a hub, as its core uses them.
pub trait LedgerDb: Send {
    /// Applies all of them in one transaction, which is durable when this returns.
    fn apply(&mut self, changes: &[Change]) -> Result<(), LedgerError>;
    /// When the agent last said that it runs.
    fn heartbeat(&self) -> Result<Option<Timestamp>, LedgerError>;
    /// The same, with what was left of a hold of deletion by age.
    fn last_run(&self) -> Result<Option<LastRun>, LedgerError>;
    /// The number in the last [`Change::FollowJournal`]; 0 before the first.
    fn journal_number(&self) -> Result<u64, LedgerError>;
    /// A stream's ledger, if it has one.
    fn summary(&self, stream: &str) -> Result<Option<LedgerSummary>, LedgerError>;
    /// What was to be deleted of a stream and is not settled.
    fn intents(&self, stream: &str) -> Result<Vec<Intent>, LedgerError>;
    /// A stream's refused fragments.
    fn refused(&self, stream: &str) -> Result<Vec<(u64, u32)>, LedgerError>;
    /// Entries that changed after `sequence`, in the order of their change.
    fn changed_after(
        &self,
        stream: &str,
        sequence: u64,
        limit: usize,
    ) -> Result<Vec<LedgerEntry>, LedgerError>;
    /// Entries of a range, in the order of their begin.
    fn entries(&self, stream: &str, query: EntryQuery) -> Result<Vec<LedgerEntry>, LedgerError>;
}
