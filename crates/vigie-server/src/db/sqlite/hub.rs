//! Rows of hubs, and lists of those that are configured as well.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};
use vigie_media::Timestamp;

use super::{SqliteMetadataDb, limit, timestamp};
use crate::db::{DbError, Hub, HubRow, Hubs};

#[async_trait]
impl Hubs for SqliteMetadataDb {
    async fn save_hub(&self, hub: &Hub) -> Result<(), DbError> {
        let hub = hub.clone();
        self.writer.write(move |db| save(db, &hub)).await.map(drop)
    }

    async fn forget_hub(
        &self,
        hub_device_arn: &str,
        last_seen_at: Timestamp,
    ) -> Result<bool, DbError> {
        let hub_device_arn = hub_device_arn.to_owned();
        self.writer.write(move |db| forget(db, &hub_device_arn, last_seen_at)).await
    }

    async fn hub(&self, hub_device_arn: &str) -> Result<Option<Hub>, DbError> {
        self.read(|db| get(db, hub_device_arn))
    }

    async fn hubs(&self, from_arn: &str, limit: usize) -> Result<Vec<HubRow>, DbError> {
        self.read(|db| list(db, from_arn, limit))
    }
}

fn save(db: &Connection, hub: &Hub) -> rusqlite::Result<bool> {
    let holder_json = hub.holder.as_ref().map(serde_json::to_string).transpose();
    let holder_json =
        holder_json.map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    db.prepare_cached(
        "REPLACE INTO hub (hub_device_arn, last_seen_at_ms, agent_version, clock_skew_ms, \
         holder_json) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![
        hub.hub_device_arn,
        hub.last_seen_at.as_millis(),
        hub.agent_version,
        hub.clock_skew_ms,
        holder_json,
    ])?;
    Ok(true)
}

fn forget(
    db: &Connection,
    hub_device_arn: &str,
    last_seen_at: Timestamp,
) -> rusqlite::Result<bool> {
    let sql = "DELETE FROM hub WHERE hub_device_arn = ?1 AND last_seen_at_ms = ?2";
    let removed =
        db.prepare_cached(sql)?.execute(params![hub_device_arn, last_seen_at.as_millis()])?;
    Ok(removed == 1)
}

pub(super) fn get(db: &Connection, hub_device_arn: &str) -> rusqlite::Result<Option<Hub>> {
    db.prepare_cached(
        "SELECT hub_device_arn, last_seen_at_ms, agent_version, clock_skew_ms, holder_json FROM hub \
         WHERE hub_device_arn = ?1",
    )?
    .query_row([hub_device_arn], |row| {
        Ok(Hub {
            hub_device_arn: row.get(0)?,
            last_seen_at: timestamp(row.get(1)?),
            agent_version: row.get(2)?,
            clock_skew_ms: row.get(3)?,
            // What cannot be understood is another version's: then any agent may work as the hub.
            holder: row
                .get::<_, Option<String>>(4)?
                .and_then(|json| serde_json::from_str(&json).ok()),
        })
    })
    .optional()
}

/// Hubs that have called or that are configured, with how many streams they have and how many of them are not well.
pub(super) fn list(
    db: &Connection,
    from_arn: &str,
    limit_rows: usize,
) -> rusqlite::Result<Vec<HubRow>> {
    // Hubs of configurations are found from one to the next, by the index: no row is read for each configuration of a
    // hub that is not on the page.
    db.prepare_cached(
        "WITH RECURSIVE configured (arn) AS ( \
             SELECT MIN(hub_device_arn) FROM edge_configuration WHERE hub_device_arn >= ?1 \
             UNION ALL \
             SELECT (SELECT MIN(hub_device_arn) FROM edge_configuration WHERE hub_device_arn > arn) \
             FROM configured WHERE arn IS NOT NULL LIMIT ?2), \
         called (arn) AS (SELECT hub_device_arn FROM hub WHERE hub_device_arn >= ?1 \
             ORDER BY hub_device_arn LIMIT ?2), \
         page (arn) AS (SELECT arn FROM configured WHERE arn IS NOT NULL UNION \
             SELECT arn FROM called ORDER BY arn LIMIT ?2) \
         SELECT arn, last_seen_at_ms, agent_version, (SELECT COUNT(*) FROM edge_configuration e \
         WHERE e.hub_device_arn = arn), (SELECT COUNT(*) FROM edge_configuration e \
         WHERE e.hub_device_arn = arn AND json_extract(recorder_status_json, '$.RecorderStatus') \
         IN ('USER_ERROR', 'SYSTEM_ERROR')), clock_skew_ms FROM page LEFT JOIN hub ON hub_device_arn = arn \
         ORDER BY arn",
    )?
    .query_map(params![from_arn, limit(limit_rows)], |row| {
        let seen: Option<i64> = row.get(1)?;
        let version: Option<String> = row.get(2)?;
        let seen = seen.map(timestamp).zip(version);
        Ok(HubRow {
            hub_device_arn: row.get(0)?,
            seen,
            stream_count: row.get::<_, i64>(3)?.cast_unsigned(),
            failing_recorder_count: row.get::<_, i64>(4)?.cast_unsigned(),
            clock_skew_ms: row.get(5)?,
        })
    })?
    .collect()
}
