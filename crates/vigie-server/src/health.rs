//! Whether the seams of a server still take anything.

use std::sync::Arc;

use crate::archive::Archive;
use crate::db::MetadataDb;

#[derive(Clone)]
pub(crate) struct Health {
    pub db: Arc<dyn MetadataDb>,
    pub fragments: Arc<dyn Archive>,
}

impl Health {
    /// Whether metadata or media take nothing any more before the process starts again.
    pub(crate) fn has_failed(&self) -> bool {
        self.db.has_ended() || self.fragments.has_ended()
    }
}
