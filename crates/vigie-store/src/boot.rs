//! Which media files were begun since the machine booted.
//!
//! No power was lost since: each byte of them is as it was written, so that a whole frame in them is one, though a frame has
//! no checksum of its own. But a sync of them may have failed, and the kernel then holds as clean what is not on the disk.
//! Decides by what the journal has, which lies beside the media: an index may be lost, or older than the media.

use crate::disk::Disk;
use crate::error::StoreError;
use crate::fragment::MediaFileId;
use crate::index::IndexRead;

/// A boot of the machine in which the store was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Boot {
    /// See [`Disk::boot_id`].
    pub(crate) id: String,
    /// Numbers of media files rise: those from here on were begun in this boot or later.
    pub(crate) first: MediaFileId,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FilesOfThisBoot {
    From(MediaFileId),
    None,
    Unknown,
}

impl FilesOfThisBoot {
    /// By the boot that was written down last.
    pub(crate) fn of(last: Option<&Boot>, disk: &dyn Disk) -> Self {
        match (last, disk.boot_id()) {
            (Some(last), Some(present)) if last.id == present => Self::From(last.first),
            (Some(_), Some(_)) => Self::None,
            _ => Self::Unknown,
        }
    }

    /// Whether all bytes of a file are known to be as they were written.
    pub(crate) fn is_as_written(self, id: MediaFileId) -> bool {
        matches!(self, Self::From(first) if id >= first)
    }

    /// Whether the kernel may hold bytes of a file as clean that are not on the disk.
    pub(crate) fn may_be_unsynced(self, id: MediaFileId) -> bool {
        self == Self::Unknown || self.is_as_written(id)
    }
}

/// The boot that an index of an older version has, which wrote it down when it had sealed what was open before: what is open
/// in it was begun since.
pub(crate) fn boot_of_index(index: &dyn IndexRead) -> Result<Option<Boot>, StoreError> {
    let Some(id) = index.boot_id()? else { return Ok(None) };
    let open = index.unsealed_media_files()?;
    let first = open.iter().map(|unsealed| unsealed.media_file.id).min();
    Ok(Some(Boot { id, first: first.map_or_else(|| index.next_media_file_id(), Ok)? }))
}
