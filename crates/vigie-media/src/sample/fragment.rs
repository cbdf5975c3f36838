//! The frames of one stored fragment, sorted by track.

use bytes::Bytes;

use super::samples::{Sample, TrackSamples};
use super::{SampleError, SampleTrack};
use crate::matroska::{DocumentHeader, fragment_frames};

/// The frames of a fragment that belong to `tracks`, one entry for each of `tracks` and in their order. `fragment` is
/// what was stored: the Cluster and the Tags after it. Fails at the first frame that is not what its codec says.
pub fn fragment_samples<'a>(
    tracks: impl IntoIterator<Item = &'a SampleTrack>,
    header: &DocumentHeader,
    fragment: Bytes,
) -> Result<Vec<TrackSamples<'a>>, SampleError> {
    let empty = |track: &'a SampleTrack| TrackSamples {
        track,
        default_duration_ns: header.default_durations_ns.get(&track.number().into()).copied(),
        samples: Vec::new(),
    };
    let mut found: Vec<TrackSamples<'a>> = tracks.into_iter().map(empty).collect();
    let mut frames = fragment_frames(header, fragment);
    while let Some(frame) = frames.next() {
        let frame = frame?;
        let cluster_ms = frames.cluster_timecode_ms().unwrap_or(frame.timecode_ms);
        let is_its =
            |of: &&mut TrackSamples<'_>| u64::from(of.track.number()) == frame.track_number;
        let Some(of) = found.iter_mut().find(is_its) else { continue };
        of.track.check_frame(&frame.data).map_err(|reason| SampleError::InvalidFrame {
            track_number: frame.track_number,
            timecode_ms: frame.timecode_ms,
            reason,
        })?;
        of.samples.push(Sample {
            offset_ms: frame.timecode_ms.saturating_sub(cluster_ms),
            key_frame: frame.key_frame,
            data: frame.data,
        });
    }
    Ok(found)
}
