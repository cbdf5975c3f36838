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

use crate::api::Call;
use crate::auth::{Grant, Grants, HeldGrant};
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
    /// Whether who reads may still do so.
    pub grants: Arc<Grants>,
}

impl Consumers {
    pub(crate) fn new(media: Arc<Media>, turns: Arc<Turns>, grants: Arc<Grants>) -> Self {
        let readers = Readers::new(media.config.reader_limits);
        Self { media, turns, readers, grants }
    }

    /// What an answer to this call depends on for as long as it goes on.
    fn held_grant(&self, call: &Call, stream_arn: &str) -> HeldGrant {
        HeldGrant {
            grants: Arc::clone(&self.grants),
            grant: Grant::of(call.identity.principal.clone()),
            operation: call.operation,
            stream_arn: stream_arn.to_owned(),
            checked_at: self.media.process.now().mono,
        }
    }
}
