//! Reads a media file that no index entry refers to, and makes durable what is whole in it: for the search behind a start and
//! for the repair.
//!
//! Decides what of its bytes is believed, by its marks and by whether it was begun since the machine booted. What is not
//! believed and may be somebody's media is copied aside before the file is cut.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use crate::boot::FilesOfThisBoot;
use crate::contents::{Contents, is_broken_off, read_whole};
use crate::cut::{keep_gaps, keep_tail, make_durable};
use crate::disk::{Disk, DiskFile};
use crate::error::StoreError;
use crate::fragment::{FragmentEntry, MediaFileId};
use crate::journal::MEDIA_FILES_PER_RESERVATION;
use crate::layout::media_file_number;
use crate::mark::marked_end;

/// What a media file without an entry turned out to be; `Media` is [`MediaOnDisk`], or what became of it.
pub(crate) enum Examined<Media> {
    /// It went meanwhile.
    Gone,
    /// It was made and nothing was written to it, or not as much as a fragment.
    Empty,
    /// Whole fragments under a file mark.
    Media(Media),
    Unreadable,
}

impl<Media> Examined<Media> {
    pub(crate) fn try_map<Other, E>(
        self,
        map: impl FnOnce(Media) -> Result<Other, E>,
    ) -> Result<Examined<Other>, E> {
        Ok(match self {
            Self::Media(media) => Examined::Media(map(media)?),
            Self::Gone => Examined::Gone,
            Self::Empty => Examined::Empty,
            Self::Unreadable => Examined::Unreadable,
        })
    }
}

/// A media file with at least one whole fragment.
pub(crate) struct MediaOnDisk {
    pub(crate) contents: Contents,
    file: Arc<dyn DiskFile>,
    bytes: Bytes,
}

/// What is whole in a media file.
pub(crate) struct WholeMedia {
    pub(crate) contents: Contents,
    pub(crate) entries: Vec<FragmentEntry>,
    /// Of the file, which ends behind the last entry and its mark.
    pub(crate) size_bytes: u64,
}

/// Reads a file and changes nothing.
pub(crate) fn examine(
    disk: &dyn Disk,
    path: &Path,
    of_this_boot: FilesOfThisBoot,
) -> Result<Examined<MediaOnDisk>, StoreError> {
    let io_error = |action| move |error| StoreError::io(action, path, error);
    let file = match disk.open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Examined::Gone),
        Err(error) => return Err(io_error("open")(error)),
    };
    let Some(bytes) = read_whole(file.as_ref()).map_err(io_error("read"))? else {
        return Ok(Examined::Unreadable);
    };
    if bytes.iter().all(|byte| *byte == 0) {
        return Ok(Examined::Empty);
    }
    let nothing_whole = || {
        let id = media_file_number(path).filter(|_| is_broken_off(&bytes));
        match id.is_some_and(|id| of_this_boot.is_as_written(id)) {
            true => Examined::Empty,
            false => Examined::Unreadable,
        }
    };
    let Some(mut contents) = Contents::of(&bytes) else { return Ok(nothing_whole()) };
    if !of_this_boot.is_as_written(contents.mark.id) {
        contents.distrust_open();
    }
    if contents.entries().is_empty() {
        let is_empty = contents.unknown_bytes == 0;
        return Ok(if is_empty { Examined::Empty } else { nothing_whole() });
    }
    Ok(Examined::Media(MediaOnDisk { contents, file, bytes }))
}

impl MediaOnDisk {
    /// Cuts it behind its last whole fragment and that one's mark, durably; its name in the directory is left to the caller.
    ///
    /// While the machine has not booted since it was begun, it is written again, for a sync may have failed on it before the
    /// crash; but not one that is so old that a thousand were begun after it (`next_id` is the next one), for it was
    /// synced when it was closed.
    pub(crate) fn make_durable(
        self,
        disk: &dyn Disk,
        root: &Path,
        path: &Path,
        of_this_boot: FilesOfThisBoot,
        next_id: MediaFileId,
    ) -> Result<WholeMedia, StoreError> {
        let Self { contents, file, bytes } = &self;
        let id = contents.mark.id;
        if let Some(last) = contents.entries().last() {
            keep_gaps(disk, root, path, bytes, contents)?;
            let place = contents.place(PathBuf::new());
            let is_as_written = of_this_boot.is_as_written(id);
            keep_tail(disk, root, path, file.as_ref(), &place, last, is_as_written)?;
            let is_long_closed = id.0.saturating_add(MEDIA_FILES_PER_RESERVATION) < next_id.0;
            let is_synced = is_long_closed || !of_this_boot.may_be_unsynced(id);
            make_durable(file.as_ref(), if is_synced { last.offset } else { 0 }, last)
                .map_err(|error| StoreError::io("write", path, error))?;
        }
        Ok(self.cut())
    }

    /// What it is once it is cut, for whoever only asks.
    pub(crate) fn cut(self) -> WholeMedia {
        let entries = self.contents.entries();
        let size_bytes = entries.last().map_or(0, marked_end);
        WholeMedia { contents: self.contents, entries, size_bytes }
    }
}
