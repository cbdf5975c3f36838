//! How fast the store takes whole fragments of many streams, through the thread that a server uses.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use vigie_store::StoreSettings;
use vigie_store::thread::{StoreHandle, StoreThread, ThreadSettings};

use super::media::{self, BEGIN};
use super::{open, plain};
use crate::{Outcome, machine};

const STREAMS: usize = 64;
/// Two seconds at 4 Mbit/s.
const FRAGMENT_BYTES: usize = 1_000_000;
/// A producer sends on while its last fragments wait for their commit; a server has room for more.
const FRAGMENTS_ON_THE_WAY: usize = 4;

/// How often the floor and the store take turns.
const ROUNDS: u32 = 5;

struct Rate {
    bytes_per_second: f64,
    core_seconds_per_gigabyte: f64,
}

pub(super) fn measure(folder: &Path, seconds: u64) -> Outcome<String> {
    let time = Duration::from_secs(seconds) / ROUNDS;
    let (mut floors, mut stores) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        floors.push(plain_rate(&folder.join("plain-ingest"), time)?);
        stores.push(store_rate(&folder.join("ingest"), time)?);
    }
    let ratios = floors.iter().zip(&stores);
    let ratios = ratios.map(|(floor, store)| store.bytes_per_second / floor.bytes_per_second);
    let (least, ratio, most) = spread(ratios.collect());
    let row = |name: &str, rates: &[Rate], ratio: f64, aim: &str| {
        let (least, rate, most) = spread(rates.iter().map(|rate| rate.bytes_per_second).collect());
        let (_, cost, _) =
            spread(rates.iter().map(|rate| rate.core_seconds_per_gigabyte).collect());
        format!(
            "| {name} | {:.0} | {:.0} to {:.0} | {:.0} % | {cost:.2} | {aim} |\n",
            rate / 1e6,
            least / 1e6,
            most / 1e6,
            ratio * 100.0,
        )
    };
    Ok(format!(
        "## Ingest without the network

{STREAMS} streams, fragments of {} KB from memory, {FRAGMENTS_ON_THE_WAY} of each stream on the way; every fragment is
durable before its producer is told. The floor is {STREAMS} threads, each of which appends the same bytes to a file and
syncs it, waiting for nobody. {ROUNDS} times the one, then the other; medians, and of the share of the floor that of the
{ROUNDS} pairs ({:.0} to {:.0} %).

| | MB/s | least to most | of the floor | core-seconds per GB | aim |
| --- | ---: | ---: | ---: | ---: | --- |
{}{}",
        FRAGMENT_BYTES / 1000,
        least * 100.0,
        most * 100.0,
        row("floor: write and sync", &floors, 1.0, ""),
        row("Vigie's store", &stores, ratio, "60 %"),
    ))
}

/// The least, the median and the most.
fn spread(mut values: Vec<f64>) -> (f64, f64, f64) {
    values.sort_by(f64::total_cmp);
    let at = |index: usize| values.get(index).copied().unwrap_or_default();
    (at(0), at(values.len() / 2), at(values.len().saturating_sub(1)))
}

fn plain_rate(folder: &Path, time: Duration) -> Outcome<Rate> {
    let cluster = media::cluster(FRAGMENT_BYTES);
    let cpu = machine::cpu_time(std::process::id())?;
    let begun = Instant::now();
    let bytes_per_second = plain::ingest(folder, STREAMS, &cluster, time)?;
    let bytes = bytes_per_second * begun.elapsed().as_secs_f64();
    let cpu = machine::cpu_time(std::process::id())? - cpu;
    Ok(Rate { bytes_per_second, core_seconds_per_gigabyte: cpu.as_secs_f64() / bytes * 1e9 })
}

fn store_rate(folder: &Path, time: Duration) -> Outcome<Rate> {
    let store = open(folder, StoreSettings::SERVER)?;
    let start = Instant::now();
    let thread =
        StoreThread::spawn(store, ThreadSettings::default(), Box::new(move || start.elapsed()))?;
    let persisted = AtomicU64::new(0);
    let over = AtomicBool::new(false);
    let cpu = machine::cpu_time(std::process::id())?;
    let begun = Instant::now();
    std::thread::scope(|scope| -> Outcome<()> {
        let producers: Vec<_> = (0..STREAMS)
            .map(|number| {
                let (handle, persisted, over) = (thread.handle(), &persisted, &over);
                scope.spawn(move || produce(&handle, &media::key(number), persisted, over))
            })
            .collect();
        std::thread::sleep(time);
        over.store(true, Ordering::Relaxed);
        producers.into_iter().try_for_each(|it| it.join().map_err(|_| "a producer panicked")?)
    })?;
    let bytes = persisted.into_inner() as f64;
    let bytes_per_second = bytes / begun.elapsed().as_secs_f64();
    let cpu = machine::cpu_time(std::process::id())? - cpu;
    thread.shutdown()?;
    std::fs::remove_dir_all(folder)?;
    Ok(Rate { bytes_per_second, core_seconds_per_gigabyte: cpu.as_secs_f64() / bytes * 1e9 })
}

/// Appends fragments of one stream until it is over.
fn produce(
    handle: &StoreHandle,
    key: &str,
    persisted: &AtomicU64,
    over: &AtomicBool,
) -> Outcome<()> {
    let key: Arc<str> = key.into();
    let (header, cluster) = (media::header(), media::cluster(FRAGMENT_BYTES));
    let (reply, outcomes) = channel();
    let (mut number, mut waiting) = (0, 0);
    loop {
        while waiting < FRAGMENTS_ON_THE_WAY && !over.load(Ordering::Relaxed) {
            let (reserved, sequence) = channel();
            handle.reserve_sequences(
                Arc::clone(&key),
                1,
                Box::new(move |range| drop(reserved.send(range.map(|range| range.start)))),
            );
            let at = BEGIN.plus_millis(number * 2000);
            let fragment = media::fragment(sequence.recv()??, at, 2000, cluster.clone());
            let reply = reply.clone();
            let reply = Box::new(move |outcome| drop(reply.send(outcome)));
            handle.append_fragment(Arc::clone(&key), header.clone(), fragment, reply);
            (number, waiting) = (number + 1, waiting + 1);
        }
        if waiting == 0 {
            return Ok(());
        }
        let entry = outcomes.recv()??;
        persisted.fetch_add(entry.size_bytes, Ordering::Relaxed);
        waiting -= 1;
    }
}
