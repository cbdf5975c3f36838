//! What the first start of a server makes, once: the proof of its master key, and its root key.
//!
//! Decides by what is there which step is next, so that a start that was cut off anywhere is finished by the next one. The
//! root key is drawn and kept, sealed, by one write; only then is it granted, and only then shown. So no credentials are
//! shown that do not work, and none that work are lost.

use secrecy::{ExposeSecret, SecretString};
use vigie_media::Timestamp;
use vigie_store::disk::Disk;
use zeroize::Zeroizing;

use crate::auth::{MASTER_KEY_PROOF, MasterKey, NewAccessKey, SealError};
use crate::config::ServerConfig;
use crate::data_dir::move_aside;
use crate::db::MetadataDb;
use crate::private_file::{PrivateFileError, read_private, write_private};
use crate::start_error::ServerError;

/// The name of the value that holds the root key of the first start until it was granted, shown and noted.
const DRAWN_KEY: &str = "first-root-key";

/// As many as there are.
const STEPS_MAX: usize = 4;

/// A step of a first start.
enum Step {
    ProveMasterKey,
    /// The root key, as the following.
    Draw,
    Grant(NewAccessKey),
    Show(NewAccessKey),
}

/// What is there of a first start.
struct Found {
    is_proven: bool,
    has_keys: bool,
    drawn: Option<Drawn>,
}

/// The key that was drawn, and what has become of it.
struct Drawn {
    key: NewAccessKey,
    is_granted: bool,
    is_shown: bool,
}

/// The next step; `None` when nothing is left to do.
fn next(found: Found) -> Option<Step> {
    if !found.is_proven {
        return Some(Step::ProveMasterKey);
    }
    match found.drawn {
        Some(Drawn { key, is_granted: false, .. }) => Some(Step::Grant(key)),
        Some(Drawn { key, is_shown: false, .. }) => Some(Step::Show(key)),
        None if !found.has_keys => Some(Step::Draw),
        Some(_) | None => None,
    }
}

/// The first start of a folder, as far as it is to go.
pub(crate) struct FirstStart<'a> {
    pub db: &'a dyn MetadataDb,
    pub master_key: &'a MasterKey,
    pub config: &'a ServerConfig,
    pub disk: &'a dyn Disk,
    pub now: Timestamp,
}

impl FirstStart<'_> {
    /// Does what is left to do. Returns the id of the root key that it made, until it [was noted](FirstStart::note).
    pub(crate) async fn finish(&self) -> Result<Option<String>, ServerError> {
        for _ in 0..STEPS_MAX {
            if !self.take_step().await? {
                break;
            }
        }
        Ok(self.drawn_key().await?.map(|key| key.access_key_id))
    }

    /// The root key is known to the audit log: its secret half is kept no longer than that.
    pub(crate) async fn note(&self) -> Result<(), ServerError> {
        Ok(self.db.save_setting(DRAWN_KEY, b"").await?)
    }

    /// Whether there was one.
    async fn take_step(&self) -> Result<bool, ServerError> {
        let Some(step) = next(self.look().await?) else { return Ok(false) };
        match step {
            Step::ProveMasterKey => prove(self.db, self.master_key).await?,
            Step::Draw => self.draw().await?,
            Step::Grant(key) => self.grant(&key).await?,
            Step::Show(key) => self.show(&key)?,
        }
        Ok(true)
    }

    async fn look(&self) -> Result<Found, ServerError> {
        let is_proven = is_master_key(self.db, self.master_key, self.config).await?;
        let has_keys = !self.db.list_access_keys((Timestamp::MIN, ""), 1).await?.is_empty();
        let drawn = match self.drawn_key().await? {
            Some(key) => {
                let row = self.db.access_key(&key.access_key_id).await?;
                // One that was revoked since does not work, and is not shown again.
                let is_revoked = row.as_ref().is_some_and(|row| row.revoked_at.is_some());
                let is_shown = is_revoked || self.is_shown(&key);
                Some(Drawn { is_granted: row.is_some(), is_shown, key })
            }
            None => None,
        };
        Ok(Found { is_proven, has_keys, drawn })
    }

    async fn draw(&self) -> Result<(), ServerError> {
        let key = NewAccessKey::generate()?;
        let secret = key.secret_access_key.expose_secret();
        let text = Zeroizing::new(format!("{} {secret}", key.access_key_id));
        let sealed = self.master_key.seal(DRAWN_KEY, text.as_bytes())?;
        Ok(self.db.save_setting(DRAWN_KEY, &sealed).await?)
    }

    async fn drawn_key(&self) -> Result<Option<NewAccessKey>, ServerError> {
        let sealed = self.db.setting(DRAWN_KEY).await?.unwrap_or_default();
        if sealed.is_empty() {
            return Ok(None);
        }
        let text = self.master_key.open(DRAWN_KEY, &sealed)?;
        let text = std::str::from_utf8(&text).ok().and_then(|text| text.split_once(' '));
        let (access_key_id, secret) = text.ok_or(SealError::NotOpened)?;
        Ok(Some(NewAccessKey {
            access_key_id: access_key_id.to_owned(),
            secret_access_key: SecretString::from(secret),
        }))
    }

    async fn grant(&self, key: &NewAccessKey) -> Result<(), ServerError> {
        let principal_arn = self.config.root_principal_arn();
        let row = key.row(self.master_key, principal_arn, None, self.now)?;
        Ok(self.db.create_access_key(&row).await?)
    }

    fn is_shown(&self, key: &NewAccessKey) -> bool {
        let shown = read_private(&self.config.credentials_path());
        shown.is_ok_and(|shown| *shown == *key.credentials_file())
    }

    /// Writes the credentials. Some that are there already are somebody's.
    fn show(&self, key: &NewAccessKey) -> Result<(), ServerError> {
        let path = self.config.credentials_path();
        if path.symlink_metadata().is_ok() {
            let aside = move_aside(&path, self.disk)
                .map_err(|source| PrivateFileError::Io { path: path.clone(), source })?;
            tracing::warn!(path = %aside.display(), "the credentials that were there are kept");
        }
        write_private(&path, key.credentials_file().as_bytes())?;
        tracing::info!(key = key.access_key_id, path = %path.display(), "root access key created");
        Ok(())
    }
}

/// Refuses a master key under which the stored secrets would not open; notes the first one.
pub(crate) async fn check_master_key(
    db: &dyn MetadataDb,
    master_key: &MasterKey,
    config: &ServerConfig,
) -> Result<(), ServerError> {
    match is_master_key(db, master_key, config).await? {
        true => Ok(()),
        false => prove(db, master_key).await,
    }
}

/// Notes by what it is known again.
async fn prove(db: &dyn MetadataDb, master_key: &MasterKey) -> Result<(), ServerError> {
    let proof = master_key.seal(MASTER_KEY_PROOF, b"")?;
    Ok(db.save_setting(MASTER_KEY_PROOF, &proof).await?)
}

/// Whether it is the one that secrets are stored with; `false` when none is known yet, an error when another is.
async fn is_master_key(
    db: &dyn MetadataDb,
    master_key: &MasterKey,
    config: &ServerConfig,
) -> Result<bool, ServerError> {
    let Some(proof) = db.setting(MASTER_KEY_PROOF).await? else { return Ok(false) };
    let opened = master_key.open(MASTER_KEY_PROOF, &proof);
    let path = config.metadata_path();
    opened.map(|_| true).map_err(|source| ServerError::OtherMasterKey { path, source })
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests lay out files")]
mod tests {
    use std::path::Path;

    use vigie_store::OsDisk;

    use super::*;
    use crate::auth::seal_purpose;
    use crate::db::{AccessKeys, SqliteMetadataDb};

    /// A folder whose process ends now and then: the database is opened anew each time.
    struct Folder {
        folder: tempfile::TempDir,
        config: ServerConfig,
        key: MasterKey,
    }

    /// What a caller finds in the credentials.
    #[derive(Debug, PartialEq)]
    struct Shown {
        access_key_id: String,
        secret: String,
    }

    impl Folder {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let config = ServerConfig::new(folder.path());
            Self { folder, config, key: MasterKey::from_bytes([7; 32]) }
        }

        /// Takes so many steps and ends; whether all were taken.
        async fn run(&self, steps: usize) -> usize {
            let db = SqliteMetadataDb::open(&self.config.metadata_path()).unwrap();
            let start = self.start(&db);
            let mut taken = 0;
            while taken < steps && start.take_step().await.unwrap() {
                taken += 1;
            }
            taken
        }

        fn start<'a>(&'a self, db: &'a SqliteMetadataDb) -> FirstStart<'a> {
            let now = Timestamp::from_millis(1_795_000_000_000);
            FirstStart { db, master_key: &self.key, config: &self.config, disk: &OsDisk, now }
        }

        /// What is shown works, or nothing is shown.
        async fn shown(&self) -> Option<Shown> {
            let text = std::fs::read_to_string(self.config.credentials_path()).ok()?;
            let value = |name: &str| {
                let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
                line.strip_prefix(" = ").unwrap().to_owned()
            };
            let shown = Shown {
                access_key_id: value("aws_access_key_id"),
                secret: value("aws_secret_access_key"),
            };
            let db = SqliteMetadataDb::open(&self.config.metadata_path()).unwrap();
            let row = db.access_key(&shown.access_key_id).await.unwrap().expect("it works");
            let secret = self.key.open(&seal_purpose(&shown.access_key_id), &row.sealed_secret);
            assert_eq!(&secret.unwrap()[..], shown.secret.as_bytes());
            assert_eq!((row.policy_json, row.revoked_at), (None, None));
            Some(shown)
        }

        /// The next start finishes: one root key, which is the one that is shown, and which the audit log is told of once
        /// more until it has it.
        async fn finishes(&self) {
            let db = SqliteMetadataDb::open(&self.config.metadata_path()).unwrap();
            let start = self.start(&db);
            let made = start.finish().await.unwrap().unwrap();
            assert_eq!(start.finish().await.unwrap().as_ref(), Some(&made), "not noted yet");
            start.note().await.unwrap();
            assert_eq!(start.finish().await.unwrap(), None);
            let keys = db.list_access_keys((Timestamp::MIN, ""), 9).await.unwrap();
            assert_eq!(keys.len(), 1, "{keys:?}");
            drop(db);
            assert_eq!(self.shown().await.unwrap().access_key_id, made);
            assert_eq!(keys[0].access_key_id, made);
        }

        fn files(&self) -> Vec<String> {
            let entries = std::fs::read_dir(self.folder.path()).unwrap();
            let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
            names.filter(|name| name.starts_with("credentials")).collect()
        }
    }

    #[tokio::test]
    async fn cut_off_behind_any_step_it_shows_no_key_that_does_not_work_and_the_next_one_finishes_it()
     {
        let steps = Folder::new().run(usize::MAX).await;
        assert_eq!(steps, 4);
        for taken in 0..=steps {
            let folder = Folder::new();
            assert_eq!(folder.run(taken).await, taken);
            let shown = folder.shown().await;
            assert_eq!(shown.is_some(), taken == steps, "{taken}");
            folder.finishes().await;
            // What was shown before stays what is shown, and nothing lies beside it.
            assert!(shown.is_none() || shown == folder.shown().await);
            assert_eq!(folder.files(), ["credentials"], "{taken}");
        }
    }

    #[tokio::test]
    async fn cut_off_behind_each_step_again_and_again_it_is_finished_all_the_same() {
        let folder = Folder::new();
        while folder.run(1).await == 1 {
            folder.shown().await;
        }
        folder.finishes().await;
        assert_eq!(folder.files(), ["credentials"]);
    }

    #[tokio::test]
    async fn cut_off_while_a_file_is_written_it_writes_it_anew() {
        let folder = Folder::new();
        folder.run(3).await;
        let half = folder.config.credentials_path().with_extension("new");
        std::fs::write(half, "[default]\naws_acc").unwrap();
        assert_eq!(folder.shown().await, None);
        folder.finishes().await;
        assert_eq!(folder.files(), ["credentials"]);
    }

    #[tokio::test]
    async fn credentials_that_were_there_are_kept_under_another_name() {
        let folder = Folder::new();
        std::fs::write(folder.config.credentials_path(), "of another server").unwrap();
        folder.run(3).await;
        assert_eq!(folder.files(), ["credentials"]);
        folder.finishes().await;
        let mut files = folder.files();
        files.sort();
        assert_eq!(files, ["credentials", "credentials.old-1"]);
        let old = Path::new(folder.folder.path()).join("credentials.old-1");
        assert_eq!(std::fs::read_to_string(old).unwrap(), "of another server");
    }

    #[tokio::test]
    async fn a_folder_with_keys_gets_no_other() {
        let folder = Folder::new();
        folder.finishes().await;
        std::fs::remove_file(folder.config.credentials_path()).unwrap();
        assert_eq!(folder.run(usize::MAX).await, 0);
        assert_eq!(folder.shown().await, None, "who removes them has his reasons");
    }

    #[tokio::test]
    async fn a_key_that_was_revoked_before_it_was_noted_is_not_shown_again() {
        let folder = Folder::new();
        folder.run(usize::MAX).await;
        let db = SqliteMetadataDb::open(&folder.config.metadata_path()).unwrap();
        let first = folder.shown().await.unwrap().access_key_id;
        let other = NewAccessKey::generate().unwrap();
        folder.start(&db).grant(&other).await.unwrap();
        assert!(db.revoke_access_key(&first, Timestamp::from_millis(1)).await.unwrap());
        std::fs::remove_file(folder.config.credentials_path()).unwrap();
        assert_eq!(folder.start(&db).finish().await.unwrap(), Some(first));
        assert!(folder.files().is_empty());
    }

    #[tokio::test]
    async fn another_master_key_is_refused_before_anything_is_granted() {
        for taken in 1..4 {
            let mut folder = Folder::new();
            folder.run(taken).await;
            folder.key = MasterKey::from_bytes([8; 32]);
            let db = SqliteMetadataDb::open(&folder.config.metadata_path()).unwrap();
            assert!(folder.start(&db).finish().await.is_err());
            assert_eq!(
                db.list_access_keys((Timestamp::MIN, ""), 9).await.unwrap().is_empty(),
                taken < 3
            );
        }
    }
}
