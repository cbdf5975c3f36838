//! A start on a damaged index: it is laid aside, and a new one takes in all media by the marks in it.
//!
//! Decides when that may be done by itself: where the journal beside the media is whole, because it alone then says what
//! was deleted and which numbers were given out. Nothing of the damaged index is believed, and nothing of it is removed.
//! The start is ready at once; the search behind it takes the media in. Cut off at any moment, the next start goes on.
//!
//! What is found while the store works is noted in a file beside the index, and the store stops: the next start acts.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::disk::Disk;
use crate::error::{IndexError, StoreError, describe};
use crate::fragment::MediaFileId;
use crate::index::{Change, Index, IndexLock, SqliteIndex, StreamId};
use crate::journal::Journal;
use crate::names::{exists, remove, rename, sync_directory, with_extension};
use crate::os_disk::OsDisk;
use crate::report::RecoveryReport;
use crate::settings::StoreSettings;
use crate::store::Store;

/// So many are laid aside by starts; then somebody has to look at the disk.
const LAID_ASIDE_MAX: usize = 8;

/// The files of an index, its log last; the note stays beside it until the rest is gone.
const FILES: [&str; 4] = ["", "-wal", "-shm", NOTE];
const NOTE: &str = ".damaged";

/// A new index that is complete and not in its place yet.
const NEXT: &str = ".next";

const NOTE_BYTES_MAX: usize = 4096;

/// Notes that the index in `path` is damaged, durably.
pub(crate) fn note(path: &Path, what: &str) -> std::io::Result<()> {
    let note = with_extension(path, NOTE);
    if exists(&OsDisk, &note) {
        return Ok(());
    }
    let file = OsDisk.create_new(&note)?;
    let what = what.as_bytes();
    file.write_all_at(&[what.get(..NOTE_BYTES_MAX).unwrap_or(what)], 0)?;
    file.sync()?;
    OsDisk.sync_dir(path.parent().unwrap_or(Path::new(".")))
}

fn noted(disk: &dyn Disk, path: &Path) -> Option<String> {
    let file = disk.open_read_only(&with_extension(path, NOTE)).ok()?;
    let length = file.length_bytes().ok().and_then(|bytes| usize::try_from(bytes).ok());
    let bytes = file.read_exact_at(0, length.unwrap_or(0).min(NOTE_BYTES_MAX));
    Some(String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned())
}

impl Store {
    /// Opens the store in `root`, its media directory, with the index in the SQLite file `index_path`, and recovers what a
    /// crash left, as [`Store::open`] does. An index that is found damaged is laid aside, and a new one begins.
    ///
    /// # Errors
    ///
    /// A damaged index is refused where a new one cannot know what was deleted, and where starts have laid aside so many
    /// that the disk is to be looked at: [`StoreError::is_index_damaged`].
    pub fn open_or_begin_anew(
        disk: &Arc<dyn Disk>,
        root: &Path,
        index_path: &Path,
        settings: StoreSettings,
    ) -> Result<(Self, RecoveryReport), StoreError> {
        put_in_place(disk.as_ref(), index_path)?;
        let open = || {
            let index = Box::new(SqliteIndex::open_examined(index_path)?);
            Self::open(Arc::clone(disk), root, index, settings)
        };
        let opened = match noted(disk.as_ref(), index_path) {
            None => open(),
            Some(what) => Err(IndexError::Unsound { what }.into()),
        };
        let damage = match opened {
            Err(error) if error.is_index_damaged() => error,
            opened => return opened,
        };
        let old = lay_aside(disk.as_ref(), root, index_path, damage.clone())?;
        tracing::error!(
            damage = describe(&damage),
            old = %old.display(),
            "the index is damaged: it lies aside and a new one is made; all media is taken in again, behind the start"
        );
        let (store, mut report) = open()?;
        store.findings.set_index_new();
        report.old_index = Some(old);
        Ok((store, report))
    }
}

/// Makes a new index that knows what the journal knows, and puts it in the damaged one's place. Gives where that lies.
fn lay_aside(
    disk: &dyn Disk,
    root: &Path,
    path: &Path,
    damage: StoreError,
) -> Result<PathBuf, StoreError> {
    let _lock = IndexLock::acquire(path)?;
    let mut journal = Journal::open(disk, root)?;
    let old = (1..=LAID_ASIDE_MAX).map(|number| with_extension(path, &format!(".old-{number}")));
    let old = old.into_iter().find(|old| !exists(disk, old));
    let (true, 0, Some(old)) = (journal.is_there, journal.damaged_bytes, old) else {
        return Err(damage);
    };
    let next = with_extension(path, NEXT);
    let generation = journal.journal.begin_index(disk)?;
    make_next(disk, &next, &journal.journal, generation)?;
    replace(disk, path, &next, &old)?;
    Ok(old)
}

/// Under the name `next` there is all of it or nothing.
fn make_next(
    disk: &dyn Disk,
    next: &Path,
    journal: &Journal,
    generation: u64,
) -> Result<(), StoreError> {
    let unready = with_extension(next, "-unready");
    for path in [next, &unready] {
        for suffix in ["", "-wal", "-shm"] {
            remove(disk, &with_extension(path, suffix))?;
        }
    }
    let mut index = SqliteIndex::open(&unready)?;
    let id = StreamId(1);
    index.apply(&[
        // One that never had a stream is taken for another store's.
        Change::CreateStream { id, key: "-".to_owned() },
        Change::DeleteStream { id },
        Change::NoteDeletions { number: journal.last_number() },
        Change::ReserveMediaFiles { next_id: MediaFileId(journal.next_media_file_id()) },
        Change::SetGeneration { generation },
    ])?;
    index.close()?;
    drop(index);
    remove(disk, &IndexLock::path_of(&unready))?;
    // With its log written in and closed it is one file.
    for suffix in ["-wal", "-shm"] {
        remove(disk, &with_extension(&unready, suffix))?;
    }
    sync_directory(disk, next.parent().unwrap_or(Path::new(".")))?;
    rename(disk, &unready, next)?;
    sync_directory(disk, next.parent().unwrap_or(Path::new(".")))
}

fn replace(disk: &dyn Disk, path: &Path, next: &Path, old: &Path) -> Result<(), StoreError> {
    let directory = path.parent().unwrap_or(Path::new("."));
    for suffix in FILES {
        rename(disk, &with_extension(path, suffix), &with_extension(old, suffix))?;
    }
    sync_directory(disk, directory)?;
    rename(disk, next, path)?;
    sync_directory(disk, directory)
}

/// A start that laid an index aside was cut off before the new one was in its place.
fn put_in_place(disk: &dyn Disk, path: &Path) -> Result<(), StoreError> {
    let next = with_extension(path, NEXT);
    if exists(disk, path) || !exists(disk, &next) {
        return Ok(());
    }
    let _lock = IndexLock::acquire(path)?;
    let last = (1..=LAID_ASIDE_MAX).rev();
    let last = last.map(|number| with_extension(path, &format!(".old-{number}")));
    // What is left of the damaged one belongs to what was moved last.
    let old = last
        .into_iter()
        .find(|old| exists(disk, old))
        .unwrap_or_else(|| with_extension(path, ".old-1"));
    tracing::error!(
        old = %old.display(),
        "the index was damaged and lies aside; a start was cut off as it made a new one: all media is taken in again"
    );
    replace(disk, path, &next, &old)
}
