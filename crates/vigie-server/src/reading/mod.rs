//! GetMedia: stored fragments as a stream of Matroska documents, oldest wanted first, then live.
//!
//! [`chunk`] decides the form of what is sent, [`start`] where it begins, [`get_media`] moves the bytes.

mod chunk;
mod get_media;
mod start;

pub(crate) use get_media::get_media;
