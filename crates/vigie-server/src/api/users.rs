//! Users, for those who may manage them (extensions CreateUser, UpdateUser, DeleteUser, ListUsers, SignOutUser), and a user's
//! own password (ChangePassword).
//!
//! Nobody grants what it does not have: users are made and changed by a root key or an administrator, whatever else a policy
//! may allow. Whoever hands out rights shows once more who it is; to take some away, a session is enough.

use vigie_kvs::iam::StreamScope;
use vigie_kvs::shapes::Empty;
use vigie_kvs::shapes::users::{
    ChangePasswordInput, CreateUserInput, DeleteUserInput, ListUsersInput, ListUsersOutput,
    SignOutUserInput, StreamTag, UpdateUserInput, User as ShownUser, UserOutput,
};
use vigie_kvs::{ErrorKind, KvsError, Sensitive};

use super::{Call, page_token};
use crate::auth::{
    Access, Tried, check_password, is_same, prove_again, too_soon, try_password,
    wrong_current_password,
};
use crate::db::User;
use crate::failure::Answer;
use crate::users::{
    NewUser, UserChange, UserError, add_user, change_own_password, change_user, end_user,
};

const PAGE_DEFAULT: u32 = 100;

pub(crate) async fn create_user(
    access: &Access,
    call: &Call,
    input: CreateUserInput,
) -> Answer<UserOutput> {
    check_may_manage(access, call, &input.user_name)?;
    call.caller.check_may_send_password()?;
    let scope = input.scope()?;
    prove(access, call, input.current_password.as_ref()).await?;
    let password_hash = hash(access, &input.user_name, &input.password).await?;
    let new = NewUser { name: input.user_name, password_hash, role: input.role, scope };
    let user = add_user(access.db.as_ref(), new, access.process.now().wall).await?;
    tracing::info!(user = user.name, role = %user.role, "user created");
    Ok(UserOutput { user: shown(access, user) })
}

pub(crate) async fn update_user(
    access: &Access,
    call: &Call,
    input: UpdateUserInput,
) -> Answer<UserOutput> {
    check_may_manage(access, call, &input.user_name)?;
    let role = input.role_and_scope()?;
    if role.is_none() && input.disabled.is_none() && input.password.is_none() {
        let message = "say what is to change: Role, Disabled or Password";
        return Err(KvsError::invalid_argument(message).into());
    }
    if input.password.is_some() {
        call.caller.check_may_send_password()?;
    }
    prove(access, call, input.current_password.as_ref()).await?;
    let password_hash = match &input.password {
        Some(password) => Some(hash(access, &input.user_name, password).await?),
        None => None,
    };
    let change = UserChange { role, password_hash, is_disabled: input.disabled };
    let now = access.process.now().wall;
    let user = change_user(access.db.as_ref(), &input.user_name, &change, now).await?;
    tracing::info!(user = user.name, role = %user.role, disabled = user.is_disabled, "user changed");
    Ok(UserOutput { user: shown(access, user) })
}

pub(crate) async fn delete_user(
    access: &Access,
    call: &Call,
    input: DeleteUserInput,
) -> Answer<Empty> {
    check_may_manage(access, call, &input.user_name)?;
    let user = end_user(access.db.as_ref(), &input.user_name).await?;
    tracing::info!(user = user.name, "user removed");
    Ok(Empty {})
}

pub(crate) async fn sign_out_user(
    access: &Access,
    call: &Call,
    input: SignOutUserInput,
) -> Answer<Empty> {
    check_may_manage(access, call, &input.user_name)?;
    let now = access.process.now().wall;
    change_user(access.db.as_ref(), &input.user_name, &UserChange::default(), now).await?;
    Ok(Empty {})
}

pub(crate) async fn list_users(
    access: &Access,
    call: &Call,
    input: ListUsersInput,
) -> Answer<ListUsersOutput> {
    check_administrator(call)?;
    let after: String = input.next_token.as_deref().map_or(Ok(String::new()), page_token::read)?;
    let limit = input.max_results.unwrap_or(PAGE_DEFAULT) as usize;
    let mut users = access.db.list_users(&after, limit + 1).await?;
    let more = users.len() > limit;
    users.truncate(limit);
    let last = users.last().filter(|_| more);
    let next_token =
        last.map(|user| page_token::write(&user.name.to_ascii_lowercase())).transpose()?;
    let users = users.into_iter().map(|user| shown(access, user)).collect();
    Ok(ListUsersOutput { users, next_token })
}

pub(crate) async fn change_password(
    access: &Access,
    call: &Call,
    input: ChangePasswordInput,
) -> Answer<Empty> {
    let denied = |message: &str| KvsError::new(ErrorKind::AccessDenied, message);
    let Some(user) = &call.identity.user else {
        return Err(denied("an access key has no password: only users who signed in have").into());
    };
    call.audit(&access.config.user_resource(&user.name));
    call.caller.check_may_send_password()?;
    check_password(&user.name, &input.password).map_err(UserError::from)?;
    let proven =
        try_password(access, &user.name, &input.current_password, call.caller.remote.ip()).await?;
    let proven = match proven {
        Tried::Right(proven) if is_same(&proven, user) => *proven,
        Tried::Right(_) | Tried::Wrong => return Err(wrong_current_password().into()),
        Tried::TooSoon { seconds } => return Err(too_soon(seconds).into()),
    };
    let password_hash = access.passwords.hash(&access.process, &input.password).await?;
    let now = access.process.now().wall;
    change_own_password(access.db.as_ref(), proven, password_hash, now).await?;
    Ok(Empty {})
}

/// Whether the caller may manage users at all, and its policy allows this.
fn check_may_manage(access: &Access, call: &Call, user_name: &str) -> Result<(), KvsError> {
    call.authorize(&access.config.user_resource(user_name))?;
    check_administrator(call)
}

fn check_administrator(call: &Call) -> Result<(), KvsError> {
    if call.identity.is_unlimited() {
        return Ok(());
    }
    let principal = &call.identity.principal_arn;
    let message = format!(
        "User: {principal} is not authorized to manage users: only a root key or an administrator is"
    );
    Err(KvsError::new(ErrorKind::AccessDenied, message))
}

async fn prove(access: &Access, call: &Call, current_password: Option<&Sensitive>) -> Answer<()> {
    let name = call.operation.name;
    prove_again(access, &call.identity, name, current_password, call.caller).await
}

async fn hash(access: &Access, user_name: &str, password: &Sensitive) -> Answer<Sensitive> {
    check_password(user_name, password).map_err(UserError::from)?;
    access.passwords.hash(&access.process, password).await
}

fn shown(access: &Access, user: User) -> ShownUser {
    let (stream_names, stream_tag) = match user.scope {
        StreamScope::All => (None, None),
        StreamScope::Names(names) => (Some(names), None),
        StreamScope::Tag { key, value } => {
            (None, Some(StreamTag { tag_key: key, tag_value: value }))
        }
    };
    ShownUser {
        arn: access.config.user_resource(&user.name),
        user_name: user.name,
        user_id: user.id,
        role: user.role,
        stream_names,
        stream_tag,
        disabled: user.is_disabled,
        creation_time: user.created_at,
        password_change_time: user.password_changed_at,
        last_sign_in_time: user.last_sign_in_at,
    }
}
