//! What a source of files is given: which ones, for whom, and where their media goes in time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use vigie_engine::clock::Clock;
use vigie_media::Timestamp;
use vigie_store::source::SourceBounds;

use super::end::End;
use crate::core::{Imports, NewestFragment, Session};

/// A file or folder to record and where its media goes in time.
pub(crate) struct FileSource {
    pub(crate) session: Session,
    /// The secret's `MediaURI`: `file:///path`, or the path alone.
    pub(crate) uri: String,
    pub(crate) bounds: Arc<SourceBounds>,
    pub(crate) ends_at: Timestamp,
    pub(crate) not_before: Timestamp,
    pub(crate) imports: Imports,
    pub(crate) newest: Option<NewestFragment>,
    pub(crate) clock: Arc<dyn Clock>,
    /// Set when the session is closed.
    pub(crate) stopped: Arc<AtomicBool>,
}

impl FileSource {
    /// Fails when the source is told to stop.
    pub(super) fn go_on(&self) -> Result<(), End> {
        if self.is_stopped() { Err(End::Stopped) } else { Ok(()) }
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }
}
