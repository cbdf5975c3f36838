//! The generation of the metadata: a number that grows with every commit, kept in the database and, a little later, in a
//! file beside it.
//!
//! Decides by it whether the database that is opened is the one that was last written: one that is behind the file is an
//! older copy, or has lost its log, and what came later is missing in it. The file is written behind, so it is never
//! ahead of the database by itself, whenever the process ends.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, params};

use super::error::SqliteError;
use crate::db::DbError;
use crate::private_file::{read_private, write_private};

/// Its row among the settings: decimal digits.
const SETTING: &str = "generation";

/// The file beside the database.
#[derive(Clone, Debug)]
pub(crate) struct GenerationFile {
    path: PathBuf,
}

impl GenerationFile {
    /// Of the database at that path.
    pub(crate) fn of(database: &Path) -> Self {
        Self { path: database.with_extension("generation") }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What it says; 0 where there is none, as in a folder of an older version.
    pub(crate) fn read(&self) -> Result<u64, DbError> {
        let text = match read_private(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            Err(error) => return Err(DbError::Engine(self.described(&error.to_string()))),
        };
        let unreadable = |_| {
            DbError::Engine(
                self.described("is no number; remove the file if the database is sound"),
            )
        };
        text.trim().parse().map_err(unreadable)
    }

    /// Says that the database is as far as `generation`.
    pub(crate) fn write(&self, generation: u64) -> Result<(), DbError> {
        let text = format!("{generation}\n");
        write_private(&self.path, text.as_bytes())
            .map_err(|error| DbError::Engine(error.to_string()))
    }

    fn described(&self, what: &str) -> String {
        format!("{}: {what}", self.path.display())
    }
}

/// What the database says; 0 where it was written by an older version, or by none.
pub(crate) fn generation_of(connection: &Connection) -> Result<u64, SqliteError> {
    let text = setting(connection, SETTING)?.unwrap_or_default();
    if text.is_empty() {
        return Ok(0);
    }
    let text = String::from_utf8_lossy(&text);
    let no_number = |_| DbError::Engine(format!("the setting {SETTING} is no number"));
    Ok(text.parse().map_err(no_number)?)
}

/// A setting of a database that may have no tables yet.
pub(super) fn setting(connection: &Connection, name: &str) -> Result<Option<Vec<u8>>, SqliteError> {
    let sql = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'setting'";
    if connection.query_row(sql, [], |_| Ok(())).optional()?.is_none() {
        return Ok(None);
    }
    let sql = "SELECT value FROM setting WHERE name = ?1";
    Ok(connection.prepare_cached(sql)?.query_row([name], |row| row.get(0)).optional()?)
}

/// Makes it `generation`, in the transaction that is open.
pub(super) fn set_generation(connection: &Connection, generation: u64) -> Result<(), SqliteError> {
    connection
        .prepare_cached("REPLACE INTO setting (name, value) VALUES (?1, ?2)")?
        .execute(params![SETTING, generation.to_string().into_bytes()])?;
    Ok(())
}

/// Makes it one more, in the transaction that is open: with every commit, also of another process.
pub(super) fn raise_generation(connection: &Connection) -> Result<u64, SqliteError> {
    let generation = generation_of(connection)?.saturating_add(1);
    set_generation(connection, generation)?;
    Ok(generation)
}

/// Refuses a database that is behind its file. The file is read first: a process that writes meanwhile is ahead of it.
pub(super) fn check_generation(
    connection: &Connection,
    file: &GenerationFile,
) -> Result<(), SqliteError> {
    let known = file.read()?;
    let found = generation_of(connection)?;
    if found < known {
        let path = file.path.with_extension("sqlite");
        return Err(DbError::Older { path, found, known }.into());
    }
    Ok(())
}
