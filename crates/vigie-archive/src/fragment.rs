//! A fragment: as it is handed in, and as it is kept.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use vigie_media::Timestamp;

/// What is known of a fragment when it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FragmentMeta {
    /// Number within the stream, of those that its writer reserved; 1 and up.
    pub sequence: u64,
    /// When the fragment begins by the producer's clock.
    pub producer_timestamp: Timestamp,
    /// When the server began to receive it.
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
    /// What it is.
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

/// Names the document that fragments belong to: those of one id have the same document header, byte for byte. One header may
/// have several ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DocumentId(pub u128);

/// Where a fragment lies; only its engine knows what it means.
#[derive(Clone)]
pub struct Location {
    id: u128,
    place: Arc<dyn Any + Send + Sync>,
}

impl Location {
    /// What no other bytes of the engine have, and how the engine finds them.
    pub fn new(id: u128, place: Arc<dyn Any + Send + Sync>) -> Self {
        Self { id, place }
    }

    /// The same for the same bytes, for who keeps some of them in memory.
    pub const fn id(&self) -> u128 {
        self.id
    }

    /// The engine's own; `None` of another engine.
    pub fn place<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        Arc::clone(&self.place).downcast().ok()
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Location({:x})", self.id)
    }
}

impl PartialEq for Location {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Location {}

/// A persisted fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredFragment {
    /// Number within the stream; 1 and up, never reused.
    pub sequence: u64,
    /// When the fragment begins by the producer's clock.
    pub producer_timestamp: Timestamp,
    /// When the server began to receive it.
    pub server_timestamp: Timestamp,
    /// The Cluster's own timestamp in the producer's base, in milliseconds.
    pub timecode_ms: i64,
    /// Media time that it covers.
    pub duration_ms: u32,
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
    /// The document that it belongs to.
    pub document: DocumentId,
    /// Where it lies.
    pub at: Location,
}

impl StoredFragment {
    /// The producer's time at which its media ends.
    pub fn producer_until(&self) -> Timestamp {
        self.producer_timestamp.plus_millis(i64::from(self.duration_ms))
    }
}
