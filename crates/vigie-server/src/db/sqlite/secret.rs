//! Rows of secrets and their sealed values.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Params, Row, params};
use vigie_media::Timestamp;

use super::{SqliteMetadataDb, limit, timestamp, unreadable_json};
use crate::db::{DbError, SECRET_ARN_SUFFIX_LENGTH, Secret, SecretVersion, Secrets};

const COLUMNS: &str = "arn, name, description, kms_key_id, tags_json, created_at_ms, \
                       changed_at_ms, accessed_on_ms, deleted_at_ms, delete_after_ms, row_version";

fn from_row(row: &Row<'_>) -> rusqlite::Result<Secret> {
    let tags: String = row.get(4)?;
    let optional = |column| row.get::<_, Option<i64>>(column).map(|at| at.map(timestamp));
    Ok(Secret {
        arn: row.get(0)?,
        name: row.get(1)?,
        description: row.get(2)?,
        kms_key_id: row.get(3)?,
        tags: serde_json::from_str(&tags).map_err(unreadable_json(4))?,
        created_at: timestamp(row.get(5)?),
        changed_at: timestamp(row.get(6)?),
        accessed_on: optional(7)?,
        deleted_at: optional(8)?,
        delete_after: optional(9)?,
        versions: Vec::new(),
        row_version: row.get::<_, i64>(10)?.cast_unsigned(),
    })
}

fn versions(db: &Connection, arn: &str) -> rusqlite::Result<Vec<SecretVersion>> {
    db.prepare_cached(
        "SELECT version_id, created_at_ms, stages_json FROM secret_version \
         WHERE secret_arn = ?1 ORDER BY position",
    )?
    .query_map([arn], |row| {
        let stages: String = row.get(2)?;
        Ok(SecretVersion {
            version_id: row.get(0)?,
            created_at: timestamp(row.get(1)?),
            stages: serde_json::from_str(&stages).map_err(unreadable_json(2))?,
        })
    })?
    .collect()
}

fn select(
    db: &Connection,
    condition: &str,
    parameters: impl Params,
) -> rusqlite::Result<Vec<Secret>> {
    let mut statement = db.prepare_cached(&format!("SELECT {COLUMNS} FROM secret {condition}"))?;
    let rows = statement.query_map(parameters, from_row)?;
    rows.map(|row| {
        let mut secret = row?;
        secret.versions = versions(db, &secret.arn)?;
        Ok(secret)
    })
    .collect()
}

pub(super) fn get(db: &Connection, id: &str) -> rusqlite::Result<Option<Secret>> {
    if !id.starts_with("arn:") {
        return Ok(select(db, "WHERE name = ?1", [id])?.pop());
    }
    if let Some(secret) = select(db, "WHERE arn = ?1", [id])?.pop() {
        return Ok(Some(secret));
    }
    let Some((_, name)) = id.split_once(":secret:") else { return Ok(None) };
    let found = select(db, "WHERE name = ?1", [name])?.pop();
    Ok(found.filter(|secret| {
        secret.arn.len() == id.len() + SECRET_ARN_SUFFIX_LENGTH && secret.arn.starts_with(id)
    }))
}

pub(super) fn list(
    db: &Connection,
    after_name: &str,
    limit_rows: usize,
) -> rusqlite::Result<Vec<Secret>> {
    select(db, "WHERE name > ?1 ORDER BY name LIMIT ?2", params![after_name, limit(limit_rows)])
}

fn to_delete(db: &Connection, now: Timestamp, limit_rows: usize) -> rusqlite::Result<Vec<Secret>> {
    let condition = "WHERE delete_after_ms <= ?1 ORDER BY delete_after_ms, arn LIMIT ?2";
    select(db, condition, params![now.as_millis(), limit(limit_rows)])
}

pub(super) fn create(
    db: &Connection,
    secret: &Secret,
    value: Option<(String, Vec<u8>)>,
) -> rusqlite::Result<bool> {
    let sql = format!(
        "INSERT INTO secret ({COLUMNS}) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 1) ON CONFLICT DO NOTHING"
    );
    let added = db.prepare_cached(&sql)?.execute(params![
        secret.arn,
        secret.name,
        secret.description,
        secret.kms_key_id,
        json(&secret.tags)?,
        secret.created_at.as_millis(),
        secret.changed_at.as_millis(),
        secret.accessed_on.map(Timestamp::as_millis),
        secret.deleted_at.map(Timestamp::as_millis),
        secret.delete_after.map(Timestamp::as_millis),
    ])?;
    if added == 1 {
        save_versions(db, secret, value)?;
    }
    Ok(added == 1)
}

pub(super) fn save(
    db: &Connection,
    secret: &Secret,
    value: Option<(String, Vec<u8>)>,
) -> rusqlite::Result<bool> {
    let changed = db
        .prepare_cached(
            "UPDATE secret SET description = ?1, kms_key_id = ?2, tags_json = ?3, \
             changed_at_ms = ?4, accessed_on_ms = ?5, deleted_at_ms = ?6, delete_after_ms = ?7, \
             row_version = row_version + 1 WHERE arn = ?8 AND row_version = ?9",
        )?
        .execute(params![
            secret.description,
            secret.kms_key_id,
            json(&secret.tags)?,
            secret.changed_at.as_millis(),
            secret.accessed_on.map(Timestamp::as_millis),
            secret.deleted_at.map(Timestamp::as_millis),
            secret.delete_after.map(Timestamp::as_millis),
            secret.arn,
            secret.row_version.cast_signed(),
        ])?;
    if changed == 1 {
        save_versions(db, secret, value)?;
    }
    Ok(changed == 1)
}

/// Makes the stored versions equal `secret.versions`; `value` is the sealed value of the one that is new.
fn save_versions(
    db: &Connection,
    secret: &Secret,
    value: Option<(String, Vec<u8>)>,
) -> rusqlite::Result<()> {
    for known in versions(db, &secret.arn)? {
        if !secret.versions.iter().any(|kept| kept.version_id == known.version_id) {
            db.prepare_cached(
                "DELETE FROM secret_version WHERE secret_arn = ?1 AND version_id = ?2",
            )?
            .execute([&secret.arn, &known.version_id])?;
        }
    }
    for (position, version) in secret.versions.iter().enumerate() {
        let stages = json(&version.stages)?;
        let position = limit(position);
        match &value {
            Some((version_id, sealed)) if *version_id == version.version_id => db
                .prepare_cached(
                    "INSERT INTO secret_version (secret_arn, version_id, position, \
                     created_at_ms, stages_json, sealed_value) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                )?
                .execute(params![
                    secret.arn,
                    version_id,
                    position,
                    version.created_at.as_millis(),
                    stages,
                    sealed,
                ])?,
            _ => db
                .prepare_cached(
                    "UPDATE secret_version SET stages_json = ?1, position = ?2 \
                     WHERE secret_arn = ?3 AND version_id = ?4",
                )?
                .execute(params![stages, position, secret.arn, version.version_id])?,
        };
    }
    Ok(())
}

pub(super) fn value(
    db: &Connection,
    arn: &str,
    version_id: &str,
) -> rusqlite::Result<Option<Vec<u8>>> {
    db.prepare_cached(
        "SELECT sealed_value FROM secret_version WHERE secret_arn = ?1 AND version_id = ?2",
    )?
    .query_row([arn, version_id], |row| row.get(0))
    .optional()
}

fn json<T: serde::Serialize>(value: &T) -> rusqlite::Result<String> {
    serde_json::to_string(value)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

#[async_trait]
impl Secrets for SqliteMetadataDb {
    async fn secret(&self, id: &str) -> Result<Option<Secret>, DbError> {
        self.read(|db| get(db, id))
    }

    async fn list_secrets(&self, after_name: &str, limit: usize) -> Result<Vec<Secret>, DbError> {
        self.read(|db| list(db, after_name, limit))
    }

    async fn create_secret(
        &self,
        secret: &Secret,
        value: Option<(&str, &[u8])>,
    ) -> Result<bool, DbError> {
        let secret = secret.clone();
        let value = value.map(|(version, sealed)| (version.to_owned(), sealed.to_vec()));
        self.writer.write(move |db| create(db, &secret, value)).await
    }

    async fn save_secret(
        &self,
        secret: &Secret,
        value: Option<(&str, &[u8])>,
    ) -> Result<bool, DbError> {
        let secret = secret.clone();
        let value = value.map(|(version, sealed)| (version.to_owned(), sealed.to_vec()));
        self.writer.write(move |db| save(db, &secret, value)).await
    }

    async fn secret_value(&self, arn: &str, version_id: &str) -> Result<Option<Vec<u8>>, DbError> {
        self.read(|db| value(db, arn, version_id))
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

    async fn secrets_to_delete(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Secret>, DbError> {
        self.read(|db| to_delete(db, now, limit))
    }
}
