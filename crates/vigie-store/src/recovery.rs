//! Opening a store: what the last process left half done is finished or undone, whatever moment it ended at.

mod scan;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::scan::Scan;
use crate::check::list_media_files;
use crate::disk::{Disk, DiskFile, create_dir_durably};
use crate::error::StoreError;
use crate::fragment::{FragmentEntry, MediaFileState};
use crate::index::{Change, Index, UnsealedMediaFile};
use crate::mark::{end_mark, marked_end};
use crate::settings::StoreSettings;
use crate::store::Store;

/// What opening a store found and did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecoveryReport {
    /// Media files that were open and are sealed now.
    pub sealed_media_file_count: u64,
    /// Fragments that no commit knew and that were kept, the last of a file cut to its whole frames.
    pub recovered_fragment_count: u64,
    /// Bytes behind them that were cut off.
    pub cut_bytes: u64,
    /// Files of deleted entries that were still there, removed. See [`Store::search_orphans`] for the others.
    pub reclaimed_file_count: u64,
    /// Unsealed media files of the index that are not on the disk. Nothing the store does makes one; their entries
    /// stay.
    pub missing: Vec<PathBuf>,
}

impl Store {
    /// Opens the store in `root`, its media directory, and recovers what a crash left. `index` holds its entries.
    pub fn open(
        disk: Arc<dyn Disk>,
        root: impl Into<PathBuf>,
        mut index: Box<dyn Index>,
        settings: StoreSettings,
    ) -> Result<(Self, RecoveryReport), StoreError> {
        let root = root.into();
        create_dir_durably(disk.as_ref(), &root)
            .map_err(|error| StoreError::io("create", root.clone(), error))?;
        let mut report = RecoveryReport::default();
        check_belongs(disk.as_ref(), &root, index.as_ref())?;
        seal_open_files(disk.as_ref(), &root, index.as_mut(), settings, &mut report)?;
        finish_removals(disk.as_ref(), &root, index.as_mut(), &mut report)?;
        Ok((Self::new(disk, root, index, settings)?, report))
    }
}

/// An index that never had a stream does not belong to media files: reclaiming would erase all.
fn check_belongs(disk: &dyn Disk, root: &Path, index: &dyn Index) -> Result<(), StoreError> {
    if index.reader().next_stream_id()?.0 > 1 || list_media_files(disk, root)?.is_empty() {
        return Ok(());
    }
    Err(StoreError::IndexMissing { path: root.to_owned() })
}

/// Seals every file that was being written, cut to what is whole.
fn seal_open_files(
    disk: &dyn Disk,
    root: &Path,
    index: &mut dyn Index,
    settings: StoreSettings,
    report: &mut RecoveryReport,
) -> Result<(), StoreError> {
    let reader = index.reader();
    let boot_id = disk.boot_id();
    let same_boot = boot_id.is_some() && reader.boot_id()? == boot_id;
    let mut changes = Vec::new();
    for unsealed in reader.unsealed_media_files()? {
        let path = root.join(&unsealed.media_file.place.path);
        match disk.open(&path) {
            Ok(file) => {
                let scan = Scan { file: file.as_ref(), settings, same_boot };
                changes.extend(seal_file(&scan, &unsealed, report));
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                tracing::error!(path = %path.display(), "media file is missing");
                report.missing.push(path);
            }
            Err(error) => return Err(StoreError::io("open", path, error)),
        }
    }
    changes.extend(boot_id.map(|boot_id| Change::SetBootId { boot_id }));
    index.apply(&changes)?;
    Ok(())
}

/// Cuts and seals one file. A disk that fails here costs what no commit had made durable, never the rest, and the
/// next start tries again.
fn seal_file(
    scan: &Scan<'_>,
    unsealed: &UnsealedMediaFile,
    report: &mut RecoveryReport,
) -> Vec<Change> {
    let id = unsealed.media_file.id;
    let path = unsealed.media_file.place.path.display();
    let recovered = scan.recover(unsealed).unwrap_or_else(|error| {
        tracing::error!(%path, %error, "read behind the last commit");
        Vec::from_iter(unsealed.open_fragment)
    });
    let Some(last) = recovered.last().or(unsealed.entries.last()).copied() else {
        // Its file is an orphan now, and goes with the others.
        return vec![Change::DeleteMediaFile { id }];
    };
    let length_bytes = scan.file.length_bytes().unwrap_or(0);
    let (entries, state, size_bytes) = match make_durable(scan.file, durable_end(unsealed), &last) {
        Ok(()) => {
            report.sealed_media_file_count += 1;
            report.cut_bytes += length_bytes.saturating_sub(marked_end(&last));
            (recovered, MediaFileState::Sealed, marked_end(&last))
        }
        Err(error) => {
            tracing::error!(%path, %error, "seal after a crash; media file abandoned");
            let size_bytes = scan.file.length_bytes().unwrap_or(length_bytes);
            (Vec::from_iter(unsealed.open_fragment), MediaFileState::Abandoned, size_bytes)
        }
    };
    if entries.is_empty() && unsealed.entries.is_empty() {
        return vec![Change::DeleteMediaFile { id }];
    }
    report.recovered_fragment_count += entries.len() as u64;
    let close = Change::CloseMediaFile { id, state, size_bytes };
    if entries.is_empty() {
        return vec![close];
    }
    vec![Change::AppendFragments { id, entries }, close]
}

/// Up to where commits made a file durable.
fn durable_end(unsealed: &UnsealedMediaFile) -> u64 {
    let last = unsealed.open_fragment.as_ref().or(unsealed.entries.last());
    last.map_or(0, FragmentEntry::end)
}

/// Ends a file behind `last` with its mark, durably.
///
/// What no commit had made durable is written again: a sync may have failed on it before the crash, and then the
/// kernel holds it as clean and would never write it, however often it is synced.
pub(crate) fn make_durable(
    file: &dyn DiskFile,
    durable_end: u64,
    last: &FragmentEntry,
) -> std::io::Result<()> {
    let from = durable_end.min(last.end());
    let again = usize::try_from(last.end() - from).map_err(std::io::Error::other)?;
    let again = file.read_exact_at(from, again)?;
    // To the fragment's end, not the mark's: a cut that made the file longer would leave what looks like a mark.
    file.truncate(last.end())?;
    file.write_all_at(&[&again, &end_mark(last)], from)?;
    file.sync()
}

/// Removes the files whose entries were deleted, where a crash or the disk kept that from being done.
fn finish_removals(
    disk: &dyn Disk,
    root: &Path,
    index: &mut dyn Index,
    report: &mut RecoveryReport,
) -> Result<(), StoreError> {
    let removals = index.reader().removals()?;
    if removals.is_empty() {
        return Ok(());
    }
    let mut directories = BTreeSet::new();
    for (_, path) in &removals {
        let path = root.join(path);
        match disk.unlink(&path) {
            Ok(()) => {
                tracing::info!(path = %path.display(), "remove a media file that was deleted");
                report.reclaimed_file_count += 1;
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(StoreError::io("remove", path, error)),
        }
        // Also of one that is gone: whoever removed it may have died before that was durable.
        directories.extend(path.parent().map(Path::to_owned));
    }
    for path in directories {
        sync_directory(disk, &path)?;
    }
    let ids = removals.into_iter().map(|(id, _)| id).collect();
    Ok(index.apply(&[Change::ForgetRemovals { ids }])?)
}

/// Makes durable what is gone from a directory, which may be gone itself.
pub(crate) fn sync_directory(disk: &dyn Disk, path: &Path) -> Result<(), StoreError> {
    match disk.sync_dir(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            let source = Arc::new(error);
            Err(StoreError::DirectorySyncFailed { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}
