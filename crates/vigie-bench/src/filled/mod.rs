//! What it costs to hold much: a hub with thirty days of its cameras and a server with ten thousand streams, each beside
//! an empty one. Also fills folders for whoever wants to look at such a store.

pub(crate) mod hub;
mod ledger;
pub(crate) mod media_files;
mod page;
mod server;

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use vigie_media::Timestamp;

pub(crate) use page::median;

use crate::options::Place;
use crate::{Outcome, machine, process};

/// Media files of a camera of 4 Mbit/s in thirty days: 128 fragments of two seconds each.
const FILES: u64 = 10_125;
const FRAGMENTS_PER_FILE: u64 = 128;

/// See `--help`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The program to measure, a release build
    #[arg(long)]
    vigie: PathBuf,
    /// Cameras of the hub
    #[arg(long, default_value_t = 256)]
    cameras: usize,
    /// Media files that the hub holds of each camera
    #[arg(long, default_value_t = FILES)]
    files: u64,
    /// Fragments in each of them
    #[arg(long, default_value_t = FRAGMENTS_PER_FILE)]
    fragments_per_file: u64,
    /// Streams of the server
    #[arg(long, default_value_t = 10_000)]
    streams: u64,
    /// Fragments that it holds of all of them
    #[arg(long, default_value_t = 10_000_000)]
    fragments: u64,
    /// How often everything is measured
    #[arg(long, default_value_t = 3)]
    turns: usize,
    /// How long each number of cameras is measured; a call of the server a quarter of that
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// How long a hub that records nothing is measured
    #[arg(long, default_value_t = 120)]
    idle_seconds: u64,
    #[command(flatten)]
    place: Place,
}

/// Measures, and writes the page.
pub(crate) async fn run(options: &Options) -> Outcome<()> {
    let (processor, cores) = machine::processor()?;
    process::leave_the_core(cores)?;
    let folder = options.place.data_folder()?;
    let server = server::measure(options, folder.path()).await?;
    let hub = hub::measure(options, folder.path()).await?;
    let measured = page::Measured {
        processor,
        cores,
        kernel: machine::kernel()?,
        load_average: machine::load_average()?,
    };
    options.place.publish(&page::page(&measured, options, &hub, &server))
}

/// A folder to be filled.
#[derive(clap::Args)]
pub(crate) struct FillOptions {
    /// The data folder of a hub or a server that does not run; made where there is none
    folder: PathBuf,
    /// Streams, named camera-0 and so on
    #[arg(long, default_value_t = 256)]
    streams: u64,
    /// Media files of each
    #[arg(long, default_value_t = FILES)]
    files: u64,
    /// Fragments of each media file
    #[arg(long, default_value_t = FRAGMENTS_PER_FILE)]
    fragments_per_file: u64,
    /// The ARNs of the streams, one a line, instead of --streams
    #[arg(long)]
    arns: Option<PathBuf>,
    /// Fill the ledgers of a hub of this HubDeviceArn as well
    #[arg(long)]
    hub_device_arn: Option<String>,
}

/// Fills a folder and says with what.
pub(crate) fn fill(options: &FillOptions) -> Outcome<()> {
    let until = now()?;
    let arns = match &options.arns {
        Some(path) => std::fs::read_to_string(path)?.lines().map(str::to_owned).collect(),
        None => (0..options.streams).map(|number| arn(number, until)).collect::<Vec<_>>(),
    };
    let holdings = arns.iter().map(|arn| {
        let name = arn.rsplit('/').nth(1).ok_or_else(|| format!("{arn:?} is no stream's ARN"))?;
        Ok(hub::holding(key_of(name, arn)?, options.files, options.fragments_per_file))
    });
    let holdings = holdings.collect::<Outcome<Vec<_>>>()?;
    let (filled, entries) = match &options.hub_device_arn {
        Some(hub) => hub::fill_folder(&options.folder, hub, &arns, &holdings, until)?,
        None => (media_files::fill(&options.folder, &holdings, until)?, 0),
    };
    let media_files::Filled { streams, media_files, fragments, media_bytes } = filled;
    println!(
        "{streams} streams, {media_files} media files, {fragments} fragments, {media_bytes} bytes, {entries} gaps"
    );
    Ok(())
}

/// As a server names a stream that it has just created.
fn arn(number: u64, created_at: Timestamp) -> String {
    let created_at_ms = created_at.as_millis();
    format!("arn:aws:kinesisvideo:us-east-1:000000000000:stream/camera-{number}/{created_at_ms}")
}

/// A stream's key in the store of hub and server: its name and when it was created, the end of its ARN.
pub(crate) fn key_of(name: &str, arn: &str) -> Outcome<String> {
    let created_at_ms: u64 = arn
        .rsplit('/')
        .next()
        .unwrap_or_default()
        .parse()
        .map_err(|_| format!("{arn:?} is no stream's ARN"))?;
    Ok(format!("{name}.{created_at_ms}"))
}

/// The wall clock, with which hub and server compare what the store holds.
pub(crate) fn now() -> Outcome<Timestamp> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH)?;
    Ok(Timestamp::from_millis(i64::try_from(since.as_millis())?))
}
