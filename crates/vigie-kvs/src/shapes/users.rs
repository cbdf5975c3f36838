//! The extensions for users: people who sign in with a name and a password.

use serde::{Deserialize, Serialize};
use vigie_media::Timestamp;

use super::wire_enum;
use crate::error::KvsError;
use crate::iam::StreamScope;
use crate::sensitive::Sensitive;
use crate::wire::{null_as_default, timestamp, timestamp_option};

wire_enum! {
    /// What a user may do; each may do what the one before may.
    Role {
        /// Look and listen, search and export.
        Viewer = "VIEWER",
        /// Run cameras: streams, edge configurations, secrets.
        Operator = "OPERATOR",
        /// Everything but root keys.
        Administrator = "ADMINISTRATOR",
    }
}

/// A tag that chooses streams.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct StreamTag {
    /// Its key.
    pub tag_key: String,
    /// Its value.
    pub tag_value: String,
}

/// The streams that a role is for, from the members of an input.
fn scope(names: Option<&Vec<String>>, tag: Option<&StreamTag>) -> Result<StreamScope, KvsError> {
    match (names, tag) {
        (None, None) => Ok(StreamScope::All),
        (Some(names), None) => Ok(StreamScope::Names(names.clone())),
        (None, Some(tag)) => {
            Ok(StreamScope::Tag { key: tag.tag_key.clone(), value: tag.tag_value.clone() })
        }
        (Some(_), Some(_)) => {
            let message = "StreamNames and StreamTag exclude each other: give one";
            Err(KvsError::invalid_argument(message))
        }
    }
}

/// Asks for a new user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateUserInput {
    /// Its name, by which it signs in; case does not matter.
    pub user_name: String,
    /// 10 characters to 256 bytes, and not the name.
    pub password: Sensitive,
    /// What it may do.
    pub role: Role,
    /// The streams that the role is for, `*` for any characters; all where neither these nor `StreamTag` is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream_names: Option<Vec<String>>,
    /// The streams that the role is for, by a tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream_tag: Option<StreamTag>,
    /// The caller's own, where that is a user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current_password: Option<Sensitive>,
}

impl CreateUserInput {
    /// The streams that the role is for.
    pub fn scope(&self) -> Result<StreamScope, KvsError> {
        scope(self.stream_names.as_ref(), self.stream_tag.as_ref())
    }
}

/// A user, without its password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct User {
    /// By which it signs in.
    pub user_name: String,
    /// `AIDA…`; another for each user that ever was.
    pub user_id: String,
    /// As IAM and the audit log name it.
    pub arn: String,
    /// What it may do.
    pub role: Role,
    /// The streams that the role is for; absent where it is for all, or a tag chooses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream_names: Option<Vec<String>>,
    /// The tag of the streams that the role is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream_tag: Option<StreamTag>,
    /// Whether it can sign in.
    pub disabled: bool,
    /// When it was made.
    #[serde(with = "timestamp")]
    pub creation_time: Timestamp,
    /// When its password was last set.
    #[serde(with = "timestamp")]
    pub password_change_time: Timestamp,
    /// When it last signed in.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "timestamp_option")]
    pub last_sign_in_time: Option<Timestamp>,
}

/// Answers CreateUser and UpdateUser.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UserOutput {
    /// The user as it is now.
    pub user: User,
}

/// Changes a user, and ends its sessions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateUserInput {
    /// Which.
    pub user_name: String,
    /// Another role, with its streams; both stay where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// See CreateUser.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream_names: Option<Vec<String>>,
    /// See CreateUser.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream_tag: Option<StreamTag>,
    /// Whether it can sign in no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
    /// Another password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Sensitive>,
    /// The caller's own, where that is a user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current_password: Option<Sensitive>,
}

impl UpdateUserInput {
    /// The other role with its streams, if one is given.
    pub fn role_and_scope(&self) -> Result<Option<(Role, StreamScope)>, KvsError> {
        match self.role {
            Some(role) => {
                let scope = scope(self.stream_names.as_ref(), self.stream_tag.as_ref())?;
                Ok(Some((role, scope)))
            }
            None if self.stream_names.is_some() || self.stream_tag.is_some() => {
                let message = "StreamNames and StreamTag belong to a role: give Role as well";
                Err(KvsError::invalid_argument(message))
            }
            None => Ok(None),
        }
    }
}

/// Removes a user, and ends its sessions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteUserInput {
    /// Which.
    pub user_name: String,
}

/// Ends the sessions of a user.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SignOutUserInput {
    /// Which.
    pub user_name: String,
}

/// Asks for a page of the users.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListUsersInput {
    /// 1..=1000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_results: Option<u32>,
    /// From the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// A page of the users, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListUsersOutput {
    /// One page.
    #[serde(default, deserialize_with = "null_as_default")]
    pub users: Vec<User>,
    /// For the next page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// Sets the password of the user that calls, and ends its sessions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ChangePasswordInput {
    /// The one until now.
    pub current_password: Sensitive,
    /// The one from now on.
    pub password: Sensitive,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_for_all_streams_or_for_those_that_one_thing_chooses() {
        let names = vec!["gate".to_owned()];
        let tag = StreamTag { tag_key: "a".into(), tag_value: "b".into() };
        assert_eq!(scope(None, None), Ok(StreamScope::All));
        assert_eq!(scope(Some(&names), None), Ok(StreamScope::Names(names.clone())));
        let by_tag = StreamScope::Tag { key: "a".into(), value: "b".into() };
        assert_eq!(scope(None, Some(&tag)), Ok(by_tag));
        let refused = scope(Some(&names), Some(&tag)).unwrap_err();
        assert!(refused.message.starts_with("StreamNames and StreamTag exclude"), "{refused:?}");
        let input = UpdateUserInput { stream_names: Some(names), ..UpdateUserInput::default() };
        assert!(input.role_and_scope().unwrap_err().message.ends_with("give Role as well"));
    }
}
