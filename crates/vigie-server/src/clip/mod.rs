//! GetClip: the fragments of a range as one MP4 file (KVS API_GetClip).
//!
//! [`limits`] says how much, [`get_clip`] reads the fragments twice: once for the file's index, which comes first,
//! and once more to send them. No clip is held in memory or kept on disk. What is in a file ([`played`]), its fragments
//! ([`documents`]) and its second pass ([`sender`]) are those of longer files as well ([`crate::clip_files`]).

mod documents;
mod get_clip;
mod limits;
mod played;
mod sender;

pub use limits::ClipLimits;

pub(crate) use documents::{Documents, unless_gone};
pub(crate) use get_clip::get_clip;
pub(crate) use played::{Played, refused};
pub(crate) use sender::{End, PIECES_WAITING_MAX, Sender};
