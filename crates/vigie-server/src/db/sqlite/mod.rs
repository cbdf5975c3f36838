//! The embedded metadata engine: SQLite in WAL mode, one writer thread, readers on connections of their own.
//!
//! Decides how rows lie in tables and when a transaction is durable; decides nothing about their content.

mod access_key;
mod edge_configuration;
mod error;
mod generation;
mod hub;
mod media_ledger;
mod schema;
mod secret;
mod setting;
mod share_link;
mod stream;
#[cfg(test)]
mod tests;
mod user;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Connection, OpenFlags};
use vigie_media::Timestamp;

use super::{DbError, MetadataDb};
use error::SqliteError;
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

impl SqliteMetadataDb {
    /// Opens the database at `path`, or creates it. One that is behind the generation file beside it is refused before
    /// anything is written.
    pub fn open(path: &Path) -> Result<Self, DbError> {
        create_private(path).map_err(|error| DbError::Engine(error.to_string()))?;
        Ok(connect(path).and_then(|connection| Self::over(path, connection))?)
    }

    /// Opens the database at `path`, which must be there.
    pub fn open_existing(path: &Path) -> Result<Self, DbError> {
        let flags = OpenFlags::default() - OpenFlags::SQLITE_OPEN_CREATE;
        let connection = Connection::open_with_flags(path, flags).map_err(SqliteError::from);
        let opened = connection.and_then(configured);
        Ok(opened.and_then(|connection| Self::over(path, connection))?)
    }

    fn over(path: &Path, connection: Connection) -> Result<Self, SqliteError> {
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
        Ok(self.try_read(query)?)
    }

    fn try_read<T>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, SqliteError> {
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
    Ok(try_peek(path, setting)?)
}

fn try_peek(path: &Path, setting: &str) -> Result<Peek, SqliteError> {
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
    Ok(try_accept(path)?)
}

fn try_accept(path: &Path) -> Result<(), SqliteError> {
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
    Ok(file.write(generation)?)
}

fn connect(path: &Path) -> Result<Connection, SqliteError> {
    configured(Connection::open(path)?)
}

fn configured(connection: Connection) -> Result<Connection, SqliteError> {
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
    async fn check(&self) -> Result<(), DbError> {
        self.writer.check()?;
        // Not a constant: that would not touch the file.
        self.read(|db| db.query_row("SELECT count(*) FROM sqlite_master", [], |_| Ok(())))
    }

    fn has_ended(&self) -> bool {
        self.writer.check().is_err_and(|error| error.is_fatal())
    }
}
