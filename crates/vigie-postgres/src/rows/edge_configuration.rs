//! Rows of edge configurations.

use async_trait::async_trait;
use tokio_postgres::Row;
use vigie_engine::sync::{EdgeSync, StoredSync};
use vigie_kvs::shapes::edge::SyncStatus;
use vigie_kvs::shapes::sync_edge_agent::Action;
use vigie_media::Timestamp;
use vigie_metadata::{DbError, EdgeChange, EdgeConfiguration, EdgeConfigurations};

use super::PostgresMetadataDb;
use crate::error::{Fault, unknown_value};
use crate::statement::{Work, at, count, limit, maybe_at, millis};

const COLUMNS: &str = "stream_arn, stream_name, hub_device_arn, edge_config_json, created_at_ms, \
                       updated_at_ms, revision, sync_status, give_up_at_ms, failed_by_silence, \
                       failed_status_details, recorder_status_json, uploader_status_json, \
                       local_media_json, ledger_json, row_version";

fn sync_from_row(row: &Row) -> Result<EdgeSync, Fault> {
    let status: &str = row.try_get(7)?;
    let stored = StoredSync {
        revision: count(row, 6)?,
        status: SyncStatus::from_wire(status)
            .ok_or_else(|| unknown_value("sync status", status))?,
        give_up_at: maybe_at(row, 8)?,
        failed_by_silence: row.try_get(9)?,
        failed_status_details: row.try_get(10)?,
    };
    EdgeSync::try_from(stored).map_err(|error| unknown_value("sync state", &error.to_string()))
}

fn from_row(row: &Row) -> Result<EdgeConfiguration, Fault> {
    Ok(EdgeConfiguration {
        stream_arn: row.try_get(0)?,
        stream_name: row.try_get(1)?,
        hub_device_arn: row.try_get(2)?,
        edge_config_json: row.try_get(3)?,
        created_at: at(row, 4)?,
        updated_at: at(row, 5)?,
        sync: sync_from_row(row)?,
        recorder_status_json: row.try_get(11)?,
        uploader_status_json: row.try_get(12)?,
        local_media_json: row.try_get(13)?,
        ledger_json: row.try_get(14)?,
        row_version: count(row, 15)?,
    })
}

/// Whether the recorder last reported an error. Asked here, not by the database: what hubs send is any JSON.
fn has_failing_recorder(row: &EdgeConfiguration) -> bool {
    let json = row.recorder_status_json.as_deref().unwrap_or_default();
    let status = serde_json::from_str::<serde_json::Value>(json).unwrap_or_default();
    matches!(status["RecorderStatus"].as_str(), Some("USER_ERROR" | "SYSTEM_ERROR"))
}

/// `None` when the row was changed since it was read, or what it needs of its stream is not there any more.
pub(super) async fn change(work: &Work<'_>, change: &EdgeChange) -> Result<Option<bool>, Fault> {
    let changed = match change {
        EdgeChange::Save(row) if !may_be(work, row).await? => 0,
        EdgeChange::Save(row) if row.row_version == 0 => execute(work, &add(), row).await?,
        EdgeChange::Save(row) => execute(work, &update(), row).await?,
        EdgeChange::Remove { stream_arn, row_version } => {
            let sql = "DELETE FROM edge_configuration WHERE stream_arn = $1 AND row_version = $2";
            work.execute(sql, &[stream_arn, &row_version.cast_signed()]).await?
        }
    };
    Ok((changed == 1).then_some(true))
}

fn stream_arn(change: &EdgeChange) -> &str {
    match change {
        EdgeChange::Save(row) => &row.stream_arn,
        EdgeChange::Remove { stream_arn, .. } => stream_arn,
    }
}

/// A hub works only for a stream that is there and keeps media; what it is to erase needs no stream. Until the end of the
/// transaction the stream stays as it is.
async fn may_be(work: &Work<'_>, row: &EdgeConfiguration) -> Result<bool, Fault> {
    if row.sync.desired_action() == Action::Delete {
        return Ok(true);
    }
    let sql = "SELECT 1 FROM stream WHERE arn = $1 AND status = 'ACTIVE' AND retention_hours > 0 FOR SHARE";
    work.exists(sql, &[&row.stream_arn]).await
}

const VALUES: &str = "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15";

fn add() -> String {
    format!(
        "INSERT INTO edge_configuration ({COLUMNS}, recorder_failed) VALUES ({VALUES}, $16::bigint + 1, $17) \
         ON CONFLICT DO NOTHING"
    )
}

fn update() -> String {
    format!(
        "UPDATE edge_configuration SET ({COLUMNS}, recorder_failed) = ROW ({VALUES}, $16::bigint + 1, $17) \
         WHERE stream_arn = $1 AND row_version = $16"
    )
}

async fn execute(work: &Work<'_>, sql: &str, row: &EdgeConfiguration) -> Result<u64, Fault> {
    let sync = StoredSync::from(&row.sync);
    work.execute(
        sql,
        &[
            &row.stream_arn,
            &row.stream_name,
            &row.hub_device_arn,
            &row.edge_config_json,
            &row.created_at.as_millis(),
            &row.updated_at.as_millis(),
            &sync.revision.cast_signed(),
            &sync.status.as_str(),
            &millis(sync.give_up_at),
            &sync.failed_by_silence,
            &sync.failed_status_details,
            &row.recorder_status_json,
            &row.uploader_status_json,
            &row.local_media_json,
            &row.ledger_json,
            &row.row_version.cast_signed(),
            &has_failing_recorder(row),
        ],
    )
    .await
}

#[async_trait]
impl EdgeConfigurations for PostgresMetadataDb {
    async fn edge_configuration(
        &self,
        stream_arn: &str,
    ) -> Result<Option<EdgeConfiguration>, DbError> {
        let sql = format!("SELECT {COLUMNS} FROM edge_configuration WHERE stream_arn = $1");
        self.database.one(&sql, &[&stream_arn], from_row).await
    }

    async fn edge_configurations_of_hub(
        &self,
        hub_device_arn: &str,
        after_arn: &str,
        limit_rows: usize,
    ) -> Result<Vec<EdgeConfiguration>, DbError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM edge_configuration WHERE hub_device_arn = $1 AND stream_arn > $2 \
             ORDER BY stream_arn LIMIT $3"
        );
        self.database.rows(&sql, &[&hub_device_arn, &after_arn, &limit(limit_rows)], from_row).await
    }

    async fn save_edge_configurations(&self, changes: &[EdgeChange]) -> Result<bool, DbError> {
        let mut changes = changes.to_vec();
        // Everybody locks in the same order, so that two that change the same rows wait once for each other.
        changes.sort_by(|one, other| stream_arn(one).cmp(stream_arn(other)));
        let saved = self.database.change(changes, |work, changes| {
            Box::pin(async move {
                for one in changes {
                    if change(work, one).await?.is_none() {
                        return Ok(None);
                    }
                }
                Ok(Some(true))
            })
        });
        saved.await
    }

    async fn edge_configurations_due(
        &self,
        now: Timestamp,
        limit_rows: usize,
    ) -> Result<Vec<EdgeConfiguration>, DbError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM edge_configuration WHERE give_up_at_ms IS NOT NULL AND give_up_at_ms <= $1 \
             ORDER BY give_up_at_ms, stream_arn LIMIT $2"
        );
        self.database.rows(&sql, &[&now.as_millis(), &limit(limit_rows)], from_row).await
    }

    async fn next_edge_deadline(&self) -> Result<Option<Timestamp>, DbError> {
        let sql =
            "SELECT MIN(give_up_at_ms) FROM edge_configuration WHERE give_up_at_ms IS NOT NULL";
        Ok(self.database.one(sql, &[], |row| maybe_at(row, 0)).await?.flatten())
    }
}
