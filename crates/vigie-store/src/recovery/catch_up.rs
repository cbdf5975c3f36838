//! The index is brought up to what the journal says: what was deleted since it was written is deleted in it, and no number
//! that was handed out since is handed out again.
//!
//! The present boot is noted in the journal. Decides by the two alone; it reads no media.

use std::path::Path;

use crate::boot::boot_of_index;
use crate::disk::Disk;
use crate::error::StoreError;
use crate::fragment::MediaFileId;
use crate::index::{Change, Index, IndexRead, StreamRow};
use crate::journal::{Deletion, Journal, Opened};

/// Numbers that are passed over where a journal is lost: those that were handed out since the index was written.
const NUMBER_GAP: u64 = 1_000_000;

/// What became of it.
pub(super) struct CaughtUp {
    pub(super) journal: Journal,
    /// The index is older than its media, which is not all compared with it yet.
    pub(super) is_older: bool,
}

/// Reads the journal, makes one where there is none, and tells the index what it does not know.
pub(super) fn catch_up(
    disk: &dyn Disk,
    root: &Path,
    index: &mut dyn Index,
) -> Result<CaughtUp, StoreError> {
    let reader = index.reader();
    let Opened { mut journal, is_there, damaged_bytes } = Journal::open(disk, root)?;
    let known = reader.deletion_number()?;
    let rows = reader.streams()?;
    if damaged_bytes > 0 {
        tracing::warn!(
            damaged_bytes,
            "the journal of deletions is damaged; what is whole in it is kept"
        );
    }
    let is_lost = !is_there && known.is_some();
    if is_lost {
        tracing::warn!(
            root = %root.display(),
            "the journal of deletions is gone, and a new one is made: numbers are passed over"
        );
    }
    let mut changes = Vec::new();
    let behind = known.unwrap_or(0);
    if journal.last_number() > behind && is_there {
        let deletions = journal.entries_after(behind).count();
        tracing::warn!(
            deletions,
            "the index is older than its media: what was deleted since is deleted in it, what was written since is taken in"
        );
        for entry in journal.entries_after(behind) {
            delete_again(reader.as_ref(), &rows, &entry.deletion, &mut changes)?;
        }
    }
    let has_begun = journal.next_media_file_id() > reader.next_media_file_id()?.0;
    journal.raise_generation(reader.generation()?);
    let mut is_older = journal.generation() > reader.generation()?;
    if is_there && !is_older && (journal.last_number() > behind || has_begun) {
        // What it is told now hides that it is older. Until all media is compared with it the next start is to know.
        journal.begin_index(disk)?;
        is_older = true;
    }
    journal.raise_number(behind);
    if has_begun {
        tracing::warn!(
            "media files were begun that the index does not know of: it is older than its media, which says what is missing"
        );
    }
    let gap = if is_lost { NUMBER_GAP } else { 0 };
    let next_id = reader.next_media_file_id()?.0.max(journal.next_media_file_id());
    let next_id = next_id.saturating_add(gap);
    let reserved: Vec<(&StreamRow, u64)> = rows
        .iter()
        .map(|row| {
            let known = journal.next_sequence(&row.key).unwrap_or(0);
            (row, row.next_sequence.max(known).saturating_add(gap))
        })
        .collect();
    if next_id > reader.next_media_file_id()?.0 {
        // The index first: one that knows of fewer than the journal is older.
        index.apply(&[Change::ReserveMediaFiles { next_id: MediaFileId(next_id) }])?;
    }
    journal.reserve_media_files(disk, next_id)?;
    journal.begin_boot(disk, boot_of_index(reader.as_ref())?)?;
    journal
        .reserve_sequences(disk, reserved.iter().map(|(row, next)| (row.key.as_str(), *next)))?;
    for (row, next_sequence) in reserved {
        if next_sequence > row.next_sequence {
            changes.push(Change::ReserveSequences { id: row.id, next_sequence });
        }
    }
    if known != Some(journal.last_number()) {
        changes.push(Change::NoteDeletions { number: journal.last_number() });
    }
    if !changes.is_empty() {
        index.apply(&changes)?;
    }
    Ok(CaughtUp { journal, is_older })
}

/// What a deletion took of the index, if that still has it.
fn delete_again(
    reader: &dyn IndexRead,
    rows: &[StreamRow],
    deletion: &Deletion,
    changes: &mut Vec<Change>,
) -> Result<(), StoreError> {
    let of_key = |key: &str| rows.iter().find(|row| row.key == key);
    match deletion {
        Deletion::Files { key, ids } => {
            let Some(row) = of_key(key) else { return Ok(()) };
            for id in ids {
                let known = reader.media_file(*id)?;
                if known.is_some_and(|(stream, _)| stream == row.id) {
                    changes.push(Change::DeleteMediaFile { id: *id });
                }
            }
        }
        Deletion::Stream { key, .. } => {
            changes.extend(of_key(key).map(|row| Change::DeleteStream { id: row.id }));
        }
        Deletion::Discarded { .. } => {}
    }
    Ok(())
}
