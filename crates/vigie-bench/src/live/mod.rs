//! How long live media takes: from the moment at which a camera has sent the last packet of a fragment to the fragment's
//! line in the playlist of the server that the hub uploads to.

mod page;
mod watch;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::agent::recorders::{Agent, Hub, Work};
use crate::options::Place;
use crate::source::Source;
use crate::{Outcome, machine, process};
use watch::Seen;

/// A window that is open each hour for an hour: always.
const ALWAYS: &str = "0 0 * * * ?";
/// All cameras record by then, or something is wrong.
const START_MAX: Duration = Duration::from_secs(120);
/// What the first fragments take is not what the others do.
const SETTLE: Duration = Duration::from_secs(8);

/// See `--help`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The program to measure, a release build
    #[arg(long)]
    vigie: PathBuf,
    /// How many cameras at once, a row each
    #[arg(long, value_delimiter = ',', default_values_t = [1, 64])]
    cameras: Vec<usize>,
    /// How long each number of cameras is measured
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Of each camera
    #[arg(long, default_value_t = 4.0)]
    megabits: f64,
    #[command(flatten)]
    place: Place,
}

/// So many cameras.
struct Row {
    cameras: usize,
    /// Sorted by latency.
    seen: Vec<Seen>,
    /// Fragments whose line did not come.
    unseen: u64,
    /// Of a core, of the agent and of the server.
    core_shares: [f64; 2],
}

/// Measures, and writes the page.
pub(crate) async fn run(options: &Options) -> Outcome<()> {
    let (processor, cores) = machine::processor()?;
    process::leave_the_core(cores)?;
    let mut rows = Vec::new();
    let mut bits_per_second = 0.0;
    for &cameras in &options.cameras {
        // A folder for each: together they might not find room.
        let folder = options.place.data_folder()?;
        let source = Arc::new(Source::start(folder.path(), cameras, options.megabits).await?);
        bits_per_second = source.bits_per_second;
        rows.push(measure(options, folder.path(), &source, cameras).await?);
    }
    let measured = page::Measured {
        processor,
        cores,
        kernel: machine::kernel()?,
        load_average: machine::load_average()?,
        bits_per_second,
    };
    options.place.publish(&page::page(&measured, options, &rows))
}

async fn measure(
    options: &Options,
    folder: &std::path::Path,
    source: &Arc<Source>,
    cameras: usize,
) -> Outcome<Row> {
    let hub = Hub::on_one_core(&options.vigie, folder).await?;
    let uris = (0..cameras).map(|camera| source.uri(camera)).collect();
    let work = Work { name: format!("live-{cameras}"), uris, upload: ALWAYS.to_owned() };
    hub.configure(&work).await?;
    let mut agent = Agent::spawn(&hub, &options.vigie, &work)?;
    agent.wait_until_all_record_within(START_MAX).await?;
    let begin = Instant::now() + SETTLE;
    let end = begin + Duration::from_secs(options.seconds);
    let mut watchers = JoinSet::new();
    for camera in 0..cameras {
        let (source, credentials) = (Arc::clone(source), Arc::clone(hub.credentials()));
        let (address, stream) = (hub.address(), work.stream(camera));
        watchers.spawn(async move {
            watch::watch(address, &credentials, &stream, &source, camera, begin..end).await
        });
    }
    tokio::time::sleep(begin.saturating_duration_since(Instant::now())).await;
    let pids = [agent.pid(), hub.server_pid()];
    let used = || pids.map(machine::cpu_time).into_iter().collect::<Outcome<Vec<_>>>();
    let (before, counted) = (used()?, Instant::now());
    let (mut seen, mut unseen) = (Vec::new(), 0);
    while let Some(watched) = watchers.join_next().await {
        let watched = watched??;
        seen.extend(watched.seen);
        unseen += watched.unseen;
    }
    let (after, lasted) = (used()?, counted.elapsed().as_secs_f64());
    let share = |which: usize| {
        let time = after.get(which).zip(before.get(which)).map(|(after, before)| *after - *before);
        time.unwrap_or_default().as_secs_f64() / lasted
    };
    let core_shares = [share(0), share(1)];
    agent.stop().await?;
    seen.sort_by_key(|seen: &Seen| seen.latency);
    Ok(Row { cameras, seen, unseen, core_shares })
}
