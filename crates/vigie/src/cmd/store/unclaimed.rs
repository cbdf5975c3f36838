//! `vigie store unclaimed`: media that lies aside because no index entry refers to it; with `--discard` it is removed.

use std::path::{Path, PathBuf};

use serde::Serialize;
use vigie_server::{CommandNote, FolderCommand, ServerConfig};
use vigie_store::{IndexLock, OsDisk, UnclaimedFile};

use super::folder::Folder;
use crate::cli::StoreUnclaimedOptions;
use crate::cmd::operator::note;
use crate::failure::{Doing, Failure};
use crate::output;
use crate::zone;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Line {
    path: String,
    stream: Option<String>,
    fragment_count: u64,
    size_bytes: u64,
    /// RFC 3339, UTC; absent where no mark can be read.
    newest_media: Option<String>,
    discarded: bool,
}

pub fn unclaimed(options: &StoreUnclaimedOptions) -> Result<(), Failure> {
    let folder = Folder::new(&options.data_dir);
    folder.require_media()?;
    let media = folder.media();
    let files = {
        let _lock = folder.exclusive(IndexLock::acquire(&folder.index()).map_err(Into::into))?;
        vigie_store::unclaimed(&OsDisk, &media).doing(folder.reading())?
    };
    let mut discarded = Vec::new();
    if options.discard_all {
        discarded.clone_from(&files);
    }
    for wanted in &options.discard {
        discarded.push(find(&files, &media, wanted)?.clone());
    }
    if !discarded.is_empty() {
        let done = vigie_store::discard_unclaimed(&OsDisk, &media, &folder.index(), &discarded);
        note_discarded(&options.data_dir, &discarded, &media, done.is_err());
        folder.exclusive(done)?;
    }
    let lines: Vec<Line> = files.iter().map(|file| line(file, &media, &discarded)).collect();
    if options.json { output::json(&lines) } else { print(&lines) }
}

/// In a server's audit log, file by file.
fn note_discarded(data_dir: &Path, files: &[UnclaimedFile], media: &Path, has_failed: bool) {
    let notes: Vec<CommandNote<'_>> = files
        .iter()
        .map(|file| CommandNote {
            command: FolderCommand::DiscardMedia,
            path: Some(file.path.strip_prefix(media).unwrap_or(&file.path)),
            fragment_count: Some(file.fragment_count),
            size_bytes: Some(file.size_bytes),
            has_failed,
        })
        .collect();
    note(&ServerConfig::new(data_dir), &notes);
}

/// The file that is meant: by its whole path, or relative to the media folder as the list shows it.
fn find<'a>(
    files: &'a [UnclaimedFile],
    media: &Path,
    wanted: &Path,
) -> Result<&'a UnclaimedFile, Failure> {
    let is_meant = |file: &&UnclaimedFile| file.path == wanted || file.path == media.join(wanted);
    files.iter().find(is_meant).ok_or_else(|| {
        Failure::other(format!("{} does not lie aside in {}", wanted.display(), media.display()))
    })
}

fn line(file: &UnclaimedFile, media: &Path, discarded: &[UnclaimedFile]) -> Line {
    let path: PathBuf = file.path.strip_prefix(media).unwrap_or(&file.path).to_owned();
    Line {
        path: path.display().to_string(),
        stream: file.key.clone(),
        fragment_count: file.fragment_count,
        size_bytes: file.size_bytes,
        newest_media: file.newest.map(zone::utc_text),
        discarded: discarded.contains(file),
    }
}

fn print(lines: &[Line]) -> Result<(), Failure> {
    if lines.is_empty() {
        return output::line("no media lies aside");
    }
    let rows: Vec<_> = lines
        .iter()
        .map(|line| {
            [
                line.path.clone(),
                line.stream.clone().unwrap_or_default(),
                line.fragment_count.to_string(),
                output::size_text(line.size_bytes),
                line.newest_media.clone().unwrap_or_default(),
                if line.discarded { "removed" } else { "" }.to_owned(),
            ]
        })
        .collect();
    output::table(["FILE", "STREAM", "FRAGMENTS", "SIZE", "NEWEST MEDIA", ""], &rows)
}
