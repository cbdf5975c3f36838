//! The repair: the index rebuilt from the media files alone.
//!
//! What has its mark and the checksum that the mark says comes into the new index as it was in the old one. Of the
//! old one, where it can be read, only what no file knows is carried over: uploaded marks, and how far sequences were
//! handed out. No media file is removed: one that says nothing of itself is set aside, and the old index as well.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::boot::{FilesOfThisBoot, boot_of_index};
use crate::check::list_media_files;
use crate::contents::Contents;
use crate::disk::{Disk, create_dir_durably};
use crate::error::StoreError;
use crate::examine::{Examined, examine};
use crate::fragment::{FragmentEntry, MediaFileId};
use crate::index::{Change, Index, IndexLock, IndexRead, SqliteIndex, StreamId};
use crate::journal::Journal;
use crate::layout::media_file_number;
use crate::names::{exists, remove, rename, sync_directory, with_extension};
use crate::unclaimed::set_aside;

/// Sequences passed over where it is not known which were handed out: those of fragments that are gone.
const SEQUENCE_GAP: u64 = 1_000_000;

/// Media files for each transaction of the new index.
const MEDIA_FILES_PER_TRANSACTION: usize = 256;

/// What a repair found, and did unless it was only asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RepairReport {
    /// Streams, those without media included where the old index names them.
    pub stream_count: u64,
    /// Media files that the new index has.
    pub media_file_count: u64,
    pub fragment_count: u64,
    pub size_bytes: u64,
    /// Fragments that are marked uploaded because the old index had them so.
    pub uploaded_count: u64,
    /// Media files with bytes that belong to no whole fragment, and how many: what damage took, or what was being
    /// written at the end. Those at the end are cut off.
    pub damaged: Vec<(PathBuf, u64)>,
    /// Files that are no media file with a fragment: they are set aside.
    pub set_aside: Vec<PathBuf>,
    /// Files of deleted media that were not removed yet; the next start does.
    pub deleted_file_count: u64,
    /// Under which name the old index was kept.
    pub old_index: Option<PathBuf>,
}

/// Rebuilds the index of a store that nobody uses: `root` is its media directory, `index_path` its SQLite file.
/// Without `write` nothing is changed and the report says what would be.
pub fn repair(
    disk: &dyn Disk,
    root: &Path,
    index_path: &Path,
    write: bool,
) -> Result<RepairReport, StoreError> {
    repair_watched(disk, root, index_path, write, &mut |_, _| {})
}

/// The same, which says after each media file how many of how many are read.
pub fn repair_watched(
    disk: &dyn Disk,
    root: &Path,
    index_path: &Path,
    write: bool,
    read: Watch<'_>,
) -> Result<RepairReport, StoreError> {
    let _lock = IndexLock::acquire(index_path)?;
    // One that cannot be read is why a repair is asked for.
    let old =
        disk.open_read_only(index_path).is_ok().then(|| SqliteIndex::open_read_only(index_path));
    let old = old.and_then(Result::ok);
    if !write {
        return rebuild_watched(disk, root, old.as_deref(), None, read);
    }
    let directory = index_path.parent().unwrap_or(Path::new("."));
    create_dir_durably(disk, directory)
        .map_err(|error| StoreError::io("create", directory, error))?;
    let new_path = with_suffix(index_path, "new");
    for suffix in ["", "-wal", "-shm"] {
        // What a repair before left half done.
        remove(disk, &with_extension(&new_path, suffix))?;
    }
    let mut index = SqliteIndex::open(&new_path)?;
    let mut report = rebuild_watched(disk, root, old.as_deref(), Some(&mut index), read)?;
    drop((index, old));
    report.old_index = replace(disk, index_path, &new_path)?;
    remove(disk, &IndexLock::path_of(&new_path))?;
    sync_directory(disk, directory)?;
    Ok(report)
}

/// Puts the new index in the old one's place and keeps that under a name of its own. Cut off between, there is no
/// index: a start refuses, and the next repair does it again.
fn replace(disk: &dyn Disk, path: &Path, new: &Path) -> Result<Option<PathBuf>, StoreError> {
    let directory = path.parent().unwrap_or(Path::new("."));
    let had_index = exists(disk, path);
    let free = (1..).map(|number: u32| with_suffix(path, &format!("old-{number}")));
    let old = free.into_iter().find(|old| !exists(disk, old)).unwrap_or_default();
    // The log last: an index without its log is older than the files, and a start would reclaim what it lacks. It
    // goes even where there is no index: SQLite would take it for the new one's.
    for suffix in ["", "-wal", "-shm"] {
        rename(disk, &with_extension(path, suffix), &with_extension(&old, suffix))?;
    }
    sync_directory(disk, directory)?;
    rename(disk, new, path)?;
    Ok(had_index.then_some(old))
}

/// Fills `index`, which is empty, from the files under `root`; without one only reports.
pub fn rebuild<'a>(
    disk: &'a dyn Disk,
    root: &'a Path,
    old: Option<&'a dyn IndexRead>,
    index: Option<&'a mut dyn Index>,
) -> Result<RepairReport, StoreError> {
    rebuild_watched(disk, root, old, index, &mut |_, _| {})
}

/// Is told how many of how many media files are done.
type Watch<'a> = &'a mut dyn FnMut(u64, u64);

fn rebuild_watched<'a>(
    disk: &'a dyn Disk,
    root: &'a Path,
    old: Option<&'a dyn IndexRead>,
    index: Option<&'a mut dyn Index>,
    read: Watch<'_>,
) -> Result<RepairReport, StoreError> {
    let journal = Journal::open(disk, root)?.journal;
    let older = old.and_then(|old| boot_of_index(old).ok().flatten());
    let mut rebuild = Rebuild {
        disk,
        root,
        old,
        index,
        report: RepairReport::default(),
        of_this_boot: FilesOfThisBoot::of(journal.boot().or(older.as_ref()), disk),
        journal,
        streams: BTreeMap::new(),
        ids: BTreeSet::new(),
        directories: BTreeSet::from([root.to_owned()]),
        changes: Vec::new(),
        waiting: 0,
    };
    rebuild.old_streams();
    let paths = list_media_files(disk, root)?;
    let all = paths.len() as u64;
    for (count, path) in (1..).zip(paths) {
        rebuild.media_file(&path)?;
        read(count, all);
    }
    rebuild.finish()
}

struct Stream {
    id: StreamId,
    next_sequence: u64,
}

struct Rebuild<'a> {
    disk: &'a dyn Disk,
    root: &'a Path,
    old: Option<&'a dyn IndexRead>,
    index: Option<&'a mut dyn Index>,
    report: RepairReport,
    of_this_boot: FilesOfThisBoot,
    journal: Journal,
    streams: BTreeMap<String, Stream>,
    ids: BTreeSet<MediaFileId>,
    /// Of the media files, whose names are to be durable before an index tells of them, and of those that were removed.
    directories: BTreeSet<PathBuf>,
    /// Of the next transaction, and the media files in them.
    changes: Vec<Change>,
    waiting: usize,
}

impl Rebuild<'_> {
    fn media_file(&mut self, path: &Path) -> Result<(), StoreError> {
        let is_deleted = |directory: &Path, id| self.journal.is_deleted(directory, id);
        let number = media_file_number(path);
        if number.is_some_and(|id| path.parent().is_some_and(|parent| is_deleted(parent, id))) {
            // The next start removes it.
            self.report.deleted_file_count += 1;
            return Ok(());
        }
        let media = match examine(self.disk, path, self.of_this_boot)? {
            Examined::Gone => return Ok(()),
            Examined::Empty => return self.remove_empty(path),
            Examined::Unreadable => return self.set_aside(path),
            Examined::Media(media) => media,
        };
        let relative = path.strip_prefix(self.root).unwrap_or(path).to_owned();
        // A copy of a file says the same of itself, and would be deleted with it.
        if relative.to_str().is_none() || !self.ids.insert(media.contents.mark.id) {
            return self.set_aside(path);
        }
        if media.contents.unknown_bytes > 0 {
            self.report.damaged.push((path.to_owned(), media.contents.unknown_bytes));
        }
        let media = if self.index.is_some() {
            let next_id = MediaFileId(self.journal.next_media_file_id());
            self.directories.extend(path.parent().map(Path::to_owned));
            media.make_durable(self.disk, self.root, path, self.of_this_boot, next_id)?
        } else {
            media.cut()
        };
        self.report.media_file_count += 1;
        self.report.fragment_count += media.entries.len() as u64;
        self.report.size_bytes += media.size_bytes;
        self.add(&media.contents, relative, media.entries, media.size_bytes)
    }

    fn add(
        &mut self,
        contents: &Contents,
        path: PathBuf,
        mut entries: Vec<FragmentEntry>,
        size_bytes: u64,
    ) -> Result<(), StoreError> {
        let id = contents.mark.id;
        let stream = self.stream(&contents.mark.key, &entries);
        let uploaded = self.uploaded(id, &entries);
        self.report.uploaded_count += uploaded.len() as u64;
        for entry in &mut entries {
            entry.uploaded = uploaded.contains(&entry.sequence);
        }
        let place = contents.place(path).into();
        self.changes.push(Change::AddSealedMediaFile { stream, place, entries, size_bytes });
        self.waiting += 1;
        if self.waiting >= MEDIA_FILES_PER_TRANSACTION {
            self.apply()?;
        }
        Ok(())
    }

    /// A stream without media keeps its sequences as well.
    fn old_streams(&mut self) {
        let rows = self.old.and_then(|old| old.streams().ok()).unwrap_or_default();
        for row in rows {
            let reserved = self.journal.next_sequence(&row.key).unwrap_or(0);
            self.create_stream(&row.key, row.next_sequence.max(reserved));
        }
    }

    fn create_stream(&mut self, key: &str, next_sequence: u64) {
        let id = StreamId(self.streams.len() as u64 + 1);
        self.streams.insert(key.to_owned(), Stream { id, next_sequence });
        self.changes.push(Change::CreateStream { id, key: key.to_owned() });
    }

    /// The stream of this key, new or not, which hands out no sequence of `entries` again.
    fn stream(&mut self, key: &str, entries: &[FragmentEntry]) -> StreamId {
        if !self.streams.contains_key(key) {
            self.create_stream(key, self.journal.next_sequence(key).unwrap_or(0));
        }
        let Some(stream) = self.streams.get_mut(key) else { return StreamId(0) };
        let largest = entries.iter().map(|entry| entry.sequence).max().unwrap_or(0);
        if largest >= stream.next_sequence {
            stream.next_sequence = largest.saturating_add(SEQUENCE_GAP).min(i64::MAX as u64);
        }
        stream.id
    }

    /// Which of a file's fragments the old index says are uploaded.
    fn uploaded(&self, id: MediaFileId, entries: &[FragmentEntry]) -> BTreeSet<u64> {
        let known = self.old.and_then(|old| old.fragments_of(id).ok()).unwrap_or_default();
        let same = |entry: &&FragmentEntry| {
            entry.uploaded
                && entries
                    .iter()
                    .any(|found| found.sequence == entry.sequence && found.crc32c == entry.crc32c)
        };
        known.iter().filter(same).map(|entry| entry.sequence).collect()
    }

    /// Removes a file to which nothing whole was written: durably, for what was cut off it may be there again after a loss of
    /// power, when it was missed already.
    fn remove_empty(&mut self, path: &Path) -> Result<(), StoreError> {
        if self.index.is_none() {
            return Ok(());
        }
        self.directories.extend(path.parent().map(Path::to_owned));
        remove(self.disk, path)
    }

    fn set_aside(&mut self, path: &Path) -> Result<(), StoreError> {
        self.report.set_aside.push(path.to_owned());
        if self.index.is_none() {
            return Ok(());
        }
        set_aside(self.disk, self.root, path).map(drop)
    }

    fn apply(&mut self) -> Result<(), StoreError> {
        self.waiting = 0;
        let changes = std::mem::take(&mut self.changes);
        match &mut self.index {
            Some(index) => Ok(index.apply(&changes)?),
            None => Ok(()),
        }
    }

    fn finish(mut self) -> Result<RepairReport, StoreError> {
        self.report.stream_count = self.streams.len() as u64;
        self.changes.extend(self.streams.values().map(|stream| Change::ReserveSequences {
            id: stream.id,
            next_sequence: stream.next_sequence,
        }));
        if self.streams.is_empty() {
            // So that it is known to be an index and not one that was lost: a stream's number is used up.
            let id = StreamId(1);
            let key = "-".to_owned();
            self.changes.extend([Change::CreateStream { id, key }, Change::DeleteStream { id }]);
        }
        let old = self.old.and_then(|old| old.deletion_number().ok().flatten()).unwrap_or(0);
        let number = self.journal.last_number().max(old);
        let next_id = MediaFileId(self.journal.next_media_file_id());
        self.changes.push(Change::NoteDeletions { number });
        self.changes.push(Change::ReserveMediaFiles { next_id });
        if self.index.is_some() {
            let old = self.old.and_then(|old| old.generation().ok()).unwrap_or(0);
            self.journal.raise_generation(old);
            let generation = self.journal.begin_index(self.disk)?;
            self.changes.push(Change::SetGeneration { generation });
        }
        self.apply()?;
        if self.index.is_some() {
            for directory in &self.directories {
                sync_directory(self.disk, directory)?;
            }
        }
        Ok(self.report)
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    with_extension(path, &format!(".{suffix}"))
}
