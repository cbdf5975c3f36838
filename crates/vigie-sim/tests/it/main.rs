//! What may befall a hub, a server and their stores, simulated, a module for each kind of story.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod camera_streams;
mod clocks;
mod damage;
mod fleet;
mod full_disk;
mod ledgers;
mod lost_notices;
mod older_folders;
mod query_plans;
mod random;
mod refusals;
mod requests;
mod scenarios;
mod store_crash;
mod store_thread;
mod weeks_offline;
