//! One stream as the store has it in memory: what was handed out of it, what its files take, what waits for a commit.

use std::path::PathBuf;
use std::sync::Arc;

use crate::index::StreamId;
use crate::settings::StoreSettings;
use crate::writer::MediaFileWriter;

/// One stream in memory.
pub(crate) struct StreamState {
    pub(crate) id: StreamId,
    pub(crate) key: Arc<str>,
    pub(crate) next_sequence: u64,
    /// Durably reserved below this.
    pub(crate) reserved_sequence: u64,
    /// Bytes of its media files on disk, in-progress ones included.
    pub(crate) size_bytes: u64,
    /// Bytes of it that lie aside.
    pub(crate) unclaimed_size_bytes: u64,
    /// See [`StoreSettings::media_file_size_bytes_for`].
    pub(crate) media_file_size_bytes_max: u64,
    pub(crate) writer: Option<MediaFileWriter>,
    /// Complete files that wait for the commit that seals them.
    pub(crate) closing: Vec<MediaFileWriter>,
    /// To be marked by the next commit.
    pub(crate) uploaded: Vec<u64>,
    /// So many of these are in the commit that was begun.
    pub(crate) uploaded_planned: usize,
    /// Files without an entry that could not be removed yet, and their bytes, which still count.
    pub(crate) leftovers: Vec<(PathBuf, u64)>,
    /// Its directory's own name was made durable in this run.
    pub(crate) directory_synced: bool,
    /// Appended since the last commit of it began, to be written by the next at the latest.
    pub(crate) behind_bytes: u64,
    /// See [`crate::Store::set_read_at_once`].
    pub(crate) is_read_at_once: bool,
}

impl StreamState {
    pub(crate) fn new(id: StreamId, key: Arc<str>, settings: StoreSettings) -> Self {
        Self {
            id,
            key,
            next_sequence: 1,
            reserved_sequence: 1,
            size_bytes: 0,
            unclaimed_size_bytes: 0,
            media_file_size_bytes_max: settings.media_file_size_bytes_for(None),
            writer: None,
            closing: Vec::new(),
            uploaded: Vec::new(),
            uploaded_planned: 0,
            leftovers: Vec::new(),
            directory_synced: false,
            behind_bytes: 0,
            is_read_at_once: false,
        }
    }
}
