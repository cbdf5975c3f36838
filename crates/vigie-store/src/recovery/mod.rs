//! Opening a store: what the last process left half done is finished or undone, whatever moment it ended at.

mod catch_up;
mod scan;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::catch_up::{CaughtUp, catch_up};
use self::scan::{Scan, committed_end};
use crate::boot::FilesOfThisBoot;
use crate::check::list_media_files;
use crate::contents::{begin_with_mark, may_be_media};
use crate::cut::{head, keep_tail, make_durable};
use crate::disk::{Disk, DiskFile, create_dir_durably};
use crate::error::{StoreError, describe};
use crate::fragment::{FragmentEntry, MediaFileId, MediaFilePlace, MediaFileState};
use crate::index::{Change, Index, UnsealedMediaFile};
use crate::journal::{Deletion, Journal};
use crate::layout::key_of_directory;
use crate::mark::{FRAGMENT_MARK_BYTES, end_mark, marked_end, parse_end_mark};
use crate::names::sync_directory_if_there;
use crate::report::RecoveryReport;
use crate::settings::StoreSettings;
use crate::store::Store;
use crate::trust::Trust;
use crate::unclaimed::set_part_aside;

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
        let CaughtUp { mut journal, is_older } = catch_up(disk.as_ref(), &root, index.as_mut())?;
        if is_older {
            forget_untold_removals(index.as_mut(), &journal)?;
        }
        let of_this_boot = FilesOfThisBoot::of(journal.boot(), disk.as_ref());
        let trust = Trust { of_this_boot, is_older };
        seal_open_files(disk.as_ref(), &root, index.as_mut(), settings, trust, &mut report)?;
        finish_removals(disk.as_ref(), &root, index.as_mut(), &mut journal, &mut report)?;
        Ok((Self::new(disk, root, index, journal, settings, trust)?, report))
    }
}

/// An index that never had a stream does not belong to media files: reclaiming would erase all.
fn check_belongs(disk: &dyn Disk, root: &Path, index: &dyn Index) -> Result<(), StoreError> {
    if index.reader().next_stream_id()?.0 > 1 || list_media_files(disk, root)?.is_empty() {
        return Ok(());
    }
    Err(StoreError::IndexMissing { path: root.to_owned() })
}

/// Bytes behind the last commits that are read before a store is open. A kill leaves less, also one that hits a hub as it
/// takes in a file as fast as its disk writes: a file that was broken off goes on behind what is in the index by then.
/// Where an index is older than its media it is the search that reads them.
const SCANNED_BYTES_MAX: u64 = 256 << 20;

/// Seals every file that was being written, cut to what is whole.
fn seal_open_files(
    disk: &dyn Disk,
    root: &Path,
    index: &mut dyn Index,
    settings: StoreSettings,
    trust: Trust,
    report: &mut RecoveryReport,
) -> Result<(), StoreError> {
    let reader = index.reader();
    let mut changes = Vec::new();
    let mut left_bytes = SCANNED_BYTES_MAX;
    for unsealed in reader.unsealed_media_files()? {
        let path = root.join(&unsealed.media_file.place.path);
        let tail_bytes = disk.open_read_only(&path).and_then(|file| file.length_bytes());
        let tail_bytes = tail_bytes
            .map_or(0, |bytes| bytes.saturating_sub(committed_end(&unsealed).unwrap_or(bytes)));
        let Some(left) = left_bytes.checked_sub(tail_bytes) else { continue };
        left_bytes = left;
        changes.extend(seal_file(disk, root, settings, trust, &unsealed, report)?);
    }
    index.apply(&changes)?;
    Ok(())
}

/// Cuts and seals one file. Where the disk fails it stays as it is, and the next start tries again.
pub(crate) fn seal_file(
    disk: &dyn Disk,
    root: &Path,
    settings: StoreSettings,
    trust: Trust,
    unsealed: &UnsealedMediaFile,
    report: &mut RecoveryReport,
) -> Result<Vec<Change>, StoreError> {
    let id = unsealed.media_file.id;
    let path = root.join(&unsealed.media_file.place.path);
    let file = match disk.open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            tracing::error!(path = %path.display(), "media file is missing");
            report.missing.push(path);
            return Ok(Vec::new());
        }
        Err(error) => return Err(StoreError::io("open", path, error)),
    };
    let is_as_written = trust.of_this_boot.is_as_written(id);
    // Whoever sent what lies behind in an abandoned file was told that it is given up; but an older index does not know what
    // became of the file since.
    let is_given_up = unsealed.media_file.state == MediaFileState::Abandoned && !trust.is_older;
    let scan = Scan { file: file.as_ref(), settings, is_as_written, is_given_up };
    let sealed = scan.recover(unsealed).and_then(|mut recovered| {
        let Some(last) = recovered.last().or(unsealed.entries.last()).copied() else {
            return Ok(None);
        };
        let length_bytes = file.length_bytes()?;
        if let [torn, next, ..] = recovered.as_slice()
            && !end_torn(disk, root, &path, file.as_ref(), &unsealed.media_file.place, torn, next)?
        {
            recovered.truncate(1);
        }
        let last = recovered.last().copied().unwrap_or(last);
        if !is_given_up {
            let place = &unsealed.media_file.place;
            keep_tail(disk, root, &path, file.as_ref(), place, &last, is_as_written)
                .map_err(std::io::Error::other)?;
        }
        make_durable(file.as_ref(), durable_end(unsealed), &last)?;
        Ok(Some((recovered, last, length_bytes)))
    });
    match sealed {
        Ok(Some((entries, last, length_bytes))) => {
            report.sealed_media_file_count += 1;
            report.cut_bytes += length_bytes.saturating_sub(marked_end(&last));
            report.recovered_fragment_count += entries.len() as u64;
            let size_bytes = marked_end(&last);
            let close = Change::CloseMediaFile { id, state: MediaFileState::Sealed, size_bytes };
            // An older index may not know how far sequences were handed out.
            let Some(next) = entries.iter().map(|entry| entry.sequence.saturating_add(1)).max()
            else {
                return Ok(vec![close]);
            };
            let reserve = Change::ReserveSequences { id: unsealed.stream, next_sequence: next };
            Ok(vec![reserve, Change::AppendFragments { id, entries }, close])
        }
        // The index has nothing of it: what it holds is for the search to see.
        Ok(None) => Ok(vec![Change::ForgetMediaFile { id }]),
        Err(error) => {
            let error = describe(&error);
            tracing::error!(path = %path.display(), error, "seal after a crash; left to the next start");
            Ok(Vec::new())
        }
    }
}

/// Ends the first recovered fragment with its mark where others are whole behind it and its own end is torn. What lies
/// between them is copied aside before. `false` where there is no room for a mark.
fn end_torn(
    disk: &dyn Disk,
    root: &Path,
    path: &Path,
    file: &dyn DiskFile,
    place: &MediaFilePlace,
    torn: &FragmentEntry,
    next: &FragmentEntry,
) -> std::io::Result<bool> {
    let gap_bytes = usize::try_from(next.offset.saturating_sub(torn.end()));
    let gap = file.read_exact_at(torn.end(), gap_bytes.map_err(std::io::Error::other)?)?;
    let expected = FragmentEntry { offset: 0, ..*torn };
    if parse_end_mark(&gap) == Some(expected) {
        return Ok(true);
    }
    let begin = begin_with_mark(&gap, &FragmentEntry { offset: gap.len() as u64, ..*next });
    let gap = gap.slice(..begin);
    if gap.len() < FRAGMENT_MARK_BYTES {
        return Ok(false);
    }
    if may_be_media(&gap, false) {
        let head = head(file, place, torn.offset)?;
        set_part_aside(disk, root, path, &head, &gap, torn.end()).map_err(std::io::Error::other)?;
    }
    file.write_all_at(&[&end_mark(torn)], torn.end())?;
    Ok(true)
}

/// Up to where commits made a file durable.
fn durable_end(unsealed: &UnsealedMediaFile) -> u64 {
    let last = unsealed.open_fragment.as_ref().or(unsealed.entries.last());
    last.map_or(0, FragmentEntry::end)
}

/// A deletion that was cut off before the journal was told of it is finished by the next start. In an index that is older than
/// its media it may be one that came to nothing: the media was taken in again and is somebody's. Nobody was told that it is
/// deleted; the search takes it in.
fn forget_untold_removals(index: &mut dyn Index, journal: &Journal) -> Result<(), StoreError> {
    let removals = index.reader().removals()?.into_iter();
    let untold = removals
        .filter(|(id, path)| !path.parent().is_some_and(|parent| journal.is_deleted(parent, *id)));
    let ids: Vec<MediaFileId> = untold.map(|(id, _)| id).collect();
    if !ids.is_empty() {
        tracing::warn!(
            media_files = ids.len(),
            "an older index has deletions that were never finished"
        );
        index.apply(&[Change::ForgetRemovals { ids }])?;
    }
    Ok(())
}

/// Removes the files whose entries were deleted, where a crash or the disk kept that from being done.
fn finish_removals(
    disk: &dyn Disk,
    root: &Path,
    index: &mut dyn Index,
    journal: &mut Journal,
    report: &mut RecoveryReport,
) -> Result<(), StoreError> {
    let removals = index.reader().removals()?;
    if removals.is_empty() {
        return Ok(());
    }
    // Cut off before the journal was told of them.
    let mut untold: BTreeMap<PathBuf, Vec<MediaFileId>> = BTreeMap::new();
    for (id, path) in &removals {
        if let Some(directory) = path.parent().filter(|parent| !journal.is_deleted(parent, *id)) {
            untold.entry(directory.to_owned()).or_default().push(*id);
        }
    }
    let is_told = untold.is_empty();
    for (directory, ids) in untold {
        let Some(key) = key_of_directory(&directory) else { continue };
        let number = journal.last_number() + 1;
        index.apply(&[Change::NoteDeletions { number }])?;
        journal.add(Deletion::Files { key, ids });
    }
    // Written anew: a sync of what an earlier process wrote into it may have failed, and no later one would bring it back.
    match journal.write_anew(disk) {
        // Where there is no space for it, removing makes some.
        Err(error) if is_told => {
            let error = crate::error::describe(&error);
            tracing::warn!(error, "what tells of deleted media cannot be written anew");
        }
        written => written?,
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
        sync_directory_if_there(disk, &path)?;
    }
    let ids = removals.into_iter().map(|(id, _)| id).collect();
    Ok(index.apply(&[Change::ForgetRemovals { ids }])?)
}
