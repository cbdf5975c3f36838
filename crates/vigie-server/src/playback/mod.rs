//! Playback: HLS and DASH sessions over the stored fragments.
//!
//! ```text
//! create       the two operations that make sessions      serve      what a session's URLs answer
//! session      what a session is, and its token           library    stored fragments, for both
//! selection    which fragments it shows, how numbered     tracks     what of a document is played
//! hls, dash    the texts of playlists and manifests        request    what a session's URL asks for
//! codecs       what fragments are coded in
//! ```
//!
//! Nothing is stored for a session, nothing is transcoded and nothing is kept on disk twice: media segments are made
//! when they are asked for, from one stored fragment each.

mod codecs;
mod create;
mod dash;
mod hls;
mod library;
mod request;
mod selection;
mod serve;
mod session;
mod tracks;

pub(crate) use create::{get_dash_streaming_session_url, get_hls_streaming_session_url};
pub(crate) use library::Library;
pub use request::SessionUrl;
pub(crate) use serve::serve;
