//! The index in one SQLite file: reads. Each read takes a connection of its own, so that it sees one commit whole
//! and waits for none.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use rusqlite::{Connection, OptionalExtension, params};
use vigie_media::Timestamp;

use super::merge::Page;
use super::sqlite_connection::open_reader;
use super::sqlite_files;
use super::sqlite_rows::{
    MEDIA_FILE, complete, entries_of, media_file, numbered_path, open_fragments, open_media_files,
    packed, place, stream_row, unsealed,
};
use super::{
    ClosedQuery, FragmentOrder, FragmentQuery, IndexRead, StreamId, StreamRow, UnsealedMediaFile,
};
use crate::error::{IndexError, describe};
use crate::fragment::{
    Fragment, FragmentEntry, MediaFile, MediaFileId, MediaFilePlace, StreamTotals,
};

/// Idle connections that are kept; more are opened when more threads read at once.
const IDLE_CONNECTIONS_MAX: usize = 8;

/// The first damage that a reader came upon.
pub(super) type FoundDamage = Arc<Mutex<Option<String>>>;

pub(super) enum SqliteReader {
    File {
        path: PathBuf,
        idle: Mutex<Vec<Connection>>,
        /// Where the writer is told what was found damaged.
        damage: Option<FoundDamage>,
    },
    Shared(Arc<Mutex<Connection>>),
}

impl SqliteReader {
    pub(super) fn of_file(path: PathBuf, damage: Option<FoundDamage>) -> Self {
        Self::File { path, idle: Mutex::new(Vec::new()), damage }
    }

    pub(super) fn shared(connection: Arc<Mutex<Connection>>) -> Self {
        Self::Shared(connection)
    }

    /// Reads within one transaction.
    fn with<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, IndexError>,
    ) -> Result<T, IndexError> {
        match self {
            Self::Shared(connection) => {
                read(&connection.lock().unwrap_or_else(|poison| poison.into_inner()))
            }
            Self::File { path, idle, damage } => {
                let kept = idle.lock().unwrap_or_else(|poison| poison.into_inner()).pop();
                let mut connection = kept.map_or_else(|| open_reader(path), Ok)?;
                let transaction = connection.transaction()?;
                let result = read(&transaction);
                drop(transaction);
                if let (Err(error), Some(damage)) = (&result, damage)
                    && error.is_damage()
                {
                    let mut found = damage.lock().unwrap_or_else(|poison| poison.into_inner());
                    found.get_or_insert_with(|| describe(error));
                }
                // One that failed may be broken.
                let mut idle = idle.lock().unwrap_or_else(|poison| poison.into_inner());
                if result.is_ok() && idle.len() < IDLE_CONNECTIONS_MAX {
                    idle.push(connection);
                }
                result
            }
        }
    }
}

impl IndexRead for SqliteReader {
    fn streams(&self) -> Result<Vec<StreamRow>, IndexError> {
        self.with(|connection| {
            let sql = "SELECT id, key, next_sequence FROM stream ORDER BY id";
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query_map([], stream_row)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    fn stream(&self, key: &str) -> Result<Option<StreamRow>, IndexError> {
        self.with(|connection| {
            let sql = "SELECT id, key, next_sequence FROM stream WHERE key = ?1";
            Ok(connection.prepare_cached(sql)?.query_row([key], stream_row).optional()?)
        })
    }

    fn fragments(
        &self,
        stream: StreamId,
        query: &FragmentQuery,
    ) -> Result<Vec<Fragment>, IndexError> {
        self.with(|connection| {
            let mut page = Page::new(*query);
            let (min, max, width) = range_columns(query.order);
            let from = query.after.map_or(query.from, |after| query.from.max(after.value));
            // Open files have no ranges in their rows: all compete.
            open_fragments(connection, stream, query.order, from..=query.until, |place, entries| {
                page.add(place, entries);
            })?;
            let pending = if query.not_uploaded { "AND not_uploaded_count > 0" } else { "" };
            let sql = format!(
                "SELECT id, path, header_size_bytes, header_crc32c, {min}, uploaded, fragments, crc32c
                 FROM media_file JOIN packed ON media_file_id = id
                 WHERE stream_id = ?1 AND state <> 0 AND {max} >= ?2 AND {min} <= ?3 {pending}
                     AND {min} >= ?2 - (SELECT {width} FROM stream_total WHERE stream_id = ?1)
                 ORDER BY {min}"
            );
            let mut statement = connection.prepare_cached(&sql)?;
            let mut rows = statement.query(params![stream.0, from, query.until])?;
            while let Some(row) = rows.next()? {
                if page.is_complete(row.get(4)?) {
                    break;
                }
                page.add(&Arc::new(place(row)?), &packed(row, 5)?);
            }
            Ok(page.finish())
        })
    }

    fn last_at_or_before(
        &self,
        stream: StreamId,
        order: FragmentOrder,
        value: i64,
    ) -> Result<Option<Fragment>, IndexError> {
        self.with(|connection| {
            let mut last = Last { order, value, found: None };
            open_fragments(connection, stream, order, i64::MIN..=value, |place, entries| {
                last.consider(place, entries);
            })?;
            let (min, max, width) = range_columns(order);
            let sql = format!(
                "SELECT id, path, header_size_bytes, header_crc32c, uploaded, fragments, crc32c
                 FROM media_file JOIN packed ON media_file_id = id
                 WHERE stream_id = ?1 AND state <> 0 AND {min} <= ?2 AND {max} >= ?3
                     AND {min} >= ?3 - (SELECT {width} FROM stream_total WHERE stream_id = ?1)
                 ORDER BY {min} DESC LIMIT ?4"
            );
            let mut statement = connection.prepare_cached(&sql)?;
            // The file that begins last nearly always has it: then only those that reach as far can have a later.
            for limit in [1, -1] {
                let mut rows = statement.query(params![stream.0, value, last.reached(), limit])?;
                while let Some(row) = rows.next()? {
                    last.consider(&Arc::new(place(row)?), &packed(row, 4)?);
                }
            }
            Ok(last.found)
        })
    }

    fn media_files(&self, stream: StreamId) -> Result<Vec<MediaFile>, IndexError> {
        self.with(|connection| {
            let mut files = open_media_files(connection, stream)?;
            let sql =
                format!("SELECT {MEDIA_FILE} FROM media_file WHERE stream_id = ?1 AND state <> 0");
            let mut statement = connection.prepare_cached(&sql)?;
            let mut rows = statement.query([stream.0])?;
            while let Some(row) = rows.next()? {
                files.push(media_file(row)?);
            }
            files.sort_by_key(|file| {
                (file.span.map_or(u64::MAX, |span| span.sequence_min), file.id)
            });
            Ok(files)
        })
    }

    fn media_file(&self, id: MediaFileId) -> Result<Option<(StreamId, MediaFile)>, IndexError> {
        self.with(|connection| {
            let sql = format!("SELECT {MEDIA_FILE} FROM media_file WHERE id = ?1");
            let found = connection
                .prepare_cached(&sql)?
                .query_row([id.0], |row| Ok((StreamId(row.get(16)?), media_file(row))))
                .optional()?;
            let Some((stream, file)) = found else { return Ok(None) };
            Ok(Some((stream, complete(connection, file?)?)))
        })
    }

    fn fragments_of(&self, id: MediaFileId) -> Result<Vec<FragmentEntry>, IndexError> {
        self.with(|connection| entries_of(connection, id))
    }

    fn totals(&self, stream: StreamId) -> Result<StreamTotals, IndexError> {
        self.with(|connection| sqlite_files::totals(connection, stream))
    }

    fn sizes(&self) -> Result<BTreeMap<StreamId, u64>, IndexError> {
        self.with(sqlite_files::sizes)
    }

    fn open_media_files(&self, stream: StreamId) -> Result<Vec<MediaFile>, IndexError> {
        self.with(|connection| open_media_files(connection, stream))
    }

    fn closed_media_files(
        &self,
        stream: StreamId,
        query: ClosedQuery,
    ) -> Result<Vec<MediaFile>, IndexError> {
        self.with(|connection| sqlite_files::closed(connection, stream, query))
    }

    fn received_before(
        &self,
        stream: StreamId,
        before: Timestamp,
        limit: usize,
    ) -> Result<Vec<MediaFileId>, IndexError> {
        self.with(|connection| sqlite_files::received_before(connection, stream, before, limit))
    }

    fn not_uploaded_ranges(
        &self,
        stream: StreamId,
        limit: usize,
    ) -> Result<Vec<Range<Timestamp>>, IndexError> {
        self.with(|connection| sqlite_files::not_uploaded_ranges(connection, stream, limit))
    }

    fn places(
        &self,
        after: MediaFileId,
        limit: usize,
    ) -> Result<Vec<(MediaFileId, PathBuf)>, IndexError> {
        self.with(|connection| {
            let sql = "SELECT id, path FROM media_file WHERE id > ?1 ORDER BY id LIMIT ?2";
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query_map(params![after.0, limit], numbered_path)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    fn place(&self, id: MediaFileId) -> Result<Option<PathBuf>, IndexError> {
        self.with(|connection| {
            let sql = "SELECT id, path FROM media_file WHERE id = ?1";
            let found = connection.prepare_cached(sql)?.query_row([id.0], numbered_path);
            Ok(found.optional()?.map(|(_, path)| path))
        })
    }

    fn removals(&self) -> Result<Vec<(MediaFileId, PathBuf)>, IndexError> {
        self.with(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT media_file_id, path FROM removal")?;
            let rows = statement.query_map([], numbered_path)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    fn unsealed_media_files(&self) -> Result<Vec<UnsealedMediaFile>, IndexError> {
        self.with(|connection| {
            let mut files = Vec::new();
            for unsealed_state in ["state = 0", "state = 2"] {
                // Sorted here: in the order of their numbers, SQLite would read all media files.
                let sql = format!("SELECT {MEDIA_FILE} FROM media_file WHERE {unsealed_state}");
                let mut statement = connection.prepare_cached(&sql)?;
                let mut rows = statement.query([])?;
                let begin = files.len();
                while let Some(row) = rows.next()? {
                    files.push(unsealed(connection, row)?);
                }
                if let Some(found) = files.get_mut(begin..) {
                    found.sort_by_key(|file| file.media_file.id);
                }
            }
            Ok(files)
        })
    }

    fn next_media_file_id(&self) -> Result<MediaFileId, IndexError> {
        Ok(MediaFileId(self.meta("next_media_file_id")?.unwrap_or(1)))
    }

    fn next_stream_id(&self) -> Result<StreamId, IndexError> {
        Ok(StreamId(self.meta("next_stream_id")?.unwrap_or(1)))
    }

    fn deletion_number(&self) -> Result<Option<u64>, IndexError> {
        self.meta("deletions")
    }

    fn generation(&self) -> Result<u64, IndexError> {
        Ok(self.meta("generation")?.unwrap_or(0))
    }

    fn boot_id(&self) -> Result<Option<String>, IndexError> {
        self.meta("boot_id")
    }

    fn unsound(&self) -> Result<Vec<String>, IndexError> {
        self.with(super::sound::unsound)
    }

    fn examine(&self) -> Result<(), IndexError> {
        self.with(super::sound::first_damage)
    }
}

impl SqliteReader {
    fn meta<T: rusqlite::types::FromSql>(&self, name: &str) -> Result<Option<T>, IndexError> {
        self.with(|connection| {
            let sql = "SELECT value FROM meta WHERE name = ?1";
            Ok(connection.prepare_cached(sql)?.query_row([name], |row| row.get(0)).optional()?)
        })
    }
}

/// The last fragment at or before a value, of those seen so far.
struct Last {
    order: FragmentOrder,
    value: i64,
    found: Option<Fragment>,
}

impl Last {
    fn reached(&self) -> i64 {
        self.found.as_ref().map_or(i64::MIN, |found| self.order.value(&found.entry))
    }

    fn consider(&mut self, place: &Arc<MediaFilePlace>, entries: &[FragmentEntry]) {
        let position = |entry: &FragmentEntry| self.order.position(entry);
        let at_or_before = |entry: &&FragmentEntry| self.order.value(entry) <= self.value;
        let Some(entry) = entries.iter().filter(at_or_before).max_by_key(|e| position(e)) else {
            return;
        };
        if self.found.as_ref().is_none_or(|found| position(entry) > position(&found.entry)) {
            self.found = Some(Fragment { entry: *entry, media_file: Arc::clone(place) });
        }
    }
}

/// The columns that hold the range of an order's values, and that of the stream's total with the widest of them.
const fn range_columns(order: FragmentOrder) -> (&'static str, &'static str, &'static str) {
    match order {
        FragmentOrder::Sequence => ("sequence_min", "sequence_max", "sequence_width"),
        FragmentOrder::ProducerTimestamp => ("producer_min", "producer_max", "producer_width"),
        FragmentOrder::ServerTimestamp => ("server_min", "server_max", "server_width"),
    }
}
