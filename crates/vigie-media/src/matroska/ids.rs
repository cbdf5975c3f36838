//! Element ids, with their marker bits, as RFC 8794 (EBML) and RFC 9559 (Matroska) list them.

/// EBML header.
pub const EBML: u32 = 0x1A45_DFA3;
/// `EBMLVersion`.
pub const EBML_VERSION: u32 = 0x4286;
/// `EBMLReadVersion`.
pub const EBML_READ_VERSION: u32 = 0x42F7;
/// `EBMLMaxIDLength`.
pub const EBML_MAX_ID_LENGTH: u32 = 0x42F2;
/// `EBMLMaxSizeLength`.
pub const EBML_MAX_SIZE_LENGTH: u32 = 0x42F3;
/// `DocType`.
pub const DOC_TYPE: u32 = 0x4282;
/// `DocTypeVersion`.
pub const DOC_TYPE_VERSION: u32 = 0x4287;
/// `DocTypeReadVersion`.
pub const DOC_TYPE_READ_VERSION: u32 = 0x4285;
/// `Void`: padding, anywhere.
pub const VOID: u32 = 0xEC;
/// `CRC-32`, anywhere.
pub const CRC_32: u32 = 0xBF;

/// `Segment`.
pub const SEGMENT: u32 = 0x1853_8067;
/// `SeekHead`.
pub const SEEK_HEAD: u32 = 0x114D_9B74;
/// `Info`.
pub const INFO: u32 = 0x1549_A966;
/// `Tracks`.
pub const TRACKS: u32 = 0x1654_AE6B;
/// `Cluster`.
pub const CLUSTER: u32 = 0x1F43_B675;
/// `Cues`.
pub const CUES: u32 = 0x1C53_BB6B;
/// `Attachments`.
pub const ATTACHMENTS: u32 = 0x1941_A469;
/// `Chapters`.
pub const CHAPTERS: u32 = 0x1043_A770;
/// `Tags`.
pub const TAGS: u32 = 0x1254_C367;

/// `TimestampScale`.
pub const TIMESTAMP_SCALE: u32 = 0x2A_D7B1;
/// `MuxingApp`.
pub const MUXING_APP: u32 = 0x4D80;
/// `WritingApp`.
pub const WRITING_APP: u32 = 0x5741;

/// `Duration`, in ticks.
pub const DURATION: u32 = 0x4489;
/// `DateUTC`, nanoseconds since 2001.
pub const DATE_UTC: u32 = 0x4461;

/// `Seek`.
pub const SEEK: u32 = 0x4DBB;
/// `SeekID`.
pub const SEEK_ID: u32 = 0x53AB;
/// `SeekPosition`, from the start of the Segment's data.
pub const SEEK_POSITION: u32 = 0x53AC;

/// `CuePoint`.
pub const CUE_POINT: u32 = 0xBB;
/// `CueTime`, in ticks.
pub const CUE_TIME: u32 = 0xB3;
/// `CueTrackPositions`.
pub const CUE_TRACK_POSITIONS: u32 = 0xB7;
/// `CueTrack`.
pub const CUE_TRACK: u32 = 0xF7;
/// `CueClusterPosition`, from the start of the Segment's data.
pub const CUE_CLUSTER_POSITION: u32 = 0xF1;

/// `TrackEntry`.
pub const TRACK_ENTRY: u32 = 0xAE;
/// `TrackNumber`.
pub const TRACK_NUMBER: u32 = 0xD7;
/// `TrackUID`.
pub const TRACK_UID: u32 = 0x73C5;
/// `TrackType`.
pub const TRACK_TYPE: u32 = 0x83;
/// `FlagLacing`.
pub const FLAG_LACING: u32 = 0x9C;
/// `DefaultDuration`, nanoseconds per frame.
pub const DEFAULT_DURATION: u32 = 0x23_E383;
/// `Name`.
pub const NAME: u32 = 0x536E;
/// `CodecID`.
pub const CODEC_ID: u32 = 0x86;
/// `CodecPrivate`.
pub const CODEC_PRIVATE: u32 = 0x63A2;
/// `ContentEncodings`: compressed or encrypted frames.
pub const CONTENT_ENCODINGS: u32 = 0x6D80;
/// `ContentEncoding`.
pub const CONTENT_ENCODING: u32 = 0x6240;
/// `ContentEncodingScope`: what it applies to, a sum of bits.
pub const CONTENT_ENCODING_SCOPE: u32 = 0x5032;
/// `ContentEncodingType`: 0 compression, 1 encryption.
pub const CONTENT_ENCODING_TYPE: u32 = 0x5033;
/// `ContentCompression`.
pub const CONTENT_COMPRESSION: u32 = 0x5034;
/// `ContentCompAlgo`.
pub const CONTENT_COMP_ALGO: u32 = 0x4254;
/// `ContentCompSettings`: the bytes that header stripping left out.
pub const CONTENT_COMP_SETTINGS: u32 = 0x4255;
/// `Video`.
pub const VIDEO: u32 = 0xE0;
/// `PixelWidth`.
pub const PIXEL_WIDTH: u32 = 0xB0;
/// `PixelHeight`.
pub const PIXEL_HEIGHT: u32 = 0xBA;
/// `Audio`.
pub const AUDIO: u32 = 0xE1;
/// `SamplingFrequency`.
pub const SAMPLING_FREQUENCY: u32 = 0xB5;
/// `Channels`.
pub const CHANNELS: u32 = 0x9F;
/// `BitDepth`.
pub const BIT_DEPTH: u32 = 0x6264;

/// Cluster `Timestamp`.
pub const TIMESTAMP: u32 = 0xE7;
/// `SimpleBlock`.
pub const SIMPLE_BLOCK: u32 = 0xA3;
/// `BlockGroup`.
pub const BLOCK_GROUP: u32 = 0xA0;
/// `Block`.
pub const BLOCK: u32 = 0xA1;
/// `BlockDuration`.
pub const BLOCK_DURATION: u32 = 0x9B;
/// `ReferenceBlock`: present when the block needs another one.
pub const REFERENCE_BLOCK: u32 = 0xFB;

/// `Tag`.
pub const TAG: u32 = 0x7373;
/// `SimpleTag`.
pub const SIMPLE_TAG: u32 = 0x67C8;
/// `TagName`.
pub const TAG_NAME: u32 = 0x45A3;
/// `TagString`.
pub const TAG_STRING: u32 = 0x4487;
/// `TagBinary`.
pub const TAG_BINARY: u32 = 0x4485;

/// Whether an element with this id can only stand at the top level or as a child of the Segment: it ends a
/// Cluster of unknown size (RFC 8794 §6.2).
pub const fn ends_cluster(id: u32) -> bool {
    matches!(
        id,
        EBML | SEGMENT | SEEK_HEAD | INFO | TRACKS | CLUSTER | CUES | ATTACHMENTS | CHAPTERS | TAGS
    )
}
