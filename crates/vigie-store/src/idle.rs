//! Media files of streams that nothing comes for any more: they are sealed, so that a stream without a producer holds no
//! file open, however many such streams there are.
//!
//! Decides which they are, by what came between two looks. When to look is the caller's to say: no more often than
//! media files get old, and the next fragment would have gone to another file anyway.

use std::sync::Arc;
use std::time::Duration;

use crate::error::StoreError;
use crate::store::Store;

impl Store {
    /// How long to wait between two looks.
    pub(crate) fn idle_after(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.settings.media_file_age_ms_max).unwrap_or(0))
    }

    /// The streams whose media file got nothing since this was last asked.
    pub fn look_for_idle(&mut self) -> Vec<Arc<str>> {
        let mut idle = Vec::new();
        for (key, stream) in &mut self.streams {
            if let Some(writer) = &mut stream.writer
                && !std::mem::take(&mut writer.is_in_use)
            {
                idle.push(Arc::clone(key));
            }
        }
        idle
    }

    /// Seals the media file of a stream, unless something came for it since the last look. Whether there is something for
    /// the next commit.
    pub fn seal_idle(&mut self, key: &str) -> Result<bool, StoreError> {
        let writer = self.streams.get(key).and_then(|stream| stream.writer.as_ref());
        let is_idle = writer.is_some_and(|writer| !writer.is_in_use && writer.open.is_none());
        if is_idle {
            self.seal(key)?;
        }
        Ok(is_idle)
    }
}
