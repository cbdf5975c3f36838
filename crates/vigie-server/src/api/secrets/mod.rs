//! Secrets: the six operations of Secrets Manager that cameras' URIs need. Values are sealed before they reach the
//! database and opened for GetSecretValue alone. Which version a label means is [`SecretVersions`]' to say.

use std::collections::{BTreeMap, BTreeSet};

use vigie_kvs::arn::SecretArn;
use vigie_kvs::secret_versions::{Put, SecretVersions};
use vigie_kvs::shapes::secrets::{
    CreateSecretInput, CreateSecretOutput, DeleteSecretInput, DeleteSecretOutput,
    DescribeSecretInput, DescribeSecretOutput, GetSecretValueInput, GetSecretValueOutput,
    PutSecretValueInput, PutSecretValueOutput, SecretDeletion, SecretInfo, SecretValue, Tag,
};
use vigie_kvs::{ErrorKind, KvsError};
use vigie_media::Timestamp;
use zeroize::Zeroizing;

use super::{Call, Secrets};
use crate::db::{Secret, SecretVersion};
use crate::failure::{Answer, Failure, TRIES_MAX, too_busy};
use crate::hubs::tell_of_secret;

mod list;

pub(crate) use list::list_secrets;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// Versions without a label that are kept, so that a repeated request is recognised.
const DEPRECATED_VERSIONS_KEPT: usize = 10;

pub(crate) async fn create_secret(
    secrets: &Secrets,
    call: &Call,
    input: CreateSecretInput,
) -> Answer<CreateSecretOutput> {
    let value = input.check()?;
    if input.add_replica_regions.as_ref().is_some_and(|regions| !regions.is_empty()) {
        let message = "AddReplicaRegions: this server is one region; leave it out";
        return Err(KvsError::new(ErrorKind::InvalidParameter, message).into());
    }
    authorize(secrets, call, None, &input.name)?;
    let now = secrets.process.now().wall;
    let version_id = input.client_request_token.unwrap_or_else(|| secrets.process.new_request_id());
    let mut secret = Secret {
        arn: SecretArn::new(
            secrets.config.place(),
            &input.name,
            secrets.process.chance().next_u64(),
        )
        .to_string(),
        name: input.name,
        description: input.description,
        kms_key_id: input.kms_key_id,
        tags: tags(input.tags)?,
        created_at: now,
        changed_at: now,
        accessed_on: None,
        deleted_at: None,
        delete_after: None,
        versions: Vec::new(),
        row_version: 0,
    };
    let mut sealed = None;
    if let Some(value) = &value {
        put_version(&mut secret, &version_id, None, None, now)?;
        sealed = Some(seal(secrets, &secret.arn, &version_id, value)?);
    }
    let stored = sealed.as_ref().map(|sealed| (version_id.as_str(), sealed.as_slice()));
    if secrets.db.create_secret(&secret, stored).await? {
        tell_of_secret(secrets.notices.as_ref(), &secret.arn);
        tracing::info!(secret = secret.name, "secret created");
        let version_id = value.map(|_| version_id);
        return Ok(CreateSecretOutput { arn: secret.arn, name: secret.name, version_id });
    }
    repeated_creation(secrets, &secret.name, &version_id, value.as_ref()).await
}

/// CreateSecret of a name that is taken: fine when it repeats the call that took it.
async fn repeated_creation(
    secrets: &Secrets,
    name: &str,
    version_id: &str,
    value: Option<&SecretValue>,
) -> Answer<CreateSecretOutput> {
    let known = secrets.db.secret(name).await?.ok_or_else(too_busy)?;
    if known.deleted_at.is_some() {
        let message = "You can't create this secret because a secret with this name is already \
                       scheduled for deletion.";
        return Err(KvsError::new(ErrorKind::InvalidRequest, message).into());
    }
    if let Some(value) = value
        && same_value(secrets, &known, version_id, value).await? == Some(true)
    {
        let version_id = Some(version_id.to_owned());
        return Ok(CreateSecretOutput { arn: known.arn, name: known.name, version_id });
    }
    let message = format!("The operation failed because the secret {name} already exists.");
    Err(KvsError::new(ErrorKind::ResourceExists, message).into())
}

pub(crate) async fn put_secret_value(
    secrets: &Secrets,
    call: &Call,
    input: PutSecretValueInput,
) -> Answer<PutSecretValueOutput> {
    let value = input.check()?;
    let version_id = input.client_request_token.unwrap_or_else(|| secrets.process.new_request_id());
    for _ in 0..TRIES_MAX {
        let mut secret = live_secret(secrets, call, &input.secret_id).await?;
        let same = same_value(secrets, &secret, &version_id, &value).await?;
        let now = secrets.process.now().wall;
        let stages = input.version_stages.as_deref();
        let put = put_version(&mut secret, &version_id, stages, same, now)?;
        let saved = match put {
            Put::Repeated => true,
            Put::Stored => {
                secret.changed_at = now;
                let sealed = seal(secrets, &secret.arn, &version_id, &value)?;
                secrets.db.save_secret(&secret, Some((&version_id, &sealed))).await?
            }
        };
        if saved {
            tell_of_secret(secrets.notices.as_ref(), &secret.arn);
            tracing::info!(secret = secret.name, "secret value put");
            let version_stages = versions(&secret).stages(&version_id);
            let Secret { arn, name, .. } = secret;
            return Ok(PutSecretValueOutput { arn, name, version_id, version_stages });
        }
    }
    Err(too_busy())
}

pub(crate) async fn get_secret_value(
    secrets: &Secrets,
    call: &Call,
    input: GetSecretValueInput,
) -> Answer<GetSecretValueOutput> {
    let mut secret = live_secret(secrets, call, &input.secret_id).await?;
    let known = versions(&secret);
    let (id, stage) = (input.version_id.as_deref(), input.version_stage.as_deref());
    let version_id = known.select(id, stage)?.to_owned();
    let value = open(secrets, &secret.arn, &version_id).await?;
    let created_date = secret
        .versions
        .iter()
        .find(|version| version.version_id == version_id)
        .map(|version| version.created_at);
    let (arn, name) = (secret.arn.clone(), secret.name.clone());
    let now_ms = secrets.process.now().wall.as_millis();
    let today = Timestamp::from_millis(now_ms - now_ms.rem_euclid(DAY_MS));
    if secret.accessed_on != Some(today) {
        secret.accessed_on = Some(today);
        if !secrets.db.save_secret(&secret, None).await? {
            tracing::debug!(secret = name, "the day of last access is noted by another call");
        }
    }
    let (secret_string, secret_binary) = value.into_members();
    let version_stages = known.stages(&version_id);
    Ok(GetSecretValueOutput {
        arn,
        name,
        version_id,
        secret_binary,
        secret_string,
        version_stages,
        created_date,
    })
}

pub(crate) async fn describe_secret(
    secrets: &Secrets,
    call: &Call,
    input: DescribeSecretInput,
) -> Answer<DescribeSecretOutput> {
    let secret = any_secret(secrets, call, &input.secret_id).await?;
    let version_ids_to_stages = versions(&secret).staged();
    Ok(DescribeSecretOutput { secret: info(secret), version_ids_to_stages })
}

pub(crate) async fn delete_secret(
    secrets: &Secrets,
    call: &Call,
    input: DeleteSecretInput,
) -> Answer<DeleteSecretOutput> {
    let deletion = input.check()?;
    let now = secrets.process.now().wall;
    for _ in 0..TRIES_MAX {
        let found = secrets.db.secret(&input.secret_id).await?;
        authorize(secrets, call, found.as_ref(), &input.secret_id)?;
        let (mut secret, days) = match (found, deletion) {
            (Some(secret), SecretDeletion::AtOnce) => {
                secrets.db.delete_secret(&secret.arn).await?;
                tell_of_secret(secrets.notices.as_ref(), &secret.arn);
                tracing::info!(secret = secret.name, "secret deleted");
                let Secret { arn, name, .. } = secret;
                return Ok(DeleteSecretOutput { arn, name, deletion_date: now });
            }
            (None, SecretDeletion::AtOnce) => {
                // No error for what is gone already (Secrets Manager API_DeleteSecret).
                let name = input.secret_id;
                let arn = secret_resource(secrets, &name);
                return Ok(DeleteSecretOutput { arn, name, deletion_date: now });
            }
            (None, SecretDeletion::AfterDays(_)) => return Err(not_found().into()),
            (Some(secret), SecretDeletion::AfterDays(days)) => (secret, days),
        };
        if secret.deleted_at.is_some() {
            return Err(marked_for_deletion().into());
        }
        let deletion_date = now.plus_millis(days * DAY_MS);
        secret.deleted_at = Some(now);
        secret.delete_after = Some(deletion_date);
        if secrets.db.save_secret(&secret, None).await? {
            tell_of_secret(secrets.notices.as_ref(), &secret.arn);
            tracing::info!(secret = secret.name, days, "secret marked for deletion");
            return Ok(DeleteSecretOutput { arn: secret.arn, name: secret.name, deletion_date });
        }
    }
    Err(too_busy())
}

/// The secret that is meant, if the caller may do this with it.
async fn any_secret(secrets: &Secrets, call: &Call, id: &str) -> Answer<Secret> {
    let secret = secrets.db.secret(id).await?;
    authorize(secrets, call, secret.as_ref(), id)?;
    secret.ok_or_else(|| not_found().into())
}

/// The secret that is meant, unless it waits for its deletion.
async fn live_secret(secrets: &Secrets, call: &Call, id: &str) -> Answer<Secret> {
    let secret = any_secret(secrets, call, id).await?;
    match secret.deleted_at {
        None => Ok(secret),
        Some(_) => Err(marked_for_deletion().into()),
    }
}

fn not_found() -> KvsError {
    KvsError::not_found("Secrets Manager can't find the specified secret.")
}

fn marked_for_deletion() -> KvsError {
    let message = "You can't perform this operation on the secret because it was marked for \
                   deletion.";
    KvsError::new(ErrorKind::InvalidRequest, message)
}

/// Checks that the caller may do this with the secret that it named. Where there is none, its ARN ends as the policies
/// of AWS's guides have it, in six `?` for the random suffix.
fn authorize(
    secrets: &Secrets,
    call: &Call,
    secret: Option<&Secret>,
    id: &str,
) -> Result<(), KvsError> {
    let named = secret_resource(secrets, id);
    match secret {
        Some(secret) => call.authorize_as(&secret.arn, &named),
        None if id.starts_with("arn:") => call.authorize(&named),
        None => call.authorize_as(&format!("{named}-??????"), &named),
    }
}

/// A secret by the name that the caller knows.
fn secret_resource(secrets: &Secrets, id: &str) -> String {
    if id.starts_with("arn:") {
        return id.to_owned();
    }
    let (region, account) = (&secrets.config.region, &secrets.config.account_id);
    format!("arn:aws:secretsmanager:{region}:{account}:secret:{id}")
}

fn versions(secret: &Secret) -> SecretVersions {
    let labels = |version: &SecretVersion| {
        let stages: BTreeSet<String> = version.stages.iter().cloned().collect();
        (version.version_id.clone(), stages)
    };
    SecretVersions::new(secret.versions.iter().map(labels).collect())
}

/// Another text whenever the secret leads to another value, or to none: what a hub compares to know that it has to read
/// it again. Says nothing about the value.
pub(super) fn revision(secret: &Secret) -> String {
    let known = versions(secret);
    let current = known.select(None, None).unwrap_or("none");
    let deleted = if secret.deleted_at.is_some() { " deleted" } else { "" };
    format!("{} {current}{deleted}", secret.created_at.as_millis())
}

/// Adds a version and moves labels; forgets versions that have had none for long.
fn put_version(
    secret: &mut Secret,
    version_id: &str,
    stages: Option<&[String]>,
    same_value: Option<bool>,
    now: Timestamp,
) -> Result<Put, KvsError> {
    let mut labels = versions(secret);
    let put = labels.put(version_id, stages, same_value)?;
    if put == Put::Stored {
        secret.versions.push(SecretVersion {
            version_id: version_id.to_owned(),
            created_at: now,
            stages: Vec::new(),
        });
        for version in &mut secret.versions {
            version.stages = labels.stages(&version.version_id);
        }
        let deprecated = labels.deprecated().count();
        let mut to_forget = deprecated.saturating_sub(DEPRECATED_VERSIONS_KEPT);
        secret.versions.retain(|version| {
            let forget = version.stages.is_empty() && to_forget > 0;
            to_forget -= usize::from(forget);
            !forget
        });
    }
    Ok(put)
}

fn seal_purpose(arn: &str, version_id: &str) -> String {
    format!("secret {arn} {version_id}")
}

fn seal(secrets: &Secrets, arn: &str, version_id: &str, value: &SecretValue) -> Answer<Vec<u8>> {
    let plain = serde_json::to_vec(value).map(Zeroizing::new);
    let plain = plain.map_err(|_| Failure::Internal("a secret value is unwritable".to_owned()))?;
    Ok(secrets.master_key.seal(&seal_purpose(arn, version_id), &plain)?)
}

async fn open(secrets: &Secrets, arn: &str, version_id: &str) -> Answer<SecretValue> {
    let sealed = secrets.db.secret_value(arn, version_id).await?.ok_or_else(not_found)?;
    let plain = secrets.master_key.open(&seal_purpose(arn, version_id), &sealed)?;
    serde_json::from_slice(&plain)
        .map_err(|_| Failure::Internal("a stored secret value is unreadable".to_owned()))
}

/// Whether a version that exists holds `value`; `None` when there is no such version.
async fn same_value(
    secrets: &Secrets,
    secret: &Secret,
    version_id: &str,
    value: &SecretValue,
) -> Answer<Option<bool>> {
    if !secret.versions.iter().any(|version| version.version_id == version_id) {
        return Ok(None);
    }
    Ok(Some(open(secrets, &secret.arn, version_id).await? == *value))
}

fn tags(tags: Option<Vec<Tag>>) -> Result<BTreeMap<String, String>, KvsError> {
    tags.unwrap_or_default()
        .into_iter()
        .map(|tag| match tag.key {
            Some(key) => Ok((key, tag.value.unwrap_or_default())),
            None => Err(KvsError::new(ErrorKind::InvalidParameter, "a tag must have a Key")),
        })
        .collect()
}

fn info(secret: Secret) -> SecretInfo {
    let tag = |(key, value)| Tag { key: Some(key), value: Some(value) };
    SecretInfo {
        arn: secret.arn,
        name: secret.name,
        secret_type: None,
        description: secret.description,
        kms_key_id: secret.kms_key_id,
        last_changed_date: Some(secret.changed_at),
        last_accessed_date: secret.accessed_on,
        deleted_date: secret.deleted_at,
        tags: (!secret.tags.is_empty()).then(|| secret.tags.into_iter().map(tag).collect()),
        created_date: Some(secret.created_at),
    }
}
