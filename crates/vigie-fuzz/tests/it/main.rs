//! The fuzzer's corpus without the fuzzer.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod corpus;
