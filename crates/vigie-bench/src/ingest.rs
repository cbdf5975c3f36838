//! PutMedia under load: many producers that send from memory as fast as they are taken, against plain programs: one that
//! receives, writes and syncs the same bytes, and one that only writes and syncs them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use serde_json::json;

use crate::client::Caller;
use crate::options::Load;
use crate::process::Server;
use crate::producer::{CHUNK_BYTES, Producer, fragment};
use crate::write_floor::Floor;
use crate::{Outcome, Usage, machine, process, receive_floor, write_floor};

/// Producers, each with a stream of its own.
const PRODUCERS: usize = 64;
/// Before counting begins: files, caches, the disk's own.
const WARM_UP: Duration = Duration::from_secs(3);
/// How often everything is measured.
const TURNS: usize = 3;
/// What a producer sends that hands on each frame as it comes.
const SMALL_CHUNK_BYTES: usize = 16 << 10;

/// See `--help`.
#[derive(clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    load: Load,
    /// Another release build to measure beside it, in place of the floors
    #[arg(long, requires = "against_name")]
    against: Option<PathBuf>,
    /// What that is, such as its commit
    #[arg(long)]
    against_name: Option<String>,
    /// How often each build is measured beside another
    #[arg(long, default_value_t = 5)]
    turns: usize,
}

/// Measures, and writes the page.
pub(crate) async fn run(options: &Options) -> Outcome<()> {
    if let (Some(against), Some(name)) = (&options.against, &options.against_name) {
        return beside(&options.load, against, name, options.turns).await;
    }
    let options = &options.load;
    let (processor, cores) = machine::processor()?;
    let halves = process::leave_half(cores)?;
    let folder = options.place.data_folder()?;
    let fragment = Arc::new(fragment(0));
    // By turns: what else the machine and its disk do changes with time.
    let mut turns = Vec::new();
    for _ in 0..TURNS {
        turns.push(Turn::measure(&halves.measured, options, folder.path(), &fragment).await?);
    }
    let measured = format!(
        "Measured on: {processor}, {cores} cores, Linux {kernel}; load average at the end {load}. The server and
each floor had {measured} of the cores for itself, one after another; their producers had the other {others}.",
        kernel = machine::kernel()?,
        load = machine::load_average()?,
        measured = halves.measured_count,
        others = halves.load_count,
    );
    options.place.publish(&page(&measured, fragment.len(), options.seconds, &turns))
}

/// Everything once.
struct Turn {
    write: Floor,
    receive: Usage,
    receive_direct: Usage,
    large: Usage,
    small: Usage,
}

impl Turn {
    async fn measure(
        cores: &str,
        options: &Load,
        folder: &Path,
        fragment: &Arc<Vec<u8>>,
    ) -> Outcome<Self> {
        let time = Duration::from_secs(options.seconds) / 2;
        let receive =
            |direct| receive_floor::measure(cores, folder, PRODUCERS, fragment, direct, time);
        let put_media =
            |chunk_bytes| put_media(cores, &options.vigie, options, folder, fragment, chunk_bytes);
        Ok(Self {
            write: write_floor::measure(cores, folder, PRODUCERS, time).await?,
            receive: receive(false).await?,
            receive_direct: receive(true).await?,
            large: put_media(CHUNK_BYTES).await?,
            small: put_media(SMALL_CHUNK_BYTES).await?,
        })
    }
}

/// What a server uses under a load in HTTP chunks of this size. One of its own, whose media goes with it: this is much.
async fn put_media(
    cores: &str,
    program: &Path,
    options: &Load,
    folder: &Path,
    fragment: &Arc<Vec<u8>>,
    chunk_bytes: usize,
) -> Outcome<Usage> {
    let folder = tempfile::tempdir_in(folder)?;
    let (server, credentials) = Server::vigie_on(cores, program, folder.path()).await?;
    let credentials = Arc::new(credentials);
    let mut caller = Caller::connect(server.address, &credentials).await?;
    let persisted = Arc::new(AtomicU64::new(0));
    let mut producers = tokio::task::JoinSet::new();
    for index in 0..PRODUCERS {
        let stream = format!("producer-{index}");
        let input = json!({"StreamName": stream, "DataRetentionInHours": 24});
        caller.json("/createStream", &input).await?;
        let producer = Producer::connect(server.address, &credentials, &stream).await?;
        let producer = producer.in_chunks_of(chunk_bytes);
        producers.spawn(producer.send(Arc::clone(fragment), None, Arc::clone(&persisted)));
    }
    tokio::time::sleep(WARM_UP).await;
    let time = Duration::from_secs(options.seconds);
    Usage::over(time, server.pid(), &persisted, fragment.len(), &mut producers).await
}

/// This build and another by turns, in either order: what each uses for the same load.
async fn beside(options: &Load, against: &Path, name: &str, turns: usize) -> Outcome<()> {
    let (processor, cores) = machine::processor()?;
    let halves = process::leave_half(cores)?;
    let folder = options.place.data_folder()?;
    let fragment = Arc::new(fragment(0));
    let programs = [options.vigie.as_path(), against];
    let mut used = [Vec::new(), Vec::new()];
    for turn in 0..turns {
        for place in 0..2 {
            let build = (turn + place) % 2;
            let (cores, folder) = (halves.measured.as_str(), folder.path());
            let program = programs[build];
            let one = put_media(cores, program, options, folder, &fragment, CHUNK_BYTES).await?;
            used[build].push(one);
        }
    }
    let mut ratios: Vec<f64> = used[0]
        .iter()
        .zip(&used[1])
        .map(|(this, other)| this.core_seconds_per_gigabyte / other.core_seconds_per_gigabyte)
        .collect();
    ratios.sort_by(f64::total_cmp);
    let rows = ["this build", name].into_iter().zip(used).map(|(name, used)| {
        let (usage, [least, most]) = Usage::median(used);
        format!(
            "| {name} | {:.0} | {:.3} | {least:.3} to {most:.3} | {:.0} MB |\n",
            usage.bytes_per_second / 1e6,
            usage.core_seconds_per_gigabyte,
            usage.memory_bytes as f64 / 1e6,
        )
    });
    options.place.publish(&format!(
        "# Ingest beside another build

Part of [the benchmarks](../benchmarks.md); `vigie-bench ingest --against` writes this page.

Measured on: {processor}, {cores} cores, Linux {kernel}; load average at the end {load}. The server had {measured} of
the cores for itself, the producers the other {others}.

{PRODUCERS} PutMedia connections send fragments of {size:.2} MB from memory as fast as they are taken, for {seconds} s, to each build
in turn, {turns} times; the figures are medians. The ratio is that of a turn, of processor time: median {ratio:.3}, from {least:.3} to
{most:.3}.

| | MB/s | core-seconds per GB | least to most | memory |
| --- | ---: | ---: | ---: | ---: |
{rows}",
        kernel = machine::kernel()?,
        load = machine::load_average()?,
        measured = halves.measured_count,
        others = halves.load_count,
        size = fragment.len() as f64 / 1e6,
        seconds = options.seconds,
        ratio = ratios.get(ratios.len() / 2).ok_or("no turn was measured")?,
        least = ratios.first().ok_or("no turn was measured")?,
        most = ratios.last().ok_or("no turn was measured")?,
        rows = rows.collect::<String>(),
    ))
}

fn page(measured: &str, fragment_bytes: usize, seconds: u64, turns: &[Turn]) -> String {
    let cost = |name: &str, of: fn(&Turn) -> Usage, aim: &str| {
        let (usage, [least, most]) = Usage::median(turns.iter().map(of).collect());
        let to_floor = turns.iter().map(|turn| {
            of(turn).core_seconds_per_gigabyte / turn.receive.core_seconds_per_gigabyte
        });
        format!(
            "| {name} | {:.0} | {:.2} | {least:.2} to {most:.2} | {:.2} | {:.2} | {:.0} MB | {aim} |\n",
            usage.bytes_per_second / 1e6,
            usage.core_seconds_per_gigabyte,
            to_floor.sum::<f64>() / turns.len() as f64,
            usage.cores,
            usage.memory_bytes as f64 / 1e6,
        )
    };
    let (large, _) = Usage::median(turns.iter().map(|turn| turn.large).collect());
    let floor = Floor::median(&turns.iter().map(|turn| turn.write).collect::<Vec<_>>());
    let rate = |name: &str, bytes_per_second: f64, aim: &str| {
        let share = large.bytes_per_second / bytes_per_second * 100.0;
        format!("| {name} | {:.0} | {share:.0} % | {aim} |\n", bytes_per_second / 1e6)
    };
    format!(
        "# Ingest

Part of [the benchmarks](../benchmarks.md); `make bench` writes this page.

{measured}

{PRODUCERS} PutMedia connections, each signed and to a stream of its own, send fragments of {size:.2} MB (2 s of a camera
of 4 Mbit/s) from memory as fast as they are taken, for {seconds} s. What counts is acknowledged as PERSISTED: on the
disk and in the index, synced. All that is on this page is measured by turns, {TURNS} times; the figures are
medians, and shares of the floor's processor time the mean of the turns.

## Processor time

The floor is a plain program that receives the same bytes from as many connections, writes them to {PRODUCERS} files and
syncs: a thread for each connection, which reads a fragment, writes it, syncs it and answers with one byte; without
HTTP, Matroska, checksums or an index. What it costs is what the kernel's sockets and files cost: once as plain
programs write, once past the page cache, as the server does.

| | MB/s | core-seconds per GB | least to most | of the floor's | cores in use | memory | aim |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |
{}{}{}{}
## Throughput

The floor only writes the same bytes to {PRODUCERS} files, in the pattern of a group commit: a fragment to each, then all of
them synced side by side. The other two rows are what such a program reaches in other patterns.

| | MB/s | PutMedia to it | aim |
| --- | ---: | ---: | --- |
{}{}{}",
        cost("floor: a plain receiver", |turn| turn.receive, ""),
        cost("the same past the page cache", |turn| turn.receive_direct, ""),
        cost("PutMedia, HTTP chunks of 64 KB", |turn| turn.large, "1 core-second"),
        cost("PutMedia, HTTP chunks of 16 KB", |turn| turn.small, ""),
        rate("floor: rounds, synced side by side", floor.in_rounds, "60 %"),
        rate("rounds, synced one after another", floor.in_turn, ""),
        rate("a thread for each file, waiting for nobody", floor.in_threads, ""),
        size = fragment_bytes as f64 / 1e6,
    )
}
