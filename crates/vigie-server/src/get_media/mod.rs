//! GetMedia and GetMediaForFragmentList: stored fragments as a stream of Matroska documents.
//!
//! [`chunk`] decides the form of what is sent, [`start`] where GetMedia begins, [`readers`] how many may read;
//! [`sender`] moves the bytes, [`ingestion_order`] in that order and then live, [`fragment_list`] as the caller
//! lists them.

mod chunk;
mod fragment_list;
mod ingestion_order;
pub(crate) mod readers;
mod sender;
mod start;

use std::sync::Arc;

use crate::ingest::Turns;
use crate::media::Media;
use readers::Readers;

pub(crate) use fragment_list::get_media_for_fragment_list;
pub(crate) use ingestion_order::get_media;
pub use readers::ReaderLimits;

/// The room of those who read media as it comes.
pub(crate) struct Consumers {
    pub media: Arc<Media>,
    /// Whether a stream has a producer.
    pub turns: Arc<Turns>,
    pub readers: Readers,
}

impl Consumers {
    pub(crate) fn new(media: Arc<Media>, turns: Arc<Turns>) -> Self {
        let readers = Readers::new(media.config.reader_limits);
        Self { media, turns, readers }
    }
}
