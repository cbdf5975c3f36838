//! PutMedia: takes what producers send and says what has become of it.
//!
//! `session` decides, `put_media` moves bytes, `connections` sees to it that one producer writes to a stream, `memory`
//! that all of them together hold no more than they may, and `buffers` keeps memory for those that come.

mod buffers;
pub(crate) mod connections;
mod memory;
mod put_media;
pub(crate) mod rules;
mod session;

use std::sync::Arc;

use crate::media::Media;
use buffers::Buffers;
use memory::OpenFragments;

pub use connections::ProducerPolicy;
pub(crate) use connections::{Connections, EndReason};
pub(crate) use put_media::put_media;
pub use rules::IngestRules;
pub use session::{
    AppendFailure, IngestSession, IngestedFragment, Output, SessionSettings, TimecodeBase,
};

/// The room of producers.
pub(crate) struct Ingest {
    pub media: Arc<Media>,
    pub connections: Arc<Connections>,
    pub open_fragments: Arc<OpenFragments>,
    pub buffers: Arc<Buffers>,
}

impl Ingest {
    pub(crate) fn new(media: Arc<Media>, connections: Arc<Connections>) -> Self {
        let bytes_max = media.config.open_fragments_bytes_max;
        let open_fragments = Arc::new(OpenFragments::new(bytes_max));
        Self { media, connections, open_fragments, buffers: Arc::default() }
    }
}
