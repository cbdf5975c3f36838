//! `vigie keys`: the access keys of a server, whether it runs or not.

use std::io::Read;
use std::path::Path;

use secrecy::ExposeSecret;
use serde::Serialize;
use vigie_engine::clock::Clock;
use vigie_kvs::iam::{POLICY_BYTES_MAX, Policy};
use vigie_server::auth::NewAccessKey;
use vigie_server::{
    AccessKeyInfo, NewPermissions, ServerConfig, create_access_key, list_access_keys,
    revoke_access_key,
};

use super::operator::operator;
use super::server::existing_master_key;
use crate::cli::{KeysCreateOptions, KeysListOptions, KeysRevokeOptions};
use crate::failure::{Doing, Failure};
use crate::output;
use crate::stop;
use crate::system::SystemClock;
use crate::zone;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct AccessKeyLine {
    access_key_id: String,
    principal_arn: String,
    /// RFC 3339, UTC.
    created_at: String,
    /// The document; null for a root key.
    policy: Option<serde_json::Value>,
    /// RFC 3339, UTC.
    revoked_at: Option<String>,
}

/// The secret is printed here and nowhere else.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct NewAccessKeyLine<'a> {
    access_key_id: &'a str,
    secret_access_key: &'a str,
    principal_arn: &'a str,
}

pub fn create(options: &KeysCreateOptions) -> Result<(), Failure> {
    let document = options.policy.as_deref().map(read_policy).transpose()?;
    let config = ServerConfig::new(&options.data_dir);
    let permissions = match &document {
        Some(document) => NewPermissions::Policy { document, name: options.name.as_deref() },
        None => NewPermissions::Root,
    };
    let now = SystemClock::new().now().wall;
    // The folder before the key: nothing is made where no server has been.
    let (key, info) = stop::runtime()?.block_on(async {
        list_access_keys(&config)
            .await
            .doing(format!("read the access keys in {}", options.data_dir.display()))?;
        let master_key = existing_master_key(&config)?;
        create_access_key(&config, &master_key, permissions, &operator(), now)
            .await
            .doing("create an access key")
    })?;
    print_new(&key, &info, options.json)
}

fn print_new(key: &NewAccessKey, info: &AccessKeyInfo, json: bool) -> Result<(), Failure> {
    if json {
        return output::json(&NewAccessKeyLine {
            access_key_id: &key.access_key_id,
            secret_access_key: key.secret_access_key.expose_secret(),
            principal_arn: &info.principal_arn,
        });
    }
    output::line(key.credentials_file().trim_end())
}

fn read_policy(path: &Path) -> Result<String, Failure> {
    let doing = || format!("read the policy {}", path.display());
    let mut document = String::new();
    let file = std::fs::File::open(path).doing(doing())?;
    // One byte more than a policy may have, so that a longer one is refused and not cut.
    let bytes_max = u64::try_from(POLICY_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
    file.take(bytes_max).read_to_string(&mut document).doing(doing())?;
    Ok(document)
}

pub fn list(options: &KeysListOptions) -> Result<(), Failure> {
    let config = ServerConfig::new(&options.data_dir);
    let keys = stop::runtime()?
        .block_on(list_access_keys(&config))
        .doing(format!("read the access keys in {}", options.data_dir.display()))?;
    if options.json {
        let lines: Result<Vec<_>, Failure> = keys.into_iter().map(json_line).collect();
        return output::json(&lines?);
    }
    let rows: Vec<_> = keys.iter().map(row).collect();
    output::table(["ACCESS KEY ID", "NAME", "CREATED", "POLICY", "REVOKED"], &rows)
}

fn json_line(key: AccessKeyInfo) -> Result<AccessKeyLine, Failure> {
    let policy = key.policy_json.as_deref().map(serde_json::from_str).transpose();
    Ok(AccessKeyLine {
        policy: policy.doing(format!("show the policy of {}", key.access_key_id))?,
        access_key_id: key.access_key_id,
        principal_arn: key.principal_arn,
        created_at: zone::utc_text(key.created_at),
        revoked_at: key.revoked_at.map(zone::utc_text),
    })
}

fn row(key: &AccessKeyInfo) -> [String; 5] {
    let name = key.principal_arn.rsplit([':', '/']).next().unwrap_or_default();
    let policy = match key.policy_json.as_deref().map(Policy::parse) {
        None => "everything (root)".to_owned(),
        Some(Ok(policy)) => policy.summary().to_string(),
        Some(Err(_)) => "written by a newer version".to_owned(),
    };
    [
        key.access_key_id.clone(),
        name.to_owned(),
        zone::utc_text(key.created_at),
        policy,
        key.revoked_at.map_or_else(|| "-".to_owned(), zone::utc_text),
    ]
}

pub fn revoke(options: &KeysRevokeOptions) -> Result<(), Failure> {
    let config = ServerConfig::new(&options.data_dir);
    let id = &options.access_key_id;
    let now = SystemClock::new().now().wall;
    stop::runtime()?
        .block_on(revoke_access_key(&config, id, &operator(), now))
        .doing(format!("revoke {id}"))?;
    output::line(&format!("{id} is revoked"))
}
