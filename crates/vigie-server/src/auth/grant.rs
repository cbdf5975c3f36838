//! What a URL that anybody may use was made with, and whether that still holds: who asked for it, or a share link.
//!
//! To end either is all that an operator has against whoever took such a URL.

use serde::{Deserialize, Serialize};
use vigie_kvs::{ErrorKind, KvsError};
use vigie_media::Timestamp;

use super::principal::Principal;
use crate::db::{MetadataDb, ShareLink, UserKey};
use crate::failure::Answer;

/// With what a URL ends before its time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Grant {
    /// Who asked for it; `None` of what a link opened, and of sessions that older servers made.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub principal: Option<Principal>,
    /// The link that it was opened by, if it was.
    #[serde(rename = "l", default, skip_serializing_if = "Option::is_none")]
    pub share_link_id: Option<String>,
}

impl Grant {
    pub(crate) fn of(principal: Principal) -> Self {
        Self { principal: Some(principal), share_link_id: None }
    }

    pub(crate) fn of_link(link: &ShareLink) -> Self {
        Self { principal: None, share_link_id: Some(link.link_id.clone()) }
    }

    /// Whether a server that knew neither users nor links would end it when this one does.
    pub(crate) fn is_of_a_key(&self) -> bool {
        let is_of_user = matches!(self.principal, Some(Principal::User { .. }));
        !is_of_user && self.share_link_id.is_none()
    }

    /// Refuses what was made by somebody who holds no more, or with a link that does not.
    pub(crate) async fn check(&self, db: &dyn MetadataDb, now: Timestamp) -> Answer<()> {
        if let Some(principal) = &self.principal
            && principal.holder(db).await?.is_none()
        {
            return Err(refused(match principal {
                Principal::AccessKey(_) => {
                    "the access key that asked for this session was revoked; ask for a new streaming session URL"
                }
                Principal::User { .. } => {
                    "the user that asked for this session has been signed out; ask for a new streaming session URL"
                }
            }));
        }
        if let Some(id) = &self.share_link_id {
            let link = db.share_link(id).await?.filter(|link| link.holds_at(now));
            let holds = match &link {
                Some(link) => is_maker_there(db, &link.maker_id).await?,
                None => false,
            };
            if !holds {
                return Err(refused("the link that opened this has ended"));
            }
        }
        Ok(())
    }
}

fn refused(message: &'static str) -> crate::failure::Failure {
    KvsError::new(ErrorKind::UnrecognizedClient, message).into()
}

/// Whether the access key that made a link holds, or the user is there: to sign out ends no links.
async fn is_maker_there(db: &dyn MetadataDb, maker_id: &str) -> Answer<bool> {
    if let Some(user) = db.user(UserKey::Id(maker_id)).await? {
        return Ok(!user.is_disabled);
    }
    let key = db.access_key(maker_id).await?;
    Ok(key.is_some_and(|key| key.revoked_at.is_none()))
}
