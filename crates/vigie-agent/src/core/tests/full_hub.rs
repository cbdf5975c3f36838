//! A hub that holds weeks of media: what it reads of its index does not grow with what it holds.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use vigie_kvs::shapes::edge::DeletionConfig;
use vigie_store::index::{
    Change, ClosedQuery, Index, IndexRead, StreamId, StreamRow, UnsealedMediaFile,
};
use vigie_store::{FragmentEntry, IndexError, MediaFile, MediaFileId, StreamTotals};

use super::*;

const FILES: i64 = 100_000;
const FILE_MS: i64 = 20_000;

/// Counts the rows that are read, and refuses to list all files of a stream.
struct CountingIndex {
    index: SqliteIndex,
    rows: Arc<AtomicUsize>,
}

struct CountingReader {
    reader: Arc<dyn IndexRead>,
    rows: Arc<AtomicUsize>,
}

impl Index for CountingIndex {
    fn apply(&mut self, changes: &[Change]) -> Result<(), IndexError> {
        self.index.apply(changes)
    }

    fn reader(&self) -> Arc<dyn IndexRead> {
        Arc::new(CountingReader { reader: self.index.reader(), rows: Arc::clone(&self.rows) })
    }
}

impl CountingReader {
    fn counted<T>(&self, found: Result<Vec<T>, IndexError>) -> Result<Vec<T>, IndexError> {
        let count = found.as_ref().map_or(0, Vec::len) + 1;
        self.rows.fetch_add(count, Ordering::Relaxed);
        found
    }

    fn one<T>(&self, found: Result<T, IndexError>) -> Result<T, IndexError> {
        self.rows.fetch_add(1, Ordering::Relaxed);
        found
    }
}

impl IndexRead for CountingReader {
    fn streams(&self) -> Result<Vec<StreamRow>, IndexError> {
        self.counted(self.reader.streams())
    }
    fn stream(&self, key: &str) -> Result<Option<StreamRow>, IndexError> {
        self.one(self.reader.stream(key))
    }
    fn fragments(
        &self,
        stream: StreamId,
        query: &FragmentQuery,
    ) -> Result<Vec<Fragment>, IndexError> {
        self.counted(self.reader.fragments(stream, query))
    }
    fn last_at_or_before(
        &self,
        stream: StreamId,
        order: FragmentOrder,
        value: i64,
    ) -> Result<Option<Fragment>, IndexError> {
        self.one(self.reader.last_at_or_before(stream, order, value))
    }
    fn media_files(&self, stream: StreamId) -> Result<Vec<MediaFile>, IndexError> {
        self.counted(self.reader.media_files(stream))
    }
    fn media_file(&self, id: MediaFileId) -> Result<Option<(StreamId, MediaFile)>, IndexError> {
        self.one(self.reader.media_file(id))
    }
    fn fragments_of(&self, id: MediaFileId) -> Result<Vec<FragmentEntry>, IndexError> {
        self.counted(self.reader.fragments_of(id))
    }
    fn totals(&self, stream: StreamId) -> Result<StreamTotals, IndexError> {
        self.one(self.reader.totals(stream))
    }
    fn sizes(&self) -> Result<BTreeMap<StreamId, u64>, IndexError> {
        self.one(self.reader.sizes())
    }
    fn open_media_files(&self, stream: StreamId) -> Result<Vec<MediaFile>, IndexError> {
        self.counted(self.reader.open_media_files(stream))
    }
    fn closed_media_files(
        &self,
        stream: StreamId,
        query: ClosedQuery,
    ) -> Result<Vec<MediaFile>, IndexError> {
        self.counted(self.reader.closed_media_files(stream, query))
    }
    fn received_before(
        &self,
        stream: StreamId,
        before: Timestamp,
        limit: usize,
    ) -> Result<Vec<MediaFileId>, IndexError> {
        self.counted(self.reader.received_before(stream, before, limit))
    }
    fn not_uploaded_ranges(
        &self,
        stream: StreamId,
        limit: usize,
    ) -> Result<Vec<Range<Timestamp>>, IndexError> {
        self.counted(self.reader.not_uploaded_ranges(stream, limit))
    }
    fn places(
        &self,
        after: MediaFileId,
        limit: usize,
    ) -> Result<Vec<(MediaFileId, PathBuf)>, IndexError> {
        self.reader.places(after, limit)
    }
    fn place(&self, id: MediaFileId) -> Result<Option<PathBuf>, IndexError> {
        self.reader.place(id)
    }
    fn removals(&self) -> Result<Vec<(MediaFileId, PathBuf)>, IndexError> {
        self.reader.removals()
    }
    fn unsealed_media_files(&self) -> Result<Vec<UnsealedMediaFile>, IndexError> {
        self.reader.unsealed_media_files()
    }
    fn next_media_file_id(&self) -> Result<MediaFileId, IndexError> {
        self.reader.next_media_file_id()
    }
    fn next_stream_id(&self) -> Result<StreamId, IndexError> {
        self.reader.next_stream_id()
    }
    fn deletion_number(&self) -> Result<Option<u64>, IndexError> {
        self.reader.deletion_number()
    }
    fn generation(&self) -> Result<u64, IndexError> {
        self.reader.generation()
    }
    fn boot_id(&self) -> Result<Option<String>, IndexError> {
        self.reader.boot_id()
    }
    fn unsound(&self) -> Result<Vec<String>, IndexError> {
        self.reader.unsound()
    }
}

/// A hub with so many sealed files of 20 s up to now, all of them uploaded, that counts what it reads.
fn full_hub(edge_config: EdgeConfig, files: i64) -> (Bench, Arc<AtomicUsize>) {
    let mut bench = Bench::recording(edge_config);
    bench.seconds(2);
    bench.event(Event::Shutdown);
    bench.hub = None;
    bench.effects.clear();
    let begin = START.as_millis() - files * FILE_MS;
    let connection = rusqlite::Connection::open(bench.directory.join("index.sqlite")).unwrap();
    let rows = format!(
        "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {files} - 1)
         INSERT INTO media_file (id, stream_id, path, state, header_size_bytes, header_crc32c,
             size_bytes, fragment_count, sequence_min, sequence_max, producer_min, producer_max,
             producer_until, server_min, server_max)
         SELECT 1000 + i, 1, 'gone/' || i || '.mkv', 1, 700, 7, 10, 10, i * 10 + 100000,
             i * 10 + 100009, {begin} + i * {FILE_MS}, {begin} + i * {FILE_MS} + 18000,
             {begin} + (i + 1) * {FILE_MS}, {begin} + i * {FILE_MS}, {begin} + i * {FILE_MS} + 18000
         FROM n;
         UPDATE stream SET next_sequence = 100000000;
         UPDATE meta SET value = 100000000 WHERE name = 'next_media_file_id';"
    );
    connection.execute_batch(&rows).unwrap();
    drop(connection);
    // Where they lay.
    std::fs::create_dir_all(bench.directory.join("media/gone")).unwrap();
    let rows = Arc::new(AtomicUsize::new(0));
    let index = SqliteIndex::open(bench.directory.join("index.sqlite")).unwrap();
    bench.open_with(Box::new(CountingIndex { index, rows: Arc::clone(&rows) }));
    (bench, rows)
}

fn kept_for(hours: i32) -> EdgeConfig {
    EdgeConfig {
        uploader_config: never(),
        deletion_config: Some(DeletionConfig {
            edge_retention_in_hours: Some(hours),
            local_size_config: None,
            delete_after_upload: Some(false),
        }),
        ..edge_config()
    }
}

/// What a minute of recording reads, with plans, reports, ledgers and metrics.
fn rows_of_a_minute(files: i64) -> usize {
    let (mut bench, rows) = full_hub(kept_for(720), files);
    let camera = bench.camera_opens();
    bench.play(&camera, 2);
    rows.store(0, Ordering::Relaxed);
    for _ in 0..60 {
        bench.play(&camera, 1);
        let stream = bench.snapshot().streams.remove(0);
        assert!(stream.local_fragments >= files as u64 * 10, "{stream:?}");
    }
    rows.load(Ordering::Relaxed)
}

#[test]
fn what_a_minute_of_recording_reads_does_not_grow_with_what_is_held() {
    let (few, many) = (rows_of_a_minute(10), rows_of_a_minute(FILES));
    assert!(few > 60, "{few}");
    assert!(many <= few + few / 10, "{many} rows instead of {few}");
}

#[test]
fn weeks_of_media_that_are_due_at_once_go_step_by_step_while_the_hub_records() {
    let files = 400;
    // All of it ended more than an hour ago.
    let (mut bench, _) = full_hub(kept_for(1), files + 180);
    let camera = bench.camera_opens();
    bench.event(Event::Tick);
    let left = bench.snapshot().streams[0].local_fragments;
    assert!(left > files as u64 * 10 - 1500, "deleted too much at once: {left} are left");
    bench.play(&camera, 6);
    bench.seconds(1);
    let left = bench.snapshot().streams[0].local_fragments;
    assert!(left < 185 * 10, "{left} fragments are left");
    assert!(bench.fragments().len() >= 5, "nothing was recorded meanwhile");
}

#[test]
fn what_a_killed_hub_left_without_an_entry_goes_while_the_next_one_records() {
    let mut bench = Bench::new();
    bench.configure(vec![configuration(1, edge_config())]);
    let camera = bench.camera_opens();
    bench.play(&camera, 2);
    std::fs::create_dir_all(bench.directory.join("media/attic")).unwrap();
    let left = bench.directory.join("media/attic/undated-0000000500.mkv");
    drop(bench.disk.create_new(&left).unwrap());
    bench.kill_and_open();
    let camera = bench.camera_opens();
    assert!(left.exists(), "the hub waited for the search");
    bench.play(&camera, 3);
    assert!(!left.exists());
    assert!(bench.fragments().len() >= 2);
}
