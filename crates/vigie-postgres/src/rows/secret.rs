//! Rows of secrets and their sealed values. A secret and its versions are read by one statement, so that they fit each other.

use async_trait::async_trait;
use serde::Serialize;
use tokio_postgres::Row;
use vigie_media::Timestamp;
use vigie_metadata::{DbError, SECRET_ARN_SUFFIX_LENGTH, Secret, SecretVersion, Secrets};

use super::PostgresMetadataDb;
use crate::error::{Fault, not_json};
use crate::statement::{Params, Work, at, count, limit, maybe_at, millis};

const COLUMNS: &str = "arn, name, description, kms_key_id, tags_json, created_at_ms, \
                       changed_at_ms, accessed_on_ms, deleted_at_ms, delete_after_ms, row_version";

/// A version and its value, where it is new.
type Value = Option<(String, Vec<u8>)>;

fn from_row(row: &Row) -> Result<Secret, Fault> {
    let ids: Vec<String> = row.try_get(11)?;
    let created: Vec<i64> = row.try_get(12)?;
    let stages: Vec<&str> = row.try_get(13)?;
    let versions =
        ids.into_iter().zip(created).zip(stages).map(|((version_id, created_at), stages)| {
            let stages = serde_json::from_str(stages).map_err(not_json)?;
            Ok(SecretVersion { version_id, created_at: Timestamp::from_millis(created_at), stages })
        });
    Ok(Secret {
        arn: row.try_get(0)?,
        name: row.try_get(1)?,
        description: row.try_get(2)?,
        kms_key_id: row.try_get(3)?,
        tags: serde_json::from_str(row.try_get(4)?).map_err(not_json)?,
        created_at: at(row, 5)?,
        changed_at: at(row, 6)?,
        accessed_on: maybe_at(row, 7)?,
        deleted_at: maybe_at(row, 8)?,
        delete_after: maybe_at(row, 9)?,
        versions: versions.collect::<Result<_, Fault>>()?,
        row_version: count(row, 10)?,
    })
}

fn json<T: Serialize>(value: &T) -> Result<String, Fault> {
    serde_json::to_string(value).map_err(not_json)
}

async fn create(work: &Work<'_>, secret: &Secret, value: &Value) -> Result<Option<bool>, Fault> {
    let sql = format!(
        "INSERT INTO secret ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 1) ON CONFLICT DO NOTHING"
    );
    let added = work
        .execute(
            &sql,
            &[
                &secret.arn,
                &secret.name,
                &secret.description,
                &secret.kms_key_id,
                &json(&secret.tags)?,
                &secret.created_at.as_millis(),
                &secret.changed_at.as_millis(),
                &millis(secret.accessed_on),
                &millis(secret.deleted_at),
                &millis(secret.delete_after),
            ],
        )
        .await?;
    if added == 0 {
        return Ok(None);
    }
    save_versions(work, secret, value).await?;
    Ok(Some(true))
}

async fn save(work: &Work<'_>, secret: &Secret, value: &Value) -> Result<Option<bool>, Fault> {
    let sql = "UPDATE secret SET description = $1, kms_key_id = $2, tags_json = $3, changed_at_ms = $4, \
               accessed_on_ms = $5, deleted_at_ms = $6, delete_after_ms = $7, row_version = row_version + 1 \
               WHERE arn = $8 AND row_version = $9";
    let changed = work
        .execute(
            sql,
            &[
                &secret.description,
                &secret.kms_key_id,
                &json(&secret.tags)?,
                &secret.changed_at.as_millis(),
                &millis(secret.accessed_on),
                &millis(secret.deleted_at),
                &millis(secret.delete_after),
                &secret.arn,
                &secret.row_version.cast_signed(),
            ],
        )
        .await?;
    if changed == 0 {
        return Ok(None);
    }
    save_versions(work, secret, value).await?;
    Ok(Some(true))
}

/// Makes the stored versions equal `secret.versions`; `value` is the sealed value of the one that is new.
async fn save_versions(work: &Work<'_>, secret: &Secret, value: &Value) -> Result<(), Fault> {
    let kept: Vec<&String> = secret.versions.iter().map(|version| &version.version_id).collect();
    let sql = "DELETE FROM secret_version WHERE secret_arn = $1 AND NOT version_id = ANY($2)";
    work.execute(sql, &[&secret.arn, &kept]).await?;
    for (position, version) in secret.versions.iter().enumerate() {
        let (stages, position) = (json(&version.stages)?, limit(position));
        let (id, created_at) = (&version.version_id, version.created_at.as_millis());
        match value {
            Some((new, sealed)) if new == id => {
                let sql = "INSERT INTO secret_version (secret_arn, version_id, position, created_at_ms, \
                           stages_json, sealed_value) VALUES ($1, $2, $3, $4, $5, $6)";
                work.execute(sql, &[&secret.arn, id, &position, &created_at, &stages, sealed])
                    .await?
            }
            _ => {
                let sql = "UPDATE secret_version SET stages_json = $1, position = $2 \
                           WHERE secret_arn = $3 AND version_id = $4";
                work.execute(sql, &[&stages, &position, &secret.arn, id]).await?
            }
        };
    }
    Ok(())
}

fn owned(value: Option<(&str, &[u8])>) -> Value {
    value.map(|(version, sealed)| (version.to_owned(), sealed.to_vec()))
}

impl PostgresMetadataDb {
    async fn secrets(&self, condition: &str, params: Params<'_>) -> Result<Vec<Secret>, DbError> {
        let versions = |column, kind| {
            format!(
                "ARRAY(SELECT v.{column} FROM secret_version v WHERE v.secret_arn = arn ORDER BY v.position)::{kind}[]"
            )
        };
        let sql = format!(
            "SELECT {COLUMNS}, {}, {}, {} FROM secret {condition}",
            versions("version_id", "text"),
            versions("created_at_ms", "bigint"),
            versions("stages_json", "text"),
        );
        self.database.rows(&sql, params, from_row).await
    }
}

#[async_trait]
impl Secrets for PostgresMetadataDb {
    async fn secret(&self, id: &str) -> Result<Option<Secret>, DbError> {
        if !id.starts_with("arn:") {
            return Ok(self.secrets("WHERE name = $1", &[&id]).await?.pop());
        }
        if let Some(secret) = self.secrets("WHERE arn = $1", &[&id]).await?.pop() {
            return Ok(Some(secret));
        }
        let Some((_, name)) = id.split_once(":secret:") else { return Ok(None) };
        let found = self.secrets("WHERE name = $1", &[&name]).await?.pop();
        Ok(found.filter(|secret| {
            secret.arn.len() == id.len() + SECRET_ARN_SUFFIX_LENGTH && secret.arn.starts_with(id)
        }))
    }

    async fn list_secrets(
        &self,
        after_name: &str,
        limit_rows: usize,
    ) -> Result<Vec<Secret>, DbError> {
        let condition = "WHERE name > $1 ORDER BY name LIMIT $2";
        self.secrets(condition, &[&after_name, &limit(limit_rows)]).await
    }

    async fn create_secret(
        &self,
        secret: &Secret,
        value: Option<(&str, &[u8])>,
    ) -> Result<bool, DbError> {
        let args = (secret.clone(), owned(value));
        self.database
            .change(args, |work, (secret, value)| Box::pin(create(work, secret, value)))
            .await
    }

    async fn save_secret(
        &self,
        secret: &Secret,
        value: Option<(&str, &[u8])>,
    ) -> Result<bool, DbError> {
        let args = (secret.clone(), owned(value));
        self.database
            .change(args, |work, (secret, value)| Box::pin(save(work, secret, value)))
            .await
    }

    async fn secret_value(&self, arn: &str, version_id: &str) -> Result<Option<Vec<u8>>, DbError> {
        let sql =
            "SELECT sealed_value FROM secret_version WHERE secret_arn = $1 AND version_id = $2";
        self.database.one(sql, &[&arn, &version_id], |row| Ok(row.try_get(0)?)).await
    }

    async fn delete_secret(&self, arn: &str) -> Result<(), DbError> {
        let deleted = self.database.change(arn.to_owned(), |work, arn| {
            Box::pin(async move {
                work.execute("DELETE FROM secret WHERE arn = $1", &[arn]).await?;
                Ok(Some(true))
            })
        });
        deleted.await.map(drop)
    }

    async fn secrets_to_delete(
        &self,
        now: Timestamp,
        limit_rows: usize,
    ) -> Result<Vec<Secret>, DbError> {
        let condition = "WHERE delete_after_ms <= $1 ORDER BY delete_after_ms, arn LIMIT $2";
        self.secrets(condition, &[&now.as_millis(), &limit(limit_rows)]).await
    }
}
