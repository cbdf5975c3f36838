//! What the hub keeps of its configurations on disk: the last set it took, how far it is with each, and the media
//! URIs behind them, so that a hub that starts without a network records at once.
//!
//! One small JSON file, replaced as a whole. The file holds camera passwords in the clear, as the hub has to be able
//! to use them unattended: only its owner may read it (the store's disk creates files with mode 0600), and nothing of
//! it is ever logged.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use vigie_kvs::shapes::edge::EdgeConfig;
use vigie_kvs::shapes::sync_edge_agent::{ErasedMedia, Phase};
use vigie_store::disk::Disk;

use super::kept::Kept;
use super::small_file;

/// The file in the hub's folder.
const FILE_NAME: &str = "configurations.json";
/// The form of the file; another one is another program's.
const VERSION: u32 = 1;
/// Ten thousand streams fit several times over.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// Why the file cannot be used. Never holds anything of its content.
#[derive(Debug, Error)]
pub enum SavedError {
    /// The disk refuses.
    #[error("cannot {action} {path}")]
    Io {
        /// What was tried.
        action: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// Not what this program writes.
    #[error(
        "{path} is not a configuration of this version of vigie; restore it, or remove it and the hub asks the \
         service for its configurations again"
    )]
    Unreadable { path: PathBuf },
}

/// One stream's configuration as the hub has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct SavedStream {
    pub(crate) stream_name: String,
    pub(crate) revision: u64,
    pub(crate) phase: Phase,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) failed_status_details: Option<String>,
    /// `None` once the stream is to be deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) edge_config: Option<EdgeConfig>,
    /// What was there to be erased, before any of it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) erased_media: Option<ErasedMedia>,
    /// Media of an earlier revision, which was deleted, is still to be erased: this one waits for it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) is_erasing: bool,
    /// Empty while the stream's job has it.
    #[serde(flatten, skip_serializing)]
    pub(crate) kept: Kept,
}

impl SavedStream {
    /// Whether what the hub holds of the stream is to go before anything else is done for it.
    pub(crate) fn has_media_to_erase(&self) -> bool {
        self.is_erasing || (self.edge_config.is_none() && self.phase != Phase::Erased)
    }
}

/// Streams by their ARN.
pub(crate) type SavedStreams = BTreeMap<Arc<str>, SavedStream>;

/// A stream as it is written, with what is kept of it wherever that is.
#[derive(Serialize)]
pub(crate) struct SavedRow<'a> {
    #[serde(flatten)]
    pub(crate) stream: &'a SavedStream,
    #[serde(flatten)]
    pub(crate) kept: &'a Kept,
}

#[derive(Serialize, Deserialize)]
struct SavedFile<S> {
    version: u32,
    streams: S,
}

/// The file and how it is replaced.
pub(crate) struct SavedConfigurations {
    disk: Arc<dyn Disk>,
    directory: PathBuf,
}

impl SavedConfigurations {
    /// In the hub's folder, which exists.
    pub(crate) fn new(disk: Arc<dyn Disk>, directory: &Path) -> Self {
        Self { disk, directory: directory.to_owned() }
    }

    /// Reads the file; a hub that never took a configuration has none.
    pub(crate) fn load(&self) -> Result<SavedStreams, SavedError> {
        let path = self.directory.join(FILE_NAME);
        let bytes = match small_file::read(self.disk.as_ref(), &path, FILE_BYTES_MAX) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
            Err(source) => return Err(SavedError::Io { action: "read", path, source }),
        };
        // The parser's error may quote the content: it is dropped.
        match serde_json::from_slice::<SavedFile<BTreeMap<String, SavedStream>>>(&bytes) {
            Ok(file) if file.version == VERSION => {
                Ok(file.streams.into_iter().map(|(arn, stream)| (arn.into(), stream)).collect())
            }
            _ => Err(SavedError::Unreadable { path }),
        }
    }

    /// Replaces the file, durably.
    pub(crate) fn save(&self, streams: &BTreeMap<&str, SavedRow<'_>>) -> Result<(), SavedError> {
        let path = self.directory.join(FILE_NAME);
        let result = serde_json::to_vec_pretty(&SavedFile { version: VERSION, streams })
            .map_err(io::Error::from)
            .and_then(|bytes| {
                small_file::replace(self.disk.as_ref(), &self.directory, FILE_NAME, &bytes)
            });
        result.map_err(|source| SavedError::Io { action: "write", path, source })
    }
}
