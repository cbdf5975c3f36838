//! Opens source files of the operating system: step by step from a root, so that what was checked is what is read.
//!
//! Each folder on the way is opened by its name in the one before it, without following a symbolic link; such a link is read and its
//! target walked in the same way. So nothing that is exchanged meanwhile leads anywhere else, and nothing outside the
//! roots is touched. `openat2` with `RESOLVE_BENEATH` does as much in one call, but refuses links with full paths that stay
//! under a root, is missing before Linux 5.6, and is refused by many containers.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat};
use vigie_media::Timestamp;

use crate::source::{FileStat, FolderEntry, Source, SourceBounds, SourceError, SourceFile};

/// As Linux counts (`path_resolution(7)`).
const LINKS_MAX: usize = 40;
/// No path has more parts: `PATH_MAX` is 4096 bytes.
const PARTS_MAX: usize = 4096;
/// How deep the program's own folder is looked through: streams' media lies in `media/STREAM`.
const OWN_DEPTH: usize = 2;

/// A folder that is only passed through: not even its list is read.
const PASS: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
/// Never waits for the other end of a pipe, never follows a link, never becomes the process's terminal.
const READ: OFlags = OFlags::RDONLY
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC);

/// Device and inode: the same however a file is reached.
type Identity = (u64, u64);

struct OsSourceFile(File);

impl SourceFile for OsSourceFile {
    fn read_exact_at(&self, offset: u64, length_bytes: usize) -> io::Result<Bytes> {
        // The length may come from a damaged file: reserve no more than it can give.
        let there = self.length_bytes()?.saturating_sub(offset);
        if (length_bytes as u64) > there {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut buffer = vec![0; length_bytes];
        self.0.read_exact_at(&mut buffer, offset)?;
        Ok(Bytes::from(buffer))
    }

    fn length_bytes(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }
}

/// See [`crate::disk::Disk::open_source`].
pub(super) fn open(path: &Path, bounds: &SourceBounds) -> Result<Source, SourceError> {
    let bounds = &Bounds {
        roots: bounds.roots.iter().flat_map(|root| spellings(root)).collect(),
        own: own_folders(&bounds.own_folder),
    };
    match resolve(path, bounds)? {
        Found::File(file) => {
            let stat = file_stat(&rustix::fs::fstat(&file).map_err(io::Error::from)?);
            Ok(Source::File { file: Arc::new(OsSourceFile(file)), stat })
        }
        Found::Folder(folder) => Ok(Source::Folder(list(&folder, path, bounds)?)),
    }
}

/// The bounds as they are now.
struct Bounds {
    roots: Vec<PathBuf>,
    /// The program's own folders.
    own: Vec<Identity>,
}

/// A root as it was said and as it is without links: both may stand in a path that leads there.
fn spellings(root: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let resolved = std::fs::canonicalize(root).ok().filter(|resolved| resolved != root);
    [Some(root.to_owned()), resolved].into_iter().flatten()
}

/// Where a walk ended.
enum Found {
    File(File),
    Folder(OwnedFd),
}

fn resolve(path: &Path, bounds: &Bounds) -> Result<Found, SourceError> {
    let (root, parts) = root_of(path, bounds)?;
    let mut walk = Walk { folders: vec![open_root(root, &bounds.own)?], parts };
    let mut links = 0;
    while let Some(name) = walk.parts.pop_front() {
        let Some(folder) = walk.folders.last() else { return Err(SourceError::OutsideRoots) };
        if name == ".." {
            walk.folders.pop();
            if walk.folders.is_empty() {
                return Err(SourceError::OutsideRoots);
            }
            continue;
        }
        let stat = stat_at(folder, &name)?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Symlink => {
                links += 1;
                let target =
                    rustix::fs::readlinkat(folder, &name, Vec::new()).map_err(io::Error::from)?;
                let target = PathBuf::from(OsString::from_vec(target.into_bytes()));
                walk.follow(&target, bounds)?;
                if links > LINKS_MAX || walk.parts.len() > PARTS_MAX {
                    return Err(io::Error::from(rustix::io::Errno::LOOP).into());
                }
            }
            FileType::Directory => {
                let next =
                    rustix::fs::openat(folder, &name, PASS | OFlags::NOFOLLOW, Mode::empty())
                        .map_err(io::Error::from)?;
                not_own(&next, &bounds.own)?;
                walk.folders.push(next);
            }
            FileType::RegularFile if walk.parts.is_empty() => return open_file(folder, &name),
            FileType::RegularFile => return Err(io::Error::from(rustix::io::Errno::NOTDIR).into()),
            _ => return Err(SourceError::NotRegular),
        }
    }
    let folder = walk.folders.pop().ok_or(SourceError::OutsideRoots)?;
    Ok(Found::Folder(folder))
}

/// On the way from a root.
struct Walk {
    /// From the root to where it stands, each in the one before it.
    folders: Vec<OwnedFd>,
    /// What is left of the path.
    parts: VecDeque<OsString>,
}

impl Walk {
    fn follow(&mut self, target: &Path, bounds: &Bounds) -> Result<(), SourceError> {
        let mut parts = if target.is_absolute() {
            let (root, parts) = root_of(target, bounds)?;
            self.folders = vec![open_root(root, &bounds.own)?];
            parts
        } else {
            parts_of(target)
        };
        parts.append(&mut self.parts);
        self.parts = parts;
        Ok(())
    }
}

/// The root that a full path names, and the path from there; found in the path's text alone. A `..` steps back in the
/// text too: outside the roots it could not be asked what it leads to.
fn root_of<'a>(
    path: &Path,
    bounds: &'a Bounds,
) -> Result<(&'a Path, VecDeque<OsString>), SourceError> {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => drop(plain.pop()),
            Component::CurDir => {}
            component => plain.push(component),
        }
    }
    let longest = bounds.roots.iter().filter(|root| plain.starts_with(root));
    let root = longest.max_by_key(|root| root.components().count());
    let root = root.ok_or(SourceError::OutsideRoots)?;
    let rest = plain.strip_prefix(root).map_err(|_| SourceError::OutsideRoots)?;
    Ok((root, parts_of(rest)))
}

fn parts_of(path: &Path) -> VecDeque<OsString> {
    let named = path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some(OsString::from("..")),
        _ => None,
    });
    named.collect()
}

/// A root is the operator's word: links to it are followed. It may not lie in the program's own folder.
fn open_root(root: &Path, own: &[Identity]) -> Result<OwnedFd, SourceError> {
    let folder = rustix::fs::openat(CWD, root, PASS, Mode::empty()).map_err(io::Error::from)?;
    let mut at = not_own(&folder, own)?;
    let mut above = rustix::fs::openat(&folder, "..", PASS, Mode::empty());
    while let Ok(parent) = above {
        let identity = not_own(&parent, own)?;
        if std::mem::replace(&mut at, identity) == identity {
            break;
        }
        above = rustix::fs::openat(&parent, "..", PASS, Mode::empty());
    }
    Ok(folder)
}

fn open_file(folder: &OwnedFd, name: &OsStr) -> Result<Found, SourceError> {
    let file = rustix::fs::openat(folder, name, READ, Mode::empty()).map_err(io::Error::from)?;
    // It may have been exchanged since it was looked at.
    let stat = rustix::fs::fstat(&file).map_err(io::Error::from)?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Ok(Found::File(File::from(file))),
        _ => Err(SourceError::NotRegular),
    }
}

fn list(folder: &OwnedFd, path: &Path, bounds: &Bounds) -> Result<Vec<FolderEntry>, SourceError> {
    let readable = READ | OFlags::DIRECTORY;
    let readable =
        rustix::fs::openat(folder, ".", readable, Mode::empty()).map_err(io::Error::from)?;
    let mut entries = Vec::new();
    for entry in Dir::read_from(&readable).map_err(io::Error::from)? {
        let entry = entry.map_err(io::Error::from)?;
        let name = OsStr::from_bytes(entry.file_name().to_bytes());
        if name == "." || name == ".." {
            continue;
        }
        let path = path.join(name);
        let stat = match stat_at(folder, name) {
            Ok(stat) => match FileType::from_raw_mode(stat.st_mode) {
                FileType::Directory => continue,
                FileType::RegularFile => Ok(file_stat(&stat)),
                FileType::Symlink => match resolve(&path, bounds) {
                    Ok(Found::Folder(_)) => continue,
                    Ok(Found::File(file)) => rustix::fs::fstat(&file)
                        .map(|stat| file_stat(&stat))
                        .map_err(|error| io::Error::from(error).into()),
                    Err(error) => Err(error),
                },
                _ => Err(SourceError::NotRegular),
            },
            Err(error) => Err(error.into()),
        };
        entries.push(FolderEntry { path, stat });
    }
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(entries)
}

fn stat_at(folder: &OwnedFd, name: &OsStr) -> io::Result<Stat> {
    Ok(rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?)
}

/// The program's own folder and those in it, which may be bound to other places as well.
fn own_folders(own_folder: &Path) -> Vec<Identity> {
    let mut identities = Vec::new();
    let mut level = vec![own_folder.to_owned()];
    for depth in 0..=OWN_DEPTH {
        let mut below = Vec::new();
        for folder in level {
            // One that is gone by now needs no protection.
            let Ok(metadata) = std::fs::metadata(&folder) else { continue };
            identities.push((metadata.dev(), metadata.ino()));
            if depth < OWN_DEPTH
                && let Ok(entries) = std::fs::read_dir(&folder)
            {
                let is_folder =
                    |entry: &std::fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
                below.extend(entries.flatten().filter(is_folder).map(|entry| entry.path()));
            }
        }
        level = below;
    }
    identities
}

fn not_own(folder: impl AsFd, own: &[Identity]) -> Result<Identity, SourceError> {
    let stat = rustix::fs::fstat(folder).map_err(io::Error::from)?;
    let identity = (stat.st_dev, stat.st_ino);
    if own.contains(&identity) { Err(SourceError::OutsideRoots) } else { Ok(identity) }
}

fn file_stat(stat: &Stat) -> FileStat {
    let seconds = stat.st_mtime.saturating_mul(1000);
    let millis = i64::try_from(stat.st_mtime_nsec / 1_000_000).unwrap_or(0);
    FileStat {
        length_bytes: u64::try_from(stat.st_size).unwrap_or(0),
        modified: Timestamp::from_millis(seconds.saturating_add(millis).max(0)),
    }
}
