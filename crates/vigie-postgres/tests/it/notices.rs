//! Notices from one server to another, and what becomes of who listens when their connection goes.

use std::time::{Duration, Instant};

use tokio::time::timeout;
use vigie_metadata::{Notice, Notices, Subscription};
use vigie_postgres::PostgresNotices;

use crate::world::{SHARED, migrated, open, plain};

fn hub(name: &str) -> Notice {
    Notice::HubChanged { hub_device_arn: name.to_owned() }
}

async fn hears(listening: &mut Box<dyn Subscription>) {
    timeout(Duration::from_secs(10), listening.heard()).await.expect("a notice was lost");
}

async fn server(url: &str) -> PostgresNotices {
    PostgresNotices::open(&open(url).await).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_server_publishes_is_heard_at_another() {
    let url = SHARED.url(&migrated().await);
    let (one, other) = (server(&url).await, server(&url).await);
    let mut gate = other.subscribe([hub("gate")].into());
    let mut yard = other.subscribe([hub("yard")].into());
    let begin = Instant::now();
    for _ in 0..100 {
        one.publish(&hub("gate"));
        hears(&mut gate).await;
    }
    println!("{:?} a notice", begin.elapsed() / 100);
    assert!(!yard.has_heard(), "it is another's");
    // Too long for the database: all look again.
    one.publish(&hub(&"x".repeat(8_000)));
    hears(&mut gate).await;
    hears(&mut yard).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_listens_is_told_once_when_the_connection_is_back_and_hears_again() {
    let url = SHARED.url(&migrated().await);
    let (one, other) = (server(&url).await, server(&url).await);
    let mut gate = other.subscribe([hub("gate")].into());
    let admin = plain(&url).await;
    let ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                 WHERE datname = current_database() AND pid <> pg_backend_pid()";
    admin.batch_execute(ended).await.unwrap();
    hears(&mut gate).await;
    // The other server's connection is back at its own time.
    for number in 0.. {
        assert!(number < 100, "it hears nothing any more");
        one.publish(&hub("gate"));
        if timeout(Duration::from_millis(100), gate.heard()).await.is_ok() {
            break;
        }
    }
}
