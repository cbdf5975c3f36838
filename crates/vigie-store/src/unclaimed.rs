//! Media that the index does not refer to and that cannot be taken in again: it lies aside in a folder of its own.
//!
//! Nothing is removed here but what an operator or a retention asked for. A file that lies aside keeps the name of its
//! stream's directory and its own, so that people see where it came from; its own marks say how old it is.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use vigie_media::Timestamp;

use crate::contents::{Contents, marked_fragments, read_whole};
use crate::discarded::DiscardedMedia;
use crate::disk::{Disk, create_dir_durably};
use crate::error::StoreError;
use crate::fragment::FragmentEntry;
use crate::index::{Change, Index, SqliteIndex};
use crate::journal::{Deletion, Journal};
use crate::layout::{UNCLAIMED_DIRECTORY, key_of_directory, stream_directory};
use crate::names::{remove, sync_directory_if_there};

/// A file that lies aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnclaimedFile {
    pub path: PathBuf,
    pub size_bytes: u64,
    /// The stream that its own mark names; `None` where that cannot be read.
    pub key: Option<String>,
    /// Fragments that its marks name, whole or not.
    pub fragment_count: u64,
    /// When the newest of these was received, or on a hub recorded.
    pub newest: Option<Timestamp>,
    /// The time that they cover by their producer's clock, begin and end.
    pub span: Option<(Timestamp, Timestamp)>,
}

impl UnclaimedFile {
    /// What the file at `path` says of itself.
    pub(crate) fn read(disk: &dyn Disk, path: &Path) -> io::Result<Self> {
        let file = disk.open_read_only(path)?;
        let size_bytes = file.length_bytes()?;
        let bytes = read_whole(file.as_ref())?.unwrap_or_default();
        let marked = marked_fragments(&bytes);
        let from = marked.iter().map(|entry| entry.producer_timestamp).min();
        let until = marked.iter().map(FragmentEntry::producer_until).max();
        Ok(Self {
            path: path.to_owned(),
            size_bytes,
            key: Contents::of(&bytes).map(|contents| contents.mark.key),
            fragment_count: marked.len() as u64,
            newest: marked.iter().map(|entry| entry.server_timestamp).max(),
            span: from.zip(until),
        })
    }

    /// What the journal is to say of its media; nothing where no mark names its time.
    fn media(&self, is_asked_for: bool) -> Option<DiscardedMedia> {
        let (from, until) = self.span?;
        let key = match &self.key {
            Some(key) => key.clone(),
            None => key_of_directory(self.path.parent()?)?,
        };
        let (size_bytes, fragment_count) = (self.size_bytes, self.fragment_count);
        Some(DiscardedMedia { key, size_bytes, fragment_count, from, until, is_asked_for })
    }

    /// Whether it counts for the stream `key`: by its mark, or else by the directory that it came from.
    pub(crate) fn is_of(&self, key: &str) -> bool {
        match &self.key {
            Some(own) => own == key,
            None => {
                self.path.parent().is_some_and(|parent| parent.ends_with(stream_directory(key)))
            }
        }
    }
}

/// The paths of all files that lie aside under `root`, the media directory.
pub(crate) fn list_unclaimed(disk: &dyn Disk, root: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let mut files = Vec::new();
    for directory in list_or_none(disk, &root.join(UNCLAIMED_DIRECTORY))? {
        files.extend(list_or_none(disk, &directory)?);
    }
    Ok(files)
}

/// What is in a directory; nothing where it is gone or none.
fn list_or_none(disk: &dyn Disk, path: &Path) -> Result<Vec<PathBuf>, StoreError> {
    match disk.list(path) {
        Err(error)
            if matches!(error.kind(), io::ErrorKind::NotADirectory | io::ErrorKind::NotFound) =>
        {
            Ok(Vec::new())
        }
        result => result.map_err(|error| StoreError::io("list", path, error)),
    }
}

/// Moves a media file aside, durably. Gives where it lies.
pub(crate) fn set_aside(disk: &dyn Disk, root: &Path, path: &Path) -> Result<PathBuf, StoreError> {
    let directory = aside_directory(disk, root, path)?;
    let aside = free_name(disk, &directory, path);
    disk.rename(path, &aside).map_err(|error| StoreError::io("rename", path, error))?;
    // The new name first: cut off between, it may have both, never none.
    for directory in [directory.as_path(), path.parent().unwrap_or(root)] {
        sync_directory_if_there(disk, directory)?;
    }
    Ok(aside)
}

/// Copies what is to be cut off a media file, or is overwritten or forgotten in it, into a file of its own, with the document
/// header and the file mark in front of it, durably, and says so.
pub(crate) fn set_part_aside(
    disk: &dyn Disk,
    root: &Path,
    path: &Path,
    head: &[u8],
    part: &[u8],
    offset: u64,
) -> Result<(), StoreError> {
    let aside = copy_aside(disk, root, path, head, part, offset)?;
    tracing::warn!(
        path = %path.display(),
        aside = %aside.display(),
        size_bytes = part.len(),
        "media that cannot be read back lies aside; see `vigie store unclaimed`"
    );
    Ok(())
}

/// Where a copy of it lies already, that is the one: done again after a crash, or by a repair that sees the same once more.
fn copy_aside(
    disk: &dyn Disk,
    root: &Path,
    path: &Path,
    head: &[u8],
    part: &[u8],
    offset: u64,
) -> Result<PathBuf, StoreError> {
    let directory = aside_directory(disk, root, path)?;
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let of_file = format!("-of-{stem}.mkv");
    for aside in list_or_none(disk, &directory)? {
        if !holds_part(disk, &aside, &of_file, head.len(), part, offset) {
            continue;
        }
        // The copy may not be durable yet: whoever made it may have died before.
        let synced = disk.open(&aside).and_then(|file| file.sync());
        synced.map_err(|error| StoreError::io("sync", &aside, error))?;
        sync_directory_if_there(disk, &directory)?;
        return Ok(aside);
    }
    let aside = free_name(disk, &directory, Path::new(&format!("from-{offset}{of_file}")));
    let write = || {
        let file = disk.create_new(&aside)?;
        file.write_all_at(&[head, part], 0)?;
        file.sync()
    };
    write().map_err(|error| StoreError::io("write", &aside, error))?;
    sync_directory_if_there(disk, &directory)?;
    Ok(aside)
}

/// Whether what lies aside at `aside` is a copy of the same file, from `offset` or before it, that holds these bytes there:
/// behind a head of `head_bytes`, or without one.
fn holds_part(
    disk: &dyn Disk,
    aside: &Path,
    of_file: &str,
    head_bytes: usize,
    part: &[u8],
    offset: u64,
) -> bool {
    let name = aside.file_name().unwrap_or_default().to_string_lossy();
    let from =
        name.strip_suffix(of_file).and_then(|name| name.rsplit_once("from-")?.1.parse().ok());
    let Some(before) = from.and_then(|from| usize::try_from(offset.checked_sub(from)?).ok()) else {
        return false;
    };
    let copy = disk.open_read_only(aside).and_then(|file| read_whole(file.as_ref()));
    let Ok(Some(copy)) = copy else { return false };
    [head_bytes, 0].into_iter().any(|head_bytes| {
        copy.get(head_bytes.saturating_add(before)..).is_some_and(|copy| copy.starts_with(part))
    })
}

/// What is removed of what lies aside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Discarded {
    /// Files.
    pub file_count: u64,
    pub size_bytes: u64,
    /// Fragments that their marks named.
    pub fragment_count: u64,
}

impl Discarded {
    pub(crate) fn add(&mut self, file: &UnclaimedFile) {
        self.file_count += 1;
        self.size_bytes += file.size_bytes;
        self.fragment_count += file.fragment_count;
    }
}

/// Removes files that lie aside, once the journal tells of each.
pub(crate) fn discard(
    disk: &dyn Disk,
    root: &Path,
    journal: &mut Journal,
    files: &[UnclaimedFile],
    is_asked_for: bool,
) -> Result<Discarded, StoreError> {
    let mut discarded = Discarded::default();
    let mut directories = BTreeSet::new();
    for file in files {
        let path = file.path.strip_prefix(root).unwrap_or(&file.path).display().to_string();
        let media = file.media(is_asked_for);
        journal.add(Deletion::Discarded { path, size_bytes: file.size_bytes, media });
    }
    journal.flush(disk)?;
    for file in files {
        remove(disk, &file.path)?;
        directories.extend(file.path.parent());
        discarded.add(file);
        tracing::warn!(
            path = %file.path.display(),
            size_bytes = file.size_bytes,
            fragments = file.fragment_count,
            "media that lay aside is removed"
        );
    }
    for directory in directories {
        sync_directory_if_there(disk, directory)?;
    }
    Ok(discarded)
}

/// Reads all that lies aside in a store that nobody writes.
pub fn unclaimed(disk: &dyn Disk, root: &Path) -> Result<Vec<UnclaimedFile>, StoreError> {
    let paths = list_unclaimed(disk, root)?.into_iter();
    let read = |path: PathBuf| {
        UnclaimedFile::read(disk, &path).map_err(|error| StoreError::io("read", path, error))
    };
    paths.map(read).collect()
}

/// Removes files that lie aside in a store that nobody uses, each with an entry in the journal. `root` is its media
/// directory, `index_path` its SQLite file.
pub fn discard_unclaimed(
    disk: &dyn Disk,
    root: &Path,
    index_path: &Path,
    files: &[UnclaimedFile],
) -> Result<Discarded, StoreError> {
    let mut index = SqliteIndex::open(index_path)?;
    let mut journal = Journal::open(disk, root)?.journal;
    journal.raise_number(index.reader().deletion_number()?.unwrap_or(0));
    let number = journal.last_number() + files.len() as u64;
    index.apply(&[Change::NoteDeletions { number }])?;
    let discarded = discard(disk, root, &mut journal, files, true)?;
    index.close()?;
    Ok(discarded)
}

fn aside_directory(disk: &dyn Disk, root: &Path, path: &Path) -> Result<PathBuf, StoreError> {
    let from = path.parent().and_then(Path::file_name).unwrap_or_default();
    let directory = root.join(UNCLAIMED_DIRECTORY).join(from);
    create_dir_durably(disk, &directory)
        .map_err(|error| StoreError::io("create", &directory, error))?;
    Ok(directory)
}

/// The file's own name, or that with a number where it is taken.
fn free_name(disk: &dyn Disk, directory: &Path, path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default();
    let plain = directory.join(name);
    let numbered = (2_u32..).map(|number| {
        // In front: what a media file's name ends with is read.
        let mut name_of_another = std::ffi::OsString::from(format!("{number}-of-"));
        name_of_another.push(name);
        directory.join(name_of_another)
    });
    let mut names = std::iter::once(plain.clone()).chain(numbered);
    names.find(|path| disk.open_read_only(path).is_err()).unwrap_or(plain)
}
