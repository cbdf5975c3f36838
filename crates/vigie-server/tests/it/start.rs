//! Starting: what a new folder gets, and what an old one must not be opened with.

use std::os::unix::fs::PermissionsExt;

use std::sync::Arc;

use serde_json::json;
use vigie_fakes::clock::TestClock;
use vigie_server::db::{SqliteMetadataDb, StreamKey, Streams};
use vigie_server::{ServerError, list_access_keys};
use vigie_store::OsDisk;

use crate::common::media::fragment;
use crate::common::{TestServer, config, open, open_with_key_file, soon};

#[tokio::test]
async fn the_first_start_leaves_a_root_key_for_the_owner_alone() {
    let server = TestServer::start().await;
    let config = config(server.folder());
    let mode = std::fs::metadata(config.credentials_path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let text = std::fs::read_to_string(config.credentials_path()).unwrap();
    assert!(text.starts_with("[default]\naws_access_key_id = AKIA"), "{text}");
    // Listed while the server runs.
    let keys = list_access_keys(&config).await.unwrap();
    assert_eq!(keys.len(), 1);
    assert_eq!(keys[0].access_key_id, server.credentials.access_key_id);
    assert_eq!(keys[0].principal_arn, "arn:aws:iam::000000000000:root");
    // The next start makes no other.
    let server = server.restart().await;
    assert_eq!(list_access_keys(&config).await.unwrap(), keys);
    assert_eq!(server.credentials.access_key_id, keys[0].access_key_id);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_servers_that_start_first_at_once_one_makes_the_keys() {
    for _ in 0..8 {
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path());
        let opening: Vec<_> = (0..4)
            .map(|_| tokio::spawn(open_with_key_file(config.clone(), TestClock::new())))
            .collect();
        let mut opened = Vec::new();
        for opening in opening {
            match opening.await.unwrap() {
                Ok(server) => opened.push(server),
                Err(error) => assert!(!matches!(error, ServerError::OtherMasterKey { .. })),
            }
        }
        assert_eq!(opened.len(), 1);
        let keys = list_access_keys(&config).await.unwrap();
        let text = std::fs::read_to_string(config.credentials_path()).unwrap();
        assert_eq!(keys.len(), 1);
        assert!(text.contains(&keys[0].access_key_id), "{text}");
        drop(opened);
        assert!(open_with_key_file(config, TestClock::new()).await.is_ok());
    }
}

#[tokio::test]
async fn a_folder_is_not_opened_with_another_master_key() {
    let server = TestServer::start().await;
    let (folder, clock) = server.stop().await;
    let opened = open(config(folder.path()), 8, clock).await;
    let Err(ServerError::OtherMasterKey { source, .. }) = opened else { panic!("opened") };
    // Which one it wants, and which it was given.
    let text = source.to_string();
    assert!(text.contains("(id f1f95aedd63894c3)") && text.contains("(id b42a4ac761a55d07)"));
}

#[tokio::test]
async fn a_folder_has_one_server() {
    let server = TestServer::start().await;
    let opened = open(config(server.folder()), 7, TestClock::new()).await;
    assert!(matches!(opened, Err(ServerError::Store(_))));
    server.create_stream("gate", 1).await;
}

#[tokio::test]
async fn keys_of_a_folder_without_a_server_are_an_error_and_make_nothing() {
    let folder = tempfile::tempdir().unwrap();
    assert!(list_access_keys(&config(folder.path())).await.is_err());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_deletion_that_was_cut_off_is_finished_after_the_next_start() {
    let server = TestServer::start().await;
    let arn = server.create_stream("gate", 24).await;
    server.upload("gate", &[fragment(1_795_000_000_000, 1)]).await;
    let (folder, clock) = server.stop().await;
    // As if the process had ended between the first and the second step of the deletion.
    let db = SqliteMetadataDb::open(&config(folder.path()).metadata_path()).unwrap();
    let stream = db.stream(StreamKey::Arn(&arn)).await.unwrap().unwrap();
    assert!(db.begin_stream_deletion(&arn, &stream.version, None).await.unwrap());
    drop(db);
    let server = TestServer::start_in(Arc::new(OsDisk), folder, clock).await;
    soon(async {
        while server.call("/describeStream", json!({"StreamName": "gate"})).await.status == 200 {
            tokio::task::yield_now().await;
        }
        // Its files go after it, between the commits of others.
        while !server.media_folders().is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}
