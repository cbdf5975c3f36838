//! The few numbers of the store that an operator may change.

/// What becomes of bytes behind the last commit when a store is opened after a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uncommitted {
    /// The hub: keep also the open fragment, up to its last whole frame.
    KeepWholeFrames,
    /// The server: keep fragments that are whole. Of most of them the producer was not told that they are persisted, and
    /// sends them again; but an index may be older than its media, and then they were.
    KeepWholeFragments,
}

/// The settings of a [`crate::Store`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreSettings {
    /// A media file is rolled before it grows beyond this, unless one fragment alone is larger.
    pub media_file_size_bytes_max: u64,
    /// A media file is rolled when a fragment begins this long after its first, so that deletion by age is fine
    /// enough.
    pub media_file_age_ms_max: i64,
    /// Free space that is left to others and to the index: below it nothing is appended.
    pub free_bytes_reserve: u64,
    /// What a crash leaves behind the last commit.
    pub uncommitted: Uncommitted,
}

impl StoreSettings {
    /// The hub's settings.
    pub const HUB: Self = Self {
        media_file_size_bytes_max: 128 << 20,
        media_file_age_ms_max: 10 * 60 * 1000,
        free_bytes_reserve: 64 << 20,
        uncommitted: Uncommitted::KeepWholeFrames,
    };

    /// The server's settings.
    pub const SERVER: Self = Self { uncommitted: Uncommitted::KeepWholeFragments, ..Self::HUB };

    /// The file size for a stream that may hold `budget_bytes`: 1/32 of it, so that deleting the oldest file
    /// frees about 3 %, but no less than 1 MiB, for a file costs a directory entry and two syncs.
    pub fn media_file_size_bytes_for(&self, budget_bytes: Option<u64>) -> u64 {
        match budget_bytes {
            Some(budget) => (budget / 32).max(1 << 20).min(self.media_file_size_bytes_max),
            None => self.media_file_size_bytes_max,
        }
    }
}
