//! What the store's verbs report: a commit, a deletion, the opening.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::error::StoreError;
use crate::fragment::FragmentEntry;

/// A fragment that a commit made durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersistedFragment {
    pub key: Arc<str>,
    pub entry: FragmentEntry,
}

/// A fragment that will not become durable and must be sent or recorded again.
#[derive(Clone, Debug)]
pub struct FailedFragment {
    pub key: Arc<str>,
    /// The fragment's sequence.
    pub sequence: u64,
    pub error: StoreError,
}

/// What a commit did.
#[derive(Clone, Debug, Default)]
pub struct CommitReport {
    /// Fragments that are durable from now on. A failed open fragment whose earlier commits hold a part of it is
    /// here as well, cut to that part.
    pub persisted: Vec<PersistedFragment>,
    /// Fragments that were given up with their media file.
    pub failed: Vec<FailedFragment>,
}

/// What a deletion removed.
#[derive(Clone, Debug, Default)]
pub struct Deleted {
    /// Media files.
    pub media_file_count: u64,
    /// Their bytes on disk.
    pub size_bytes: u64,
    /// Persisted fragments.
    pub fragment_count: u64,
    /// Of these, not marked uploaded: they existed nowhere else.
    pub not_uploaded_count: u64,
    pub not_uploaded_size_bytes: u64,
    /// Fragments that waited for a commit when their stream was deleted.
    pub failed: Vec<FailedFragment>,
}

impl Deleted {
    pub(crate) fn add(&mut self, more: Self) {
        self.media_file_count += more.media_file_count;
        self.size_bytes += more.size_bytes;
        self.fragment_count += more.fragment_count;
        self.not_uploaded_count += more.not_uploaded_count;
        self.not_uploaded_size_bytes += more.not_uploaded_size_bytes;
        self.failed.extend(more.failed);
    }
}

/// What opening a store found and did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecoveryReport {
    /// Media files that were open and are sealed now.
    pub sealed_media_file_count: u64,
    /// Fragments that no commit of the index knew and that were kept, the last of a file cut to its whole frames.
    pub recovered_fragment_count: u64,
    /// Bytes behind them that were cut off.
    pub cut_bytes: u64,
    /// Files of deleted entries that were still there, removed. See [`crate::Store::search_orphans`] for the others.
    pub reclaimed_file_count: u64,
    /// Unsealed media files of the index that are not on the disk. Nothing the store does makes one; their entries
    /// stay.
    pub missing: Vec<PathBuf>,
    /// Where the old index lies: it was damaged, and a new one was begun.
    pub old_index: Option<PathBuf>,
}

impl fmt::Display for RecoveryReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::default() {
            return f.write_str("nothing to recover");
        }
        write!(
            f,
            "{} media files were open and are sealed, {} fragments of them taken in, {} bytes cut off, {} files of deleted \
             media removed, {} files missing",
            self.sealed_media_file_count,
            self.recovered_fragment_count,
            self.cut_bytes,
            self.reclaimed_file_count,
            self.missing.len()
        )
    }
}
