//! The camera as its clients see it, over real sockets on loopback.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod access;
mod faults;
mod harness;
mod loops;
