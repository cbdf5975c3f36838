//! Two servers over one database at once: rules that span rows hold, whoever wins.

use std::collections::BTreeMap;

use tokio::join;
use vigie_engine::sync::{EdgeSync, SyncState};
use vigie_metadata::{
    EdgeChange, EdgeConfiguration, EdgeConfigurations, MetadataDb, ShareLink, ShareLinks, Stream,
    StreamKey, StreamStatus, Streams,
};

use crate::world::{SHARED, at, metadata, migrated, open, plain, stream};

const ROUNDS: u32 = 60;

fn edge(stream: &str) -> EdgeConfiguration {
    EdgeConfiguration {
        stream_arn: format!("arn:{stream}"),
        stream_name: stream.into(),
        hub_device_arn: "arn:hub".into(),
        edge_config_json: "{}".into(),
        created_at: at(1),
        updated_at: at(2),
        sync: EdgeSync { revision: 1, state: SyncState::InSync },
        recorder_status_json: None,
        uploader_status_json: None,
        local_media_json: None,
        ledger_json: None,
        row_version: 0,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_stream_without_retention_has_an_edge_configuration() {
    let url = SHARED.url(&migrated().await);
    let (one, other) = (metadata(&url).await, metadata(&url).await);
    let mut configured = 0;
    for round in 0..ROUNDS {
        let name = format!("s{round}");
        one.create_stream(&stream(&name), &BTreeMap::new()).await.unwrap();
        let nothing_kept = Stream { version: "v2".into(), retention_hours: 0, ..stream(&name) };
        let add = [EdgeChange::Save(Box::new(edge(&name)))];
        let (saved, added) =
            join!(one.save_stream(&nothing_kept, "v1"), other.save_edge_configurations(&add));
        let (saved, added) = (saved.unwrap(), added.unwrap());
        assert!(saved != added, "round {round}: one of both, {saved} {added}");
        configured += u32::from(added);
    }
    println!("{configured} of {ROUNDS} were configured first");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_going_takes_nothing_that_would_stay() {
    let url = SHARED.url(&migrated().await);
    let (one, other) = (metadata(&url).await, metadata(&url).await);
    for round in 0..ROUNDS {
        let name = format!("s{round}");
        let arn = format!("arn:{name}");
        one.create_stream(&stream(&name), &BTreeMap::new()).await.unwrap();
        let add = [EdgeChange::Save(Box::new(edge(&name)))];
        let (begun, added) = join!(
            one.begin_stream_deletion(&arn, "v1", None),
            other.save_edge_configurations(&add)
        );
        assert!(begun.unwrap());
        // Where it came first the deletion did not know of it, and who deletes reads it before; never does it come after.
        let read = other.stream(StreamKey::Arn(&arn)).await.unwrap().unwrap();
        assert_eq!(read.status, StreamStatus::Deleting);
        if !added.unwrap() {
            assert_eq!(one.edge_configuration(&arn).await.unwrap(), None);
        }
        let mut secret_sha256 = [0; 32];
        secret_sha256[..4].copy_from_slice(&round.to_be_bytes());
        let link = ShareLink {
            link_id: name.clone(),
            secret_sha256,
            stream_arn: arn.clone(),
            stream_name: name,
            kind: vigie_kvs::shapes::share_link::ShareLinkKind::Stream,
            starts_at: at(1),
            ends_at: None,
            principal_arn: "arn".into(),
            maker_id: "AKIA".into(),
            created_at: at(1),
            expires_at: at(9),
            revoked_at: None,
        };
        let tags = BTreeMap::from([("a".to_owned(), "b".to_owned())]);
        let (finished, linked, tagged) = join!(
            one.finish_stream_deletion(&arn),
            other.create_share_link(&link, 9, at(0)),
            other.put_tags(&arn, &tags, 9),
        );
        finished.unwrap();
        linked.unwrap();
        tagged.unwrap();
        assert!(one.list_share_links(&arn, None, 9).await.unwrap().is_empty(), "round {round}");
        assert_eq!(one.tags(&arn).await.unwrap(), BTreeMap::new(), "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_two_change_in_opposite_order_ends_for_both() {
    let url = SHARED.url(&migrated().await);
    let (one, other) = (metadata(&url).await, metadata(&url).await);
    for name in ["gate", "yard"] {
        one.create_stream(&stream(name), &BTreeMap::new()).await.unwrap();
        assert!(
            one.save_edge_configurations(&[EdgeChange::Save(Box::new(edge(name)))]).await.unwrap()
        );
    }
    for version in 1..=u64::from(ROUNDS) {
        let save = |name| {
            EdgeChange::Save(Box::new(EdgeConfiguration { row_version: version, ..edge(name) }))
        };
        let (there, back) = ([save("gate"), save("yard")], [save("yard"), save("gate")]);
        let (first, second) =
            join!(one.save_edge_configurations(&there), other.save_edge_configurations(&back));
        assert!(first.unwrap() != second.unwrap(), "one of both");
    }
}

/// The caller goes away with his call half-way: the change goes on, and the connection is as it was.
#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_goes_leaves_nothing_half_made() {
    let url = SHARED.url(&migrated().await);
    let db = metadata(&url).await;
    let blocked = plain(&url).await;
    blocked.batch_execute("BEGIN; LOCK TABLE stream_tag").await.unwrap();
    let calls: Vec<_> = (0..4)
        .map(|number| {
            let db = db.clone();
            let tags = BTreeMap::from([("a".to_owned(), "b".to_owned())]);
            tokio::spawn(
                async move { db.create_stream(&stream(&format!("s{number}")), &tags).await },
            )
        })
        .collect();
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    for call in calls {
        call.abort();
    }
    blocked.batch_execute("COMMIT").await.unwrap();
    while db.list_streams("", "", 9).await.unwrap().len() < 4 {
        tokio::task::yield_now().await;
    }
    for number in 0..4 {
        assert_eq!(db.tags(&format!("arn:s{number}")).await.unwrap().len(), 1);
    }
    db.check().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_holds_a_row_too_long_is_told_and_harms_nobody_else() {
    let url = SHARED.url(&migrated().await);
    let db = metadata(&url).await;
    db.create_stream(&stream("gate"), &BTreeMap::new()).await.unwrap();
    let holder = plain(&url).await;
    holder.batch_execute("BEGIN; SELECT 1 FROM stream FOR UPDATE").await.unwrap();
    let facts = open(&url).await.facts().await.unwrap();
    assert!(!facts.is_read_only && !facts.waits_for_disk && !facts.waits_for_standby);
    assert_eq!(facts.synchronous_standbys, Some(0));
    let refused = db.save_stream(&stream("gate"), "v1").await.unwrap_err();
    assert!(matches!(refused, vigie_metadata::DbError::Locked), "{refused}");
    assert!(db.create_stream(&stream("yard"), &BTreeMap::new()).await.unwrap());
    holder.batch_execute("COMMIT").await.unwrap();
    assert!(db.save_stream(&stream("gate"), "v1").await.unwrap());
}
