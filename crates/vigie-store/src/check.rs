//! The check: does the index say what the files hold? Reads everything, changes nothing.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::StoreError;
use crate::fragment::{MediaFile, MediaFileId, MediaFileState};
use crate::layout::is_media_file;
use crate::read::StoreReader;

/// One thing in which index and files disagree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Disagreement {
    /// The index has a media file that is not there.
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// A media file that the index does not have. The next start removes it.
    Orphan {
        /// The file.
        path: PathBuf,
    },
    /// A sealed media file is not as long as the index says.
    Length {
        /// The file.
        path: PathBuf,
        /// By the index.
        expected: u64,
        /// On disk.
        found: u64,
    },
    /// A fragment's bytes, or with sequence 0 the document header's, are not those that were written.
    Damaged {
        /// The file.
        path: PathBuf,
        /// The fragment.
        sequence: u64,
    },
    /// A fragment lies behind the end of its file.
    Beyond {
        /// The file.
        path: PathBuf,
        /// The fragment.
        sequence: u64,
    },
    /// Two fragments of a file overlap, or two fragments of a stream have the same sequence.
    Overlap {
        /// The file.
        path: PathBuf,
        /// The later fragment.
        sequence: u64,
    },
    /// A media file's row does not agree with its fragments.
    Row {
        /// The file.
        id: MediaFileId,
    },
}

/// Compares the whole index with the whole disk. Reads every byte of media.
pub fn check(reader: &StoreReader) -> Result<Vec<Disagreement>, StoreError> {
    let mut found = Vec::new();
    let mut known = BTreeSet::new();
    for key in reader.stream_keys()? {
        let mut sequences = BTreeSet::new();
        for file in reader.media_files(&key)? {
            known.insert(reader.root().join(&file.place.path));
            check_media_file(reader, &file, &mut sequences, &mut found)?;
        }
    }
    for path in media_files_on_disk(reader)? {
        if !known.contains(&path) {
            found.push(Disagreement::Orphan { path });
        }
    }
    Ok(found)
}

fn check_media_file(
    reader: &StoreReader,
    file: &MediaFile,
    sequences: &mut BTreeSet<u64>,
    found: &mut Vec<Disagreement>,
) -> Result<(), StoreError> {
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
    let exact = file.state == MediaFileState::Sealed;
    if (exact && length_bytes != file.size_bytes) || length_bytes < file.place.header_size_bytes {
        let expected = file.size_bytes;
        found.push(Disagreement::Length { path: path.clone(), expected, found: length_bytes });
    }
    let header = 0..file.place.header_size_bytes;
    let mut verify = |range, sequence, crc32c| match reader.read_checked(
        on_disk.as_ref(),
        &file.place,
        range,
        sequence,
        crc32c,
    ) {
        Ok(_) => Ok(()),
        Err(StoreError::Damaged { path, sequence, .. }) => {
            found.push(Disagreement::Damaged { path, sequence });
            Ok(())
        }
        Err(StoreError::Io { path, source, .. })
            if source.kind() == io::ErrorKind::UnexpectedEof =>
        {
            found.push(Disagreement::Beyond { path, sequence });
            Ok(())
        }
        Err(error) => Err(error),
    };
    verify(header.clone(), 0, file.place.header_crc32c)?;
    let entries = reader.fragments_of(file.place.id)?;
    for entry in &entries {
        verify(entry.offset..entry.end(), entry.sequence, entry.crc32c)?;
    }
    let mut end = header.end;
    for entry in &entries {
        if entry.offset < end || !sequences.insert(entry.sequence) {
            found.push(Disagreement::Overlap { path: path.clone(), sequence: entry.sequence });
        }
        end = entry.end();
    }
    let not_uploaded = entries.iter().filter(|entry| !entry.uploaded);
    if file.fragment_count != entries.len() as u64
        || file.not_uploaded_count != not_uploaded.clone().count() as u64
        || file.not_uploaded_size_bytes != not_uploaded.map(|entry| entry.size_bytes).sum::<u64>()
        || file.span != crate::fragment::MediaFileSpan::of(&entries)
    {
        found.push(Disagreement::Row { id: file.id });
    }
    Ok(())
}

fn media_files_on_disk(reader: &StoreReader) -> Result<Vec<PathBuf>, StoreError> {
    list_media_files(reader.disk(), reader.root())
}

/// All files under `root` that are named as media files are.
pub(crate) fn list_media_files(
    disk: &dyn crate::disk::Disk,
    root: &Path,
) -> Result<Vec<PathBuf>, StoreError> {
    let mut files = Vec::new();
    let directories = disk.list(root).map_err(|error| StoreError::io("list", root, error))?;
    for directory in directories {
        match disk.list(&directory) {
            Ok(paths) => files.extend(paths.into_iter().filter(|path| is_media_file(path))),
            // A file that lies there is not ours.
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => {}
            Err(error) => return Err(StoreError::io("list", directory, error)),
        }
    }
    Ok(files)
}
