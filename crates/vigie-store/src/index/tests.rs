//! The index on a real file: its size and its order. What it answers while media comes and goes is asserted by the
//! crash simulation.

use std::path::Path;

use super::*;
use crate::fragment::MediaFileSpan;

const FRAGMENTS_PER_FILE: u64 = 128;

/// Number `number` of a camera of 4 Mbit/s and 2 s a fragment, with jitter.
fn entry(number: u64, offset: u64) -> FragmentEntry {
    let chaos = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let producer = 1_763_829_180_000 + number as i64 * 2000 + (chaos % 40) as i64;
    FragmentEntry {
        sequence: number + 1,
        producer_timestamp: Timestamp::from_millis(producer),
        server_timestamp: Timestamp::from_millis(producer + 2100 + (chaos >> 8 & 0x7F) as i64),
        timecode_ms: producer,
        duration_ms: 2000,
        offset,
        size_bytes: 1_000_000 + (chaos >> 16 & 0xFFFF),
        frame_count: 50,
        crc32c: (chaos >> 32) as u32,
        number_tail: (chaos >> 20) as u32 & 0x0FFF_FFFF,
        key: true,
        uploaded: false,
    }
}

/// Fills `index` with sealed files of one stream.
fn fill(index: &mut SqliteIndex, stream: StreamId, files: u64) {
    let key = format!("camera-{}", stream.0);
    index.apply(&[Change::CreateStream { id: stream, key: key.clone() }]).unwrap();
    for file in 0..files {
        let id = MediaFileId(stream.0 * 1_000_000 + file);
        let begin = Timestamp::from_millis(1_763_829_180_000 + file as i64 * 256_000);
        let place = Arc::new(MediaFilePlace {
            id,
            path: crate::layout::media_file_path(&key, id, begin),
            header_size_bytes: 700,
            header_crc32c: 7,
        });
        let mut offset = 800;
        let entries: Vec<FragmentEntry> = (0..FRAGMENTS_PER_FILE)
            .map(|number| {
                let entry = entry(file * FRAGMENTS_PER_FILE + number, offset);
                offset = entry.end() + 130;
                entry
            })
            .collect();
        index
            .apply(&[
                Change::CreateMediaFile { stream, place },
                Change::AppendFragments { id, entries },
                Change::CloseMediaFile { id, state: MediaFileState::Sealed, size_bytes: offset },
            ])
            .unwrap();
    }
}

fn size_bytes(path: &Path) -> u64 {
    std::fs::metadata(path).unwrap().len()
}

#[test]
fn a_fragment_takes_at_most_40_bytes_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index.sqlite");
    let mut index = SqliteIndex::open(&path).unwrap();
    for stream in 1..=2 {
        fill(&mut index, StreamId(stream), 60);
    }
    // The log goes into the file when the last connection closes.
    drop(index);
    let fragments = 2 * 60 * FRAGMENTS_PER_FILE;
    let per_fragment = size_bytes(&path) as f64 / fragments as f64;
    assert!(per_fragment <= 40.0, "{per_fragment:.1} bytes");
}

#[test]
fn a_page_of_a_range_is_what_a_scan_of_everything_gives() {
    let mut index = SqliteIndex::in_memory().unwrap();
    fill(&mut index, StreamId(1), 4);
    let reader = index.reader();
    let everything: Vec<FragmentEntry> =
        (0..4 * FRAGMENTS_PER_FILE).map(|number| entry(number, 0)).collect();
    let from = everything[100].producer_timestamp;
    let until = everything[300].producer_timestamp;
    let query = FragmentQuery::producer_range(from, until, 150);
    let first = reader.fragments(StreamId(1), &query).unwrap();
    let position = query.order.position(&first[149].entry);
    let rest = reader.fragments(StreamId(1), &query.after(position)).unwrap();
    let found: Vec<u64> = first.iter().chain(&rest).map(|f| f.entry.sequence).collect();
    assert_eq!(found, (101..=301).collect::<Vec<u64>>());

    let between = everything[200].producer_timestamp.plus_millis(1).as_millis();
    let order = FragmentOrder::ProducerTimestamp;
    let holding = reader.last_at_or_before(StreamId(1), order, between).unwrap().unwrap();
    assert_eq!(holding.entry.sequence, 201);
    assert_eq!(reader.last_at_or_before(StreamId(1), order, 0).unwrap(), None);
    assert_eq!(reader.fragments(StreamId(2), &query).unwrap(), []);
}

#[test]
fn marks_of_uploads_survive_sealing_and_count() {
    let mut index = SqliteIndex::in_memory().unwrap();
    let stream = StreamId(1);
    fill(&mut index, stream, 2);
    let sequences = vec![1, 2, 3, 200, 9999];
    index.apply(&[Change::MarkUploaded { stream, sequences }]).unwrap();
    let reader = index.reader();
    let files = reader.media_files(stream).unwrap();
    let left: Vec<u64> = files.iter().map(|file| file.not_uploaded_count).collect();
    assert_eq!(left, [FRAGMENTS_PER_FILE - 3, FRAGMENTS_PER_FILE - 1]);
    let entries = reader.fragments_of(files[0].id).unwrap();
    assert_eq!(files[0].span, MediaFileSpan::of(&entries));
    let query = FragmentQuery::not_uploaded(2, 1);
    assert_eq!(reader.fragments(stream, &query).unwrap()[0].entry.sequence, 4);
}

#[test]
fn a_sealed_file_that_is_added_whole_is_as_one_that_was_filled_and_closed() {
    let stream = StreamId(1);
    let mut filled = SqliteIndex::in_memory().unwrap();
    fill(&mut filled, stream, 3);
    let sequences = vec![1, 2, 5, 130];
    filled.apply(&[Change::MarkUploaded { stream, sequences }]).unwrap();
    let expected = filled.reader();
    let mut added = SqliteIndex::in_memory().unwrap();
    added.apply(&[Change::CreateStream { id: stream, key: "camera-1".to_owned() }]).unwrap();
    for file in expected.media_files(stream).unwrap() {
        let entries = expected.fragments_of(file.id).unwrap();
        let (place, size_bytes) = (file.place, file.size_bytes);
        added.apply(&[Change::AddSealedMediaFile { stream, place, entries, size_bytes }]).unwrap();
    }
    let found = added.reader();
    assert_eq!(found.media_files(stream).unwrap(), expected.media_files(stream).unwrap());
    assert_eq!(found.totals(stream).unwrap(), expected.totals(stream).unwrap());
    assert_eq!(found.next_media_file_id().unwrap(), expected.next_media_file_id().unwrap());
    for file in found.media_files(stream).unwrap() {
        assert_eq!(found.fragments_of(file.id).unwrap(), expected.fragments_of(file.id).unwrap());
    }
}

#[test]
fn an_index_of_a_newer_program_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index.sqlite");
    drop(SqliteIndex::open(&path).unwrap());
    rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 2).unwrap();
    let newer = IndexError::Version { found: 2, supported: 1 }.to_string();
    assert_eq!(SqliteIndex::open(&path).map(|_| ()).unwrap_err().to_string(), newer);
    assert_eq!(SqliteIndex::open_read_only(&path).map(|_| ()).unwrap_err().to_string(), newer);
}

/// Indexes were made with SQLite's own page size before; it cannot change under way and need not.
#[test]
fn an_index_with_larger_pages_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index.sqlite");
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.pragma_update(None, "page_size", 4096).unwrap();
    connection.pragma_update(None, "journal_mode", "wal").unwrap();
    connection.execute_batch(include_str!("schema.sql")).unwrap();
    connection.pragma_update(None, "user_version", 1).unwrap();
    drop(connection);
    let mut index = SqliteIndex::open(&path).unwrap();
    fill(&mut index, StreamId(1), 3);
    drop(index);
    let index = SqliteIndex::open(&path).unwrap();
    let found = index.reader().media_files(StreamId(1)).unwrap();
    assert_eq!(found.len(), 3);
    drop(index);
    let connection = rusqlite::Connection::open(&path).unwrap();
    let bytes: u32 = connection.pragma_query_value(None, "page_size", |row| row.get(0)).unwrap();
    assert_eq!(bytes, 4096);
}
