//! `vigie store check`: every disagreement between index and media files.

use serde::Serialize;
use vigie_store::{Disagreement, IndexLock};

use super::folder::Folder;
use crate::cli::StoreCheckOptions;
use crate::failure::{Doing, Failure};
use crate::output;
use crate::progress::{Progress, files_text};

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Report {
    stream_count: usize,
    media_file_count: u64,
    fragment_count: u64,
    size_bytes: u64,
    disagreements: Vec<String>,
}

pub fn check(options: &StoreCheckOptions) -> Result<(), Failure> {
    let folder = Folder::new(&options.data_dir);
    folder.require_media()?;
    // Held to the end: a file that is just being written or removed is no disagreement.
    let _lock = folder.exclusive(IndexLock::acquire(&folder.index()).map_err(Into::into))?;
    let reader = folder.reader()?;
    let mut progress = Progress::new("check", 0, files_text);
    let checked = vigie_store::check_watched(&reader, |count, all| progress.reach(count, all));
    drop(progress);
    let disagreements = checked.doing(folder.reading())?;
    let mut report = Report {
        stream_count: 0,
        media_file_count: 0,
        fragment_count: 0,
        size_bytes: 0,
        disagreements: disagreements.iter().map(Disagreement::to_string).collect(),
    };
    // Where the index itself is unsound there may be nothing to count.
    for key in reader.stream_keys().unwrap_or_default() {
        let totals = reader.totals(&key).unwrap_or_default();
        report.stream_count += 1;
        report.media_file_count += totals.media_file_count;
        report.fragment_count += totals.fragment_count;
        report.size_bytes += totals.size_bytes;
    }
    if options.json {
        output::json(&report)?;
    } else {
        print(&report)?;
    }
    if report.disagreements.is_empty() { Ok(()) } else { Err(Failure::answered_no()) }
}

fn print(report: &Report) -> Result<(), Failure> {
    for disagreement in &report.disagreements {
        output::line(disagreement)?;
    }
    let Report { stream_count, media_file_count, fragment_count, size_bytes, .. } = report;
    let size = output::size_text(*size_bytes);
    output::line(&format!(
        "{stream_count} streams, {media_file_count} media files, {fragment_count} fragments, {size}"
    ))?;
    output::line(&match report.disagreements.len() {
        0 => "index and media files agree".to_owned(),
        1 => "1 disagreement".to_owned(),
        count => format!("{count} disagreements"),
    })
}
