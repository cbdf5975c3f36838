//! Users: people who sign in with a name and a password.

use async_trait::async_trait;
use vigie_kvs::Sensitive;
use vigie_kvs::iam::StreamScope;
use vigie_kvs::shapes::users::Role;
use vigie_media::Timestamp;

use crate::DbError;

/// A user. What it signs in with is known by its hash alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// `AIDA…`: never used again, as a name may be.
    pub id: String,
    /// Unique whatever its case.
    pub name: String,
    /// In the PHC string format.
    pub password_hash: Sensitive,
    /// What it may do.
    pub role: Role,
    /// With which streams.
    pub scope: StreamScope,
    /// It cannot sign in.
    pub is_disabled: bool,
    /// Sessions that began in another epoch have ended.
    pub sessions_epoch: u64,
    pub created_at: Timestamp,
    pub password_changed_at: Timestamp,
    pub last_sign_in_at: Option<Timestamp>,
    /// Grows with each save.
    pub row_version: u64,
}

/// What a user is found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserKey<'a> {
    Id(&'a str),
    /// In any case.
    Name(&'a str),
}

/// Rows of users.
#[async_trait]
pub trait Users: Send + Sync {
    async fn user(&self, key: UserKey<'_>) -> Result<Option<User>, DbError>;
    /// Up to `limit` users in order of their names in lower case, after that name in lower case.
    async fn list_users(&self, after_name: &str, limit: usize) -> Result<Vec<User>, DbError>;
    /// Adds a user, whose row version is 0; `false` when the name is taken.
    async fn create_user(&self, user: &User) -> Result<bool, DbError>;
    /// Saves a changed user (its id, name, creation and last sign-in stay) under the next row version; `false` when it is not
    /// there or was saved since it was read.
    async fn save_user(&self, user: &User) -> Result<bool, DbError>;
    /// Notes that a user has signed in, which is no change of it.
    async fn note_sign_in(&self, id: &str, at: Timestamp) -> Result<(), DbError>;
    /// Removes a user; `false` when it is not there.
    async fn remove_user(&self, id: &str) -> Result<bool, DbError>;
}
