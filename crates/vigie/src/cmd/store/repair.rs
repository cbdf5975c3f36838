//! `vigie store repair`: the index rebuilt from the media files alone. Says what it would do; does it with `--yes`.

use serde::Serialize;
use vigie_server::{FolderCommand, ServerConfig};
use vigie_store::{OsDisk, RepairReport};

use super::folder::Folder;
use crate::cli::StoreRepairOptions;
use crate::cmd::operator::note_one;
use crate::failure::Failure;
use crate::output;
use crate::progress::{Progress, files_text};

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Report {
    done: bool,
    stream_count: u64,
    media_file_count: u64,
    fragment_count: u64,
    size_bytes: u64,
    uploaded_count: u64,
    damaged: Vec<Damaged>,
    set_aside: Vec<String>,
    old_index: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Damaged {
    path: String,
    unreadable_bytes: u64,
}

pub fn repair(options: &StoreRepairOptions) -> Result<(), Failure> {
    let folder = Folder::new(&options.data_dir);
    folder.require_media()?;
    let mut progress = Progress::new("repair", 0, files_text);
    let (media, index, yes) = (folder.media(), folder.index(), options.yes);
    let mut read = |count, all| progress.reach(count, all);
    let repaired = vigie_store::repair_watched(&OsDisk, &media, &index, yes, &mut read);
    drop(progress);
    if options.yes {
        let config = ServerConfig::new(&options.data_dir);
        note_one(&config, FolderCommand::RepairIndex, Some(&folder.index()), &repaired);
    }
    let report = Report::new(folder.exclusive(repaired)?, options.yes);
    if options.json { output::json(&report) } else { print(&report) }
}

impl Report {
    fn new(report: RepairReport, done: bool) -> Self {
        let damaged = report.damaged.into_iter().map(|(path, unreadable_bytes)| Damaged {
            path: path.display().to_string(),
            unreadable_bytes,
        });
        Self {
            done,
            stream_count: report.stream_count,
            media_file_count: report.media_file_count,
            fragment_count: report.fragment_count,
            size_bytes: report.size_bytes,
            uploaded_count: report.uploaded_count,
            damaged: damaged.collect(),
            set_aside: report.set_aside.iter().map(|path| path.display().to_string()).collect(),
            old_index: report.old_index.map(|path| path.display().to_string()),
        }
    }
}

fn print(report: &Report) -> Result<(), Failure> {
    let Report { stream_count, media_file_count, fragment_count, .. } = report;
    for Damaged { path, unreadable_bytes } in &report.damaged {
        output::line(&format!("{path}: {unreadable_bytes} bytes belong to no whole fragment"))?;
    }
    for path in &report.set_aside {
        let verb = if report.done { "moved" } else { "to be moved" };
        output::line(&format!("{path}: no media of its own; {verb} to media/unclaimed"))?;
    }
    output::line(&format!(
        "{stream_count} streams, {media_file_count} media files, {fragment_count} fragments, {}; {} marked uploaded",
        output::size_text(report.size_bytes),
        report.uploaded_count,
    ))?;
    match (report.done, &report.old_index) {
        (false, _) => {
            output::line("nothing was changed; --yes rebuilds the index from these files")
        }
        (true, Some(old)) => output::line(&format!("the index was rebuilt; the old one is {old}")),
        (true, None) => output::line("the index was rebuilt"),
    }
}
