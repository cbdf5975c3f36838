//! What is asked of every reader of untrusted bytes, one function a reader: it takes any bytes and panics when the
//! reader breaks a promise. Not to panic is the least of them.
//!
//! `fuzz/` drives these functions with coverage feedback; `tests/it/corpus.rs` runs the committed corpus through them, so
//! that a build without a nightly compiler holds what was found. Nothing here reads a clock, a file or a socket.

mod acknowledgements;
mod arn;
mod cron;
mod fragment_number;
mod iam_policy;
mod image_protocol;
mod json_boundary;
mod matroska;
mod mp4;
mod parameter_sets;
mod playback;
mod rtsp_media;
mod rtsp_session;
mod session_url;
mod sigv4;

pub use acknowledgements::acknowledgements;
pub use arn::arn;
pub use cron::cron;
pub use fragment_number::fragment_number;
pub use iam_policy::iam_policy;
pub use image_protocol::image_protocol;
pub use json_boundary::json_boundary;
pub use matroska::matroska;
pub use mp4::mp4;
pub use parameter_sets::parameter_sets;
pub use playback::playback;
pub use rtsp_media::rtsp_media;
pub use rtsp_session::rtsp_session;
pub use session_url::session_url;
pub use sigv4::sigv4;

/// A reader's name, which is also that of its corpus folder and of its fuzz target, and what is asked of it.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: &[Target] = &[
    ("acknowledgements", acknowledgements),
    ("arn", arn),
    ("cron", cron),
    ("fragment_number", fragment_number),
    ("iam_policy", iam_policy),
    ("image_protocol", image_protocol),
    ("json_boundary", json_boundary),
    ("matroska", matroska),
    ("mp4", mp4),
    ("parameter_sets", parameter_sets),
    ("playback", playback),
    ("rtsp_media", rtsp_media),
    ("rtsp_session", rtsp_session),
    ("session_url", session_url),
    ("sigv4", sigv4),
];

/// Splits the first line off.
fn first_line(data: &[u8]) -> (&[u8], &[u8]) {
    match data.iter().position(|&byte| byte == b'\n') {
        Some(end) => (&data[..end], &data[end + 1..]),
        None => (data, &[]),
    }
}
