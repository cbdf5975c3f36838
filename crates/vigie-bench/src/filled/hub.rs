//! A hub that holds thirty days of its cameras beside one that holds nothing: what recording costs, what a report costs,
//! how soon it is ready. The same cameras, the same core, by turns.

use std::time::{Duration, Instant};

use vigie_media::Timestamp;

use super::ledger::{self, Ledger};
use super::media_files::{self, Filled, Holding};
use super::{Options, key_of, now};
use crate::agent::cameras::{self, Cameras};
use crate::agent::recorders::{Agent, Hub, Work};
use crate::{Outcome, machine};

/// Two seconds at 4 Mbit/s.
const FRAGMENT_BYTES: u64 = 1_000_000;
const FRAGMENT_MS: u32 = 2000;
/// A day that does not come.
const NEVER: &str = "0 0 0 1 1 ? 2099";
/// One that is not ready or does not record then is said so.
const START_MAX: Duration = Duration::from_secs(120);
/// From the first frame of all cameras until the figures of the start are over.
const SETTLE: Duration = Duration::from_secs(3);
/// The same of a hub that records nothing.
const IDLE_SETTLE: Duration = Duration::from_secs(15);

/// One start of one hub.
pub(super) struct Turn {
    pub(super) ready: Duration,
    /// `None`: not all cameras after [`START_MAX`].
    pub(super) recording: Option<Recording>,
}

pub(super) struct Recording {
    /// From the start to the first frame of the last camera.
    pub(super) begun: Duration,
    /// Of a core, for each camera.
    pub(super) core_share: f64,
    pub(super) memory_bytes: u64,
}

/// A hub that waits for its schedule, and says so.
pub(super) struct Idle {
    pub(super) reports: f64,
    pub(super) processor_time: Duration,
}

/// What was measured: of the empty hub, then of the filled one.
pub(super) struct Figures {
    pub(super) filled: Filled,
    pub(super) ledger_entries: u64,
    pub(super) fill_took: Duration,
    pub(super) index_bytes: u64,
    pub(super) turns: [Vec<Turn>; 2],
    pub(super) idle: [Idle; 2],
}

pub(super) async fn measure(options: &Options, folder: &std::path::Path) -> Outcome<Figures> {
    let cameras = cameras::start(&options.vigie, folder, options.cameras).await?;
    let hub = Hub::new(&options.vigie, folder).await?;
    let works = ["empty", "filled"].map(|name| work(name, &cameras, options.cameras));
    let [empty, full] = &works;
    hub.configure(empty).await?;
    let arns = hub.configure(full).await?;
    let begun = Instant::now();
    let (filled, ledger_entries) = fill(options, &hub, full, &arns)?;
    let fill_took = begun.elapsed();
    let index_bytes = std::fs::metadata(hub.data_dir(full).join("index.sqlite"))?.len();
    let mut turns = [Vec::new(), Vec::new()];
    for _ in 0..options.turns {
        for (turns, work) in turns.iter_mut().zip(&works) {
            turns.push(turn(options, &hub, work).await?);
        }
    }
    let mut idle = Vec::new();
    for work in &works {
        hub.reschedule(work, NEVER).await?;
        idle.push(idle_hub(options, &hub, work).await?);
    }
    let idle = idle.try_into().map_err(|_| "two hubs were measured")?;
    Ok(Figures { filled, ledger_entries, fill_took, index_bytes, turns, idle })
}

fn work(name: &str, cameras: &Cameras, count: usize) -> Work {
    let uris = (0..count).map(|camera| cameras.uri(camera)).collect();
    Work { name: format!("hub-{name}"), uris, upload: NEVER.to_owned() }
}

/// Fills the folder of a hub that has not run yet.
fn fill(options: &Options, hub: &Hub, work: &Work, arns: &[String]) -> Outcome<(Filled, u64)> {
    let data_dir = hub.data_dir(work);
    let holdings = arns.iter().enumerate().map(|(number, arn)| {
        Ok(holding(key_of(&work.stream(number), arn)?, options.files, options.fragments_per_file))
    });
    let holdings: Vec<Holding> = holdings.collect::<Outcome<_>>()?;
    fill_folder(&data_dir, &work.hub_arn(), arns, &holdings, now()?)
}

/// A camera's media on a hub, all of it uploaded.
pub(crate) fn holding(key: String, files: u64, fragments_per_file: u64) -> Holding {
    Holding {
        key,
        files,
        fragments_per_file,
        fragment_bytes: FRAGMENT_BYTES,
        fragment_ms: FRAGMENT_MS,
        pause_ms: 0,
        uploaded: true,
    }
}

/// Media files, index and ledgers of a hub's folder.
pub(crate) fn fill_folder(
    data_dir: &std::path::Path,
    hub_device_arn: &str,
    arns: &[String],
    holdings: &[Holding],
    until: Timestamp,
) -> Outcome<(Filled, u64)> {
    let filled = media_files::fill(data_dir, holdings, until)?;
    let names: Vec<&str> =
        holdings.iter().map(|holding| holding.key.rsplit_once('.').unwrap_or_default().0).collect();
    let ledgers = arns.iter().zip(&names).zip(holdings);
    let ledgers: Vec<Ledger<'_>> = ledgers
        .map(|((arn, name), holding)| Ledger { arn, name, span_ms: holding.span_ms() })
        .collect();
    let entries = ledger::fill(data_dir, hub_device_arn, &ledgers, until)?;
    Ok((filled, entries))
}

async fn turn(options: &Options, hub: &Hub, work: &Work) -> Outcome<Turn> {
    let begun = Instant::now();
    let mut agent = Agent::spawn(hub, &options.vigie, work)?;
    agent.wait_until_ready(START_MAX).await?;
    let ready = begun.elapsed();
    if let Err(error) = agent.wait_until_all_record_within(START_MAX).await {
        eprintln!("{}: {error}", work.name);
        return Ok(Turn { ready, recording: None });
    }
    let recording_begun = begun.elapsed();
    tokio::time::sleep(SETTLE).await;
    let (cpu, counted) = (machine::cpu_time(agent.pid())?, Instant::now());
    tokio::time::sleep(Duration::from_secs(options.seconds)).await;
    let cpu = machine::cpu_time(agent.pid())? - cpu;
    let core_share = cpu.as_secs_f64() / counted.elapsed().as_secs_f64() / options.cameras as f64;
    let memory_bytes = machine::memory_bytes(agent.pid())?;
    agent.stop().await?;
    Ok(Turn {
        ready,
        recording: Some(Recording { begun: recording_begun, core_share, memory_bytes }),
    })
}

/// No camera records any more: what is left is looking whether something is to be done, and saying that all is well.
async fn idle_hub(options: &Options, hub: &Hub, work: &Work) -> Outcome<Idle> {
    let mut agent = Agent::spawn(hub, &options.vigie, work)?;
    agent.wait_until_ready(START_MAX).await?;
    tokio::time::sleep(IDLE_SETTLE).await;
    let calls = hub.calls("SyncEdgeAgent").await?;
    let used = machine::run_time(agent.pid())?;
    tokio::time::sleep(Duration::from_secs(options.idle_seconds)).await;
    let processor_time = machine::run_time(agent.pid())?.saturating_sub(used);
    let reports = hub.calls("SyncEdgeAgent").await? - calls;
    agent.stop().await?;
    Ok(Idle { reports, processor_time })
}
