//! PutMedia: takes what producers send and says what has become of it.
//!
//! `session` decides, `put_media` moves bytes, `connections` sees to it that one producer writes to a stream, `memory`
//! that all of them together hold no more than they may, and `buffers` keeps memory for those that come.

mod buffers;
mod connections;
mod memory;
mod put_media;
mod rules;
mod session;

pub(crate) use buffers::Buffers;
pub use connections::ProducerPolicy;
pub(crate) use connections::{Connections, EndReason};
pub(crate) use memory::OpenFragments;
pub(crate) use put_media::put_media;
pub use rules::IngestRules;
pub use session::{
    AppendFailure, IngestSession, IngestedFragment, Output, SessionSettings, TimecodeBase,
};
