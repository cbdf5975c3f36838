//! What SQLite's errors mean to the seam.

use rusqlite::ErrorCode;

use crate::db::DbError;

/// An error of the engine: SQLite's come into the seam's words here, and nowhere else.
#[derive(Debug)]
pub(crate) struct SqliteError(DbError);

impl From<rusqlite::Error> for SqliteError {
    fn from(error: rusqlite::Error) -> Self {
        Self(match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => DbError::Locked,
            Some(ErrorCode::DiskFull) => DbError::Full,
            // Messages of SQLite name tables and columns, never values.
            _ => DbError::Engine(error.to_string()),
        })
    }
}

impl From<DbError> for SqliteError {
    fn from(error: DbError) -> Self {
        Self(error)
    }
}

impl From<SqliteError> for DbError {
    fn from(SqliteError(error): SqliteError) -> Self {
        error
    }
}
