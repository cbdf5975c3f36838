//! Ledgers on a simulated disk: a committed transaction is durable, and the power can go before it or after it.

use vigie_agent::ledger::{
    Change, EntryQuery, Intent, LedgerDb, LedgerError, LedgerSummary, SqliteLedger,
};
use vigie_engine::age_hold::LastRun;
use vigie_kvs::shapes::media_ledger::LedgerEntry;
use vigie_media::Timestamp;

use crate::disk::SimDisk;

/// SQLite in memory, which outlives the hub that uses it. Clones are the same ledgers.
#[derive(Clone)]
pub struct SimLedger {
    ledger: SqliteLedger,
    disk: SimDisk,
}

impl SimLedger {
    /// Empty ledgers whose transactions count as changes of `disk`.
    pub fn new(disk: SimDisk) -> Result<Self, LedgerError> {
        Ok(Self { ledger: SqliteLedger::in_memory()?, disk })
    }
}

impl LedgerDb for SimLedger {
    fn apply(&mut self, changes: &[Change]) -> Result<(), LedgerError> {
        if !self.disk.tick() {
            return Err(LedgerError::PowerCut);
        }
        self.ledger.apply(changes)?;
        if self.disk.tick() { Ok(()) } else { Err(LedgerError::PowerCut) }
    }

    fn heartbeat(&self) -> Result<Option<Timestamp>, LedgerError> {
        self.ledger.heartbeat()
    }

    fn last_run(&self) -> Result<Option<LastRun>, LedgerError> {
        self.ledger.last_run()
    }

    fn journal_number(&self) -> Result<u64, LedgerError> {
        self.ledger.journal_number()
    }

    fn summary(&self, stream: &str) -> Result<Option<LedgerSummary>, LedgerError> {
        self.ledger.summary(stream)
    }

    fn intents(&self, stream: &str) -> Result<Vec<Intent>, LedgerError> {
        self.ledger.intents(stream)
    }

    fn refused(&self, stream: &str) -> Result<Vec<(u64, u32)>, LedgerError> {
        self.ledger.refused(stream)
    }

    fn changed_after(
        &self,
        stream: &str,
        sequence: u64,
        limit: usize,
    ) -> Result<Vec<LedgerEntry>, LedgerError> {
        self.ledger.changed_after(stream, sequence, limit)
    }

    fn entries(&self, stream: &str, query: EntryQuery) -> Result<Vec<LedgerEntry>, LedgerError> {
        self.ledger.entries(stream, query)
    }
}
