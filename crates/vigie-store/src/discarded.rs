//! What the journal keeps of media that lay aside and was removed.

use vigie_media::Timestamp;

/// What is known of the media of a file that lay aside and was removed, as the journal keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiscardedMedia {
    pub key: String,
    /// The file's bytes.
    pub size_bytes: u64,
    /// Fragments that its marks named.
    pub fragment_count: u64,
    /// Begin of what they cover, by their producer's clock.
    pub from: Timestamp,
    /// Its end.
    pub until: Timestamp,
    /// An operator asked for it; else it was older than its stream keeps its media, or went with it.
    pub is_asked_for: bool,
}
