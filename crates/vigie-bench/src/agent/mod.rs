//! What the agent costs for each camera that it records, beside ffmpeg doing the same.
//!
//! One `vigie camera` process plays to all; the recorders run one after another on a core of their own. Recording alone
//! is measured: nothing is uploaded meanwhile. A frame that is missing from what was recorded would show. Uploading is
//! measured by itself, behind it.

pub(crate) mod cameras;
pub(crate) mod missing;
mod page;
mod program;
pub(crate) mod recorders;
mod upload;

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::options::Place;
use crate::{Outcome, machine, process};
use recorders::{Agent, Hub, Work};

/// How many cameras at once, one row each.
const COUNTS: [usize; 4] = [8, 64, 128, 256];
/// ffmpeg takes a process a camera, which all cost the same: more of them would only say it again.
const FFMPEG_COUNT: usize = 8;
/// From the first frame of all cameras until the figures of the start are over.
const SETTLE: Duration = Duration::from_secs(3);

/// See `--help`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The program to measure, a release build
    #[arg(long)]
    vigie: PathBuf,
    /// How long each number of cameras is measured
    #[arg(long, default_value_t = 12)]
    seconds: u64,
    #[command(flatten)]
    place: Place,
}

/// One recorder with so many cameras.
pub(crate) struct Row {
    pub(crate) recorder: String,
    pub(crate) cameras: usize,
    /// Of one core, for each camera.
    pub(crate) core_share: f64,
    pub(crate) memory_bytes: u64,
    pub(crate) frames: u64,
    pub(crate) missing_frames: u64,
}

/// Measures, and writes the page.
pub(crate) async fn run(options: &Options) -> Outcome<()> {
    let (processor, cores) = machine::processor()?;
    process::leave_the_core(cores)?;
    let folder = options.place.data_folder()?;
    let time = Duration::from_secs(options.seconds);
    let most = COUNTS.iter().copied().max().unwrap_or_default();
    let cameras = cameras::start(&options.vigie, folder.path(), most).await?;
    let hub = Hub::new(&options.vigie, folder.path()).await?;
    let mut rows = vec![ffmpeg(&cameras, folder.path(), time).await?];
    for count in COUNTS {
        rows.push(agent(&hub, &cameras, count, time).await?);
    }
    let uploads = upload::measure(&hub, &cameras).await?;
    let page = page::page(&page::Figures {
        processor,
        cores,
        kernel: machine::kernel()?,
        load_average: machine::load_average()?,
        seconds: options.seconds,
        bits_per_second: cameras.bits_per_second,
        rows,
        uploads,
    });
    options.place.publish(&page)
}

async fn agent(
    hub: &Hub,
    cameras: &cameras::Cameras,
    count: usize,
    time: Duration,
) -> Outcome<Row> {
    let work = Work {
        name: format!("hub-of-{count}"),
        uris: (0..count).map(|camera| cameras.uri(camera)).collect(),
        // A day that does not come.
        upload: "0 0 0 1 1 ? 2099".to_owned(),
    };
    let mut agent = Agent::start(hub, &work).await?;
    agent.wait_until_all_record().await?;
    tokio::time::sleep(SETTLE).await;
    let pids = [agent.pid()];
    let (core_share, memory_bytes) = measured(&pids, count, time).await?;
    agent.stop().await?;
    let found = missing::in_folder(&agent.media_dir())?;
    std::fs::remove_dir_all(&agent.data_dir)?;
    if found.streams != count {
        return Err(format!("{} of {count} cameras were recorded", found.streams).into());
    }
    let (frames, missing_frames) = (found.frames, found.missing_frames);
    let recorder = "vigie agent".to_owned();
    Ok(Row { recorder, cameras: count, core_share, memory_bytes, frames, missing_frames })
}

async fn ffmpeg(cameras: &cameras::Cameras, folder: &Path, time: Duration) -> Outcome<Row> {
    let folder = folder.join("ffmpeg");
    std::fs::create_dir(&folder)?;
    let mut running = recorders::Ffmpegs::start(cameras, &folder, FFMPEG_COUNT)?;
    running.wait_until_all_record(&folder).await?;
    tokio::time::sleep(SETTLE).await;
    let (core_share, memory_bytes) = measured(&running.pids(), FFMPEG_COUNT, time).await?;
    running.stop().await?;
    let found = missing::in_folder(&folder)?;
    std::fs::remove_dir_all(&folder)?;
    Ok(Row {
        recorder: format!("ffmpeg {} -c copy, one process each", machine::ffmpeg_version()?),
        cameras: FFMPEG_COUNT,
        core_share,
        memory_bytes,
        frames: found.frames,
        missing_frames: found.missing_frames,
    })
}

/// The share of one core for each camera over `time`, and the memory of all at its end.
async fn measured(pids: &[u32], count: usize, time: Duration) -> Outcome<(f64, u64)> {
    let used = || pids.iter().map(|pid| machine::cpu_time(*pid)).sum::<Outcome<Duration>>();
    let (before, begun) = (used()?, std::time::Instant::now());
    tokio::time::sleep(time).await;
    let (after, lasted) = (used()?, begun.elapsed());
    let memory_bytes =
        pids.iter().map(|pid| machine::proportional_memory_bytes(*pid)).sum::<Outcome<u64>>()?;
    let share = (after - before).as_secs_f64() / lasted.as_secs_f64() / count as f64;
    Ok((share, memory_bytes))
}
