//! Share links: what shows one stream or one clip for some time without an account (extensions CreateShareLink,
//! ListShareLinks, RevokeShareLink).
//!
//! ```text
//! operations  made, listed, revoked     open  what the holder of a link gets
//! ```
//!
//! The secret of a link is 128 random bits. It stands behind `#` in the link's URL, so that it is in no request line and no
//! log; here only its hash is kept. What plays or downloads through a link ends with it.

mod open;
mod operations;

use std::sync::Arc;

use crate::auth::Grants;
use crate::clip_files::ClipFiles;
use crate::media::Media;
use crate::playback::Playback;

pub(crate) use open::{Opened, open};
pub(crate) use operations::{
    create_share_link, list_share_links, revoke_share_link, share_link_resource,
};

/// The room of share links.
pub(crate) struct ShareLinks {
    pub media: Arc<Media>,
    /// Whether a link holds.
    pub grants: Arc<Grants>,
    pub playback: Arc<Playback>,
    pub clip_files: Arc<ClipFiles>,
}
