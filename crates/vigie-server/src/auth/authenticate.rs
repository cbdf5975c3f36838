//! Who calls: finds the access key that a request claims and verifies its signature.
//!
//! Every refusal is 403 and says no more than the service would; nothing of the request has been acted on yet.

use std::sync::Arc;

use vigie_kvs::shapes::users::Role;
use vigie_kvs::sigv4::{Claim, Expected, Payload, RequestHead, SigV4Error};
use vigie_kvs::{ErrorKind, KvsError, Sensitive};
use vigie_media::Timestamp;

use super::Access;
use super::access_key::{TEMPORARY_PREFIX, seal_purpose};
use super::authorize::Permissions;
use super::principal::{Holder, Principal};
use super::session_token::SessionToken;
use crate::db::{AccessKey, User};
use crate::failure::{Answer, Failure};

/// A caller whose signature holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The key it signed with.
    pub access_key_id: String,
    /// What the key is, or came from: with what it ends.
    pub principal: Principal,
    /// `arn:aws:iam::ACCOUNT:root`, or a user.
    pub principal_arn: String,
    /// What it may do.
    pub permissions: Permissions,
    /// Whether the key came from GetSessionToken, or from signing in.
    pub temporary: bool,
    /// The user who has signed in.
    pub user: Option<Arc<User>>,
}

impl Identity {
    /// Whether it may do whatever there is to do, so that there is nothing that it could not hand on.
    pub(crate) fn is_unlimited(&self) -> bool {
        let is_administrator = |user: &User| user.role == Role::Administrator;
        self.permissions == Permissions::Everything
            || self.user.as_deref().is_some_and(is_administrator)
    }
}

/// Verifies the signature of a request, made at `now`, to the service of that signing name.
pub(crate) async fn authenticate(
    access: &Access,
    service: &str,
    head: &RequestHead<'_>,
    payload: Payload<'_>,
    now: Timestamp,
) -> Answer<Identity> {
    let claim = Claim::parse(head).map_err(KvsError::from)?;
    let unknown = || KvsError::from(SigV4Error::UnknownKey);
    let id = claim.access_key_id();
    let session = match (id.starts_with(TEMPORARY_PREFIX), claim.security_token()) {
        (false, None) => None,
        (true, Some(token)) => {
            Some(SessionToken::open(&access.master_key, id, token).ok_or_else(unknown)?)
        }
        // Session tokens belong to temporary keys, and those to a session token.
        (true, None) | (false, Some(_)) => return Err(unknown().into()),
    };
    let principal = match &session {
        Some(session) => session.principal.clone(),
        None => Principal::AccessKey(id.to_owned()),
    };
    // A session dies with whom it came from.
    let holder = principal.holder(access.db.as_ref()).await?.ok_or_else(unknown)?;
    let secret = match (&session, &holder) {
        (Some(session), _) => session.secret_access_key.clone(),
        (None, Holder::AccessKey(key)) => open_secret(access, key)?,
        (None, Holder::User(_)) => return Err(unknown().into()),
    };
    let (region, skew_window) = (Some(access.config.region.as_str()), access.config.signature_skew);
    let expected = Expected { service, region, skew_window };
    claim.verify(head, payload, &secret, &expected, now).map_err(KvsError::from)?;
    if session.as_ref().is_some_and(|session| session.expires_at <= now) {
        let message = "The security token included in the request is expired";
        return Err(KvsError::new(ErrorKind::ExpiredToken, message).into());
    }
    let permissions = holder.permissions(&access.policies)?;
    let (principal_arn, user) = match holder {
        Holder::AccessKey(key) => (key.principal_arn, None),
        Holder::User(user) => (access.config.user_resource(&user.name), Some(Arc::new(user))),
    };
    Ok(Identity {
        access_key_id: id.to_owned(),
        principal,
        principal_arn,
        permissions,
        temporary: session.is_some(),
        user,
    })
}

fn open_secret(access: &Access, key: &AccessKey) -> Answer<Sensitive> {
    let secret = access.master_key.open(&seal_purpose(&key.access_key_id), &key.sealed_secret)?;
    std::str::from_utf8(&secret)
        .map(Sensitive::new)
        .map_err(|_| Failure::Internal("a stored secret access key is not text".to_owned()))
}
