//! Secrets.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::at;
use crate::{MetadataDb, Secret, SecretVersion};

fn version(id: &str, created_at: i64) -> SecretVersion {
    SecretVersion { version_id: id.into(), created_at: at(created_at), stages: vec!["S".into()] }
}

fn secret(name: &str) -> Secret {
    Secret {
        arn: format!("arn:aws:secretsmanager:r:0:secret:{name}-AbCdEf"),
        name: name.into(),
        description: None,
        kms_key_id: None,
        tags: BTreeMap::from([("site".to_owned(), "north".to_owned())]),
        created_at: at(1),
        changed_at: at(1),
        accessed_on: None,
        deleted_at: None,
        delete_after: None,
        versions: vec![version("one", 1)],
        row_version: 0,
    }
}

pub(super) async fn they_are_found_by_name_and_by_arn(db: Arc<dyn MetadataDb>) {
    for name in ["yard", "cam", "cam-2"] {
        assert!(db.create_secret(&secret(name), Some(("one", b"1"))).await.unwrap());
    }
    let taken = Secret { arn: "arn:other".into(), ..secret("cam") };
    assert!(!db.create_secret(&taken, Some(("one", b"2"))).await.unwrap());
    let kept = Secret { row_version: 1, ..secret("cam") };
    let without_suffix = kept.arn.strip_suffix("-AbCdEf").unwrap();
    for id in ["cam", kept.arn.as_str(), without_suffix] {
        assert_eq!(db.secret(id).await.unwrap().as_ref(), Some(&kept), "{id}");
    }
    for id in ["", "CAM", &kept.arn[1..], &kept.arn[..kept.arn.len() - 1], "arn:other"] {
        assert_eq!(db.secret(id).await.unwrap(), None, "{id}");
    }
    let page = async |after, limit| {
        let found = db.list_secrets(after, limit).await.unwrap();
        found.into_iter().map(|secret| secret.name).collect::<Vec<_>>()
    };
    assert_eq!(page("", 2).await, ["cam", "cam-2"]);
    assert_eq!(page("cam-2", 2).await, ["yard"]);
}

pub(super) async fn versions_that_are_dropped_are_gone_with_their_values(db: Arc<dyn MetadataDb>) {
    let mut secret = secret("cam");
    assert!(db.create_secret(&secret, Some(("one", b"1"))).await.unwrap());
    let arn = secret.arn.clone();
    secret.row_version = 1;
    secret.versions = vec![version("one", 1), version("two", 2)];
    secret.versions[0].stages.clear();
    assert!(db.save_secret(&secret, Some(("two", b"2"))).await.unwrap());
    assert!(!db.save_secret(&secret, None).await.unwrap(), "it has changed since");
    secret.row_version = 2;
    assert_eq!(db.secret("cam").await.unwrap(), Some(secret.clone()));
    assert_eq!(db.secret_value(&arn, "one").await.unwrap(), Some(b"1".to_vec()));
    secret.versions.remove(0);
    assert!(db.save_secret(&secret, None).await.unwrap());
    assert_eq!(db.secret_value(&arn, "one").await.unwrap(), None);
    assert_eq!(db.secret_value(&arn, "two").await.unwrap(), Some(b"2".to_vec()));
    db.delete_secret(&arn).await.unwrap();
    assert_eq!(db.secret_value(&arn, "two").await.unwrap(), None);
    assert_eq!(db.secret("cam").await.unwrap(), None);
}

pub(super) async fn those_whose_window_is_over_are_told(db: Arc<dyn MetadataDb>) {
    for (name, delete_after) in [("a", Some(9)), ("b", Some(7)), ("c", None), ("d", Some(8))] {
        let secret = Secret { delete_after: delete_after.map(at), ..secret(name) };
        assert!(db.create_secret(&secret, None).await.unwrap());
    }
    let due = async |now, limit| {
        let found = db.secrets_to_delete(at(now), limit).await.unwrap();
        found.into_iter().map(|secret| secret.name).collect::<Vec<_>>()
    };
    assert!(due(6, 9).await.is_empty());
    assert_eq!(due(8, 9).await, ["b", "d"]);
    assert_eq!(due(9, 2).await, ["b", "d"]);
}
