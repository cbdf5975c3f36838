//! A world to test Vigie in: simulated clock, chance, executor, disk, link and camera around the product's own agent core and
//! instances of its server.
//!
//! Everything here is deterministic: one seed reproduces a run to the last byte. Nothing here is part of the product,
//! and a simulation that cannot go on panics: that is how a test fails.

pub mod archive_log;
pub mod camera;
pub mod checkers;
pub mod disk;
pub mod executor;
pub mod fleet;
pub mod fragment;
pub mod hub;
pub mod index;
pub mod ledger;
pub mod rtsp_camera;
pub mod seeds;
pub mod server;
pub mod world;

pub use vigie_fakes::{chance, clock};
