//! `vigie store export`: a time range of a stream as one file that any player opens.
//!
//! Which fragments those are is [`super::selection`]'s, how they become a file each container's own module.

use std::path::Path;

use vigie_media::Timestamp;

use super::folder::Folder;
use super::selection::{Exported, Selection};
use super::{mkv, mp4};
use crate::cli::StoreExportOptions;
use crate::failure::{Doing, Failure};
use crate::output;
use crate::zone;

/// Each container that an export can write, by the output's extension.
enum Container {
    Matroska,
    Mp4,
}

pub fn export(options: &StoreExportOptions) -> Result<(), Failure> {
    let container = container(&options.output)?;
    let time = |text: &Option<String>, name| {
        text.as_deref().map(|text| zone::parse_time(name, text)).transpose()
    };
    let from = time(&options.from, "--from")?.unwrap_or(Timestamp::MIN);
    let to = time(&options.to, "--to")?.unwrap_or(Timestamp::MAX);
    if from >= to {
        return Err(Failure::usage("--from must be before --to"));
    }
    let folder = Folder::new(&options.data_dir);
    let reader = folder.reader()?;
    let key = folder.find_stream(&reader, &options.stream)?;
    let selection = Selection::new(&reader, &key, from, to).doing(folder.reading())?;
    let Some(header) = selection.common_header()? else {
        return Err(Failure::other(format!("stream {key:?} has no media in that time")));
    };
    let exported = match container {
        Container::Matroska => mkv::write(&options.output, &header, &selection)?,
        Container::Mp4 => mp4::write(&options.output, &header, &selection)?,
    };
    let Exported { fragment_count, size_bytes, lost_count, sound_left_out } = exported;
    let (path, size) = (options.output.display(), output::size_text(size_bytes));
    output::line(&format!("{path}: {fragment_count} fragments, {size}"))?;
    if let Some(codec) = sound_left_out {
        output::line(&format!("sound in {codec} is left out; export to a .mkv file keeps it"))?;
    }
    if lost_count > 0 {
        return Err(Failure::other(format!(
            "{lost_count} fragments could not be read and are missing in {path}"
        )));
    }
    Ok(())
}

fn container(output: &Path) -> Result<Container, Failure> {
    match output.extension().and_then(|extension| extension.to_str()) {
        Some("mkv") => Ok(Container::Matroska),
        Some("mp4") => Ok(Container::Mp4),
        _ => Err(Failure::usage(format!("--output {} must end in .mkv or .mp4", output.display()))),
    }
}
