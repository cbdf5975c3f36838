//! What a URL that anybody may use, or an answer that goes on, was made with, and whether that still holds: who asked for it,
//! or a share link.
//!
//! To end either is all that an operator has against whoever took such a URL.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use vigie_engine::clock::Now;
use vigie_kvs::iam::Tags;
use vigie_kvs::operation::GET_HLS_STREAMING_SESSION_URL;
use vigie_kvs::{ErrorKind, KvsError, Operation};
use vigie_media::Timestamp;

use super::policy_cache::PolicyCache;
use super::principal::{Holder, Principal};
use crate::db::{MetadataDb, ShareLink, UserKey};
use crate::failure::{Answer, Failure};

/// An answer of hours ends within this time after what it was made with.
const CHECKED_EACH: Duration = Duration::from_secs(5);

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

    /// Who has it, among others that have some: a link's holders are one.
    pub(crate) fn holder_id(&self) -> String {
        match (&self.principal, &self.share_link_id) {
            (Some(principal), _) => principal.to_string(),
            (None, link) => link.clone().unwrap_or_default(),
        }
    }
}

/// What says whether grants hold.
pub(crate) struct Grants {
    db: Arc<dyn MetadataDb>,
    policies: Arc<PolicyCache>,
}

impl Grants {
    pub(crate) fn new(db: Arc<dyn MetadataDb>, policies: Arc<PolicyCache>) -> Self {
        Self { db, policies }
    }

    /// Refuses what was made by somebody who holds no more, or who may not do `operation` on the stream any more, or with a
    /// link that does not hold.
    pub(crate) async fn check(
        &self,
        grant: &Grant,
        operation: &Operation,
        stream_arn: &str,
        now: Timestamp,
    ) -> Answer<()> {
        if let Some(principal) = &grant.principal {
            self.check_principal(principal, operation, stream_arn).await?;
        }
        if let Some(id) = &grant.share_link_id {
            let link = self.db.share_link(id).await?.filter(|link| link.holds_at(now));
            let holds = match &link {
                Some(link) => self.does_maker_hold(link).await?,
                None => false,
            };
            if !holds {
                return Err(refused("the link that opened this has ended"));
            }
        }
        Ok(())
    }

    async fn check_principal(
        &self,
        principal: &Principal,
        operation: &Operation,
        stream_arn: &str,
    ) -> Answer<()> {
        let Some(holder) = principal.holder(self.db.as_ref()).await? else {
            return Err(refused(match principal {
                Principal::AccessKey(_) => {
                    "the access key that asked for this session was revoked; ask for a new streaming session URL"
                }
                Principal::User { .. } => {
                    "the user that asked for this session has been signed out; ask for a new streaming session URL"
                }
            }));
        };
        let permissions = holder.permissions(&self.policies)?;
        // Nothing else of what somebody may do changes without an end of its sessions.
        if permissions.ask_for_tags() {
            let tags = self.db.tags(stream_arn).await?;
            if !permissions.allow(operation.action, stream_arn, &tags) {
                return Err(refused(
                    "the stream has another tag now, and is none of those that whoever asked for this may see",
                ));
            }
        }
        Ok(())
    }

    /// Whether the access key that made a link holds, or the user is there and has had its password since; and whether it may
    /// still see the stream. To sign out ends no links.
    async fn does_maker_hold(&self, link: &ShareLink) -> Answer<bool> {
        let holder = match self.db.user(UserKey::Id(&link.maker_id)).await? {
            Some(user) if user.is_disabled || user.password_changed_at > link.created_at => {
                return Ok(false);
            }
            Some(user) => Holder::User(user),
            None => match self.db.access_key(&link.maker_id).await? {
                Some(key) if key.revoked_at.is_none() => Holder::AccessKey(key),
                _ => return Ok(false),
            },
        };
        let permissions = holder.permissions(&self.policies)?;
        let tags = match permissions.ask_for_tags() {
            true => self.db.tags(&link.stream_arn).await?,
            false => Tags::new(),
        };
        Ok(permissions.allow(GET_HLS_STREAMING_SESSION_URL.action, &link.stream_arn, &tags))
    }
}

/// A grant that an answer depends on for as long as it goes on.
pub(crate) struct HeldGrant {
    pub grants: Arc<Grants>,
    pub grant: Grant,
    pub operation: &'static Operation,
    pub stream_arn: String,
    /// When it last held, on the monotonic clock.
    pub checked_at: Duration,
}

impl HeldGrant {
    /// Looks whether it still holds, if it is time to.
    pub(crate) async fn check(&mut self, now: Now) -> Answer<()> {
        if now.mono.saturating_sub(self.checked_at) < CHECKED_EACH {
            return Ok(());
        }
        self.checked_at = now.mono;
        self.grants.check(&self.grant, self.operation, &self.stream_arn, now.wall).await
    }
}

fn refused(message: &'static str) -> Failure {
    KvsError::new(ErrorKind::UnrecognizedClient, message).into()
}
