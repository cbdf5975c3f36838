//! What comes out of a document while it is read, and of one that was cut.

use std::sync::Arc;

use super::fragment::{Fragment, FrameEntry};
use super::header::DocumentHeader;
use super::tags::Tag;

/// What was found in the document, in document order.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Everything before the first Cluster has been read. Once, first.
    Header(Arc<DocumentHeader>),
    /// A Cluster's timestamp has been read.
    FragmentStart {
        /// In the document's own time base.
        timecode_ms: i64,
    },
    /// A block has come in whole; one event for each frame in it.
    Frame(FrameEntry),
    /// A tag of the fragment, the mark of its end excepted.
    Tag(Tag),
    /// The fragment is whole: the next Cluster began, its end was marked, or the document ended.
    FragmentEnd(Fragment),
}

/// What a torn input still gives, see [`super::FragmentReader::recover`].
#[derive(Clone, Debug, PartialEq)]
pub struct Recovered {
    /// The open fragment cut after its last whole element, if it has a whole frame.
    pub fragment: Option<Fragment>,
    /// Where the last whole thing ends: truncate the input here and append the next Cluster.
    pub end_offset: u64,
}
