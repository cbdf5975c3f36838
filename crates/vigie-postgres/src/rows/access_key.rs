//! Rows of access keys. They are few and change seldom: whoever changes one waits for whoever changes another.

use async_trait::async_trait;
use tokio_postgres::Row;
use vigie_media::Timestamp;
use vigie_metadata::{AccessKey, AccessKeys, DbError};

use super::PostgresMetadataDb;
use crate::error::Fault;
use crate::statement::{Lock, Work, at, limit, maybe_at, millis};

const COLUMNS: &str =
    "access_key_id, sealed_secret, principal_arn, created_at_ms, policy_json, revoked_at_ms";

fn from_row(row: &Row) -> Result<AccessKey, Fault> {
    Ok(AccessKey {
        access_key_id: row.try_get(0)?,
        sealed_secret: row.try_get(1)?,
        principal_arn: row.try_get(2)?,
        created_at: at(row, 3)?,
        policy_json: row.try_get(4)?,
        revoked_at: maybe_at(row, 5)?,
    })
}

async fn create(work: &Work<'_>, key: &AccessKey) -> Result<Option<bool>, Fault> {
    let sql = format!("INSERT INTO access_key ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6)");
    work.execute(
        &sql,
        &[
            &key.access_key_id,
            &key.sealed_secret,
            &key.principal_arn,
            &key.created_at.as_millis(),
            &key.policy_json,
            &millis(key.revoked_at),
        ],
    )
    .await?;
    Ok(Some(true))
}

/// The secret goes with the key: what was revoked by mistake is replaced, not brought back.
async fn revoke(work: &Work<'_>, id: &str, now_ms: i64) -> Result<Option<bool>, Fault> {
    let sql = "UPDATE access_key SET revoked_at_ms = $2, sealed_secret = ''::bytea \
               WHERE access_key_id = $1 AND revoked_at_ms IS NULL AND (policy_json IS NOT NULL \
               OR EXISTS (SELECT 1 FROM access_key WHERE policy_json IS NULL AND revoked_at_ms IS NULL \
               AND access_key_id <> $1))";
    Ok((work.execute(sql, &[&id, &now_ms]).await? == 1).then_some(true))
}

#[async_trait]
impl AccessKeys for PostgresMetadataDb {
    async fn access_key(&self, access_key_id: &str) -> Result<Option<AccessKey>, DbError> {
        let sql = format!("SELECT {COLUMNS} FROM access_key WHERE access_key_id = $1");
        self.database.one(&sql, &[&access_key_id], from_row).await
    }

    async fn root_key(&self) -> Result<Option<AccessKey>, DbError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM access_key WHERE policy_json IS NULL AND revoked_at_ms IS NULL \
             ORDER BY created_at_ms, access_key_id LIMIT 1"
        );
        self.database.one(&sql, &[], from_row).await
    }

    async fn list_access_keys(
        &self,
        (after_time, after_id): (Timestamp, &str),
        limit_rows: usize,
    ) -> Result<Vec<AccessKey>, DbError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM access_key WHERE (created_at_ms, access_key_id) > ($1, $2) \
             ORDER BY created_at_ms, access_key_id LIMIT $3"
        );
        let after_ms = after_time.as_millis();
        self.database.rows(&sql, &[&after_ms, &after_id, &limit(limit_rows)], from_row).await
    }

    async fn create_access_key(&self, key: &AccessKey) -> Result<(), DbError> {
        let created = self.database.change(key.clone(), |work, key| {
            Box::pin(async move {
                work.lock(Lock::AccessKeys, "").await?;
                create(work, key).await
            })
        });
        created.await.map(drop)
    }

    async fn create_first_access_key(&self, key: &AccessKey) -> Result<bool, DbError> {
        let created = self.database.change(key.clone(), |work, key| {
            Box::pin(async move {
                work.lock(Lock::AccessKeys, "").await?;
                if work.exists("SELECT 1 FROM access_key LIMIT 1", &[]).await? {
                    return Ok(None);
                }
                create(work, key).await
            })
        });
        created.await
    }

    async fn revoke_access_key(
        &self,
        access_key_id: &str,
        now: Timestamp,
    ) -> Result<bool, DbError> {
        let args = (access_key_id.to_owned(), now.as_millis());
        let revoked = self.database.change(args, |work, (id, now_ms)| {
            Box::pin(async move {
                work.lock(Lock::AccessKeys, "").await?;
                revoke(work, id, *now_ms).await
            })
        });
        revoked.await
    }
}
