//! Rows of edge configurations.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, named_params, params};
use vigie_engine::sync::{EdgeSync, StoredSync};
use vigie_kvs::shapes::edge::SyncStatus;
use vigie_kvs::shapes::sync_edge_agent::Action;
use vigie_media::Timestamp;

use super::{SqliteMetadataDb, limit, timestamp, unknown_text};
use crate::db::{DbError, EdgeChange, EdgeConfiguration, EdgeConfigurations};

const COLUMNS: &str = "stream_arn, stream_name, hub_device_arn, edge_config_json, created_at_ms, \
                       updated_at_ms, revision, sync_status, give_up_at_ms, failed_by_silence, \
                       failed_status_details, recorder_status_json, uploader_status_json, \
                       local_media_json, ledger_json, row_version";

fn sync_from_row(row: &Row<'_>) -> rusqlite::Result<EdgeSync> {
    let status: String = row.get("sync_status")?;
    let give_up_at: Option<i64> = row.get("give_up_at_ms")?;
    let stored = StoredSync {
        revision: row.get::<_, i64>("revision")?.cast_unsigned(),
        status: SyncStatus::from_wire(&status).ok_or_else(|| unknown_text(7, &status))?,
        give_up_at: give_up_at.map(timestamp),
        failed_by_silence: row.get("failed_by_silence")?,
        failed_status_details: row.get("failed_status_details")?,
    };
    EdgeSync::try_from(stored).map_err(|error| unknown_text(7, &error.to_string()))
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<EdgeConfiguration> {
    Ok(EdgeConfiguration {
        stream_arn: row.get("stream_arn")?,
        stream_name: row.get("stream_name")?,
        hub_device_arn: row.get("hub_device_arn")?,
        edge_config_json: row.get("edge_config_json")?,
        created_at: timestamp(row.get("created_at_ms")?),
        updated_at: timestamp(row.get("updated_at_ms")?),
        sync: sync_from_row(row)?,
        recorder_status_json: row.get("recorder_status_json")?,
        uploader_status_json: row.get("uploader_status_json")?,
        local_media_json: row.get("local_media_json")?,
        ledger_json: row.get("ledger_json")?,
        row_version: row.get::<_, i64>("row_version")?.cast_unsigned(),
    })
}

pub(super) fn get(
    db: &Connection,
    stream_arn: &str,
) -> rusqlite::Result<Option<EdgeConfiguration>> {
    db.prepare_cached(&format!("SELECT {COLUMNS} FROM edge_configuration WHERE stream_arn = ?1"))?
        .query_row([stream_arn], from_row)
        .optional()
}

pub(super) fn of_hub(
    db: &Connection,
    hub_device_arn: &str,
    after_arn: &str,
    limit_rows: usize,
) -> rusqlite::Result<Vec<EdgeConfiguration>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM edge_configuration WHERE hub_device_arn = ?1 AND stream_arn > ?2 \
         ORDER BY stream_arn LIMIT ?3"
    );
    db.prepare_cached(&sql)?
        .query_map(params![hub_device_arn, after_arn, limit(limit_rows)], from_row)?
        .collect()
}

fn due(
    db: &Connection,
    now: Timestamp,
    limit_rows: usize,
) -> rusqlite::Result<Vec<EdgeConfiguration>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM edge_configuration \
         WHERE give_up_at_ms IS NOT NULL AND give_up_at_ms <= ?1 \
         ORDER BY give_up_at_ms, stream_arn LIMIT ?2"
    );
    db.prepare_cached(&sql)?
        .query_map(params![now.as_millis(), limit(limit_rows)], from_row)?
        .collect()
}

pub(super) fn next_deadline(db: &Connection) -> rusqlite::Result<Option<Timestamp>> {
    let sql = "SELECT MIN(give_up_at_ms) FROM edge_configuration WHERE give_up_at_ms IS NOT NULL";
    let earliest: Option<i64> = db.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
    Ok(earliest.map(timestamp))
}

/// `false` when the row was changed since it was read, or what it needs of its stream is not there any more.
pub(super) fn change(db: &Connection, change: &EdgeChange) -> rusqlite::Result<bool> {
    match change {
        EdgeChange::Save(row) if !may_be(db, row)? => Ok(false),
        EdgeChange::Save(row) if row.row_version == 0 => add(db, row),
        EdgeChange::Save(row) => update(db, row),
        EdgeChange::Remove { stream_arn, row_version } => {
            let sql = "DELETE FROM edge_configuration WHERE stream_arn = ?1 AND row_version = ?2";
            let removed =
                db.prepare_cached(sql)?.execute(params![stream_arn, row_version.cast_signed()])?;
            Ok(removed == 1)
        }
    }
}

/// A hub works only for a stream that is there and keeps media; what it is to erase needs no stream.
fn may_be(db: &Connection, row: &EdgeConfiguration) -> rusqlite::Result<bool> {
    if row.sync.desired_action() == Action::Delete {
        return Ok(true);
    }
    db.prepare_cached(
        "SELECT 1 FROM stream WHERE arn = ?1 AND status = 'ACTIVE' AND retention_hours > 0",
    )?
    .exists([&row.stream_arn])
}

fn add(db: &Connection, row: &EdgeConfiguration) -> rusqlite::Result<bool> {
    let sql = format!(
        "INSERT INTO edge_configuration ({COLUMNS}) VALUES (:stream_arn, :stream_name, \
         :hub_device_arn, :edge_config_json, :created_at_ms, :updated_at_ms, :revision, \
         :sync_status, :give_up_at_ms, :failed_by_silence, :failed_status_details, \
         :recorder_status_json, :uploader_status_json, :local_media_json, :ledger_json, :row_version + 1) \
         ON CONFLICT DO NOTHING"
    );
    Ok(execute(db, &sql, row)? == 1)
}

fn update(db: &Connection, row: &EdgeConfiguration) -> rusqlite::Result<bool> {
    let sql = "UPDATE edge_configuration SET stream_name = :stream_name, \
               hub_device_arn = :hub_device_arn, edge_config_json = :edge_config_json, \
               created_at_ms = :created_at_ms, updated_at_ms = :updated_at_ms, \
               revision = :revision, sync_status = :sync_status, \
               give_up_at_ms = :give_up_at_ms, failed_by_silence = :failed_by_silence, \
               failed_status_details = :failed_status_details, \
               recorder_status_json = :recorder_status_json, \
               uploader_status_json = :uploader_status_json, \
               local_media_json = :local_media_json, ledger_json = :ledger_json, \
               row_version = row_version + 1 \
               WHERE stream_arn = :stream_arn AND row_version = :row_version";
    Ok(execute(db, sql, row)? == 1)
}

fn execute(db: &Connection, sql: &str, row: &EdgeConfiguration) -> rusqlite::Result<usize> {
    let sync = StoredSync::from(&row.sync);
    db.prepare_cached(sql)?.execute(named_params! {
        ":stream_arn": row.stream_arn,
        ":stream_name": row.stream_name,
        ":hub_device_arn": row.hub_device_arn,
        ":edge_config_json": row.edge_config_json,
        ":created_at_ms": row.created_at.as_millis(),
        ":updated_at_ms": row.updated_at.as_millis(),
        ":revision": sync.revision.cast_signed(),
        ":sync_status": sync.status.as_str(),
        ":give_up_at_ms": sync.give_up_at.map(Timestamp::as_millis),
        ":failed_by_silence": sync.failed_by_silence,
        ":failed_status_details": sync.failed_status_details,
        ":recorder_status_json": row.recorder_status_json,
        ":uploader_status_json": row.uploader_status_json,
        ":local_media_json": row.local_media_json,
        ":ledger_json": row.ledger_json,
        ":row_version": row.row_version.cast_signed(),
    })
}

#[async_trait]
impl EdgeConfigurations for SqliteMetadataDb {
    async fn edge_configuration(
        &self,
        stream_arn: &str,
    ) -> Result<Option<EdgeConfiguration>, DbError> {
        self.read(|db| get(db, stream_arn))
    }

    async fn edge_configurations_of_hub(
        &self,
        hub_device_arn: &str,
        after_arn: &str,
        limit: usize,
    ) -> Result<Vec<EdgeConfiguration>, DbError> {
        self.read(|db| of_hub(db, hub_device_arn, after_arn, limit))
    }

    async fn save_edge_configurations(&self, changes: &[EdgeChange]) -> Result<bool, DbError> {
        let changes = changes.to_vec();
        self.writer
            .write(move |db| {
                for one in &changes {
                    if !change(db, one)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            })
            .await
    }

    async fn edge_configurations_due(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<EdgeConfiguration>, DbError> {
        self.read(|db| due(db, now, limit))
    }

    async fn next_edge_deadline(&self) -> Result<Option<Timestamp>, DbError> {
        self.read(next_deadline)
    }
}
