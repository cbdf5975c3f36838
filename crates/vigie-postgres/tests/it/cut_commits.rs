//! Connections that are cut around their COMMIT: nothing is lost, nothing is made twice, and every caller is told what is so.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use vigie_metadata::{
    AccessKey, AccessKeys, Leases, Settings, Standing, Stream, StreamKey, Streams, Takeover, User,
    UserKey, Users,
};
use vigie_postgres::{PostgresLeases, PostgresMetadataDb};

use crate::proxy::Proxy;
use crate::world::{SHARED, at, migrated, open, plain, stream};

const WORKERS: u32 = 4;
const CUTS_MIN: u32 = 300;

/// What one server does over and over, told truly each time: each answer is the only one there can be.
async fn work(db: &PostgresMetadataDb, leases: &PostgresLeases, worker: u32, round: u32) {
    let name = format!("stream-{worker}-{round}");
    assert!(db.create_stream(&stream(&name), &BTreeMap::new()).await.unwrap(), "{name} is new");
    assert!(!db.create_stream(&stream(&name), &BTreeMap::new()).await.unwrap(), "{name} is there");
    let changed = Stream { version: "v2".into(), retention_hours: 1, ..stream(&name) };
    assert!(db.save_stream(&changed, "v1").await.unwrap(), "{name} was not changed since");
    assert!(!db.save_stream(&changed, "v1").await.unwrap(), "{name} was");
    // One of the same id is an error, also for whoever made it.
    let key = AccessKey {
        access_key_id: format!("AKIA-{worker}-{round}"),
        sealed_secret: vec![1],
        principal_arn: "arn".into(),
        created_at: at(1),
        policy_json: Some("{}".into()),
        revoked_at: None,
    };
    db.create_access_key(&key).await.unwrap();
    assert!(db.revoke_access_key(&key.access_key_id, at(9)).await.unwrap());
    assert!(!db.revoke_access_key(&key.access_key_id, at(9)).await.unwrap());
    assert!(db.claim_setting(&name, b"mine").await.unwrap());
    // A lease of its own that nobody else may hold: a claim made twice would stand in its own way.
    let claimed = leases.claim(&name, "one", Takeover::First).await.unwrap();
    let (lease, standing) = claimed.expect("nobody else claims it");
    assert_eq!(standing, Standing::Held);
    assert_eq!(leases.renew(std::slice::from_ref(&lease)).await.unwrap(), [Standing::Held]);
    leases.release(&lease).await.unwrap();
    assert_eq!(leases.holder(&name).await.unwrap(), None);
    // A row that all of them save: each save that was told to have been made was one.
    loop {
        let row = db.user(UserKey::Id("AIDA")).await.unwrap().unwrap();
        let counted = User { sessions_epoch: row.sessions_epoch + 1, ..row };
        if db.save_user(&counted).await.unwrap() {
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_answer_is_lost_is_made_once_and_told_truly() {
    let name = migrated().await;
    let proxy = Proxy::start(SHARED.socket_folder().to_owned(), 17, 250).await;
    let user = User {
        id: "AIDA".into(),
        name: "Ada".into(),
        password_hash: "$argon2id$".into(),
        role: vigie_kvs::shapes::users::Role::Viewer,
        scope: vigie_kvs::iam::StreamScope::All,
        is_disabled: false,
        sessions_epoch: 0,
        created_at: at(1),
        password_changed_at: at(1),
        last_sign_in_at: None,
        row_version: 0,
    };
    let direct = PostgresMetadataDb::new(open(&SHARED.url(&name)).await);
    assert!(direct.create_user(&user).await.unwrap());
    let cuts = Arc::clone(&proxy.cuts);
    let mut workers = Vec::new();
    for worker in 0..WORKERS {
        let (url, cuts) = (proxy.url(&name), Arc::clone(&cuts));
        workers.push(tokio::spawn(async move {
            let database = open(&url).await;
            let db = PostgresMetadataDb::new(database.clone());
            let leases = PostgresLeases::new(database);
            let mut rounds = 0;
            while cuts.count() < CUTS_MIN {
                work(&db, &leases, worker, rounds).await;
                rounds += 1;
            }
            rounds
        }));
    }
    let mut rounds = 0;
    for worker in workers {
        rounds += worker.await.unwrap();
    }
    cuts.stop();
    assert!(cuts.after.load(Ordering::Relaxed) > 100 && cuts.before.load(Ordering::Relaxed) > 20);
    // All that was told to be there is, once.
    let counted = direct.user(UserKey::Id("AIDA")).await.unwrap().unwrap();
    assert_eq!(
        (counted.sessions_epoch, counted.row_version),
        (u64::from(rounds), u64::from(rounds))
    );
    let found = plain(&SHARED.url(&name)).await;
    let row = found
        .query_one(
            "SELECT (SELECT count(*) FROM stream WHERE version = 'v2'), (SELECT count(*) FROM stream), \
             (SELECT count(*) FROM access_key WHERE revoked_at_ms = 9), (SELECT count(*) FROM lease)",
            &[],
        )
        .await
        .unwrap();
    let counts: Vec<i64> = (0..4).map(|column| row.get(column)).collect();
    let rounds = i64::from(rounds);
    assert_eq!(counts, [rounds, rounds, rounds, 0]);
    assert!(direct.stream(StreamKey::Name("stream-0-0")).await.unwrap().is_some());
}
