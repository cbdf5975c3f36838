//! GetClip: the fragments of a range as one MP4 file (KVS API_GetClip).
//!
//! [`limits`] says how much, [`get_clip`] reads the fragments twice: once for the file's index, which comes first,
//! and once more to send them. No clip is held in memory or kept on disk.

mod get_clip;
mod limits;

pub use limits::ClipLimits;

pub(crate) use get_clip::get_clip;
