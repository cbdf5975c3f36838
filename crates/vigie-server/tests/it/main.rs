//! The server from outside, on loopback, a module for each matter. A test whose state is the process's is a program of its
//! own: `silence`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod access_keys;
mod administration;
mod audit;
mod authentication;
mod backup;
mod clip_file_limits;
mod clip_files;
mod clock_jumps;
mod describe_schedule;
mod disk_trouble;
mod edge;
mod erasures;
mod full_duplex;
mod hostile_bodies;
mod hub_agents;
mod hub_ledgers;
mod hub_requests;
mod hubs;
mod ingest_limits;
mod limits;
mod lost_metadata;
mod media;
mod playback;
mod reading;
mod request_targets;
mod secrets;
mod share_links;
mod start;
mod stream_media;
mod stream_settings;
mod streams;
mod sync_machine;
mod tls;
mod users;

use vigie_test_server as common;
