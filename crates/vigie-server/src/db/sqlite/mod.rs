//! The embedded metadata engine: SQLite in WAL mode, one writer thread, readers on connections of their own.
//!
//! Decides how rows lie in tables and when a transaction is durable; decides nothing about their content.

mod access_key;
mod edge_configuration;
mod generation;
mod media_ledger;
mod schema;
mod secret;
mod stream;
#[cfg(test)]
mod tests;
mod writer;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, params};
use vigie_kvs::shapes::media_ledger::LedgerEntry;
use vigie_media::Timestamp;

use super::{
    AccessKey, DbError, EdgeChange, EdgeConfiguration, Hub, HubRow, MediaLedger, MediaLedgerQuery,
    MetadataDb, Secret, StoredLedgerEntry, Stream, StreamKey,
};
pub(crate) use generation::GenerationFile;
use generation::check_generation;
use vigie_store::{create_private, make_private};
use writer::Writer;

/// Reading connections kept open; more are opened while more reads run at once and closed after.
const IDLE_READERS_MAX: usize = 16;
const STATEMENTS_CACHED: usize = 64;
/// How long a connection waits for a lock of another one, while nothing is served.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Reads wait only for those who lock others out altogether. They wait where other calls are answered.
const READ_PATIENCE: Duration = Duration::from_millis(100);

/// The metadata in one SQLite file.
pub struct SqliteMetadataDb {
    path: PathBuf,
    writer: Writer,
    // Reads run where they are asked for: from the page cache one takes microseconds, less than a hop to a thread.
    readers: Mutex<Vec<Connection>>,
}

impl From<rusqlite::Error> for DbError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked,
            Some(ErrorCode::DiskFull) => Self::Full,
            // Messages of SQLite name tables and columns, never values.
            _ => Self::Engine(error.to_string()),
        }
    }
}

impl SqliteMetadataDb {
    /// Opens the database at `path`, or creates it. One that is behind the generation file beside it is refused before
    /// anything is written.
    pub fn open(path: &Path) -> Result<Self, DbError> {
        create_private(path).map_err(|error| DbError::Engine(error.to_string()))?;
        Self::over(path, connect(path)?)
    }

    /// Opens the database at `path`, which must be there.
    pub fn open_existing(path: &Path) -> Result<Self, DbError> {
        let flags = OpenFlags::default() - OpenFlags::SQLITE_OPEN_CREATE;
        Self::over(path, configured(Connection::open_with_flags(path, flags)?)?)
    }

    fn over(path: &Path, connection: Connection) -> Result<Self, DbError> {
        make_private(path);
        let generation_file = GenerationFile::of(path);
        check_generation(&connection, &generation_file)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        schema::upgrade(&connection)?;
        Ok(Self {
            path: path.to_owned(),
            writer: Writer::start(connection, Some(generation_file))?,
            readers: Mutex::default(),
        })
    }

    fn read<T>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, DbError> {
        let idle = || self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = idle().pop();
        let connection = match taken {
            Some(connection) => connection,
            None => {
                let connection = connect(&self.path)?;
                connection.busy_timeout(READ_PATIENCE)?;
                connection
            }
        };
        let result = query(&connection);
        let mut idle = idle();
        if idle.len() < IDLE_READERS_MAX {
            idle.push(connection);
        }
        Ok(result?)
    }
}

/// What a database says before it is opened for good; nothing is written.
#[derive(Debug, Default)]
pub(crate) struct Peek {
    /// It has tables.
    pub is_made: bool,
    /// A setting that was asked for.
    pub setting: Option<Vec<u8>>,
    /// See [`generation`].
    pub generation: u64,
}

/// Looks into the database at `path`; without a file there is nothing in it.
pub(crate) fn peek(path: &Path, setting: &str) -> Result<Peek, DbError> {
    // SQLite takes an empty file for a database, and a log without one for nothing.
    if std::fs::metadata(path).map_or(0, |metadata| metadata.len()) == 0 {
        return Ok(Peek::default());
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(Peek {
        is_made: schema::version(&connection)? > 0,
        setting: generation::setting(&connection, setting)?,
        generation: generation::generation_of(&connection)?,
    })
}

/// Takes the database at `path`, or a new one, for the newest from now on.
pub(crate) fn accept(path: &Path) -> Result<(), DbError> {
    create_private(path).map_err(|error| DbError::Engine(error.to_string()))?;
    let file = GenerationFile::of(path);
    let known = file.read()?;
    let connection = connect(path)?;
    make_private(path);
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    schema::upgrade(&connection)?;
    let generation = generation::generation_of(&connection)?.max(known).saturating_add(1);
    generation::set_generation(&connection, generation)?;
    // What was the newest until now is older from now on.
    file.write(generation)
}

fn connect(path: &Path) -> Result<Connection, DbError> {
    configured(Connection::open(path)?)
}

fn configured(connection: Connection) -> Result<Connection, DbError> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
    Ok(connection)
}

fn timestamp(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// An error for a column whose text this version does not know.
fn unknown_text(column: usize, text: &str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(
        column,
        rusqlite::types::Type::Text,
        format!("unknown value {text}; was it written by a newer version?").into(),
    )
}

fn unreadable_json(column: usize) -> impl Fn(serde_json::Error) -> rusqlite::Error {
    move |error| {
        rusqlite::Error::FromSqlConversionFailure(
            column,
            rusqlite::types::Type::Text,
            Box::new(error),
        )
    }
}

#[async_trait]
impl MetadataDb for SqliteMetadataDb {
    async fn create_stream(
        &self,
        stream: &Stream,
        tags: &BTreeMap<String, String>,
    ) -> Result<bool, DbError> {
        let (row, tags) = (stream.clone(), tags.clone());
        self.writer.write(move |db| stream::create(db, &row, &tags)).await
    }

    async fn stream(&self, key: StreamKey<'_>) -> Result<Option<Stream>, DbError> {
        self.read(|db| stream::get(db, key))
    }

    async fn list_streams(
        &self,
        prefix: &str,
        after_name: &str,
        limit: usize,
    ) -> Result<Vec<Stream>, DbError> {
        self.read(|db| stream::list(db, prefix, after_name, limit))
    }

    async fn save_stream(&self, stream: &Stream, expected_version: &str) -> Result<bool, DbError> {
        let (row, expected) = (stream.clone(), expected_version.to_owned());
        self.writer.write(move |db| stream::save(db, &row, &expected)).await
    }

    async fn begin_stream_deletion(
        &self,
        arn: &str,
        expected_version: &str,
        edge: Option<&EdgeChange>,
    ) -> Result<bool, DbError> {
        let (arn, expected, edge) = (arn.to_owned(), expected_version.to_owned(), edge.cloned());
        self.writer
            .write(move |db| {
                let marked = stream::mark_deleting(db, &arn, &expected)?;
                match edge {
                    Some(change) => Ok(marked && edge_configuration::change(db, &change)?),
                    None => Ok(marked),
                }
            })
            .await
    }

    async fn finish_stream_deletion(&self, arn: &str) -> Result<(), DbError> {
        let arn = arn.to_owned();
        self.writer.write(move |db| stream::remove(db, &arn)).await.map(drop)
    }

    async fn all_streams(&self) -> Result<Vec<Stream>, DbError> {
        self.read(|db| stream::list(db, "", "", usize::MAX))
    }

    async fn put_tags(
        &self,
        arn: &str,
        tags: &BTreeMap<String, String>,
        tags_max: usize,
    ) -> Result<bool, DbError> {
        let (arn, tags) = (arn.to_owned(), tags.clone());
        self.writer
            .write(move |db| {
                stream::put_tags(db, &arn, &tags)?;
                Ok(stream::tags(db, &arn)?.len() <= tags_max)
            })
            .await
    }

    async fn remove_tags(&self, arn: &str, keys: &[String]) -> Result<(), DbError> {
        let (arn, keys) = (arn.to_owned(), keys.to_vec());
        self.writer.write(move |db| stream::remove_tags(db, &arn, &keys)).await.map(drop)
    }

    async fn tags(&self, arn: &str) -> Result<BTreeMap<String, String>, DbError> {
        self.read(|db| stream::tags(db, arn))
    }

    async fn edge_configuration(
        &self,
        stream_arn: &str,
    ) -> Result<Option<EdgeConfiguration>, DbError> {
        self.read(|db| edge_configuration::get(db, stream_arn))
    }

    async fn edge_configurations_of_hub(
        &self,
        hub_device_arn: &str,
        after_arn: &str,
        limit: usize,
    ) -> Result<Vec<EdgeConfiguration>, DbError> {
        self.read(|db| edge_configuration::of_hub(db, hub_device_arn, after_arn, limit))
    }

    async fn save_edge_configurations(&self, changes: &[EdgeChange]) -> Result<bool, DbError> {
        let changes = changes.to_vec();
        self.writer
            .write(move |db| {
                for change in &changes {
                    if !edge_configuration::change(db, change)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            })
            .await
    }

    async fn edge_configurations_due(
        &self,
        now: Timestamp,
    ) -> Result<Vec<EdgeConfiguration>, DbError> {
        self.read(|db| edge_configuration::due(db, now))
    }

    async fn next_edge_deadline(&self) -> Result<Option<Timestamp>, DbError> {
        self.read(edge_configuration::next_deadline)
    }

    async fn save_hub(&self, hub: &Hub) -> Result<(), DbError> {
        let hub = hub.clone();
        self.writer.write(move |db| edge_configuration::save_hub(db, &hub)).await.map(drop)
    }

    async fn hub(&self, hub_device_arn: &str) -> Result<Option<Hub>, DbError> {
        self.read(|db| edge_configuration::hub(db, hub_device_arn))
    }

    async fn hubs(&self, from_arn: &str, limit: usize) -> Result<Vec<HubRow>, DbError> {
        self.read(|db| media_ledger::hubs(db, from_arn, limit))
    }

    async fn media_ledgers(&self, stream_arn: &str) -> Result<Vec<MediaLedger>, DbError> {
        self.read(|db| media_ledger::ledgers(db, stream_arn))
    }

    async fn take_media_ledger(
        &self,
        ledger: &MediaLedger,
        after: u64,
        entries: &[LedgerEntry],
    ) -> Result<(), DbError> {
        let (ledger, entries) = (ledger.clone(), entries.to_vec());
        self.writer
            .write(move |db| media_ledger::take(db, &ledger, after, &entries))
            .await
            .map(drop)
    }

    async fn media_ledger_entries(
        &self,
        query: &MediaLedgerQuery,
    ) -> Result<Vec<StoredLedgerEntry>, DbError> {
        self.read(|db| media_ledger::entries(db, query))
    }

    async fn secret(&self, id: &str) -> Result<Option<Secret>, DbError> {
        self.read(|db| secret::get(db, id))
    }

    async fn list_secrets(&self, after_name: &str, limit: usize) -> Result<Vec<Secret>, DbError> {
        self.read(|db| secret::list(db, after_name, limit))
    }

    async fn create_secret(
        &self,
        secret: &Secret,
        value: Option<(&str, &[u8])>,
    ) -> Result<bool, DbError> {
        let secret = secret.clone();
        let value = value.map(|(version, sealed)| (version.to_owned(), sealed.to_vec()));
        self.writer.write(move |db| secret::create(db, &secret, value)).await
    }

    async fn save_secret(
        &self,
        secret: &Secret,
        value: Option<(&str, &[u8])>,
    ) -> Result<bool, DbError> {
        let secret = secret.clone();
        let value = value.map(|(version, sealed)| (version.to_owned(), sealed.to_vec()));
        self.writer.write(move |db| secret::save(db, &secret, value)).await
    }

    async fn secret_value(&self, arn: &str, version_id: &str) -> Result<Option<Vec<u8>>, DbError> {
        self.read(|db| secret::value(db, arn, version_id))
    }

    async fn delete_secret(&self, arn: &str) -> Result<(), DbError> {
        let arn = arn.to_owned();
        self.writer
            .write(move |db| {
                db.prepare_cached("DELETE FROM secret WHERE arn = ?1")?.execute([arn])?;
                Ok(true)
            })
            .await
            .map(drop)
    }

    async fn secrets_to_delete(&self, now: Timestamp) -> Result<Vec<Secret>, DbError> {
        self.read(|db| secret::to_delete(db, now))
    }

    async fn access_key(&self, access_key_id: &str) -> Result<Option<AccessKey>, DbError> {
        self.read(|db| access_key::get(db, access_key_id))
    }

    async fn access_keys(&self) -> Result<Vec<AccessKey>, DbError> {
        self.read(access_key::list)
    }

    async fn list_access_keys(
        &self,
        after: (Timestamp, &str),
        limit: usize,
    ) -> Result<Vec<AccessKey>, DbError> {
        self.read(|db| access_key::page(db, after, limit))
    }

    async fn create_access_key(&self, key: &AccessKey) -> Result<(), DbError> {
        let key = key.clone();
        self.writer.write(move |db| access_key::create(db, &key)).await.map(drop)
    }

    async fn revoke_access_key(
        &self,
        access_key_id: &str,
        now: Timestamp,
    ) -> Result<bool, DbError> {
        let id = access_key_id.to_owned();
        self.writer.write(move |db| access_key::revoke(db, &id, now)).await
    }

    async fn setting(&self, name: &str) -> Result<Option<Vec<u8>>, DbError> {
        self.read(|db| {
            db.prepare_cached("SELECT value FROM setting WHERE name = ?1")?
                .query_row([name], |row| row.get(0))
                .optional()
        })
    }

    async fn save_setting(&self, name: &str, value: &[u8]) -> Result<(), DbError> {
        let (name, value) = (name.to_owned(), value.to_vec());
        self.writer
            .write(move |db| {
                db.prepare_cached("REPLACE INTO setting (name, value) VALUES (?1, ?2)")?
                    .execute(params![name, value])?;
                Ok(true)
            })
            .await
            .map(drop)
    }

    async fn check(&self) -> Result<(), DbError> {
        self.writer.check()?;
        // Not a constant: that would not touch the file.
        self.read(|db| db.query_row("SELECT count(*) FROM sqlite_master", [], |_| Ok(())))
    }

    fn has_ended(&self) -> bool {
        self.writer.check().is_err_and(|error| error.is_fatal())
    }
}
