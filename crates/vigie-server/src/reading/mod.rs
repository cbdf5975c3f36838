//! Reading media: stored fragments as a stream of Matroska documents.
//!
//! [`chunk`] decides the form of what is sent, [`start`] where GetMedia begins, [`readers`] how many may read;
//! [`sender`] moves the bytes, [`get_media`] in order of ingestion and then live, [`get_media_for_fragment_list`] as the
//! caller lists them.

mod chunk;
mod get_media;
mod get_media_for_fragment_list;
pub(crate) mod readers;
mod sender;
mod start;

use std::sync::Arc;

use crate::ingest::Turns;
use crate::media::Media;
use readers::Readers;

pub(crate) use get_media::get_media;
pub(crate) use get_media_for_fragment_list::get_media_for_fragment_list;
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
