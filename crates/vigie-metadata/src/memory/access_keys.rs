//! The access keys of the engine in memory.

use async_trait::async_trait;
use vigie_media::Timestamp;

use super::{MemoryMetadataDb, Tables};
use crate::{AccessKey, AccessKeys, DbError};

impl Tables {
    /// Oldest first.
    fn access_keys_in_order(&self) -> Vec<&AccessKey> {
        let mut keys: Vec<&AccessKey> = self.access_keys.values().collect();
        keys.sort_by(|one, other| position(one).cmp(&position(other)));
        keys
    }
}

fn position(key: &AccessKey) -> (Timestamp, &str) {
    (key.created_at, key.access_key_id.as_str())
}

fn is_root(key: &AccessKey) -> bool {
    key.policy_json.is_none() && key.revoked_at.is_none()
}

#[async_trait]
impl AccessKeys for MemoryMetadataDb {
    async fn access_key(&self, access_key_id: &str) -> Result<Option<AccessKey>, DbError> {
        Ok(self.tables().access_keys.get(access_key_id).cloned())
    }

    async fn root_key(&self) -> Result<Option<AccessKey>, DbError> {
        let tables = self.tables();
        Ok(tables.access_keys_in_order().into_iter().find(|key| is_root(key)).cloned())
    }

    async fn list_access_keys(
        &self,
        after: (Timestamp, &str),
        limit: usize,
    ) -> Result<Vec<AccessKey>, DbError> {
        let tables = self.tables();
        let behind = tables.access_keys_in_order().into_iter().filter(|key| position(key) > after);
        Ok(behind.take(limit).cloned().collect())
    }

    async fn create_access_key(&self, key: &AccessKey) -> Result<(), DbError> {
        let mut tables = self.tables();
        if tables.access_keys.contains_key(&key.access_key_id) {
            return Err(DbError::Engine("an access key of this id is there".to_owned()));
        }
        tables.access_keys.insert(key.access_key_id.clone(), key.clone());
        Ok(())
    }

    async fn create_first_access_key(&self, key: &AccessKey) -> Result<bool, DbError> {
        let mut tables = self.tables();
        let is_first = tables.access_keys.is_empty();
        if is_first {
            tables.access_keys.insert(key.access_key_id.clone(), key.clone());
        }
        Ok(is_first)
    }

    async fn revoke_access_key(
        &self,
        access_key_id: &str,
        now: Timestamp,
    ) -> Result<bool, DbError> {
        let mut tables = self.tables();
        let root_count = tables.access_keys.values().filter(|key| is_root(key)).count();
        let Some(key) = tables.access_keys.get_mut(access_key_id) else { return Ok(false) };
        if key.revoked_at.is_some() || key.policy_json.is_none() && root_count < 2 {
            return Ok(false);
        }
        key.revoked_at = Some(now);
        key.sealed_secret.clear();
        Ok(true)
    }
}
