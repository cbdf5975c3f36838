//! Reads a Matroska file from front to back, one Cluster in memory at a time, up to its end or where it breaks off.

use std::sync::Arc;

use vigie_engine::recorder::Failure;
use vigie_media::matroska::{
    ContentEncoding, DocumentHeader, Event, Fragment, FragmentFrame, FragmentReader, Limits,
    fragment_frames,
};
use vigie_store::source::SourceFile;

use super::chosen::Chosen;
use super::delivery::Delivery;
use super::end::{End, Wholeness};
use super::settings::FileSource;
use super::zeros::{is_unwritten, zeros_from};

/// Read from the file at a time.
const PIECE_BYTES: u64 = 1 << 20;

/// Delivers the file in two passes: the first finds out how long it lasts, for files that were written live do not
/// say so; the second delivers.
pub(super) fn deliver(
    file: &dyn SourceFile,
    delivery: &mut Delivery<'_>,
) -> Result<Wholeness, End> {
    let source = delivery.source();
    let zeros_from = zeros_from(file, source)?;
    let mut span: Option<(i64, i64)> = None;
    let mut chosen = None;
    read(file, source, &mut |header, fragment| {
        if chosen.is_none() {
            chosen = Some(choose(header)?);
        }
        let Some(fragment) = fragment else { return Ok(Wholeness::Whole) };
        let mut widen = |from_ms: i64, until_ms: i64| {
            let (first_ms, last_ms) = span.unwrap_or((from_ms, until_ms));
            span = Some((first_ms.min(from_ms), last_ms.max(until_ms)));
        };
        if !reaches(&fragment, zeros_from) {
            widen(fragment.timecode_ms, fragment.timecode_ms.saturating_add(fragment.duration_ms));
            return Ok(Wholeness::Whole);
        }
        let (frames, wholeness) = whole_frames(header, fragment, zeros_from);
        frames.iter().for_each(|frame| widen(frame.timecode_ms, frame.timecode_ms));
        Ok(wholeness)
    })?;
    let (Some(chosen), Some((first_ms, last_ms))) = (chosen, span) else {
        return Err(End::Failed(Failure::FileNotMedia));
    };
    delivery.open(chosen.tracks.clone(), first_ms, last_ms)?;
    delivery.leave_out(chosen.left_out.clone())?;
    read(file, source, &mut |header, fragment| {
        let Some(fragment) = fragment else { return Ok(Wholeness::Whole) };
        let (frames, wholeness) = whole_frames(header, fragment, zeros_from);
        for frame in frames {
            if let Some(number) = chosen.number(frame.track_number) {
                delivery.frame(number, frame.timecode_ms, frame.key_frame, frame.data)?;
            }
        }
        Ok(wholeness)
    })
}

fn choose(header: &DocumentHeader) -> Result<Chosen, End> {
    let unread = |number| match header.encodings.get(&number) {
        Some(ContentEncoding::Unsupported(name)) => Some(*name),
        _ => None,
    };
    Chosen::from(&header.tracks, unread).map_err(End::Failed)
}

/// Whether the fragment has bytes behind `zeros_from`.
fn reaches(fragment: &Fragment, zeros_from: u64) -> bool {
    fragment.offset.saturating_add(fragment.bytes.len() as u64) > zeros_from
}

/// The frames of a fragment up to the first that is not whole.
fn whole_frames(
    header: &DocumentHeader,
    fragment: Fragment,
    zeros_from: u64,
) -> (Vec<FragmentFrame>, Wholeness) {
    let reaches_zeros = reaches(&fragment, zeros_from);
    let mut frames = Vec::new();
    for frame in fragment_frames(header, fragment.bytes) {
        let frame = match frame {
            Ok(frame) => frame,
            Err(error) => {
                tracing::info!(%error, "a frame of a source file cannot be read");
                return (frames, Wholeness::BrokenOff);
            }
        };
        let kind = header.track(frame.track_number).map(|track| track.kind);
        if reaches_zeros && kind.is_some_and(|kind| is_unwritten(kind, &frame.data)) {
            return (frames, Wholeness::BrokenOff);
        }
        frames.push(frame);
    }
    (frames, Wholeness::Whole)
}

/// Calls `each` for the header and for every Cluster, until it says that one breaks off.
fn read(
    file: &dyn SourceFile,
    source: &FileSource,
    each: &mut impl FnMut(&DocumentHeader, Option<Fragment>) -> Result<Wholeness, End>,
) -> Result<Wholeness, End> {
    let length_bytes = file.length_bytes()?;
    let mut reader = FragmentReader::new(Limits::FILE);
    let mut header: Option<Arc<DocumentHeader>> = None;
    let mut at = 0;
    loop {
        source.go_on()?;
        loop {
            let (found, fragment) = match reader.next_event() {
                Ok(Some(Event::Header(found))) => (&*header.insert(found), None),
                Ok(Some(Event::FragmentEnd(fragment))) => match &header {
                    Some(header) => (header, Some(fragment)),
                    None => continue,
                },
                Ok(Some(_)) => continue,
                Ok(None) => break,
                Err(error) => {
                    tracing::info!(%error, "a source file cannot be read to its end");
                    return end(reader, header, each);
                }
            };
            if each(found, fragment)? == Wholeness::BrokenOff {
                return Ok(Wholeness::BrokenOff);
            }
        }
        let piece_bytes = PIECE_BYTES.min(length_bytes - at);
        if piece_bytes == 0 {
            return end(reader, header, each);
        }
        reader.push(&file.read_exact_at(at, usize::try_from(piece_bytes).unwrap_or(0))?);
        at += piece_bytes;
    }
}

/// A file that was cut off in the middle of a frame is recorded up to the frame before.
fn end(
    reader: FragmentReader,
    header: Option<Arc<DocumentHeader>>,
    each: &mut impl FnMut(&DocumentHeader, Option<Fragment>) -> Result<Wholeness, End>,
) -> Result<Wholeness, End> {
    let is_whole = reader.is_whole();
    let Some(header) = header else { return Err(End::Failed(Failure::FileNotMedia)) };
    let last = match reader.recover_frames() {
        Some(fragment) => each(&header, Some(fragment))?,
        None => Wholeness::Whole,
    };
    Ok(if is_whole { last } else { Wholeness::BrokenOff })
}
