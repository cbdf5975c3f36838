//! The ledgers in one SQLite file. WAL with `synchronous=FULL`: a transaction is durable when it returns, and whoever
//! asks from outside reads beside the running agent.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, Transaction, params};
use vigie_engine::ledger::{
    Deleted, ENTRIES_MAX, GAP_MS_MIN, Gap, Lost, OpenGap, TimelineState, may_extend,
};
use vigie_kvs::shapes::media_ledger::{LedgerEntry, LedgerKind, LossTotals, MediaGapReason};
use vigie_media::Timestamp;

use super::{Change, EntryQuery, Intent, LedgerDb, LedgerError, LedgerSummary};

const VERSION: i64 = 1;
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The file in the hub's folder.
const FILE_NAME: &str = "ledger.sqlite";
/// Locked as long as the agent runs, so that others can tell.
const LOCK_NAME: &str = "ledger.lock";

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
        let connection = Connection::open(directory.join(FILE_NAME))?;
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
        let found = version(&connection)?;
        if found == 0 {
            let transaction = connection.transaction()?;
            transaction.execute_batch(include_str!("schema.sql"))?;
            transaction.pragma_update(None, "user_version", VERSION)?;
            transaction.commit()?;
        }
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

fn version(connection: &Connection) -> Result<i64, LedgerError> {
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found > VERSION {
        return Err(LedgerError::Version { found, known: VERSION });
    }
    Ok(found)
}

fn lock_file(directory: &Path) -> Result<File, LedgerError> {
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
            apply(&transaction, change)?;
        }
        Ok(transaction.commit()?)
    }

    fn heartbeat(&self) -> Result<Option<Timestamp>, LedgerError> {
        self.read(heartbeat)
    }

    fn summary(&self, stream: &str) -> Result<Option<LedgerSummary>, LedgerError> {
        self.read(|db| summary(db, stream))
    }

    fn intents(&self, stream: &str) -> Result<Vec<Intent>, LedgerError> {
        self.read(|db| intents(db, stream))
    }

    fn refused(&self, stream: &str) -> Result<Vec<(u64, u32)>, LedgerError> {
        self.read(|db| {
            let sql = "SELECT sequence, code FROM refused WHERE stream = ?1";
            let mut statement = db.prepare_cached(sql)?;
            let rows = statement.query_map([stream], |row| Ok((unsigned(row, 0)?, row.get(1)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    fn changed_after(
        &self,
        stream: &str,
        sequence: u64,
        limit: usize,
    ) -> Result<Vec<LedgerEntry>, LedgerError> {
        self.read(|db| {
            let sql = format!(
                "SELECT {ENTRY_COLUMNS} FROM entry WHERE stream = ?1 AND sequence > ?2 \
                 ORDER BY sequence LIMIT ?3"
            );
            let mut statement = db.prepare_cached(&sql)?;
            let rows = statement
                .query_map(params![stream, signed(sequence), signed(limit as u64)], entry)?;
            rows.map(|row| row?).collect()
        })
    }

    fn entries(&self, stream: &str, query: EntryQuery) -> Result<Vec<LedgerEntry>, LedgerError> {
        self.read(|db| entries(db, stream, query))
    }
}

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
        version(&connection)?;
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
        let running: Option<i64> = meta(db, "in_contact")?;
        Ok(HubStanding {
            hub_device_arn: meta(db, "hub_device_arn")?,
            streams: rows.collect::<Result<_, _>>()?,
            heartbeat: heartbeat(db)?,
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
        summary(&self.connection, stream)
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
        entries(&self.connection, stream, query)
    }
}

const ENTRY_COLUMNS: &str =
    "id, sequence, kind, reason, from_ms, until_ms, fragment_count, size_bytes";

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(|number| u64::try_from(number).unwrap_or(0))
}

fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    row.get(column).map(Timestamp::from_millis)
}

fn reason(text: &str) -> Result<MediaGapReason, LedgerError> {
    MediaGapReason::from_wire(text).ok_or(LedgerError::Damaged { what: "reason" })
}

fn entry(row: &Row<'_>) -> rusqlite::Result<Result<LedgerEntry, LedgerError>> {
    let (kind, why): (String, String) = (row.get(2)?, row.get(3)?);
    let (id, sequence) = (unsigned(row, 0)?, unsigned(row, 1)?);
    let (start_timestamp, end_timestamp) = (time(row, 4)?, time(row, 5)?);
    let (fragment_count, size_bytes) = (unsigned(row, 6)?, unsigned(row, 7)?);
    let Some(kind) = LedgerKind::from_wire(&kind) else {
        return Ok(Err(LedgerError::Damaged { what: "kind of entry" }));
    };
    Ok(reason(&why).map(|reason| LedgerEntry {
        id,
        sequence,
        kind,
        reason,
        start_timestamp,
        end_timestamp,
        fragment_count,
        size_bytes,
    }))
}

fn entries(
    db: &Connection,
    stream: &str,
    query: EntryQuery,
) -> Result<Vec<LedgerEntry>, LedgerError> {
    let sql = format!(
        "SELECT {ENTRY_COLUMNS} FROM entry WHERE stream = ?1 AND until_ms > ?2 AND from_ms < ?3 \
         AND (?4 IS NULL OR kind = ?4) ORDER BY from_ms DESC, id DESC LIMIT ?5"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let (from, until) = (query.from.as_millis(), query.until.as_millis());
    let kind = query.kind.map(LedgerKind::as_str);
    let limit = signed(query.limit as u64);
    let rows = statement.query_map(params![stream, from, until, kind, limit], entry)?;
    let mut found: Vec<LedgerEntry> = rows.map(|row| row?).collect::<Result<_, _>>()?;
    found.reverse();
    Ok(found)
}

fn intents(db: &Connection, stream: &str) -> Result<Vec<Intent>, LedgerError> {
    let sql = "SELECT media_file_id, reason, from_ms, until_ms, lost_fragments, lost_bytes \
               FROM intent WHERE stream = ?1 ORDER BY media_file_id, position";
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map([stream], |row| {
        let lost = Lost { fragment_count: unsigned(row, 4)?, size_bytes: unsigned(row, 5)? };
        let lost = (lost.fragment_count > 0).then_some(lost);
        let run = Deleted { from: time(row, 2)?, until: time(row, 3)?, lost };
        Ok((unsigned(row, 0)?, row.get::<_, String>(1)?, run))
    })?;
    let mut found: Vec<Intent> = Vec::new();
    for row in rows {
        let (media_file_id, why, run) = row?;
        match found.last_mut() {
            Some(intent) if intent.media_file_id == media_file_id => intent.runs.push(run),
            _ => found.push(Intent {
                stream: stream.to_owned(),
                media_file_id,
                reason: reason(&why)?,
                runs: vec![run],
            }),
        }
    }
    Ok(found)
}

fn meta<T: rusqlite::types::FromSql>(
    db: &Connection,
    name: &str,
) -> Result<Option<T>, LedgerError> {
    let sql = "SELECT value FROM meta WHERE name = ?1";
    Ok(db.prepare_cached(sql)?.query_row([name], |row| row.get(0)).optional()?.flatten())
}

fn heartbeat(db: &Connection) -> Result<Option<Timestamp>, LedgerError> {
    Ok(meta(db, "heartbeat_ms")?.map(Timestamp::from_millis))
}

fn summary(db: &Connection, stream: &str) -> Result<Option<LedgerSummary>, LedgerError> {
    let sql = "SELECT ledger_id, known_from_ms, sequence, media_until_ms, open_since_ms, \
               open_reason, lost_fragments, lost_bytes FROM ledger WHERE stream = ?1";
    let found = db
        .prepare_cached(sql)?
        .query_row([stream], |row| {
            let since: Option<i64> = row.get(4)?;
            let why: Option<String> = row.get(5)?;
            let summary = LedgerSummary {
                ledger_id: row.get(0)?,
                known_from: time(row, 1)?,
                sequence: unsigned(row, 2)?,
                state: TimelineState { media_until: time(row, 3)?, open: None },
                losses: LossTotals {
                    fragment_count: unsigned(row, 6)?,
                    size_bytes: unsigned(row, 7)?,
                },
            };
            Ok((summary, since.map(Timestamp::from_millis).zip(why)))
        })
        .optional()?;
    let Some((mut summary, open)) = found else { return Ok(None) };
    if let Some((since, why)) = open {
        summary.state.open = Some(OpenGap { since, reason: reason(&why)? });
    }
    Ok(Some(summary))
}

fn apply(db: &Transaction<'_>, change: &Change) -> Result<(), LedgerError> {
    match change {
        Change::Begin { stream, stream_name, ledger_id, now } => {
            let sql = "INSERT INTO ledger (stream, stream_name, ledger_id, known_from_ms, \
                       media_until_ms) VALUES (?1, ?2, ?3, ?4, ?4) ON CONFLICT DO NOTHING";
            let now = now.as_millis();
            db.prepare_cached(sql)?.execute(params![stream, stream_name, ledger_id, now])?;
        }
        Change::Erase { stream } => {
            for table in ["entry", "intent", "refused", "ledger"] {
                let sql = format!("DELETE FROM {table} WHERE stream = ?1");
                db.prepare_cached(&sql)?.execute([stream])?;
            }
        }
        Change::Heartbeat { now, hub_device_arn, running } => {
            put_meta(db, "heartbeat_ms", now.as_millis())?;
            put_meta(db, "hub_device_arn", hub_device_arn)?;
            put_meta(db, "in_contact", running.map(i64::from))?;
        }
        Change::Standing { stream, state, report_json } => {
            let sql = "UPDATE ledger SET media_until_ms = ?2, open_since_ms = ?3, \
                       open_reason = ?4, report_json = ?5 WHERE stream = ?1";
            db.prepare_cached(sql)?.execute(params![
                stream,
                state.media_until.as_millis(),
                state.open.map(|open| open.since.as_millis()),
                state.open.map(|open| open.reason.as_str()),
                report_json,
            ])?;
        }
        Change::Enter { stream, gap } => enter_gap(db, stream, gap)?,
        Change::Intend(intent) => intend(db, intent)?,
        Change::Settle { stream, media_file_id, is_gone } => {
            settle(db, stream, *media_file_id, *is_gone)?;
        }
        Change::Refuse { stream, sequence, code } => {
            let sql = "REPLACE INTO refused (stream, sequence, code) VALUES (?1, ?2, ?3)";
            db.prepare_cached(sql)?.execute(params![stream, signed(*sequence), code])?;
        }
        Change::ForgetRefused { stream, before } => {
            let sql = "DELETE FROM refused WHERE stream = ?1 AND sequence < ?2";
            db.prepare_cached(sql)?.execute(params![stream, signed(*before)])?;
        }
    }
    Ok(())
}

fn put_meta(
    db: &Transaction<'_>,
    name: &str,
    value: impl rusqlite::ToSql,
) -> Result<(), LedgerError> {
    let sql = "REPLACE INTO meta (name, value) VALUES (?1, ?2)";
    db.prepare_cached(sql)?.execute(params![name, value])?;
    Ok(())
}

/// What is to be written as an entry, or to extend one.
struct Interval<'a> {
    stream: &'a str,
    kind: LedgerKind,
    reason: MediaGapReason,
    from: Timestamp,
    until: Timestamp,
    lost: Lost,
    /// Entries that are so near are the same.
    near_ms: i64,
}

fn enter_gap(db: &Transaction<'_>, stream: &str, gap: &Gap) -> Result<(), LedgerError> {
    let Gap { from, until, reason } = *gap;
    let (kind, lost) = (LedgerKind::Gap, Lost::default());
    enter(db, &Interval { stream, kind, reason, from, until, lost, near_ms: 1 })
}

fn enter(db: &Transaction<'_>, interval: &Interval<'_>) -> Result<(), LedgerError> {
    let Interval { stream, kind, reason, from, until, lost, near_ms } = interval;
    let (from, until) = (from.as_millis(), until.as_millis());
    let sql = "UPDATE ledger SET sequence = sequence + 1 WHERE stream = ?1 \
               RETURNING sequence, next_id";
    let numbers = db
        .prepare_cached(sql)?
        .query_row([stream], |row| Ok((row.get::<_, i64>(0)?, unsigned(row, 1)?)))
        .optional()?;
    // A ledger that is gone takes nothing more.
    let Some((sequence, next_id)) = numbers else { return Ok(()) };
    let sql = "SELECT id FROM entry WHERE stream = ?1 AND kind = ?2 AND reason = ?3 \
               AND until_ms > ?4 - ?6 AND from_ms < ?5 + ?6 ORDER BY until_ms LIMIT 1";
    let (kind, reason) = (kind.as_str(), reason.as_str());
    let known = db
        .prepare_cached(sql)?
        .query_row(params![stream, kind, reason, from, until, near_ms], |row| unsigned(row, 0))
        .optional()?
        .filter(|id| may_extend(*id, next_id));
    let (fragments, bytes) = (signed(lost.fragment_count), signed(lost.size_bytes));
    if let Some(id) = known {
        let sql = "UPDATE entry SET sequence = ?3, from_ms = min(from_ms, ?4), \
                   until_ms = max(until_ms, ?5), fragment_count = fragment_count + ?6, \
                   size_bytes = size_bytes + ?7 WHERE stream = ?1 AND id = ?2";
        let id = signed(id);
        db.prepare_cached(sql)?
            .execute(params![stream, id, sequence, from, until, fragments, bytes])?;
        return Ok(());
    }
    let sql = "INSERT INTO entry (stream, id, sequence, kind, reason, from_ms, until_ms, \
               fragment_count, size_bytes) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    let id = signed(next_id);
    db.prepare_cached(sql)?
        .execute(params![stream, id, sequence, kind, reason, from, until, fragments, bytes])?;
    let sql = "UPDATE ledger SET next_id = next_id + 1 WHERE stream = ?1";
    db.prepare_cached(sql)?.execute([stream])?;
    match next_id.checked_sub(ENTRIES_MAX).filter(|oldest| *oldest > 0) {
        Some(oldest) => drop_oldest(db, stream, signed(oldest)),
        None => Ok(()),
    }
}

/// Entries up to `oldest` go; of the time that they told of nothing is known any more.
fn drop_oldest(db: &Transaction<'_>, stream: &str, oldest: i64) -> Result<(), LedgerError> {
    let sql = "UPDATE ledger SET known_from_ms = max(known_from_ms, coalesce((SELECT \
               max(until_ms) FROM entry WHERE stream = ?1 AND id <= ?2), 0)) WHERE stream = ?1";
    db.prepare_cached(sql)?.execute(params![stream, oldest])?;
    let sql = "DELETE FROM entry WHERE stream = ?1 AND id <= ?2";
    db.prepare_cached(sql)?.execute(params![stream, oldest])?;
    Ok(())
}

fn intend(db: &Transaction<'_>, intent: &Intent) -> Result<(), LedgerError> {
    let Intent { stream, media_file_id, reason, runs } = intent;
    let file = signed(*media_file_id);
    // Planned anew, for another reason perhaps: the latest plan counts.
    let sql = "DELETE FROM intent WHERE stream = ?1 AND media_file_id = ?2";
    db.prepare_cached(sql)?.execute(params![stream, file])?;
    let sql = "INSERT INTO intent (stream, media_file_id, position, reason, from_ms, until_ms, \
               lost_fragments, lost_bytes) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let mut insert = db.prepare_cached(sql)?;
    for (position, Deleted { from, until, lost }) in (0_i64..).zip(runs) {
        let lost = lost.unwrap_or_default();
        insert.execute(params![
            stream,
            file,
            position,
            reason.as_str(),
            from.as_millis(),
            until.as_millis(),
            signed(lost.fragment_count),
            signed(lost.size_bytes),
        ])?;
    }
    Ok(())
}

fn settle(
    db: &Transaction<'_>,
    stream: &str,
    media_file_id: u64,
    is_gone: bool,
) -> Result<(), LedgerError> {
    let sql = "DELETE FROM intent WHERE stream = ?1 AND media_file_id = ?2 \
               RETURNING position, reason, from_ms, until_ms, lost_fragments, lost_bytes";
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map(params![stream, signed(media_file_id)], |row| {
        let lost = Lost { fragment_count: unsigned(row, 4)?, size_bytes: unsigned(row, 5)? };
        Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, time(row, 2)?, time(row, 3)?, lost))
    })?;
    let mut runs = rows.collect::<Result<Vec<_>, _>>()?;
    if !is_gone {
        return Ok(());
    }
    runs.sort_by_key(|(position, ..)| *position);
    for (_, why, from, until, lost) in runs {
        let reason = reason(&why)?;
        let mut interval = Interval {
            stream,
            kind: LedgerKind::Gap,
            reason,
            from,
            until,
            lost: Lost::default(),
            near_ms: GAP_MS_MIN,
        };
        enter(db, &interval)?;
        if lost.fragment_count > 0 {
            interval.kind = LedgerKind::Loss;
            interval.lost = lost;
            enter(db, &interval)?;
            let sql = "UPDATE ledger SET lost_fragments = lost_fragments + ?2, \
                       lost_bytes = lost_bytes + ?3 WHERE stream = ?1";
            let (fragments, bytes) = (signed(lost.fragment_count), signed(lost.size_bytes));
            db.prepare_cached(sql)?.execute(params![stream, fragments, bytes])?;
        }
    }
    Ok(())
}
