//! Who calls: finds the access key that a request claims and verifies its signature.
//!
//! Every refusal is 403 and says no more than the service would; nothing of the request has been acted on yet.

use vigie_kvs::sigv4::{Claim, Expected, Payload, RequestHead, SigV4Error};
use vigie_kvs::{ErrorKind, KvsError, Sensitive};
use vigie_media::Timestamp;

use super::Access;
use super::access_key::{TEMPORARY_PREFIX, seal_purpose};
use super::authorize::Permissions;
use super::session_token::SessionToken;
use crate::db::AccessKey;
use crate::failure::{Answer, Failure};

/// A caller whose signature holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The key it signed with.
    pub access_key_id: String,
    /// The same, or the one that a temporary key came from: what can be revoked.
    pub lasting_access_key_id: String,
    /// `arn:aws:iam::ACCOUNT:root`, or a user.
    pub principal_arn: String,
    /// What it may do.
    pub permissions: Permissions,
    /// Whether the key came from GetSessionToken.
    pub temporary: bool,
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
    let lasting_id = session.as_ref().map_or(id, |session| &session.parent_access_key_id);
    let key = access.db.access_key(lasting_id).await?;
    // A session dies with the key that it came from.
    let key = key.filter(|key| key.revoked_at.is_none()).ok_or_else(unknown)?;
    let secret = match &session {
        Some(session) => session.secret_access_key.clone(),
        None => open_secret(access, &key)?,
    };
    let (region, skew_window) = (Some(access.config.region.as_str()), access.config.signature_skew);
    let expected = Expected { service, region, skew_window };
    claim.verify(head, payload, &secret, &expected, now).map_err(KvsError::from)?;
    if session.as_ref().is_some_and(|session| session.expires_at <= now) {
        let message = "The security token included in the request is expired";
        return Err(KvsError::new(ErrorKind::ExpiredToken, message).into());
    }
    Ok(Identity {
        access_key_id: id.to_owned(),
        lasting_access_key_id: lasting_id.to_owned(),
        permissions: permissions(access, &key)?,
        principal_arn: key.principal_arn,
        temporary: session.is_some(),
    })
}

fn open_secret(access: &Access, key: &AccessKey) -> Answer<Sensitive> {
    let secret = access.master_key.open(&seal_purpose(&key.access_key_id), &key.sealed_secret)?;
    std::str::from_utf8(&secret)
        .map(Sensitive::new)
        .map_err(|_| Failure::Internal("a stored secret access key is not text".to_owned()))
}

/// A key without a policy is a root key. What cannot be read, because a newer version wrote it, grants nothing.
fn permissions(access: &Access, key: &AccessKey) -> Answer<Permissions> {
    let Some(policy) = &key.policy_json else { return Ok(Permissions::Everything) };
    let policy = access.policies.policy(&key.access_key_id, policy).map_err(|error| {
        Failure::Internal(format!(
            "the policy of the key {} is unreadable: {error}",
            key.access_key_id
        ))
    })?;
    Ok(Permissions::Policy(policy))
}
