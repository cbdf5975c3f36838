//! How much of an untrusted document the reader takes.

/// Bounds on what is held in memory. Sizes in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// EBML header up to the first Cluster; also an unknown element between Clusters.
    pub header_bytes_max: usize,
    /// One fragment: its Cluster and the Tags after it.
    pub fragment_bytes_max: usize,
    /// Declared tracks.
    pub tracks_max: usize,
    /// One Tags element.
    pub tags_bytes_max: usize,
    /// Tags of one fragment, reserved `AWS_KINESISVIDEO_` ones not counted.
    pub tags_per_fragment_max: usize,
    /// UTF-8 bytes of a tag's name.
    pub tag_name_bytes_max: usize,
    /// UTF-8 bytes of a tag's value.
    pub tag_value_bytes_max: usize,
    /// Whether tracks may have ContentEncodings. Where a document goes on to others as it came they may not: nobody
    /// behind this reader would take their frames for what they are.
    pub content_encodings: bool,
}

impl Limits {
    /// What PutMedia takes (KVS quotas: 50 MB a fragment, 3 tracks, 10 tags of 128 and 256 bytes).
    pub const KVS: Self = Self {
        header_bytes_max: 1 << 20,
        fragment_bytes_max: 50 << 20,
        tracks_max: 3,
        tags_bytes_max: 64 << 10,
        tags_per_fragment_max: 10,
        tag_name_bytes_max: 128,
        tag_value_bytes_max: 256,
        content_encodings: false,
    };

    /// For files of any program: more tracks and tags, compressed ones too, the same memory for a fragment.
    pub const FILE: Self = Self {
        header_bytes_max: 16 << 20,
        tracks_max: 64,
        tags_bytes_max: 1 << 20,
        tags_per_fragment_max: 4096,
        tag_name_bytes_max: 4096,
        tag_value_bytes_max: 1 << 20,
        content_encodings: true,
        ..Self::KVS
    };
}
