//! An index on a simulated disk: a committed transaction is durable, and the power can go before it or after it.

use std::sync::{Arc, Mutex, PoisonError};

use vigie_store::index::{Change, Index, IndexRead};
use vigie_store::{IndexError, SqliteIndex};

use crate::disk::SimDisk;

/// SQLite in memory, which outlives the store that uses it. Clones are the same index.
#[derive(Clone)]
pub struct SimIndex {
    index: Arc<Mutex<SqliteIndex>>,
    disk: SimDisk,
    /// Every transaction, where older copies are wanted.
    history: Option<Arc<Mutex<Vec<Vec<Change>>>>>,
}

impl SimIndex {
    /// An empty index whose transactions count as changes of `disk`.
    pub fn new(disk: SimDisk) -> Result<Self, IndexError> {
        let index = Arc::new(Mutex::new(SqliteIndex::in_memory()?));
        Ok(Self { index, disk, history: None })
    }

    /// The same over an index of the caller's making, which may lie in files.
    pub fn over(index: SqliteIndex, disk: SimDisk) -> Self {
        Self { index: Arc::new(Mutex::new(index)), disk, history: None }
    }

    /// Another index is put in its place.
    pub fn put(&self, index: SqliteIndex) {
        *self.index.lock().unwrap_or_else(PoisonError::into_inner) = index;
    }

    /// The same as [`SimIndex::new`], of which an older copy can be put in its place: [`SimIndex::roll_back`].
    pub fn with_history(disk: SimDisk) -> Result<Self, IndexError> {
        Ok(Self { history: Some(Arc::default()), ..Self::new(disk)? })
    }

    /// Transactions so far, and after how many of them there was a stream.
    pub fn transactions(&self) -> (usize, usize) {
        let Some(history) = &self.history else { return (0, 0) };
        let history = history.lock().unwrap_or_else(PoisonError::into_inner);
        let creates = |changes: &Vec<Change>| {
            changes.iter().any(|c| matches!(c, Change::CreateStream { .. }))
        };
        (history.len(), history.iter().position(creates).map_or(history.len(), |at| at + 1))
    }

    /// An older copy of the index is put in its place: it knows the first `transactions` and no more.
    pub fn roll_back(&self, transactions: usize) -> Result<(), IndexError> {
        let Some(history) = &self.history else { return Ok(()) };
        let mut history = history.lock().unwrap_or_else(PoisonError::into_inner);
        history.truncate(transactions);
        let mut older = SqliteIndex::in_memory()?;
        history.iter().try_for_each(|changes| older.apply(changes))?;
        self.put(older);
        Ok(())
    }
}

impl Index for SimIndex {
    fn apply(&mut self, changes: &[Change]) -> Result<(), IndexError> {
        if !self.disk.tick() {
            return Err(IndexError::PowerCut);
        }
        self.index.lock().unwrap_or_else(PoisonError::into_inner).apply(changes)?;
        if let Some(history) = &self.history {
            history.lock().unwrap_or_else(PoisonError::into_inner).push(changes.to_vec());
        }
        if self.disk.tick() { Ok(()) } else { Err(IndexError::PowerCut) }
    }

    fn reader(&self) -> Arc<dyn IndexRead> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner).reader()
    }
}
