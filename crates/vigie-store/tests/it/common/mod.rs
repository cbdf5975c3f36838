//! A store in a folder of its own, and what is written to it.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use vigie_media::matroska::writer;
use vigie_media::{Timestamp, Track, TrackKind, codec_id};
use vigie_store::{
    FragmentMeta, OsDisk, SqliteIndex, Store, StoreError, StoreReader, StoreSettings, WholeFragment,
};

pub(crate) const BEGIN: Timestamp = Timestamp::from_millis(1_763_829_180_000);

pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn media(&self) -> PathBuf {
        self.0.path().join("media")
    }

    pub(crate) fn index(&self) -> PathBuf {
        self.0.path().join("index.sqlite")
    }

    pub(crate) fn open(&self, settings: StoreSettings) -> Result<Store, StoreError> {
        let index = SqliteIndex::open(self.index())?;
        let opened = Store::open(Arc::new(OsDisk), self.media(), Box::new(index), settings);
        let (mut store, _) = opened?;
        while store.is_searching_orphans() {
            store.search_orphans(10)?;
        }
        Ok(store)
    }

    pub(crate) fn read_only(&self) -> StoreReader {
        StoreReader::open(Arc::new(OsDisk), self.media(), self.index()).unwrap()
    }
}

pub(crate) fn header(name: &str) -> Bytes {
    Bytes::from(writer::document_header(&[Track {
        number: 1,
        kind: TrackKind::Video,
        name: name.to_owned(),
        codec_id: codec_id::H264.to_owned(),
        codec_private: Bytes::from_static(&[1, 2, 3]),
        video: None,
        audio: None,
    }]))
}

pub(crate) fn block(relative_ms: i16, size: usize) -> Vec<u8> {
    let mut block = writer::simple_block_header(1, relative_ms, relative_ms == 0, size).to_vec();
    block.extend((0..size).map(|at| (at as u8).wrapping_mul(7).wrapping_add(relative_ms as u8)));
    block
}

pub(crate) fn meta(store: &mut Store, key: &str, offset_ms: i64) -> FragmentMeta {
    let at = BEGIN.plus_millis(offset_ms);
    FragmentMeta {
        sequence: store.reserve_sequences(key, 1).unwrap().start,
        producer_timestamp: at,
        server_timestamp: at.plus_millis(50),
        timecode_ms: at.as_millis(),
        number_tail: 0x0ABC_DEF1,
        begins_with_key_frame: true,
    }
}

/// A fragment of two frames.
pub(crate) fn whole(store: &mut Store, key: &str, offset_ms: i64) -> WholeFragment {
    let meta = meta(store, key, offset_ms);
    let mut bytes = writer::cluster_start(meta.producer_timestamp).to_vec();
    bytes.extend(block(0, 5000));
    bytes.extend(block(40, 700));
    WholeFragment::new(meta, 2000, 2, bytes.into())
}

pub(crate) fn record(store: &mut Store, key: &str, offset_ms: i64, frames: i16) -> FragmentMeta {
    let meta = meta(store, key, offset_ms);
    store.begin_fragment(key, &header("camera"), meta).unwrap();
    let start = writer::cluster_start(meta.producer_timestamp);
    let first = [Bytes::copy_from_slice(&start), block(0, 900).into()];
    store.append_frames(key, &first, 1, 40).unwrap();
    for number in 1..frames {
        let parts = [block(40 * number, 300).into()];
        store.append_frames(key, &parts, 1, 40 * number as u32 + 40).unwrap();
    }
    meta
}
