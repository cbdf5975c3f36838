//! Rows of streams and their tags.

use std::collections::BTreeMap;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{SqliteMetadataDb, edge_configuration, limit, timestamp, unknown_text};
use crate::db::{DbError, EdgeChange, Stream, StreamKey, StreamStatus, Streams};

const COLUMNS: &str = "arn, name, created_at_ms, version, status, retention_hours, device_name, \
                       media_type, kms_key_id, storage_tier, image_generation_json, notification_json";

fn status_text(status: StreamStatus) -> &'static str {
    match status {
        StreamStatus::Active => "ACTIVE",
        StreamStatus::Deleting => "DELETING",
    }
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<Stream> {
    let status: String = row.get(4)?;
    Ok(Stream {
        arn: row.get(0)?,
        name: row.get(1)?,
        created_at: timestamp(row.get(2)?),
        version: row.get(3)?,
        status: match status.as_str() {
            "ACTIVE" => StreamStatus::Active,
            "DELETING" => StreamStatus::Deleting,
            other => return Err(unknown_text(4, other)),
        },
        retention_hours: row.get(5)?,
        device_name: row.get(6)?,
        media_type: row.get(7)?,
        kms_key_id: row.get(8)?,
        storage_tier: row.get(9)?,
        image_generation_json: row.get(10)?,
        notification_json: row.get(11)?,
    })
}

pub(super) fn create(
    db: &Connection,
    stream: &Stream,
    tags: &BTreeMap<String, String>,
) -> rusqlite::Result<bool> {
    let sql = format!(
        "INSERT INTO stream ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, \
         ?12)          ON CONFLICT DO NOTHING"
    );
    let added = db.prepare_cached(&sql)?.execute(params![
        stream.arn,
        stream.name,
        stream.created_at.as_millis(),
        stream.version,
        status_text(stream.status),
        stream.retention_hours,
        stream.device_name,
        stream.media_type,
        stream.kms_key_id,
        stream.storage_tier,
        stream.image_generation_json,
        stream.notification_json,
    ])?;
    put_tags(db, &stream.arn, tags)?;
    Ok(added == 1)
}

pub(super) fn get(db: &Connection, key: StreamKey<'_>) -> rusqlite::Result<Option<Stream>> {
    let (column, value) = match key {
        StreamKey::Name(name) => ("name", name),
        StreamKey::Arn(arn) => ("arn", arn),
    };
    db.prepare_cached(&format!("SELECT {COLUMNS} FROM stream WHERE {column} = ?1"))?
        .query_row([value], from_row)
        .optional()
}

pub(super) fn list(
    db: &Connection,
    prefix: &str,
    after_name: &str,
    limit_rows: usize,
) -> rusqlite::Result<Vec<Stream>> {
    // Names are ASCII letters, digits and punctuation, all of them before DEL: the prefix is a range of the index.
    let sql = format!(
        "SELECT {COLUMNS} FROM stream WHERE name > ?1 AND name >= ?2 AND name < ?3 \
         ORDER BY name LIMIT ?4"
    );
    let end = format!("{prefix}\u{7f}");
    db.prepare_cached(&sql)?
        .query_map(params![after_name, prefix, end, limit(limit_rows)], from_row)?
        .collect()
}

pub(super) fn save(
    db: &Connection,
    stream: &Stream,
    expected_version: &str,
) -> rusqlite::Result<bool> {
    let changed = db
        .prepare_cached(
            "UPDATE stream SET version = ?1, retention_hours = ?2, device_name = ?3, \
             media_type = ?4, storage_tier = ?5, image_generation_json = ?8, \
             notification_json = ?9 WHERE arn = ?6 AND version = ?7 AND status = 'ACTIVE' AND (?2 > 0 OR NOT EXISTS \
             (SELECT 1 FROM edge_configuration WHERE stream_arn = ?6))",
        )?
        .execute(params![
            stream.version,
            stream.retention_hours,
            stream.device_name,
            stream.media_type,
            stream.storage_tier,
            stream.arn,
            expected_version,
            stream.image_generation_json,
            stream.notification_json,
        ])?;
    Ok(changed == 1)
}

pub(super) fn mark_deleting(
    db: &Connection,
    arn: &str,
    expected_version: &str,
) -> rusqlite::Result<bool> {
    let changed = db
        .prepare_cached("UPDATE stream SET status = 'DELETING' WHERE arn = ?1 AND version = ?2")?
        .execute([arn, expected_version])?;
    Ok(changed == 1)
}

pub(super) fn remove(db: &Connection, arn: &str) -> rusqlite::Result<bool> {
    db.prepare_cached("DELETE FROM stream_tag WHERE stream_arn = ?1")?.execute([arn])?;
    db.prepare_cached("DELETE FROM share_link WHERE stream_arn = ?1")?.execute([arn])?;
    super::media_ledger::remove(db, arn)?;
    db.prepare_cached("DELETE FROM stream WHERE arn = ?1")?.execute([arn])?;
    Ok(true)
}

pub(super) fn put_tags(
    db: &Connection,
    arn: &str,
    tags: &BTreeMap<String, String>,
) -> rusqlite::Result<()> {
    let mut put = db.prepare_cached(
        "INSERT INTO stream_tag (stream_arn, key, value) VALUES (?1, ?2, ?3) \
         ON CONFLICT (stream_arn, key) DO UPDATE SET value = excluded.value",
    )?;
    for (key, value) in tags {
        put.execute([arn, key, value])?;
    }
    Ok(())
}

pub(super) fn remove_tags(db: &Connection, arn: &str, keys: &[String]) -> rusqlite::Result<bool> {
    let mut remove =
        db.prepare_cached("DELETE FROM stream_tag WHERE stream_arn = ?1 AND key = ?2")?;
    for key in keys {
        remove.execute([arn, key])?;
    }
    Ok(true)
}

fn tags_of(db: &Connection, arn: &str) -> rusqlite::Result<BTreeMap<String, String>> {
    db.prepare_cached("SELECT key, value FROM stream_tag WHERE stream_arn = ?1")?
        .query_map([arn], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

#[async_trait]
impl Streams for SqliteMetadataDb {
    async fn create_stream(
        &self,
        stream: &Stream,
        tags: &BTreeMap<String, String>,
    ) -> Result<bool, DbError> {
        let (row, tags) = (stream.clone(), tags.clone());
        self.writer.write(move |db| create(db, &row, &tags)).await
    }

    async fn stream(&self, key: StreamKey<'_>) -> Result<Option<Stream>, DbError> {
        self.read(|db| get(db, key))
    }

    async fn list_streams(
        &self,
        prefix: &str,
        after_name: &str,
        limit: usize,
    ) -> Result<Vec<Stream>, DbError> {
        self.read(|db| list(db, prefix, after_name, limit))
    }

    async fn save_stream(&self, stream: &Stream, expected_version: &str) -> Result<bool, DbError> {
        let (row, expected) = (stream.clone(), expected_version.to_owned());
        self.writer.write(move |db| save(db, &row, &expected)).await
    }

    async fn begin_stream_deletion(
        &self,
        arn: &str,
        expected_version: &str,
        edge: Option<&EdgeChange>,
    ) -> Result<bool, DbError> {
        let (arn, expected, edge) = (arn.to_owned(), expected_version.to_owned(), edge.cloned());
        self.writer
            .write(move |db| {
                let marked = mark_deleting(db, &arn, &expected)?;
                match edge {
                    Some(change) => Ok(marked && edge_configuration::change(db, &change)?),
                    None => Ok(marked),
                }
            })
            .await
    }

    async fn finish_stream_deletion(&self, arn: &str) -> Result<(), DbError> {
        let arn = arn.to_owned();
        self.writer.write(move |db| remove(db, &arn)).await.map(drop)
    }

    async fn put_tags(
        &self,
        arn: &str,
        tags: &BTreeMap<String, String>,
        tags_max: usize,
    ) -> Result<bool, DbError> {
        let (arn, more) = (arn.to_owned(), tags.clone());
        self.writer
            .write(move |db| {
                put_tags(db, &arn, &more)?;
                Ok(tags_of(db, &arn)?.len() <= tags_max)
            })
            .await
    }

    async fn remove_tags(&self, arn: &str, keys: &[String]) -> Result<(), DbError> {
        let (arn, keys) = (arn.to_owned(), keys.to_vec());
        self.writer.write(move |db| remove_tags(db, &arn, &keys)).await.map(drop)
    }

    async fn tags(&self, arn: &str) -> Result<BTreeMap<String, String>, DbError> {
        self.read(|db| tags_of(db, arn))
    }
}
