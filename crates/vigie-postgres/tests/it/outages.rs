//! A server of its own that goes while calls go on, and a commit that its standby has not.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use vigie_metadata::{DbError, MetadataDb, StreamKey, Streams};
use vigie_postgres::migrate;

use crate::cluster::Cluster;
use crate::world::{empty, metadata, options, plain, stream};

const RESTARTS: u32 = 3;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_told_is_there_after_each_crash_and_calls_go_on_by_themselves() {
    let cluster = Cluster::start();
    let url = cluster.url(&empty(&cluster).await);
    migrate(&options(&url)).await.unwrap();
    let db = metadata(&url).await;
    let is_over = Arc::new(AtomicBool::new(false));
    let mut workers = Vec::new();
    for worker in 0..4 {
        let (db, is_over) = (db.clone(), Arc::clone(&is_over));
        workers.push(tokio::spawn(async move {
            let mut told = Vec::new();
            for number in 0.. {
                if is_over.load(Ordering::Relaxed) {
                    break;
                }
                let name = format!("s{worker}-{number}");
                match db.create_stream(&stream(&name), &BTreeMap::new()).await {
                    Ok(is_new) => {
                        assert!(is_new, "{name}");
                        told.push(name);
                    }
                    Err(error) => assert!(!error.is_fatal(), "{error}"),
                }
            }
            told
        }));
    }
    for _ in 0..RESTARTS {
        tokio::time::sleep(Duration::from_millis(200)).await;
        tokio::task::block_in_place(|| {
            cluster.down();
            cluster.up();
        });
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    is_over.store(true, Ordering::Relaxed);
    let mut count = 0;
    for worker in workers {
        for name in worker.await.unwrap() {
            assert!(db.stream(StreamKey::Name(&name)).await.unwrap().is_some(), "{name} was told");
            count += 1;
        }
    }
    assert!(count > 100, "{count}");
    // Away for good: told within seconds, and not for ever.
    tokio::task::block_in_place(|| cluster.down());
    let (gate, no_tags) = (stream("gate"), BTreeMap::new());
    let begin = Instant::now();
    let (read, changed, checked) = tokio::join!(
        db.stream(StreamKey::Name("gate")),
        db.create_stream(&gate, &no_tags),
        db.check(),
    );
    for error in [read.unwrap_err(), changed.unwrap_err(), checked.unwrap_err()] {
        assert!(matches!(&error, DbError::Away(_)) && !error.is_fatal(), "{error}");
    }
    assert!(begin.elapsed() < Duration::from_secs(10) && !db.has_ended());
    tokio::task::block_in_place(|| cluster.up());
    db.check().await.unwrap();
}

/// A commit that is cancelled while it waits for its standby answers as if it were done, with a warning.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_its_standby_has_not_is_not_told_to_be_made() {
    let cluster = Cluster::start();
    let url = cluster.url(&empty(&cluster).await);
    migrate(&options(&url)).await.unwrap();
    let db = metadata(&url).await;
    db.check().await.unwrap();
    let admin = plain(&url).await;
    admin.batch_execute("SET synchronous_commit = local").await.unwrap();
    let set = async |names: &str| {
        admin
            .batch_execute(&format!("ALTER SYSTEM SET synchronous_standby_names = '{names}'"))
            .await
            .unwrap();
        admin.batch_execute("SELECT pg_reload_conf()").await.unwrap();
    };
    set("nobody").await;
    while admin.query_one("SHOW synchronous_standby_names", &[]).await.unwrap().get::<_, &str>(0)
        != "nobody"
    {
        tokio::task::yield_now().await;
    }
    // Each of its connections has to have read the settings.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let creating = tokio::spawn({
        let db = db.clone();
        async move { db.create_stream(&stream("gate"), &BTreeMap::new()).await }
    });
    let cancelled =
        "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    for _ in 0..3 {
        while admin.query(cancelled, &[]).await.unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    }
    // It is there, on one machine alone, and not told.
    assert!(db.stream(StreamKey::Name("gate")).await.unwrap().is_some());
    assert!(!creating.is_finished());
    set("").await;
    assert!(creating.await.unwrap().unwrap(), "made once, and told when it is safe");
}
