//! Rows of access keys.

use rusqlite::{Connection, OptionalExtension, Row, params};
use vigie_media::Timestamp;

use super::{limit, timestamp};
use crate::db::AccessKey;

const COLUMNS: &str =
    "access_key_id, sealed_secret, principal_arn, created_at_ms, policy_json, revoked_at_ms";

fn from_row(row: &Row<'_>) -> rusqlite::Result<AccessKey> {
    Ok(AccessKey {
        access_key_id: row.get(0)?,
        sealed_secret: row.get(1)?,
        principal_arn: row.get(2)?,
        created_at: timestamp(row.get(3)?),
        policy_json: row.get(4)?,
        revoked_at: row.get::<_, Option<i64>>(5)?.map(timestamp),
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

pub(super) fn page(
    db: &Connection,
    (after_time, after_id): (Timestamp, &str),
    limit_rows: usize,
) -> rusqlite::Result<Vec<AccessKey>> {
    db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM access_key WHERE (created_at_ms, access_key_id) > (?1, ?2)
         ORDER BY created_at_ms, access_key_id LIMIT ?3"
    ))?
    .query_map(params![after_time.as_millis(), after_id, limit(limit_rows)], from_row)?
    .collect()
}

pub(super) fn create(db: &Connection, key: &AccessKey) -> rusqlite::Result<bool> {
    db.prepare_cached(&format!(
        "INSERT INTO access_key ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
    ))?
    .execute(params![
        key.access_key_id,
        key.sealed_secret,
        key.principal_arn,
        key.created_at.as_millis(),
        key.policy_json,
        key.revoked_at.map(Timestamp::as_millis)
    ])?;
    Ok(true)
}

/// The secret goes with the key: what was revoked by mistake is replaced, not brought back.
pub(super) fn revoke(
    db: &Connection,
    access_key_id: &str,
    now: Timestamp,
) -> rusqlite::Result<bool> {
    let changed = db
        .prepare_cached(
            "UPDATE access_key SET revoked_at_ms = ?2, sealed_secret = x''
             WHERE access_key_id = ?1 AND revoked_at_ms IS NULL AND (policy_json IS NOT NULL
                OR (SELECT count(*) FROM access_key
                    WHERE policy_json IS NULL AND revoked_at_ms IS NULL) > 1)",
        )?
        .execute(params![access_key_id, now.as_millis()])?;
    Ok(changed == 1)
}
