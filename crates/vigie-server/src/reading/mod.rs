//! Reading media: stored fragments as a stream of Matroska documents.
//!
//! [`chunk`] decides the form of what is sent, [`start`] where GetMedia begins, [`readers`] how many may read;
//! [`sender`] moves the bytes, [`get_media`] in order of ingestion and then live, [`get_media_for_fragment_list`] as the
//! caller lists them.

mod chunk;
mod get_media;
mod get_media_for_fragment_list;
mod readers;
mod sender;
mod start;

pub(crate) use get_media::get_media;
pub(crate) use get_media_for_fragment_list::get_media_for_fragment_list;
pub use readers::ReaderLimits;
pub(crate) use readers::Readers;
