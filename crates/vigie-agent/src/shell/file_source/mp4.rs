//! Reads an MP4 or MOV file: its index first, then the samples' data in the order of decoding, as far as it is there.

use std::io;

use bytes::Bytes;
use vigie_engine::recorder::Failure;
use vigie_media::mp4::{Limits, Mp4Error, Mp4Reader, Sample};
use vigie_store::source::SourceFile;

use super::chosen::Chosen;
use super::delivery::{Delivery, VIDEO_TRACK};
use super::end::{End, Wholeness};
use super::zeros::zeros_from;

/// Read from the file at a time: samples of all tracks lie close together.
const PIECE_BYTES: u64 = 1 << 20;
/// No picture is larger; a size beyond comes from a broken index.
const SAMPLE_BYTES_MAX: u32 = 64 << 20;

/// Delivers the file. The index tells how long it lasts.
pub(super) fn deliver(
    file: &dyn SourceFile,
    delivery: &mut Delivery<'_>,
) -> Result<Wholeness, End> {
    let zeros_from = zeros_from(file, delivery.source())?;
    let mut read_at = |offset: u64, length_bytes: usize| file.read_exact_at(offset, length_bytes);
    let mut reader = Mp4Reader::open(file.length_bytes()?, &mut read_at, Limits::default())
        .map_err(unreadable)?
        .with_zeros_from(zeros_from);
    let mut chosen =
        Chosen::from_mp4(reader.tracks(), reader.skipped_tracks()).map_err(End::Failed)?;

    let mut span: Option<(i64, i64)> = None;
    while let Some(sample) = reader.next_sample(&mut read_at).map_err(unreadable)? {
        delivery.source().go_on()?;
        let (at_ms, until_ms) = (sample.pts_ms(), until_ms(&sample));
        let (first_ms, last_ms) = span.unwrap_or((at_ms, until_ms));
        span = Some((first_ms.min(at_ms), last_ms.max(until_ms)));
    }
    let Some((first_ms, last_ms)) = span else {
        return Err(End::Failed(Failure::FileNotMedia));
    };
    delivery.open(chosen.tracks.clone(), first_ms, last_ms)?;
    delivery.leave_out(chosen.left_out.clone())?;

    reader.rewind();
    let mut data = ReadAhead { file, offset: 0, bytes: Bytes::new() };
    while let Some(sample) = reader.next_sample(&mut read_at).map_err(unreadable)? {
        let Some(number) = chosen.number(sample.track_number) else { continue };
        let is_changed = reader.description(&sample).is_some_and(|track| chosen.change(track));
        if is_changed {
            let begins = number == VIDEO_TRACK && sample.key_frame;
            delivery.change(chosen.tracks.clone(), begins)?;
        }
        let bytes = data.read(sample.offset, sample.size_bytes)?;
        delivery.frame(number, sample.pts_ms(), sample.key_frame, bytes)?;
    }
    Ok(if reader.is_broken_off() { Wholeness::BrokenOff } else { Wholeness::Whole })
}

fn until_ms(sample: &Sample) -> i64 {
    let until = Sample { pts: sample.pts.saturating_add(i64::from(sample.duration)), ..*sample };
    until.pts_ms()
}

fn unreadable(error: Mp4Error<io::Error>) -> End {
    match error {
        Mp4Error::Read(error) => error.into(),
        Mp4Error::NoTracks(skipped) => {
            let failure = Chosen::from_mp4(&[], &skipped).err();
            End::Failed(failure.unwrap_or(Failure::NoVideoTrack))
        }
        Mp4Error::NoIndex => End::Failed(Failure::FileWithoutIndex),
        error => {
            tracing::info!(%error, "a source file cannot be read as MP4");
            End::Failed(Failure::FileNotMedia)
        }
    }
}

/// The file's bytes around the sample that was read last.
struct ReadAhead<'a> {
    file: &'a dyn SourceFile,
    offset: u64,
    bytes: Bytes,
}

impl ReadAhead<'_> {
    fn read(&mut self, offset: u64, size_bytes: u32) -> Result<Bytes, End> {
        if size_bytes > SAMPLE_BYTES_MAX {
            return Err(End::Failed(Failure::FileNotMedia));
        }
        if let Some(bytes) = self.held(offset, size_bytes) {
            return Ok(bytes);
        }
        let there = self.file.length_bytes()?.saturating_sub(offset);
        let length_bytes = PIECE_BYTES.max(u64::from(size_bytes)).min(there);
        self.bytes = self.file.read_exact_at(offset, usize::try_from(length_bytes).unwrap_or(0))?;
        self.offset = offset;
        self.held(offset, size_bytes).ok_or(End::Failed(Failure::FileNotMedia))
    }

    fn held(&self, offset: u64, size_bytes: u32) -> Option<Bytes> {
        let begin = usize::try_from(offset.checked_sub(self.offset)?).ok()?;
        let end = begin.checked_add(usize::try_from(size_bytes).ok()?)?;
        (end <= self.bytes.len()).then(|| self.bytes.slice(begin..end))
    }
}
