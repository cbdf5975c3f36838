//! What a start and the search behind it found: numbers that others read while the store works.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The numbers of this moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// The media on the disk is still compared with the index: until that is done nothing should be deleted for its age.
    pub is_searching: bool,
    /// Media files without an entry that are in the index again.
    pub claimed_media_file_count: u64,
    /// Fragments without an entry that are in the index again, those of known media files included.
    pub claimed_fragment_count: u64,
    /// Bytes of those media files and fragments.
    pub claimed_size_bytes: u64,
    /// Files that lie aside, because nothing can be read back from them or another is there in their place.
    pub unclaimed_file_count: u64,
    pub unclaimed_size_bytes: u64,
    /// Media files of the index that are not on the disk.
    pub missing_media_file_count: u64,
    /// The start found the index damaged, laid it aside and began a new one.
    pub is_index_new: bool,
}

/// Kept by the store, read by its readers.
#[derive(Debug, Default)]
pub(crate) struct SharedFindings {
    is_searching: AtomicBool,
    claimed_media_file_count: AtomicU64,
    claimed_fragment_count: AtomicU64,
    claimed_size_bytes: AtomicU64,
    unclaimed_file_count: AtomicU64,
    unclaimed_size_bytes: AtomicU64,
    missing_media_file_count: AtomicU64,
    is_index_new: AtomicBool,
}

impl SharedFindings {
    pub(crate) fn get(&self) -> Findings {
        let load = |number: &AtomicU64| number.load(Ordering::Relaxed);
        Findings {
            is_searching: self.is_searching.load(Ordering::Acquire),
            claimed_media_file_count: load(&self.claimed_media_file_count),
            claimed_fragment_count: load(&self.claimed_fragment_count),
            claimed_size_bytes: load(&self.claimed_size_bytes),
            unclaimed_file_count: load(&self.unclaimed_file_count),
            unclaimed_size_bytes: load(&self.unclaimed_size_bytes),
            missing_media_file_count: load(&self.missing_media_file_count),
            is_index_new: self.is_index_new.load(Ordering::Relaxed),
        }
    }

    pub(crate) fn set_index_new(&self) {
        self.is_index_new.store(true, Ordering::Relaxed);
    }

    pub(crate) fn set_searching(&self, is_searching: bool) {
        self.is_searching.store(is_searching, Ordering::Release);
    }

    pub(crate) fn add_claimed(&self, media_files: u64, fragments: u64, size_bytes: u64) {
        self.claimed_media_file_count.fetch_add(media_files, Ordering::Relaxed);
        self.claimed_fragment_count.fetch_add(fragments, Ordering::Relaxed);
        self.claimed_size_bytes.fetch_add(size_bytes, Ordering::Relaxed);
    }

    pub(crate) fn set_unclaimed(&self, files: u64, size_bytes: u64) {
        self.unclaimed_file_count.store(files, Ordering::Relaxed);
        self.unclaimed_size_bytes.store(size_bytes, Ordering::Relaxed);
    }

    pub(crate) fn add_missing(&self) {
        self.missing_media_file_count.fetch_add(1, Ordering::Relaxed);
    }
}
