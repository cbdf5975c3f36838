//! The lease seam: of all instances one at a time may do a thing, write to a stream above all.
//!
//! Each claim has an epoch, larger than those of all claims before. One claim holds; when it is given back, or its owner did
//! not renew it for [`LEASE_TTL`], the newest of those that wait holds. A holder that has not looked may go on for a while: who
//! keeps what it does asks for the epoch and takes nothing of an older one, as the archive does.

mod entry;
mod in_process;
mod table;

use std::time::Duration;

use async_trait::async_trait;

use crate::DbError;

pub use entry::{LeaseClaim, LeaseEntry};
pub use in_process::InProcessLeases;

/// How long a claim stands that is not renewed, and how long the next one waits at most for a holder that has to end.
pub const LEASE_TTL: Duration = Duration::from_secs(10);

/// A claim.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lease {
    /// Of what.
    pub name: String,
    /// Its place among all claims.
    pub epoch: u64,
}

/// Who goes on when somebody claims what another one holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takeover {
    /// The newest: the holder is to end, and whoever waited has lost.
    Newest,
    /// The one that is there, or waits.
    First,
}

/// Why a claim is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// There is a newer one, or it was not renewed in time.
    Superseded,
    /// The stream is being deleted.
    StreamDeleted,
    /// The stream changed in a way that a connection learns at its start only.
    StreamChanged,
}

/// How a claim stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Another one holds, and is to end.
    Waiting,
    /// It holds.
    Held,
    /// It has to end. One that held is given back when it has.
    Lost(EndReason),
}

/// An engine.
#[async_trait]
pub trait Leases: Send + Sync {
    /// Claims `name` for `owner`; `None` where [`Takeover::First`] finds another one there.
    async fn claim(
        &self,
        name: &str,
        owner: &str,
        takeover: Takeover,
    ) -> Result<Option<(Lease, Standing)>, DbError>;
    /// Renews claims and says how each stands, in the order given.
    async fn renew(&self, leases: &[Lease]) -> Result<Vec<Standing>, DbError>;
    /// Gives a claim back; nothing where it is over.
    async fn release(&self, lease: &Lease) -> Result<(), DbError>;
    /// Ends all claims of `name` so far for a reason; returns the epoch up to which they are.
    async fn revoke(&self, name: &str, reason: EndReason) -> Result<u64, DbError>;
    /// Who holds `name`, or else waits for it: the owner and the epoch of the claim.
    async fn holder(&self, name: &str) -> Result<Option<(String, u64)>, DbError>;
}
