//! Who calls: finds the access key that a request claims and verifies its signature.
//!
//! Every refusal is 403 and says no more than the service would; nothing of the request has been acted on yet.

use std::time::Duration;

use vigie_kvs::sigv4::{Claim, Expected, Payload, RequestHead, SigV4Error};
use vigie_kvs::{KvsError, Operation, Sensitive};

use super::access_key::seal_purpose;
use crate::app::App;
use crate::failure::{Answer, Failure};

/// How far the clocks of a caller and this server may differ (AWS's 5 minutes).
const SKEW_WINDOW: Duration = Duration::from_secs(5 * 60);

/// A caller whose signature holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The key it signed with.
    pub access_key_id: String,
    /// `arn:aws:iam::ACCOUNT:root`, or a user.
    pub principal_arn: String,
}

/// Verifies a request's signature.
pub(crate) async fn authenticate(
    app: &App,
    operation: &Operation,
    head: &RequestHead<'_>,
    payload: Payload<'_>,
) -> Answer<Identity> {
    let claim = Claim::parse(head).map_err(KvsError::from)?;
    let key = app.db.access_key(claim.access_key_id()).await?;
    let key = key.ok_or_else(|| KvsError::from(SigV4Error::UnknownKey))?;
    if claim.security_token().is_some() {
        // Session tokens belong to temporary keys, and this key is not one.
        return Err(KvsError::from(SigV4Error::UnknownKey).into());
    }
    let secret = app.master_key.open(&seal_purpose(&key.access_key_id), &key.sealed_secret)?;
    let secret = std::str::from_utf8(&secret)
        .map(Sensitive::new)
        .map_err(|_| Failure::Internal("a stored secret access key is not text".to_owned()))?;
    let expected = Expected {
        service: operation.service.signing_name(),
        region: Some(&app.config.region),
        skew_window: SKEW_WINDOW,
    };
    claim
        .verify(head, payload, &secret, &expected, app.clock.now().wall)
        .map_err(KvsError::from)?;
    Ok(Identity { access_key_id: key.access_key_id, principal_arn: key.principal_arn })
}
