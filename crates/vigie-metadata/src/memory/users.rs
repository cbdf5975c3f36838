//! The users of the engine in memory.

use async_trait::async_trait;
use vigie_media::Timestamp;

use super::MemoryMetadataDb;
use crate::{DbError, User, UserKey, Users};

#[async_trait]
impl Users for MemoryMetadataDb {
    async fn user(&self, key: UserKey<'_>) -> Result<Option<User>, DbError> {
        let tables = self.tables();
        let is_meant = |user: &&User| match key {
            UserKey::Id(id) => user.id == id,
            UserKey::Name(name) => user.name.eq_ignore_ascii_case(name),
        };
        Ok(tables.users.values().find(is_meant).cloned())
    }

    async fn list_users(&self, after_name: &str, limit: usize) -> Result<Vec<User>, DbError> {
        let tables = self.tables();
        let behind = tables.users.iter().filter(|(name, _)| name.as_str() > after_name);
        Ok(behind.take(limit).map(|(_, user)| user.clone()).collect())
    }

    async fn create_user(&self, user: &User) -> Result<bool, DbError> {
        Ok(self.change(|tables| {
            let name = user.name.to_ascii_lowercase();
            tables.users.insert(name, user.clone()).is_none()
        }))
    }

    async fn save_user(&self, user: &User) -> Result<bool, DbError> {
        Ok(self.change(|tables| {
            let row = tables.users.get_mut(&user.name.to_ascii_lowercase());
            let row = row.filter(|row| row.id == user.id && row.row_version == user.row_version);
            let Some(row) = row else { return false };
            let (created_at, last_sign_in_at) = (row.created_at, row.last_sign_in_at);
            let row_version = row.row_version + 1;
            *row = User { created_at, last_sign_in_at, row_version, ..user.clone() };
            true
        }))
    }

    async fn note_sign_in(&self, id: &str, at: Timestamp) -> Result<(), DbError> {
        let mut tables = self.tables();
        if let Some(user) = tables.users.values_mut().find(|user| user.id == id) {
            user.last_sign_in_at = Some(at);
        }
        Ok(())
    }

    async fn remove_user(&self, id: &str) -> Result<bool, DbError> {
        Ok(self.change(|tables| {
            let before = tables.users.len();
            tables.users.retain(|_, user| user.id != id);
            tables.users.len() < before
        }))
    }
}
