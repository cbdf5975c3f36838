//! Pictures of stored video: decodes coded frames and writes them as JPEG or PNG, in processes of their own.
//!
//! Media comes from cameras that nobody vouches for, and decoders are the part of a video program that such media
//! breaks. So they run in child processes that reach no file and no network, with bounds of memory and processor time,
//! which are ended when they are late or answer nonsense: what a picture can cost the server is one picture.
//!
//! ```text
//! pool      the child processes, as the server sees them      child     what runs in one of them
//! protocol  what goes over the pipe between the two           decode    coded frames -> pictures
//! picture   pictures and their colours                        encode    pictures -> JPEG, PNG
//! confinement  what keeps such a process from all else
//! ```
//!
//! Never reads a file or a clock, and never decides which frame is wanted.

pub mod child;
pub mod confinement;
pub mod decode;
pub mod encode;
pub mod picture;
pub mod pool;
pub mod protocol;
