//! Fragments as cameras make them: a Cluster with one block.

use bytes::Bytes;
use vigie_media::matroska::writer;
use vigie_media::{Timestamp, Track, TrackKind, codec_id};
use vigie_store::{FragmentMeta, WholeFragment};

/// When the media begins.
pub(super) const BEGIN: Timestamp = Timestamp::from_millis(1_763_829_180_000);

/// Key of the `number`-th camera.
pub(super) fn key(number: usize) -> String {
    format!("camera-{number}.1763829180000")
}

/// A document header of one H.264 track.
pub(super) fn header() -> Bytes {
    Bytes::from(writer::document_header(&[Track {
        number: 1,
        kind: TrackKind::Video,
        name: "camera".to_owned(),
        codec_id: codec_id::H264.to_owned(),
        codec_private: Bytes::from_static(&[1, 2, 3]),
        video: None,
        audio: None,
    }]))
}

/// A Cluster of `size_bytes`.
pub(super) fn cluster(size_bytes: usize) -> Bytes {
    let mut bytes = writer::cluster_start(BEGIN).to_vec();
    let data_bytes = size_bytes.saturating_sub(bytes.len() + 12).max(1);
    bytes.extend_from_slice(&writer::simple_block_header(1, 0, true, data_bytes));
    let mut state = 0x9E37_79B9u32;
    bytes.extend((0..data_bytes).map(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    }));
    Bytes::from(bytes)
}

/// The facts of a fragment that begins at `at` and came `50 ms` later.
pub(super) fn meta(sequence: u64, at: Timestamp) -> FragmentMeta {
    FragmentMeta {
        sequence,
        producer_timestamp: at,
        server_timestamp: at.plus_millis(50),
        timecode_ms: at.as_millis(),
        number_tail: sequence as u32 & 0x0FFF_FFFF,
        begins_with_key_frame: true,
    }
}

/// A whole fragment.
pub(super) fn fragment(
    sequence: u64,
    at: Timestamp,
    duration_ms: u32,
    bytes: Bytes,
) -> WholeFragment {
    WholeFragment::new(meta(sequence, at), duration_ms, 50, bytes)
}
