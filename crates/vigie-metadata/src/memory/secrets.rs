//! The secrets of the engine in memory.

use std::collections::BTreeMap;

use async_trait::async_trait;
use vigie_media::Timestamp;

use super::{MemoryMetadataDb, StoredSecret, Tables};
use crate::{DbError, SECRET_ARN_SUFFIX_LENGTH, Secret, SecretVersion, Secrets};

impl StoredSecret {
    /// Makes the stored versions those of `secret`: those that are stored already, and the one that comes with its value.
    fn keep_versions(&mut self, secret: &Secret, value: Option<(&str, &[u8])>) {
        let known = std::mem::take(&mut self.secret.versions);
        for version in &secret.versions {
            let old = known.iter().find(|old| old.version_id == version.version_id);
            match (value, old) {
                (Some((id, sealed)), _) if id == version.version_id => {
                    self.values.insert(id.to_owned(), sealed.to_vec());
                    self.secret.versions.push(version.clone());
                }
                (_, Some(old)) => {
                    let created_at = old.created_at;
                    self.secret.versions.push(SecretVersion { created_at, ..version.clone() });
                }
                (_, None) => {}
            }
        }
        let kept = &self.secret.versions;
        self.values.retain(|id, _| kept.iter().any(|version| version.version_id == *id));
    }
}

impl Tables {
    fn secret_named(&self, name: &str) -> Option<&Secret> {
        self.secrets.values().map(|stored| &stored.secret).find(|secret| secret.name == name)
    }
}

#[async_trait]
impl Secrets for MemoryMetadataDb {
    async fn secret(&self, id: &str) -> Result<Option<Secret>, DbError> {
        let tables = self.tables();
        if !id.starts_with("arn:") {
            return Ok(tables.secret_named(id).cloned());
        }
        if let Some(stored) = tables.secrets.get(id) {
            return Ok(Some(stored.secret.clone()));
        }
        let named = id.split_once(":secret:").and_then(|(_, name)| tables.secret_named(name));
        let named = named.filter(|secret| {
            secret.arn.len() == id.len() + SECRET_ARN_SUFFIX_LENGTH && secret.arn.starts_with(id)
        });
        Ok(named.cloned())
    }

    async fn list_secrets(&self, after_name: &str, limit: usize) -> Result<Vec<Secret>, DbError> {
        let tables = self.tables();
        let secrets = tables.secrets.values().map(|stored| &stored.secret);
        let mut found: Vec<_> = secrets.filter(|one| one.name.as_str() > after_name).collect();
        found.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(found.into_iter().take(limit).cloned().collect())
    }

    async fn create_secret(
        &self,
        secret: &Secret,
        value: Option<(&str, &[u8])>,
    ) -> Result<bool, DbError> {
        Ok(self.change(|tables| {
            if tables.secrets.contains_key(&secret.arn)
                || tables.secret_named(&secret.name).is_some()
            {
                return false;
            }
            let row = Secret { row_version: 1, versions: Vec::new(), ..secret.clone() };
            let mut stored = StoredSecret { secret: row, values: BTreeMap::new() };
            stored.keep_versions(secret, value);
            tables.secrets.insert(secret.arn.clone(), stored);
            true
        }))
    }

    async fn save_secret(
        &self,
        secret: &Secret,
        value: Option<(&str, &[u8])>,
    ) -> Result<bool, DbError> {
        let mut tables = self.tables();
        let Some(stored) = tables.secrets.get_mut(&secret.arn) else { return Ok(false) };
        if stored.secret.row_version != secret.row_version {
            return Ok(false);
        }
        let known = stored.secret.clone();
        stored.secret = Secret {
            row_version: known.row_version + 1,
            name: known.name,
            created_at: known.created_at,
            versions: known.versions,
            ..secret.clone()
        };
        stored.keep_versions(secret, value);
        Ok(true)
    }

    async fn secret_value(&self, arn: &str, version_id: &str) -> Result<Option<Vec<u8>>, DbError> {
        let tables = self.tables();
        Ok(tables.secrets.get(arn).and_then(|stored| stored.values.get(version_id)).cloned())
    }

    async fn delete_secret(&self, arn: &str) -> Result<(), DbError> {
        self.tables().secrets.remove(arn);
        Ok(())
    }

    async fn secrets_to_delete(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Secret>, DbError> {
        let tables = self.tables();
        let secrets = tables.secrets.values().map(|stored| &stored.secret);
        let mut due: Vec<&Secret> =
            secrets.filter(|secret| secret.delete_after.is_some_and(|at| at <= now)).collect();
        due.sort_by(|one, other| {
            (one.delete_after, &one.arn).cmp(&(other.delete_after, &other.arn))
        });
        Ok(due.into_iter().take(limit).cloned().collect())
    }
}
