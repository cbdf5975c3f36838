//! A media file as those see it who write out what waits of it: any worker of the disk, or whoever appends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::disk::DiskFile;

/// A media file as far as it is to be written out.
pub(crate) struct OutFile {
    pub(crate) file: Arc<dyn DiskFile>,
    /// A worker is about to write what waits.
    pub(crate) is_queued: AtomicBool,
    /// It is in `Store::written_out`, once.
    pub(crate) is_listed: AtomicBool,
}

impl OutFile {
    pub(crate) fn new(file: Arc<dyn DiskFile>) -> Arc<Self> {
        Arc::new(Self {
            file,
            is_queued: AtomicBool::new(false),
            is_listed: AtomicBool::new(false),
        })
    }

    pub(crate) fn write_out(&self) {
        // Before the write: what comes meanwhile is asked for again.
        self.is_queued.store(false, Ordering::SeqCst);
        if let Err(error) = self.file.flush() {
            tracing::debug!(%error, "write out; the next sync says so");
        }
    }
}
