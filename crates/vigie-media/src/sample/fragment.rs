//! The frames of one stored fragment, sorted by track.

use bytes::Bytes;

use super::samples::{Sample, TrackSamples};
use super::{SampleError, SampleTrack};
use crate::TrackKind;
use crate::matroska::{DocumentHeader, fragment_frames};

/// What becomes of a frame that is not what its track's codec says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// Nothing is given of the fragment, and the first such frame is named.
    Refused,
    /// It is left out; of a key frame, the pictures that need it as well.
    LeftOut,
}

/// The frames of a fragment that belong to `tracks`, one entry for each of `tracks` and in their order. `fragment` is
/// what was stored: the Cluster and the Tags after it.
pub fn fragment_samples<'a>(
    tracks: impl IntoIterator<Item = &'a SampleTrack>,
    header: &DocumentHeader,
    fragment: Bytes,
    unreadable: Unreadable,
) -> Result<Vec<TrackSamples<'a>>, SampleError> {
    let empty = |track: &'a SampleTrack| TrackSamples {
        track,
        default_duration_ns: header.default_durations_ns.get(&track.number().into()).copied(),
        samples: Vec::new(),
    };
    let mut found: Vec<TrackSamples<'a>> = tracks.into_iter().map(empty).collect();
    // Whose key frame was left out, until the next one.
    let mut broken_off = vec![false; found.len()];
    let mut frames = fragment_frames(header, fragment);
    while let Some(frame) = frames.next() {
        let frame = frame?;
        let cluster_ms = frames.cluster_timecode_ms().unwrap_or(frame.timecode_ms);
        let is_its = |(of, _): &(&mut TrackSamples<'_>, &mut bool)| {
            u64::from(of.track.number()) == frame.track_number
        };
        let mut each = found.iter_mut().zip(&mut broken_off);
        let Some((of, broken_off)) = each.find(is_its) else { continue };
        match (of.track.check_frame(&frame.data), unreadable) {
            (Ok(()), _) => *broken_off &= !frame.key_frame,
            (Err(_), Unreadable::LeftOut) => {
                *broken_off |= frame.key_frame && of.track.kind() == TrackKind::Video;
                continue;
            }
            (Err(reason), Unreadable::Refused) => {
                return Err(SampleError::InvalidFrame {
                    track_number: frame.track_number,
                    timecode_ms: frame.timecode_ms,
                    reason,
                });
            }
        }
        if *broken_off {
            continue;
        }
        of.samples.push(Sample {
            offset_ms: frame.timecode_ms.saturating_sub(cluster_ms),
            key_frame: frame.key_frame,
            data: frame.data,
        });
    }
    Ok(found)
}
