//! Amazon's own client as a caller of the server.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod sdk;
