//! The index in one SQLite file: the writer's side.
//!
//! WAL with `synchronous=FULL`: a transaction is durable when it returns, and readers never wait for it.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::pack::pack;
use super::runs::Runs;
use super::sqlite_connection::{in_memory, keep_statements};
use super::sqlite_read::{FoundDamage, SqliteReader};
use super::sqlite_rows::{self, entries_of};
use super::wal::{self, Log};
use super::{Change, Index, IndexRead, StreamId, schema, sound};
use crate::damaged_index;
use crate::error::IndexError;
use crate::fragment::{FragmentEntry, MediaFileId, MediaFilePlace, MediaFileSpan, MediaFileState};
use crate::private_sqlite::{create_private, make_private};

/// Small pages, because a commit writes one for each stream that has a new fragment.
const PAGE_BYTES: u32 = 512;

/// The log is written into the database when it has grown by this: each page once, however often it changed since.
const CHECKPOINT_BYTES: u32 = 4 << 20;

/// A transaction waits so long for a lock of another program, for whoever asks waits with it …
const LOCK_PATIENCE: Duration = Duration::from_millis(500);
/// … and hardly at all while the lock is held, for what could not be written is tried again.
const LOCKED_PATIENCE: Duration = Duration::from_millis(20);

/// An index up to this size is examined before it is used; for a million fragments, in some 30 MiB, that takes a seventh of a
/// second.
const EXAMINED_BYTES_MAX: u64 = 64 << 20;

/// The tables that hold fragments, by `media_file_id`.
const FRAGMENT_TABLES: [&str; 3] = ["fragment", "open_fragment", "packed"];

/// The index in a SQLite database.
pub struct SqliteIndex {
    connection: Arc<Mutex<Connection>>,
    /// `None` for a database in memory, whose readers share the one connection.
    path: Option<PathBuf>,
    /// How long the connection waits for a lock of another program.
    patience: Duration,
    /// What a reader of it came upon.
    damage: FoundDamage,
    is_examined: bool,
    /// Held as long as this process writes.
    _lock: Option<IndexLock>,
}

/// The right to write an index, or to keep others from it; given up when dropped or when the process ends.
#[derive(Debug)]
pub struct IndexLock {
    _file: File,
}

impl SqliteIndex {
    /// Opens or creates the index in `path`. One process at a time may: [`IndexError::InUse`].
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, IndexError> {
        Self::open_file(path.into(), false)
    }

    /// The same, and looks for damage before anything is written: what can be found without the media is an error for which
    /// [`IndexError::is_damage`] is true. A very large index is left to [`Index::is_examined`]'s caller.
    pub fn open_examined(path: impl Into<PathBuf>) -> Result<Self, IndexError> {
        Self::open_file(path.into(), true)
    }

    fn open_file(path: PathBuf, examine: bool) -> Result<Self, IndexError> {
        let lock = IndexLock::acquire(&path)?;
        create_private(&path).map_err(|source| IndexError::Lock { path: path.clone(), source })?;
        make_private(&path);
        let log = wal::inspect(&path);
        let size_bytes = std::fs::metadata(&path).map_or(0, |metadata| metadata.len());
        let connection = Connection::open(&path)?;
        // Counts only for a database that is new.
        connection.pragma_update(None, "page_size", PAGE_BYTES)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_BYTES / PAGE_BYTES)?;
        connection.busy_timeout(super::BUSY_TIMEOUT)?;
        // FULL syncs the log in every transaction: what the store calls persisted depends on it.
        connection.pragma_update(None, "synchronous", "full")?;
        let mut index = Self::new(connection, Some(path), Some(lock))?;
        index.is_examined = !examine || size_bytes <= EXAMINED_BYTES_MAX;
        if examine && index.is_examined {
            let connection = index.connection.lock().unwrap_or_else(|poison| poison.into_inner());
            sound::first_damage(&connection)?;
        }
        index.begin_use(log)?;
        Ok(index)
    }

    /// Says what the log shows of how the index was left, and notes that it is in use: from now on a log belongs to it,
    /// until [`Index::checkpoint`] has put it in.
    fn begin_use(&mut self, log: Log) -> Result<(), IndexError> {
        let connection = self.connection.lock().unwrap_or_else(|poison| poison.into_inner());
        let sql = "SELECT value FROM meta WHERE name = 'is_in_use'";
        let was_in_use: Option<u64> = connection.query_row(sql, [], |row| row.get(0)).optional()?;
        let was_in_use = was_in_use == Some(1);
        match log {
            Log::Damaged { lost_frames } => tracing::warn!(
                lost_frames,
                "the index's log is damaged, and what was written behind the damage is lost; the media says what it was"
            ),
            Log::Absent if was_in_use => tracing::warn!(
                "the index was not closed and has no log: it may be older than its media, which says what is missing"
            ),
            _ => {}
        }
        if !was_in_use {
            let sql = "INSERT OR REPLACE INTO meta (name, value) VALUES ('is_in_use', 1)";
            connection.execute(sql, [])?;
            write_log_in(&connection)?;
        }
        Ok(())
    }

    /// An index that lives as long as this value and its readers.
    pub fn in_memory() -> Result<Self, IndexError> {
        Self::new(in_memory()?, None, None)
    }

    /// Opens the index in `path` for reading alone, also while another process writes it.
    pub fn open_read_only(path: impl Into<PathBuf>) -> Result<Arc<dyn IndexRead>, IndexError> {
        let reader = SqliteReader::of_file(path.into(), None);
        // What is wrong with it is said here, not by the first question.
        reader.next_stream_id()?;
        Ok(Arc::new(reader))
    }

    fn new(
        mut connection: Connection,
        path: Option<PathBuf>,
        lock: Option<IndexLock>,
    ) -> Result<Self, IndexError> {
        schema::upgrade(&mut connection)?;
        keep_statements(&connection)?;
        let connection = Arc::new(Mutex::new(connection));
        Ok(Self {
            connection,
            path,
            patience: super::BUSY_TIMEOUT,
            damage: FoundDamage::default(),
            is_examined: true,
            _lock: lock,
        })
    }

    fn transact(&self, changes: &[Change]) -> Result<(), IndexError> {
        // A poisoned lock means that a reader of the in-memory form panicked; the connection is as it was.
        let mut connection = self.connection.lock().unwrap_or_else(|poison| poison.into_inner());
        let transaction = connection.transaction()?;
        for change in changes {
            apply(&transaction, change)?;
        }
        Ok(transaction.commit()?)
    }

    /// The first transaction, at the start, waits longest: nothing else can be done meanwhile.
    fn set_patience(&mut self, patience: Duration) -> Result<(), IndexError> {
        if std::mem::replace(&mut self.patience, patience) != patience {
            let connection = self.connection.lock().unwrap_or_else(|poison| poison.into_inner());
            connection.busy_timeout(patience)?;
        }
        Ok(())
    }
}

impl Index for SqliteIndex {
    fn apply(&mut self, changes: &[Change]) -> Result<(), IndexError> {
        let result = self.transact(changes);
        let is_locked = matches!(result, Err(IndexError::Locked));
        self.set_patience(if is_locked { LOCKED_PATIENCE } else { LOCK_PATIENCE })?;
        result
    }

    fn checkpoint(&mut self) -> Result<(), IndexError> {
        if self.path.is_none() {
            return Ok(());
        }
        let connection = self.connection.lock().unwrap_or_else(|poison| poison.into_inner());
        write_log_in(&connection)
    }

    fn close(&mut self) -> Result<(), IndexError> {
        if self.path.is_none() {
            return Ok(());
        }
        let connection = self.connection.lock().unwrap_or_else(|poison| poison.into_inner());
        let sql = "INSERT OR REPLACE INTO meta (name, value) VALUES ('is_in_use', 0)";
        connection.execute(sql, [])?;
        write_log_in(&connection)
    }

    fn reader(&self) -> Arc<dyn IndexRead> {
        Arc::new(match &self.path {
            Some(path) => SqliteReader::of_file(path.clone(), Some(Arc::clone(&self.damage))),
            None => SqliteReader::shared(Arc::clone(&self.connection)),
        })
    }

    fn is_examined(&self) -> bool {
        self.is_examined
    }

    fn found_damage(&self) -> Option<String> {
        self.damage.lock().unwrap_or_else(|poison| poison.into_inner()).clone()
    }

    fn note_damage(&mut self, what: &str) -> Result<(), IndexError> {
        let Some(path) = &self.path else { return Ok(()) };
        damaged_index::note(path, what)
            .map_err(|source| IndexError::Lock { path: path.clone(), source })
    }
}

/// Puts the log into the database and empties it. Where somebody reads, what they read stays in it.
fn write_log_in(connection: &Connection) -> Result<(), IndexError> {
    let sql = "PRAGMA wal_checkpoint(TRUNCATE)";
    let is_busy: u64 = connection.query_row(sql, [], |row| row.get(0))?;
    if is_busy != 0 {
        tracing::debug!("the index's log is read by others and stays");
    }
    Ok(())
}

impl IndexLock {
    /// The right to write the index in `path`: [`IndexError::InUse`] while another process has it. A second writer
    /// would append to the same files, so it is taken before anything is looked at.
    pub fn acquire(path: &Path) -> Result<Self, IndexError> {
        let lock_path = Self::path_of(path);
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&lock_path)
            .map_err(|source| IndexError::Lock { path: lock_path.clone(), source })?;
        match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { _file: file }),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(IndexError::InUse { path: path.to_owned() }),
            Err(error) => Err(IndexError::Lock { path: lock_path, source: error.into() }),
        }
    }

    pub(crate) fn path_of(path: &Path) -> PathBuf {
        let mut name = path.as_os_str().to_owned();
        name.push(".lock");
        PathBuf::from(name)
    }
}

fn apply(transaction: &Transaction<'_>, change: &Change) -> Result<(), IndexError> {
    match change {
        Change::CreateStream { id, key } => {
            let sql = "INSERT INTO stream (id, key, next_sequence) VALUES (?1, ?2, 1)";
            transaction.prepare_cached(sql)?.execute(params![id.0, key])?;
            raise_meta(transaction, "next_stream_id", id.0 + 1)
        }
        Change::ReserveSequences { id, next_sequence } => {
            let sql = "UPDATE stream SET next_sequence = max(next_sequence, ?2) WHERE id = ?1";
            transaction.prepare_cached(sql)?.execute(params![id.0, next_sequence])?;
            Ok(())
        }
        Change::CreateMediaFile { stream, place } => create_media_file(transaction, *stream, place),
        Change::AppendFragments { id, entries } => {
            for entry in entries {
                put_entry(transaction, "", "fragment", *id, entry)?;
            }
            remove_rows(transaction, "open_fragment", *id)
        }
        Change::SetOpenFragment { id, entry } => {
            put_entry(transaction, "OR REPLACE", "open_fragment", *id, entry)
        }
        Change::CloseMediaFile { id, state, size_bytes } => {
            let entries = entries_of(transaction, *id)?;
            close_media_file(transaction, *id, *state, *size_bytes, &entries)
        }
        Change::AddSealedMediaFile { stream, place, entries, size_bytes } => {
            create_media_file(transaction, *stream, place)?;
            close_media_file(transaction, place.id, MediaFileState::Sealed, *size_bytes, entries)?;
            let mut runs = Runs::default();
            let uploaded = entries.iter().filter(|entry| entry.uploaded);
            uploaded.for_each(|entry| runs.insert(entry.sequence));
            let sql = "UPDATE media_file SET uploaded = ?2 WHERE id = ?1";
            transaction.prepare_cached(sql)?.execute(params![place.id.0, runs.to_bytes()])?;
            Ok(())
        }
        Change::MarkUploaded { stream, sequences } => {
            mark_uploaded(transaction, *stream, sequences)
        }
        Change::ReserveMediaFiles { next_id } => {
            raise_meta(transaction, "next_media_file_id", next_id.0)
        }
        Change::SetGeneration { generation } => raise_meta(transaction, "generation", *generation),
        Change::ForgetRemovals { ids } => {
            for id in ids {
                remove_rows(transaction, "removal", *id)?;
            }
            Ok(())
        }
        Change::DeleteMediaFile { id } => {
            let sql = "INSERT OR REPLACE INTO removal (media_file_id, path)
                           SELECT id, path FROM media_file WHERE id = ?1";
            transaction.prepare_cached(sql)?.execute([id.0])?;
            forget_media_file(transaction, *id)
        }
        Change::ForgetMediaFile { id } => forget_media_file(transaction, *id),
        Change::DeleteStream { id } => {
            // Its total goes first: nothing is subtracted from it file by file.
            transaction.prepare_cached("DELETE FROM stream WHERE id = ?1")?.execute([id.0])?;
            // The two conditions are those of the indexes.
            for state in ["state = 0", "state <> 0"] {
                let sql = format!(
                    "INSERT OR REPLACE INTO removal (media_file_id, path)
                         SELECT id, path FROM media_file WHERE stream_id = ?1 AND {state}"
                );
                transaction.prepare_cached(&sql)?.execute([id.0])?;
                for table in FRAGMENT_TABLES {
                    let sql = format!(
                        "DELETE FROM {table} WHERE media_file_id IN
                             (SELECT id FROM media_file WHERE stream_id = ?1 AND {state})"
                    );
                    transaction.prepare_cached(&sql)?.execute([id.0])?;
                }
                let sql = format!("DELETE FROM media_file WHERE stream_id = ?1 AND {state}");
                transaction.prepare_cached(&sql)?.execute([id.0])?;
            }
            Ok(())
        }
        Change::NoteDeletions { number } => raise_meta(transaction, "deletions", *number),
    }
}

/// Numbers may come in any order within a transaction.
fn raise_meta(transaction: &Transaction<'_>, name: &str, value: u64) -> Result<(), IndexError> {
    let sql = "INSERT INTO meta (name, value) VALUES (?1, ?2)
               ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)";
    transaction.prepare_cached(sql)?.execute(params![name, value])?;
    Ok(())
}

fn create_media_file(
    transaction: &Transaction<'_>,
    stream: StreamId,
    place: &MediaFilePlace,
) -> Result<(), IndexError> {
    let sql = "INSERT INTO media_file
                   (id, stream_id, path, state, header_size_bytes, header_crc32c)
               VALUES (?1, ?2, ?3, 0, ?4, ?5)";
    // Names are made by the store, of ASCII.
    let path = place.path.to_str().ok_or(IndexError::Damaged { what: "a media file's path" })?;
    transaction.prepare_cached(sql)?.execute(params![
        place.id.0,
        stream.0,
        path,
        place.header_size_bytes,
        place.header_crc32c,
    ])?;
    raise_meta(transaction, "next_media_file_id", place.id.0 + 1)
}

fn put_entry(
    transaction: &Transaction<'_>,
    or_replace: &str,
    entries_table: &str,
    id: MediaFileId,
    entry: &FragmentEntry,
) -> Result<(), IndexError> {
    let sql = format!(
        "INSERT {or_replace} INTO {entries_table}
                  (media_file_id, sequence, producer_timestamp, server_timestamp, timecode_ms,
                   duration_ms, offset, size_bytes, frame_count, crc32c, number_tail, key)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"
    );
    transaction.prepare_cached(&sql)?.execute(params![
        id.0,
        entry.sequence,
        entry.producer_timestamp.as_millis(),
        entry.server_timestamp.as_millis(),
        entry.timecode_ms,
        entry.duration_ms,
        entry.offset,
        entry.size_bytes,
        entry.frame_count,
        entry.crc32c,
        entry.number_tail,
        entry.begins_with_key_frame,
    ])?;
    Ok(())
}

fn remove_rows(
    transaction: &Transaction<'_>,
    table: &str,
    id: MediaFileId,
) -> Result<(), IndexError> {
    let sql = format!("DELETE FROM {table} WHERE media_file_id = ?1");
    transaction.prepare_cached(&sql)?.execute([id.0])?;
    Ok(())
}

fn forget_media_file(transaction: &Transaction<'_>, id: MediaFileId) -> Result<(), IndexError> {
    for table in FRAGMENT_TABLES {
        remove_rows(transaction, table, id)?;
    }
    let sql = "DELETE FROM media_file WHERE id = ?1";
    transaction.prepare_cached(sql)?.execute([id.0])?;
    Ok(())
}

/// Packs the fragments of a file, which are all that it has, into its own row; of an abandoned file once more.
fn close_media_file(
    transaction: &Transaction<'_>,
    id: MediaFileId,
    state: MediaFileState,
    size_bytes: u64,
    entries: &[FragmentEntry],
) -> Result<(), IndexError> {
    let not_uploaded = entries.iter().filter(|entry| !entry.uploaded);
    let span = MediaFileSpan::of(entries);
    let sql = "UPDATE media_file SET state = ?2, size_bytes = ?3, fragment_count = ?4,
                   not_uploaded_count = ?5, not_uploaded_size_bytes = ?6,
                   sequence_min = ?7, sequence_max = ?8, producer_min = ?9, producer_max = ?10,
                   producer_until = ?11, server_min = ?12, server_max = ?13,
                   follows_gap = coalesce(
                       (SELECT ?9 - before.producer_until >= 500 FROM media_file before
                        WHERE before.stream_id = media_file.stream_id AND before.state <> 0
                            AND before.producer_min <= ?9 AND before.id <> ?1
                        ORDER BY before.producer_min DESC LIMIT 1), 1)
               WHERE id = ?1";
    transaction.prepare_cached(sql)?.execute(params![
        id.0,
        sqlite_rows::state_number(state),
        size_bytes,
        entries.len() as u64,
        not_uploaded.clone().count() as u64,
        not_uploaded.map(|entry| entry.size_bytes).sum::<u64>(),
        span.map(|span| span.sequence_min),
        span.map(|span| span.sequence_max),
        span.map(|span| span.producer_min.as_millis()),
        span.map(|span| span.producer_max.as_millis()),
        span.map(|span| span.producer_until.as_millis()),
        span.map(|span| span.server_min.as_millis()),
        span.map(|span| span.server_max.as_millis()),
    ])?;
    let sql =
        "INSERT OR REPLACE INTO packed (media_file_id, fragments, crc32c) VALUES (?1, ?2, ?3)";
    let fragments = pack(entries);
    let crc32c = crc32c::crc32c(&fragments);
    transaction.prepare_cached(sql)?.execute(params![id.0, fragments, crc32c])?;
    remove_rows(transaction, "fragment", id)?;
    remove_rows(transaction, "open_fragment", id)
}

fn mark_uploaded(
    transaction: &Transaction<'_>,
    stream: StreamId,
    sequences: &[u64],
) -> Result<(), IndexError> {
    let mut left: BTreeSet<u64> = sequences.iter().copied().collect();
    while let Some(sequence) = left.pop_first() {
        let Some(id) = media_file_with(transaction, stream, sequence)? else { continue };
        let mut entries = entries_of(transaction, id)?;
        let sql = "SELECT uploaded FROM media_file WHERE id = ?1";
        let mut runs = transaction
            .prepare_cached(sql)?
            .query_row([id.0], |row| Ok(Runs::parse(row.get_ref(0)?.as_blob()?)))??;
        // All that are in this file at once, so that its row is written once.
        runs.insert(sequence);
        for entry in &entries {
            if left.remove(&entry.sequence) {
                runs.insert(entry.sequence);
            }
        }
        entries.retain(|entry| !runs.contains(entry.sequence));
        let sql = "UPDATE media_file SET uploaded = ?2, not_uploaded_count = ?3,
                       not_uploaded_size_bytes = ?4 WHERE id = ?1";
        transaction.prepare_cached(sql)?.execute(params![
            id.0,
            runs.to_bytes(),
            entries.len() as u64,
            entries.iter().map(|entry| entry.size_bytes).sum::<u64>(),
        ])?;
    }
    Ok(())
}

/// The media file that holds a fragment.
fn media_file_with(
    transaction: &Transaction<'_>,
    stream: StreamId,
    sequence: u64,
) -> Result<Option<MediaFileId>, IndexError> {
    let sql = "SELECT f.id FROM media_file f JOIN fragment r ON r.media_file_id = f.id
               WHERE f.stream_id = ?1 AND f.state = 0 AND r.sequence = ?2";
    let open = transaction
        .prepare_cached(sql)?
        .query_row(params![stream.0, sequence], |row| row.get(0).map(MediaFileId))
        .optional()?;
    if open.is_some() {
        return Ok(open);
    }
    let sql = "SELECT id FROM media_file WHERE stream_id = ?1 AND state <> 0
                   AND sequence_min <= ?2 AND sequence_max >= ?2
                   AND sequence_min >=
                       ?2 - (SELECT sequence_width FROM stream_total WHERE stream_id = ?1)
               ORDER BY sequence_min DESC";
    let mut statement = transaction.prepare_cached(sql)?;
    let mut rows = statement.query(params![stream.0, sequence])?;
    while let Some(row) = rows.next()? {
        let id = MediaFileId(row.get(0)?);
        let entries = entries_of(transaction, id)?;
        if entries.iter().any(|entry| entry.sequence == sequence) {
            return Ok(Some(id));
        }
    }
    Ok(None)
}
