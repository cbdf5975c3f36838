//! The engines against a real PostgreSQL, which the tests start, and hurt.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]
#![allow(
    clippy::disallowed_methods,
    reason = "a test keeps its own time, and the settings of its servers"
)]

mod cluster;
mod contract;
mod cut_commits;
mod leases;
mod migrations;
mod notices;
mod outages;
mod proxy;
mod races;
mod world;
