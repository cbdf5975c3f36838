//! Reads a Matroska file from front to back, one Cluster in memory at a time.

use std::sync::Arc;

use vigie_engine::recorder::Failure;
use vigie_media::matroska::{
    DocumentHeader, Event, Fragment, FragmentReader, Limits, ReadError, fragment_frames,
};
use vigie_store::disk::DiskFile;

use super::{Chosen, Delivery, End};

/// Read from the file at a time.
const PIECE_BYTES: u64 = 1 << 20;

/// Delivers the file in two passes: the first finds out how long it lasts, for files that were written live do not
/// say so; the second delivers.
pub(super) fn deliver(file: &dyn DiskFile, delivery: &mut Delivery<'_>) -> Result<(), End> {
    let mut span: Option<(i64, i64)> = None;
    let mut chosen = None;
    read(file, &mut |header, fragment| {
        if chosen.is_none() {
            chosen = Some(Chosen::from(&header.tracks)?);
        }
        if let Some(fragment) = fragment {
            let until_ms = fragment.timecode_ms.saturating_add(fragment.duration_ms);
            let (first_ms, last_ms) = span.unwrap_or((fragment.timecode_ms, until_ms));
            span = Some((first_ms.min(fragment.timecode_ms), last_ms.max(until_ms)));
        }
        Ok(())
    })?;
    let (Some(chosen), Some((first_ms, last_ms))) = (chosen, span) else {
        return Err(End::Failed(Failure::FileNotMedia));
    };
    delivery.open(chosen.tracks.clone(), first_ms, last_ms)?;
    read(file, &mut |header, fragment| {
        let Some(fragment) = fragment else { return Ok(()) };
        for frame in fragment_frames(header, fragment.bytes) {
            let frame = frame.map_err(damaged)?;
            if let Some(number) = chosen.number(frame.track_number) {
                delivery.frame(number, frame.timecode_ms, frame.key_frame, frame.data)?;
            }
        }
        Ok(())
    })
}

/// Calls `each` for the header and for every Cluster.
fn read(
    file: &dyn DiskFile,
    each: &mut impl FnMut(&DocumentHeader, Option<Fragment>) -> Result<(), End>,
) -> Result<(), End> {
    let length_bytes = file.length_bytes()?;
    let mut reader = FragmentReader::new(Limits::FILE);
    let mut header: Option<Arc<DocumentHeader>> = None;
    let mut at = 0;
    loop {
        while let Some(event) = reader.next_event().map_err(damaged)? {
            match event {
                Event::Header(found) => {
                    each(&found, None)?;
                    header = Some(found);
                }
                Event::FragmentEnd(fragment) => {
                    if let Some(header) = &header {
                        each(header, Some(fragment))?;
                    }
                }
                Event::FragmentStart { .. } | Event::Frame(_) | Event::Tag(_) => {}
            }
        }
        let piece_bytes = PIECE_BYTES.min(length_bytes - at);
        if piece_bytes == 0 {
            break;
        }
        reader.push(&file.read_exact_at(at, usize::try_from(piece_bytes).unwrap_or(0))?);
        at += piece_bytes;
    }
    // A file that was cut off in the middle of a frame is recorded up to the frame before.
    if let (Some(header), Some(fragment)) = (header, reader.recover().fragment) {
        each(&header, Some(fragment))?;
    }
    Ok(())
}

fn damaged(error: ReadError) -> End {
    tracing::debug!(%error, "a source file is not whole Matroska");
    End::Failed(Failure::FileNotMedia)
}
