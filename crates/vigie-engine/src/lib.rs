//! Every decision of Vigie, as functions from state, event and time to values.
//!
//! Pure: no files, no sockets, no threads, no clock reads, no randomness. Time comes in as [`clock::Now`], chance as
//! [`chance::Chance`]. The shells in `vigie-server`, `vigie-agent` and `vigie-sim` execute what is decided here.

pub mod chance;
pub mod clock;
