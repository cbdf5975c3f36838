//! The ledgers in one SQLite file. WAL with `synchronous=FULL`: a transaction is durable when it returns, and whoever
//! asks from outside reads beside the running agent.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::Connection;
use vigie_engine::age_hold::LastRun;
use vigie_kvs::shapes::media_ledger::LedgerEntry;
use vigie_media::Timestamp;
use vigie_store::{create_private, make_private};

use super::{
    Change, EntryQuery, Intent, LedgerDb, LedgerError, LedgerSummary, rows, schema, write,
};

pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// The running hub waits so long for a lock of another program: it records meanwhile, and what could not be written is
/// tried again.
const LOCK_PATIENCE: Duration = Duration::from_millis(100);

/// The file in the hub's folder.
pub(super) const FILE_NAME: &str = "ledger.sqlite";
/// Locked as long as the agent runs, so that others can tell.
pub(super) const LOCK_NAME: &str = "ledger.lock";

/// The ledgers, for their one writer. Clones of one in memory are the same.
#[derive(Clone)]
pub struct SqliteLedger {
    connection: Arc<Mutex<Connection>>,
    _lock: Option<Arc<File>>,
}

impl SqliteLedger {
    /// Opens or creates the ledgers in the hub's folder, which the caller alone writes.
    ///
    /// # Errors
    ///
    /// When the file cannot be used.
    pub fn open(directory: &Path) -> Result<Self, LedgerError> {
        let lock = lock_file(directory)?;
        // Whoever asks whether the agent runs holds it for a moment.
        lock.lock()
            .map_err(|source| LedgerError::Lock { path: directory.join(LOCK_NAME), source })?;
        let path = directory.join(FILE_NAME);
        create_private(&path)
            .map_err(|source| LedgerError::Create { path: path.clone(), source })?;
        make_private(&path);
        let connection = Connection::open(&path)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "full")?;
        Self::over(connection, Some(Arc::new(lock)))
    }

    /// Ledgers that live as long as this and its clones.
    ///
    /// # Errors
    ///
    /// When SQLite has no memory.
    pub fn in_memory() -> Result<Self, LedgerError> {
        Self::over(Connection::open_in_memory()?, None)
    }

    fn over(mut connection: Connection, lock: Option<Arc<File>>) -> Result<Self, LedgerError> {
        connection.busy_timeout(BUSY_TIMEOUT)?;
        schema::upgrade(&mut connection)?;
        connection.busy_timeout(LOCK_PATIENCE)?;
        connection.set_prepared_statement_cache_capacity(32);
        Ok(Self { connection: Arc::new(Mutex::new(connection)), _lock: lock })
    }

    fn read<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, LedgerError>,
    ) -> Result<T, LedgerError> {
        read(&self.connection.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

pub(super) fn lock_file(directory: &Path) -> Result<File, LedgerError> {
    let path = directory.join(LOCK_NAME);
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    options.open(&path).map_err(|source| LedgerError::Lock { path, source })
}

impl LedgerDb for SqliteLedger {
    fn apply(&mut self, changes: &[Change]) -> Result<(), LedgerError> {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = connection.transaction()?;
        for change in changes {
            write::apply(&transaction, change)?;
        }
        Ok(transaction.commit()?)
    }

    fn heartbeat(&self) -> Result<Option<Timestamp>, LedgerError> {
        self.read(rows::heartbeat)
    }

    fn last_run(&self) -> Result<Option<LastRun>, LedgerError> {
        self.read(rows::last_run)
    }

    fn journal_number(&self) -> Result<u64, LedgerError> {
        self.read(rows::journal_number)
    }

    fn summary(&self, stream: &str) -> Result<Option<LedgerSummary>, LedgerError> {
        self.read(|db| rows::summary(db, stream))
    }

    fn intents(&self, stream: &str) -> Result<Vec<Intent>, LedgerError> {
        self.read(|db| rows::intents(db, stream))
    }

    fn refused(&self, stream: &str) -> Result<Vec<(u64, u32)>, LedgerError> {
        self.read(|db| rows::refused(db, stream))
    }

    fn changed_after(
        &self,
        stream: &str,
        sequence: u64,
        limit: usize,
    ) -> Result<Vec<LedgerEntry>, LedgerError> {
        self.read(|db| rows::changed_after(db, stream, sequence, limit))
    }

    fn entries(&self, stream: &str, query: EntryQuery) -> Result<Vec<LedgerEntry>, LedgerError> {
        self.read(|db| rows::entries(db, stream, query))
    }
}
