//! Backups: taken from a server that runs, brought back into an empty folder, and refused where they would do harm.

#![allow(clippy::disallowed_methods, reason = "tests copy and harm files as others do")]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::json;
use vigie_fakes::clock::TestClock;
use vigie_server::db::DbError;
use vigie_server::{BackupError, ServerError, restore_backup, take_backup};
use vigie_store::OsDisk;

use crate::common::media::fragment;
use crate::common::{TestServer, config, open};

const T: i64 = 1_795_000_000_000;

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_folder(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}

struct Saved {
    server: TestServer,
    /// Holds the backup.
    folder: tempfile::TempDir,
}

impl Saved {
    /// A server with a stream, two fragments and a secret, of which a backup was taken, and a fragment more.
    async fn new() -> Self {
        let server = TestServer::start().await;
        server.create_stream("gate", 24).await;
        server.upload("gate", &[fragment(T, 1), fragment(T + 1000, 2)]).await;
        let secret = json!({"Name": "gate-camera", "SecretString": "rtsp://camera"});
        server.secrets("CreateSecret", secret).await.ok();
        let folder = tempfile::tempdir().unwrap();
        let config = config(server.folder());
        std::fs::write(config.master_key_path(), "07".repeat(32)).unwrap();
        let private = PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(config.master_key_path(), private).unwrap();
        let saved = Self { server, folder };
        let now = saved.server.clock.wall();
        let manifest = take_backup(&config, &saved.backup(), &OsDisk, now).unwrap();
        let names: Vec<&str> = manifest.files.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(names, ["index.sqlite", "metadata.sqlite", "master.key", "credentials"]);
        saved.server.upload("gate", &[fragment(T + 2000, 3)]).await;
        saved.server.create_stream("later", 24).await;
        saved
    }

    fn backup(&self) -> PathBuf {
        self.folder.path().join("backup")
    }
}

#[tokio::test]
async fn a_backup_of_a_running_server_comes_back_in_an_empty_folder() {
    let saved = Saved::new().await;
    for entry in std::fs::read_dir(saved.backup()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", entry.file_name());
    }
    let before = saved.server.list_fragments("gate").await;
    let source = config(saved.server.folder());
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let target = config(folder.path());
    copy_folder(&source.media_dir(), &target.media_dir());
    drop(saved.server);
    let manifest = restore_backup(&target, &saved.folder.path().join("backup"), &OsDisk).unwrap();
    assert!(manifest.generation > 0);

    let clock = TestClock::new();
    let server = TestServer::start_in(Arc::new(OsDisk), folder, clock).await;
    let after = server.list_fragments("gate").await;
    assert_eq!(after[..2], before[..2]);
    let secret = server.secrets("GetSecretValue", json!({"SecretId": "gate-camera"})).await.ok();
    assert_eq!(secret["SecretString"], "rtsp://camera");
    let later = server.call("/describeStream", json!({"StreamName": "later"})).await;
    assert_eq!(later.status, 404);
    // It goes on behind what it has given out.
    let told = server.upload("gate", &[fragment(T + 3000, 4)]).await;
    assert_eq!(told.last().unwrap(), &format!("PERSISTED {}", T + 3000));
}

#[tokio::test]
async fn a_lost_or_older_database_is_replaced_by_a_backup_when_that_is_asked_for() {
    let saved = Saved::new().await;
    let backup = saved.backup();
    let (folder, clock) = saved.server.stop().await;
    let config = config(folder.path());
    let refused = restore_backup(&config, &backup, &OsDisk).unwrap_err();
    assert!(matches!(refused, BackupError::WouldReplace(_)), "{refused}");
    for path in [config.metadata_path(), config.index_path()] {
        std::fs::rename(&path, path.with_extension("lost")).unwrap();
        for left in vigie_store::sqlite_files(&path) {
            if left.exists() {
                std::fs::remove_file(left).unwrap();
            }
        }
    }
    // The folder has seen a later generation than that of the backup.
    restore_backup(&config, &backup, &OsDisk).unwrap();
    let server = TestServer::start_in(Arc::new(OsDisk), folder, clock).await;
    assert!(server.list_fragments("gate").await.len() >= 2);
}

#[tokio::test]
async fn a_restore_that_was_cut_off_is_refused_by_a_start_and_finished_by_the_next_restore() {
    let saved = Saved::new().await;
    let folder = tempfile::tempdir().unwrap();
    let target = config(folder.path());
    std::fs::create_dir_all(&target.data_dir).unwrap();
    for name in ["index.sqlite", "master.key"] {
        std::fs::copy(saved.backup().join(name), target.data_dir.join(name)).unwrap();
    }
    std::fs::write(target.data_dir.join("credentials.new"), "half").unwrap();
    let clock = TestClock::new();
    let refused = open(target.clone(), 7, Arc::clone(&clock)).await.map(drop);
    assert!(matches!(refused, Err(ServerError::MetadataMissing { .. })));
    restore_backup(&target, &saved.backup(), &OsDisk).unwrap();
    restore_backup(&target, &saved.backup(), &OsDisk).unwrap();
    assert!(open(target.clone(), 7, clock).await.is_ok());
}

#[tokio::test]
async fn a_backup_that_is_not_whole_or_was_changed_is_refused_and_nothing_brought_back() {
    let saved = Saved::new().await;
    let names = ["backup.json", "index.sqlite", "metadata.sqlite", "master.key", "credentials"];
    for name in names {
        for harm in ["gone", "cut", "changed"] {
            let folder = tempfile::tempdir().unwrap();
            let copy = folder.path().join("backup");
            copy_folder(&saved.backup(), &copy);
            let path = copy.join(name);
            let mut bytes = std::fs::read(&path).unwrap();
            match harm {
                "cut" => bytes.truncate(bytes.len() - 5),
                _ => bytes[10] ^= 1,
            }
            match harm {
                "gone" => std::fs::remove_file(&path).unwrap(),
                _ => std::fs::write(&path, bytes).unwrap(),
            }
            let target = config(folder.path());
            let restored = restore_backup(&target, &copy, &OsDisk);
            assert!(restored.is_err(), "{name} {harm}");
            assert!(!target.data_dir.exists(), "{name} {harm}");
        }
    }
}

#[tokio::test]
async fn no_backup_is_taken_over_files_or_of_a_folder_that_no_server_would_start_on() {
    let saved = Saved::new().await;
    let source = config(saved.server.folder());
    let clock = Arc::clone(&saved.server.clock);
    let again = take_backup(&source, &saved.backup(), &OsDisk, clock.wall());
    assert!(matches!(again, Err(BackupError::TargetNotEmpty(_))));
    let empty = tempfile::tempdir().unwrap();
    let target = empty.path().join("backup");
    let refused = take_backup(&config(empty.path()), &target, &OsDisk, clock.wall());
    assert!(matches!(refused, Err(BackupError::NotAServer(_))));
    let (folder, clock) = saved.server.stop().await;
    let source = config(folder.path());
    std::fs::write(source.data_dir.join("metadata.generation"), "1000000\n").unwrap();
    let refused = take_backup(&source, &target, &OsDisk, clock.wall());
    assert!(matches!(refused, Err(BackupError::Db(DbError::Older { .. }))));
    std::fs::remove_file(source.metadata_path()).unwrap();
    let refused = take_backup(&source, &target, &OsDisk, clock.wall());
    assert!(matches!(refused, Err(BackupError::Server(ServerError::MetadataMissing { .. }))));
    assert!(!target.exists());
}

#[tokio::test]
async fn nothing_is_brought_back_under_a_server_that_runs() {
    let saved = Saved::new().await;
    let source = config(saved.server.folder());
    let refused = restore_backup(&source, &saved.backup(), &OsDisk);
    assert!(matches!(refused, Err(BackupError::Index(_))), "{refused:?}");
}
