//! The contracts of the seams, all of them; and that everything they ask is found by an index.

use std::sync::Arc;

use vigie_metadata::contract;
use vigie_postgres::{PostgresLeases, PostgresMetadataDb, PostgresNotices};

use crate::world::{SHARED, migrated, now, open, plain};

/// Plans of all statements go to the server's log, and read a whole table only where there is no other way.
async fn with_plans(name: &str) {
    let admin = plain(&SHARED.url("postgres")).await;
    for setting in [
        "session_preload_libraries = 'auto_explain'",
        "auto_explain.log_min_duration = 0",
        "auto_explain.log_level = 'log'",
        "log_min_messages = 'log'",
        "enable_seqscan = off",
    ] {
        admin.batch_execute(&format!("ALTER DATABASE {name} SET {setting}")).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_holds_to_it_and_reads_no_whole_table() {
    contract::hold(|| {
        now(async {
            let name = migrated().await;
            with_plans(&name).await;
            let db = PostgresMetadataDb::new(open(&SHARED.url(&name)).await);
            ((), Arc::new(db) as Arc<dyn vigie_metadata::MetadataDb>)
        })
    })
    .await;
    let log = SHARED.log();
    assert!(log.matches("Index").count() > 100, "no plans in the log: {}", log.len());
    let whole: Vec<&str> = log.lines().filter(|line| line.contains("Seq Scan on")).collect();
    // What is set up and asked of the engine itself, by nobody's call.
    let expected = |line: &&&str| line.contains("schema_version");
    let whole: Vec<_> = whole.iter().filter(|line| !expected(line)).collect();
    assert_eq!(whole, Vec::<&&str>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn leases_hold_to_it() {
    contract::hold_leases(|| {
        now(async { Arc::new(PostgresLeases::new(open(&SHARED.url(&migrated().await)).await)) })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn notices_hold_to_it() {
    contract::hold_notices(|| {
        now(async {
            let database = open(&SHARED.url(&migrated().await)).await;
            Arc::new(PostgresNotices::open(&database).await.unwrap())
        })
    })
    .await;
}
