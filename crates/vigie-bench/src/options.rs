//! What measurements are told on the command line, where more than one is told the same.

use std::path::PathBuf;

use tempfile::TempDir;

use crate::Outcome;

/// Where data is kept while something is measured, and where the page goes.
#[derive(clap::Args)]
pub(crate) struct Place {
    /// Where data is kept, on the disk to measure [default: the system's folder for temporary files]
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Write the page here as well
    #[arg(long)]
    page: Option<PathBuf>,
}

impl Place {
    /// An empty folder for the data, gone when it is dropped.
    pub(crate) fn data_folder(&self) -> Outcome<TempDir> {
        let Some(folder) = &self.folder else { return Ok(tempfile::tempdir()?) };
        std::fs::create_dir_all(folder)?;
        Ok(tempfile::tempdir_in(folder)?)
    }

    /// Prints the page, and writes it where that is wanted.
    pub(crate) fn publish(&self, page: &str) -> Outcome<()> {
        println!("{page}");
        if let Some(path) = &self.page {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder)?;
            }
            std::fs::write(path, page)?;
        }
        Ok(())
    }
}

/// A server's work, measured as long as it takes.
#[derive(clap::Args)]
pub(crate) struct Work {
    /// The program to measure, a release build
    #[arg(long)]
    pub(crate) vigie: PathBuf,
    #[command(flatten)]
    pub(crate) place: Place,
}

/// A load on a server for a time.
#[derive(clap::Args)]
pub(crate) struct Load {
    /// The program to measure, a release build
    #[arg(long)]
    pub(crate) vigie: PathBuf,
    /// How long each load lasts
    #[arg(long, default_value_t = 10)]
    pub(crate) seconds: u64,
    #[command(flatten)]
    pub(crate) place: Place,
}
