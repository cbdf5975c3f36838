//! The index seam: what the store asks of the database that knows its media files and fragments.
//!
//! Decides nothing about files: it takes a list of changes as one transaction and answers reads from what is
//! committed. It never opens a media file.

mod merge;
mod pack;
mod runs;
mod schema;
mod sound;
mod sqlite;
mod sqlite_connection;
mod sqlite_files;
mod sqlite_read;
mod sqlite_rows;
mod varint;
mod wal;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use vigie_media::Timestamp;

pub use sqlite::{IndexLock, SqliteIndex};

use crate::error::IndexError;
use crate::fragment::{
    Fragment, FragmentEntry, MediaFile, MediaFileId, MediaFilePlace, MediaFileState, StreamTotals,
};

/// How long a connection waits for a lock. Only the recovery of SQLite's log after a crash makes one wait.
const BUSY_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(10);

/// The number of a stream in the index; never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub u64);

/// One change of the index. A commit is a list of them, all or nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A stream is used for the first time.
    CreateStream { id: StreamId, key: String },
    /// Sequences below `next_sequence` may be handed out: after a crash the stream goes on from there.
    ReserveSequences {
        id: StreamId,
        /// The first one that may not.
        next_sequence: u64,
    },
    /// A media file exists, durably, with its header.
    CreateMediaFile { stream: StreamId, place: Arc<MediaFilePlace> },
    /// Fragments of an open media file are whole and durable. Ends its open fragment.
    AppendFragments { id: MediaFileId, entries: Vec<FragmentEntry> },
    /// The open fragment is durable so far.
    SetOpenFragment {
        id: MediaFileId,
        /// The fragment so far.
        entry: FragmentEntry,
    },
    /// No more fragments will come: they are packed.
    CloseMediaFile {
        id: MediaFileId,
        /// Sealed or abandoned.
        state: MediaFileState,
        /// Its length.
        size_bytes: u64,
    },
    /// A media file that is complete, with all that it holds: as if it had been created, filled, closed and its
    /// uploads marked, without a row for each fragment on the way.
    AddSealedMediaFile {
        stream: StreamId,
        place: Arc<MediaFilePlace>,
        /// Its fragments by offset, at least one; those marked uploaded count as uploaded.
        entries: Vec<FragmentEntry>,
        /// Its length.
        size_bytes: u64,
    },
    /// Another place has these fragments. Those that are gone are passed over.
    MarkUploaded {
        stream: StreamId,
        /// Its fragments.
        sequences: Vec<u64>,
    },
    /// Numbers of media files below `next_id` may be used: after a crash the store goes on from there.
    ReserveMediaFiles {
        /// The first one that may not.
        next_id: MediaFileId,
    },
    /// The file and its fragments are to go. That it may still be on the disk is noted.
    DeleteMediaFile { id: MediaFileId },
    /// The file's row and its fragments go, and nothing else: its file stays where it is.
    ForgetMediaFile { id: MediaFileId },
    /// Files of deleted entries are not on the disk any more.
    ForgetRemovals {
        /// Their numbers.
        ids: Vec<MediaFileId>,
    },
    /// Which index it is of those that were begun anew.
    SetGeneration {
        /// See [`IndexRead::generation`].
        generation: u64,
    },
    /// The stream and all that it has are to go, as with [`Change::DeleteMediaFile`].
    DeleteStream { id: StreamId },
    /// Deletions up to this number of the journal are in the index.
    NoteDeletions { number: u64 },
}

/// A stream of the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamRow {
    pub id: StreamId,
    pub key: String,
    /// The first sequence that was never reserved.
    pub next_sequence: u64,
}

/// A media file that was not sealed when the store was last closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnsealedMediaFile {
    pub stream: StreamId,
    pub media_file: MediaFile,
    /// Its fragments, by offset.
    pub entries: Vec<FragmentEntry>,
    /// Its open fragment as of the last commit.
    pub open_fragment: Option<FragmentEntry>,
}

/// By what fragments are ordered and selected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FragmentOrder {
    /// By sequence: the order of ingestion.
    Sequence,
    /// By producer timestamp, then sequence.
    ProducerTimestamp,
    /// By server timestamp, then sequence.
    ServerTimestamp,
}

impl FragmentOrder {
    /// The value of `entry` by which it is ordered: sequence, or milliseconds since the epoch.
    pub fn value(self, entry: &FragmentEntry) -> i64 {
        match self {
            Self::Sequence => i64::try_from(entry.sequence).unwrap_or(i64::MAX),
            Self::ProducerTimestamp => entry.producer_timestamp.as_millis(),
            Self::ServerTimestamp => entry.server_timestamp.as_millis(),
        }
    }

    /// Where `entry` stands in this order: what to pass as [`FragmentQuery::after`] to go on behind it.
    pub fn position(self, entry: &FragmentEntry) -> FragmentPosition {
        FragmentPosition { value: self.value(entry), sequence: entry.sequence }
    }
}

/// A place in an order, between fragments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FragmentPosition {
    /// [`FragmentOrder::value`].
    pub value: i64,
    /// The sequence, where values are equal.
    pub sequence: u64,
}

/// Which fragments of a stream, in which order, how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FragmentQuery {
    pub order: FragmentOrder,
    /// The smallest [`FragmentOrder::value`] wanted.
    pub from: i64,
    /// The largest wanted, itself included.
    pub until: i64,
    /// Only those behind this place: where the previous page ended.
    pub after: Option<FragmentPosition>,
    /// Only those not marked uploaded.
    pub not_uploaded: bool,
    /// At most so many.
    pub limit: usize,
}

impl FragmentQuery {
    /// All fragments in `order`, `limit` at most.
    pub const fn all(order: FragmentOrder, limit: usize) -> Self {
        Self { order, from: i64::MIN, until: i64::MAX, after: None, not_uploaded: false, limit }
    }

    /// Those whose producer timestamp is in `from..=until`.
    pub const fn producer_range(from: Timestamp, until: Timestamp, limit: usize) -> Self {
        let (from, until) = (from.as_millis(), until.as_millis());
        Self { from, until, ..Self::all(FragmentOrder::ProducerTimestamp, limit) }
    }

    /// Those whose server timestamp is in `from..=until`.
    pub const fn server_range(from: Timestamp, until: Timestamp, limit: usize) -> Self {
        let (from, until) = (from.as_millis(), until.as_millis());
        Self { from, until, ..Self::all(FragmentOrder::ServerTimestamp, limit) }
    }

    /// What still has to be uploaded, oldest first, behind `after_sequence`.
    pub fn not_uploaded(after_sequence: u64, limit: usize) -> Self {
        let from = i64::try_from(after_sequence.saturating_add(1)).unwrap_or(i64::MAX);
        Self { from, not_uploaded: true, ..Self::all(FragmentOrder::Sequence, limit) }
    }

    /// This query, going on behind `position`.
    pub const fn after(self, position: FragmentPosition) -> Self {
        Self { after: Some(position), ..self }
    }
}

/// Which closed media files of a stream, in the order of their ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClosedQuery {
    /// Those that are wholly uploaded, or the others.
    pub uploaded: bool,
    /// Only those behind this one: the last of the page before.
    pub after: Option<ClosedPosition>,
    /// At most so many.
    pub limit: usize,
}

/// Where a closed media file stands in the order of ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClosedPosition {
    /// Its end; `None` for one without fragments, which stands behind all others.
    pub producer_until: Option<Timestamp>,
    pub id: MediaFileId,
}

impl ClosedPosition {
    /// Of `file`.
    pub fn of(file: &MediaFile) -> Self {
        Self { producer_until: file.span.map(|span| span.producer_until), id: file.id }
    }
}

/// The writer's side of the index.
pub trait Index: Send {
    /// Commits all of `changes` durably in one transaction, or none of them.
    fn apply(&mut self, changes: &[Change]) -> Result<(), IndexError>;
    /// Puts everything into the index's one file, where its log is another: what is lost of that then loses nothing.
    fn checkpoint(&mut self) -> Result<(), IndexError> {
        Ok(())
    }
    /// The graceful end: as [`Index::checkpoint`], and the index says that it was closed.
    fn close(&mut self) -> Result<(), IndexError> {
        Ok(())
    }
    /// A way to read that other threads can use while this one writes.
    fn reader(&self) -> Arc<dyn IndexRead>;
    /// Whether nothing is left to be examined: [`IndexRead::examine`] found nothing when it was opened, or was not asked for.
    /// Else the search behind the start does it.
    fn is_examined(&self) -> bool {
        true
    }
    /// What was found to be damaged while it was read, by whichever thread.
    fn found_damage(&self) -> Option<String> {
        None
    }
    /// Notes durably that it is damaged, so that the next start lays it aside, whether that finds the damage or not.
    fn note_damage(&mut self, what: &str) -> Result<(), IndexError> {
        let _ = what;
        Ok(())
    }
}

/// Reads of what is committed.
pub trait IndexRead: Send + Sync {
    /// All streams, by number.
    fn streams(&self) -> Result<Vec<StreamRow>, IndexError>;
    fn stream(&self, key: &str) -> Result<Option<StreamRow>, IndexError>;
    /// Fragments of a stream.
    fn fragments(
        &self,
        stream: StreamId,
        query: &FragmentQuery,
    ) -> Result<Vec<Fragment>, IndexError>;
    /// The last fragment whose [`FragmentOrder::value`] is `value` or less; the newest with `i64::MAX`.
    fn last_at_or_before(
        &self,
        stream: StreamId,
        order: FragmentOrder,
        value: i64,
    ) -> Result<Option<Fragment>, IndexError>;
    /// The media files of a stream, oldest first (by sequence; those without fragments last).
    fn media_files(&self, stream: StreamId) -> Result<Vec<MediaFile>, IndexError>;
    /// One media file and its stream.
    fn media_file(&self, id: MediaFileId) -> Result<Option<(StreamId, MediaFile)>, IndexError>;
    /// The fragments of a media file, by offset.
    fn fragments_of(&self, id: MediaFileId) -> Result<Vec<FragmentEntry>, IndexError>;
    /// What a stream holds. Costs the same however much that is.
    fn totals(&self, stream: StreamId) -> Result<StreamTotals, IndexError>;
    /// Bytes of each stream's media files, of all streams at once.
    fn sizes(&self) -> Result<BTreeMap<StreamId, u64>, IndexError>;
    /// The open media files of a stream: one, or a few after a crash.
    fn open_media_files(&self, stream: StreamId) -> Result<Vec<MediaFile>, IndexError>;
    /// A page of the closed media files of a stream, wholly uploaded or not, the one that ended first first.
    fn closed_media_files(
        &self,
        stream: StreamId,
        query: ClosedQuery,
    ) -> Result<Vec<MediaFile>, IndexError>;
    /// Up to `limit` closed media files of a stream all of whose fragments have server timestamps below `before`.
    fn received_before(
        &self,
        stream: StreamId,
        before: Timestamp,
        limit: usize,
    ) -> Result<Vec<MediaFileId>, IndexError>;
    /// The time that closed media files cover which are not wholly uploaded, in up to `limit` ranges in the order of
    /// their ends; the last one spans the rest. Each costs a few searches, however many files lie in it.
    fn not_uploaded_ranges(
        &self,
        stream: StreamId,
        limit: usize,
    ) -> Result<Vec<Range<Timestamp>>, IndexError>;
    /// Up to `limit` media files behind number `after`, by number: where they are.
    fn places(
        &self,
        after: MediaFileId,
        limit: usize,
    ) -> Result<Vec<(MediaFileId, PathBuf)>, IndexError>;
    /// Where the media file with this number is.
    fn place(&self, id: MediaFileId) -> Result<Option<PathBuf>, IndexError>;
    /// Deleted media files that may still be on the disk.
    fn removals(&self) -> Result<Vec<(MediaFileId, PathBuf)>, IndexError>;
    /// Media files that are open or abandoned.
    fn unsealed_media_files(&self) -> Result<Vec<UnsealedMediaFile>, IndexError>;
    /// The smallest media file number that was never used.
    fn next_media_file_id(&self) -> Result<MediaFileId, IndexError>;
    /// The smallest stream number that was never used.
    fn next_stream_id(&self) -> Result<StreamId, IndexError>;
    /// Up to which deletion of the journal the index knows; `None` where it never knew a journal.
    fn deletion_number(&self) -> Result<Option<u64>, IndexError>;
    /// Which index it is of those that were begun anew beside this media; the journal knows the newest.
    fn generation(&self) -> Result<u64, IndexError>;
    /// The boot in which the store was last opened, of an index that was written before the journal had it.
    fn boot_id(&self) -> Result<Option<String>, IndexError>;
    /// In which ways the index is not sound in itself; empty when it is.
    fn unsound(&self) -> Result<Vec<String>, IndexError>;
    /// Looks at all of the index, rows that do not agree with their fragments included: the first damage is the error.
    fn examine(&self) -> Result<(), IndexError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
