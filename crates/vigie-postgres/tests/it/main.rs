//! The engines against a real PostgreSQL, which the tests start, and hurt.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

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
