//! Streams and their tags.

use std::collections::BTreeMap;
use std::sync::Arc;

use vigie_engine::sync::SyncState;

use super::{at, edge, save, stream};
use crate::{EdgeConfiguration, MetadataDb, Stream, StreamKey, StreamStatus};

fn tags(keys: &[&str]) -> BTreeMap<String, String> {
    keys.iter().map(|key| ((*key).to_owned(), String::new())).collect()
}

pub(super) async fn a_name_is_taken_once(db: Arc<dyn MetadataDb>) {
    assert!(db.create_stream(&stream("gate"), &tags(&["a"])).await.unwrap());
    let other = Stream { arn: "arn:other".into(), ..stream("gate") };
    assert!(!db.create_stream(&other, &tags(&["b"])).await.unwrap());
    for key in [StreamKey::Name("gate"), StreamKey::Arn("arn:gate")] {
        assert_eq!(db.stream(key).await.unwrap(), Some(stream("gate")));
    }
    assert_eq!(db.stream(StreamKey::Name("arn:gate")).await.unwrap(), None);
    assert_eq!(db.tags("arn:gate").await.unwrap(), tags(&["a"]));
    assert!(db.tags("arn:other").await.unwrap().is_empty());
}

pub(super) async fn they_are_listed_in_pages_by_prefix(db: Arc<dyn MetadataDb>) {
    for name in ["yard", "gate-2", "gate-1", "gate", "Gate", "gate-10", "gaze"] {
        db.create_stream(&stream(name), &BTreeMap::new()).await.unwrap();
    }
    let page = async |prefix, after, limit| {
        let found = db.list_streams(prefix, after, limit).await.unwrap();
        found.into_iter().map(|stream| stream.name).collect::<Vec<_>>()
    };
    let all = ["Gate", "gate", "gate-1", "gate-10", "gate-2", "gaze", "yard"];
    assert_eq!(page("", "", usize::MAX).await, all);
    assert_eq!(page("gate", "", 3).await, ["gate", "gate-1", "gate-10"]);
    assert_eq!(page("gate", "gate-10", 3).await, ["gate-2"]);
    assert!(page("gate", "gate-2", 3).await.is_empty());
}

pub(super) async fn a_newer_save_is_not_overwritten(db: Arc<dyn MetadataDb>) {
    db.create_stream(&stream("gate"), &BTreeMap::new()).await.unwrap();
    let changed = Stream {
        version: "v2".into(),
        retention_hours: 0,
        device_name: Some("pole".into()),
        storage_tier: Some("WARM".into()),
        image_generation_json: Some("{}".into()),
        ..stream("gate")
    };
    // What stays is not the caller's to change.
    let sent = Stream { name: "other".into(), created_at: at(6), ..changed.clone() };
    assert!(db.save_stream(&sent, "v1").await.unwrap());
    assert!(!db.save_stream(&stream("gate"), "v1").await.unwrap());
    assert!(!db.save_stream(&stream("nobody"), "v1").await.unwrap());
    assert_eq!(db.stream(StreamKey::Arn("arn:gate")).await.unwrap(), Some(changed));
}

pub(super) async fn too_many_tags_leave_those_that_were_there(db: Arc<dyn MetadataDb>) {
    db.create_stream(&stream("gate"), &BTreeMap::new()).await.unwrap();
    assert!(db.put_tags("arn:gate", &tags(&["a", "b"]), 3).await.unwrap());
    assert!(!db.put_tags("arn:gate", &tags(&["c", "d"]), 3).await.unwrap());
    assert_eq!(db.tags("arn:gate").await.unwrap(), tags(&["a", "b"]));
    let other = BTreeMap::from([("b".to_owned(), "2".to_owned())]);
    assert!(db.put_tags("arn:gate", &other, 2).await.unwrap());
    db.remove_tags("arn:gate", &["a".to_owned(), "unknown".to_owned()]).await.unwrap();
    assert_eq!(db.tags("arn:gate").await.unwrap(), other);
}

pub(super) async fn deletion_with_the_edge_configuration_is_one_step(db: Arc<dyn MetadataDb>) {
    db.create_stream(&stream("gate"), &tags(&["a"])).await.unwrap();
    let stale = EdgeConfiguration { row_version: 7, ..edge("gate", SyncState::InSync) };
    let begun = db.begin_stream_deletion("arn:gate", "v1", Some(&save(&stale))).await.unwrap();
    assert!(!begun);
    let read = db.stream(StreamKey::Arn("arn:gate")).await.unwrap().unwrap();
    assert_eq!(read.status, StreamStatus::Active);
    let fresh = save(&edge("gate", SyncState::Deleting { give_up_at: at(9) }));
    assert!(!db.begin_stream_deletion("arn:gate", "v0", Some(&fresh)).await.unwrap());
    assert_eq!(db.edge_configuration("arn:gate").await.unwrap(), None);
    assert!(db.begin_stream_deletion("arn:gate", "v1", Some(&fresh)).await.unwrap());
    // A stream that is going takes no more changes, and its name is not free yet.
    assert!(!db.save_stream(&stream("gate"), "v1").await.unwrap());
    assert!(!db.create_stream(&stream("gate"), &BTreeMap::new()).await.unwrap());
    db.finish_stream_deletion("arn:gate").await.unwrap();
    assert_eq!(db.stream(StreamKey::Arn("arn:gate")).await.unwrap(), None);
    assert!(db.tags("arn:gate").await.unwrap().is_empty());
    assert!(db.edge_configuration("arn:gate").await.unwrap().is_some());
}
