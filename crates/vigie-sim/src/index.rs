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
}

impl SimIndex {
    /// An empty index whose transactions count as changes of `disk`.
    pub fn new(disk: SimDisk) -> Result<Self, IndexError> {
        Ok(Self { index: Arc::new(Mutex::new(SqliteIndex::in_memory()?)), disk })
    }
}

impl Index for SimIndex {
    fn apply(&mut self, changes: &[Change]) -> Result<(), IndexError> {
        if !self.disk.tick() {
            return Err(IndexError::PowerCut);
        }
        self.index.lock().unwrap_or_else(PoisonError::into_inner).apply(changes)?;
        if self.disk.tick() { Ok(()) } else { Err(IndexError::PowerCut) }
    }

    fn reader(&self) -> Arc<dyn IndexRead> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner).reader()
    }
}
