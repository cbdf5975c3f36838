//! Zeros at the end of a file: what a loss of power leaves of what was to be written, where the length was noted before
//! the bytes. Decides where they begin; never what lies before them.

use bytes::Bytes;
use vigie_media::TrackKind;
use vigie_store::source::SourceFile;

use super::end::End;
use super::settings::FileSource;

/// Fewer may well be the end of something.
const ZEROS_MIN: usize = 32;
/// Read at a time.
const PIECE_BYTES: u64 = 1 << 20;

/// Where the zeros begin that the file ends in; its length if it does not.
pub(super) fn zeros_from(file: &dyn SourceFile, source: &FileSource) -> Result<u64, End> {
    let length_bytes = file.length_bytes()?;
    let tail_bytes = length_bytes.min(ZEROS_MIN as u64);
    let read =
        |offset: u64, bytes: u64| file.read_exact_at(offset, usize::try_from(bytes).unwrap_or(0));
    if !is_zero(&read(length_bytes - tail_bytes, tail_bytes)?) {
        return Ok(length_bytes);
    }
    let mut end = length_bytes;
    while end > 0 {
        source.go_on()?;
        let bytes = end.min(PIECE_BYTES);
        let piece = read(end - bytes, bytes)?;
        if let Some(last) = piece.iter().rposition(|&byte| byte != 0) {
            return Ok(end - bytes + last as u64 + 1);
        }
        end -= bytes;
    }
    Ok(0)
}

/// Whether a frame that reaches into the zeros at the file's end was never written, or not to its end: no NAL unit ends
/// in a zero (H.264 and H.265 §7.4.1); sound may.
pub(super) fn is_unwritten(kind: TrackKind, frame: &Bytes) -> bool {
    match kind {
        TrackKind::Video => is_zero(&frame[frame.len().saturating_sub(ZEROS_MIN)..]),
        _ => !frame.is_empty() && is_zero(frame),
    }
}

fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|&byte| byte == 0)
}
