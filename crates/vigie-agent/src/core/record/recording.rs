//! A source whose tracks are known, and the fragment that is written of it.
//!
//! Frames are never copied here: a fragment's bytes go to the store as a list of parts, block heads of a few bytes and
//! the frames' data where the source received it.

use bytes::{Bytes, BytesMut};
use vigie_engine::fragmenter::{Command, Fragmenter};
use vigie_media::matroska::writer;
use vigie_media::{Frame, Timestamp, Track};
use vigie_store::{Store, StoreError};

/// The length of a fragment's only frame when nothing else tells it.
pub(super) const FRAME_MS_DEFAULT: i64 = 40;
/// The fragment metadata of a fragment during which packets were lost: how many.
const PACKETS_LOST_TAG: &str = "VIGIE_RTP_PACKETS_LOST";

/// A source whose tracks are known.
pub(super) struct Recording {
    pub(super) tracks: Vec<Track>,
    pub(super) header: Bytes,
    pub(super) fragmenter: Fragmenter,
    pub(super) fragment: Option<OpenFragment>,
    /// Packets that were lost before the next frame, or of it.
    pub(super) lost_before_next: u64,
    /// Reused from batch to batch.
    pub(super) commands: Vec<Command>,
    pub(super) cut_groups_said: u64,
    pub(super) dropped_frames_said: u64,
}

/// The fragment that is being written.
pub(super) struct OpenFragment {
    start: Timestamp,
    /// Greatest timecode in it, relative to its start.
    last_ms: i64,
    video_frames: i64,
    /// Packets that were lost of its frames, or before them.
    packets_lost: u64,
    /// What is still to be handed to the store, and so many frames.
    parts: Vec<Bytes>,
    frame_count: u32,
    /// Where block heads lie, many in one piece of memory.
    heads: BytesMut,
}

/// Room for the block heads of some seconds.
const HEADS_BYTES: usize = 1024;

impl OpenFragment {
    pub(super) fn begin(start: Timestamp) -> Self {
        let mut fragment = Self {
            start,
            last_ms: 0,
            video_frames: 0,
            packets_lost: 0,
            parts: Vec::new(),
            frame_count: 0,
            heads: BytesMut::with_capacity(HEADS_BYTES),
        };
        fragment.push(&writer::cluster_start(start));
        fragment
    }

    /// Packets were lost. The first ones are marked at once, inside: the end of the fragment, where all of them are said, is
    /// not written when the hub loses its power before.
    pub(super) fn lose(&mut self, packets: u64) {
        if packets > 0 && self.packets_lost == 0 {
            self.push(&writer::void(PACKETS_LOST_TAG.as_bytes()));
        }
        self.packets_lost += packets;
    }

    /// The next frame; `is_leading`: of the track that tells how long the fragment is.
    pub(super) fn frame(&mut self, frame: Frame, relative_ms: i16, is_leading: bool) {
        let Frame { track_number, key_frame, data, .. } = frame;
        if is_leading {
            self.last_ms = self.last_ms.max(i64::from(relative_ms));
            self.video_frames += 1;
        }
        self.push(&writer::simple_block_header(track_number, relative_ms, key_frame, data.len()));
        self.parts.extend(data.into_parts());
        self.frame_count += 1;
    }

    pub(super) fn start(&self) -> Timestamp {
        self.start
    }

    /// A few bytes that stand before or between frames.
    fn push(&mut self, head: &[u8]) {
        self.heads.extend_from_slice(head);
        self.parts.push(self.heads.split().freeze());
    }

    /// Media time so far: from its start to the end of its last frame, all frames taken to be as long as each other.
    pub(super) fn duration_ms(&self) -> i64 {
        let frame_ms = match self.video_frames {
            0 | 1 => FRAME_MS_DEFAULT,
            frames => self.last_ms / (frames - 1),
        };
        self.last_ms + frame_ms
    }

    /// Hands what is collected of it to the store.
    pub(super) fn append(&mut self, key: &str, store: &mut Store) -> Result<(), StoreError> {
        if self.frame_count == 0 {
            return Ok(());
        }
        let duration_ms = duration_u32(self.duration_ms());
        store.append_frames(key, &self.parts, self.frame_count, duration_ms)?;
        self.parts.clear();
        self.frame_count = 0;
        Ok(())
    }

    /// Writes what is to be known of it behind its frames, as KVS fragment metadata.
    pub(super) fn append_marks(&self, key: &str, store: &mut Store) -> Result<(), StoreError> {
        if self.packets_lost == 0 {
            return Ok(());
        }
        let tags = writer::tags(&[(PACKETS_LOST_TAG, &self.packets_lost.to_string())]);
        store.append_frames(key, &[tags.into()], 0, duration_u32(self.duration_ms()))
    }
}

/// As the store takes it.
pub(super) fn duration_u32(duration_ms: i64) -> u32 {
    u32::try_from(duration_ms.max(0)).unwrap_or(u32::MAX)
}

impl Recording {
    /// For a source with these tracks; `last_start` is the timecode of the stream's last fragment.
    pub(super) fn new(tracks: Vec<Track>, last_start: Timestamp) -> Self {
        Self {
            header: Bytes::from(writer::document_header(&tracks)),
            fragmenter: Fragmenter::new(&tracks, last_start),
            tracks,
            fragment: None,
            lost_before_next: 0,
            commands: Vec::new(),
            cut_groups_said: 0,
            dropped_frames_said: 0,
        }
    }

    /// See [`Fragmenter::continues`].
    pub(super) fn continues(&mut self) {
        self.fragmenter.continues();
    }
}
