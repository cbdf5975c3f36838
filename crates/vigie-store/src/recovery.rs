//! Opening a store: what the last process left half done is finished or undone, whatever moment it ended at.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use vigie_media::matroska::{DocumentHeader, FragmentReader, Limits};

use crate::check::list_media_files;
use crate::disk::{Disk, DiskFile};
use crate::error::StoreError;
use crate::fragment::{Extent, FragmentEntry, FragmentMeta, MediaFileState};
use crate::index::{Change, Index, UnsealedMediaFile};
use crate::mark::{FRAGMENT_MARK_BYTES, end_mark, marked_end, parse_begin_mark, parse_end_mark};
use crate::settings::{StoreSettings, Uncommitted};
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
    /// Files that no index entry referred to, removed.
    pub reclaimed_file_count: u64,
    /// Media files of the index that are not on the disk. Nothing the store does makes one; their entries stay.
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
        disk.create_dir_all(&root)
            .map_err(|error| StoreError::io("create", root.clone(), error))?;
        let mut report = RecoveryReport::default();
        let on_disk = check_belongs(disk.as_ref(), &root, index.as_ref())?;
        seal_open_files(disk.as_ref(), &root, index.as_mut(), settings, &mut report)?;
        reclaim(disk.as_ref(), &root, index.as_ref(), on_disk, &mut report)?;
        Ok((Self::new(disk, root, index, settings)?, report))
    }
}

/// The media files on the disk. An index that never had one does not belong to them: reclaiming would erase all.
fn check_belongs(
    disk: &dyn Disk,
    root: &Path,
    index: &dyn Index,
) -> Result<Vec<PathBuf>, StoreError> {
    let on_disk = list_media_files(disk, root)?;
    if !on_disk.is_empty() && index.reader().next_stream_id()?.0 == 1 {
        return Err(StoreError::IndexMissing { path: root.to_owned() });
    }
    Ok(on_disk)
}

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
        let id = unsealed.media_file.id;
        let file = match disk.open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                tracing::error!(path = %path.display(), "media file is missing");
                report.missing.push(path);
                continue;
            }
            Err(error) => return Err(StoreError::io("open", path, error)),
        };
        let io = |action| move |error| StoreError::io(action, path.clone(), error);
        let scan = Scan { file: file.as_ref(), settings, same_boot };
        let recovered = scan.recover(&unsealed).map_err(io.clone()("read"))?;
        report.recovered_fragment_count += recovered.len() as u64;
        report.sealed_media_file_count += 1;
        let Some(last) = recovered.last().or(unsealed.entries.last()) else {
            // Its file is an orphan now, and goes with the others.
            changes.push(Change::DeleteMediaFile { id });
            continue;
        };
        let end = marked_end(last);
        let length_bytes = file.length_bytes().map_err(io.clone()("measure"))?;
        report.cut_bytes += length_bytes.saturating_sub(end);
        file.truncate(end).map_err(io.clone()("cut"))?;
        file.write_all_at(&[&end_mark(last)], last.end()).map_err(io.clone()("write"))?;
        file.sync().map_err(io("sync"))?;
        if !recovered.is_empty() {
            changes.push(Change::AppendFragments { id, entries: recovered });
        }
        let state = MediaFileState::Sealed;
        changes.push(Change::CloseMediaFile { id, state, size_bytes: end });
    }
    changes.extend(boot_id.map(|boot_id| Change::SetBootId { boot_id }));
    index.apply(&changes)?;
    Ok(())
}

/// Removes media files that no entry refers to, then the directories that are empty.
fn reclaim(
    disk: &dyn Disk,
    root: &Path,
    index: &dyn Index,
    on_disk: Vec<PathBuf>,
    report: &mut RecoveryReport,
) -> Result<(), StoreError> {
    let known: BTreeSet<PathBuf> =
        index.reader().places()?.into_iter().map(|(_, place)| root.join(place.path)).collect();
    let mut directories = BTreeSet::new();
    for path in on_disk.iter().filter(|path| !known.contains(*path)) {
        tracing::info!(path = %path.display(), "remove a media file that no index entry refers to");
        disk.unlink(path).map_err(|error| StoreError::io("remove", path, error))?;
        report.reclaimed_file_count += 1;
        directories.extend(path.parent().map(Path::to_owned));
    }
    for path in directories {
        disk.sync_dir(&path).map_err(|error| StoreError::DirectorySyncFailed {
            path: path.clone(),
            source: Arc::new(error),
        })?;
    }
    let on_disk: BTreeSet<PathBuf> = on_disk.into_iter().collect();
    for path in known.difference(&on_disk) {
        tracing::error!(path = %path.display(), "media file is missing");
        if !report.missing.contains(path) {
            report.missing.push(path.clone());
        }
    }
    Ok(())
}

/// Looks for whole fragments behind the last commit of one file.
struct Scan<'a> {
    file: &'a dyn DiskFile,
    settings: StoreSettings,
    /// No power was lost: every byte that was written is as it was written.
    same_boot: bool,
}

impl Scan<'_> {
    fn recover(&self, unsealed: &UnsealedMediaFile) -> std::io::Result<Vec<FragmentEntry>> {
        let mut recovered = Vec::new();
        if self.settings.uncommitted == Uncommitted::Drop
            || unsealed.media_file.state == MediaFileState::Abandoned
        {
            return Ok(recovered);
        }
        let length_bytes = self.file.length_bytes()?;
        let mut begin = match (&unsealed.open_fragment, unsealed.entries.last()) {
            (Some(open), _) => open.offset.saturating_sub(FRAGMENT_MARK_BYTES as u64),
            (None, Some(last)) => marked_end(last),
            // Without a fragment or the begin of one there is nothing to know it by.
            (None, None) => return Ok(recovered),
        };
        let tail = usize::try_from(length_bytes.saturating_sub(begin)).unwrap_or(usize::MAX);
        let mut tail = self.file.read_exact_at(begin, tail)?;
        let mut open_fragment = unsealed.open_fragment;
        while let Some(meta) = parse_begin_mark(&tail) {
            let body = tail.slice(FRAGMENT_MARK_BYTES..);
            let offset = begin + FRAGMENT_MARK_BYTES as u64;
            let whole = find_whole(&meta, &body);
            let Some(extent) = whole.or_else(|| self.whole_frames(unsealed, &body)) else { break };
            let entry = FragmentEntry::new(&meta, Extent { offset, ..extent });
            // What a commit made durable is kept at the least.
            let shorter = open_fragment.is_some_and(|open| open.size_bytes > entry.size_bytes);
            if shorter {
                break;
            }
            open_fragment = None;
            recovered.push(entry);
            if whole.is_none() {
                return Ok(recovered);
            }
            let passed = FRAGMENT_MARK_BYTES + body_bytes(&extent) + FRAGMENT_MARK_BYTES;
            tail = tail.slice(passed.min(tail.len())..);
            begin += passed as u64;
        }
        recovered.extend(open_fragment);
        Ok(recovered)
    }

    /// The open fragment up to its last whole frame. Only where no power was lost: a frame has no checksum of its
    /// own, and a disk that lost power may hold half of one with the next one whole behind it.
    fn whole_frames(&self, unsealed: &UnsealedMediaFile, body: &Bytes) -> Option<Extent> {
        if !self.same_boot {
            return None;
        }
        let place = &unsealed.media_file.place;
        let header_bytes = usize::try_from(place.header_size_bytes).ok()?;
        let raw = self.file.read_exact_at(0, header_bytes).ok()?;
        // What is on this disk the store wrote itself: its own limits were kept when it was taken in.
        let limits = Limits { fragment_bytes_max: body.len().saturating_add(1), ..Limits::FILE };
        let header = Arc::new(DocumentHeader::parse(&raw, limits).ok()?);
        let mut reader = FragmentReader::resume(header, 0, limits);
        reader.push(body);
        while let Ok(Some(_)) = reader.next_event() {}
        let fragment = reader.recover().fragment?;
        Some(Extent {
            offset: 0,
            size_bytes: fragment.bytes.len() as u64,
            duration_ms: u32::try_from(fragment.duration_ms).unwrap_or(u32::MAX),
            frame_count: fragment.frame_count,
            crc32c: crc32c::crc32c(&fragment.bytes),
        })
    }
}

/// A fragment that has its end mark behind it and the checksum that the mark says.
fn find_whole(meta: &FragmentMeta, body: &Bytes) -> Option<Extent> {
    let mut from = 0;
    while let Some(found) = body.get(from..)?.iter().position(|&byte| byte == end_mark_start()) {
        let at = from + found;
        if let Some(entry) = parse_end_mark(&body[at..])
            && entry.meta() == *meta
            && entry.size_bytes == at as u64
            && crc32c::crc32c(&body[..at]) == entry.crc32c
        {
            return Some(Extent {
                offset: 0,
                size_bytes: entry.size_bytes,
                duration_ms: entry.duration_ms,
                frame_count: entry.frame_count,
                crc32c: entry.crc32c,
            });
        }
        from = at + 1;
    }
    None
}

const fn end_mark_start() -> u8 {
    0xEC
}

fn body_bytes(extent: &Extent) -> usize {
    usize::try_from(extent.size_bytes).unwrap_or(usize::MAX)
}
