//! The metadata seam: what the service remembers besides media, as transactions in the service's own terms, a trait for each
//! noun. An engine implements all of them ([`MetadataDb`]); who needs one noun takes that trait alone.
//!
//! Decides no state change: handlers and the reconciler decide on rows that they read, and save with the version they
//! read, so that two instances that decide at once cannot both win. What rows must hold of each other is said where
//! the trait is, and every engine keeps it in the transaction that it says, whoever else writes.
//!
//! A method that changes something is one transaction, durable when it returns. Those that return `bool` do nothing and
//! say `false` when the state they were decided on is no longer there. What may be long is read in pages.
//!
//! Beside it stand [`Leases`]: who of several instances may do what one at a time may do; and [`Notices`]: hints to whoever
//! waits for a change.

mod access_keys;
#[cfg(any(test, feature = "testing"))]
pub mod contract;
mod edge_configurations;
mod error;
mod hubs;
mod leases;
mod media_ledgers;
#[cfg(any(test, feature = "testing"))]
mod memory;
mod notices;
mod secrets;
mod settings;
mod share_links;
mod streams;
mod users;

use async_trait::async_trait;

pub use access_keys::{AccessKey, AccessKeys};
pub use edge_configurations::{EdgeChange, EdgeConfiguration, EdgeConfigurations};
pub use error::DbError;
pub use hubs::{Hub, HubRow, Hubs};
pub use leases::{
    EndReason, InProcessLeases, LEASE_TTL, Lease, LeaseClaim, LeaseEntry, Leases, Standing,
    Takeover,
};
pub use media_ledgers::{
    LEDGER_ENTRIES_MAX, LEDGERS_MAX, LedgerPosition, MediaLedger, MediaLedgerQuery, MediaLedgers,
    StoredLedgerEntry,
};
#[cfg(any(test, feature = "testing"))]
pub use memory::MemoryMetadataDb;
#[cfg(any(test, feature = "testing"))]
pub use notices::SilentNotices;
pub use notices::{InProcessNotices, Notice, Notices, Subscription};
pub use secrets::{SECRET_ARN_SUFFIX_LENGTH, Secret, SecretVersion, Secrets};
pub use settings::Settings;
pub use share_links::{ShareLink, ShareLinks};
pub use streams::{Stream, StreamKey, StreamStatus, Streams};
pub use users::{User, UserKey, Users};

/// An engine.
#[async_trait]
pub trait MetadataDb:
    Streams
    + EdgeConfigurations
    + Hubs
    + MediaLedgers
    + Secrets
    + AccessKeys
    + Users
    + ShareLinks
    + Settings
{
    /// Whether the engine answers and takes changes now; the error says why not.
    async fn check(&self) -> Result<(), DbError>;
    /// Whether it takes none any more before the process starts again.
    fn has_ended(&self) -> bool;
}
