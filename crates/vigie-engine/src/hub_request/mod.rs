//! Requests from the server to a hub: who is asked what, for how long, and what came of it.
//!
//! A hub cannot be called, so requests travel in what the hub asks for anyway, `SyncEdgeAgent`, and like all of it they
//! are level-triggered. The server always says all the requests that somebody waits for; the hub always says all that
//! it has taken, each with its progress or its answer. So a message that is lost, repeated or reordered does no harm:
//!
//! - A request that the hub does not mention is told again; one that it has taken already is not begun again.
//! - An answer is said again until the server does not name its request any more. The server takes the first one, and
//!   only from the hub that was asked; whatever comes later, or for a request that is not there, is left.
//! - Calling off is not naming: the hub drops what it works on. So does a server that was restarted in the midst, for
//!   its caller is gone with it.
//!
//! Nothing here is durable. A hub that restarts is told again and begins again, so what is asked for must do no harm
//! when it is done twice. Changes that must not be lost (a configuration, a new value of a secret) are no requests:
//! they are part of what the hub is owed, see [`crate::hub_sync`].
//!
//! Time is monotonic; each side counts on its own clock. Ids come from chance, so that none is used twice over a
//! restart.

mod hub;
mod server;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use hub::{Changes, HubRequests};
pub use server::{AskError, Outcome, ServerRequests};

/// A hub that has not taken a request after so long is not in contact. A hub that can call does so within a second.
pub const TAKEN_WITHIN: Duration = Duration::from_secs(10);
/// Requests that one hub is asked at once.
pub const OF_HUB_MAX: usize = 8;
/// Requests of one caller at once on one hub, so that others find room.
pub const OF_CALLER_MAX: usize = 2;
/// Requests to all hubs at once: their answers are in memory.
pub const IN_ALL_MAX: usize = 256;
/// Longest id.
pub const ID_BYTES_MAX: usize = 64;
/// Longest progress that is kept.
pub const PROGRESS_BYTES_MAX: usize = 64;
/// What the answers in one call of a hub may have together, but for the first: the rest comes with the next call.
pub const ANSWERS_BYTES_MAX: usize = 2 << 20;
