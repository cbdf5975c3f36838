//! Frames, fragments and their containers.
//!
//! Decides what a frame and a fragment are, how they are read from and written to Matroska, read from MP4, and given
//! out as MP4 and MPEG-TS. Pure: it never opens a file or a socket, never reads a clock, never decodes a picture.

pub mod codec;
pub mod fmp4;
pub mod frame;
pub mod frame_data;
pub mod matroska;
pub mod mp4;
pub mod mpeg_ts;
pub mod sample;
pub mod time;
pub mod track;

pub use frame::Frame;
pub use frame_data::FrameData;
pub use time::Timestamp;
pub use track::{AudioSettings, Track, TrackKind, VideoSettings, codec_id};
