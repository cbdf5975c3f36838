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
        begins_with_key_frame: true,
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

/// `.cargo/config.toml` says how SQLite is built, and why.
#[test]
fn sqlite_takes_no_lock_to_count_its_memory() {
    let connection = super::sqlite_connection::in_memory().unwrap();
    let mut options = connection.prepare("PRAGMA compile_options").unwrap();
    let options = options.query_map([], |row| row.get::<_, String>(0)).unwrap();
    let options: Vec<String> = options.collect::<Result<_, _>>().unwrap();
    assert!(options.iter().any(|option| option == "DEFAULT_MEMSTATUS=0"), "{options:?}");
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
    let found = schema::VERSION + 1;
    rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", found).unwrap();
    let newer = IndexError::Version { found, supported: schema::VERSION }.to_string();
    assert!(newer.ends_with("use a newer vigie"), "{newer}");
    assert_eq!(SqliteIndex::open(&path).map(|_| ()).unwrap_err().to_string(), newer);
    assert_eq!(SqliteIndex::open_read_only(&path).map(|_| ()).unwrap_err().to_string(), newer);
}

/// What a process leaves that is killed before it has made the tables.
#[test]
#[allow(clippy::disallowed_methods, reason = "the test leaves what a kill leaves")]
fn an_index_that_was_only_just_made_says_so_to_readers_and_is_made_by_the_next_writer() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index.sqlite");
    std::fs::write(&path, b"").unwrap();
    let unmade = SqliteIndex::open_read_only(&path).map(|_| ()).unwrap_err();
    assert!(matches!(unmade, IndexError::Unmade), "{unmade}");
    drop(SqliteIndex::open(&path).unwrap());
    assert_eq!(SqliteIndex::open_read_only(&path).unwrap().streams().unwrap(), []);
}

/// Indexes were made with SQLite's own page size before; it cannot change under way and need not.
#[test]
fn an_index_with_larger_pages_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index.sqlite");
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.pragma_update(None, "page_size", 4096).unwrap();
    connection.pragma_update(None, "journal_mode", "wal").unwrap();
    connection.execute_batch(include_str!("schema/1.sql")).unwrap();
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

/// An index of version 1 with closed files of one stream: a day of recording with a gap each hour, uploaded in part.
fn version_1(path: &Path, files: i64) {
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.pragma_update(None, "page_size", 512).unwrap();
    connection.pragma_update(None, "journal_mode", "wal").unwrap();
    connection.execute_batch(include_str!("schema/1.sql")).unwrap();
    connection.pragma_update(None, "user_version", 1).unwrap();
    connection
        .execute_batch(&format!(
            "INSERT INTO stream VALUES (1, 'gate', 1000000);
             INSERT INTO meta VALUES ('next_stream_id', 2), ('next_media_file_id', 1000);
             WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {files} - 1)
             INSERT INTO media_file SELECT i + 1, 1, 'gate/' || i || '.mkv', 1, 700, 7, 1000 + i, 10,
                 iif(i < 6, 0, 2), iif(i < 6, 0, 200), i * 10 + 1, i * 10 + 10,
                 i * 20000 + i / 6 * 5000, i * 20000 + i / 6 * 5000 + 18000,
                 (i + 1) * 20000 + i / 6 * 5000, i * 20000, i * 20000 + 18000, x'' FROM n;
             INSERT INTO packed SELECT id, x'' FROM media_file;"
        ))
        .unwrap();
}

fn millis(ranges: Vec<Range<Timestamp>>) -> Vec<(i64, i64)> {
    ranges.iter().map(|range| (range.start.as_millis(), range.end.as_millis())).collect()
}

#[test]
fn an_upgraded_index_has_the_sums_and_the_gaps_of_its_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index.sqlite");
    version_1(&path, 20);
    let stream = StreamId(1);
    let expected = StreamTotals {
        media_file_count: 20,
        size_bytes: (0..20).map(|number| 1000 + number).sum(),
        fragment_count: 200,
        not_uploaded_count: 28,
        not_uploaded_size_bytes: 2800,
        oldest_producer_timestamp: Some(Timestamp::EPOCH),
        newest_producer_timestamp: Some(Timestamp::from_millis(415_000)),
    };
    // Before, by those who only read.
    let reader = SqliteIndex::open_read_only(&path).unwrap();
    assert_eq!(reader.totals(stream).unwrap(), expected);
    drop(reader);
    let mut index = SqliteIndex::open(&path).unwrap();
    let reader = index.reader();
    assert_eq!(reader.totals(stream).unwrap(), expected);
    assert_eq!(reader.sizes().unwrap(), BTreeMap::from([(stream, expected.size_bytes)]));
    assert_eq!(reader.next_media_file_id().unwrap(), MediaFileId(1_001_000));
    let ranges = |limit| millis(reader.not_uploaded_ranges(stream, limit).unwrap());
    let all = [(125_000, 245_000), (250_000, 370_000), (375_000, 415_000)];
    assert_eq!(ranges(10), all);
    assert_eq!(ranges(3), all);
    assert_eq!(ranges(2), [(125_000, 245_000), (250_000, 415_000)]);
    let page = |uploaded, after, limit| {
        let query = ClosedQuery { uploaded, after, limit };
        let files = reader.closed_media_files(stream, query).unwrap();
        (
            files.iter().map(|file| file.id.0).collect::<Vec<_>>(),
            files.last().map(ClosedPosition::of),
        )
    };
    let (first, after) = page(true, None, 4);
    assert_eq!((first, page(true, after, 4).0), (vec![1, 2, 3, 4], vec![5, 6]));
    assert_eq!(page(false, None, 2).0, [7, 8]);
    let old = reader.received_before(stream, Timestamp::from_millis(38_001), 10).unwrap();
    assert_eq!(old, [MediaFileId(1), MediaFileId(2)]);

    // The sums follow what happens to the files.
    index.apply(&[Change::DeleteMediaFile { id: MediaFileId(20) }]).unwrap();
    let totals = reader.totals(stream).unwrap();
    assert_eq!((totals.media_file_count, totals.not_uploaded_count), (19, 26));
    assert_eq!(totals.size_bytes, expected.size_bytes - 1019);
    assert_eq!(totals.newest_producer_timestamp, Some(Timestamp::from_millis(395_000)));
    index.apply(&[Change::DeleteStream { id: stream }]).unwrap();
    assert_eq!(reader.totals(stream).unwrap(), StreamTotals::default());
    assert_eq!(reader.sizes().unwrap(), BTreeMap::new());
}

/// Version 2 had no checksum of packed fragments.
#[test]
fn an_index_of_version_2_is_read_as_it_is_and_upgraded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index.sqlite");
    let mut index = SqliteIndex::open(&path).unwrap();
    fill(&mut index, StreamId(1), 4);
    let next_sequence = 1_000_000;
    index.apply(&[Change::ReserveSequences { id: StreamId(1), next_sequence }]).unwrap();
    let fragments = |reader: &dyn IndexRead| {
        let files = reader.media_files(StreamId(1)).unwrap();
        files.iter().flat_map(|file| reader.fragments_of(file.id).unwrap()).collect::<Vec<_>>()
    };
    let expected = fragments(index.reader().as_ref());
    assert!(expected.len() > 4);
    drop(index);
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute_batch("ALTER TABLE packed DROP COLUMN crc32c").unwrap();
    connection.pragma_update(None, "user_version", 2).unwrap();
    drop(connection);

    let reader = SqliteIndex::open_read_only(&path).unwrap();
    assert_eq!(fragments(reader.as_ref()), expected);
    assert_eq!(reader.unsound().unwrap(), Vec::<String>::new());
    drop(reader);
    let index = SqliteIndex::open_examined(&path).unwrap();
    assert_eq!(fragments(index.reader().as_ref()), expected);
    assert_eq!(index.reader().unsound().unwrap(), Vec::<String>::new());
}

#[test]
fn an_upgrade_for_which_there_is_no_space_leaves_the_index_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index.sqlite");
    version_1(&path, 300);
    let mut connection = rusqlite::Connection::open(&path).unwrap();
    let number = |connection: &rusqlite::Connection, pragma: &str| -> i64 {
        connection.pragma_query_value(None, pragma, |row| row.get(0)).unwrap()
    };
    let pages = number(&connection, "page_count");
    let mut failures = 0;
    // One page more each time, so that it fails in every step of it.
    for room in 0.. {
        connection.pragma_update(None, "max_page_count", pages + room).unwrap();
        match schema::upgrade(&mut connection) {
            Ok(()) => break,
            Err(error) => assert!(matches!(error, IndexError::Full), "{error}"),
        }
        failures += 1;
        assert_eq!(number(&connection, "user_version"), 1);
        assert_eq!(number(&connection, "page_count"), pages);
        let reader = SqliteIndex::open_read_only(&path).unwrap();
        assert_eq!(reader.totals(StreamId(1)).unwrap().media_file_count, 300);
    }
    assert!(failures > 10, "{failures}");
    assert_eq!(number(&connection, "user_version"), schema::VERSION);
    drop(connection);
    let index = SqliteIndex::open(&path).unwrap();
    assert_eq!(index.reader().totals(StreamId(1)).unwrap().media_file_count, 300);
    assert_eq!(index.reader().unsound().unwrap(), Vec::<String>::new());
}

/// What the triggers say is what a count of the rows says, whatever happened.
#[test]
fn sums_and_gaps_follow_files_that_are_closed_marked_and_deleted() {
    let mut index = SqliteIndex::in_memory().unwrap();
    let stream = StreamId(1);
    fill(&mut index, stream, 4);
    index.apply(&[Change::ReserveSequences { id: stream, next_sequence: 10_000 }]).unwrap();
    let reader = index.reader();
    let range = |file: u64| {
        let files = reader.media_files(stream).unwrap();
        let span = files[file as usize].span.unwrap();
        (span.producer_min.as_millis(), span.producer_until.as_millis())
    };
    let ranges = || millis(reader.not_uploaded_ranges(stream, 10).unwrap());
    assert_eq!(ranges(), [(range(0).0, range(3).1)]);
    // The third file is uploaded: it divides what is not.
    let sequences: Vec<u64> = (2 * FRAGMENTS_PER_FILE + 1..=3 * FRAGMENTS_PER_FILE).collect();
    index.apply(&[Change::MarkUploaded { stream, sequences }]).unwrap();
    assert_eq!(ranges(), [(range(0).0, range(1).1), range(3)]);
    let totals = reader.totals(stream).unwrap();
    assert_eq!(totals.not_uploaded_count, 3 * FRAGMENTS_PER_FILE);
    let files = reader.media_files(stream).unwrap();
    assert_eq!(totals.size_bytes, files.iter().map(|file| file.size_bytes).sum::<u64>());
    assert_eq!(reader.unsound().unwrap(), Vec::<String>::new());
}

/// SQLite reads what is left of a definition that rotted, and it means something else.
#[test]
fn a_definition_that_is_not_as_it_was_made_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index.sqlite");
    drop(SqliteIndex::open(&path).unwrap());
    let connection = rusqlite::Connection::open(&path).unwrap();
    let select = "SELECT name, sql FROM sqlite_schema WHERE sql LIKE '%+ 1%' AND type = 'trigger'";
    let (name, sql): (String, String) =
        connection.query_row(select, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    connection.execute_batch(&format!("DROP TRIGGER {name}")).unwrap();
    connection.execute_batch(&sql.replacen("+ 1", "+ 3", 1)).unwrap();
    drop(connection);
    let reader = SqliteIndex::open_read_only(&path).unwrap();
    let found = reader.unsound().unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with(&format!("the definition of trigger {name}")), "{found:?}");
    drop(reader);
    assert!(SqliteIndex::open_examined(&path).is_err());
}
