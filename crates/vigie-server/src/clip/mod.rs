//! GetClip: the fragments of a range as one MP4 file (KVS API_GetClip).
//!
//! [`selection`] decides which fragments, [`get_clip`] reads them twice: once for the file's index, which comes first,
//! and once more to send them. No clip is held in memory or kept on disk.

mod get_clip;
mod selection;

pub use selection::ClipLimits;

pub(crate) use get_clip::get_clip;
