//! kill -9 of a recorder on the machine's own disk: fragments grow in batches of 200 ms, as cameras' do, and are committed
//! now and then. Whatever was handed over 200 ms before the kill is there when the store is opened again, whole and in
//! order; of what came after it, all or a beginning. This program is both: with a folder in its environment it is the
//! one that is killed.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "a test keeps its own time")]

#[allow(dead_code, reason = "a program of its own uses a part of it")]
#[path = "it/common/mod.rs"]
mod common;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use common::{BEGIN, header};
use vigie_media::matroska::{DocumentHeader, Limits, fragment_frames, writer};
use vigie_store::{
    FragmentMeta, FragmentOrder, FragmentQuery, OsDisk, SqliteIndex, Store, StoreReader,
    StoreSettings, check,
};

const FOLDER: &str = "VIGIE_KILL_GROWING_FOLDER";

const ROUNDS: u64 = 12;
/// A file that goes past the page cache, one that stays in it, one that is read at once.
const STREAMS: [(&str, usize, bool); 3] =
    [("large", 20_000, false), ("small", 900, false), ("live", 20_000, true)];
const FRAMES_PER_BATCH: u64 = 5;
const BATCH_INTERVAL: Duration = Duration::from_millis(200);
/// A fragment of a second and a half.
const BATCHES_PER_FRAGMENT: u64 = 7;
const LOST_MAX: Duration = Duration::from_millis(200);

fn open(folder: &Path) -> Store {
    let index = SqliteIndex::open(folder.join("index.sqlite")).unwrap();
    let (store, report) =
        Store::open(Arc::new(OsDisk), folder.join("media"), Box::new(index), StoreSettings::HUB)
            .unwrap();
    assert_eq!(report.missing, Vec::<std::path::PathBuf>::new());
    store
}

fn main() {
    match std::env::var(FOLDER) {
        Ok(folder) => record(Path::new(&folder)),
        Err(_) => kill_again_and_again(),
    }
}

/// A frame says which it is in every byte of it.
fn data(number: u64, size: usize) -> Bytes {
    let own = number.to_be_bytes();
    own.iter().copied().cycle().take(size).collect::<Vec<u8>>().into()
}

/// Records until it is killed; says how many frames of each stream were handed over.
fn record(folder: &Path) {
    let mut store = open(folder);
    let reader = store.reader();
    let mut frames = STREAMS.map(|(key, _, _)| frames_of(&reader, key));
    let mut syncing = None;
    for batch in 0.. {
        let begun = Instant::now();
        for ((key, size, is_read_at_once), frames) in STREAMS.iter().zip(&mut frames) {
            if batch % BATCHES_PER_FRAGMENT == 0 {
                if batch > 0 {
                    store.end_fragment(key, 1400).unwrap();
                }
                let at = BEGIN.plus_millis(*frames as i64 * 40);
                let meta = FragmentMeta {
                    sequence: store.reserve_sequences(key, 1).unwrap().start,
                    producer_timestamp: at,
                    server_timestamp: at,
                    timecode_ms: at.as_millis(),
                    number_tail: 1,
                    begins_with_key_frame: true,
                };
                store.begin_fragment(key, &header("camera"), meta).unwrap();
                let start = writer::cluster_start(at);
                store.append_frames(key, &[Bytes::copy_from_slice(&start)], 0, 0).unwrap();
            }
            store.set_read_at_once(key, *is_read_at_once);
            let mut parts = Vec::new();
            for number in *frames..*frames + FRAMES_PER_BATCH {
                let relative_ms = (number - *frames) as i16 * 40;
                let head = writer::simple_block_header(1, relative_ms, true, *size);
                parts.push(Bytes::copy_from_slice(&head));
                // As received: in slices.
                let data = data(number, *size);
                parts.extend(
                    (0..*size).step_by(1400).map(|at| data.slice(at..(at + 1400).min(*size))),
                );
            }
            store.append_frames(key, &parts, FRAMES_PER_BATCH as u32, 200).unwrap();
            *frames += FRAMES_PER_BATCH;
        }
        store.write_out();
        let mut out = std::io::stdout().lock();
        writeln!(out, "{} {} {}", frames[0], frames[1], frames[2]).unwrap();
        out.flush().unwrap();
        // The first one at once: until then no index knows of the files.
        if let Some(syncing) = syncing.take() {
            let syncing: vigie_store::SyncHandle = syncing;
            store.finish_commit(syncing.wait()).unwrap();
        }
        if batch == 0 {
            store.commit().unwrap();
        } else if batch % 5 == 0 {
            syncing = Some(store.begin_commit().unwrap().start(|| {}));
        }
        std::thread::sleep(BATCH_INTERVAL.saturating_sub(begun.elapsed()));
    }
}

/// How many frames a stream has; each is the one that was written.
fn frames_of(reader: &StoreReader, key: &str) -> u64 {
    let all = FragmentQuery::all(FragmentOrder::Sequence, usize::MAX);
    let mut count = 0;
    for fragment in reader.fragments(key, &all).unwrap() {
        let header = reader.read_document_header(&fragment.media_file).unwrap();
        let header = DocumentHeader::parse(&header, Limits::FILE).unwrap();
        let frames: Vec<_> = fragment_frames(&header, reader.read(&fragment).unwrap()).collect();
        assert_eq!(frames.len(), fragment.entry.frame_count as usize);
        for frame in frames {
            let frame = frame.unwrap();
            assert_eq!(frame.data, data(count, frame.data.len()), "frame {count} of {key}");
            count += 1;
        }
    }
    count
}

fn kill_again_and_again() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..ROUNDS {
        let said = run_and_kill(folder.path(), Duration::from_millis(600 + round * 137 % 900));
        drop(open(folder.path()));
        let reader = StoreReader::open(
            Arc::new(OsDisk),
            folder.path().join("media"),
            folder.path().join("index.sqlite"),
        )
        .unwrap();
        for ((key, _, _), said) in STREAMS.iter().zip(said) {
            let found = frames_of(&reader, key);
            assert!(
                found >= said,
                "round {round}: {found} frames of {key}, {said} were handed over in time"
            );
        }
        assert_eq!(check(&reader).unwrap(), [], "round {round}");
    }
    println!("kill -9 of a recorder: {ROUNDS} rounds, at most {LOST_MAX:?} lost");
}

/// Starts the recorder and kills it; how many frames of each stream were handed over so long before.
fn run_and_kill(folder: &Path, after: Duration) -> [u64; 3] {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = child.stdout.take().unwrap();
    let listener = std::thread::spawn(move || {
        let lines = BufReader::new(output).lines().map_while(Result::ok);
        lines.map(|line| (Instant::now(), line)).collect::<Vec<_>>()
    });
    std::thread::sleep(after);
    let killed_at = Instant::now();
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().code(), None, "the recorder ended by itself");
    let mut said = BTreeMap::new();
    for (at, line) in listener.join().unwrap() {
        let numbers: Vec<u64> = line.split(' ').map(|number| number.parse().unwrap()).collect();
        if at + LOST_MAX <= killed_at {
            said.insert(at, [numbers[0], numbers[1], numbers[2]]);
        }
    }
    // Nothing of its first second is known before the first commit.
    said.into_values().skip(1).last().unwrap_or_default()
}
