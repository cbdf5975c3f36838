//! The file of the audit log: appends, follows its name when another file gets it, and makes room for itself.
//!
//! Decides when the file under the name is no longer the one that is open (logrotate has moved it away: no signal is
//! needed), and when a file that nobody else looks after has grown enough. Never reads a line.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::config::ServerConfig;

const OWNER_ONLY: u32 = 0o600;
/// Older files that are kept beside the newest, `FILE.1` being the newest of them (logrotate's names).
pub(super) const OLDER_MAX: usize = 3;

/// What tells one file from another, whatever their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileId {
    pub device: u64,
    pub inode: u64,
}

impl FileId {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }
}

#[derive(Debug)]
pub(super) struct AuditFile {
    path: PathBuf,
    file: File,
    id: FileId,
    /// Moved aside when it is larger; `None` leaves that to others.
    size_bytes_max: Option<u64>,
    /// A write failed part of the way.
    torn: bool,
}

impl AuditFile {
    /// Opens for appending; a new file is its owner's alone.
    pub(super) fn open(path: PathBuf, size_bytes_max: Option<u64>) -> io::Result<Self> {
        let (file, id) = open(&path)?;
        Ok(Self { path, file, id, size_bytes_max, torn: false })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Appends a line, which ends with a line feed.
    pub(super) fn write(&mut self, line: &[u8]) -> io::Result<()> {
        if let Err(error) = self.follow() {
            // What was opened before still takes lines, wherever it is now.
            let path = self.path.display();
            tracing::error!(%error, %path, "the audit log could not be opened anew; writing to the file from before");
        }
        // What a failed write left behind is ended first, so that this line stands by itself. One write: another
        // process may append as well.
        let line = if self.torn { [b"\n", line].concat() } else { line.to_vec() };
        let written = self.file.write_all(&line);
        self.torn = written.is_err();
        written
    }

    /// Opens the file anew when the name leads elsewhere, or to nothing; moves it aside when it is full.
    fn follow(&mut self) -> io::Result<()> {
        match std::fs::metadata(&self.path) {
            Ok(metadata) if FileId::of(&metadata) == self.id => {
                if self.size_bytes_max.is_none_or(|max| metadata.len() < max) {
                    return Ok(());
                }
                self.move_aside()?;
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        (self.file, self.id) = open(&self.path)?;
        self.torn = false;
        Ok(())
    }

    #[allow(
        clippy::disallowed_methods,
        reason = "the disk seam does not append, so this file is not on it"
    )]
    fn move_aside(&self) -> io::Result<()> {
        for older in (1..OLDER_MAX).rev() {
            match std::fs::rename(older_path(&self.path, older), older_path(&self.path, older + 1))
            {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        std::fs::rename(&self.path, older_path(&self.path, 1))
    }
}

/// Not through the store's disk seam, which knows neither file modes nor appending.
fn open(path: &Path) -> io::Result<(File, FileId)> {
    let file = OpenOptions::new().append(true).create(true).mode(OWNER_ONLY).open(path)?;
    let metadata = file.metadata()?;
    if metadata.len() == 0 {
        give_to_folder(path, &file, &metadata);
    }
    Ok((file, FileId::of(&metadata)))
}

/// A new file is its folder's owner's, as SQLite's are: a command that root gives, perhaps by cron, must leave none that
/// the server cannot write. Anybody else may not give files away, and need not.
fn give_to_folder(path: &Path, file: &File, metadata: &Metadata) {
    let folder = path.parent().and_then(|folder| std::fs::metadata(folder).ok());
    let Some(folder) = folder.filter(|folder| folder.uid() != metadata.uid()) else { return };
    if let Err(error) = std::os::unix::fs::fchown(file, Some(folder.uid()), Some(folder.gid())) {
        tracing::debug!(%error, path = %path.display(), "the audit log stays whose it is");
    }
}

/// The name of the file that was moved aside `older` times.
pub(super) fn older_path(path: &Path, older: usize) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{older}"));
    PathBuf::from(name)
}

/// The folder's own file is kept small, for nobody may be looking after it. One that the operator named is his.
pub(super) fn size_bytes_max(config: &ServerConfig) -> Option<u64> {
    const OWN_FILE_SIZE_BYTES_MAX: u64 = 64 << 20;
    config.audit_log.is_none().then_some(OWN_FILE_SIZE_BYTES_MAX)
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests move files as logrotate does")]
mod tests {
    use super::*;

    fn read(path: &Path) -> String {
        std::fs::read_to_string(path).unwrap()
    }

    #[test]
    fn a_file_that_was_moved_away_or_removed_is_followed_by_a_new_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let mut file = AuditFile::open(path.clone(), None).unwrap();
        file.write(b"one\n").unwrap();
        std::fs::rename(&path, folder.path().join("moved")).unwrap();
        file.write(b"two\n").unwrap();
        assert_eq!(
            (read(&folder.path().join("moved")), read(&path)),
            ("one\n".into(), "two\n".into())
        );
        std::fs::remove_file(&path).unwrap();
        file.write(b"three\n").unwrap();
        assert_eq!(read(&path), "three\n");
        // logrotate's copytruncate: the same file, empty.
        OpenOptions::new().write(true).truncate(true).open(&path).unwrap();
        file.write(b"four\n").unwrap();
        assert_eq!(read(&path), "four\n");
    }

    #[test]
    fn a_new_file_belongs_to_whom_its_folder_belongs_to() {
        let folder = tempfile::tempdir().unwrap();
        // Only root may give it away; anybody else has a folder of his own.
        let is_given = std::os::unix::fs::chown(folder.path(), Some(4711), Some(4712)).is_ok();
        let path = folder.path().join("audit.jsonl");
        AuditFile::open(path.clone(), None).unwrap().write(b"one\n").unwrap();
        let (folder, file) = (folder.path().metadata().unwrap(), path.metadata().unwrap());
        assert_eq!((file.uid(), file.mode() & 0o777), (folder.uid(), OWNER_ONLY));
        assert_eq!((folder.uid() == 4711, file.gid() == 4712), (is_given, is_given));
    }

    #[test]
    fn lines_go_on_in_the_old_file_while_no_new_one_can_be_opened() {
        let folder = tempfile::tempdir().unwrap();
        let (inner, moved) = (folder.path().join("inner"), folder.path().join("moved"));
        std::fs::create_dir(&inner).unwrap();
        let mut file = AuditFile::open(inner.join("audit.jsonl"), None).unwrap();
        std::fs::rename(&inner, &moved).unwrap();
        file.write(b"one\n").unwrap();
        assert_eq!(read(&moved.join("audit.jsonl")), "one\n");
    }

    #[test]
    fn a_full_file_is_moved_aside_and_the_oldest_goes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let mut file = AuditFile::open(path.clone(), Some(4)).unwrap();
        for line in ["one\n", "two\n", "thr\n", "fou\n", "fiv\n"] {
            file.write(line.as_bytes()).unwrap();
        }
        assert_eq!(read(&path), "fiv\n");
        let older: Vec<_> = (1..=OLDER_MAX).map(|n| read(&older_path(&path, n))).collect();
        assert_eq!(older, ["fou\n", "thr\n", "two\n"]);
        assert!(!older_path(&path, OLDER_MAX + 1).exists());
    }
}
