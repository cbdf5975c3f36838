//! The media store by itself: what it adds to the bytes on the disk, how fast it takes them, how soon it is back after a
//! kill -9, how fast it lists.

mod amplification;
mod fill;
mod ingest;
mod media;
mod plain;
mod recovery;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use vigie_store::{OsDisk, SqliteIndex, Store, StoreSettings};

use crate::options::Place;
use crate::{Outcome, machine};

#[derive(clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    place: Place,
    /// How long each load lasts
    #[arg(long, default_value_t = 6)]
    seconds: u64,
    /// Fragments that a store is opened with
    #[arg(long, default_value_t = 1_000_000)]
    fragments: u64,
}

#[derive(clap::Args)]
pub(crate) struct FillOptions {
    folder: PathBuf,
    fragments: u64,
}

/// The process that is killed; see [`recovery`].
pub(crate) fn fill(options: &FillOptions) -> Outcome<()> {
    fill::fill(&options.folder, options.fragments)
}

/// Measures everything and prints the page.
pub(crate) fn run(options: &Options) -> Outcome<()> {
    let folder = options.place.data_folder()?;
    let (processor, cores) = machine::processor()?;
    let amplification = amplification::measure(folder.path())?;
    let ingest = ingest::measure(folder.path(), options.seconds)?;
    let recovery = recovery::measure(folder.path(), options.fragments)?;
    let page = format!(
        "# Benchmarks: the media store

`make bench` writes this page. The store by itself, without a server around it, on the disk of the machine. Ratios are
those of one run, against a plain program that writes the same bytes to as many files, syncs as often, and keeps no
index, no checksum and no order.

Measured on: {processor}, {cores} cores, Linux {}; load average at the end {}. Store and floor
had all cores in turn.

{amplification}
{ingest}
{recovery}",
        machine::kernel()?,
        machine::load_average()?,
    );
    options.place.publish(&page)
}

/// A store in a folder, with its index on the disk.
fn open(folder: &Path, settings: StoreSettings) -> Outcome<Store> {
    std::fs::create_dir_all(folder)?;
    let index = SqliteIndex::open(folder.join("index.sqlite"))?;
    Ok(Store::open(Arc::new(OsDisk), folder.join("media"), Box::new(index), settings)?.0)
}
