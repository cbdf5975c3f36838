//! Playback: HLS and DASH sessions over the stored fragments.
//!
//! ```text
//! create       the two operations that make sessions      serve            what a session's URLs answer
//! session      what a session is, and its token           fragment_cache   stored fragments, for both
//! selection    which fragments it shows, how numbered     tracks           what of a document is played
//! hls, dash    the texts of playlists and manifests       request          what a session's URL asks for
//! codecs       what fragments are coded in
//! ```
//!
//! Nothing is stored for a session, nothing is transcoded and nothing is kept on disk twice: media segments are made
//! when they are asked for, from one stored fragment each.

mod codecs;
mod create;
mod dash;
mod fragment_cache;
mod hls;
mod request;
mod selection;
mod serve;
mod session;
mod tracks;

use std::sync::Arc;

use vigie_kvs::KvsError;

use crate::api::Call;
use crate::api::data_endpoint::base_url;
use crate::auth::{Grants, MasterKey};
use crate::db::MetadataDb;
use crate::guard::Limits;
use crate::media::Media;
use fragment_cache::FragmentCache;

pub(crate) use create::{
    get_dash_streaming_session_url, get_hls_streaming_session_url, hls_url_of_grant,
};
pub use request::SessionUrl;
pub(crate) use serve::serve;

/// The room of playback sessions.
pub(crate) struct Playback {
    pub media: Arc<Media>,
    /// The stream of a session.
    pub db: Arc<dyn MetadataDb>,
    /// Whether what it was made with still holds.
    pub grants: Arc<Grants>,
    pub limits: Arc<Limits>,
    /// Seals tokens.
    pub master_key: MasterKey,
    fragments: FragmentCache,
}

impl Playback {
    pub(crate) fn new(
        media: Arc<Media>,
        db: Arc<dyn MetadataDb>,
        grants: Arc<Grants>,
        limits: Arc<Limits>,
        master_key: MasterKey,
    ) -> Self {
        Self { media, db, grants, limits, master_key, fragments: FragmentCache::default() }
    }

    /// Where the caller reaches this server.
    fn base_url(&self, call: &Call) -> Result<String, KvsError> {
        base_url(&self.media.config, self.media.process.listen_port(), call)
    }
}
