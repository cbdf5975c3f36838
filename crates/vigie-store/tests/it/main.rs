//! The store from outside, on the machine's own disk. A test whose process is killed is a program of its own: `kill_nine`,
//! `kill_growing`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;
mod damaged_index;
mod index_damage;
mod locked_index;
mod real_disk;
mod repair;
mod source_files;
mod space_reserve;
