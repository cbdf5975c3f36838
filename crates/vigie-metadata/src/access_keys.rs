//! Access keys, their secret halves sealed.

use async_trait::async_trait;
use vigie_media::Timestamp;

use crate::DbError;

/// An access key, its secret half sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessKey {
    /// `AKIA…`.
    pub access_key_id: String,
    /// The secret access key, sealed under the master key; empty once the key is revoked.
    pub sealed_secret: Vec<u8>,
    /// Who uses it: `arn:aws:iam::ACCOUNT:root` for the root key.
    pub principal_arn: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// What it may do, an IAM policy document; `None` is a root key, which may do everything.
    pub policy_json: Option<String>,
    /// When it was revoked, if it was.
    pub revoked_at: Option<Timestamp>,
}

/// Rows of access keys.
///
/// There is a root key from the first start on: the last one that is not revoked cannot be revoked, also where two callers
/// revoke two of them at once.
#[async_trait]
pub trait AccessKeys: Send + Sync {
    /// An access key by id.
    async fn access_key(&self, access_key_id: &str) -> Result<Option<AccessKey>, DbError>;
    /// The oldest root key that is not revoked.
    async fn root_key(&self) -> Result<Option<AccessKey>, DbError>;
    /// Up to `limit` access keys, oldest first, after the one that was made at that time and has that id.
    async fn list_access_keys(
        &self,
        after: (Timestamp, &str),
        limit: usize,
    ) -> Result<Vec<AccessKey>, DbError>;
    /// Adds an access key. One of the same id is an error.
    async fn create_access_key(&self, key: &AccessKey) -> Result<(), DbError>;
    /// Adds an access key where there is none at all; `false` otherwise, also for one of two that are first at once.
    async fn create_first_access_key(&self, key: &AccessKey) -> Result<bool, DbError>;
    /// Marks an access key as revoked and forgets its secret: what was revoked by mistake is replaced, not brought back.
    /// `false` when it is not there, is revoked already, or is the last root key.
    async fn revoke_access_key(&self, access_key_id: &str, now: Timestamp)
    -> Result<bool, DbError>;
}
