//! Every decision of Vigie, as functions from state, event and time to values.
//!
//! Pure: no files, no sockets, no threads, no clock reads, no randomness. Time comes in as [`clock::Now`], chance as
//! [`chance::Chance`]. The shells in `vigie-server`, `vigie-agent` and `vigie-sim` execute what is decided here.

pub mod age_hold;
pub mod backoff;
pub mod bandwidth;
pub mod chance;
pub mod clock;
pub mod clock_skew;
pub mod cron;
pub mod deletion;
pub mod edge_config;
pub mod folder_watch;
pub mod fragmenter;
pub mod hub_contact;
pub mod hub_holder;
pub mod hub_request;
pub mod hub_sync;
pub mod job_status;
pub mod ledger;
pub mod media_clock;
pub mod pulse;
pub mod rate_limit;
pub mod recorder;
pub mod schedule;
pub mod sign_in_guard;
pub mod sync;
pub mod tarpit;
pub mod uploader;
