//! Access keys, for those who may manage them (extensions CreateAccessKey, ListAccessKeys, RevokeAccessKey).
//!
//! A policy can allow these to a key that is no root key. Root keys stay among themselves: only a root key makes and
//! revokes one.

use secrecy::ExposeSecret;
use vigie_kvs::shapes::Empty;
use vigie_kvs::shapes::administration::{
    AccessKey, CreateAccessKeyInput, CreateAccessKeyOutput, ListAccessKeysInput,
    ListAccessKeysOutput, NewAccessKey, RevokeAccessKeyInput,
};
use vigie_kvs::{ErrorKind, KvsError, Sensitive};
use vigie_media::Timestamp;

use super::{Call, page_token};
use crate::access_keys::{AccessKeyInfo, NewPermissions, add_access_key, end_access_key};
use crate::auth::{Access, Permissions, prove_again};
use crate::failure::Answer;

const PAGE_DEFAULT: u32 = 100;

pub(crate) async fn create_access_key(
    access: &Access,
    call: &Call,
    input: CreateAccessKeyInput,
) -> Answer<CreateAccessKeyOutput> {
    let (name, password) = (call.operation.name, input.current_password.as_ref());
    prove_again(access, &call.identity, name, password, call.caller).await?;
    let permissions = match input.policy()? {
        Some(document) => NewPermissions::Policy { document, name: input.user_name.as_deref() },
        None => {
            check_root(call, "make a root key")?;
            NewPermissions::Root
        }
    };
    let root = access.config.root_principal_arn();
    let now = access.process.now().wall;
    let (key, info) =
        add_access_key(access.db.as_ref(), &access.master_key, permissions, root, now).await?;
    // Set here alone.
    call.made_resource.get_or_init(|| access.config.access_key_resource(&info.access_key_id));
    Ok(CreateAccessKeyOutput {
        access_key: NewAccessKey {
            access_key_id: info.access_key_id,
            secret_access_key: Sensitive::new(key.secret_access_key.expose_secret()),
            principal_arn: info.principal_arn,
            creation_time: info.created_at,
        },
    })
}

pub(crate) async fn list_access_keys(
    access: &Access,
    _call: &Call,
    input: ListAccessKeysInput,
) -> Answer<ListAccessKeysOutput> {
    let after: Option<(i64, String)> =
        input.next_token.as_deref().map(page_token::read).transpose()?;
    let (after_ms, after_id) = after.unwrap_or((i64::MIN, String::new()));
    let limit = input.max_results.unwrap_or(PAGE_DEFAULT) as usize;
    let after = (Timestamp::from_millis(after_ms), after_id.as_str());
    let mut keys = access.db.list_access_keys(after, limit + 1).await?;
    let more = keys.len() > limit;
    keys.truncate(limit);
    let last = keys.last().filter(|_| more);
    let position = last.map(|key| (key.created_at.as_millis(), &key.access_key_id));
    let next_token = position.map(|position| page_token::write(&position)).transpose()?;
    let access_keys = keys.into_iter().map(|key| shown(key.into())).collect();
    Ok(ListAccessKeysOutput { access_keys, next_token })
}

fn shown(key: AccessKeyInfo) -> AccessKey {
    AccessKey {
        access_key_id: key.access_key_id,
        principal_arn: key.principal_arn,
        creation_time: key.created_at,
        root: key.policy_json.is_none(),
        policy_document: key.policy_json,
        revocation_time: key.revoked_at,
    }
}

pub(crate) async fn revoke_access_key(
    access: &Access,
    call: &Call,
    input: RevokeAccessKeyInput,
) -> Answer<Empty> {
    call.authorize(&access.config.access_key_resource(&input.access_key_id))?;
    let key = access.db.access_key(&input.access_key_id).await?;
    if key.is_some_and(|key| key.policy_json.is_none()) {
        check_root(call, "revoke a root key")?;
    }
    end_access_key(access.db.as_ref(), &input.access_key_id, access.process.now().wall).await?;
    Ok(Empty {})
}

fn check_root(call: &Call, what: &str) -> Result<(), KvsError> {
    if call.identity.permissions == Permissions::Everything {
        return Ok(());
    }
    let principal = &call.identity.principal_arn;
    let message = format!("User: {principal} is not authorized to {what}: only a root key is");
    Err(KvsError::new(ErrorKind::AccessDenied, message))
}
