//! The ledgers as whoever asks on the hub reads them, whether the agent runs or not.

use std::fs::TryLockError;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use vigie_kvs::shapes::media_ledger::LedgerEntry;
use vigie_media::Timestamp;

use super::schema::version;
use super::sqlite::{BUSY_TIMEOUT, FILE_NAME, LOCK_NAME, lock_file};
use super::{EntryQuery, LedgerError, LedgerSummary, rows};

/// The ledgers of a hub for whoever asks, whether the agent runs or not.
pub struct LedgerReader {
    connection: Connection,
    directory: PathBuf,
}

/// What a hub last said of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HubStanding {
    /// The hub, once its agent has run.
    pub hub_device_arn: Option<String>,
    /// Of the streams: ARN, name, `StreamReport` as JSON.
    pub streams: Vec<(String, String, Option<String>)>,
    /// When it last said that it runs.
    pub heartbeat: Option<Timestamp>,
    /// For how long from then on nothing was to be deleted by age, because its clock had jumped.
    pub age_hold_left: Duration,
    /// It ended in order.
    pub has_ended: bool,
    /// The service answered.
    pub in_contact: bool,
}

impl LedgerReader {
    /// Opens the ledgers in a hub's folder, to read.
    ///
    /// # Errors
    ///
    /// When there are none, or they cannot be read.
    pub fn open(directory: &Path) -> Result<Self, LedgerError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(directory.join(FILE_NAME), flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        if version(&connection)? == 0 {
            return Err(LedgerError::Unmade);
        }
        Ok(Self { connection, directory: directory.to_owned() })
    }

    /// Whether an agent runs on the folder.
    ///
    /// # Errors
    ///
    /// When the lock cannot be looked at.
    pub fn is_agent_running(&self) -> Result<bool, LedgerError> {
        let lock = lock_file(&self.directory)?;
        match lock.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(source)) => {
                Err(LedgerError::Lock { path: self.directory.join(LOCK_NAME), source })
            }
        }
    }

    /// What the hub last said.
    ///
    /// # Errors
    ///
    /// When the ledgers cannot be read.
    pub fn standing(&self) -> Result<HubStanding, LedgerError> {
        let db = &self.connection;
        let sql =
            "SELECT stream, coalesce(stream_name, ''), report_json FROM ledger ORDER BY stream";
        let mut statement = db.prepare(sql)?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        let running: Option<i64> = rows::meta(db, "in_contact")?;
        Ok(HubStanding {
            hub_device_arn: rows::meta(db, "hub_device_arn")?,
            streams: rows.collect::<Result<_, _>>()?,
            heartbeat: rows::heartbeat(db)?,
            age_hold_left: rows::last_run(db)?.map_or(Duration::ZERO, |run| run.hold_left),
            has_ended: running.is_none(),
            in_contact: running == Some(1),
        })
    }

    /// A stream's ledger in short.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn summary(&self, stream: &str) -> Result<Option<LedgerSummary>, LedgerError> {
        rows::summary(&self.connection, stream)
    }

    /// Entries of a stream.
    ///
    /// # Errors
    ///
    /// When they cannot be read.
    pub fn entries(
        &self,
        stream: &str,
        query: EntryQuery,
    ) -> Result<Vec<LedgerEntry>, LedgerError> {
        rows::entries(&self.connection, stream, query)
    }
}
