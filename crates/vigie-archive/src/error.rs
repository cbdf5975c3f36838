//! Why media could not be kept or read.

/// Its text goes to the log, never to a caller.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveError {
    /// The stream was deleted meanwhile.
    #[error("the stream was deleted")]
    StreamDeleted,
    /// Another writer of the stream came after this one.
    #[error("another writer has the stream")]
    Fenced,
    /// The fragment was deleted after it was listed.
    #[error("the fragment is gone")]
    FragmentGone,
    /// Less space is free than is left to others. Nothing was done; it passes when there is space.
    #[error("media store: {free_bytes} bytes are free, {reserve_bytes} stay free")]
    BelowReserve {
        /// On the file system.
        free_bytes: u64,
        /// Left to others.
        reserve_bytes: u64,
    },
    /// The bytes that are there are not those that were written.
    #[error("media store: {0}")]
    Damaged(String),
    /// There is no space. It passes when there is some.
    #[error("media store: {0}")]
    Full(String),
    /// Another program holds a lock. It passes by itself.
    #[error("media store: {0}")]
    Locked(String),
    /// The engine failed, and passes by itself.
    #[error("media store: {0}")]
    Busy(String),
    /// The engine failed.
    #[error("media store: {0}")]
    Engine(String),
    /// The document header of a fragment cannot be read.
    #[error("media store: a document header cannot be read: {0}")]
    Header(String),
    /// The engine's reading task was cancelled.
    #[error("media store: a read was cut off")]
    Cancelled,
}

impl ArchiveError {
    /// Whether it passes by itself, or when there is space: a caller may try again.
    pub const fn is_passing(&self) -> bool {
        self.is_full() || matches!(self, Self::Locked(_) | Self::Busy(_))
    }

    /// Whether it is for want of space.
    pub const fn is_full(&self) -> bool {
        matches!(self, Self::BelowReserve { .. } | Self::Full(_))
    }
}
