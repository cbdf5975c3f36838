//! Temporary credentials and who one is (STS API_GetSessionToken, API_GetCallerIdentity). As in AWS, no policy has to
//! allow these: the first gives nothing that the caller does not have, the second tells it what it knows.

use vigie_kvs::sts::{StsForm, caller_identity_result, session_token_result};
use vigie_kvs::{ErrorKind, KvsError};

use super::Call;
use crate::auth::{Access, TemporaryCredentials};
use crate::failure::Answer;

pub(crate) async fn get_session_token(
    access: &Access,
    call: &Call,
    form: StsForm,
) -> Answer<String> {
    let identity = &call.identity;
    if identity.temporary {
        // Else a session could be renewed for ever.
        let message = "Cannot call GetSessionToken with session credentials";
        return Err(KvsError::new(ErrorKind::AccessDenied, message).into());
    }
    let now = access.process.now().wall;
    let (key, parent) = (&access.master_key, &identity.principal);
    let made = TemporaryCredentials::issue(key, parent, now, form.duration)?;
    tracing::info!(
        key = made.access_key_id,
        of = identity.access_key_id,
        duration_seconds = form.duration.as_secs(),
        "temporary credentials given"
    );
    call.audit(&access.config.access_key_resource(&made.access_key_id));
    Ok(session_token_result(
        &made.access_key_id,
        &made.secret_access_key,
        &made.session_token,
        made.expires_at,
    ))
}

pub(crate) async fn get_caller_identity(
    access: &Access,
    call: &Call,
    _form: StsForm,
) -> Answer<String> {
    let identity = &call.identity;
    let account_id = &access.config.account_id;
    let user_id = match &identity.user {
        Some(user) => &user.id,
        None if identity.principal_arn.ends_with(":root") => account_id,
        None => &identity.access_key_id,
    };
    Ok(caller_identity_result(&identity.principal_arn, user_id, account_id))
}
