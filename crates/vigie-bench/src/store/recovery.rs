//! How soon a store with many fragments is back after a kill -9, and how fast it lists.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use vigie_store::{FragmentOrder, FragmentQuery, StoreReader, StoreSettings};

use super::fill::MONTH;
use super::open;
use crate::Outcome;
use crate::report::percentile;

const KILLS: u64 = 5;
/// By how much an index is older than its media.
const OLDER: Duration = Duration::from_secs(3);
/// As the server's thread searches for media that the index does not know.
const FILES_PER_STEP: usize = 64;
const LISTINGS: u64 = 500;
const LISTED: usize = 1000;

pub(super) fn measure(folder: &Path, fragments: u64) -> Outcome<String> {
    let folder = folder.join("recovery");
    let mut opened = Vec::new();
    for round in 1..=KILLS {
        kill_while_it_appends(&folder, fragments, Duration::from_millis(80 * round))?;
        let begun = Instant::now();
        let store = open(&folder, StoreSettings::SERVER)?;
        opened.push(begun.elapsed());
        // Not closed: as the next process finds it after another kill.
        drop(store);
    }
    opened.sort();
    let older = older_index(&folder, fragments)?;
    let store = open(&folder, StoreSettings::SERVER)?;
    let reader = store.reader();
    let files = reader.media_files(MONTH)?.len();
    let index_bytes = std::fs::metadata(folder.join("index.sqlite"))?.len();
    let held: u64 = reader
        .stream_keys()?
        .iter()
        .map(|key| Ok(reader.totals(key)?.fragment_count))
        .sum::<Outcome<u64>>()?;
    let mut rows = String::new();
    for (order, name) in [
        (FragmentOrder::ProducerTimestamp, "producer timestamp"),
        (FragmentOrder::ServerTimestamp, "server timestamp"),
        (FragmentOrder::Sequence, "fragment number"),
    ] {
        let times = list(&reader, order)?;
        rows += &format!(
            "| list {LISTED} of {} in the stream of 30 days, by {name}: median / longest of {LISTINGS} | {} / {} | 5 ms |\n",
            reader.totals(MONTH)?.fragment_count,
            millis(percentile(&times, 0.5)),
            millis(percentile(&times, 1.0)),
        );
    }
    drop((reader, store));
    std::fs::remove_dir_all(&folder)?;
    Ok(format!(
        "## After a kill -9

A process fills a store with {held} fragments in 64 streams, one of which holds 30 days in {files} media files, goes on
with a commit after another and is killed; another opens the store. The files are in the page cache.

| | | aim |
| --- | ---: | ---: |
| open, recovery included: median / longest of {KILLS} | {} / {} | 1 s |
| open, where the index is a copy of {older_seconds:.0} s before, without its log: median / longest of {KILLS} | {} / {} | 1 s |
| {} fragments that such an index does not know are in it again, behind that: median / longest | {} / {} | |
{rows}| index on disk, for each fragment | {:.1} bytes | 40 bytes |
",
        millis(percentile(&opened, 0.5)),
        millis(percentile(&opened, 1.0)),
        millis(percentile(&older.opened, 0.5)),
        millis(percentile(&older.opened, 1.0)),
        older.claimed_fragment_count,
        millis(percentile(&older.searched, 0.5)),
        millis(percentile(&older.searched, 1.0)),
        index_bytes as f64 / held as f64,
        older_seconds = OLDER.as_secs_f64(),
    ))
}

/// How soon a store is open whose index is older than its media, and how soon it has found what the index lacks.
#[derive(Default)]
struct Older {
    opened: Vec<Duration>,
    searched: Vec<Duration>,
    claimed_fragment_count: u64,
}

fn older_index(folder: &Path, fragments: u64) -> Outcome<Older> {
    let index = folder.join("index.sqlite");
    let mut older = Older::default();
    for _ in 0..KILLS {
        open(folder, StoreSettings::SERVER)?.close()?;
        let copy = folder.join("index.copy");
        std::fs::copy(&index, &copy)?;
        kill_while_it_appends(folder, fragments, OLDER)?;
        for suffix in ["-wal", "-shm"] {
            let path = folder.join(format!("index.sqlite{suffix}"));
            if path.exists() {
                std::fs::remove_file(path)?;
            }
        }
        std::fs::rename(&copy, &index)?;
        let begun = Instant::now();
        let mut store = open(folder, StoreSettings::SERVER)?;
        older.opened.push(begun.elapsed());
        while store.is_searching_orphans() {
            store.search_orphans(FILES_PER_STEP)?;
            if store.is_search_waiting() {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        older.searched.push(begun.elapsed());
        older.claimed_fragment_count = store.reader().findings().claimed_fragment_count;
        drop(store);
    }
    older.opened.sort();
    older.searched.sort();
    Ok(older)
}

fn kill_while_it_appends(folder: &Path, fragments: u64, after: Duration) -> Outcome<()> {
    let mut child = Command::new(std::env::current_exe()?)
        .arg("store-fill")
        .arg(folder)
        .arg(fragments.to_string())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut line = String::new();
    let output = child.stdout.take().ok_or("the filling process has no output")?;
    BufReader::new(output).read_line(&mut line)?;
    if line.trim() == "filled" {
        std::thread::sleep(after);
    }
    child.kill()?;
    let status = child.wait()?;
    match status.code() {
        None => Ok(()),
        Some(_) => Err(format!("the filling process ended: {status}").into()),
    }
}

/// Times of listings that begin all over the stream, sorted.
fn list(reader: &StoreReader, order: FragmentOrder) -> Outcome<Vec<Duration>> {
    let first = reader.oldest(MONTH, order)?.ok_or("the stream is empty")?;
    let last = reader.newest(MONTH, order)?.ok_or("the stream is empty")?;
    let (first, last) = (order.value(&first.entry), order.value(&last.entry));
    let mut times = Vec::new();
    for number in 0..LISTINGS {
        // So that at least as many as are listed lie behind.
        let from = first + (last - first) / 2 * (number * 7919 % LISTINGS) as i64 / LISTINGS as i64;
        let query = FragmentQuery { from, ..FragmentQuery::all(order, LISTED) };
        let begun = Instant::now();
        let found = reader.fragments(MONTH, &query)?;
        times.push(begun.elapsed());
        if found.len() != LISTED {
            return Err(format!("{} of {LISTED} were listed", found.len()).into());
        }
    }
    times.sort();
    Ok(times)
}

fn millis(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1000.0)
}
