//! Rows of access keys.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, params};
use vigie_media::Timestamp;

use super::{SqliteMetadataDb, limit, timestamp};
use crate::db::{AccessKey, AccessKeys, DbError};

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

fn root(db: &Connection) -> rusqlite::Result<Option<AccessKey>> {
    db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM access_key INDEXED BY access_key_root \
         WHERE policy_json IS NULL AND revoked_at_ms IS NULL ORDER BY created_at_ms, access_key_id LIMIT 1"
    ))?
    .query_row([], from_row)
    .optional()
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

#[async_trait]
impl AccessKeys for SqliteMetadataDb {
    async fn access_key(&self, access_key_id: &str) -> Result<Option<AccessKey>, DbError> {
        self.read(|db| get(db, access_key_id))
    }

    async fn list_access_keys(
        &self,
        after: (Timestamp, &str),
        limit: usize,
    ) -> Result<Vec<AccessKey>, DbError> {
        self.read(|db| page(db, after, limit))
    }

    async fn create_access_key(&self, key: &AccessKey) -> Result<(), DbError> {
        let key = key.clone();
        self.writer.write(move |db| create(db, &key)).await.map(drop)
    }

    async fn create_first_access_key(&self, key: &AccessKey) -> Result<bool, DbError> {
        let key = key.clone();
        self.writer
            .write(move |db| {
                let is_first = page(db, (Timestamp::MIN, ""), 1)?.is_empty();
                Ok(is_first && create(db, &key)?)
            })
            .await
    }

    async fn root_key(&self) -> Result<Option<AccessKey>, DbError> {
        self.read(root)
    }

    async fn revoke_access_key(
        &self,
        access_key_id: &str,
        now: Timestamp,
    ) -> Result<bool, DbError> {
        let id = access_key_id.to_owned();
        self.writer.write(move |db| revoke(db, &id, now)).await
    }
}
