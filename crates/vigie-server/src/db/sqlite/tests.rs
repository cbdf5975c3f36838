//! The contract of the seam, and what is SQLite's own: files, versions, locks and a full disk.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::writer::{COMMITS_UNTOLD_MAX, Writer};
use super::*;
use crate::db::{Stream, StreamKey, StreamStatus, Streams};

fn open() -> (tempfile::TempDir, Arc<SqliteMetadataDb>) {
    let folder = tempfile::tempdir().unwrap();
    let db = SqliteMetadataDb::open(&folder.path().join("metadata.sqlite")).unwrap();
    (folder, Arc::new(db))
}

fn stream(name: &str) -> Stream {
    Stream {
        arn: format!("arn:{name}"),
        name: name.into(),
        created_at: timestamp(5),
        version: "v1".into(),
        status: StreamStatus::Active,
        retention_hours: 24,
        device_name: None,
        media_type: Some("video/h264".into()),
        kms_key_id: None,
        storage_tier: None,
        image_generation_json: None,
        notification_json: None,
    }
}

#[tokio::test]
async fn it_holds_to_the_contract() {
    vigie_metadata::contract::hold(|| {
        let (folder, db) = open();
        (folder, db)
    })
    .await;
}

#[test]
fn a_newer_schema_is_refused_and_a_missing_database_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metadata.sqlite");
    drop(SqliteMetadataDb::open(&path).unwrap());
    let connection = Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 999).unwrap();
    assert!(matches!(SqliteMetadataDb::open(&path), Err(DbError::TooNew { found: 999, .. })));
    let missing = folder.path().join("missing.sqlite");
    assert!(SqliteMetadataDb::open_existing(&missing).is_err());
    assert!(!missing.exists());
}

/// What a copy of the database alone, without its log, is opened as beside the generation that the folder has seen.
#[tokio::test]
async fn a_database_without_its_log_and_an_older_copy_are_refused_and_one_of_before_is_taken() {
    let (folder, db) = open();
    let path = folder.path().join("metadata.sqlite");
    let file = GenerationFile::of(&path);
    let opened = |name: &str, generation: u64| {
        let copy = folder.path().join(name).join("metadata.sqlite");
        std::fs::create_dir_all(copy.parent().unwrap()).unwrap();
        std::fs::copy(&path, &copy).unwrap();
        GenerationFile::of(&copy).write(generation).unwrap();
        SqliteMetadataDb::open(&copy).map(drop)
    };
    // Told after so many commits, however fast they come.
    for number in 0..COMMITS_UNTOLD_MAX {
        assert!(db.create_stream(&stream(&format!("s{number}")), &BTreeMap::new()).await.unwrap());
    }
    // The answer of the last commit overtakes what is said of it.
    while file.read().unwrap() == 0 {
        tokio::task::yield_now().await;
    }
    let known = file.read().unwrap();
    assert_eq!(known, u64::from(COMMITS_UNTOLD_MAX));
    // While it is open all of it is in the log.
    let refused = opened("without-log", known);
    assert!(matches!(refused, Err(DbError::Older { found: 0, .. })), "{refused:?}");
    db.create_stream(&stream("last"), &BTreeMap::new()).await.unwrap();
    drop(db);
    assert_eq!(file.read().unwrap(), known + 1);
    opened("whole", known + 1).unwrap();
    let refused = opened("older", known + 2);
    let older = DbError::Older {
        path: folder.path().join("older/metadata.sqlite"),
        found: known + 1,
        known: known + 2,
    };
    assert_eq!(refused.unwrap_err().to_string(), older.to_string());
    // A process that was killed before it said how far it was, and a folder of an older version.
    opened("behind", 0).unwrap();
    opened("killed", known).unwrap();
}

/// Holds the write lock of the database in `folder`, as another program might.
fn lock(folder: &tempfile::TempDir) -> Connection {
    let other = Connection::open(folder.path().join("metadata.sqlite")).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    other
}

#[tokio::test]
async fn while_another_program_holds_the_lock_changes_are_refused_and_reads_answered() {
    let (folder, db) = open();
    db.create_stream(&stream("gate"), &BTreeMap::new()).await.unwrap();
    for round in 0..2 {
        let other = lock(&folder);
        let yard = stream(&format!("yard-{round}"));
        let refused = db.create_stream(&yard, &BTreeMap::new()).await;
        assert!(matches!(refused, Err(DbError::Locked)), "{refused:?}");
        assert!(matches!(db.check().await, Err(DbError::Locked)));
        assert!(!db.has_ended());
        assert!(db.stream(StreamKey::Name("gate")).await.unwrap().is_some());
        drop(other);
        // Nobody asks for a change: it is noticed all the same.
        while db.check().await.is_err() {
            tokio::task::yield_now().await;
        }
        assert!(db.stream(StreamKey::Name(&yard.name)).await.unwrap().is_none());
        assert!(db.create_stream(&yard, &BTreeMap::new()).await.unwrap());
    }
}

#[tokio::test]
async fn a_database_without_space_refuses_changes_and_goes_on_when_there_is_some() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metadata.sqlite");
    drop(SqliteMetadataDb::open(&path).unwrap());
    let connection = connect(&path).unwrap();
    let pages: i64 = connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    // Of this connection alone: another one lifts it.
    connection.pragma_update(None, "max_page_count", pages).unwrap();
    let writer = Writer::start(connection, None).unwrap();
    let large = |db: &Connection| {
        let sql = "REPLACE INTO setting (name, value) VALUES ('large', zeroblob(100000))";
        db.execute(sql, []).map(|_| true)
    };
    let refused = writer.write(large).await;
    assert!(matches!(refused, Err(DbError::Full)), "{refused:?}");
    let lift = |db: &Connection| db.pragma_update(None, "max_page_count", 10_000).map(|()| true);
    assert!(writer.write(lift).await.unwrap());
    assert!(writer.write(large).await.unwrap());
    assert!(writer.check().is_ok());
}
