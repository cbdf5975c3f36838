//! Amazon's own client as a caller of the server.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

#[allow(dead_code, reason = "a caller uses a part of it")]
#[path = "../../../vigie-server/tests/it/common/mod.rs"]
mod common;
mod sdk;
