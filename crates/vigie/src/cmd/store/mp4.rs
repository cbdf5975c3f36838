//! An export as MP4, its index first: the fragments are read once for the index and once more for the data.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use vigie_media::codec::names;
use vigie_media::matroska::DocumentHeader;
use vigie_media::mp4::{Mp4Writer, fragment_data};
use vigie_media::sample::SampleTrack;
use vigie_media::{Track, TrackKind};

use super::selection::{Exported, Selected, Selection, write_new};
use crate::failure::{Doing, Failure};
use crate::output::size_text;
use crate::progress::Progress;

/// Writes the selection to the new file `path`: its first video track and its first audio track. Sound that cannot be
/// written so costs no pictures: it is left out, and that is said.
pub fn write(
    path: &Path,
    header: &DocumentHeader,
    selection: &Selection<'_>,
) -> Result<Exported, Failure> {
    let first = |kind| header.tracks.iter().find(|track| track.kind == kind);
    let writable = |track: &Track| SampleTrack::new(track).doing("write the stream as MP4");
    let mut tracks: Vec<SampleTrack> =
        first(TrackKind::Video).map(writable).transpose()?.into_iter().collect();
    let mut left_out = None;
    match first(TrackKind::Audio).map(|sound| (sound, writable(sound))) {
        Some((_, Ok(sound))) => tracks.push(sound),
        Some((sound, Err(_))) if !tracks.is_empty() => {
            left_out = Some(names::of_codec_id(&sound.codec_id));
        }
        Some((_, Err(failure))) => return Err(failure),
        None => {}
    }
    let mut writer = Mp4Writer::new(&tracks);
    // What is recorded meanwhile is not in the index.
    let mut indexed = BTreeSet::new();
    let mut unreadable = 0;
    // Once for the index, and once for what it is of.
    let mut progress =
        Progress::new("export", selection.size_bytes()?.saturating_mul(2), size_text);
    let lost = selection.read_each(&mut progress, |Selected { fragment, bytes, header }| {
        let entry = &fragment.entry;
        let (start, duration_ms) = (entry.producer_timestamp, entry.duration_ms.into());
        match writer.add_fragment(&header, bytes, start, duration_ms) {
            Ok(_) => {
                indexed.insert(entry.sequence);
            }
            Err(error) => {
                tracing::warn!(sequence = entry.sequence, %error, "fragment left out");
                unreadable += 1;
            }
        }
        Ok(())
    })?;
    if indexed.is_empty() {
        return Err(Failure::other("no fragment of the range can be written as MP4"));
    }
    let head = writer.finish();
    let writing = || format!("write {}", path.display());
    write_new(path, |file: File| {
        let mut file = BufWriter::new(file);
        file.write_all(&head.bytes).doing(writing())?;
        let mut left_bytes = head.data_size_bytes;
        selection.read_each(&mut progress, |Selected { fragment, bytes, header }| {
            if !indexed.contains(&fragment.entry.sequence) {
                return Ok(());
            }
            let data = fragment_data(&tracks, &header, bytes).doing("read a fragment again")?;
            left_bytes = left_bytes.saturating_sub(data.size_bytes());
            data.pieces.iter().try_for_each(|piece| file.write_all(piece).doing(writing()))
        })?;
        if left_bytes > 0 {
            return Err(Failure::other("media was deleted while it was exported; try again"));
        }
        file.flush().doing(writing())?;
        file.get_ref().sync_all().doing(writing())?;
        Ok(Exported {
            fragment_count: indexed.len() as u64,
            size_bytes: head.file_size_bytes(),
            lost_count: lost + unreadable,
            sound_left_out: left_out,
        })
    })
}
