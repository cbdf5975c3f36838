//! A camera's media from outside: packets in, pictures and sound out.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;
mod encoders;
mod mutations;
mod parameter_sets;
mod pictures;
mod sound;
