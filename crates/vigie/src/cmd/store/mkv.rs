//! An export as Matroska.

use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

use vigie_media::matroska::{DocumentHeader, FileWriter};

use super::selection::{Exported, Selected, Selection, write_new};
use crate::failure::{Doing, Failure};
use crate::output::size_text;
use crate::progress::Progress;

/// Writes the selection to the new file `path`.
pub fn write(
    path: &Path,
    header: &DocumentHeader,
    selection: &Selection<'_>,
) -> Result<Exported, Failure> {
    write_new(path, |file| write_to(file, path, header, selection))
}

fn write_to(
    file: File,
    path: &Path,
    header: &DocumentHeader,
    selection: &Selection<'_>,
) -> Result<Exported, Failure> {
    let writing = || format!("write {}", path.display());
    let (mut writer, start) = FileWriter::new(header).doing("read the document header")?;
    let mut file = BufWriter::new(file);
    file.write_all(&start).doing(writing())?;
    let mut exported =
        Exported { fragment_count: 0, size_bytes: 0, lost_count: 0, sound_left_out: None };
    let mut unreadable = 0;
    let mut progress = Progress::new("export", selection.size_bytes()?, size_text);
    exported.lost_count =
        selection.read_each(&mut progress, |Selected { fragment, bytes, header }| {
            let entry = &fragment.entry;
            if !writer.accepts(&header) {
                return Err(Failure::other(
                    "the tracks of the stream changed meanwhile; try again",
                ));
            }
            match writer.fragment(&bytes, entry.producer_timestamp, entry.duration_ms) {
                Ok(cluster) => {
                    exported.fragment_count += 1;
                    file.write_all(&cluster).doing(writing())
                }
                Err(error) => {
                    tracing::warn!(sequence = entry.sequence, %error, "fragment left out");
                    unreadable += 1;
                    Ok(())
                }
            }
        })?;
    exported.lost_count += unreadable;
    let end = writer.finish();
    file.write_all(&end.tail).doing(writing())?;
    for (at, bytes) in end.patches {
        file.seek(SeekFrom::Start(at)).doing(writing())?;
        file.write_all(&bytes).doing(writing())?;
    }
    file.flush().doing(writing())?;
    file.get_ref().sync_all().doing(writing())?;
    exported.size_bytes = file.get_ref().metadata().doing(writing())?.len();
    Ok(exported)
}
