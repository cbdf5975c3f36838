//! Files that others put on the hub's disk, to be read and never written: what a path leads to, and where a path may
//! lead at all.
//!
//! Whoever may configure a stream may name a path. So a path leads somewhere only under folders that the operator has
//! named, and never into the program's own; what lies elsewhere is not even looked at, so that no answer tells whether
//! it is there.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use vigie_media::Timestamp;

/// Where source files may lie.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceBounds {
    /// The folders, as full paths, that the operator has named.
    pub roots: Vec<PathBuf>,
    /// The program's own folder: nothing in it is a source, by whatever path it is reached.
    pub own_folder: PathBuf,
}

/// A file that is only read.
pub trait SourceFile: Send + Sync {
    /// Reads exactly `length_bytes` at `offset`; `UnexpectedEof` when the file ends before.
    fn read_exact_at(&self, offset: u64, length_bytes: usize) -> io::Result<Bytes>;
    /// The length in bytes now.
    fn length_bytes(&self) -> io::Result<u64>;
}

/// Of a file, as it is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileStat {
    pub length_bytes: u64,
    /// When its content last changed.
    pub modified: Timestamp,
}

/// What a path leads to.
pub enum Source {
    /// A regular file, open.
    File {
        /// To read it.
        file: Arc<dyn SourceFile>,
        /// What it is now.
        stat: FileStat,
    },
    /// The files of a folder, sorted by name; folders in it are left out.
    Folder(Vec<FolderEntry>),
}

/// One name in a folder.
#[derive(Debug)]
pub struct FolderEntry {
    /// The folder's path and the name.
    pub path: PathBuf,
    /// What it leads to, if that is a file that may be read.
    pub stat: Result<FileStat, SourceError>,
}

/// Why a path leads to nothing that may be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// It leads out of the roots, or into the program's own folder, whether there is anything or not.
    #[error("the path lies outside the folders that may be read")]
    OutsideRoots,
    /// A pipe, a socket or a device.
    #[error("neither a regular file nor a folder")]
    NotRegular,
    /// Not there, or the system refuses it.
    #[error(transparent)]
    Io(#[from] io::Error),
}
