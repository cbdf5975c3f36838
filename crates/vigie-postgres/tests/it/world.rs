//! What the tests share: one server, databases of their own on it, and engines over them.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock, OnceLock};

use rustls::{ClientConfig, RootCertStore};
use secrecy::SecretString;
use tokio_postgres::{Client, NoTls};
use vigie_fakes::chance::SimChance;
use vigie_media::Timestamp;
use vigie_metadata::{Stream, StreamStatus};
use vigie_postgres::{ConnectOptions, Database, PostgresMetadataDb, migrate};

use crate::cluster::Cluster;

/// Of all tests that do not hurt it.
pub(crate) static SHARED: LazyLock<Cluster> = LazyLock::new(Cluster::start);

static NEXT: AtomicU32 = AtomicU32::new(0);
static TEMPLATE: tokio::sync::OnceCell<()> = tokio::sync::OnceCell::const_new();
static TLS: OnceLock<Arc<ClientConfig>> = OnceLock::new();

pub(crate) fn options(url: &str) -> ConnectOptions {
    let tls = TLS.get_or_init(|| {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ClientConfig::builder_with_provider(provider);
        let tls = tls.with_safe_default_protocol_versions().unwrap();
        Arc::new(tls.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
    });
    ConnectOptions::new(&SecretString::from(url), None, Arc::clone(tls)).unwrap()
}

/// A plain connection, beside the engine.
pub(crate) async fn plain(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// A new database that is empty.
pub(crate) async fn empty(cluster: &Cluster) -> String {
    let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
    let admin = plain(&cluster.url("postgres")).await;
    admin.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
    name
}

/// A new database of the shared server that is migrated.
pub(crate) async fn migrated() -> String {
    TEMPLATE
        .get_or_init(|| async {
            let admin = plain(&SHARED.url("postgres")).await;
            admin.batch_execute("CREATE DATABASE migrated").await.unwrap();
            migrate(&options(&SHARED.url("migrated"))).await.unwrap();
        })
        .await;
    let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
    let admin = plain(&SHARED.url("postgres")).await;
    admin.batch_execute(&format!("CREATE DATABASE {name} TEMPLATE migrated")).await.unwrap();
    name
}

/// As another server opens it: each with chance of its own.
pub(crate) async fn open(url: &str) -> Database {
    let mut chance = SimChance::new(u64::from(NEXT.fetch_add(1, Ordering::Relaxed)));
    Database::open(&options(url), &mut chance).await.unwrap()
}

pub(crate) async fn metadata(url: &str) -> PostgresMetadataDb {
    PostgresMetadataDb::new(open(url).await)
}

/// For what is opened in the middle of a test that does not wait.
pub(crate) fn now<T>(waits: impl Future<Output = T>) -> T {
    tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(waits))
}

pub(crate) fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

pub(crate) fn stream(name: &str) -> Stream {
    Stream {
        arn: format!("arn:{name}"),
        name: name.into(),
        created_at: at(5),
        version: "v1".into(),
        status: StreamStatus::Active,
        retention_hours: 24,
        device_name: None,
        media_type: None,
        kms_key_id: None,
        storage_tier: None,
        image_generation_json: None,
        notification_json: None,
    }
}
