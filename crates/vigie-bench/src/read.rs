//! GetMedia of media that is in the page cache, against a plain file server of the same media file; and what a live viewer
//! costs.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::Request;
use serde_json::json;
use tokio::task::JoinSet;
use vigie_kvs::sigv4::Credentials;

use crate::client::Caller;
use crate::options::Load;
use crate::process::Server;
use crate::producer::{Producer, fragment};
use crate::stream_folders::stream_folders;
use crate::{Outcome, machine, page_cache, process};

/// Fragments of the stream that is read.
const FRAGMENTS: u64 = 256;
/// Who read at once.
const READERS: usize = 8;
/// Viewers of one live stream, and how long it lasts.
const VIEWERS: usize = 100;
const LIVE: Duration = Duration::from_secs(10);
/// A live producer sends a fragment so often.
const LIVE_INTERVAL: Duration = Duration::from_millis(500);
const WARM_UP: Duration = Duration::from_secs(2);

/// Bytes that readers got in a time, and the processor time of who sent them.
struct Read {
    bytes: u64,
    elapsed: Duration,
    cpu: Duration,
}

impl Read {
    fn per_core_second(&self) -> f64 {
        self.bytes as f64 / self.cpu.as_secs_f64()
    }

    fn row(&self, name: &str, floor: Option<&Self>) -> String {
        let share = floor.map(|floor| self.per_core_second() / floor.per_core_second() * 100.0);
        format!(
            "| {name} | {:.0} | {:.0} % | {:.0} | {} |\n",
            self.bytes as f64 / self.elapsed.as_secs_f64() / 1e6,
            self.cpu.as_secs_f64() / self.elapsed.as_secs_f64() * 100.0,
            self.per_core_second() / 1e6,
            share.map_or_else(|| " |".to_owned(), |share| format!("{share:.0} % | 60 %")),
        )
    }
}

/// Measures, and writes the page.
pub(crate) async fn run(options: &Load) -> Outcome<()> {
    let (processor, cores) = machine::processor()?;
    process::leave_the_core(cores)?;
    let folder = options.place.data_folder()?;
    let time = Duration::from_secs(options.seconds);
    let (server, credentials) = Server::vigie(&options.vigie, folder.path()).await?;
    let credentials = Arc::new(credentials);
    let fragment = Arc::new(fragment(0));
    create_stream(&server, &credentials, "archive").await?;
    let producer = Producer::connect(server.address, &credentials, "archive").await?;
    producer.send(Arc::clone(&fragment), Some(FRAGMENTS), Arc::default()).await?;

    page_cache::warm(folder.path())?;
    let floor_server = Server::files(&largest_media_file(folder.path())?)?;
    let floor = load(&floor_server, None, time).await?;
    let get_media = load(&server, Some(&credentials), time).await?;
    drop(floor_server);
    let live = live(&server, &credentials, &fragment).await?;

    let viewer_share = live.cpu.as_secs_f64() / LIVE.as_secs_f64() / VIEWERS as f64;
    let viewer_bytes = live.bytes as f64 / LIVE.as_secs_f64() / VIEWERS as f64;
    let page = format!(
        "# Reading

Part of [the benchmarks](../benchmarks.md); `make bench` writes this page.

Measured on: {processor}, {cores} cores, Linux {kernel}; load average at the end {load}. The server, and the
floor in its turn, had one core, the readers the other {others}.

{READERS} GetMedia connections read a stream of {FRAGMENTS} fragments of {size:.2} MB from its beginning, again and again,
for {seconds} s; all of it is in the page cache. The floor is a plain hyper server that sends a media file of that stream
in blocks of the same size, without signatures, index, tags or checksums. *Per core-second* counts processor time, so
that other work on the machine does not show in it.

| | MB/s | of the core | MB per core-second | to the floor | aim |
| --- | ---: | ---: | ---: | ---: | --- |
{floor_row}{get_media_row}
{VIEWERS} viewers follow one live stream of a fragment each {interval} ms, {viewer_rate:.1} MB/s each: {viewer:.2} % of a
core for each viewer, what the one producer costs included; {per_core:.0} MB per core-second. Resident memory of the
server: {memory_mb:.0} MB.
",
        kernel = machine::kernel()?,
        others = cores - 1,
        load = machine::load_average()?,
        size = fragment.len() as f64 / 1e6,
        seconds = options.seconds,
        floor_row = floor.row("floor: a plain file server", None),
        get_media_row = get_media.row("GetMedia", Some(&floor)),
        interval = LIVE_INTERVAL.as_millis(),
        viewer_rate = viewer_bytes / 1e6,
        viewer = viewer_share * 100.0,
        per_core = live.per_core_second() / 1e6,
        memory_mb = machine::memory_bytes(server.pid())? as f64 / 1e6,
    );
    options.place.publish(&page)
}

async fn create_stream(server: &Server, key: &Arc<Credentials>, name: &str) -> Outcome<()> {
    let mut caller = Caller::connect(server.address, key).await?;
    let input = json!({"StreamName": name, "DataRetentionInHours": 24});
    caller.json("/createStream", &input).await?;
    Ok(())
}

fn largest_media_file(folder: &Path) -> Outcome<PathBuf> {
    let mut files = Vec::new();
    for stream in stream_folders(&folder.join("server/media"))? {
        for file in std::fs::read_dir(stream)? {
            let file = file?;
            files.push((file.metadata()?.len(), file.path()));
        }
    }
    let largest = files.into_iter().max().ok_or("the server has no media file")?;
    Ok(largest.1)
}

/// Readers that begin anew when they have read all. With a key they call GetMedia.
async fn load(server: &Server, key: Option<&Arc<Credentials>>, time: Duration) -> Outcome<Read> {
    let bytes = Arc::new(AtomicU64::new(0));
    let mut readers = JoinSet::new();
    for _ in 0..READERS {
        readers.spawn(read_again(server.address, key.cloned(), Arc::clone(&bytes)));
    }
    tokio::time::sleep(WARM_UP).await;
    let (begun, cpu_begun) = (Instant::now(), machine::cpu_time(server.pid())?);
    let bytes_begun = bytes.load(Ordering::Relaxed);
    tokio::select! {
        () = tokio::time::sleep(time) => {}
        Some(ended) = readers.join_next() => {
            ended??;
            return Err("a reader has ended".into());
        }
    }
    let bytes = bytes.load(Ordering::Relaxed) - bytes_begun;
    let (elapsed, cpu) = (begun.elapsed(), machine::cpu_time(server.pid())? - cpu_begun);
    Ok(Read { bytes, elapsed, cpu })
}

async fn read_again(
    address: SocketAddr,
    key: Option<Arc<Credentials>>,
    bytes: Arc<AtomicU64>,
) -> Outcome<()> {
    let input =
        json!({"StreamName": "archive", "StartSelector": {"StartSelectorType": "EARLIEST"}});
    let input = Bytes::from(input.to_string());
    // With the last fragment all has been read; GetMedia would wait for more.
    let whole = FRAGMENTS * fragment(0).len() as u64;
    loop {
        let mut body = match &key {
            Some(key) => Caller::connect(address, key).await?.stream("/getMedia", &input).await?,
            None => {
                let nobody = Arc::new(Credentials {
                    access_key_id: String::new(),
                    secret_access_key: "".into(),
                    session_token: None,
                });
                let caller = Caller::connect(address, &nobody).await?;
                let request = Request::get("/").header("host", address.to_string());
                caller.send(request.body(Default::default())?).await?
            }
        };
        let mut read = 0;
        while let Some(frame) = body.frame().await {
            let length = frame?.data_ref().map_or(0, Bytes::len) as u64;
            read += length;
            bytes.fetch_add(length, Ordering::Relaxed);
            if read >= whole {
                break;
            }
        }
    }
}

/// Viewers of one stream that a producer writes to.
async fn live(server: &Server, key: &Arc<Credentials>, fragment: &Arc<Vec<u8>>) -> Outcome<Read> {
    create_stream(server, key, "live").await?;
    let producer = Producer::connect(server.address, key, "live").await?;
    let mut tasks = JoinSet::new();
    tasks.spawn(producer.send_paced(Arc::clone(fragment), LIVE_INTERVAL, Arc::default()));
    let bytes = Arc::new(AtomicU64::new(0));
    let input = json!({"StreamName": "live", "StartSelector": {"StartSelectorType": "NOW"}});
    let input = Bytes::from(input.to_string());
    for _ in 0..VIEWERS {
        let caller = Caller::connect(server.address, key).await?;
        let (input, bytes) = (input.clone(), Arc::clone(&bytes));
        tasks.spawn(async move {
            let mut body = caller.stream("/getMedia", &input).await?;
            while let Some(frame) = body.frame().await {
                let length = frame?.data_ref().map_or(0, Bytes::len) as u64;
                bytes.fetch_add(length, Ordering::Relaxed);
            }
            Err("a viewer's answer has ended".into())
        });
    }
    tokio::time::sleep(WARM_UP).await;
    let (begun, cpu_begun) = (Instant::now(), machine::cpu_time(server.pid())?);
    let bytes_begun = bytes.load(Ordering::Relaxed);
    tokio::select! {
        () = tokio::time::sleep(LIVE) => {}
        Some(ended) = tasks.join_next() => ended??,
    }
    let bytes = bytes.load(Ordering::Relaxed) - bytes_begun;
    let (elapsed, cpu) = (begun.elapsed(), machine::cpu_time(server.pid())? - cpu_begun);
    Ok(Read { bytes, elapsed, cpu })
}
