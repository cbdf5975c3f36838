//! The recorder of this build beside that of another: the same cameras, the same core, by turns.
//!
//! What was stored is compared with what the cameras sent, picture by picture; what a kill -9 takes is the difference.

mod counters;
mod kill;
mod page;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::agent::missing;
use crate::agent::recorders::{Agent, Hub, Work};
use crate::filled::hub::{fill_folder, holding};
use crate::filled::{key_of, now};
use crate::options::Place;
use crate::source::Source;
use crate::{Outcome, machine, process};
use counters::Counters;

/// A day that does not come.
const NEVER: &str = "0 0 0 1 1 ? 2099";
/// All cameras record by then, or something is wrong.
const START_MAX: Duration = Duration::from_secs(120);
/// From the first frame of all cameras until the figures of the start are over.
const SETTLE: Duration = Duration::from_secs(3);
/// From the last picture until the recorder has it durable.
const DRAIN: Duration = Duration::from_millis(2500);
/// Calls and wake-ups are counted by themselves: counting costs the recorder time.
const COUNTED: Duration = Duration::from_secs(5);

/// See `--help`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The program to measure, a release build
    #[arg(long)]
    vigie: PathBuf,
    /// Another release build to measure beside it
    #[arg(long, requires = "against_name")]
    against: Option<PathBuf>,
    /// What that is, such as its commit
    #[arg(long)]
    against_name: Option<String>,
    /// How many cameras at once, a table each
    #[arg(long, value_delimiter = ',', default_values_t = [64, 256])]
    cameras: Vec<usize>,
    /// How often each build is measured with each number of cameras
    #[arg(long, default_value_t = 5)]
    turns: usize,
    /// How long
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// Of each camera
    #[arg(long, default_value_t = 4.0)]
    megabits: f64,
    /// Media files of each camera that the recorder holds before it begins
    #[arg(long, default_value_t = 0)]
    files: u64,
    /// Fragments in each of them
    #[arg(long, default_value_t = 128)]
    fragments_per_file: u64,
    /// How often each build is killed
    #[arg(long, default_value_t = 20)]
    kills: usize,
    /// Cameras that are recorded while it is killed
    #[arg(long, default_value_t = 256)]
    kill_cameras: usize,
    #[command(flatten)]
    place: Place,
}

struct Build {
    name: String,
    program: PathBuf,
}

/// One build with so many cameras, once.
struct Sample {
    /// Of a core, for each camera.
    core_share: f64,
    memory_bytes: u64,
    memory_bytes_max: u64,
    /// `None` where the machine counts them for nobody.
    counters: Option<Counters>,
    sent: u64,
    stored: u64,
}

/// All turns with so many cameras, by build.
struct Table {
    cameras: usize,
    samples: Vec<Vec<Sample>>,
}

/// Measures, and writes the page.
pub(crate) async fn run(options: &Options) -> Outcome<()> {
    let (processor, cores) = machine::processor()?;
    process::leave_the_core(cores)?;
    let folder = options.place.data_folder()?;
    let builds = builds(options);
    let kill_cameras = if options.kills > 0 { options.kill_cameras } else { 0 };
    let most = options.cameras.iter().copied().max().unwrap_or_default().max(kill_cameras);
    let source = Source::start(folder.path(), most, options.megabits).await?;
    room_for(options, &source, most, folder.path())?;
    let hub = Hub::new(&options.vigie, folder.path()).await?;
    let mut tables = Vec::new();
    for &cameras in &options.cameras {
        let mut samples: Vec<Vec<Sample>> = builds.iter().map(|_| Vec::new()).collect();
        for turn in 0..options.turns {
            let mut order: Vec<usize> = (0..builds.len()).collect();
            if turn % 2 == 1 {
                // Neither is always the one behind the other.
                order.reverse();
            }
            for number in order {
                let build = &builds[number];
                let name = format!("hub-{number}-{cameras}-{turn}");
                samples[number].push(sample(options, &hub, &source, build, name, cameras).await?);
            }
        }
        tables.push(Table { cameras, samples });
    }
    let mut losses = Vec::new();
    for (number, build) in builds.iter().enumerate() {
        losses.push(kill::measure(options, &hub, &source, build, number).await?);
    }
    let measured = page::Measured {
        processor,
        cores,
        kernel: machine::kernel()?,
        load_average: machine::load_average()?,
        file_system: machine::file_system(folder.path())?,
        bits_per_second: source.bits_per_second,
    };
    options.place.publish(&page::page(&measured, options, &builds, &tables, &losses))
}

fn builds(options: &Options) -> Vec<Build> {
    let this = Build { name: "this build".to_owned(), program: options.vigie.clone() };
    let other = options.against.as_ref().zip(options.against_name.as_ref());
    let other = other.map(|(program, name)| Build { name: name.clone(), program: program.clone() });
    std::iter::once(this).chain(other).collect()
}

/// Refuses what the disk cannot hold, before it is full.
fn room_for(
    options: &Options,
    source: &Source,
    most: usize,
    folder: &std::path::Path,
) -> Outcome<()> {
    let lasts = Duration::from_secs(options.seconds) + SETTLE + COUNTED + DRAIN + START_MAX / 4;
    let needed = source.bits_per_second / 8.0 * most as f64 * lasts.as_secs_f64();
    let free = machine::free_bytes(folder)? as f64 * 0.9;
    if needed < free {
        return Ok(());
    }
    let (needed, free) = (needed / 1e9, free / 1e9);
    Err(format!("{most} cameras write {needed:.0} GB in that time, and the disk has {free:.0}: fewer --megabits or --seconds").into())
}

fn work(source: &Source, name: String, cameras: usize) -> Work {
    let uris = (0..cameras).map(|camera| source.uri(camera)).collect();
    Work { name, uris, upload: NEVER.to_owned() }
}

async fn sample(
    options: &Options,
    hub: &Hub,
    source: &Source,
    build: &Build,
    name: String,
    cameras: usize,
) -> Outcome<Sample> {
    let work = work(source, name, cameras);
    let arns = hub.configure(&work).await?;
    if options.files > 0 {
        let held = arns.iter().enumerate().map(|(number, arn)| {
            let key = key_of(&work.stream(number), arn)?;
            Ok(holding(key, options.files, options.fragments_per_file))
        });
        let held = held.collect::<Outcome<Vec<_>>>()?;
        fill_folder(&hub.data_dir(&work), &work.hub_arn(), &arns, &held, now()?)?;
    }
    let sent_before = source.sent(cameras);
    let mut agent = Agent::spawn(hub, &build.program, &work)?;
    agent.wait_until_all_record_within(START_MAX).await?;
    tokio::time::sleep(SETTLE).await;
    let (cpu, counted) = (machine::cpu_time(agent.pid())?, Instant::now());
    tokio::time::sleep(Duration::from_secs(options.seconds)).await;
    let cpu = machine::cpu_time(agent.pid())? - cpu;
    let core_share = cpu.as_secs_f64() / counted.elapsed().as_secs_f64() / cameras as f64;
    let memory_bytes = machine::memory_bytes(agent.pid())?;
    let memory_bytes_max = machine::memory_bytes_max(agent.pid())?;
    let counters = counters::over(agent.pid(), COUNTED).await;
    source.set_silent(true);
    tokio::time::sleep(DRAIN).await;
    agent.stop().await?;
    let sent = difference(&source.sent(cameras), &sent_before);
    let stored = stored(&work, &agent)?;
    source.set_silent(false);
    std::fs::remove_dir_all(&agent.data_dir)?;
    Ok(Sample {
        core_share,
        memory_bytes,
        memory_bytes_max,
        counters,
        sent: sent.iter().sum(),
        stored: stored.iter().sum(),
    })
}

fn difference(after: &[u64], before: &[u64]) -> Vec<u64> {
    after.iter().zip(before).map(|(after, before)| after - before).collect()
}

/// Pictures in the media files of each camera's stream.
fn stored(work: &Work, agent: &Agent) -> Outcome<Vec<u64>> {
    let found = missing::frames_by_stream(&agent.media_dir())?;
    let of_camera = |number: usize| {
        let name = format!("{}.", work.stream(number));
        let times = found.iter().filter(|(directory, _)| directory.starts_with(&name));
        times.map(|(_, times)| times.len() as u64).sum()
    };
    Ok((0..work.uris.len()).map(of_camera).collect())
}
