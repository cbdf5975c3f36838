//! What the handlers rely on: transactions that are all or nothing, and saves that a newer save refuses.

use std::sync::Arc;

use vigie_engine::sync::{EdgeSync, FailureCause, SyncState};

use super::writer::{COMMITS_UNTOLD_MAX, Writer};
use super::*;
use crate::db::{SecretVersion, StreamStatus};

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

fn edge(stream: &str, state: SyncState) -> EdgeConfiguration {
    EdgeConfiguration {
        stream_arn: format!("arn:{stream}"),
        stream_name: stream.into(),
        hub_device_arn: "arn:hub".into(),
        edge_config_json: "{}".into(),
        created_at: timestamp(1),
        updated_at: timestamp(2),
        sync: EdgeSync { revision: 1_795_000_000_000, state },
        recorder_status_json: Some("{}".into()),
        uploader_status_json: None,
        local_media_json: None,
        ledger_json: None,
        row_version: 0,
    }
}

fn save(row: &EdgeConfiguration) -> EdgeChange {
    EdgeChange::Save(Box::new(row.clone()))
}

#[tokio::test]
async fn a_name_is_taken_once() {
    let (_folder, db) = open();
    let tags = BTreeMap::from([("a".to_owned(), "1".to_owned())]);
    assert!(db.create_stream(&stream("gate"), &tags).await.unwrap());
    let other = Stream { arn: "arn:other".into(), ..stream("gate") };
    let more = BTreeMap::from([("b".to_owned(), "2".to_owned())]);
    assert!(!db.create_stream(&other, &more).await.unwrap());
    assert_eq!(db.stream(StreamKey::Name("gate")).await.unwrap(), Some(stream("gate")));
    assert_eq!(db.tags("arn:gate").await.unwrap(), tags);
    assert!(db.tags("arn:other").await.unwrap().is_empty());
}

#[tokio::test]
async fn too_many_tags_leave_those_that_were_there() {
    let (_folder, db) = open();
    let tags = |keys: &[&str]| keys.iter().map(|key| ((*key).to_owned(), String::new())).collect();
    assert!(db.put_tags("arn:gate", &tags(&["a", "b"]), 3).await.unwrap());
    assert!(!db.put_tags("arn:gate", &tags(&["c", "d"]), 3).await.unwrap());
    assert_eq!(db.tags("arn:gate").await.unwrap(), tags(&["a", "b"]));
}

#[tokio::test]
async fn every_sync_state_reads_back() {
    let (_folder, db) = open();
    let give_up_at = timestamp(99);
    let details = || "no".to_owned();
    let states = [
        SyncState::Syncing { give_up_at },
        SyncState::Acknowledged { give_up_at },
        SyncState::InSync,
        SyncState::SyncFailed { cause: FailureCause::Silence, details: details() },
        SyncState::SyncFailed { cause: FailureCause::Hub, details: details() },
        SyncState::Deleting { give_up_at },
        SyncState::DeletingAcknowledged { give_up_at },
        SyncState::DeleteFailed { cause: FailureCause::Silence, details: details() },
        SyncState::DeleteFailed { cause: FailureCause::Hub, details: details() },
    ];
    for (number, state) in states.into_iter().enumerate() {
        let row = edge(&number.to_string(), state);
        db.create_stream(&stream(&row.stream_name), &BTreeMap::new()).await.unwrap();
        assert!(db.save_edge_configurations(&[save(&row)]).await.unwrap());
        let read = db.edge_configuration(&row.stream_arn).await.unwrap();
        assert_eq!(read, Some(EdgeConfiguration { row_version: 1, ..row }));
    }
    assert_eq!(db.next_edge_deadline().await.unwrap(), Some(give_up_at));
    assert_eq!(db.edge_configurations_due(timestamp(98)).await.unwrap().len(), 0);
    assert_eq!(db.edge_configurations_due(give_up_at).await.unwrap().len(), 4);
}

#[tokio::test]
async fn changes_are_saved_all_or_none() {
    let (_folder, db) = open();
    db.create_stream(&stream("gate"), &BTreeMap::new()).await.unwrap();
    db.create_stream(&stream("yard"), &BTreeMap::new()).await.unwrap();
    let gate = edge("gate", SyncState::InSync);
    assert!(db.save_edge_configurations(&[save(&gate)]).await.unwrap());
    // The second one was decided on a row that is not there any more.
    let stale = EdgeConfiguration { row_version: 7, ..edge("yard", SyncState::InSync) };
    let changed = EdgeConfiguration { edge_config_json: "1".into(), row_version: 1, ..gate };
    assert!(!db.save_edge_configurations(&[save(&changed), save(&stale)]).await.unwrap());
    let read = db.edge_configuration("arn:gate").await.unwrap().unwrap();
    assert_eq!((read.edge_config_json.as_str(), read.row_version), ("{}", 1));
    assert!(db.save_edge_configurations(&[save(&changed)]).await.unwrap());
    assert!(!db.save_edge_configurations(&[save(&changed)]).await.unwrap());
    let stream_arn = changed.stream_arn;
    let remove = |row_version| EdgeChange::Remove { stream_arn: stream_arn.clone(), row_version };
    assert!(!db.save_edge_configurations(&[remove(1)]).await.unwrap());
    assert!(db.save_edge_configurations(&[remove(2)]).await.unwrap());
}

#[tokio::test]
async fn deletion_of_a_stream_and_of_its_edge_configuration_is_one_step() {
    let (_folder, db) = open();
    db.create_stream(&stream("gate"), &BTreeMap::new()).await.unwrap();
    let stale = EdgeConfiguration { row_version: 7, ..edge("gate", SyncState::InSync) };
    let begun = db.begin_stream_deletion("arn:gate", "v1", Some(&save(&stale))).await.unwrap();
    assert!(!begun);
    let read = db.stream(StreamKey::Arn("arn:gate")).await.unwrap().unwrap();
    assert_eq!(read.status, StreamStatus::Active);
    let fresh = edge("gate", SyncState::Deleting { give_up_at: timestamp(9) });
    assert!(db.begin_stream_deletion("arn:gate", "v1", Some(&save(&fresh))).await.unwrap());
    // A stream that is going takes no more changes.
    assert!(!db.save_stream(&stream("gate"), "v1").await.unwrap());
    db.finish_stream_deletion("arn:gate").await.unwrap();
    assert_eq!(db.stream(StreamKey::Arn("arn:gate")).await.unwrap(), None);
    assert!(db.edge_configuration("arn:gate").await.unwrap().is_some());
}

#[tokio::test]
async fn a_configuration_to_apply_needs_an_active_stream_with_retention_and_keeps_it_so() {
    let (_folder, db) = open();
    let syncing = edge("gate", SyncState::Syncing { give_up_at: timestamp(9) });
    assert!(!db.save_edge_configurations(&[save(&syncing)]).await.unwrap());
    let nothing_kept = Stream { retention_hours: 0, ..stream("gate") };
    db.create_stream(&nothing_kept, &BTreeMap::new()).await.unwrap();
    assert!(!db.save_edge_configurations(&[save(&syncing)]).await.unwrap());
    assert!(db.save_stream(&stream("gate"), "v1").await.unwrap());
    assert!(db.save_edge_configurations(&[save(&syncing)]).await.unwrap());
    assert!(!db.save_stream(&nothing_kept, "v1").await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_callers_that_change_one_row_at_once_one_wins() {
    let (_folder, db) = open();
    db.create_stream(&stream("gate"), &BTreeMap::new()).await.unwrap();
    db.save_edge_configurations(&[save(&edge("gate", SyncState::InSync))]).await.unwrap();
    let row = db.edge_configuration("arn:gate").await.unwrap().unwrap();
    let callers: Vec<_> = (0..50)
        .map(|_| {
            let (db, row) = (Arc::clone(&db), row.clone());
            tokio::spawn(async move { db.save_edge_configurations(&[save(&row)]).await.unwrap() })
        })
        .collect();
    let mut winners = 0;
    for caller in callers {
        winners += usize::from(caller.await.unwrap());
    }
    assert_eq!(winners, 1);
}

#[tokio::test]
async fn versions_that_a_secret_no_longer_has_are_gone_with_their_values() {
    let (_folder, db) = open();
    let version = |id: &str| SecretVersion {
        version_id: id.into(),
        created_at: timestamp(1),
        stages: vec!["S".into()],
    };
    let mut secret = Secret {
        arn: "arn:aws:secretsmanager:r:0:secret:cam-AbCdEf".into(),
        name: "cam".into(),
        description: None,
        kms_key_id: None,
        tags: BTreeMap::new(),
        created_at: timestamp(1),
        changed_at: timestamp(1),
        accessed_on: None,
        deleted_at: None,
        delete_after: None,
        versions: vec![version("one")],
        row_version: 0,
    };
    assert!(db.create_secret(&secret, Some(("one", b"1"))).await.unwrap());
    secret.row_version = 1;
    secret.versions = vec![version("two")];
    assert!(db.save_secret(&secret, Some(("two", b"2"))).await.unwrap());
    assert!(!db.save_secret(&secret, None).await.unwrap());
    assert_eq!(db.secret_value(&secret.arn, "one").await.unwrap(), None);
    assert_eq!(db.secret_value(&secret.arn, "two").await.unwrap(), Some(b"2".to_vec()));
    db.delete_secret(&secret.arn).await.unwrap();
    assert_eq!(db.secret_value(&secret.arn, "two").await.unwrap(), None);
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

#[tokio::test]
async fn a_key_is_revoked_once_and_the_last_root_key_never() {
    let (_folder, db) = open();
    let key = |id: &str, policy: Option<&str>| AccessKey {
        access_key_id: id.into(),
        sealed_secret: vec![1],
        principal_arn: "arn:aws:iam::000000000000:root".into(),
        created_at: timestamp(1),
        policy_json: policy.map(str::to_owned),
        revoked_at: None,
    };
    for row in [key("one", None), key("two", None), key("hub", Some("{}"))] {
        db.create_access_key(&row).await.unwrap();
        assert_eq!(db.access_key(&row.access_key_id).await.unwrap(), Some(row));
    }
    let check = async |id: &str, expect: bool| {
        assert_eq!(db.revoke_access_key(id, timestamp(9)).await.unwrap(), expect, "{id}");
    };
    check("hub", true).await;
    check("hub", false).await;
    check("nobody", false).await;
    check("one", true).await;
    check("two", false).await;
    let revoked = db.access_key("hub").await.unwrap().unwrap();
    assert_eq!((revoked.revoked_at, revoked.sealed_secret), (Some(timestamp(9)), Vec::new()));
    assert_eq!(db.access_key("two").await.unwrap(), Some(key("two", None)));
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
