//! A camera's RTSP session without I/O: bytes and datagrams with their time of arrival come in; bytes to send, access
//! units, deviations that are lived with, and the session's end go out.
//!
//! Decides how a camera is talked to, what of its answers and packets is usable, and how packets become access units.
//! Pure: it opens no socket, reads no clock, draws no random number. What comes from a camera is bounded everywhere and
//! never panics. docs/cameras.md says for each deviation from the standards whether it is lived with, and why.

pub mod client;
pub mod deviation;
pub mod format;
pub mod media;
pub mod output;
pub mod session;

pub use client::{Client, ClientOutput};
pub use deviation::Deviation;
pub use format::{MediaFormat, MediaKind};
pub use output::{AccessUnit, MediaEvent, Metadata};
pub use session::{End, Output, RtspSession, RtspSessionSettings};
