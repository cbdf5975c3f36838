//! Migrations: from each version, by several at once, broken off half-way; and versions that are side by side.

use vigie_fakes::chance::SimChance;
use vigie_metadata::{DbError, MetadataDb, Settings};
use vigie_postgres::{Database, migrate};

use crate::world::{SHARED, empty, metadata, migrated, options, plain};

const FIRST: &str = include_str!("../../src/schema/1.sql");

async fn opened(url: &str) -> Result<(), DbError> {
    Database::open(&options(url), &mut SimChance::new(1)).await.map(drop)
}

/// A database as version 1 left it.
async fn of_the_first_version() -> String {
    let url = SHARED.url(&empty(&SHARED).await);
    let made = "CREATE TABLE schema_version (version BIGINT PRIMARY KEY, oldest_reader BIGINT NOT NULL, \
                applied_at TIMESTAMPTZ NOT NULL DEFAULT now()); \
                INSERT INTO schema_version VALUES (1, 1); INSERT INTO setting VALUES ('a', 'b')";
    let plain = plain(&url).await;
    plain.batch_execute(FIRST).await.unwrap();
    plain.batch_execute(made).await.unwrap();
    url
}

#[tokio::test(flavor = "multi_thread")]
async fn opening_never_migrates_and_says_what_does() {
    for url in [SHARED.url(&empty(&SHARED).await), of_the_first_version().await] {
        let refused = opened(&url).await.unwrap_err();
        assert!(matches!(refused, DbError::TooOld { found: 0 | 1, known: 2 }), "{refused}");
        assert!(refused.to_string().contains("vigie server migrate"), "{refused}");
        // Several at once, as where each server of a fleet does it at its start.
        let options = options(&url);
        let (first, second, third) =
            tokio::join!(migrate(&options), migrate(&options), migrate(&options));
        for migrated in [first, second, third] {
            migrated.unwrap();
        }
        opened(&url).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_killed_half_way_leaves_whole_steps() {
    let url = of_the_first_version().await;
    // Stands in the way of the second step's last statement. Within a transaction what others do looks as it did at first.
    let blocking = plain(&url).await;
    blocking.batch_execute("BEGIN; LOCK TABLE schema_version IN SHARE MODE").await.unwrap();
    let plain = plain(&url).await;
    let migrating = tokio::spawn({
        let options = options(&url);
        async move { migrate(&options).await }
    });
    let killed = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() \
                  AND wait_event_type = 'Lock' AND application_name = 'vigie'";
    while plain.query(killed, &[]).await.unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    let broken_off = migrating.await.unwrap().unwrap_err();
    assert!(matches!(broken_off, DbError::Away(_)), "{broken_off}");
    blocking.batch_execute("COMMIT").await.unwrap();
    let left =
        "SELECT to_regclass('lease') IS NULL AND (SELECT max(version) FROM schema_version) = 1";
    assert!(plain.query_one(left, &[]).await.unwrap().get::<_, bool>(0));
    migrate(&options(&url)).await.unwrap();
    assert_eq!(metadata(&url).await.setting("a").await.unwrap(), Some(b"b".to_vec()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_schema_is_worked_with_until_it_says_otherwise() {
    let url = SHARED.url(&migrated().await);
    let db = metadata(&url).await;
    let plain = plain(&url).await;
    // The next version has come, and gone over to what it added.
    plain.batch_execute("INSERT INTO schema_version VALUES (3, 1)").await.unwrap();
    db.check().await.unwrap();
    opened(&url).await.unwrap();
    migrate(&options(&url)).await.unwrap();
    plain.batch_execute("INSERT INTO schema_version VALUES (4, 3)").await.unwrap();
    let too_new = |refused: Result<(), DbError>| {
        assert!(matches!(refused, Err(DbError::TooNew { found: 4, known: 2 })), "{refused:?}");
    };
    too_new(db.check().await);
    too_new(opened(&url).await);
    too_new(migrate(&options(&url)).await);
}
