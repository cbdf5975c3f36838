//! What a URL that anybody may use was made with, and whether that still holds: an access key, and perhaps a share link.
//!
//! To revoke either is all that an operator has against whoever took such a URL.

use serde::{Deserialize, Serialize};
use vigie_kvs::{ErrorKind, KvsError};
use vigie_media::Timestamp;

use crate::db::{MetadataDb, ShareLink};
use crate::failure::Answer;

/// With what a URL ends before its time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Grant {
    /// The lasting access key of who asked for it, or made the link; `None` of sessions that older servers made.
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    pub access_key_id: Option<String>,
    /// The link that it was opened by, if it was.
    #[serde(rename = "l", default, skip_serializing_if = "Option::is_none")]
    pub share_link_id: Option<String>,
}

impl Grant {
    pub(crate) fn of_key(access_key_id: &str) -> Self {
        Self { access_key_id: Some(access_key_id.to_owned()), share_link_id: None }
    }

    pub(crate) fn of_link(link: &ShareLink) -> Self {
        Self {
            access_key_id: Some(link.access_key_id.clone()),
            share_link_id: Some(link.link_id.clone()),
        }
    }

    /// Refuses what was made with a key or a link that holds no more.
    pub(crate) async fn check(&self, db: &dyn MetadataDb, now: Timestamp) -> Answer<()> {
        let refused = |message| Err(KvsError::new(ErrorKind::UnrecognizedClient, message).into());
        if let Some(id) = &self.access_key_id
            && db.access_key(id).await?.is_none_or(|key| key.revoked_at.is_some())
        {
            return refused(
                "the access key that asked for this session was revoked; ask for a new streaming session URL",
            );
        }
        if let Some(id) = &self.share_link_id
            && db.share_link(id).await?.is_none_or(|link| !link.holds_at(now))
        {
            return refused("the link that opened this has ended");
        }
        Ok(())
    }
}
