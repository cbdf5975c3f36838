//! The access keys of a server: list, create, revoke. For the API, and for the operator at the machine, whose commands
//! work on the data folder, whether the server runs or not; one that runs sees a change with its next request.

use std::path::PathBuf;

use vigie_kvs::iam::{Policy, PolicyError};
use vigie_kvs::operation::{CREATE_ACCESS_KEY, REVOKE_ACCESS_KEY};
use vigie_kvs::{ErrorKind, KvsError, Protocol};
use vigie_media::Timestamp;

use crate::audit::{LocalAuditError, LocalAuditLog};
use crate::auth::{MasterKey, NewAccessKey, SealError};
use crate::config::ServerConfig;
use crate::db::{AccessKey, DbError, MetadataDb, PAGE, UserKey};
use crate::engines::existing_metadata;
use crate::failure::Failure;
use crate::first_start::check_master_key;
use crate::start_error::ServerError;

/// Why the access keys cannot be changed as asked.
#[derive(Debug, thiserror::Error)]
pub enum AccessKeyError {
    /// The metadata cannot be read or written.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The secret half cannot be made or sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The master key is not the server's.
    #[error(transparent)]
    MasterKey(#[from] ServerError),
    /// The audit log cannot be written.
    #[error(transparent)]
    Audit(#[from] LocalAuditError),
    /// The policy document is refused.
    #[error("the policy is refused: {0}")]
    Policy(#[from] PolicyError),
    /// The name is none that IAM knows.
    #[error("the name {0:?} must be 1 to 64 letters, digits or one of _+=,.@-")]
    Name(String),
    #[error(
        "{0:?} is a user's name; give the key another one, so that the audit log tells them apart"
    )]
    NameOfUser(String),
    /// The folder has no server's first start behind it.
    #[error("{} holds no root key; start the server once first", .0.display())]
    NoRootKey(PathBuf),
    /// No such key.
    #[error("there is no access key {0}")]
    Unknown(String),
    /// Revoked before.
    #[error("the access key {0} is revoked already")]
    AlreadyRevoked(String),
    /// Nobody could manage the server any more.
    #[error("{0} is the last root key; create another root key first")]
    LastRootKey(String),
}

/// What a new access key may do.
#[derive(Clone, Copy, Debug)]
pub enum NewPermissions<'a> {
    /// Everything.
    Root,
    /// What an IAM policy document allows.
    Policy {
        /// The document, JSON.
        document: &'a str,
        /// The user's name in ARNs and messages; the key's id unless given.
        name: Option<&'a str>,
    },
}

/// An access key, as it may be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessKeyInfo {
    /// `AKIA…`.
    pub access_key_id: String,
    /// Who uses it.
    pub principal_arn: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Its policy document; `None` is a root key.
    pub policy_json: Option<String>,
    /// When it was revoked, if it was.
    pub revoked_at: Option<Timestamp>,
}

impl From<AccessKey> for AccessKeyInfo {
    fn from(key: AccessKey) -> Self {
        Self {
            access_key_id: key.access_key_id,
            principal_arn: key.principal_arn,
            created_at: key.created_at,
            policy_json: key.policy_json,
            revoked_at: key.revoked_at,
        }
    }
}

/// The access keys of a server, oldest first, revoked ones included.
pub async fn list_access_keys(config: &ServerConfig) -> Result<Vec<AccessKeyInfo>, AccessKeyError> {
    let keys = all_access_keys(existing_metadata(config)?.as_ref()).await?;
    Ok(keys.into_iter().map(AccessKeyInfo::from).collect())
}

async fn all_access_keys(db: &dyn MetadataDb) -> Result<Vec<AccessKey>, DbError> {
    let (mut keys, mut after) = (Vec::new(), (Timestamp::MIN, String::new()));
    loop {
        let page = db.list_access_keys((after.0, &after.1), PAGE).await?;
        let Some(last) = page.last() else { return Ok(keys) };
        after = (last.created_at, last.access_key_id.clone());
        keys.extend(page);
    }
}

/// Whether a key that holds goes by this name, whatever its case.
pub(crate) async fn is_name_of_key(db: &dyn MetadataDb, name: &str) -> Result<bool, DbError> {
    let goes_by = |key: &AccessKey| {
        let own = key.principal_arn.rsplit_once(":user/").map(|(_, name)| name);
        key.revoked_at.is_none() && own.is_some_and(|own| own.eq_ignore_ascii_case(name))
    };
    Ok(all_access_keys(db).await?.iter().any(goes_by))
}

/// Makes an access key, for the operator at the machine, who stands in the audit log as `operator`. Its secret half is
/// in the returned value and nowhere else in the clear.
pub async fn create_access_key(
    config: &ServerConfig,
    master_key: &MasterKey,
    permissions: NewPermissions<'_>,
    operator: &str,
    now: Timestamp,
) -> Result<(NewAccessKey, AccessKeyInfo), AccessKeyError> {
    let db = existing_metadata(config)?;
    check_master_key(db.as_ref(), master_key, config).await?;
    // The account is the root key's: the server was started with it, this command was not.
    let root = db.root_key().await?;
    let root = root.ok_or_else(|| AccessKeyError::NoRootKey(config.data_dir.clone()))?;
    let mut audit = LocalAuditLog::open(db.as_ref(), config, operator).await?;
    let made =
        add_access_key(db.as_ref(), master_key, permissions, root.principal_arn.clone(), now).await;
    let resource =
        made.as_ref().ok().map(|(key, _)| resource(&root.principal_arn, &key.access_key_id));
    audit.write(now, CREATE_ACCESS_KEY.action, resource.as_deref(), outcome(&made));
    made
}

/// Revokes an access key, and with it the temporary credentials that came from it, for the operator at the machine,
/// who stands in the audit log as `operator`. It does not come back.
pub async fn revoke_access_key(
    config: &ServerConfig,
    access_key_id: &str,
    operator: &str,
    now: Timestamp,
) -> Result<(), AccessKeyError> {
    let db = existing_metadata(config)?;
    let mut audit = LocalAuditLog::open(db.as_ref(), config, operator).await?;
    let ended = end_access_key(db.as_ref(), access_key_id, now).await;
    // What is no key's id is not repeated: it may be a secret, pasted by mistake.
    let key = db.access_key(access_key_id).await?;
    let resource = key.map(|key| resource(&key.principal_arn, access_key_id));
    audit.write(now, REVOKE_ACCESS_KEY.action, resource.as_deref(), outcome(&ended));
    ended
}

/// Makes a key and keeps it. `root_principal_arn` tells the account.
pub(crate) async fn add_access_key(
    db: &dyn MetadataDb,
    master_key: &MasterKey,
    permissions: NewPermissions<'_>,
    root_principal_arn: String,
    now: Timestamp,
) -> Result<(NewAccessKey, AccessKeyInfo), AccessKeyError> {
    let key = NewAccessKey::generate()?;
    let (principal_arn, policy_json) = match permissions {
        NewPermissions::Root => (root_principal_arn, None),
        NewPermissions::Policy { document, name } => {
            Policy::parse(document)?;
            let name = name.unwrap_or(&key.access_key_id);
            check_name(name)?;
            // Its ARN is all that the audit log and the pages of links say of either.
            if db.user(UserKey::Name(name)).await?.is_some() {
                return Err(AccessKeyError::NameOfUser(name.to_owned()));
            }
            let account = root_principal_arn.trim_end_matches("root");
            (format!("{account}user/{name}"), Some(document.to_owned()))
        }
    };
    let row = key.row(master_key, principal_arn, policy_json, now)?;
    db.create_access_key(&row).await?;
    Ok((key, row.into()))
}

/// Revokes a key.
pub(crate) async fn end_access_key(
    db: &dyn MetadataDb,
    access_key_id: &str,
    now: Timestamp,
) -> Result<(), AccessKeyError> {
    let id = || access_key_id.to_owned();
    if db.revoke_access_key(access_key_id, now).await? {
        return Ok(());
    }
    Err(match db.access_key(access_key_id).await? {
        None => AccessKeyError::Unknown(id()),
        Some(key) if key.revoked_at.is_some() => AccessKeyError::AlreadyRevoked(id()),
        Some(_) => AccessKeyError::LastRootKey(id()),
    })
}

impl AccessKeyError {
    /// The exception with which the API says this; `None` when it is the server's failure.
    fn kind(&self) -> Option<ErrorKind> {
        match self {
            Self::Policy(_) | Self::Name(_) | Self::AlreadyRevoked(_) | Self::LastRootKey(_) => {
                Some(ErrorKind::InvalidArgument)
            }
            Self::NameOfUser(_) => Some(ErrorKind::ResourceInUse),
            Self::Unknown(_) => Some(ErrorKind::ResourceNotFound),
            Self::Db(_)
            | Self::Seal(_)
            | Self::MasterKey(_)
            | Self::Audit(_)
            | Self::NoRootKey(_) => None,
        }
    }
}

impl From<AccessKeyError> for Failure {
    fn from(error: AccessKeyError) -> Self {
        match error.kind() {
            Some(kind) => Self::Refused(KvsError::new(kind, error.to_string())),
            None => Self::Internal(error.to_string()),
        }
    }
}

/// Status and exception for the audit log.
fn outcome<T>(done: &Result<T, AccessKeyError>) -> (u16, Option<&'static str>) {
    match done {
        Ok(_) => (200, None),
        Err(error) => {
            let kind = error.kind().unwrap_or(ErrorKind::InternalFailure);
            (kind.status(Protocol::RestJson), Some(kind.name()))
        }
    }
}

/// A key in the audit log, in the account of that principal.
fn resource(principal_arn: &str, access_key_id: &str) -> String {
    let account = principal_arn.split(':').nth(4).unwrap_or_default();
    format!("arn:aws:iam::{account}:access-key/{access_key_id}")
}

/// User names of IAM.
fn check_name(name: &str) -> Result<(), AccessKeyError> {
    let valid = (1..=64).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b));
    if valid { Ok(()) } else { Err(AccessKeyError::Name(name.to_owned())) }
}
