//! kill -9 on the machine's own disk: a process that appends to many streams is killed at random, again and again, and
//! nothing that it was told is persisted may be gone. This program is both: with a folder in its environment it is the
//! one that is killed.
//!
//! A kill loses no power, so what is tested here is the order of things in files and index and the recovery of real
//! ones; what a loss of power does is tested by simulation (`vigie-sim`).

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "a test keeps its own time")]

#[allow(dead_code, reason = "a program of its own uses a part of it")]
#[path = "it/common/mod.rs"]
mod common;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use bytes::Bytes;
use common::{BEGIN, header};
use vigie_media::Timestamp;
use vigie_media::matroska::writer;
use vigie_store::thread::{StoreThread, ThreadSettings};
use vigie_store::{
    FragmentMeta, FragmentOrder, FragmentQuery, OsDisk, SqliteIndex, Store, StoreReader,
    StoreSettings, WholeFragment, check,
};

const FOLDER: &str = "VIGIE_KILL_NINE_FOLDER";
const SEED: &str = "VIGIE_KILL_NINE_SEED";

const ROUNDS: u64 = 200;
const STREAMS: u64 = 12;
/// Rounds between two looks at everything, recovery included.
const ROUNDS_PER_CHECK: u64 = 20;

/// Numbers that follow from a seed (SplitMix64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound
    }
}

fn open(folder: &Path) -> Store {
    let index = SqliteIndex::open(folder.join("index.sqlite")).unwrap();
    let settings = StoreSettings {
        // Small, so that files are rolled, sealed and deleted all the time.
        media_file_size_bytes_max: 400_000,
        ..StoreSettings::SERVER
    };
    // What the killed one left is looked for by the store's thread, while it is written to.
    Store::open(Arc::new(OsDisk), folder.join("media"), Box::new(index), settings).unwrap().0
}

fn main() {
    match std::env::var(FOLDER) {
        Ok(folder) => write(Path::new(&folder), std::env::var(SEED).unwrap().parse().unwrap()),
        Err(_) => {
            let begun = Instant::now();
            kill_again_and_again();
            println!(
                "kill -9: {ROUNDS} rounds in {:.1} s, nothing lost",
                begun.elapsed().as_secs_f64()
            );
        }
    }
}

/// Appends until it is killed. Prints a line for each fragment that is persisted, and before it deletes.
fn write(folder: &Path, seed: u64) {
    let mut chance = Chance(seed);
    let start = Instant::now();
    let settings = ThreadSettings {
        commit_interval: Duration::from_millis(chance.below(8)),
        ..ThreadSettings::default()
    };
    let thread =
        StoreThread::spawn(open(folder), settings, Box::new(move || start.elapsed())).unwrap();
    let handle = thread.handle();
    let (replies, outcomes) = channel();
    let mut waiting = 0;
    loop {
        let stream = chance.below(STREAMS);
        let key: Arc<str> = format!("camera-{stream}").into();
        let (reserved, sequence) = channel();
        handle.reserve_sequences(
            Arc::clone(&key),
            1,
            Box::new(move |range| {
                reserved.send(range.unwrap().start).unwrap();
            }),
        );
        let sequence = sequence.recv().unwrap();
        let fragment = fragment(stream, sequence, &mut chance);
        let replies = replies.clone();
        let name = if chance.below(40) == 0 { "other camera" } else { "camera" };
        handle.append_fragment(
            key,
            header(name),
            fragment,
            Box::new(move |entry| {
                replies.send((stream, entry.unwrap())).unwrap();
            }),
        );
        waiting += 1;
        if waiting < 1 + chance.below(2 * STREAMS) {
            continue;
        }
        let mut lines = String::new();
        for _ in 0..waiting {
            let (stream, entry) = outcomes.recv().unwrap();
            lines +=
                &format!("{stream} {} {} {}\n", entry.sequence, entry.size_bytes, entry.crc32c);
        }
        waiting = 0;
        say(&lines);
        if chance.below(4) == 0 {
            let key: Arc<str> = format!("camera-{}", chance.below(STREAMS)).into();
            delete_oldest(&handle, key);
        }
    }
}

fn say(lines: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(lines.as_bytes()).unwrap();
    out.flush().unwrap();
}

/// Deletes the oldest media file of a stream when it has several, and says before which fragments go.
fn delete_oldest(handle: &vigie_store::thread::StoreHandle, key: Arc<str>) {
    let files = handle.reader().media_files(&key).unwrap();
    if files.len() < 4 {
        return;
    }
    let stream = key.trim_start_matches("camera-").to_owned();
    let entries = handle.reader().fragments_of(files[0].id).unwrap();
    let lines: String =
        entries.iter().map(|entry| format!("{stream} {} deleted\n", entry.sequence)).collect();
    say(&lines);
    let (reply, deleted) = channel();
    handle.delete_media_files(
        key,
        vec![files[0].id],
        Box::new(move |outcome| {
            reply.send(outcome.unwrap()).unwrap();
        }),
    );
    deleted.recv().unwrap();
}

fn fragment(stream: u64, sequence: u64, chance: &mut Chance) -> WholeFragment {
    let at = BEGIN.plus_millis(sequence as i64 * 100);
    // Now and then one that is large enough to be written past the page cache.
    let size_max = if chance.below(64) == 0 { 300_000 } else { 12_000 };
    let size = 200 + chance.below(size_max) as usize;
    let mut bytes = writer::cluster_start(Timestamp::from_millis(at.as_millis())).to_vec();
    bytes.extend_from_slice(&writer::simple_block_header(1, 0, true, size));
    let pattern: Vec<u8> = (0..256).map(|at| (at * (stream + 3) + sequence) as u8).collect();
    bytes.extend_from_slice(&pattern.repeat(size / pattern.len() + 1)[..size]);
    let meta = FragmentMeta {
        sequence,
        producer_timestamp: at,
        server_timestamp: at,
        timecode_ms: at.as_millis(),
        number_tail: sequence as u32,
        begins_with_key_frame: true,
    };
    WholeFragment::new(meta, 100, 1, Bytes::from(bytes))
}

/// What was said to be persisted: size and checksum by stream and sequence. `None` once it is being deleted.
type Persisted = BTreeMap<(u64, u64), Option<(u64, u32)>>;

fn kill_again_and_again() {
    let folder = tempfile::tempdir().unwrap();
    let seed = std::env::var(SEED).map_or(20_261_122, |seed| seed.parse().unwrap());
    println!("kill -9: {SEED}={seed}");
    let mut chance = Chance(seed);
    let mut persisted = Persisted::new();
    let mut said = 0;
    for round in 1..=ROUNDS {
        let before = persisted.len();
        run_and_kill(folder.path(), chance.below(u64::MAX), &mut chance, &mut persisted);
        said += persisted.len() - before;
        if round % ROUNDS_PER_CHECK == 0 {
            open(folder.path());
        }
        // Before recovery as well as after it.
        let reader = StoreReader::open(
            Arc::new(OsDisk),
            folder.path().join("media"),
            folder.path().join("index.sqlite"),
        );
        match reader {
            Ok(reader) => assert_nothing_lost(&reader, &persisted, round),
            // Killed before there was an index.
            Err(error) => assert!(persisted.is_empty(), "round {round}: {error}"),
        }
        if round % ROUNDS_PER_CHECK == 0 {
            let mut store = open(folder.path());
            while store.is_searching_orphans() {
                store.search_orphans(100).unwrap();
            }
            assert_eq!(check(&store.reader()).unwrap(), [], "round {round}");
        }
    }
    assert!(said as u64 > ROUNDS, "only {said} fragments were persisted in all");
    println!("kill -9: {said} fragments persisted");
}

/// Starts the writer, kills it at some moment, and takes down what it said until then.
fn run_and_kill(folder: &Path, seed: u64, chance: &mut Chance, persisted: &mut Persisted) {
    let program: PathBuf = std::env::current_exe().unwrap();
    let mut child = Command::new(program)
        .env(FOLDER, folder)
        .env(SEED, seed.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = child.stdout.take().unwrap();
    let listener = std::thread::spawn(move || {
        BufReader::new(output).lines().map_while(Result::ok).collect::<Vec<String>>()
    });
    // While it starts, recovers, appends, commits, rolls or deletes.
    let moment = Duration::from_micros(chance.below(180_000));
    let killed_at = Instant::now() + moment;
    while Instant::now() < killed_at {
        std::thread::sleep(killed_at.saturating_duration_since(Instant::now()));
    }
    child.kill().unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.code(), None, "the writer ended by itself: {status}");
    for line in listener.join().unwrap() {
        let mut words = line.split(' ');
        let mut number = || words.next().and_then(|word| word.parse::<u64>().ok());
        let (Some(stream), Some(sequence)) = (number(), number()) else { continue };
        match (number(), number()) {
            (Some(size), Some(crc32c)) => {
                let earlier = persisted.insert((stream, sequence), Some((size, crc32c as u32)));
                assert_eq!(earlier, None, "sequence {sequence} of stream {stream} was given twice");
            }
            _ if line.ends_with("deleted") => {
                persisted.insert((stream, sequence), None);
            }
            // The line that the kill cut off.
            _ => {}
        }
    }
}

fn assert_nothing_lost(reader: &StoreReader, persisted: &Persisted, round: u64) {
    for stream in 0..STREAMS {
        let key = format!("camera-{stream}");
        let all = FragmentQuery::all(FragmentOrder::Sequence, usize::MAX);
        let listed: BTreeMap<u64, _> = reader
            .fragments(&key, &all)
            .unwrap()
            .into_iter()
            .map(|fragment| (fragment.entry.sequence, fragment))
            .collect();
        let of_stream = persisted.range((stream, 0)..(stream + 1, 0));
        for (&(_, sequence), said) in of_stream {
            let Some((size_bytes, crc32c)) = said else { continue };
            let found = listed.get(&sequence);
            let found = found.unwrap_or_else(|| panic!("round {round}: {key} {sequence} is gone"));
            assert_eq!((found.entry.size_bytes, found.entry.crc32c), (*size_bytes, *crc32c));
            // Read by checksum, the newest of each stream in every round and all of them now and then.
            let is_new = listed.range(sequence..).count() <= 10;
            if is_new || round.is_multiple_of(ROUNDS_PER_CHECK) {
                reader.read(found).unwrap();
            }
        }
    }
}
