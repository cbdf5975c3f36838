//! Which frames are missing from what was recorded, by the gaps in their times.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use vigie_media::matroska::{Event, FragmentReader, Limits};

use crate::Outcome;
use crate::stream_folders::stream_folders;

/// 25 pictures a second.
const FRAME_MS: i64 = 40;
const PIECE_BYTES: usize = 1 << 20;

/// What a folder of media files holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// Folders, or files that lie in no folder.
    pub(crate) streams: usize,
    pub(crate) frames: u64,
    pub(crate) missing_frames: u64,
}

/// Reads all Matroska files under a folder: those of one folder are one stream, a file beside them is one of its own.
pub(crate) fn in_folder(folder: &Path) -> Outcome<Found> {
    let mut found = Found::default();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let mut times = Vec::new();
        if path.ends_with("unclaimed") || path.ends_with("deleted.journal") {
            // Not what was recorded.
            continue;
        }
        if path.is_dir() {
            for file in fs::read_dir(&path)? {
                read(&file?.path(), &mut times)?;
            }
        } else {
            read(&path, &mut times)?;
        }
        found.streams += usize::from(!times.is_empty());
        found.frames += times.len() as u64;
        found.missing_frames += missing(times);
    }
    Ok(found)
}

/// The frames that each stream of a folder holds, by the stream's directory. Files of nothing but holes are passed over:
/// they belong to a store that was filled, not recorded.
pub(crate) fn frames_by_stream(folder: &Path) -> Outcome<BTreeMap<String, Vec<i64>>> {
    let mut found = BTreeMap::new();
    for stream in stream_folders(folder)? {
        let mut times = Vec::new();
        for file in fs::read_dir(&stream)? {
            let file = file?;
            if file.metadata()?.blocks() > 0 {
                read(&file.path(), &mut times)?;
            }
        }
        let name = stream.file_name().unwrap_or_default();
        found.insert(name.to_string_lossy().into_owned(), times);
    }
    Ok(found)
}

/// How many frames would fill the gaps.
pub(crate) fn missing(mut times: Vec<i64>) -> u64 {
    times.sort_unstable();
    let gap = |pair: &[i64]| match pair {
        [earlier, later] => ((later - earlier + FRAME_MS / 2) / FRAME_MS - 1).max(0).unsigned_abs(),
        _ => 0,
    };
    times.windows(2).map(gap).sum()
}

fn read(path: &Path, times: &mut Vec<i64>) -> Outcome<()> {
    if path.extension().is_none_or(|extension| extension != "mkv") {
        return Ok(());
    }
    let mut file = fs::File::open(path)?;
    let mut reader = FragmentReader::new(Limits::FILE);
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let length = file.read(&mut piece)?;
        if length == 0 {
            reader.finish();
        } else {
            reader.push(piece.get(..length).unwrap_or_default());
        }
        while let Some(event) = reader.next_event()? {
            if let Event::Frame(frame) = event {
                times.push(frame.timecode_ms);
            }
        }
        if length == 0 {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_counts_the_frames_that_would_fill_it() {
        assert_eq!(missing(vec![]), 0);
        assert_eq!(missing(vec![0, 41, 80, 119, 160]), 0);
        assert_eq!(missing(vec![160, 0, 41, 119]), 1);
        assert_eq!(missing(vec![0, 1000]), 24);
    }
}
