//! Connections to the index's database, as readers and the writer both need them.

use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::{BUSY_TIMEOUT, schema};
use crate::error::IndexError;

/// An empty database that is on no disk.
pub(super) fn in_memory() -> Result<Connection, IndexError> {
    Ok(Connection::open_in_memory()?)
}

/// A connection that reads the file, which somebody else may write.
pub(super) fn open_reader(path: &Path) -> Result<Connection, IndexError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    keep_statements(&connection)?;
    schema::read_as_it_is(&connection)?;
    Ok(connection)
}

/// Prepares each statement once: without QPSG, SQLite plans again whenever a bound value changes, to look it up in
/// statistics that are never made here.
pub(super) fn keep_statements(connection: &Connection) -> Result<(), IndexError> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // As many as there are statements, of the writer and the reader together.
    connection.set_prepared_statement_cache_capacity(96);
    Ok(())
}
