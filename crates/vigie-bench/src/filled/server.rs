//! A server with ten thousand streams and ten million fragments beside one with a few: what its calls cost, and how soon
//! it is back after a kill -9. By turns, on the same core.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use vigie_kvs::sigv4::Credentials;

use super::media_files::{self, Filled, Holding};
use super::{Options, key_of, now};
use crate::client::Caller;
use crate::hubs::{Hubs, edge_configuration};
use crate::process::{CORE, Server};
use crate::producer::{Producer, fragment};
use crate::{Outcome, Usage, load};

/// As files of a camera of 4 Mbit/s.
const FRAGMENTS_PER_FILE: u64 = 125;
const FRAGMENT_BYTES: u64 = 1_000_000;
const FRAGMENT_MS: u32 = 2000;
/// Of one hub.
const STREAMS_PER_HUB: usize = 250;
/// The server with a few: as many as one hub could have, and as many fragments each as the other.
const FEW_STREAMS: u64 = 10;
/// The stream that is full of holes: fragments, none of which touches the next.
const GAPPY: &str = "gappy";
const GAPPY_FILES: u64 = 800;
const FEW_GAPPY_FILES: u64 = 8;
const GAPPY_PAUSE_MS: i64 = 20_000;
/// Longer than any of it is old.
const RETENTION_HOURS: u32 = 24 * 60;
/// Producers at once, each with a fragment so often.
const PRODUCERS: usize = 8;
const PRODUCER_INTERVAL: Duration = Duration::from_millis(100);
const WARM_UP: Duration = Duration::from_secs(2);
const STARTS: usize = 3;

/// What a call costs a server's core.
pub(super) struct Call {
    pub(super) name: &'static str,
    /// For each turn, with few streams and with many.
    pub(super) processor_time: Vec<[Duration; 2]>,
    pub(super) answer_bytes: [usize; 2],
}

pub(super) struct Figures {
    pub(super) filled: Filled,
    pub(super) few: Filled,
    pub(super) fill_took: Duration,
    pub(super) index_bytes: u64,
    pub(super) calls: Vec<Call>,
    /// For each turn, core-seconds for a gigabyte.
    pub(super) put_media: Vec<[f64; 2]>,
    /// After a kill -9, of the server with many.
    pub(super) starts: Vec<Duration>,
}

/// A running server, filled.
struct Site {
    server: Server,
    credentials: Arc<Credentials>,
    streams: Vec<String>,
    filled: Filled,
}

pub(super) async fn measure(options: &Options, folder: &Path) -> Outcome<Figures> {
    let few = folder.join("few");
    let many = folder.join("many");
    let files = (options.fragments / options.streams / FRAGMENTS_PER_FILE).max(1);
    let few_site = Site::new(options, &few, FEW_STREAMS, files, FEW_GAPPY_FILES).await?;
    let begun = Instant::now();
    let site = Site::new(options, &many, options.streams, files, GAPPY_FILES).await?;
    let fill_took = begun.elapsed();
    let index_bytes = std::fs::metadata(many.join("server/index.sqlite"))?.len();
    let sites = [&few_site, &site];
    let time = Duration::from_secs(options.seconds).div_f64(4.0);
    let mut calls = Vec::new();
    for (name, path, bodies) in operations() {
        let mut call = Call { name, processor_time: Vec::new(), answer_bytes: [0; 2] };
        for _ in 0..options.turns {
            let mut turn = [Duration::ZERO; 2];
            for ((turn, bytes), site) in turn.iter_mut().zip(&mut call.answer_bytes).zip(sites) {
                let bodies = bodies(&site.streams);
                let mut caller = Caller::connect(site.server.address, &site.credentials).await?;
                *bytes = caller.call(path, bodies.first().ok_or("no call")?.clone()).await?.len();
                let target = (site.server.address, site.server.pid());
                let bodies = Arc::new(bodies);
                let rate = load::for_a_time(target, &site.credentials, path, &bodies, time).await?;
                *turn = Duration::from_secs_f64(1.0 / rate.calls_per_core_second);
            }
            call.processor_time.push(turn);
        }
        calls.push(call);
    }
    let mut put_media = Vec::new();
    for _ in 0..options.turns {
        put_media.push([few_site.put_media(time).await?, site.put_media(time).await?]);
    }
    let Site { server, filled, .. } = site;
    drop(server);
    let mut starts = Vec::new();
    for _ in 0..STARTS {
        let begun = Instant::now();
        let started = Server::vigie_on(CORE, &options.vigie, &many).await?;
        starts.push(begun.elapsed());
        // Dropped is killed.
        drop(started);
    }
    let few = few_site.filled;
    Ok(Figures { filled, few, fill_took, index_bytes, calls, put_media, starts })
}

type Bodies = fn(&[String]) -> Vec<Bytes>;

/// Each operation with its path and the calls that are made in turn.
fn operations() -> [(&'static str, &'static str, Bodies); 5] {
    [
        ("DescribeStream", "/describeStream", |streams| {
            bodies(streams, |stream| json!({"StreamName": stream}))
        }),
        ("ListFragments, 1000 of a stream", "/listFragments", |streams| {
            bodies(streams, |stream| {
                json!({"StreamName": stream, "MaxResults": 1000, "FragmentSelector": {
                    "FragmentSelectorType": "PRODUCER_TIMESTAMP",
                    "TimestampRange": {"StartTimestamp": 0, "EndTimestamp": 4_000_000_000u32},
                }})
            })
        }),
        ("ListMediaRanges of a stream in one piece", "/listMediaRanges", |streams| {
            bodies(streams, ranges)
        }),
        ("ListMediaRanges of a stream full of holes", "/listMediaRanges", |_| {
            vec![Bytes::from(ranges(GAPPY).to_string())]
        }),
        ("ListHubs", "/listHubs", |_| vec![Bytes::from(json!({}).to_string())]),
    ]
}

fn ranges(stream: &str) -> Value {
    json!({"StreamName": stream, "StartTimestamp": 0, "EndTimestamp": 4_000_000_000u32})
}

fn bodies(streams: &[String], body: fn(&str) -> Value) -> Vec<Bytes> {
    let held = streams.iter().filter(|stream| *stream != GAPPY);
    held.map(|stream| Bytes::from(body(stream).to_string())).collect()
}

impl Site {
    /// Streams and hubs through the API of a server, media behind its back while it is stopped.
    async fn new(
        options: &Options,
        folder: &Path,
        streams: u64,
        files: u64,
        gappy_files: u64,
    ) -> Outcome<Self> {
        std::fs::create_dir_all(folder)?;
        let (server, credentials) = Server::vigie_on(CORE, &options.vigie, folder).await?;
        let credentials = Arc::new(credentials);
        let names = (1..streams).map(|number| format!("camera-{number}"));
        let names: Vec<String> = names.chain([GAPPY.to_owned()]).collect();
        let target = (server.address, server.pid());
        let create = names.iter().map(|name| {
            let input = json!({"StreamName": name, "DataRetentionInHours": RETENTION_HOURS});
            Bytes::from(input.to_string())
        });
        let create = Arc::new(create.collect::<Vec<_>>());
        load::each_once(target, &credentials, "/createStream", &create).await?;
        let configure = names.iter().enumerate().map(|(number, name)| {
            Bytes::from(edge_configuration(name, number / STREAMS_PER_HUB).to_string())
        });
        let configure = Arc::new(configure.collect::<Vec<_>>());
        let path = "/startEdgeConfigurationUpdate";
        load::each_once(target, &credentials, path, &configure).await?;
        let hubs = names.len().div_ceil(STREAMS_PER_HUB);
        drop(Hubs::connect(server.address, &credentials, hubs).await?);
        let keys = keys(&server, &credentials).await?;
        server.stop().await?;
        let holdings: Vec<Holding> = keys
            .into_iter()
            .map(|key| {
                let is_gappy = key.starts_with(GAPPY);
                let (files, pause_ms) =
                    if is_gappy { (gappy_files, GAPPY_PAUSE_MS) } else { (files, 0) };
                Holding {
                    key,
                    files,
                    fragments_per_file: FRAGMENTS_PER_FILE,
                    fragment_bytes: FRAGMENT_BYTES,
                    fragment_ms: FRAGMENT_MS,
                    pause_ms,
                    uploaded: false,
                }
            })
            .collect();
        let filled = media_files::fill(&folder.join("server"), &holdings, now()?)?;
        let (server, credentials) = Server::vigie_on(CORE, &options.vigie, folder).await?;
        Ok(Self { server, credentials: Arc::new(credentials), streams: names, filled })
    }

    /// Core-seconds for a gigabyte that is persisted, to streams that hold media already.
    async fn put_media(&self, time: Duration) -> Outcome<f64> {
        let fragment = Arc::new(fragment(0));
        let persisted = Arc::new(AtomicU64::new(0));
        let mut producers = JoinSet::new();
        for stream in self.streams.iter().take(PRODUCERS) {
            let producer =
                Producer::connect(self.server.address, &self.credentials, stream).await?;
            let (fragment, persisted) = (Arc::clone(&fragment), Arc::clone(&persisted));
            producers.spawn(producer.send_paced(fragment, PRODUCER_INTERVAL, persisted));
        }
        tokio::time::sleep(WARM_UP).await;
        let pid = self.server.pid();
        let usage = Usage::over(time, pid, &persisted, fragment.len(), &mut producers).await?;
        producers.shutdown().await;
        Ok(usage.core_seconds_per_gigabyte)
    }
}

/// The keys of all streams in the server's store.
async fn keys(server: &Server, credentials: &Arc<Credentials>) -> Outcome<Vec<String>> {
    let mut caller = Caller::connect(server.address, credentials).await?;
    let mut keys = Vec::new();
    let mut input = json!({"MaxResults": 1000});
    loop {
        let listed = caller.json("/listStreams", &input).await?;
        for stream in listed["StreamInfoList"].as_array().ok_or("no StreamInfoList")? {
            let text = |name: &str| stream[name].as_str().ok_or("not a stream");
            keys.push(key_of(text("StreamName")?, text("StreamARN")?)?);
        }
        match listed["NextToken"].as_str() {
            Some(token) => input["NextToken"] = token.into(),
            None => return Ok(keys),
        }
    }
}
