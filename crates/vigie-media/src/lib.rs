//! Frames, fragments and their containers.
//!
//! Decides what a frame and a fragment are and how they are read from and written to Matroska and read from
//! MP4. Pure: it never opens a file or a socket, never reads a clock, never decodes a picture.

pub mod codec;
pub mod frame;
pub mod matroska;
pub mod mp4;
pub mod time;
pub mod track;

pub use frame::Frame;
pub use time::Timestamp;
pub use track::{AudioSettings, Track, TrackKind, VideoSettings, codec_id};
