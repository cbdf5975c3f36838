//! The streams of the engine in memory.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::{MemoryMetadataDb, Tables};
use crate::{DbError, EdgeChange, Stream, StreamKey, StreamStatus, Streams};

impl Tables {
    /// The stream of that ARN and that version.
    fn stream_at(&mut self, arn: &str, version: &str) -> Option<&mut Stream> {
        self.streams.get_mut(arn).filter(|stream| stream.version == version)
    }
}

#[async_trait]
impl Streams for MemoryMetadataDb {
    async fn create_stream(
        &self,
        stream: &Stream,
        tags: &BTreeMap<String, String>,
    ) -> Result<bool, DbError> {
        Ok(self.change(|tables| {
            let mut taken = tables.streams.values();
            if taken.any(|other| other.arn == stream.arn || other.name == stream.name) {
                return false;
            }
            tables.streams.insert(stream.arn.clone(), stream.clone());
            tables.tags.insert(stream.arn.clone(), tags.clone());
            true
        }))
    }

    async fn stream(&self, key: StreamKey<'_>) -> Result<Option<Stream>, DbError> {
        let tables = self.tables();
        Ok(match key {
            StreamKey::Arn(arn) => tables.streams.get(arn).cloned(),
            StreamKey::Name(name) => tables.streams.values().find(|one| one.name == name).cloned(),
        })
    }

    async fn list_streams(
        &self,
        prefix: &str,
        after_name: &str,
        limit: usize,
    ) -> Result<Vec<Stream>, DbError> {
        let tables = self.tables();
        let mut found: Vec<&Stream> = tables
            .streams
            .values()
            .filter(|stream| stream.name.starts_with(prefix) && stream.name.as_str() > after_name)
            .collect();
        found.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(found.into_iter().take(limit).cloned().collect())
    }

    async fn save_stream(&self, stream: &Stream, expected_version: &str) -> Result<bool, DbError> {
        Ok(self.change(|tables| {
            let is_configured = tables.edge_configurations.contains_key(&stream.arn);
            let Some(row) = tables.stream_at(&stream.arn, expected_version) else { return false };
            if row.status == StreamStatus::Deleting || is_configured && stream.retention_hours == 0
            {
                return false;
            }
            let (name, created_at) = (row.name.clone(), row.created_at);
            let kms_key_id = row.kms_key_id.clone();
            *row = Stream { name, created_at, kms_key_id, status: row.status, ..stream.clone() };
            true
        }))
    }

    async fn begin_stream_deletion(
        &self,
        arn: &str,
        expected_version: &str,
        edge: Option<&EdgeChange>,
    ) -> Result<bool, DbError> {
        Ok(self.change(|tables| {
            let Some(row) = tables.stream_at(arn, expected_version) else { return false };
            row.status = StreamStatus::Deleting;
            edge.is_none_or(|change| tables.change_edge_configuration(change))
        }))
    }

    async fn finish_stream_deletion(&self, arn: &str) -> Result<(), DbError> {
        let mut tables = self.tables();
        tables.streams.remove(arn);
        tables.tags.remove(arn);
        tables.share_links.retain(|_, link| link.stream_arn != arn);
        tables.ledgers.retain(|(stream_arn, _), _| stream_arn != arn);
        Ok(())
    }

    async fn put_tags(
        &self,
        arn: &str,
        tags: &BTreeMap<String, String>,
        tags_max: usize,
    ) -> Result<bool, DbError> {
        Ok(self.change(|tables| {
            let known = tables.tags.entry(arn.to_owned()).or_default();
            known.extend(tags.clone());
            known.len() <= tags_max
        }))
    }

    async fn remove_tags(&self, arn: &str, keys: &[String]) -> Result<(), DbError> {
        if let Some(known) = self.tables().tags.get_mut(arn) {
            known.retain(|key, _| !keys.contains(key));
        }
        Ok(())
    }

    async fn tags(&self, arn: &str) -> Result<BTreeMap<String, String>, DbError> {
        Ok(self.tables().tags.get(arn).cloned().unwrap_or_default())
    }
}
