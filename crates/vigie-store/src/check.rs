//! The check: does the index say what the files hold? Reads everything, changes nothing.
//!
//! Asked of a store that nobody writes, or between two calls of the one who does: a media file that is just being
//! created or removed is on the disk and not in the index.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use crate::contents::{begin_with_mark, read_whole, whole_fragments};
use crate::disk::Disk;
use crate::error::{IndexError, StoreError, describe};
use crate::fragment::{FragmentEntry, MediaFile, MediaFileId, MediaFileState};
use crate::layout::{UNCLAIMED_DIRECTORY, is_media_file};
use crate::mark::{FRAGMENT_MARK_BYTES, parse_end_mark, parse_file_mark};
use crate::read::StoreReader;
use crate::unclaimed::{UnclaimedFile, list_unclaimed};

/// One thing in which index and files disagree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Disagreement {
    /// The index has a media file that is not there.
    Missing { path: PathBuf },
    /// A media file that the index does not have. The next start takes it in, or sets it aside.
    Orphan { path: PathBuf },
    /// A file that lies aside: no entry refers to it, and a start could not take it in.
    Unclaimed { file: UnclaimedFile },
    /// A sealed media file is not as long as the index says.
    Length {
        path: PathBuf,
        /// By the index.
        expected: u64,
        /// On disk.
        found: u64,
    },
    /// A fragment's bytes, or with sequence 0 the document header's, are not those that were written.
    Damaged {
        path: PathBuf,
        /// The fragment.
        sequence: u64,
    },
    /// A fragment lies behind the end of its file.
    Beyond {
        path: PathBuf,
        /// The fragment.
        sequence: u64,
    },
    /// Two fragments of a file overlap, or two fragments of a stream have the same sequence.
    Overlap {
        path: PathBuf,
        /// The later fragment.
        sequence: u64,
    },
    /// What the file itself says of a fragment, or with sequence 0 of the file, is not what the index says.
    Mark {
        path: PathBuf,
        /// The fragment.
        sequence: u64,
    },
    /// A whole fragment of a sealed media file that the index does not have.
    Unknown {
        path: PathBuf,
        /// The fragment, by its own mark.
        sequence: u64,
    },
    /// A media file's row does not agree with its fragments.
    Row { id: MediaFileId },
    /// The index is not sound in itself.
    Index {
        /// In which way.
        what: String,
    },
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |sequence: &u64| match sequence {
            0 => "the document header".to_owned(),
            sequence => format!("fragment {sequence}"),
        };
        match self {
            Self::Missing { path } => {
                write!(f, "{}: in the index, not on the disk", path.display())
            }
            Self::Orphan { path } => write!(
                f,
                "{}: on the disk, not in the index; the next start takes it in, or sets it aside",
                path.display()
            ),
            Self::Unclaimed { file } => write!(
                f,
                "{}: {} bytes lie aside, {} fragments by their marks; see `vigie store unclaimed`",
                file.path.display(),
                file.size_bytes,
                file.fragment_count
            ),
            Self::Length { path, expected, found } => {
                write!(f, "{}: {found} bytes long, by the index {expected}", path.display())
            }
            Self::Damaged { path, sequence } => {
                write!(f, "{}: the bytes of {} are damaged", path.display(), of(sequence))
            }
            Self::Beyond { path, sequence } => {
                write!(f, "{}: {} is behind the end of the file", path.display(), of(sequence))
            }
            Self::Overlap { path, sequence } => {
                write!(f, "{}: {} overlaps another or is there twice", path.display(), of(sequence))
            }
            Self::Mark { path, sequence: 0 } => {
                write!(f, "{}: the file's mark is damaged or of another file", path.display())
            }
            Self::Mark { path, sequence } => write!(
                f,
                "{}: the mark of fragment {sequence} is damaged or says something else than the index",
                path.display()
            ),
            Self::Unknown { path, sequence } => {
                write!(f, "{}: fragment {sequence} is not in the index", path.display())
            }
            Self::Row { id } => {
                write!(f, "index: the row of media file {} does not agree with its fragments", id.0)
            }
            Self::Index { what } => write!(f, "index: {what}"),
        }
    }
}

/// Compares the whole index with the whole disk. Reads every byte of media.
pub fn check(reader: &StoreReader) -> Result<Vec<Disagreement>, StoreError> {
    check_watched(reader, |_, _| {})
}

/// The same, which says after each media file how many of how many are checked.
pub fn check_watched(
    reader: &StoreReader,
    mut checked: impl FnMut(u64, u64),
) -> Result<Vec<Disagreement>, StoreError> {
    let mut found = Vec::new();
    let unsound = or_unsound(reader.unsound(), &mut found)?.unwrap_or_default();
    found.extend(unsound.into_iter().map(|what| Disagreement::Index { what }));
    let unsealed = or_unsound(reader.unsealed_media_files(), &mut found)?.unwrap_or_default();
    let open: BTreeMap<MediaFileId, FragmentEntry> = unsealed
        .into_iter()
        .filter_map(|file| Some((file.media_file.id, file.open_fragment?)))
        .collect();
    let mut known = BTreeSet::new();
    let keys = or_unsound(reader.stream_keys(), &mut found)?.unwrap_or_default();
    let mut all_files = Vec::with_capacity(keys.len());
    for key in keys {
        let files = or_unsound(reader.media_files(&key), &mut found)?.unwrap_or_default();
        all_files.push((key, files));
    }
    let (mut count, all) = (0, all_files.iter().map(|(_, files)| files.len() as u64).sum());
    for (key, files) in all_files {
        let mut sequences = BTreeSet::new();
        for file in files {
            known.insert(reader.root().join(&file.place.path));
            let open = open.get(&file.id);
            check_media_file(reader, &key, &file, open, &mut sequences, &mut found)?;
            count += 1;
            checked(count, all);
        }
    }
    for path in list_media_files(reader.disk(), reader.root())? {
        if !known.contains(&path) {
            found.push(Disagreement::Orphan { path });
        }
    }
    for path in list_unclaimed(reader.disk(), reader.root())? {
        let file = UnclaimedFile::read(reader.disk(), &path)
            .map_err(|error| StoreError::io("read", path, error))?;
        found.push(Disagreement::Unclaimed { file });
    }
    Ok(found)
}

/// An index that cannot be read is a finding. `None` then.
fn or_unsound<T>(
    result: Result<T, StoreError>,
    found: &mut Vec<Disagreement>,
) -> Result<Option<T>, StoreError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(StoreError::Index(error))
            if matches!(*error, IndexError::Damaged { .. } | IndexError::Sqlite(_)) =>
        {
            found.push(Disagreement::Index { what: describe(error.as_ref()) });
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn check_media_file(
    reader: &StoreReader,
    key: &str,
    file: &MediaFile,
    open: Option<&FragmentEntry>,
    sequences: &mut BTreeSet<u64>,
    found: &mut Vec<Disagreement>,
) -> Result<(), StoreError> {
    let Some(entries) = or_unsound(reader.fragments_of(file.id), found)? else { return Ok(()) };
    check_row(file, &entries, found);
    let path = reader.root().join(&file.place.path);
    let on_disk = match reader.open_media_file(&file.place) {
        Ok(on_disk) => on_disk,
        Err(StoreError::MediaFileGone { path }) => {
            found.push(Disagreement::Missing { path });
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    let length_bytes =
        on_disk.length_bytes().map_err(|error| StoreError::io("measure", path.clone(), error))?;
    let bytes =
        read_whole(on_disk.as_ref()).map_err(|error| StoreError::io("read", &path, error))?;
    let is_sealed = file.state == MediaFileState::Sealed;
    if (is_sealed && length_bytes != file.size_bytes) || bytes.is_none() {
        let expected = file.size_bytes;
        found.push(Disagreement::Length { path: path.clone(), expected, found: length_bytes });
    }
    let Some(bytes) = bytes else { return Ok(()) };

    let comparison = Comparison { path: &path, file, bytes };
    let mut end = comparison.header(key, found);
    for (number, entry) in entries.iter().enumerate() {
        if entry.offset < end || !sequences.insert(entry.sequence) {
            found.push(Disagreement::Overlap { path: path.clone(), sequence: entry.sequence });
        }
        let has_mark =
            is_sealed || number + 1 < entries.len() || file.state == MediaFileState::Open;
        comparison.fragment(entry, has_mark, found);
        comparison.gap(end, entry, found);
        end = entry.end() + FRAGMENT_MARK_BYTES as u64;
    }
    if let Some(open) = open {
        comparison.fragment(open, false, found);
    }
    // Behind the last commit of a file that is not sealed anything may lie.
    if is_sealed {
        comparison.unknown(end, length_bytes, found);
    }
    Ok(())
}

fn check_row(file: &MediaFile, entries: &[FragmentEntry], found: &mut Vec<Disagreement>) {
    if !file.agrees_with(entries) {
        found.push(Disagreement::Row { id: file.id });
    }
}

/// One media file beside its row.
struct Comparison<'a> {
    path: &'a Path,
    file: &'a MediaFile,
    bytes: Bytes,
}

impl Comparison<'_> {
    fn slice(&self, from: u64, until: u64) -> Option<&[u8]> {
        self.bytes.get(usize::try_from(from).ok()?..usize::try_from(until).ok()?)
    }

    fn behind(&self, offset: u64) -> &[u8] {
        self.slice(offset, self.bytes.len() as u64).unwrap_or_default()
    }

    /// Compares what stands before the fragments; gives where it ends.
    fn header(&self, key: &str, found: &mut Vec<Disagreement>) -> u64 {
        let path = || self.path.to_owned();
        let size_bytes = self.file.place.header_size_bytes;
        match self.slice(0, size_bytes) {
            None => found.push(Disagreement::Beyond { path: path(), sequence: 0 }),
            Some(header) if crc32c::crc32c(header) != self.file.place.header_crc32c => {
                found.push(Disagreement::Damaged { path: path(), sequence: 0 });
            }
            Some(_) => {}
        }
        match parse_file_mark(self.behind(size_bytes)) {
            Some(mark) if mark.id == self.file.id && mark.key == key => {
                size_bytes + mark.size_bytes as u64
            }
            _ => {
                found.push(Disagreement::Mark { path: path(), sequence: 0 });
                size_bytes
            }
        }
    }

    fn fragment(&self, entry: &FragmentEntry, has_mark: bool, found: &mut Vec<Disagreement>) {
        let (path, sequence) = (self.path.to_owned(), entry.sequence);
        match self.slice(entry.offset, entry.end()) {
            None => return found.push(Disagreement::Beyond { path, sequence }),
            Some(bytes) if crc32c::crc32c(bytes) != entry.crc32c => {
                found.push(Disagreement::Damaged { path: path.clone(), sequence });
            }
            Some(_) => {}
        }
        // A mark says neither where it lies nor what was uploaded since.
        let expected = FragmentEntry { offset: 0, uploaded: false, ..*entry };
        if has_mark && parse_end_mark(self.behind(entry.end())) != Some(expected) {
            found.push(Disagreement::Mark { path, sequence });
        }
    }

    /// What lies between `end` and a fragment: nothing, or its begin mark. Whole fragments that lie there are ones
    /// that the index lost; bytes that are nothing were damaged before a repair.
    fn gap(&self, end: u64, entry: &FragmentEntry, found: &mut Vec<Disagreement>) {
        let begins_at = begin_with_mark(&self.bytes, entry) as u64;
        if end < begins_at {
            self.unknown(end, begins_at, found);
        }
    }

    fn unknown(&self, from: u64, until: u64, found: &mut Vec<Disagreement>) {
        let (Ok(from), Ok(until)) = (usize::try_from(from), usize::try_from(until)) else { return };
        if from >= until {
            return;
        }
        for entry in whole_fragments(&self.bytes, from..until) {
            let (path, sequence) = (self.path.to_owned(), entry.sequence);
            found.push(Disagreement::Unknown { path, sequence });
        }
    }
}

/// All files under `root` that are named as media files are.
pub(crate) fn list_media_files(disk: &dyn Disk, root: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let mut files = Vec::new();
    for directory in list_stream_directories(disk, root)? {
        files.extend(list_directory(disk, &directory)?);
    }
    Ok(files)
}

/// What lies in the media directory and may be a stream's.
pub(crate) fn list_stream_directories(
    disk: &dyn Disk,
    root: &Path,
) -> Result<Vec<PathBuf>, StoreError> {
    let mut found = disk.list(root).map_err(|error| StoreError::io("list", root, error))?;
    found.retain(|path| !path.ends_with(UNCLAIMED_DIRECTORY));
    Ok(found)
}

/// The media files in a stream's directory; none when it is gone or no directory.
pub(crate) fn list_directory(
    disk: &dyn Disk,
    directory: &Path,
) -> Result<Vec<PathBuf>, StoreError> {
    match disk.list(directory) {
        Ok(paths) => Ok(paths.into_iter().filter(|path| is_media_file(path)).collect()),
        // A file that lies there is not ours.
        Err(error)
            if matches!(error.kind(), io::ErrorKind::NotADirectory | io::ErrorKind::NotFound) =>
        {
            Ok(Vec::new())
        }
        Err(error) => Err(StoreError::io("list", directory, error)),
    }
}
