//! The vocabulary of the store: fragments, media files, and what is known of a stream.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use vigie_media::Timestamp;

/// The number of a media file; never reused within one index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MediaFileId(pub u64);

/// What the writer of a fragment says about it when the fragment begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FragmentMeta {
    /// Number within the stream, from [`crate::Store::reserve_sequences`]; 1 and up.
    pub sequence: u64,
    /// When the fragment begins by the producer's clock.
    pub producer_timestamp: Timestamp,
    /// When the server began to receive it; on the hub, when it was recorded.
    pub server_timestamp: Timestamp,
    /// The Cluster's own timestamp in the producer's base, in milliseconds.
    pub timecode_ms: i64,
    /// The 28 random bits at the end of its KVS fragment number.
    pub number_tail: u32,
    /// Whether it starts with a key frame.
    pub begins_with_key_frame: bool,
}

/// A whole fragment as a producer sent it.
#[derive(Clone, Debug)]
pub struct WholeFragment {
    pub meta: FragmentMeta,
    /// Media time that it covers.
    pub duration_ms: u32,
    /// Frames of all tracks together.
    pub frame_count: u32,
    /// The Cluster and the Tags after it, verbatim.
    pub bytes: Bytes,
    /// CRC-32C of `bytes`, by who took them in.
    pub crc32c: u32,
}

impl WholeFragment {
    /// Of bytes that nobody has summed yet.
    pub fn new(meta: FragmentMeta, duration_ms: u32, frame_count: u32, bytes: Bytes) -> Self {
        let crc32c = crc32c::crc32c(&bytes);
        Self { meta, duration_ms, frame_count, bytes, crc32c }
    }
}

/// One fragment as the index knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FragmentEntry {
    /// Number within the stream; 1 and up, never reused.
    pub sequence: u64,
    /// When the fragment begins by the producer's clock.
    pub producer_timestamp: Timestamp,
    /// When the server began to receive it; on the hub, when it was recorded.
    pub server_timestamp: Timestamp,
    /// The Cluster's own timestamp in the producer's base, in milliseconds.
    pub timecode_ms: i64,
    /// Media time that it covers.
    pub duration_ms: u32,
    /// Where its first byte lies in the media file.
    pub offset: u64,
    /// Length in bytes.
    pub size_bytes: u64,
    /// Frames of all tracks together.
    pub frame_count: u32,
    /// CRC-32C of its bytes.
    pub crc32c: u32,
    /// The 28 random bits at the end of its KVS fragment number.
    pub number_tail: u32,
    /// Whether it starts with a key frame.
    pub begins_with_key_frame: bool,
    /// Whether another place has it safe, so that it may go first when space is needed.
    pub uploaded: bool,
}

impl FragmentEntry {
    /// The offset behind its last byte.
    pub const fn end(&self) -> u64 {
        self.offset.saturating_add(self.size_bytes)
    }

    /// The producer's time at which its media ends.
    pub fn producer_until(&self) -> Timestamp {
        self.producer_timestamp.plus_millis(i64::from(self.duration_ms))
    }

    pub(crate) fn new(meta: &FragmentMeta, extent: Extent) -> Self {
        Self {
            sequence: meta.sequence,
            producer_timestamp: meta.producer_timestamp,
            server_timestamp: meta.server_timestamp,
            timecode_ms: meta.timecode_ms,
            duration_ms: extent.duration_ms,
            offset: extent.offset,
            size_bytes: extent.size_bytes,
            frame_count: extent.frame_count,
            crc32c: extent.crc32c,
            number_tail: meta.number_tail,
            begins_with_key_frame: meta.begins_with_key_frame,
            uploaded: false,
        }
    }

    pub(crate) const fn meta(&self) -> FragmentMeta {
        FragmentMeta {
            sequence: self.sequence,
            producer_timestamp: self.producer_timestamp,
            server_timestamp: self.server_timestamp,
            timecode_ms: self.timecode_ms,
            number_tail: self.number_tail,
            begins_with_key_frame: self.begins_with_key_frame,
        }
    }
}

/// Where a fragment's bytes lie and what they cover; for an open fragment, so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) offset: u64,
    pub(crate) size_bytes: u64,
    pub(crate) duration_ms: u32,
    pub(crate) frame_count: u32,
    pub(crate) crc32c: u32,
}

/// Whether more fragments can come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaFileState {
    /// Being written; its fragments are single rows of the index.
    Open,
    /// Complete; its length is exactly [`MediaFile::size_bytes`].
    Sealed,
    /// Given up after a failed sync. Its entries are whole; bytes behind them are cut off at the next start.
    Abandoned,
}

/// A media file as the index knows it. The ranges are over its persisted fragments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaFile {
    pub id: MediaFileId,
    pub place: Arc<MediaFilePlace>,
    /// Whether more fragments can come.
    pub state: MediaFileState,
    /// Bytes on disk; of an open file, up to its last persisted fragment.
    pub size_bytes: u64,
    /// Persisted fragments.
    pub fragment_count: u64,
    /// Fragments not yet marked uploaded.
    pub not_uploaded_count: u64,
    pub not_uploaded_size_bytes: u64,
    /// The ranges of its fragments; `None` while it has none.
    pub span: Option<MediaFileSpan>,
}

impl MediaFile {
    /// Whether the file's own row says of its fragments what `entries`, which are all of them, say.
    pub(crate) fn agrees_with(&self, entries: &[FragmentEntry]) -> bool {
        let not_uploaded = entries.iter().filter(|entry| !entry.uploaded);
        self.fragment_count == entries.len() as u64
            && self.not_uploaded_count == not_uploaded.clone().count() as u64
            && self.not_uploaded_size_bytes
                == not_uploaded.map(|entry| entry.size_bytes).sum::<u64>()
            && self.span == MediaFileSpan::of(entries)
    }
}

/// Where a media file is and how it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaFilePlace {
    pub id: MediaFileId,
    /// Relative to the store's media directory.
    pub path: PathBuf,
    /// Length of the document header (EBML, Segment, Info, Tracks) at its start.
    pub header_size_bytes: u64,
    /// CRC-32C of the document header.
    pub header_crc32c: u32,
}

/// Inclusive ranges over the fragments of a media file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaFileSpan {
    /// Smallest sequence.
    pub sequence_min: u64,
    /// Largest sequence.
    pub sequence_max: u64,
    /// Earliest producer timestamp.
    pub producer_min: Timestamp,
    /// Latest producer timestamp at which a fragment begins.
    pub producer_max: Timestamp,
    /// When its last media ends by the producer's clock.
    pub producer_until: Timestamp,
    /// Earliest server timestamp.
    pub server_min: Timestamp,
    /// Latest server timestamp.
    pub server_max: Timestamp,
}

impl MediaFileSpan {
    /// The span of `entries`; `None` when there are none.
    pub fn of(entries: &[FragmentEntry]) -> Option<Self> {
        let mut entries = entries.iter();
        let first = entries.next()?;
        let mut span = Self {
            sequence_min: first.sequence,
            sequence_max: first.sequence,
            producer_min: first.producer_timestamp,
            producer_max: first.producer_timestamp,
            producer_until: first.producer_until(),
            server_min: first.server_timestamp,
            server_max: first.server_timestamp,
        };
        for entry in entries {
            span.sequence_min = span.sequence_min.min(entry.sequence);
            span.sequence_max = span.sequence_max.max(entry.sequence);
            span.producer_min = span.producer_min.min(entry.producer_timestamp);
            span.producer_max = span.producer_max.max(entry.producer_timestamp);
            span.producer_until = span.producer_until.max(entry.producer_until());
            span.server_min = span.server_min.min(entry.server_timestamp);
            span.server_max = span.server_max.max(entry.server_timestamp);
        }
        Some(span)
    }
}

/// A fragment that can be read: its entry and its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fragment {
    pub entry: FragmentEntry,
    pub media_file: Arc<MediaFilePlace>,
}

/// What a stream holds, persisted fragments only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamTotals {
    /// Media files.
    pub media_file_count: u64,
    /// Bytes of its media files, headers and marks included, up to the last persisted fragment.
    pub size_bytes: u64,
    pub fragment_count: u64,
    /// Fragments not marked uploaded.
    pub not_uploaded_count: u64,
    pub not_uploaded_size_bytes: u64,
    /// Begin of the earliest media by the producer's clock.
    pub oldest_producer_timestamp: Option<Timestamp>,
    /// End of the latest media by the producer's clock.
    pub newest_producer_timestamp: Option<Timestamp>,
}
