//! Share links.

use std::collections::BTreeMap;
use std::sync::Arc;

use vigie_kvs::shapes::share_link::ShareLinkKind;

use super::{at, stream, winners};
use crate::{MetadataDb, ShareLink};

fn link(id: &str, stream: &str, created_at: i64) -> ShareLink {
    let mut secret_sha256 = [0; 32];
    secret_sha256[..id.len()].copy_from_slice(id.as_bytes());
    ShareLink {
        link_id: id.into(),
        secret_sha256,
        stream_arn: format!("arn:{stream}"),
        stream_name: stream.into(),
        kind: ShareLinkKind::Clip,
        starts_at: at(1),
        ends_at: Some(at(2)),
        principal_arn: "arn:aws:iam::000000000000:user/anna".into(),
        maker_id: "AKIA".into(),
        created_at: at(created_at),
        expires_at: at(created_at + 100),
        revoked_at: None,
    }
}

async fn create(db: &Arc<dyn MetadataDb>, link: &ShareLink) -> bool {
    db.create_share_link(link, 10, at(0)).await.unwrap()
}

async fn with_streams(db: &Arc<dyn MetadataDb>) {
    for name in ["gate", "yard"] {
        assert!(db.create_stream(&stream(name), &BTreeMap::new()).await.unwrap());
    }
}

pub(super) async fn one_is_found_by_its_id_and_by_its_secret(db: Arc<dyn MetadataDb>) {
    with_streams(&db).await;
    let clip = link("one", "gate", 5);
    let live = ShareLink { kind: ShareLinkKind::Stream, ends_at: None, ..link("two", "gate", 6) };
    for link in [&clip, &live] {
        assert!(create(&db, link).await);
        assert_eq!(db.share_link(&link.link_id).await.unwrap().as_ref(), Some(link));
        let found = db.share_link_of_secret(&link.secret_sha256).await.unwrap();
        assert_eq!(found.as_ref(), Some(link));
    }
    assert_eq!(db.share_link("three").await.unwrap(), None);
    assert_eq!(db.share_link_of_secret(&[9; 32]).await.unwrap(), None);
    let same_secret = ShareLink { link_id: "four".into(), ..clip.clone() };
    db.create_share_link(&same_secret, 10, at(0)).await.unwrap_err();
    db.create_share_link(&clip, 10, at(0)).await.unwrap_err();
}

pub(super) async fn they_are_paged_newest_first(db: Arc<dyn MetadataDb>) {
    with_streams(&db).await;
    for (id, stream, created_at) in
        [("b", "gate", 2), ("a", "gate", 2), ("c", "gate", 1), ("d", "gate", 3), ("e", "yard", 2)]
    {
        assert!(create(&db, &link(id, stream, created_at)).await);
    }
    let page = async |behind: Option<(i64, &str)>, limit| {
        let behind = behind.map(|(millis, id)| (at(millis), id));
        let found = db.list_share_links("arn:gate", behind, limit).await.unwrap();
        found.into_iter().map(|link| link.link_id).collect::<Vec<_>>()
    };
    assert_eq!(page(None, 9).await, ["d", "b", "a", "c"]);
    assert_eq!(page(None, 2).await, ["d", "b"]);
    assert_eq!(page(Some((2, "b")), 9).await, ["a", "c"]);
}

pub(super) async fn one_is_revoked_once(db: Arc<dyn MetadataDb>) {
    with_streams(&db).await;
    assert!(create(&db, &link("one", "gate", 5)).await);
    let winners = winners(|_| {
        let db = Arc::clone(&db);
        async move { db.revoke_share_link("one", at(9)).await.unwrap() }
    });
    assert_eq!(winners.await, 1);
    assert!(!db.revoke_share_link("two", at(9)).await.unwrap());
    let revoked = db.share_link("one").await.unwrap().unwrap();
    assert_eq!(revoked, ShareLink { revoked_at: Some(at(9)), ..link("one", "gate", 5) });
}

pub(super) async fn a_stream_has_so_many_and_they_go_with_it(db: Arc<dyn MetadataDb>) {
    with_streams(&db).await;
    let create = async |id: &str, stream: &str, created_at, max, forget_before| {
        let link = link(id, stream, created_at);
        db.create_share_link(&link, max, at(forget_before)).await.unwrap()
    };
    assert!(create("one", "gate", 5, 2, 0).await);
    assert!(create("two", "gate", 6, 2, 0).await);
    assert!(create("three", "yard", 7, 2, 0).await);
    assert!(!create("four", "gate", 8, 2, 0).await, "the stream has two");
    assert!(!create("four", "attic", 8, 2, 0).await, "there is no such stream");
    assert!(create("four", "gate", 8, 2, 106).await, "the first ended before and is forgotten");
    let ids = async |arn: &str| {
        let found = db.list_share_links(arn, None, 9).await.unwrap();
        found.into_iter().map(|link| link.link_id).collect::<Vec<_>>()
    };
    assert_eq!(ids("arn:gate").await, ["four", "two"]);
    assert!(db.revoke_share_link("two", at(7)).await.unwrap());
    assert!(create("five", "gate", 9, 2, 8).await, "what was revoked before is forgotten");
    assert_eq!(ids("arn:gate").await, ["five", "four"]);
    db.finish_stream_deletion("arn:gate").await.unwrap();
    assert!(ids("arn:gate").await.is_empty());
    assert_eq!(db.share_link("five").await.unwrap(), None);
    assert_eq!(ids("arn:yard").await, ["three"]);
}
