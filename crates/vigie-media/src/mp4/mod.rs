//! MP4 and MOV (ISO/IEC 14496-12, QuickTime): which samples a file holds and where; and stored fragments as a file.
//!
//! Reads the index only, through a function that the caller gives; never the media data, never a file itself.
//! Progressive and fragmented files alike. Of an edit list it honours the start (an initial delay, or media
//! before the first picture that is shown), not cuts further on. Fragmented MP4 is written by [`crate::fmp4`].

mod boxes;
mod fragment;
mod movie;
mod reader;
mod sample_entry;
mod table;
pub(crate) mod write;
mod writer;

pub use movie::SkippedTrack;
pub use reader::{Limits, Mp4Error, Mp4Reader, Sample};
pub use writer::{Mp4Head, Mp4Writer, fragment_data};
