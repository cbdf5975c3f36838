//! Secrets Manager: secrets and their values.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use vigie_media::Timestamp;

use super::wire_enum;
use crate::error::{ErrorKind, KvsError};
use crate::sensitive::Sensitive;
use crate::wire::{null_as_default, timestamp, timestamp_option};

wire_enum! {
    /// What a filter of ListSecrets looks at.
    FilterKey {
        /// Words of the description.
        Description = "description",
        /// The beginning of the name.
        Name = "name",
        /// The beginning of a tag's key.
        TagKey = "tag-key",
        /// The beginning of a tag's value.
        TagValue = "tag-value",
        /// The region of a replicated secret.
        PrimaryRegion = "primary-region",
        /// The service that keeps the secret.
        OwningService = "owning-service",
        /// Any of these.
        All = "all",
    }
}

wire_enum! {
    /// Which way ListSecrets goes.
    SortOrder {
        /// Ascending.
        Ascending = "asc",
        /// Descending.
        Descending = "desc",
    }
}

wire_enum! {
    /// By what ListSecrets sorts.
    SortBy {
        /// Creation.
        CreatedDate = "created-date",
        /// Last use.
        LastAccessedDate = "last-accessed-date",
        /// Last change.
        LastChangedDate = "last-changed-date",
        /// Name.
        Name = "name",
    }
}

/// Secrets Manager API_Tag.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Tag {
    /// The key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// Secrets Manager API_ReplicaRegionType.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ReplicaRegion {
    /// Where to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Encrypted with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key_id: Option<String>,
}

/// What a version of a secret holds: one of the two.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SecretValue {
    /// Text.
    #[serde(rename = "SecretString")]
    String(Sensitive),
    /// Bytes, as base64 text.
    #[serde(rename = "SecretBinary")]
    Binary(Sensitive),
}

impl SecretValue {
    /// From the two members that carry values: at most one may be there.
    fn of(
        string: &Option<Sensitive>,
        binary: &Option<Sensitive>,
    ) -> Result<Option<Self>, KvsError> {
        match (string, binary) {
            (None, None) => Ok(None),
            (Some(string), None) => Ok(Some(Self::String(string.clone()))),
            (None, Some(binary)) => Ok(Some(Self::Binary(binary.clone()))),
            (Some(_), Some(_)) => Err(KvsError::new(
                ErrorKind::InvalidParameter,
                "You can't specify both a binary secret value and a string secret value in the same secret.",
            )),
        }
    }

    /// The members of an answer: `(SecretString, SecretBinary)`.
    pub fn into_members(self) -> (Option<Sensitive>, Option<Sensitive>) {
        match self {
            Self::String(text) => (Some(text), None),
            Self::Binary(base64) => (None, Some(base64)),
        }
    }
}

/// Secrets Manager API_CreateSecret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateSecretInput {
    /// Letters, digits and `/_+=.@-`.
    pub name: String,
    /// Becomes the version's id; the same token with the same value does nothing twice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_request_token: Option<String>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Default `aws/secretsmanager`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key_id: Option<String>,
    /// Base64 text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_binary: Option<Sensitive>,
    /// Text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_string: Option<Sensitive>,
    /// Tags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<Tag>>,
    /// Replication to other regions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub add_replica_regions: Option<Vec<ReplicaRegion>>,
    /// Of replication.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub force_overwrite_replica_secret: Option<bool>,
    /// The kind of a secret that another service manages.
    #[serde(rename = "Type", default, skip_serializing_if = "Option::is_none")]
    pub secret_type: Option<String>,
}

impl CreateSecretInput {
    /// The rules between members and on the name; the value, if there is one.
    pub fn check(&self) -> Result<Option<SecretValue>, KvsError> {
        let valid = |b: u8| b.is_ascii_alphanumeric() || b"/_+=.@-".contains(&b);
        if !self.name.bytes().all(valid) {
            return Err(KvsError::new(
                ErrorKind::InvalidParameter,
                "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!",
            ));
        }
        SecretValue::of(&self.secret_string, &self.secret_binary)
    }
}

/// Secrets Manager API_CreateSecret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateSecretOutput {
    /// With its six random characters.
    #[serde(rename = "ARN")]
    pub arn: String,
    /// The name.
    pub name: String,
    /// Of the first version; absent when the secret has no value yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_id: Option<String>,
}

/// Secrets Manager API_GetSecretValue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetSecretValueInput {
    /// Name, ARN or ARN without its suffix.
    pub secret_id: String,
    /// Which version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_id: Option<String>,
    /// Which version, by its stage; default AWSCURRENT.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_stage: Option<String>,
}

/// Secrets Manager API_GetSecretValue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetSecretValueOutput {
    /// The ARN.
    #[serde(rename = "ARN")]
    pub arn: String,
    /// The name.
    pub name: String,
    /// Of this version.
    pub version_id: String,
    /// Base64 text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_binary: Option<Sensitive>,
    /// Text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_string: Option<Sensitive>,
    /// The stages of this version.
    #[serde(default, deserialize_with = "null_as_default")]
    pub version_stages: Vec<String>,
    /// When this version was made.
    #[serde(default, with = "timestamp_option", skip_serializing_if = "Option::is_none")]
    pub created_date: Option<Timestamp>,
}

/// Secrets Manager API_PutSecretValue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PutSecretValueInput {
    /// Name, ARN or ARN without its suffix.
    pub secret_id: String,
    /// Becomes the version's id; the same token with the same value does nothing twice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_request_token: Option<String>,
    /// Base64 text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_binary: Option<Sensitive>,
    /// Text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_string: Option<Sensitive>,
    /// Default AWSCURRENT.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_stages: Option<Vec<String>>,
    /// Of a rotation function.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation_token: Option<Sensitive>,
}

impl PutSecretValueInput {
    /// The value; exactly one of the two members is needed.
    pub fn check(&self) -> Result<SecretValue, KvsError> {
        SecretValue::of(&self.secret_string, &self.secret_binary)?.ok_or_else(|| {
            KvsError::new(
                ErrorKind::InvalidParameter,
                "You must provide either SecretString or SecretBinary.",
            )
        })
    }
}

/// Secrets Manager API_PutSecretValue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PutSecretValueOutput {
    /// The ARN.
    #[serde(rename = "ARN")]
    pub arn: String,
    /// The name.
    pub name: String,
    /// Of the new version.
    pub version_id: String,
    /// The stages of the new version.
    #[serde(default, deserialize_with = "null_as_default")]
    pub version_stages: Vec<String>,
}

/// Secrets Manager API_DescribeSecret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeSecretInput {
    /// Name, ARN or ARN without its suffix.
    pub secret_id: String,
}

/// What Secrets Manager says about a secret without its value: API_DescribeSecret, and API_SecretListEntry but for
/// the name of the map of versions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SecretInfo {
    /// The ARN.
    #[serde(rename = "ARN")]
    pub arn: String,
    /// The name.
    pub name: String,
    /// The kind of a secret that another service manages.
    #[serde(rename = "Type", default, skip_serializing_if = "Option::is_none")]
    pub secret_type: Option<String>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Encrypted with; absent means `aws/secretsmanager`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key_id: Option<String>,
    /// When it was last changed.
    #[serde(default, with = "timestamp_option", skip_serializing_if = "Option::is_none")]
    pub last_changed_date: Option<Timestamp>,
    /// The day it was last read.
    #[serde(default, with = "timestamp_option", skip_serializing_if = "Option::is_none")]
    pub last_accessed_date: Option<Timestamp>,
    /// When it will be deleted.
    #[serde(default, with = "timestamp_option", skip_serializing_if = "Option::is_none")]
    pub deleted_date: Option<Timestamp>,
    /// Tags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<Tag>>,
    /// When it was made.
    #[serde(default, with = "timestamp_option", skip_serializing_if = "Option::is_none")]
    pub created_date: Option<Timestamp>,
}

/// Secrets Manager API_DescribeSecret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeSecretOutput {
    /// The secret.
    #[serde(flatten)]
    pub secret: SecretInfo,
    /// The versions that have a stage.
    #[serde(default, deserialize_with = "null_as_default")]
    pub version_ids_to_stages: BTreeMap<String, Vec<String>>,
}

/// Secrets Manager API_SecretListEntry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SecretListEntry {
    /// The secret.
    #[serde(flatten)]
    pub secret: SecretInfo,
    /// The versions that have a stage.
    #[serde(default, deserialize_with = "null_as_default")]
    pub secret_versions_to_stages: BTreeMap<String, Vec<String>>,
}

/// Secrets Manager API_Filter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Filter {
    /// What to look at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<FilterKey>,
    /// What to look for; `!` in front negates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<Vec<String>>,
}

/// Secrets Manager API_ListSecrets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListSecretsInput {
    /// Also secrets that wait for their deletion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub include_planned_deletion: Option<bool>,
    /// 1..=100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_results: Option<i32>,
    /// From the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
    /// All have to be satisfied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filters: Option<Vec<Filter>>,
    /// Default descending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sort_order: Option<SortOrder>,
    /// Default by creation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sort_by: Option<SortBy>,
}

/// Secrets Manager API_ListSecrets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListSecretsOutput {
    /// One page.
    #[serde(default, deserialize_with = "null_as_default")]
    pub secret_list: Vec<SecretListEntry>,
    /// For the next page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// Secrets Manager API_DeleteSecret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteSecretInput {
    /// Name, ARN or ARN without its suffix.
    pub secret_id: String,
    /// 7..=30, default 30.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery_window_in_days: Option<i64>,
    /// Delete at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub force_delete_without_recovery: Option<bool>,
}

/// How a secret is to be deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretDeletion {
    /// Now, with no way back. A secret that does not exist is no error.
    AtOnce,
    /// After so many days, in which it cannot be read but can be restored.
    AfterDays(i64),
}

impl DeleteSecretInput {
    /// The rules between members.
    pub fn check(&self) -> Result<SecretDeletion, KvsError> {
        let invalid = |message| Err(KvsError::new(ErrorKind::InvalidParameter, message));
        match (self.recovery_window_in_days, self.force_delete_without_recovery.unwrap_or(false)) {
            (None, true) => Ok(SecretDeletion::AtOnce),
            (Some(_), true) => invalid(
                "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.",
            ),
            (None, false) => Ok(SecretDeletion::AfterDays(30)),
            (Some(days @ 7..=30), false) => Ok(SecretDeletion::AfterDays(days)),
            (Some(_), false) => {
                invalid("RecoveryWindowInDays value must be between 7 and 30 days (inclusive).")
            }
        }
    }
}

/// Secrets Manager API_DeleteSecret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteSecretOutput {
    /// The ARN.
    #[serde(rename = "ARN")]
    pub arn: String,
    /// The name.
    pub name: String,
    /// When it will be gone.
    #[serde(with = "timestamp")]
    pub deletion_date: Timestamp,
}
