//! The edge configurations and hubs of the engine in memory.

use std::collections::BTreeSet;

use async_trait::async_trait;
use vigie_engine::sync::StoredSync;
use vigie_kvs::shapes::sync_edge_agent::Action;
use vigie_media::Timestamp;

use super::{MemoryMetadataDb, Tables};
use crate::{
    DbError, EdgeChange, EdgeConfiguration, EdgeConfigurations, Hub, HubRow, Hubs, StreamStatus,
};

impl Tables {
    /// `false` when the row was changed since it was read, or what it needs of its stream is not there any more.
    pub(super) fn change_edge_configuration(&mut self, change: &EdgeChange) -> bool {
        match change {
            EdgeChange::Save(row) => {
                let known = self.edge_configurations.get(&row.stream_arn);
                let is_newest = known.map_or(0, |known| known.row_version) == row.row_version;
                if !(is_newest && self.may_be(row)) {
                    return false;
                }
                let row_version = row.row_version + 1;
                let saved = EdgeConfiguration { row_version, ..row.as_ref().clone() };
                self.edge_configurations.insert(row.stream_arn.clone(), saved);
                true
            }
            EdgeChange::Remove { stream_arn, row_version } => {
                let known = self.edge_configurations.get(stream_arn);
                let is_newest = known.is_some_and(|known| known.row_version == *row_version);
                if is_newest {
                    self.edge_configurations.remove(stream_arn);
                }
                is_newest
            }
        }
    }

    fn may_be(&self, row: &EdgeConfiguration) -> bool {
        row.sync.desired_action() == Action::Delete
            || self.streams.get(&row.stream_arn).is_some_and(|stream| {
                stream.status == StreamStatus::Active && stream.retention_hours > 0
            })
    }
}

fn deadline(row: &EdgeConfiguration) -> Option<Timestamp> {
    StoredSync::from(&row.sync).give_up_at
}

fn has_failing_recorder(row: &EdgeConfiguration) -> bool {
    let status = row.recorder_status_json.as_deref();
    let status = status.and_then(|json| serde_json::from_str::<serde_json::Value>(json).ok());
    status.is_some_and(|status| {
        ["USER_ERROR", "SYSTEM_ERROR"].iter().any(|error| status["RecorderStatus"] == *error)
    })
}

#[async_trait]
impl EdgeConfigurations for MemoryMetadataDb {
    async fn edge_configuration(
        &self,
        stream_arn: &str,
    ) -> Result<Option<EdgeConfiguration>, DbError> {
        Ok(self.tables().edge_configurations.get(stream_arn).cloned())
    }

    async fn edge_configurations_of_hub(
        &self,
        hub_device_arn: &str,
        after_arn: &str,
        limit: usize,
    ) -> Result<Vec<EdgeConfiguration>, DbError> {
        let tables = self.tables();
        let of_hub = tables.edge_configurations.values().filter(|row| {
            row.hub_device_arn == hub_device_arn && row.stream_arn.as_str() > after_arn
        });
        Ok(of_hub.take(limit).cloned().collect())
    }

    async fn save_edge_configurations(&self, changes: &[EdgeChange]) -> Result<bool, DbError> {
        Ok(self
            .change(|tables| changes.iter().all(|change| tables.change_edge_configuration(change))))
    }

    async fn edge_configurations_due(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<EdgeConfiguration>, DbError> {
        let tables = self.tables();
        let mut due: Vec<_> = tables
            .edge_configurations
            .values()
            .filter_map(|row| Some((deadline(row).filter(|at| *at <= now)?, row)))
            .collect();
        due.sort_by(|(at, row), (other, behind)| {
            (at, &row.stream_arn).cmp(&(other, &behind.stream_arn))
        });
        Ok(due.into_iter().take(limit).map(|(_, row)| row.clone()).collect())
    }

    async fn next_edge_deadline(&self) -> Result<Option<Timestamp>, DbError> {
        Ok(self.tables().edge_configurations.values().filter_map(deadline).min())
    }
}

#[async_trait]
impl Hubs for MemoryMetadataDb {
    async fn save_hub(&self, hub: &Hub) -> Result<(), DbError> {
        self.tables().hubs.insert(hub.hub_device_arn.clone(), hub.clone());
        Ok(())
    }

    async fn forget_hub(
        &self,
        hub_device_arn: &str,
        last_seen_at: Timestamp,
    ) -> Result<bool, DbError> {
        let mut tables = self.tables();
        let is_it =
            tables.hubs.get(hub_device_arn).is_some_and(|hub| hub.last_seen_at == last_seen_at);
        Ok(is_it && tables.hubs.remove(hub_device_arn).is_some())
    }

    async fn hub(&self, hub_device_arn: &str) -> Result<Option<Hub>, DbError> {
        Ok(self.tables().hubs.get(hub_device_arn).cloned())
    }

    async fn hubs(&self, from_arn: &str, limit: usize) -> Result<Vec<HubRow>, DbError> {
        let tables = self.tables();
        let configured = tables.edge_configurations.values().map(|row| &row.hub_device_arn);
        let arns: BTreeSet<&String> = tables.hubs.keys().chain(configured).collect();
        let row = |arn: &String| {
            let own =
                || tables.edge_configurations.values().filter(|row| row.hub_device_arn == *arn);
            let hub = tables.hubs.get(arn);
            HubRow {
                hub_device_arn: arn.clone(),
                seen: hub.map(|hub| (hub.last_seen_at, hub.agent_version.clone())),
                stream_count: own().count() as u64,
                failing_recorder_count: own().filter(|row| has_failing_recorder(row)).count()
                    as u64,
                clock_skew_ms: hub.and_then(|hub| hub.clock_skew_ms),
            }
        };
        let page = arns.into_iter().filter(|arn| arn.as_str() >= from_arn).take(limit);
        Ok(page.map(row).collect())
    }
}
