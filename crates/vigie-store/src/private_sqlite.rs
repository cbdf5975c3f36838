//! SQLite's files are their owner's alone: they hold who was filmed when, on the server keys and secrets as well.
//!
//! SQLite itself makes a database readable by whomever the umask lets, and its log like the database. Opens no file that
//! is there: closing it would give up the locks that SQLite holds on it in this process (sqlite.org/howtocorrupt.html,
//! 2.2).

use std::fs::{OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

const OWNER_ONLY: u32 = 0o600;
const OTHERS: u32 = 0o077;

/// The files of a SQLite database, itself the first.
pub fn sqlite_files(path: &Path) -> [PathBuf; 3] {
    ["", "-wal", "-shm"].map(|suffix| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    })
}

/// Makes an empty database file with mode 0600 where there is none, before SQLite makes one.
pub fn create_private(path: &Path) -> io::Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(OWNER_ONLY).open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Takes the files of a database away from all but their owner. One that cannot be is said, and used as it is: whoever
/// gave this process the files of another owner means it.
pub fn make_private(path: &Path) {
    for file in sqlite_files(path) {
        let mended = match std::fs::metadata(&file) {
            Ok(metadata) if metadata.permissions().mode() & OTHERS != 0 => {
                std::fs::set_permissions(&file, Permissions::from_mode(OWNER_ONLY))
            }
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = mended {
            let path = file.display();
            tracing::warn!(%path, %error, "others can read this file, and it cannot be taken from them");
        }
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests look at the real files")]
mod tests {
    use super::*;

    #[test]
    fn files_of_a_database_become_their_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sqlite");
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        create_private(&path).unwrap();
        assert_eq!(mode(&path), 0o600);
        let [_, wal, shm] = sqlite_files(&path);
        for file in [&path, &wal, &shm] {
            std::fs::write(file, b"x").unwrap();
            std::fs::set_permissions(file, Permissions::from_mode(0o644)).unwrap();
        }
        create_private(&path).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"x");
        make_private(&path);
        assert_eq!([&path, &wal, &shm].map(|file| mode(file)), [0o600; 3]);
    }
}
