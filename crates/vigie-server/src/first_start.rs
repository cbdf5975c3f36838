//! What the first start of a server makes: the proof of its master key, and its root key.

use secrecy::ExposeSecret;
use vigie_media::Timestamp;
use vigie_store::disk::Disk;

use crate::auth::{MASTER_KEY_PROOF, MasterKey, NewAccessKey, seal_purpose};
use crate::config::ServerConfig;
use crate::data_dir::move_aside;
use crate::db::{AccessKey, MetadataDb};
use crate::private_file::{PrivateFileError, write_private};
use crate::start_error::ServerError;

/// Refuses a master key under which the stored secrets would not open; notes the first one.
pub(crate) async fn check_master_key(
    db: &dyn MetadataDb,
    master_key: &MasterKey,
    config: &ServerConfig,
) -> Result<(), ServerError> {
    match db.setting(MASTER_KEY_PROOF).await? {
        Some(proof) => match master_key.open(MASTER_KEY_PROOF, &proof) {
            Ok(_) => Ok(()),
            Err(_) => Err(ServerError::OtherMasterKey { path: config.metadata_path() }),
        },
        None => {
            let proof = master_key.seal(MASTER_KEY_PROOF, b"")?;
            Ok(db.save_setting(MASTER_KEY_PROOF, &proof).await?)
        }
    }
}

pub(crate) async fn create_root_key(
    db: &dyn MetadataDb,
    master_key: &MasterKey,
    config: &ServerConfig,
    disk: &dyn Disk,
    now: Timestamp,
) -> Result<Option<String>, ServerError> {
    if !db.access_keys().await?.is_empty() {
        return Ok(None);
    }
    let key = NewAccessKey::generate()?;
    let secret = key.secret_access_key.expose_secret().as_bytes();
    let sealed_secret = master_key.seal(&seal_purpose(&key.access_key_id), secret)?;
    // The file first: a crash in between makes another key at the next start, and none is lost. One that is there
    // already is somebody's.
    let path = config.credentials_path();
    if path.symlink_metadata().is_ok() {
        let aside = move_aside(&path, disk)
            .map_err(|source| PrivateFileError::Io { path: path.clone(), source })?;
        tracing::warn!(path = %aside.display(), "the credentials that were there are kept");
    }
    write_private(&path, key.credentials_file().as_bytes())?;
    db.create_access_key(&AccessKey {
        access_key_id: key.access_key_id.clone(),
        sealed_secret,
        principal_arn: config.root_principal_arn(),
        created_at: now,
        policy_json: None,
        revoked_at: None,
    })
    .await?;
    tracing::info!(key = key.access_key_id, path = %path.display(), "root access key created");
    Ok(Some(key.access_key_id))
}
