//! `make bench`: what Vigie does with one core, measured from another process over loopback.
//!
//! Decides what is measured and how it is written down. Every figure stands beside a floor of the same run: the same
//! load on a bare HTTP server, the same disk under bare appends, another recorder of the same cameras. Never part of the
//! tests: figures of a busy machine would fail them for nothing.

mod agent;
mod client;
mod clip;
mod clip_hours;
mod disk_floor;
mod ffmpeg;
mod file_server;
mod filled;
mod hello;
mod hubs;
mod images;
mod ingest;
mod live;
mod load;
mod machine;
mod measure;
mod median;
mod options;
mod page_cache;
mod playback;
mod process;
mod producer;
mod read;
mod receive_floor;
mod report;
mod side_by_side;
mod source;
mod store;
mod stream_folders;
mod usage;
mod write_floor;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use usage::Usage;

type Failure = Box<dyn std::error::Error + Send + Sync>;
type Outcome<T> = Result<T, Failure>;

/// Measures Vigie.
#[derive(Parser)]
struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measure the control plane and print the tables
    ControlPlane(ControlPlane),
    /// Measure PutMedia and write its page
    Ingest(ingest::Options),
    /// Measure GetMedia and write its page
    Read(options::Load),
    /// Measure GetClip beside ffmpeg and write its page
    Clip(options::Work),
    /// Measure GetImages beside ffmpeg and write its page
    Images(options::Work),
    /// Measure HLS sessions and write their page
    Playback(playback::Options),
    /// Measure the edge agent: recording, uploading; and print the tables
    Agent(agent::Options),
    /// Measure the recorder beside another build's and write its page
    SideBySide(side_by_side::Options),
    /// Measure how soon live media can be watched and write its page
    Live(live::Options),
    /// Measure a hub and a server that hold much beside empty ones and write their page
    Filled(filled::Options),
    /// Fill the data folder of a hub or a server with media files that are holes
    Fill(filled::FillOptions),
    /// Measure the media store by itself and print the tables
    Store(store::Options),
    /// A process that fills a store and waits to be killed (run by the benchmark itself)
    StoreFill(store::FillOptions),
    /// The floor: a bare HTTP server that answers every POST alike (run by the benchmark itself)
    Hello,
    /// The floor: a plain program that only writes and syncs (run by the benchmark itself)
    WriteFloor(write_floor::Options),
    /// The floor: a plain receiver that writes and syncs (run by the benchmark itself)
    ReceiveFloor(receive_floor::Options),
    /// The floor: a plain server of one file (run by the benchmark itself)
    FileServer {
        /// The file
        path: PathBuf,
    },
}

#[derive(clap::Args)]
struct ControlPlane {
    /// The program to measure, a release build
    #[arg(long)]
    vigie: PathBuf,
    /// How long each load lasts
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Connected hubs
    #[arg(long, default_value_t = 1000)]
    hubs: usize,
    #[command(flatten)]
    place: options::Place,
}

fn main() -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match Options::parse().command {
        Command::Store(options) => store::run(&options),
        Command::Fill(options) => filled::fill(&options),
        Command::Filled(options) => runtime.block_on(filled::run(&options)),
        Command::SideBySide(options) => runtime.block_on(side_by_side::run(&options)),
        Command::Live(options) => runtime.block_on(live::run(&options)),
        Command::StoreFill(options) => store::fill(&options),
        Command::ReceiveFloor(options) => receive_floor::serve(&options),
        Command::WriteFloor(options) => write_floor::run(&options),
        Command::Hello => runtime.block_on(hello::serve()),
        Command::FileServer { path } => runtime.block_on(file_server::serve(path)),
        Command::Ingest(options) => runtime.block_on(ingest::run(&options)),
        Command::Read(options) => runtime.block_on(read::run(&options)),
        Command::Clip(options) => runtime.block_on(clip::run(&options)),
        Command::Images(options) => runtime.block_on(images::run(&options)),
        Command::Playback(options) => runtime.block_on(playback::run(&options)),
        Command::Agent(options) => runtime.block_on(agent::run(&options)),
        Command::ControlPlane(options) => {
            let page = runtime.block_on(measure::control_plane(&options))?;
            options.place.publish(&page)
        }
    }
}
