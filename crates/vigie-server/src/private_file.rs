//! The small files that a server's folder holds for its owner alone: the root credentials, the master key, and the
//! generation of the metadata.
//! Everything else on disk goes through the store's disk seam or SQLite; these need a file mode, which that seam
//! does not know.

use std::fs::{OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::auth::{MasterKey, SealError};

const OWNER_ONLY: u32 = 0o600;
const OTHERS: u32 = 0o077;
const FILE_SIZE_BYTES_MAX: u64 = 4096;

/// Why a private file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum PrivateFileError {
    /// The file system refused.
    #[error("{}: {source}", path.display())]
    Io {
        path: PathBuf,
        /// What the file system said.
        source: io::Error,
    },
    /// Others could read it.
    #[error(
        "{0} can be read by others than its owner (mode {mode:04o}): run `chmod 600 {0}` and start again; whoever could \
         read it can open every stored secret",
        path.display()
    )]
    Exposed {
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The content is not a master key, or none could be made.
    #[error("{}: {source}", path.display())]
    Key {
        path: PathBuf,
        /// What is wrong.
        source: SealError,
    },
}

/// Reads the master key from `path`, which must be its owner's alone.
pub fn read_master_key(path: &Path) -> Result<MasterKey, PrivateFileError> {
    let io_error = |source| PrivateFileError::Io { path: path.to_owned(), source };
    let mode = std::fs::metadata(path).map_err(io_error)?.permissions().mode() & 0o777;
    if mode & OTHERS != 0 {
        return Err(PrivateFileError::Exposed { path: path.to_owned(), mode });
    }
    let text = read_private(path).map_err(io_error)?;
    MasterKey::from_hex(&text)
        .map_err(|source| PrivateFileError::Key { path: path.to_owned(), source })
}

/// Makes a master key and keeps it at `path`, where none is, with mode 0600.
pub(crate) fn create_master_key(path: &Path) -> Result<MasterKey, PrivateFileError> {
    let key_error = |source| PrivateFileError::Key { path: path.to_owned(), source };
    let text = MasterKey::generate_hex().map_err(key_error)?;
    write_private(path, text.as_bytes())?;
    MasterKey::from_hex(&text).map_err(key_error)
}

/// Writes a new file with mode 0600, or replaces one, so that a crash leaves the old content or the new one.
pub fn write_private(path: &Path, content: &[u8]) -> Result<(), PrivateFileError> {
    let write = || -> io::Result<()> {
        let written = path.with_extension("new");
        let mut options = OpenOptions::new();
        let mut file =
            options.write(true).create(true).truncate(true).mode(OWNER_ONLY).open(&written)?;
        // The mode above counts for a new file only; one may have been left here.
        file.set_permissions(Permissions::from_mode(OWNER_ONLY))?;
        file.write_all(content)?;
        file.sync_all()?;
        std::fs::rename(&written, path)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        OpenOptions::new().read(true).open(folder.unwrap_or(Path::new(".")))?.sync_all()
    };
    write().map_err(|source| PrivateFileError::Io { path: path.to_owned(), source })
}

/// The content of a small file.
pub(crate) fn read_private(path: &Path) -> io::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    OpenOptions::new()
        .read(true)
        .open(path)?
        .take(FILE_SIZE_BYTES_MAX)
        .read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_master_key_is_made_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        let sealed = create_master_key(&path).unwrap().seal("p", b"x").unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(read_master_key(&path).unwrap().open("p", &sealed).is_ok());
    }

    #[test]
    fn a_master_key_that_others_could_read_is_refused_with_the_command_that_mends_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        create_master_key(&path).unwrap();
        for mode in [0o644, 0o640, 0o601, 0o620] {
            std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let error = read_master_key(&path).unwrap_err().to_string();
            assert!(error.contains(&format!("chmod 600 {}", path.display())), "{error}");
            assert!(error.contains(&format!("{mode:04o}")), "{error}");
        }
        std::fs::set_permissions(&path, Permissions::from_mode(0o400)).unwrap();
        assert!(read_master_key(&path).is_ok());
    }

    #[test]
    fn a_spoilt_master_key_file_is_refused_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        write_private(&path, b"not a key").unwrap();
        let error = read_master_key(&path).unwrap_err().to_string();
        assert!(error.contains("64 hexadecimal digits"), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), b"not a key");
    }

    #[test]
    fn writing_again_replaces_the_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("credentials");
        write_private(&path, b"one, longer").unwrap();
        write_private(&path, b"two").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
    }
}
