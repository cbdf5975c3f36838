//! Who stands behind temporary credentials and playback sessions, and whether it still does.
//!
//! What was given out names one of these and ends with it: an access key until it is revoked, a user until it is removed or
//! disabled or its sessions are ended.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::db::{AccessKey, DbError, MetadataDb, User, UserKey};

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
