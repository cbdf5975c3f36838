//! Rows of hubs, and lists of those that are configured as well.

use async_trait::async_trait;
use tokio_postgres::Row;
use vigie_media::Timestamp;
use vigie_metadata::{DbError, Hub, HubRow, Hubs};

use super::PostgresMetadataDb;
use crate::error::{Fault, not_json};
use crate::statement::{Work, at, count, limit, maybe_at};

fn from_row(row: &Row) -> Result<Hub, Fault> {
    Ok(Hub {
        hub_device_arn: row.try_get(0)?,
        last_seen_at: at(row, 1)?,
        agent_version: row.try_get(2)?,
        clock_skew_ms: row.try_get(3)?,
        // What cannot be understood is another version's: then any agent may work as the hub.
        holder: row.try_get::<_, Option<&str>>(4)?.and_then(|json| serde_json::from_str(json).ok()),
    })
}

async fn save(work: &Work<'_>, hub: &Hub) -> Result<Option<bool>, Fault> {
    let holder_json =
        hub.holder.as_ref().map(serde_json::to_string).transpose().map_err(not_json)?;
    let sql = "INSERT INTO hub (hub_device_arn, last_seen_at_ms, agent_version, clock_skew_ms, holder_json) \
               VALUES ($1, $2, $3, $4, $5) ON CONFLICT (hub_device_arn) DO UPDATE SET \
               last_seen_at_ms = excluded.last_seen_at_ms, agent_version = excluded.agent_version, \
               clock_skew_ms = excluded.clock_skew_ms, holder_json = excluded.holder_json";
    work.execute(
        sql,
        &[
            &hub.hub_device_arn,
            &hub.last_seen_at.as_millis(),
            &hub.agent_version,
            &hub.clock_skew_ms,
            &holder_json,
        ],
    )
    .await?;
    Ok(Some(true))
}

fn list_row(row: &Row) -> Result<HubRow, Fault> {
    let version: Option<String> = row.try_get(2)?;
    Ok(HubRow {
        hub_device_arn: row.try_get(0)?,
        seen: maybe_at(row, 1)?.zip(version),
        stream_count: count(row, 3)?,
        failing_recorder_count: count(row, 4)?,
        clock_skew_ms: row.try_get(5)?,
    })
}

/// Hubs of configurations are found from one to the next, by the index: no row is read for each configuration of a hub that
/// is not on the page.
const LIST: &str = "WITH RECURSIVE configured (arn, number) AS ( \
         SELECT (SELECT MIN(hub_device_arn) FROM edge_configuration WHERE hub_device_arn >= $1), 1::bigint \
         UNION ALL \
         SELECT (SELECT MIN(hub_device_arn) FROM edge_configuration WHERE hub_device_arn > arn), number + 1 \
         FROM configured WHERE arn IS NOT NULL AND number < $2), \
     called (arn) AS (SELECT hub_device_arn FROM hub WHERE hub_device_arn >= $1 \
         ORDER BY hub_device_arn LIMIT $2), \
     page (arn) AS (SELECT arn FROM configured WHERE arn IS NOT NULL UNION SELECT arn FROM called \
         ORDER BY arn LIMIT $2) \
     SELECT arn, last_seen_at_ms, agent_version, \
         (SELECT COUNT(*) FROM edge_configuration e WHERE e.hub_device_arn = arn), \
         (SELECT COUNT(*) FROM edge_configuration e WHERE e.hub_device_arn = arn AND e.recorder_failed), \
         clock_skew_ms FROM page LEFT JOIN hub ON hub_device_arn = arn ORDER BY arn";

#[async_trait]
impl Hubs for PostgresMetadataDb {
    async fn save_hub(&self, hub: &Hub) -> Result<(), DbError> {
        let saved = self.database.change(hub.clone(), |work, hub| Box::pin(save(work, hub)));
        saved.await.map(drop)
    }

    async fn forget_hub(
        &self,
        hub_device_arn: &str,
        last_seen_at: Timestamp,
    ) -> Result<bool, DbError> {
        let args = (hub_device_arn.to_owned(), last_seen_at.as_millis());
        let forgotten = self.database.change(args, |work, (arn, last_seen_at)| {
            Box::pin(async move {
                let sql = "DELETE FROM hub WHERE hub_device_arn = $1 AND last_seen_at_ms = $2";
                Ok((work.execute(sql, &[arn, last_seen_at]).await? == 1).then_some(true))
            })
        });
        forgotten.await
    }

    async fn hub(&self, hub_device_arn: &str) -> Result<Option<Hub>, DbError> {
        let sql = "SELECT hub_device_arn, last_seen_at_ms, agent_version, clock_skew_ms, holder_json FROM hub \
                   WHERE hub_device_arn = $1";
        self.database.one(sql, &[&hub_device_arn], from_row).await
    }

    async fn hubs(&self, from_arn: &str, limit_rows: usize) -> Result<Vec<HubRow>, DbError> {
        self.database.rows(LIST, &[&from_arn, &limit(limit_rows)], list_row).await
    }
}
