//! Access keys.

use std::sync::Arc;

use super::{at, winners};
use crate::{AccessKey, MetadataDb};

fn key(id: &str, created_at: i64, policy: Option<&str>) -> AccessKey {
    AccessKey {
        access_key_id: id.into(),
        sealed_secret: vec![1],
        principal_arn: "arn:aws:iam::000000000000:root".into(),
        created_at: at(created_at),
        policy_json: policy.map(str::to_owned),
        revoked_at: None,
    }
}

pub(super) async fn one_is_revoked_once_and_the_last_root_key_never(db: Arc<dyn MetadataDb>) {
    assert_eq!(db.root_key().await.unwrap(), None);
    for row in [key("two", 2, None), key("one", 1, None), key("hub", 0, Some("{}"))] {
        db.create_access_key(&row).await.unwrap();
        assert_eq!(db.access_key(&row.access_key_id).await.unwrap(), Some(row));
    }
    db.create_access_key(&key("one", 3, None)).await.unwrap_err();
    assert_eq!(db.root_key().await.unwrap(), Some(key("one", 1, None)));
    let check = async |id: &str, expect: bool| {
        assert_eq!(db.revoke_access_key(id, at(9)).await.unwrap(), expect, "{id}");
    };
    check("hub", true).await;
    check("hub", false).await;
    check("nobody", false).await;
    check("one", true).await;
    check("two", false).await;
    let revoked = db.access_key("hub").await.unwrap().unwrap();
    assert_eq!((revoked.revoked_at, revoked.sealed_secret), (Some(at(9)), Vec::new()));
    assert_eq!(db.root_key().await.unwrap(), Some(key("two", 2, None)));
    // Of two that are left and revoked at once, one stays.
    db.create_access_key(&key("three", 3, None)).await.unwrap();
    let winners = winners(|number| {
        let db = Arc::clone(&db);
        let id = if number % 2 == 0 { "two" } else { "three" };
        async move { db.revoke_access_key(id, at(9)).await.unwrap() }
    });
    assert_eq!(winners.await, 1);
    assert!(db.root_key().await.unwrap().is_some());
}

pub(super) async fn they_are_paged_oldest_first(db: Arc<dyn MetadataDb>) {
    for (id, created_at) in [("d", 3), ("b", 2), ("a", 3), ("c", 1)] {
        db.create_access_key(&key(id, created_at, None)).await.unwrap();
    }
    let page = async |(after, id), limit| {
        let found = db.list_access_keys((at(after), id), limit).await.unwrap();
        found.into_iter().map(|key| key.access_key_id).collect::<Vec<_>>()
    };
    assert_eq!(page((0, ""), 9).await, ["c", "b", "a", "d"]);
    assert_eq!(page((1, "c"), 2).await, ["b", "a"]);
    assert_eq!(page((3, "a"), 2).await, ["d"]);
}

pub(super) async fn of_many_that_are_first_at_once_one_is(db: Arc<dyn MetadataDb>) {
    let winners = winners(|number| {
        let db = Arc::clone(&db);
        let key = key(&number.to_string(), 1, None);
        async move { db.create_first_access_key(&key).await.unwrap() }
    });
    assert_eq!(winners.await, 1);
    assert_eq!(db.list_access_keys((at(0), ""), 9).await.unwrap().len(), 1);
}
