//! HLS sessions: from the session's URL to the first byte of a picture, with the page cache warm and cold; and what
//! hundreds of viewers of one live stream cost.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use vigie_kvs::sigv4::Credentials;

use crate::client::Caller;
use crate::options::Place;
use crate::process::Server;
use crate::producer::{Producer, fragment};
use crate::{Outcome, machine, page_cache, process};

/// Fragments of the stream that first pictures are taken from; each is looked at once.
const FRAGMENTS: u64 = 128;
/// First pictures of each kind.
const PICTURES: usize = 40;
/// A viewer asks for the playlist so often.
const POLL: Duration = Duration::from_secs(1);
/// A live producer sends a fragment of two seconds so often.
const LIVE_INTERVAL: Duration = Duration::from_secs(2);
const WARM_UP: Duration = Duration::from_secs(4);

/// What to measure, and where.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The program to measure, a release build
    #[arg(long)]
    vigie: PathBuf,
    /// How long the viewers watch
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Viewers of one live stream
    #[arg(long, default_value_t = 500)]
    viewers: usize,
    #[command(flatten)]
    place: Place,
}

/// Measures, and writes the page.
pub(crate) async fn run(options: &Options) -> Outcome<()> {
    let (processor, cores) = machine::processor()?;
    process::leave_the_core(cores)?;
    let folder = options.place.data_folder()?;
    let (server, credentials) = Server::vigie(&options.vigie, folder.path()).await?;
    let credentials = Arc::new(credentials);
    let fragment = Arc::new(fragment(0));
    let archive = Archive::fill(&server, &credentials, &fragment).await?;
    page_cache::warm(folder.path())?;
    let warm = archive.first_pictures(&server, &credentials, None).await?;
    let cold = archive.first_pictures(&server, &credentials, Some(folder.path())).await?;
    let memory_before_mb = machine::memory_bytes(server.pid())? as f64 / 1e6;
    let live = live(&server, &credentials, &fragment, options).await?;
    drop(server);
    let floor = floor(folder.path(), &fragment, options).await?;

    let row = |name: &str, times: &[Duration], aim: &str| {
        let ms = |share| quantile(times, share).as_secs_f64() * 1000.0;
        format!("| {name} | {:.1} | {:.1} | {aim} |\n", ms(0.5), ms(1.0))
    };
    let rows = [
        row("warm", &warm.picture, "150 ms"),
        row("cold", &cold.picture, "150 ms"),
        row("GetHLSStreamingSessionURL itself, warm", &warm.session, ""),
        row("GetHLSStreamingSessionURL itself, cold", &cold.session, ""),
    ];
    let seconds = options.seconds as f64;
    let page = format!(
        "# Playback

Part of [the benchmarks](../benchmarks.md); `make bench` writes this page.

Measured on: {processor}, {cores} cores, Linux {kernel}; load average at the end {load}. The server, and the
floor in its turn, had one core, the viewers the other {others}: what a viewer waits for its own core is in its times.

## The first picture

From a session's URL to the first byte of its first media fragment: master playlist, media playlist, init fragment, media
fragment, one after the other on a new connection. {PICTURES} sessions on demand, each of another fragment of {size:.2} MB
that no session has read before. *Cold*: the media files and the index are evicted from the page cache first.

| page cache | median ms | worst ms | aim |
| --- | ---: | ---: | --- |
{rows}
## Viewers of one live stream

{viewers} viewers, each with a session and a connection of its own, ask for the playlist each second and fetch every new
fragment, for {seconds} s; one producer sends {rate:.1} Mbit/s in fragments of two seconds. The floor is a plain hyper
server that sends a file of one such fragment to as many callers, each of whom asks for it every two seconds: without
playlists, tokens, index, checksums or MP4.

| | |
| --- | ---: |
| of the core | {cpu:.0} % |
| the floor, sending the same | {floor_cpu:.0} % |
| to the viewers | {sent:.0} MB/s |
| fragments that a viewer got | {got:.1} of {made:.1} |
| a media fragment, to its last byte: median | {media:.0} ms |
| the same, worst of a hundred | {media_worst:.0} ms |
| a playlist: median | {playlist:.1} ms |
| resident memory before | {memory_before_mb:.0} MB |
| with the viewers | {memory_mb:.0} MB |
",
        kernel = machine::kernel()?,
        others = cores - 1,
        load = machine::load_average()?,
        size = fragment.len() as f64 / 1e6,
        rows = rows.concat(),
        viewers = options.viewers,
        rate = fragment.len() as f64 * 8.0 / 1e6 / LIVE_INTERVAL.as_secs_f64(),
        cpu = live.cpu.as_secs_f64() / live.elapsed.as_secs_f64() * 100.0,
        floor_cpu = floor.cpu_a_byte() * live.bytes as f64 / live.elapsed.as_secs_f64() * 100.0,
        sent = live.bytes as f64 / live.elapsed.as_secs_f64() / 1e6,
        got = live.fragments as f64 / options.viewers as f64,
        made = live.elapsed.as_secs_f64() / LIVE_INTERVAL.as_secs_f64(),
        media = quantile(&live.media, 0.5).as_secs_f64() * 1000.0,
        media_worst = quantile(&live.media, 0.99).as_secs_f64() * 1000.0,
        playlist = quantile(&live.playlists, 0.5).as_secs_f64() * 1000.0,
        memory_mb = live.memory_bytes as f64 / 1e6,
    );
    options.place.publish(&page)
}

/// A stream of fragments that nobody has read.
struct Archive {
    /// Producer timestamps, in milliseconds.
    starts_ms: Vec<i64>,
}

#[derive(Default)]
struct FirstPictures {
    session: Vec<Duration>,
    picture: Vec<Duration>,
}

impl Archive {
    async fn fill(
        server: &Server,
        key: &Arc<Credentials>,
        fragment: &Arc<Vec<u8>>,
    ) -> Outcome<Self> {
        create_stream(server, key, "archive").await?;
        let producer = Producer::connect(server.address, key, "archive").await?;
        producer.send(Arc::clone(fragment), Some(FRAGMENTS), Arc::default()).await?;
        let range = json!({"StartTimestamp": 0, "EndTimestamp": 4_000_000_000u32});
        let selector =
            json!({"FragmentSelectorType": "PRODUCER_TIMESTAMP", "TimestampRange": range});
        let input =
            json!({"StreamName": "archive", "MaxResults": 1000, "FragmentSelector": selector});
        let mut caller = Caller::connect(server.address, key).await?;
        let listed = caller.json("/listFragments", &input).await?;
        let fragments = listed["Fragments"].as_array().ok_or("no fragments are listed")?;
        let start = |fragment: &Value| fragment["ProducerTimestamp"].as_f64();
        let starts = fragments.iter().filter_map(start);
        let mut starts_ms: Vec<i64> = starts.map(|at| (at * 1000.0).round() as i64).collect();
        starts_ms.sort_unstable();
        Ok(Self { starts_ms })
    }

    /// Evicts what is in `evicted` from the page cache before each, and takes other fragments than without.
    async fn first_pictures(
        &self,
        server: &Server,
        key: &Arc<Credentials>,
        evicted: Option<&Path>,
    ) -> Outcome<FirstPictures> {
        let mut found = FirstPictures::default();
        let skipped = if evicted.is_some() { PICTURES } else { 0 };
        for &start_ms in self.starts_ms.iter().skip(skipped).take(PICTURES) {
            if let Some(folder) = evicted {
                page_cache::evict(folder)?;
            }
            let at = start_ms as f64 / 1000.0;
            let range = json!({"StartTimestamp": at - 0.001, "EndTimestamp": at + 0.5});
            let input = json!({
                "StreamName": "archive", "PlaybackMode": "ON_DEMAND",
                "HLSFragmentSelector": {
                    "FragmentSelectorType": "PRODUCER_TIMESTAMP", "TimestampRange": range,
                },
            });
            let mut caller = Caller::connect(server.address, key).await?;
            let begun = Instant::now();
            let master = session_url(&mut caller, &input).await?;
            found.session.push(begun.elapsed());
            let begun = Instant::now();
            let mut viewer = Viewer::connect(server.address).await?;
            let playlist = viewer.text(&master).await?;
            let playlist = viewer.text(&beside(&master, first_uri(&playlist)?)).await?;
            let init = playlist.split("MAP:URI=\"").nth(1).and_then(|rest| rest.split('"').next());
            viewer.bytes(&beside(&master, init.ok_or("no EXT-X-MAP")?)).await?;
            let mut media = viewer.get(&beside(&master, first_uri(&playlist)?)).await?;
            media.frame().await.ok_or("an empty media fragment")??;
            found.picture.push(begun.elapsed());
        }
        Ok(found)
    }
}

/// Processor time of a plain server for the bytes that it sent.
struct Floor {
    cpu: Duration,
    bytes: u64,
}

impl Floor {
    fn cpu_a_byte(&self) -> f64 {
        self.cpu.as_secs_f64() / self.bytes.max(1) as f64
    }
}

async fn floor(folder: &Path, fragment: &[u8], options: &Options) -> Outcome<Floor> {
    let file = folder.join("fragment");
    std::fs::write(&file, fragment)?;
    let server = Server::files(&file)?;
    let bytes = Arc::new(AtomicU64::new(0));
    let until = Instant::now() + Duration::from_secs(options.seconds.min(10));
    let cpu = machine::cpu_time(server.pid())?;
    let mut viewers = JoinSet::new();
    for number in 0..options.viewers {
        let (address, bytes) = (server.address, Arc::clone(&bytes));
        viewers.spawn(async move {
            // As live viewers do: not all at one moment.
            tokio::time::sleep(POLL * number as u32 / 500).await;
            let mut viewer = Viewer::connect(address).await?;
            while Instant::now() < until {
                let begun = Instant::now();
                let mut body = viewer.get("/").await?;
                while let Some(frame) = body.frame().await {
                    let length = frame?.data_ref().map_or(0, |data| data.len() as u64);
                    bytes.fetch_add(length, Ordering::Relaxed);
                }
                tokio::time::sleep(LIVE_INTERVAL.saturating_sub(begun.elapsed())).await;
            }
            Outcome::Ok(())
        });
    }
    while let Some(ended) = viewers.join_next().await {
        ended??;
    }
    let cpu = machine::cpu_time(server.pid())? - cpu;
    Ok(Floor { cpu, bytes: bytes.load(Ordering::Relaxed) })
}

struct Live {
    elapsed: Duration,
    cpu: Duration,
    bytes: u64,
    fragments: u64,
    memory_bytes: u64,
    media: Vec<Duration>,
    playlists: Vec<Duration>,
}

async fn live(
    server: &Server,
    key: &Arc<Credentials>,
    fragment: &Arc<Vec<u8>>,
    options: &Options,
) -> Outcome<Live> {
    create_stream(server, key, "live").await?;
    let producer = Producer::connect(server.address, key, "live").await?;
    let persisted = Arc::new(AtomicU64::new(0));
    let sending = producer.send_paced(Arc::clone(fragment), LIVE_INTERVAL, Arc::clone(&persisted));
    let producing = tokio::spawn(sending);
    while persisted.load(Ordering::Relaxed) < 2 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let bytes = Arc::new(AtomicU64::new(0));
    let fragments = Arc::new(AtomicU64::new(0));
    let until = WARM_UP + Duration::from_secs(options.seconds);
    let mut viewers = JoinSet::new();
    let mut caller = Caller::connect(server.address, key).await?;
    let begun = Instant::now();
    for _ in 0..options.viewers {
        let master = session_url(&mut caller, &json!({"StreamName": "live"})).await?;
        let playlist = master.replace("getHLSMasterPlaylist.m3u8", "getHLSMediaPlaylist.m3u8");
        let (bytes, fragments) = (Arc::clone(&bytes), Arc::clone(&fragments));
        viewers.spawn(watch(server.address, playlist, begun + until, bytes, fragments));
    }
    tokio::time::sleep((begun + WARM_UP).saturating_duration_since(Instant::now())).await;
    let (measured, cpu) = (Instant::now(), machine::cpu_time(server.pid())?);
    let [bytes_begun, fragments_begun] = [&bytes, &fragments].map(|of| of.load(Ordering::Relaxed));
    tokio::time::sleep((begun + until).saturating_duration_since(Instant::now())).await;
    let (elapsed, cpu) = (measured.elapsed(), machine::cpu_time(server.pid())? - cpu);
    let bytes = bytes.load(Ordering::Relaxed) - bytes_begun;
    let fragments = fragments.load(Ordering::Relaxed) - fragments_begun;
    let memory_bytes = machine::memory_bytes(server.pid())?;
    let (mut media, mut playlists) = (Vec::new(), Vec::new());
    while let Some(ended) = viewers.join_next().await {
        let (of_media, of_playlists) = ended??;
        media.extend(of_media);
        playlists.extend(of_playlists);
    }
    if producing.is_finished() {
        producing.await??;
        return Err("the live producer has ended".into());
    }
    producing.abort();
    Ok(Live { elapsed, cpu, bytes, fragments, memory_bytes, media, playlists })
}

/// Follows a playlist; how long media fragments and playlists took.
async fn watch(
    address: SocketAddr,
    playlist: String,
    until: Instant,
    bytes: Arc<AtomicU64>,
    fragments: Arc<AtomicU64>,
) -> Outcome<(Vec<Duration>, Vec<Duration>)> {
    let mut viewer = Viewer::connect(address).await?;
    let (mut media, mut playlists) = (Vec::new(), Vec::new());
    let mut seen = HashSet::new();
    while Instant::now() < until {
        let begun = Instant::now();
        let text = viewer.text(&playlist).await?;
        playlists.push(begun.elapsed());
        for uri in text.lines().filter(|line| line.starts_with("getMP4Media")) {
            if !seen.insert(uri.to_owned()) {
                continue;
            }
            let asked = Instant::now();
            let mut body = viewer.get(&beside(&playlist, uri)).await?;
            while let Some(frame) = body.frame().await {
                let length = frame?.data_ref().map_or(0, |data| data.len() as u64);
                bytes.fetch_add(length, Ordering::Relaxed);
            }
            media.push(asked.elapsed());
            fragments.fetch_add(1, Ordering::Relaxed);
        }
        tokio::time::sleep(POLL.saturating_sub(begun.elapsed())).await;
    }
    Ok((media, playlists))
}

async fn create_stream(server: &Server, key: &Arc<Credentials>, name: &str) -> Outcome<()> {
    let mut caller = Caller::connect(server.address, key).await?;
    let input = json!({"StreamName": name, "DataRetentionInHours": 24});
    caller.json("/createStream", &input).await?;
    Ok(())
}

/// The path and query of a new session's URL.
pub(crate) async fn session_url(caller: &mut Caller, input: &Value) -> Outcome<String> {
    let output = caller.json("/getHLSStreamingSessionURL", input).await?;
    let url = output["HLSStreamingSessionURL"].as_str().ok_or("no URL")?;
    let at = url.find("/hls/").ok_or("not a URL of HLS")?;
    Ok(url[at..].to_owned())
}

/// A relative URI against the path of a playlist.
fn beside(path: &str, uri: &str) -> String {
    let path = path.split('?').next().unwrap_or_default();
    let folder = path.rfind('/').map_or("", |at| &path[..=at]);
    format!("{folder}{uri}")
}

fn first_uri(playlist: &str) -> Outcome<&str> {
    let is_uri = |line: &&str| !line.is_empty() && !line.starts_with('#');
    Ok(playlist.lines().find(is_uri).ok_or("the playlist is empty")?)
}

fn quantile(times: &[Duration], share: f64) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort();
    let at = ((sorted.len() as f64 * share) as usize).min(sorted.len().saturating_sub(1));
    sorted.get(at).copied().unwrap_or_default()
}

/// One connection of a player, which signs nothing.
pub(crate) struct Viewer {
    sender: SendRequest<Full<Bytes>>,
    host: String,
}

impl Viewer {
    pub(crate) async fn connect(address: SocketAddr) -> Outcome<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self { sender, host: address.to_string() })
    }

    async fn get(&mut self, path: &str) -> Outcome<Incoming> {
        let request = Request::get(path).header("host", &self.host).body(Full::default())?;
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        match response.status().as_u16() {
            200 => Ok(response.into_body()),
            status => Err(format!("{path}: {status}").into()),
        }
    }

    async fn bytes(&mut self, path: &str) -> Outcome<Bytes> {
        Ok(self.get(path).await?.collect().await?.to_bytes())
    }

    pub(crate) async fn text(&mut self, path: &str) -> Outcome<String> {
        Ok(String::from_utf8(self.bytes(path).await?.to_vec())?)
    }
}
