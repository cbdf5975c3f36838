//! Users.

use std::sync::Arc;

use vigie_kvs::iam::StreamScope;
use vigie_kvs::shapes::users::Role;

use super::{at, winners};
use crate::{MetadataDb, User, UserKey};

fn user(id: &str, name: &str) -> User {
    User {
        id: id.into(),
        name: name.into(),
        password_hash: "$argon2id$".into(),
        role: Role::Viewer,
        scope: StreamScope::Names(vec!["gate".into(), "dock-*".into()]),
        is_disabled: false,
        sessions_epoch: 7,
        created_at: at(5),
        password_changed_at: at(6),
        last_sign_in_at: None,
        row_version: 0,
    }
}

pub(super) async fn a_name_is_taken_once_in_any_case(db: Arc<dyn MetadataDb>) {
    let ada = user("AIDA1", "Ada");
    assert!(db.create_user(&ada).await.unwrap());
    assert!(!db.create_user(&user("AIDA2", "aDA")).await.unwrap());
    for key in [UserKey::Id("AIDA1"), UserKey::Name("Ada"), UserKey::Name("ADA")] {
        assert_eq!(db.user(key).await.unwrap(), Some(ada.clone()), "{key:?}");
    }
    assert_eq!(db.user(UserKey::Id("AIDA2")).await.unwrap(), None);
    assert_eq!(db.user(UserKey::Name("AIDA1")).await.unwrap(), None);
    assert!(db.remove_user("AIDA1").await.unwrap());
    assert!(!db.remove_user("AIDA1").await.unwrap());
    let winners = winners(|number| {
        let db = Arc::clone(&db);
        let name = if number % 2 == 0 { "ada" } else { "ADA" };
        async move { db.create_user(&user(&format!("AIDB{number}"), name)).await.unwrap() }
    });
    assert_eq!(winners.await, 1);
}

pub(super) async fn a_newer_save_is_not_overwritten(db: Arc<dyn MetadataDb>) {
    let row = user("AIDA1", "Ada");
    assert!(!db.save_user(&row).await.unwrap(), "it is not there");
    db.create_user(&row).await.unwrap();
    db.note_sign_in("AIDA1", at(9)).await.unwrap();
    db.note_sign_in("nobody", at(9)).await.unwrap();
    let scopes = [
        StreamScope::All,
        StreamScope::Tag { key: "Site".into(), value: "north".into() },
        StreamScope::Names(vec!["gate".into()]),
    ];
    for scope in scopes {
        let before = db.user(UserKey::Id("AIDA1")).await.unwrap().unwrap();
        assert_eq!(before.last_sign_in_at, Some(at(9)), "a save leaves it");
        let changed = User {
            role: Role::Operator,
            scope,
            is_disabled: true,
            sessions_epoch: before.sessions_epoch + 1,
            password_hash: "$argon2id$2".into(),
            password_changed_at: at(10),
            ..before.clone()
        };
        // Meanwhile somebody signs in, which is no change.
        db.note_sign_in("AIDA1", at(9)).await.unwrap();
        assert!(db.save_user(&changed).await.unwrap());
        let expect = User { row_version: before.row_version + 1, ..changed.clone() };
        assert_eq!(db.user(UserKey::Id("AIDA1")).await.unwrap(), Some(expect));
        assert!(!db.save_user(&changed).await.unwrap(), "it was saved since");
    }
    let row = db.user(UserKey::Id("AIDA1")).await.unwrap().unwrap();
    let winners = winners(|_| {
        let (db, row) = (Arc::clone(&db), row.clone());
        async move { db.save_user(&row).await.unwrap() }
    });
    assert_eq!(winners.await, 1);
    // Another one of the same name is another one.
    db.remove_user("AIDA1").await.unwrap();
    db.create_user(&user("AIDA2", "Ada")).await.unwrap();
    assert!(!db.save_user(&user("AIDA1", "Ada")).await.unwrap());
}

pub(super) async fn they_are_paged_by_name_in_any_case(db: Arc<dyn MetadataDb>) {
    for (id, name) in [("1", "bea"), ("2", "Ada"), ("3", "Cy"), ("4", "_x"), ("5", "dora")] {
        assert!(db.create_user(&user(id, name)).await.unwrap());
    }
    let page = async |after: &str, limit| {
        let found = db.list_users(after, limit).await.unwrap();
        found.into_iter().map(|user| user.name).collect::<Vec<_>>()
    };
    assert_eq!(page("", 9).await, ["_x", "Ada", "bea", "Cy", "dora"]);
    assert_eq!(page("", 2).await, ["_x", "Ada"]);
    assert_eq!(page("ada", 2).await, ["bea", "Cy"]);
    assert_eq!(page("dora", 2).await, Vec::<String>::new());
}
