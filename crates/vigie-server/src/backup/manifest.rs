//! The list of a backup's files: by it a backup is whole or is none.

use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use vigie_store::disk::Disk;

use super::{BackupError, FILES, MANIFEST, io_error};

/// The form of a backup that this program writes.
const FORM: u32 = 1;
const SIZE_BYTES_MAX: u64 = 64 << 10;
const CHUNK_BYTES: usize = 1 << 20;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Manifest {
    /// The form of the backup.
    pub form: u32,
    /// When it was begun, RFC 3339, UTC: every fragment that was persisted before is in it.
    pub began_at: String,
    /// The version of Vigie that took it.
    pub vigie_version: String,
    /// The generation of the metadata in it.
    pub generation: u64,
    pub files: Vec<ListedFile>,
}

/// One file of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListedFile {
    pub name: String,
    pub size_bytes: u64,
    /// Hexadecimal.
    pub sha256: String,
}

impl Manifest {
    pub(super) fn new(began_at: String, generation: u64, files: Vec<ListedFile>) -> Self {
        let vigie_version = env!("CARGO_PKG_VERSION").to_owned();
        Self { form: FORM, began_at, vigie_version, generation, files }
    }

    /// Whether it has that file.
    pub fn has(&self, name: &str) -> bool {
        self.file(name).is_some()
    }

    pub(super) fn file(&self, name: &str) -> Option<&ListedFile> {
        self.files.iter().find(|file| file.name == name)
    }

    /// Reads the list of the backup in `folder`, and every file in it.
    pub(super) fn verified(folder: &Path, disk: &dyn Disk) -> Result<Self, BackupError> {
        let path = folder.join(MANIFEST);
        let damaged = |what: String| BackupError::Damaged { path: path.clone(), what };
        let file = disk.open_read_only(&path).map_err(io_error("read", &path))?;
        let length = file.length_bytes().map_err(io_error("read", &path))?;
        if length > SIZE_BYTES_MAX {
            return Err(damaged("it is too large".to_owned()));
        }
        let length = usize::try_from(length).unwrap_or(0);
        let text = file.read_exact_at(0, length).map_err(io_error("read", &path))?;
        let manifest: Self =
            serde_json::from_slice(&text).map_err(|error| damaged(error.to_string()))?;
        if manifest.form > FORM {
            return Err(BackupError::TooNew { found: manifest.form, known: FORM });
        }
        for listed in &manifest.files {
            if !FILES.contains(&listed.name.as_str()) {
                return Err(damaged(format!("it lists {:?}", listed.name)));
            }
            let path = folder.join(&listed.name);
            if ListedFile::of(&path, &listed.name, disk)? != *listed {
                let what = "it is not the file that was written".to_owned();
                return Err(BackupError::Damaged { path, what });
            }
        }
        for name in [super::INDEX, super::METADATA] {
            if !manifest.has(name) {
                return Err(damaged(format!("it lists no {name}")));
            }
        }
        Ok(manifest)
    }
}

impl ListedFile {
    /// A file as it is.
    pub(super) fn of(path: &Path, name: &str, disk: &dyn Disk) -> Result<Self, BackupError> {
        let file = disk.open_read_only(path).map_err(io_error("read", path))?;
        let size_bytes = file.length_bytes().map_err(io_error("read", path))?;
        let mut hash = Sha256::new();
        let mut offset = 0;
        while offset < size_bytes {
            let length = usize::try_from(size_bytes - offset).unwrap_or(usize::MAX);
            let chunk = file
                .read_exact_at(offset, length.min(CHUNK_BYTES))
                .map_err(io_error("read", path))?;
            offset += chunk.len() as u64;
            hash.update(&chunk);
        }
        let sha256 = base16ct::lower::encode_string(&hash.finalize());
        Ok(Self { name: name.to_owned(), size_bytes, sha256 })
    }
}
