//! Secrets and their sealed values.

use std::collections::BTreeMap;

use async_trait::async_trait;
use vigie_media::Timestamp;

use crate::DbError;

/// A hyphen and six letters and digits end every secret's ARN.
pub const SECRET_ARN_SUFFIX_LENGTH: usize = 7;

/// A secret without its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secret {
    /// `arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME-SUFFIX`.
    pub arn: String,
    /// Unique among the account's secrets.
    pub name: String,
    /// Free text.
    pub description: Option<String>,
    /// As the caller gave it.
    pub kms_key_id: Option<String>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its metadata or value last changed.
    pub changed_at: Timestamp,
    /// The day it was last read, if ever (Secrets Manager keeps the date alone).
    pub accessed_on: Option<Timestamp>,
    /// When DeleteSecret was called, if it was.
    pub deleted_at: Option<Timestamp>,
    /// When it goes for good, once deleted.
    pub delete_after: Option<Timestamp>,
    /// Its versions, oldest first.
    pub versions: Vec<SecretVersion>,
    /// Counts the saves of this row; a save names the one it was decided on.
    pub row_version: u64,
}

/// A version of a secret without its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretVersion {
    /// `VersionId`, the `ClientRequestToken` that made it.
    pub version_id: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// `VersionStages`.
    pub stages: Vec<String>,
}

/// Rows of secrets and of their versions.
#[async_trait]
pub trait Secrets: Send + Sync {
    /// A secret by its name, its ARN or its ARN without the random suffix.
    async fn secret(&self, id: &str) -> Result<Option<Secret>, DbError>;
    /// Up to `limit` secrets in order of name, after `after_name`.
    async fn list_secrets(&self, after_name: &str, limit: usize) -> Result<Vec<Secret>, DbError>;
    /// Adds a secret; `false` when the name is taken. Of its versions the one that `value` names is stored, with its sealed
    /// value.
    async fn create_secret(
        &self,
        secret: &Secret,
        value: Option<(&str, &[u8])>,
    ) -> Result<bool, DbError>;
    /// Saves a changed secret and drops the versions it no longer has; `value` is a new version's id and sealed
    /// value. `false` when it was changed since it was read.
    async fn save_secret(
        &self,
        secret: &Secret,
        value: Option<(&str, &[u8])>,
    ) -> Result<bool, DbError>;
    /// The sealed value of a version.
    async fn secret_value(&self, arn: &str, version_id: &str) -> Result<Option<Vec<u8>>, DbError>;
    /// Removes a secret and its values.
    async fn delete_secret(&self, arn: &str) -> Result<(), DbError>;
    /// Secrets whose recovery window is over, the longest first, at most `limit`.
    async fn secrets_to_delete(&self, now: Timestamp, limit: usize)
    -> Result<Vec<Secret>, DbError>;
}
