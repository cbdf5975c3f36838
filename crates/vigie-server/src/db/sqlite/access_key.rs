//! Rows of access keys.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::timestamp;
use crate::db::AccessKey;

const COLUMNS: &str = "access_key_id, sealed_secret, principal_arn, created_at_ms";

fn from_row(row: &Row<'_>) -> rusqlite::Result<AccessKey> {
    Ok(AccessKey {
        access_key_id: row.get(0)?,
        sealed_secret: row.get(1)?,
        principal_arn: row.get(2)?,
        created_at: timestamp(row.get(3)?),
    })
}

pub(super) fn get(db: &Connection, access_key_id: &str) -> rusqlite::Result<Option<AccessKey>> {
    db.prepare_cached(&format!("SELECT {COLUMNS} FROM access_key WHERE access_key_id = ?1"))?
        .query_row([access_key_id], from_row)
        .optional()
}

pub(super) fn list(db: &Connection) -> rusqlite::Result<Vec<AccessKey>> {
    db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM access_key ORDER BY created_at_ms, access_key_id"
    ))?
    .query_map([], from_row)?
    .collect()
}

pub(super) fn create(db: &Connection, key: &AccessKey) -> rusqlite::Result<bool> {
    db.prepare_cached(&format!("INSERT INTO access_key ({COLUMNS}) VALUES (?1, ?2, ?3, ?4)"))?
        .execute(params![
            key.access_key_id,
            key.sealed_secret,
            key.principal_arn,
            key.created_at.as_millis()
        ])?;
    Ok(true)
}
