//! PutMedia: takes what producers send and says what has become of it.
//!
//! `session` decides, `put_media` moves bytes, `turns` sees to it that one producer writes to a stream, `memory`
//! that all of them together hold no more than they may, and `buffers` keeps memory for those that come.

mod buffers;
mod memory;
mod put_media;
pub(crate) mod rules;
mod session;
pub(crate) mod turns;

use std::sync::Arc;

use crate::media::Media;
use buffers::Buffers;
use memory::OpenFragments;

pub(crate) use put_media::put_media;
pub use rules::IngestRules;
pub use session::{
    AppendFailure, IngestSession, IngestedFragment, Output, SessionSettings, TimecodeBase,
};
pub use turns::ProducerPolicy;
pub(crate) use turns::Turns;

/// The room of producers.
pub(crate) struct Ingest {
    pub media: Arc<Media>,
    pub turns: Arc<Turns>,
    pub open_fragments: Arc<OpenFragments>,
    pub buffers: Arc<Buffers>,
}

impl Ingest {
    pub(crate) fn new(media: Arc<Media>, turns: Arc<Turns>) -> Self {
        let bytes_max = media.config.open_fragments_bytes_max;
        let open_fragments = Arc::new(OpenFragments::new(bytes_max));
        Self { media, turns, open_fragments, buffers: Arc::default() }
    }
}
