//! The extensions for those who run the server: its access keys and its audit log.

use serde::{Deserialize, Serialize};
use vigie_media::Timestamp;

use crate::error::KvsError;
use crate::sensitive::Sensitive;
use crate::wire::{null_as_default, timestamp, timestamp_option};

/// Asks for a new access key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateAccessKeyInput {
    /// What the key may do: an IAM identity policy. Either this or `Root`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_document: Option<String>,
    /// True for a key that may do everything. Said outright, so that a forgotten policy makes no root key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<bool>,
    /// The user's name in ARNs and refusals; the key's id unless given. Root keys have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_name: Option<String>,
    /// The caller's own password, where that is a user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current_password: Option<Sensitive>,
}

impl CreateAccessKeyInput {
    /// The policy, or `None` for a root key; an error unless exactly one of the two is asked for.
    pub fn policy(&self) -> Result<Option<&str>, KvsError> {
        let refused = |message| Err(KvsError::invalid_argument(message));
        match (self.policy_document.as_deref(), self.root.unwrap_or(false)) {
            (Some(document), false) => Ok(Some(document)),
            (None, true) if self.user_name.is_some() => refused("a root key has no UserName"),
            (None, true) => Ok(None),
            (Some(_), true) => refused("PolicyDocument and Root exclude each other: give one"),
            (None, false) => {
                refused("say what the key may do: PolicyDocument, or Root true for everything")
            }
        }
    }
}

/// A new access key, with the secret half that is shown this once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct NewAccessKey {
    /// `AKIA…`.
    pub access_key_id: String,
    /// 40 characters.
    pub secret_access_key: Sensitive,
    /// Who uses it.
    pub principal_arn: String,
    /// When it was made.
    #[serde(with = "timestamp")]
    pub creation_time: Timestamp,
}

/// Answers CreateAccessKey.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateAccessKeyOutput {
    /// The key.
    pub access_key: NewAccessKey,
}

/// Asks for a page of the access keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListAccessKeysInput {
    /// 1..=1000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_results: Option<u32>,
    /// From the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// An access key without its secret half.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AccessKey {
    /// `AKIA…`.
    pub access_key_id: String,
    /// Who uses it.
    pub principal_arn: String,
    /// When it was made.
    #[serde(with = "timestamp")]
    pub creation_time: Timestamp,
    /// Whether it may do everything.
    pub root: bool,
    /// What it may do, unless that is everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_document: Option<String>,
    /// When it was revoked, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "timestamp_option")]
    pub revocation_time: Option<Timestamp>,
}

/// A page of the access keys, oldest first, revoked ones included.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListAccessKeysOutput {
    /// One page.
    #[serde(default, deserialize_with = "null_as_default")]
    pub access_keys: Vec<AccessKey>,
    /// For the next page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// Revokes an access key, and the temporary credentials that came from it, for good.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RevokeAccessKeyInput {
    /// `AKIA…`.
    pub access_key_id: String,
}

/// Asks for a page of the audit log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListAuditEventsInput {
    /// 1..=1000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_results: Option<u32>,
    /// From the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// One call that changed something, or was to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AuditEvent {
    /// When it was answered.
    #[serde(with = "timestamp")]
    pub event_time: Timestamp,
    /// The `x-amzn-RequestId` of the answer; absent for a command at the machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The key that signed; absent for a command at the machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_key_id: Option<String>,
    /// Who it was.
    pub principal_arn: String,
    /// Such as `kinesisvideo:CreateStream`.
    pub action: String,
    /// The ARN that it was about, where one was named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// The HTTP status.
    pub status_code: u16,
    /// The exception; absent when the call was carried out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    /// Address and port of the caller; absent for a command at the machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote_address: Option<String>,
    /// Bytes of video that went by it and were never uploaded; absent where there were none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_uploaded_bytes: Option<u64>,
    /// How many calls of the same address it stands for; where signatures are refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// Fragments that were erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fragment_count: Option<u64>,
    /// Their bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<u64>,
    /// The folder or file that a command at the machine was about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

/// A page of the audit log, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListAuditEventsOutput {
    /// One page; may be short or empty although more follow.
    #[serde(default, deserialize_with = "null_as_default")]
    pub events: Vec<AuditEvent>,
    /// For the next, older page; absent when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_key_is_a_root_key_only_when_that_is_said() {
        let check = |policy: Option<&str>, root, name: Option<&str>, expect: Result<_, &str>| {
            let input = CreateAccessKeyInput {
                policy_document: policy.map(str::to_owned),
                root,
                user_name: name.map(str::to_owned),
                current_password: None,
            };
            let policy = input.policy().map_err(|error| error.message);
            assert_eq!(policy, expect.map_err(str::to_owned), "{input:?}");
        };
        check(Some("{}"), None, Some("a"), Ok(Some("{}")));
        check(Some("{}"), Some(false), None, Ok(Some("{}")));
        check(None, Some(true), None, Ok(None));
        check(None, Some(true), Some("a"), Err("a root key has no UserName"));
        let both = "PolicyDocument and Root exclude each other: give one";
        check(Some("{}"), Some(true), None, Err(both));
        let neither = "say what the key may do: PolicyDocument, or Root true for everything";
        check(None, None, Some("a"), Err(neither));
        check(None, Some(false), None, Err(neither));
    }
}
