//! Rows of streams and their tags. What spans a stream and its other rows is decided under the lock of the stream's row.

use std::collections::BTreeMap;

use async_trait::async_trait;
use tokio_postgres::Row;
use vigie_metadata::{DbError, EdgeChange, Stream, StreamKey, StreamStatus, Streams};

use super::{PostgresMetadataDb, edge_configuration, media_ledger};
use crate::error::{Fault, unknown_value};
use crate::statement::{Work, at, limit};

const COLUMNS: &str = "arn, name, created_at_ms, version, status, retention_hours, device_name, \
                       media_type, kms_key_id, storage_tier, image_generation_json, notification_json";

fn status_text(status: StreamStatus) -> &'static str {
    match status {
        StreamStatus::Active => "ACTIVE",
        StreamStatus::Deleting => "DELETING",
    }
}

fn from_row(row: &Row) -> Result<Stream, Fault> {
    let status: &str = row.try_get(4)?;
    let retention_hours: i64 = row.try_get(5)?;
    Ok(Stream {
        arn: row.try_get(0)?,
        name: row.try_get(1)?,
        created_at: at(row, 2)?,
        version: row.try_get(3)?,
        status: match status {
            "ACTIVE" => StreamStatus::Active,
            "DELETING" => StreamStatus::Deleting,
            other => return Err(unknown_value("stream status", other)),
        },
        retention_hours: u32::try_from(retention_hours)
            .map_err(|_| unknown_value("retention", &retention_hours.to_string()))?,
        device_name: row.try_get(6)?,
        media_type: row.try_get(7)?,
        kms_key_id: row.try_get(8)?,
        storage_tier: row.try_get(9)?,
        image_generation_json: row.try_get(10)?,
        notification_json: row.try_get(11)?,
    })
}

/// Waits for whoever changes the stream or something of it, and keeps them off.
pub(super) async fn lock(work: &Work<'_>, arn: &str) -> Result<bool, Fault> {
    work.exists("SELECT 1 FROM stream WHERE arn = $1 FOR UPDATE", &[&arn]).await
}

async fn create(
    work: &Work<'_>,
    stream: &Stream,
    tags: &BTreeMap<String, String>,
) -> Result<Option<bool>, Fault> {
    let sql = format!(
        "INSERT INTO stream ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) \
         ON CONFLICT DO NOTHING"
    );
    let added = work
        .execute(
            &sql,
            &[
                &stream.arn,
                &stream.name,
                &stream.created_at.as_millis(),
                &stream.version,
                &status_text(stream.status),
                &i64::from(stream.retention_hours),
                &stream.device_name,
                &stream.media_type,
                &stream.kms_key_id,
                &stream.storage_tier,
                &stream.image_generation_json,
                &stream.notification_json,
            ],
        )
        .await?;
    if added == 0 {
        return Ok(None);
    }
    put_tags(work, &stream.arn, tags).await?;
    Ok(Some(true))
}

async fn save(
    work: &Work<'_>,
    stream: &Stream,
    expected_version: &str,
) -> Result<Option<bool>, Fault> {
    // An edge configuration that is being added holds the row: what follows sees it.
    if !lock(work, &stream.arn).await? {
        return Ok(None);
    }
    let sql = "UPDATE stream SET version = $1, retention_hours = $2::bigint, device_name = $3, media_type = $4, \
               storage_tier = $5, image_generation_json = $8, notification_json = $9 \
               WHERE arn = $6 AND version = $7 AND status = 'ACTIVE' AND ($2::bigint > 0 OR NOT EXISTS \
               (SELECT 1 FROM edge_configuration WHERE stream_arn = $6))";
    let changed = work
        .execute(
            sql,
            &[
                &stream.version,
                &i64::from(stream.retention_hours),
                &stream.device_name,
                &stream.media_type,
                &stream.storage_tier,
                &stream.arn,
                &expected_version,
                &stream.image_generation_json,
                &stream.notification_json,
            ],
        )
        .await?;
    Ok((changed == 1).then_some(true))
}

async fn mark_deleting(
    work: &Work<'_>,
    arn: &str,
    expected_version: &str,
    edge: Option<&EdgeChange>,
) -> Result<Option<bool>, Fault> {
    let sql = "UPDATE stream SET status = 'DELETING' WHERE arn = $1 AND version = $2";
    if work.execute(sql, &[&arn, &expected_version]).await? == 0 {
        return Ok(None);
    }
    match edge {
        Some(change) => edge_configuration::change(work, change).await,
        None => Ok(Some(true)),
    }
}

async fn remove(work: &Work<'_>, arn: &str) -> Result<Option<bool>, Fault> {
    // Nothing of it is added any more.
    lock(work, arn).await?;
    work.execute("DELETE FROM stream_tag WHERE stream_arn = $1", &[&arn]).await?;
    work.execute("DELETE FROM share_link WHERE stream_arn = $1", &[&arn]).await?;
    media_ledger::remove(work, arn).await?;
    work.execute("DELETE FROM stream WHERE arn = $1", &[&arn]).await?;
    Ok(Some(true))
}

async fn put_tags(
    work: &Work<'_>,
    arn: &str,
    tags: &BTreeMap<String, String>,
) -> Result<(), Fault> {
    let (keys, values): (Vec<&String>, Vec<&String>) = tags.iter().unzip();
    let sql = "INSERT INTO stream_tag (stream_arn, key, value) \
               SELECT $1, key, value FROM unnest($2::text[], $3::text[]) AS new (key, value) \
               ON CONFLICT (stream_arn, key) DO UPDATE SET value = excluded.value";
    work.execute(sql, &[&arn, &keys, &values]).await.map(drop)
}

#[async_trait]
impl Streams for PostgresMetadataDb {
    async fn create_stream(
        &self,
        stream: &Stream,
        tags: &BTreeMap<String, String>,
    ) -> Result<bool, DbError> {
        let args = (stream.clone(), tags.clone());
        self.database
            .change(args, |work, (stream, tags)| Box::pin(create(work, stream, tags)))
            .await
    }

    async fn stream(&self, key: StreamKey<'_>) -> Result<Option<Stream>, DbError> {
        let (column, value) = match key {
            StreamKey::Name(name) => ("name", name),
            StreamKey::Arn(arn) => ("arn", arn),
        };
        let sql = format!("SELECT {COLUMNS} FROM stream WHERE {column} = $1");
        self.database.one(&sql, &[&value], from_row).await
    }

    async fn list_streams(
        &self,
        prefix: &str,
        after_name: &str,
        limit_rows: usize,
    ) -> Result<Vec<Stream>, DbError> {
        // Names are ASCII letters, digits and punctuation, all of them before DEL: the prefix is a range of the index.
        let sql = format!(
            "SELECT {COLUMNS} FROM stream WHERE name > $1 AND name >= $2 AND name < $3 ORDER BY name LIMIT $4"
        );
        let end = format!("{prefix}\u{7f}");
        self.database.rows(&sql, &[&after_name, &prefix, &end, &limit(limit_rows)], from_row).await
    }

    async fn save_stream(&self, stream: &Stream, expected_version: &str) -> Result<bool, DbError> {
        let args = (stream.clone(), expected_version.to_owned());
        self.database
            .change(args, |work, (stream, expected)| Box::pin(save(work, stream, expected)))
            .await
    }

    async fn begin_stream_deletion(
        &self,
        arn: &str,
        expected_version: &str,
        edge: Option<&EdgeChange>,
    ) -> Result<bool, DbError> {
        let args = (arn.to_owned(), expected_version.to_owned(), edge.cloned());
        let begun = self.database.change(args, |work, (arn, expected, edge)| {
            Box::pin(mark_deleting(work, arn, expected, edge.as_ref()))
        });
        begun.await
    }

    async fn finish_stream_deletion(&self, arn: &str) -> Result<(), DbError> {
        let removed = self.database.change(arn.to_owned(), |work, arn| Box::pin(remove(work, arn)));
        removed.await.map(drop)
    }

    async fn put_tags(
        &self,
        arn: &str,
        tags: &BTreeMap<String, String>,
        tags_max: usize,
    ) -> Result<bool, DbError> {
        let args = (arn.to_owned(), tags.clone(), limit(tags_max));
        let put = self.database.change(args, |work, (arn, tags, tags_max)| {
            Box::pin(async move {
                // Of one that has gone meanwhile nothing stays, as where it had gone a moment later.
                if !lock(work, arn).await? {
                    return Ok(Some(true));
                }
                put_tags(work, arn, tags).await?;
                let sql = "SELECT 1 FROM stream_tag WHERE stream_arn = $1 OFFSET $2 LIMIT 1";
                Ok((!work.exists(sql, &[arn, tags_max]).await?).then_some(true))
            })
        });
        put.await
    }

    async fn remove_tags(&self, arn: &str, keys: &[String]) -> Result<(), DbError> {
        let args = (arn.to_owned(), keys.to_vec());
        let removed = self.database.change(args, |work, (arn, keys)| {
            Box::pin(async move {
                let sql = "DELETE FROM stream_tag WHERE stream_arn = $1 AND key = ANY($2)";
                work.execute(sql, &[arn, keys]).await?;
                Ok(Some(true))
            })
        });
        removed.await.map(drop)
    }

    async fn tags(&self, arn: &str) -> Result<BTreeMap<String, String>, DbError> {
        let sql = "SELECT key, value FROM stream_tag WHERE stream_arn = $1";
        let pair = |row: &Row| Ok((row.try_get(0)?, row.try_get(1)?));
        Ok(self.database.rows(sql, &[&arn], pair).await?.into_iter().collect())
    }
}
