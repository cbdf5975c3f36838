//! The metadata seam: what the service remembers besides media, as transactions in the service's own terms.
//!
//! Decides no state change: handlers and background work decide on rows that they read, and save with the version
//! they read, so that two instances that decide at once cannot both win. [`SqliteMetadataDb`] is the embedded
//! engine; PostgreSQL fits the same trait.

mod media_ledger;
mod rows;
mod sqlite;

use std::collections::BTreeMap;
use std::path::PathBuf;

use async_trait::async_trait;
use vigie_kvs::shapes::media_ledger::LedgerEntry;
use vigie_media::Timestamp;

pub use media_ledger::{HubRow, LedgerPosition, MediaLedger, MediaLedgerQuery, StoredLedgerEntry};
pub use rows::{
    AccessKey, EdgeChange, EdgeConfiguration, Hub, Secret, SecretVersion, Stream, StreamKey,
    StreamStatus,
};
pub use sqlite::SqliteMetadataDb;
pub(crate) use sqlite::{GenerationFile, accept, peek};

/// Why the metadata could not be read or written. The text goes to the log, never to a caller.
#[derive(Debug, Clone, thiserror::Error)]
pub enum DbError {
    /// The engine failed.
    #[error("metadata database: {0}")]
    Engine(String),
    /// The database was written by a newer version.
    #[error(
        "metadata database: schema version {found} is newer than {known}; start a newer version"
    )]
    TooNew {
        /// Version in the file.
        found: i64,
        /// Version this program writes.
        known: i64,
    },
    /// It is behind what this folder has seen.
    #[error(
        "{} is older than this folder: it is at generation {found}, the folder has seen {known}. Streams, keys and \
         secrets that came later are missing in it. Put the newest copy in its place, with its -wal where there is one, \
         or restore a backup (`vigie server restore`); where there is none, `vigie server accept-metadata` lets the \
         server start from it",
        path.display()
    )]
    Older {
        /// The database.
        path: PathBuf,
        /// In it.
        found: u64,
        /// In the file beside it.
        known: u64,
    },
    /// More changes wait than it takes; a caller may try again.
    #[error("metadata database: too many changes are waiting")]
    TooBusy,
    /// Another program holds the database's lock. Nothing was changed; it goes on by itself when the lock is gone.
    #[error("metadata database: locked by another program")]
    Locked,
    /// No space is left for it. Nothing was changed.
    #[error("metadata database: no space is left")]
    Full,
    /// The engine has stopped; the process has to be restarted.
    #[error("metadata database: the writer has stopped")]
    Stopped,
}

impl DbError {
    /// Whether nothing will be written any more before the process starts again.
    pub const fn is_fatal(&self) -> bool {
        !matches!(self, Self::TooBusy | Self::Locked | Self::Full)
    }
}

/// Streams, tags, edge configurations, hubs, secrets and access keys.
///
/// A method that changes something is one transaction, durable when it returns. Those that return `bool` do nothing
/// and say `false` when the state they were decided on is no longer there.
#[async_trait]
pub trait MetadataDb: Send + Sync {
    /// Adds a stream with its tags; `false` when the name is taken.
    async fn create_stream(
        &self,
        stream: &Stream,
        tags: &BTreeMap<String, String>,
    ) -> Result<bool, DbError>;
    /// A stream by name or ARN, whatever its status.
    async fn stream(&self, key: StreamKey<'_>) -> Result<Option<Stream>, DbError>;
    /// Up to `limit` streams in order of name, after `after_name`, whose names begin with `prefix`.
    async fn list_streams(
        &self,
        prefix: &str,
        after_name: &str,
        limit: usize,
    ) -> Result<Vec<Stream>, DbError>;
    /// Saves a changed stream (its ARN, name and creation time stay); `false` when `expected_version` is not the
    /// newest, or when its retention would be 0 under an edge configuration.
    async fn save_stream(&self, stream: &Stream, expected_version: &str) -> Result<bool, DbError>;
    /// Marks a stream as DELETING and, in the same transaction, saves its edge configuration.
    async fn begin_stream_deletion(
        &self,
        arn: &str,
        expected_version: &str,
        edge: Option<&EdgeChange>,
    ) -> Result<bool, DbError>;
    /// Removes a stream and its tags, once its media is gone.
    async fn finish_stream_deletion(&self, arn: &str) -> Result<(), DbError>;
    /// Every stream; background work walks them.
    async fn all_streams(&self) -> Result<Vec<Stream>, DbError>;

    /// Adds tags, replacing equal keys; `false` when there would be more than `tags_max`.
    async fn put_tags(
        &self,
        arn: &str,
        tags: &BTreeMap<String, String>,
        tags_max: usize,
    ) -> Result<bool, DbError>;
    /// Removes tags; unknown keys do no harm.
    async fn remove_tags(&self, arn: &str, keys: &[String]) -> Result<(), DbError>;
    /// A stream's tags.
    async fn tags(&self, arn: &str) -> Result<BTreeMap<String, String>, DbError>;

    /// The edge configuration of a stream.
    async fn edge_configuration(
        &self,
        stream_arn: &str,
    ) -> Result<Option<EdgeConfiguration>, DbError>;
    /// All edge configurations of a hub in order of stream ARN, after `after_arn`, at most `limit`.
    async fn edge_configurations_of_hub(
        &self,
        hub_device_arn: &str,
        after_arn: &str,
        limit: usize,
    ) -> Result<Vec<EdgeConfiguration>, DbError>;
    /// Saves, adds or removes edge configurations: all of them, or none and `false` when one was changed since it
    /// was read, or when one that is to be applied has no active stream with retention any more.
    async fn save_edge_configurations(&self, changes: &[EdgeChange]) -> Result<bool, DbError>;
    /// Edge configurations whose deadline is at or before `now`.
    async fn edge_configurations_due(
        &self,
        now: Timestamp,
    ) -> Result<Vec<EdgeConfiguration>, DbError>;
    /// The earliest deadline of all edge configurations.
    async fn next_edge_deadline(&self) -> Result<Option<Timestamp>, DbError>;

    /// Remembers when a hub was heard from.
    async fn save_hub(&self, hub: &Hub) -> Result<(), DbError>;
    /// A hub by ARN.
    async fn hub(&self, hub_device_arn: &str) -> Result<Option<Hub>, DbError>;
    /// Hubs that have called or that streams are configured for, in order of ARN, from `from_arn` (itself included).
    async fn hubs(&self, from_arn: &str, limit: usize) -> Result<Vec<HubRow>, DbError>;

    /// The ledgers of a stream, the one that began first first.
    async fn media_ledgers(&self, stream_arn: &str) -> Result<Vec<MediaLedger>, DbError>;
    /// Adds entries that changed after the sequence `after`, unless something before them is missing here. Bounded:
    /// the oldest entries go.
    async fn take_media_ledger(
        &self,
        ledger: &MediaLedger,
        after: u64,
        entries: &[LedgerEntry],
    ) -> Result<(), DbError>;
    /// Entries of a stream's ledgers, in the order of their position.
    async fn media_ledger_entries(
        &self,
        query: &MediaLedgerQuery,
    ) -> Result<Vec<StoredLedgerEntry>, DbError>;

    /// A secret by its name, its ARN or its ARN without the random suffix.
    async fn secret(&self, id: &str) -> Result<Option<Secret>, DbError>;
    /// Up to `limit` secrets in order of name, after `after_name`.
    async fn list_secrets(&self, after_name: &str, limit: usize) -> Result<Vec<Secret>, DbError>;
    /// Adds a secret; `false` when the name is taken.
    async fn create_secret(
        &self,
        secret: &Secret,
        value: Option<(&str, &[u8])>,
    ) -> Result<bool, DbError>;
    /// Saves a changed secret and drops the versions it no longer has; `value` is a new version's id and sealed
    /// value. `false` when it was changed since it was read.
    async fn save_secret(
        &self,
        secret: &Secret,
        value: Option<(&str, &[u8])>,
    ) -> Result<bool, DbError>;
    /// The sealed value of a version.
    async fn secret_value(&self, arn: &str, version_id: &str) -> Result<Option<Vec<u8>>, DbError>;
    /// Removes a secret and its values.
    async fn delete_secret(&self, arn: &str) -> Result<(), DbError>;
    /// Secrets whose recovery window is over.
    async fn secrets_to_delete(&self, now: Timestamp) -> Result<Vec<Secret>, DbError>;

    /// An access key by id.
    async fn access_key(&self, access_key_id: &str) -> Result<Option<AccessKey>, DbError>;
    /// All access keys, oldest first.
    async fn access_keys(&self) -> Result<Vec<AccessKey>, DbError>;
    /// Up to `limit` access keys, oldest first, after the one that was made at that time and has that id.
    async fn list_access_keys(
        &self,
        after: (Timestamp, &str),
        limit: usize,
    ) -> Result<Vec<AccessKey>, DbError>;
    /// Adds an access key.
    async fn create_access_key(&self, key: &AccessKey) -> Result<(), DbError>;
    /// Marks an access key as revoked and forgets its secret; `false` when it is not there, is revoked already, or is
    /// the last root key.
    async fn revoke_access_key(&self, access_key_id: &str, now: Timestamp)
    -> Result<bool, DbError>;

    /// A small named value, for the engine's own housekeeping (the master key's proof).
    async fn setting(&self, name: &str) -> Result<Option<Vec<u8>>, DbError>;
    /// Saves a small named value.
    async fn save_setting(&self, name: &str, value: &[u8]) -> Result<(), DbError>;

    /// Whether the engine answers and takes changes now; the error says why not.
    async fn check(&self) -> Result<(), DbError>;
    /// Whether it takes none any more before the process starts again.
    fn has_ended(&self) -> bool;
}
