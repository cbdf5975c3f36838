//! A stream that was erased, until its files are gone.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::fragment::MediaFileId;

/// A stream whose entries are gone and whose files are to go.
#[derive(Debug)]
pub(crate) struct ErasedStream {
    pub(crate) key: Arc<str>,
    /// With their bytes, which still count.
    pub(crate) files: VecDeque<(PathBuf, u64)>,
    /// Those that are gone, though their names' absence is not durable yet.
    pub(crate) removed: Vec<MediaFileId>,
}

impl ErasedStream {
    pub(crate) fn has_file(&self, path: &Path) -> bool {
        self.files.iter().any(|(file, _)| file == path)
    }

    pub(crate) fn size_bytes(&self) -> u64 {
        self.files.iter().map(|(_, size_bytes)| size_bytes).sum()
    }
}
