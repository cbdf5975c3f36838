//! Writes boxes (ISO/IEC 14496-12). What MP4 files and fragmented MP4 share: boxes, sample entries, the movie.
//!
//! Written by hand because the whole is smaller than its translation into a library's structures, G.711 sample
//! entries among them, which that library does not write; it reads what is written here in the tests.

mod boxes;
mod movie;
mod sample_entry;

pub(crate) use boxes::{full_box, plain_box};
pub(crate) use movie::{Edit, MOVIE_TIMESCALE, MovieTrack, movie};

/// Sample flags: depends on no other, a sync sample (ISO/IEC 14496-12 §8.8.3.1).
pub(crate) const SYNC_SAMPLE: u32 = 0x0200_0000;
/// Sample flags: depends on others, not a sync sample.
pub(crate) const NON_SYNC_SAMPLE: u32 = 0x0101_0000;
