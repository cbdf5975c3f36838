//! Clip files: ranges of any length as MP4 files, each made while it is downloaded (extension ExportClip).
//!
//! ```text
//! export      which files a range makes           session      what a file's URL opens, and its token
//! range       which fragments are in them         holds        whether it still does
//! contents    what stands in a file               prepare      its index
//! serve       what a file's URLs answer           preparation  how long that is remembered
//! send        a file's bytes                      checksum     its SHA-256
//! places      how many are sent at once
//! ```
//!
//! Nothing of a file is kept on disk. A file is one plain MP4 with its index first, which every player opens and seeks in; it
//! is read twice for that, and its index is remembered while somebody wants it. A URL stands for the same bytes as long as it
//! holds, or for nothing: a download that was cut goes on where it was (`Range`), and never with other media.

mod checksum;
mod contents;
mod export;
mod holds;
mod places;
mod preparation;
mod prepare;
mod range;
mod send;
mod serve;
mod session;

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::auth::{Grants, MasterKey};
use crate::db::MetadataDb;
use crate::guard::Limits;
use crate::media::Media;
use places::Places;
use preparation::Preparations;

pub(crate) use export::{Wanted, export_clip, files_of_range};
pub(crate) use serve::{Served, serve};

/// Files that are read for their index or their checksum at once; others wait.
const READ_AT_ONCE_MAX: usize = 2;
/// Ranges whose fragments are listed at once; others wait.
const LISTED_AT_ONCE_MAX: usize = 4;

/// The room of clip files.
pub(crate) struct ClipFiles {
    pub media: Arc<Media>,
    /// The stream of a URL.
    pub db: Arc<dyn MetadataDb>,
    /// Whether what it was made with still holds.
    pub grants: Arc<Grants>,
    limits: Arc<Limits>,
    /// Seals tokens.
    master_key: MasterKey,
    preparations: Preparations,
    reading: Semaphore,
    listing: Semaphore,
    sending: Arc<Places>,
}

impl ClipFiles {
    pub(crate) fn new(
        media: Arc<Media>,
        db: Arc<dyn MetadataDb>,
        grants: Arc<Grants>,
        limits: Arc<Limits>,
        master_key: MasterKey,
    ) -> Self {
        Self {
            media,
            db,
            grants,
            limits,
            master_key,
            preparations: Preparations::default(),
            reading: Semaphore::new(READ_AT_ONCE_MAX),
            listing: Semaphore::new(LISTED_AT_ONCE_MAX),
            sending: Arc::default(),
        }
    }
}
