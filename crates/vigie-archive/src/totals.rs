//! What is told of streams and of the engine in numbers.

use vigie_media::Timestamp;

/// What a stream holds, persisted fragments only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamTotals {
    /// Its bytes, with what the engine adds to them.
    pub size_bytes: u64,
    /// Fragments.
    pub fragment_count: u64,
    /// Begin of the earliest media by the producer's clock.
    pub oldest_producer_timestamp: Option<Timestamp>,
    /// End of the latest media by the producer's clock.
    pub newest_producer_timestamp: Option<Timestamp>,
}

/// What an erasure took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// Fragments.
    pub fragment_count: u64,
    /// Their bytes, with what the engine adds to them.
    pub size_bytes: u64,
}

/// What an engine found at its start that its index did not know; nothing of one that has no index of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// The media is still compared with the index: until that is done nothing is deleted for its age.
    pub is_searching: bool,
    /// Fragments that are in the index again.
    pub claimed_fragment_count: u64,
    /// Files that lie aside, because nothing can be read back from them or another is there in their place.
    pub unclaimed_file_count: u64,
    /// Their bytes.
    pub unclaimed_size_bytes: u64,
    /// Media files of the index that are not there.
    pub missing_media_file_count: u64,
    /// The start found the index damaged, laid it aside and began a new one.
    pub is_index_new: bool,
}
