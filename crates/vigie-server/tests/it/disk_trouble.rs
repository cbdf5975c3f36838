//! A disk that is full, and a disk whose sync fails: producers are told, and nothing that was stored is harmed.

use std::path::Path;
use std::sync::Arc;

use vigie_fakes::disk::FaultyDisk;
use vigie_server::ServerError;
use vigie_store::OsDisk;

use crate::common::media::{fragment, header};
use crate::common::{TestServer, config, soon};

const T: i64 = 1_795_000_000_000;

async fn start() -> (TestServer, Arc<FaultyDisk>) {
    let disk = Arc::new(FaultyDisk::default());
    let server = TestServer::start_on(disk.clone()).await;
    server.create_stream("gate", 24).await;
    (server, disk)
}

#[tokio::test]
async fn a_full_disk_is_told_to_the_producer_and_heals() {
    let (server, disk) = start().await;
    server.upload("gate", &[fragment(T, 1)]).await;
    disk.set_free_bytes(Some(0));
    // The store learns of it with its next commit, at the latest.
    server.upload("gate", &[fragment(T + 1000, 2)]).await;
    let told = server.upload("gate", &[fragment(T + 2000, 3)]).await;
    assert_eq!(told.last().unwrap(), &format!("ERROR {} 5001", T + 2000));
    let before = server.list_fragments("gate").await;
    assert!(!before.is_empty());
    let ready = server.get("/readyz").await;
    let said = String::from_utf8(ready.body.to_vec()).unwrap();
    assert_eq!(ready.status, 503);
    assert!(said.starts_with("not ready: fragments are refused: 0 bytes are free"), "{said}");
    let health = server.get("/healthz").await;
    assert_eq!(health.status, 200);
    assert!(health.body.starts_with(b"ok, but fragments are refused"), "{:?}", health.body);
    disk.set_free_bytes(None);
    assert_eq!(server.get("/readyz").await.status, 200);
    assert_eq!(server.get("/healthz").await.body, "ok\n");
    assert_eq!(server.list_fragments("gate").await, before);
    let told = server.upload("gate", &[fragment(T + 3000, 4)]).await;
    assert_eq!(told.last().unwrap(), &format!("PERSISTED {}", T + 3000));
}

#[tokio::test]
async fn a_failed_sync_is_told_and_the_next_try_succeeds() {
    let (server, disk) = start().await;
    server.upload("gate", &[fragment(T, 1)]).await;
    // Of the numbers that a connection reserves.
    disk.fail_next_sync();
    let told = server.upload("gate", &[fragment(T + 1000, 2)]).await;
    assert_eq!(told.last().unwrap(), "ERROR -1 5000");
    // Of the fragment.
    let mut producer = server.put_media("gate").await;
    producer.send([header(), fragment(T + 1000, 2)].concat()).await;
    producer.until("BUFFERING").await;
    disk.fail_next_sync();
    producer.finish();
    assert_eq!(producer.rest().await.last().unwrap(), &format!("ERROR {} 5001", T + 1000));
    assert_eq!(server.list_fragments("gate").await.len(), 1);
    let told = server.upload("gate", &[fragment(T + 1000, 2)]).await;
    assert_eq!(told.last().unwrap(), &format!("PERSISTED {}", T + 1000));
    assert_eq!(server.list_fragments("gate").await.len(), 2);
    assert_eq!(server.get("/readyz").await.status, 200);
}

#[tokio::test]
async fn a_server_that_can_write_no_more_ends_so_that_it_is_started_again() {
    let (server, disk) = start().await;
    server.upload("gate", &[fragment(T, 1)]).await;
    server.create_stream("yard", 24).await;
    disk.fail_next_directory_sync();
    // The first media file of a stream needs its directory's name durable.
    let told = server.upload("yard", &[fragment(T, 1)]).await;
    assert_eq!(told.last().unwrap(), &format!("ERROR {T} 5001"));
    let folder = server.shared_folder();
    let clock = Arc::clone(&server.clock);
    let written = generation(&config(folder.path()).metadata_path());
    let ended = soon(server.ended()).await;
    assert!(matches!(ended, Err(ServerError::DiskFailed)), "{ended:?}");
    // A disk that failed may not keep what it takes now: then the metadata would be older than is known of it.
    assert_eq!(generation(&config(folder.path()).metadata_path()), written);
    let server = TestServer::start_in(Arc::new(OsDisk), folder, clock).await;
    assert_eq!(server.list_fragments("gate").await.len(), 1);
    let told = server.upload("yard", &[fragment(T, 1)]).await;
    assert_eq!(told.last().unwrap(), &format!("PERSISTED {T}"));
}

/// A number that each commit of the metadata raises.
fn generation(path: &Path) -> Vec<u8> {
    let metadata = rusqlite::Connection::open(path).unwrap();
    let sql = "SELECT value FROM setting WHERE name = 'generation'";
    metadata.query_row(sql, [], |row| row.get(0)).unwrap()
}

/// Holds the write lock of a database of the server's, as another program might.
fn lock(path: &Path) -> rusqlite::Connection {
    let other = rusqlite::Connection::open(path).unwrap();
    other.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    other
}

async fn body_of(server: &TestServer, path: &str) -> (u16, String) {
    let answer = server.get(path).await;
    (answer.status, String::from_utf8(answer.body.to_vec()).unwrap())
}

#[tokio::test]
async fn metadata_that_another_program_locks_is_waited_for() {
    let server = TestServer::start().await;
    server.create_stream("gate", 24).await;
    let other = lock(&config(server.folder()).metadata_path());
    let input = serde_json::json!({"StreamName": "yard", "DataRetentionInHours": 24});
    let refused = server.call("/createStream", input.clone()).await;
    assert_eq!(refused.error(), (503, "ServiceUnavailable"));
    assert_eq!(refused.headers["retry-after"], "1");
    let lock_named = "another program holds the lock of metadata.sqlite";
    let (status, said) = body_of(&server, "/readyz").await;
    assert_eq!(status, 503);
    assert_eq!(said, format!("not ready: changes are refused: {lock_named}\n"));
    let (status, said) = body_of(&server, "/healthz").await;
    assert_eq!(status, 200);
    assert_eq!(said, format!("ok, but changes are refused: {lock_named}\n"));
    // What needs no change goes on.
    let told = server.upload("gate", &[fragment(T, 1)]).await;
    assert_eq!(told.last().unwrap(), &format!("PERSISTED {T}"));
    drop(other);
    soon(async { while server.get("/readyz").await.status != 200 {} }).await;
    server.call("/createStream", input).await.ok();
    assert_eq!(body_of(&server, "/healthz").await, (200, "ok\n".to_owned()));
}

#[tokio::test]
async fn an_index_that_another_program_locks_is_waited_for_and_no_fragment_lost() {
    let server = TestServer::start().await;
    server.create_stream("gate", 24).await;
    server.upload("gate", &[fragment(T, 1)]).await;
    let other = lock(&config(server.folder()).index_path());
    // A new connection gets no numbers: its producer comes again.
    let told = server.upload("gate", &[fragment(T + 1000, 2)]).await;
    assert_eq!(told.last().unwrap(), "ERROR -1 5000");
    let locked = "fragments wait: another program holds the lock of index.sqlite";
    assert_eq!(body_of(&server, "/readyz").await, (503, format!("not ready: {locked}\n")));
    assert_eq!(body_of(&server, "/healthz").await, (200, format!("ok, but {locked}\n")));
    assert_eq!(server.list_fragments("gate").await.len(), 1);
    drop(other);
    // Nothing waits for the index: it is noticed all the same that it is free.
    soon(async { while server.get("/readyz").await.status != 200 {} }).await;
    assert_eq!(body_of(&server, "/healthz").await, (200, "ok\n".to_owned()));
    let told = server.upload("gate", &[fragment(T + 1000, 2)]).await;
    assert_eq!(told.last().unwrap(), &format!("PERSISTED {}", T + 1000));
    assert_eq!(server.list_fragments("gate").await.len(), 2);
}
