//! Temporary credentials and who one is (STS API_GetSessionToken, API_GetCallerIdentity). As in AWS, no policy has to
//! allow these: the first gives nothing that the caller does not have, the second tells it what it knows.

use std::time::Duration;

use vigie_kvs::sts::{caller_identity_body, session_token_body};
use vigie_kvs::{ErrorKind, KvsError};

use crate::app::App;
use crate::auth::{Identity, TemporaryCredentials};
use crate::failure::Answer;

pub(crate) fn get_session_token(
    app: &App,
    identity: &Identity,
    duration: Duration,
) -> Answer<TemporaryCredentials> {
    if identity.temporary {
        // Else a session could be renewed for ever.
        let message = "Cannot call GetSessionToken with session credentials";
        return Err(KvsError::new(ErrorKind::AccessDenied, message).into());
    }
    let now = app.clock.now().wall;
    let made =
        TemporaryCredentials::issue(&app.master_key, &identity.access_key_id, now, duration)?;
    tracing::info!(
        key = made.access_key_id,
        of = identity.access_key_id,
        duration_seconds = duration.as_secs(),
        "temporary credentials given"
    );
    Ok(made)
}

pub(crate) fn session_token_answer(made: &TemporaryCredentials, request_id: &str) -> String {
    session_token_body(
        &made.access_key_id,
        &made.secret_access_key,
        &made.session_token,
        made.expires_at,
        request_id,
    )
}

pub(crate) fn get_caller_identity(app: &App, identity: &Identity, request_id: &str) -> String {
    let account_id = &app.config.account_id;
    let user_id = match identity.principal_arn.ends_with(":root") {
        true => account_id,
        false => &identity.access_key_id,
    };
    caller_identity_body(&identity.principal_arn, user_id, account_id, request_id)
}
