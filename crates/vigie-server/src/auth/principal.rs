//! Who stands behind temporary credentials and playback sessions, and whether it still does.
//!
//! What was given out names one of these and ends with it: an access key until it is revoked, a user until it is removed or
//! disabled or its sessions are ended.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use vigie_kvs::iam::role_policy;

use super::authorize::Permissions;
use super::policy_cache::PolicyCache;
use crate::db::{AccessKey, DbError, MetadataDb, User, UserKey};
use crate::failure::{Answer, Failure};

/// Short names: it stands in every URL of a playback session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Principal {
    /// A lasting access key, by its id.
    #[serde(rename = "a")]
    AccessKey(String),
    #[serde(rename = "u")]
    User {
        #[serde(rename = "i")]
        id: String,
        /// Of its sessions, when it signed in.
        #[serde(rename = "e")]
        sessions_epoch: u64,
    },
}

/// A principal with its row.
pub(crate) enum Holder {
    AccessKey(AccessKey),
    User(User),
}

impl Holder {
    /// What it may do now. What cannot be read, because a newer version wrote it, grants nothing.
    pub(crate) fn permissions(&self, policies: &PolicyCache) -> Answer<Permissions> {
        match self {
            Self::AccessKey(key) => {
                // A key without a policy is a root key.
                let Some(document) = &key.policy_json else { return Ok(Permissions::Everything) };
                let id = &key.access_key_id;
                let policy = policies.policy(id, document).map_err(|error| {
                    Failure::Internal(format!("the policy of the key {id} is unreadable: {error}"))
                })?;
                Ok(Permissions::Policy(policy))
            }
            Self::User(user) => {
                let policy = role_policy(user.role, &user.scope).map_err(|error| {
                    let name = &user.name;
                    Failure::Internal(format!("the role of the user {name} has no policy: {error}"))
                })?;
                Ok(Permissions::Policy(Arc::new(policy)))
            }
        }
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AccessKey(id) | Self::User { id, .. } => f.write_str(id),
        }
    }
}

impl Principal {
    pub(crate) fn of_user(user: &User) -> Self {
        Self::User { id: user.id.clone(), sessions_epoch: user.sessions_epoch }
    }

    /// Its row; `None` when what was given out to it has ended.
    pub(crate) async fn holder(&self, db: &dyn MetadataDb) -> Result<Option<Holder>, DbError> {
        Ok(match self {
            Self::AccessKey(id) => {
                let key = db.access_key(id).await?;
                key.filter(|key| key.revoked_at.is_none()).map(Holder::AccessKey)
            }
            Self::User { id, sessions_epoch } => {
                let user = db.user(UserKey::Id(id)).await?;
                let holds =
                    |user: &User| !user.is_disabled && user.sessions_epoch == *sessions_epoch;
                user.filter(holds).map(Holder::User)
            }
        })
    }
}
