//! The formats from outside: captures, files of other programs, independent readers, hostile bytes.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;
mod fmp4;
mod matroska_broken_off;
mod matroska_captures;
mod matroska_file;
mod matroska_hostile;
mod matroska_recovery;
mod matroska_structure;
mod matroska_writer;
mod mp4_broken_off;
mod mp4_reader;
mod mp4_writer;
mod mpeg_ts;
