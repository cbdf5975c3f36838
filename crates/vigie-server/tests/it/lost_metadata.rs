//! A folder whose metadata or master key was lost, or put back from an older copy: refused with what to do, and nothing in
//! it is touched; taken when its operator says so.

#![allow(clippy::disallowed_methods, reason = "tests harm files as others do")]

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::json;
use vigie_fakes::clock::TestClock;
use vigie_server::db::{DbError, SqliteMetadataDb};
use vigie_server::private_file::{PrivateFileError, read_master_key};
use vigie_server::{
    MetadataLoss, NewPermissions, ServerConfig, ServerError, accept_metadata_loss,
    create_access_key, metadata_loss,
};
use vigie_store::OsDisk;

use crate::common::media::fragment;
use crate::common::{self, TestServer, config, open, open_with_key_file};

const T: i64 = 1_795_000_000_000;

struct Left {
    folder: Arc<tempfile::TempDir>,
    clock: Arc<TestClock>,
    config: ServerConfig,
}

/// What a server with a stream and a fragment leaves.
async fn left() -> Left {
    let server = TestServer::start().await;
    server.create_stream("gate", 24).await;
    server.upload("gate", &[fragment(T, 1)]).await;
    let (folder, clock) = server.stop().await;
    let config = config(folder.path());
    Left { folder, clock, config }
}

/// Every file with its bytes' length and checksum, but those that say nothing: locks, and what SQLite makes to read.
fn contents(folder: &Path) -> BTreeMap<PathBuf, (usize, u64)> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.to_str().unwrap();
        if path.is_dir() {
            found.extend(contents(&path));
        } else if !name.ends_with(".lock") && !name.ends_with("-shm") {
            let bytes = std::fs::read(&path).unwrap();
            if !(name.ends_with("-wal") && bytes.is_empty()) {
                found.insert(path.clone(), (bytes.len(), hash(&bytes)));
            }
        }
    }
    found
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}

fn remove_metadata(config: &ServerConfig) {
    for path in vigie_store::sqlite_files(&config.metadata_path()) {
        if path.exists() {
            std::fs::remove_file(path).unwrap();
        }
    }
}

#[tokio::test]
async fn metadata_that_is_gone_or_empty_beside_anything_of_a_server_is_refused_and_nothing_touched()
{
    let Left { folder: _folder, clock, config } = left().await;
    let everything = contents(&config.data_dir);
    let media = everything.keys().find(|path| path.extension().unwrap_or_default() == "mkv");
    let generation = config.data_dir.join("metadata.generation");
    std::fs::write(config.master_key_path(), "a key").unwrap();
    let beside =
        [config.index_path(), config.credentials_path(), generation, config.master_key_path()];
    remove_metadata(&config);
    for kept in beside.iter().chain(media) {
        let alone = tempfile::tempdir().unwrap();
        let target = alone.path().join("data").join(kept.strip_prefix(&config.data_dir).unwrap());
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::copy(kept, &target).unwrap();
        let config = common::config(alone.path());
        for empty in [false, true] {
            if empty {
                std::fs::write(config.metadata_path(), "").unwrap();
            }
            let before = contents(&config.data_dir);
            let refused = open(config.clone(), 7, Arc::clone(&clock)).await.map(drop).unwrap_err();
            let ServerError::MetadataMissing { path, beside } = &refused else {
                panic!("{kept:?}: {refused}")
            };
            assert_eq!((path, beside), (&config.metadata_path(), &target));
            assert!(refused.to_string().contains("accept-metadata"), "{refused}");
            assert_eq!(contents(&config.data_dir), before, "{kept:?}");
        }
    }
}

#[tokio::test]
async fn an_older_copy_of_the_metadata_is_refused_and_taken_when_that_is_said() {
    let Left { folder, clock, config } = left().await;
    let older = std::fs::read(config.metadata_path()).unwrap();
    let server = TestServer::start_in(Arc::new(OsDisk), folder, clock).await;
    server.create_stream("yard", 24).await;
    server.upload("yard", &[fragment(T, 1)]).await;
    let (folder, clock) = server.stop().await;
    let newest = std::fs::read(config.metadata_path()).unwrap();
    std::fs::write(config.metadata_path(), &older).unwrap();

    let before = contents(&config.data_dir);
    let refused = open(config.clone(), 7, Arc::clone(&clock)).await.map(drop).unwrap_err();
    assert!(matches!(refused, ServerError::Db(DbError::Older { .. })), "{refused}");
    assert!(refused.to_string().contains("accept-metadata"), "{refused}");
    assert_eq!(contents(&config.data_dir), before);
    // Neither does a command write into it, so that it would pass for newer.
    let master_key = vigie_server::auth::MasterKey::from_bytes([7; 32]);
    let made =
        create_access_key(&config, &master_key, NewPermissions::Root, "local", clock.wall()).await;
    assert!(made.is_err());
    let refused = open(config.clone(), 7, Arc::clone(&clock)).await.map(drop);
    assert!(matches!(refused, Err(ServerError::Db(DbError::Older { .. }))));

    // The newest one is taken again.
    std::fs::write(config.metadata_path(), &newest).unwrap();
    let server = TestServer::start_in(Arc::new(OsDisk), folder, clock).await;
    assert_eq!(server.list_fragments("yard").await.len(), 1);
    let (folder, clock) = server.stop().await;

    std::fs::write(config.metadata_path(), &older).unwrap();
    let loss = metadata_loss(&config, &OsDisk).unwrap();
    assert!(matches!(loss, MetadataLoss::Older { found, known } if found < known), "{loss:?}");
    assert_eq!(accept_metadata_loss(&config, &OsDisk).unwrap(), Vec::<PathBuf>::new());
    assert_eq!(metadata_loss(&config, &OsDisk).unwrap(), MetadataLoss::None);
    let server = TestServer::start_in(Arc::new(OsDisk), folder, clock).await;
    assert_eq!(server.list_fragments("gate").await.len(), 1);
    assert_eq!(server.call("/describeStream", json!({"StreamName": "yard"})).await.status, 404);
    // The newest from before is the older one now.
    let (_folder, clock) = server.stop().await;
    std::fs::write(config.metadata_path(), &newest).unwrap();
    let refused = open(config.clone(), 7, clock).await.map(drop);
    assert!(matches!(refused, Err(ServerError::Db(DbError::Older { .. }))));
}

#[tokio::test]
async fn accepted_a_lost_database_begins_anew_and_what_was_there_is_kept() {
    let Left { folder, clock, config } = left().await;
    let before = contents(&config.data_dir);
    let credentials = std::fs::read(config.credentials_path()).unwrap();
    remove_metadata(&config);
    let kept = accept_metadata_loss(&config, &OsDisk).unwrap();
    let aside = config.data_dir.join("credentials.old-1");
    assert_eq!(kept, std::slice::from_ref(&aside));
    // Again, as after a crash: nothing more to do.
    assert_eq!(accept_metadata_loss(&config, &OsDisk).unwrap(), Vec::<PathBuf>::new());
    let server = TestServer::start_in(Arc::new(OsDisk), folder, clock).await;
    assert_eq!(std::fs::read(&aside).unwrap(), credentials);
    assert_eq!(server.call("/listStreams", json!({})).await.ok()["StreamInfoList"], json!([]));
    server.create_stream("gate", 24).await;
    let after = contents(&config.data_dir);
    let media = before.iter().filter(|(path, _)| path.extension().unwrap_or_default() == "mkv");
    for (path, bytes) in media {
        assert_eq!(after.get(path), Some(bytes));
    }
}

#[tokio::test]
async fn nothing_is_accepted_under_a_server_that_runs() {
    let server = TestServer::start().await;
    let config = config(server.folder());
    assert!(matches!(accept_metadata_loss(&config, &OsDisk), Err(ServerError::Store(_))));
    server.create_stream("gate", 1).await;
}

#[tokio::test]
async fn a_master_key_that_is_missing_or_another_or_in_the_open_is_refused_before_anything_is_written()
 {
    let folder = tempfile::tempdir().unwrap();
    let (config, clock) = (config(folder.path()), TestClock::new());
    drop(open_with_key_file(config.clone(), Arc::clone(&clock)).await.unwrap());
    let key = std::fs::read(config.master_key_path()).unwrap();
    let attempt = || open_with_key_file(config.clone(), Arc::clone(&clock));

    std::fs::remove_file(config.master_key_path()).unwrap();
    let before = contents(&config.data_dir);
    let refused = attempt().await.map(drop).unwrap_err();
    assert!(matches!(refused, ServerError::MasterKeyMissing { .. }), "{refused}");
    assert_eq!(contents(&config.data_dir), before);
    assert!(!config.master_key_path().exists());

    std::fs::write(config.master_key_path(), "00".repeat(32)).unwrap();
    std::fs::set_permissions(config.master_key_path(), PermissionsExt::from_mode(0o600)).unwrap();
    let before = contents(&config.data_dir);
    let refused = attempt().await.map(drop).unwrap_err();
    assert!(matches!(refused, ServerError::OtherMasterKey { .. }), "{refused}");
    assert_eq!(contents(&config.data_dir), before);

    std::fs::write(config.master_key_path(), &key).unwrap();
    std::fs::set_permissions(config.master_key_path(), PermissionsExt::from_mode(0o644)).unwrap();
    let refused = attempt().await.map(drop).unwrap_err();
    let exposed =
        matches!(refused, ServerError::PrivateFile(PrivateFileError::Exposed { mode: 0o644, .. }));
    assert!(exposed, "{refused}");
    assert!(read_master_key(&config.master_key_path()).is_err());

    std::fs::set_permissions(config.master_key_path(), PermissionsExt::from_mode(0o600)).unwrap();
    assert!(attempt().await.is_ok());
}

#[tokio::test]
async fn a_first_start_that_was_cut_off_anywhere_is_finished_by_the_next() {
    let clock = TestClock::new();
    let begun = |steps: usize| {
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path());
        std::fs::create_dir_all(&config.data_dir).unwrap();
        if steps == 0 {
            std::fs::write(config.metadata_path(), "").unwrap();
        }
        if steps > 0 {
            drop(SqliteMetadataDb::open(&config.metadata_path()).unwrap());
        }
        if steps > 1 {
            let disk: Arc<dyn vigie_store::disk::Disk> = Arc::new(vigie_store::OsDisk);
            let (media, index) = (config.media_dir(), config.index_path());
            let settings = vigie_store::StoreSettings::SERVER;
            let opened = vigie_store::Store::open_or_begin_anew(&disk, &media, &index, settings);
            drop(opened.unwrap());
        }
        if steps > 2 {
            std::fs::write(config.master_key_path(), "07".repeat(32)).unwrap();
            let mode = PermissionsExt::from_mode(0o600);
            std::fs::set_permissions(config.master_key_path(), mode).unwrap();
        }
        if steps > 3 {
            std::fs::write(config.credentials_path(), "of a key that was not noted").unwrap();
        }
        (folder, config)
    };
    for steps in 0..5 {
        let (_folder, config) = begun(steps);
        let server = open_with_key_file(config.clone(), Arc::clone(&clock)).await;
        assert!(server.is_ok(), "{steps}: {:?}", server.map(drop));
        let text = std::fs::read_to_string(config.credentials_path()).unwrap();
        assert!(text.contains("AKIA"), "{text}");
    }
}

/// A database is made in one transaction: the process may end in the middle of it.
#[tokio::test]
async fn metadata_whose_making_was_cut_off_is_made_by_the_next_start() {
    let clock = TestClock::new();
    let making = tempfile::tempdir().unwrap();
    let path = making.path().join("metadata.sqlite");
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.pragma_update(None, "journal_mode", "WAL").unwrap();
    // So that pages go into the log before the transaction ends.
    connection.pragma_update(None, "cache_size", 1).unwrap();
    connection
        .execute_batch("BEGIN IMMEDIATE; CREATE TABLE setting (name TEXT, value BLOB)")
        .unwrap();
    for begun in [false, true] {
        if begun {
            let row = "INSERT INTO setting VALUES ('x', randomblob(100000))";
            connection.execute_batch(row).unwrap();
        }
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path());
        std::fs::create_dir_all(&config.data_dir).unwrap();
        let [_, log, _] = vigie_store::sqlite_files(&path);
        assert!(!begun || log.metadata().unwrap().len() > 0);
        for file in [&path, &log] {
            std::fs::copy(file, config.data_dir.join(file.file_name().unwrap())).unwrap();
        }
        let server = open_with_key_file(config.clone(), Arc::clone(&clock)).await;
        assert!(server.is_ok(), "{begun}: {:?}", server.map(drop));
        assert!(config.credentials_path().exists());
    }
}

#[tokio::test]
async fn databases_are_their_owners_alone_also_in_a_folder_of_before() {
    let Left { folder, clock, config } = left().await;
    let files = || {
        let paths = [config.metadata_path(), config.index_path()];
        paths
            .into_iter()
            .flat_map(|path| vigie_store::sqlite_files(&path))
            .filter(|path| path.exists())
    };
    let modes = || -> Vec<u32> {
        let mode = |path: PathBuf| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        files().map(mode).collect()
    };
    assert!(modes().iter().all(|mode| *mode == 0o600), "{:?}", modes());
    for path in files() {
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o644)).unwrap();
    }
    let server = TestServer::start_in(Arc::new(OsDisk), folder, clock).await;
    server.create_stream("yard", 24).await;
    let modes = modes();
    assert!(modes.len() >= 4 && modes.iter().all(|mode| *mode == 0o600), "{modes:?}");
}
