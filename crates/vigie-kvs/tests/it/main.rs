//! The wire contract held against Amazon's own models.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod service_models;
