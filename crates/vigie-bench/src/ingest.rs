//! PutMedia under load: many producers that send from memory as fast as they are taken, against a plain program that
//! writes and syncs the same bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::client::Caller;
use crate::options::Load;
use crate::process::Server;
use crate::producer::{Producer, fragment};
use crate::{Outcome, machine, process, write_floor};

/// Producers, each with a stream of its own.
const PRODUCERS: usize = 64;
/// Before counting begins: files, caches, the disk's own.
const WARM_UP: Duration = Duration::from_secs(3);

/// Measures, and writes the page.
pub(crate) async fn run(options: &Load) -> Outcome<()> {
    let (processor, cores) = machine::processor()?;
    let server_cores = process::leave_half(cores)?;
    let folder = options.place.data_folder()?;
    let time = Duration::from_secs(options.seconds);
    let fragment = Arc::new(fragment(0));
    let fragment_bytes = fragment.len() as f64;
    // Once before and once after: what else the disk does changes with time.
    let before = write_floor::measure(folder.path(), PRODUCERS, &fragment, time)?;

    let (server, credentials) =
        Server::vigie_on(&server_cores, &options.vigie, folder.path()).await?;
    let credentials = Arc::new(credentials);
    let mut caller = Caller::connect(server.address, &credentials).await?;
    let persisted = Arc::new(AtomicU64::new(0));
    let mut producers = tokio::task::JoinSet::new();
    for index in 0..PRODUCERS {
        let stream = format!("producer-{index}");
        let input = json!({"StreamName": stream, "DataRetentionInHours": 24});
        caller.json("/createStream", &input).await?;
        let producer = Producer::connect(server.address, &credentials, &stream).await?;
        producers.spawn(producer.send(Arc::clone(&fragment), None, Arc::clone(&persisted)));
    }
    tokio::time::sleep(WARM_UP).await;
    let (begun, cpu_begun) = (Instant::now(), machine::cpu_time(server.pid())?);
    let persisted_begun = persisted.load(Ordering::Relaxed);
    tokio::select! {
        () = tokio::time::sleep(time) => {}
        Some(ended) = producers.join_next() => {
            ended??;
            return Err("a producer has ended".into());
        }
    }
    let fragments = persisted.load(Ordering::Relaxed) - persisted_begun;
    let (elapsed, cpu) = (begun.elapsed(), machine::cpu_time(server.pid())? - cpu_begun);
    let memory_mb = machine::memory_bytes(server.pid())? as f64 / 1e6;
    drop(producers);
    drop(server);
    let after = write_floor::measure(folder.path(), PRODUCERS, &fragment, time)?;

    let bytes = fragments as f64 * fragment_bytes;
    let rate = bytes / elapsed.as_secs_f64();
    let floor = before.mean(after);
    let page = format!(
        "# Ingest

Part of [the benchmarks](../benchmarks.md); `make bench` writes this page.

Measured on: {processor}, {cores} cores, Linux {kernel}; load average at the end {load}. The server runs on
cores {server_cores}, the producers and the floor on the others.

{PRODUCERS} PutMedia connections, each signed and to a stream of its own, send fragments of {size:.2} MB (2 s of a camera
of 4 Mbit/s) from memory as fast as they are taken, for {seconds} s. What counts is acknowledged as PERSISTED: on the
disk and in the index, synced. The floor is a plain program that writes the same bytes to {PRODUCERS} files in the pattern
of a group commit: a fragment to each, then all of them synced side by side; without HTTP, Matroska, checksums or an index.
It runs before and after. The other two rows are what such a program reaches in other patterns.

| | MB/s | PutMedia to it | aim |
| --- | ---: | ---: | --- |
| floor: rounds, synced side by side | {in_rounds:.0} | {share:.0} % | 60 % |
| rounds, synced one after another | {in_turn:.0} | {share_in_turn:.0} % | |
| a thread for each file, waiting for nobody | {in_threads:.0} | {share_in_threads:.0} % | |
| PutMedia | {rate:.0} | | |

| | | aim |
| --- | ---: | --- |
| core-seconds of the server for each GB persisted | {core:.2} | 1 |
| cores in use | {core_share:.2} | |
| resident memory under this load | {memory_mb:.0} MB | |
",
        kernel = machine::kernel()?,
        load = machine::load_average()?,
        size = fragment_bytes / 1e6,
        seconds = options.seconds,
        in_rounds = floor.in_rounds / 1e6,
        in_turn = floor.in_turn / 1e6,
        in_threads = floor.in_threads / 1e6,
        rate = rate / 1e6,
        share = rate / floor.in_rounds * 100.0,
        share_in_turn = rate / floor.in_turn * 100.0,
        share_in_threads = rate / floor.in_threads * 100.0,
        core = cpu.as_secs_f64() / (bytes / 1e9),
        core_share = cpu.as_secs_f64() / elapsed.as_secs_f64(),
    );
    options.place.publish(&page)
}
