//! The users of a server: list, create, change, remove. For the API, and for the operator at the machine, whose commands work
//! on the data folder, whether the server runs or not; one that runs sees a change with its next request.
//!
//! Decides what a user may be called, which streams a role can be for, and that every change of a user ends its sessions.

use std::path::PathBuf;
use std::sync::Arc;

use vigie_kvs::iam::StreamScope;
use vigie_kvs::operation::{CREATE_USER, DELETE_USER, SIGN_OUT_USER, UPDATE_USER};
use vigie_kvs::shapes::users::Role;
use vigie_kvs::{ErrorKind, KvsError, Protocol, Sensitive};
use vigie_media::Timestamp;

use crate::access_keys::is_name_of_key;
use crate::audit::{LocalAuditError, LocalAuditLog};
use crate::auth::{SealError, UnfitPassword, new_user_id};
use crate::config::ServerConfig;
use crate::db::{DbError, MetadataDb, PAGE, User, UserKey};
use crate::engines::existing_metadata;
use crate::failure::{Failure, TRIES_MAX};
use crate::start_error::ServerError;

/// Streams that a scope names, and the bytes of their names together.
const NAMES_MAX: usize = 100;
const NAMES_BYTES_MAX: usize = 8 << 10;

/// Why the users cannot be changed as asked.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// The metadata cannot be read or written.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The password cannot be hashed.
    #[error(transparent)]
    Hash(#[from] SealError),
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The audit log cannot be written.
    #[error(transparent)]
    Audit(#[from] LocalAuditError),
    #[error(transparent)]
    Password(#[from] UnfitPassword),
    /// The name is none that IAM knows.
    #[error("a user's name must be 1 to 64 letters, digits or some of _+=,.@-")]
    Name,
    #[error("{0}")]
    Scope(&'static str),
    /// The folder has no server's first start behind it.
    #[error("{} is no folder of a server; start the server once first", .0.display())]
    NoServer(PathBuf),
    #[error("there is a user {0} already")]
    Taken(String),
    #[error(
        "an access key goes by {0}; give the user another name, so that the audit log tells them apart"
    )]
    NameOfKey(String),
    #[error("there is no user {0}")]
    Unknown(String),
    #[error("the user {0} is being changed by others; try again")]
    Contended(String),
}

/// A user to be.
#[derive(Clone, Debug)]
pub struct NewUser {
    pub name: String,
    /// See [`crate::auth::hash_password`].
    pub password_hash: Sensitive,
    pub role: Role,
    pub scope: StreamScope,
}

/// What changes of a user. Its sessions end whatever it is, also if it is nothing.
#[derive(Clone, Debug, Default)]
pub struct UserChange {
    pub role: Option<(Role, StreamScope)>,
    /// See [`crate::auth::hash_password`].
    pub password_hash: Option<Sensitive>,
    pub is_disabled: Option<bool>,
}

impl UserChange {
    fn is_none(&self) -> bool {
        self.role.is_none() && self.password_hash.is_none() && self.is_disabled.is_none()
    }
}

/// The users of a server, by name.
pub async fn list_users(config: &ServerConfig) -> Result<Vec<User>, UserError> {
    let db = existing_metadata(config)?;
    let (mut users, mut after) = (Vec::new(), String::new());
    loop {
        let page = db.list_users(&after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(users) };
        after = last.name.to_ascii_lowercase();
        users.extend(page);
    }
}

/// Makes a user, for the operator at the machine, who stands in the audit log as `operator`.
pub async fn create_user(
    config: &ServerConfig,
    new: NewUser,
    operator: &str,
    now: Timestamp,
) -> Result<User, UserError> {
    let local = Local::open(config, operator, now).await?;
    let made = add_user(local.db.as_ref(), new.clone(), now).await;
    local.note(CREATE_USER.action, &new.name, &made);
    made
}

/// Changes a user, for the operator at the machine, and ends its sessions.
pub async fn update_user(
    config: &ServerConfig,
    name: &str,
    change: UserChange,
    operator: &str,
    now: Timestamp,
) -> Result<User, UserError> {
    let local = Local::open(config, operator, now).await?;
    let action = if change.is_none() { SIGN_OUT_USER.action } else { UPDATE_USER.action };
    let changed = change_user(local.db.as_ref(), name, &change, now).await;
    local.note(action, name, &changed);
    changed
}

/// Removes a user, for the operator at the machine.
pub async fn remove_user(
    config: &ServerConfig,
    name: &str,
    operator: &str,
    now: Timestamp,
) -> Result<User, UserError> {
    let local = Local::open(config, operator, now).await?;
    let removed = end_user(local.db.as_ref(), name).await;
    local.note(DELETE_USER.action, name, &removed);
    removed
}

/// What a command at the machine works on.
struct Local {
    db: Arc<dyn MetadataDb>,
    audit: LocalAuditLog,
    /// Tells the account.
    root_principal_arn: String,
    now: Timestamp,
}

impl Local {
    async fn open(
        config: &ServerConfig,
        operator: &str,
        now: Timestamp,
    ) -> Result<Self, UserError> {
        let db = existing_metadata(config)?;
        let root = db.root_key().await?;
        let root = root.ok_or_else(|| UserError::NoServer(config.data_dir.clone()))?;
        let audit = LocalAuditLog::open(db.as_ref(), config, operator).await?;
        Ok(Self { db, audit, root_principal_arn: root.principal_arn, now })
    }

    /// What is no user's name is not repeated: it may be a password, typed in the wrong place.
    fn note(mut self, action: &str, name: &str, done: &Result<User, UserError>) {
        let account = self.root_principal_arn.trim_end_matches("root");
        let is_known = match done {
            Ok(_) | Err(UserError::Taken(_)) => true,
            Err(_) => false,
        };
        let resource = is_known.then(|| format!("{account}user/{name}"));
        self.audit.write(self.now, action, resource.as_deref(), outcome(done));
    }
}

/// Makes a user and keeps it.
pub(crate) async fn add_user(
    db: &dyn MetadataDb,
    new: NewUser,
    now: Timestamp,
) -> Result<User, UserError> {
    check_name(&new.name)?;
    check_scope(new.role, &new.scope)?;
    if is_name_of_key(db, &new.name).await? {
        return Err(UserError::NameOfKey(new.name));
    }
    let user = User {
        id: new_user_id()?,
        name: new.name,
        password_hash: new.password_hash,
        role: new.role,
        scope: new.scope,
        is_disabled: false,
        sessions_epoch: 0,
        created_at: now,
        password_changed_at: now,
        last_sign_in_at: None,
        row_version: 0,
    };
    match db.create_user(&user).await? {
        true => Ok(user),
        false => Err(UserError::Taken(user.name)),
    }
}

/// Changes a user and ends its sessions.
pub(crate) async fn change_user(
    db: &dyn MetadataDb,
    name: &str,
    change: &UserChange,
    now: Timestamp,
) -> Result<User, UserError> {
    if let Some((role, scope)) = &change.role {
        check_scope(*role, scope)?;
    }
    for _ in 0..TRIES_MAX {
        let user = db.user(UserKey::Name(name)).await?;
        let user = changed(user.ok_or_else(|| unknown(name))?, change, now);
        if db.save_user(&user).await? {
            return Ok(user);
        }
    }
    Err(UserError::Contended(name.to_owned()))
}

fn changed(mut user: User, change: &UserChange, now: Timestamp) -> User {
    if let Some((role, scope)) = change.role.clone() {
        (user.role, user.scope) = (role, scope);
    }
    if let Some(password_hash) = change.password_hash.clone() {
        (user.password_hash, user.password_changed_at) = (password_hash, now);
    }
    user.is_disabled = change.is_disabled.unwrap_or(user.is_disabled);
    user.sessions_epoch += 1;
    user
}

/// Sets the password of a user who has proven the one until now, unless the user was changed since: then that was of
/// another.
pub(crate) async fn change_own_password(
    db: &dyn MetadataDb,
    proven: User,
    password_hash: Sensitive,
    now: Timestamp,
) -> Result<(), UserError> {
    let name = proven.name.clone();
    let change = UserChange { password_hash: Some(password_hash), ..UserChange::default() };
    match db.save_user(&changed(proven, &change, now)).await? {
        true => Ok(()),
        false => Err(UserError::Contended(name)),
    }
}

/// Removes a user.
pub(crate) async fn end_user(db: &dyn MetadataDb, name: &str) -> Result<User, UserError> {
    let user = db.user(UserKey::Name(name)).await?.ok_or_else(|| unknown(name))?;
    match db.remove_user(&user.id).await? {
        true => Ok(user),
        false => Err(unknown(name)),
    }
}

/// What is no name of a user is not repeated.
fn unknown(name: &str) -> UserError {
    match check_name(name) {
        Ok(()) => UserError::Unknown(name.to_owned()),
        Err(error) => error,
    }
}

/// User names of IAM.
fn check_name(name: &str) -> Result<(), UserError> {
    let valid = (1..=64).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b));
    if valid { Ok(()) } else { Err(UserError::Name) }
}

fn check_scope(role: Role, scope: &StreamScope) -> Result<(), UserError> {
    let refused = match scope {
        StreamScope::All => return Ok(()),
        _ if role == Role::Administrator => {
            "an administrator is not limited to some streams; leave them out, or make it an operator"
        }
        StreamScope::Names(names) => {
            let is_name = |name: &String| {
                (1..=256).contains(&name.len())
                    && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-*".contains(&b))
            };
            match names.iter().map(String::len).sum::<usize>() {
                0 => "a role that is limited has at least one stream",
                _ if !names.iter().all(is_name) => {
                    "a stream's name is 1 to 256 letters, digits or some of _.- and * for any characters"
                }
                _ if names.len() > NAMES_MAX => {
                    "a role names at most 100 streams; use * or a tag for more"
                }
                bytes if bytes > NAMES_BYTES_MAX => {
                    "the names of the streams are too long together; use * or a tag"
                }
                _ => return Ok(()),
            }
        }
        StreamScope::Tag { key, value } => {
            match (1..=128).contains(&key.chars().count()) && value.chars().count() <= 256 {
                true => return Ok(()),
                false => "a tag has a key of 1 to 128 characters and a value of at most 256",
            }
        }
    };
    Err(UserError::Scope(refused))
}

impl UserError {
    /// The exception with which the API says this; `None` when it is the server's failure.
    fn kind(&self) -> Option<ErrorKind> {
        match self {
            Self::Name | Self::Scope(_) | Self::Password(_) => Some(ErrorKind::InvalidArgument),
            Self::Taken(_) | Self::NameOfKey(_) | Self::Contended(_) => {
                Some(ErrorKind::ResourceInUse)
            }
            Self::Unknown(_) => Some(ErrorKind::ResourceNotFound),
            Self::Db(_) | Self::Hash(_) | Self::Server(_) | Self::Audit(_) | Self::NoServer(_) => {
                None
            }
        }
    }
}

impl From<UserError> for Failure {
    fn from(error: UserError) -> Self {
        match (error.kind(), error) {
            (Some(kind), error) => Self::Refused(KvsError::new(kind, error.to_string())),
            // Says by itself when to try again.
            (None, UserError::Db(error)) => error.into(),
            (None, error) => Self::Internal(error.to_string()),
        }
    }
}

/// Status and exception for the audit log.
fn outcome<T>(done: &Result<T, UserError>) -> (u16, Option<&'static str>) {
    match done {
        Ok(_) => (200, None),
        Err(error) => {
            let kind = error.kind().unwrap_or(ErrorKind::InternalFailure);
            (kind.status(Protocol::RestJson), Some(kind.name()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(count: usize, name: &str) -> StreamScope {
        StreamScope::Names(vec![name.to_owned(); count])
    }

    #[test]
    fn a_role_is_for_streams_that_can_be() {
        let check = |role, scope, expect: Result<(), &str>| {
            let checked = check_scope(role, &scope).map_err(|error| error.to_string());
            match (checked, expect) {
                (Ok(()), Ok(())) => {}
                (Err(error), Err(expect)) => assert!(error.contains(expect), "{error}"),
                (checked, expect) => panic!("{scope:?}: {checked:?}, not {expect:?}"),
            }
        };
        check(Role::Administrator, StreamScope::All, Ok(()));
        check(Role::Administrator, names(1, "gate"), Err("is not limited"));
        check(Role::Viewer, names(100, "gate-*"), Ok(()));
        check(Role::Viewer, names(0, ""), Err("at least one"));
        check(Role::Viewer, names(101, "gate"), Err("at most 100"));
        check(Role::Viewer, names(100, &"x".repeat(200)), Err("too long together"));
        check(Role::Viewer, names(2, "a/b"), Err("letters, digits"));
        let tag = |key: &str| StreamScope::Tag { key: key.into(), value: String::new() };
        check(Role::Operator, tag("Site"), Ok(()));
        check(Role::Operator, tag(""), Err("1 to 128"));
    }
}
