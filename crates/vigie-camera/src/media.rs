//! A media file made ready to be sent: tracks, packets and times, worked out once when it is loaded.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::AsyncReadExt as _;

use crate::codec::{self, RtspTrack};
use crate::container::{self, SourceTrack};
use crate::error::{CameraError, MediaError};
use crate::packetizer::packetize;
use crate::schedule::{TimedTrack, rescale, schedule};
use crate::timeline::{Frame, SEND_CLOCK_HZ, Timeline};

/// The whole file is held in memory.
const FILE_BYTES_MAX: u64 = 512 << 20;
/// Half a day: longer files are not looped but broken, and RTP's 32 bits hold no more at 90 kHz.
const DURATION_90K_MAX: u64 = 12 * 3600 * SEND_CLOCK_HZ;

/// What all mounts loop: the first H.264 or H.265 track and the first AAC or G.711 track of an MP4, MOV or Matroska
/// file, packetised. Cheap to clone.
///
/// A loop holds every frame of these tracks and lasts from the first one's beginning to the last one's end. Frames
/// leave in decode order and carry their presentation times, so B-frames arrive as a camera would send them.
#[derive(Clone, Debug)]
pub struct Media(Arc<Presentation>);

/// What is served.
#[derive(Debug)]
pub(crate) struct Presentation {
    /// The lead track (video, if there is one) first.
    pub(crate) tracks: Vec<RtspTrack>,
    pub(crate) timeline: Timeline,
}

impl Media {
    /// Reads a file of at most 512 MiB.
    ///
    /// # Errors
    /// [`CameraError::Read`] and [`CameraError::TooLarge`] for the file, [`CameraError::Media`] for what is in it.
    pub async fn open(path: &Path) -> Result<Self, CameraError> {
        let read = async {
            let file = tokio::fs::File::open(path).await?;
            let mut bytes = Vec::new();
            file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).await?;
            Ok(bytes)
        };
        let bytes =
            read.await.map_err(|source| CameraError::Read { path: path.to_owned(), source })?;
        if bytes.len() as u64 > FILE_BYTES_MAX {
            let size_bytes_max = FILE_BYTES_MAX;
            return Err(CameraError::TooLarge { path: path.to_owned(), size_bytes_max });
        }
        Ok(Self::parse(Bytes::from(bytes))?)
    }

    /// Makes a file's bytes ready.
    ///
    /// # Errors
    /// [`MediaError`]: another container, no usable codec, damaged frames.
    pub fn parse(file: Bytes) -> Result<Self, MediaError> {
        if file.len() as u64 > FILE_BYTES_MAX {
            return Err(MediaError::UnusableTimes("it is longer than 512 MiB"));
        }
        let sources = container::read(&file)?;
        let (sources, tracks): (Vec<_>, Vec<_>) = choose(&sources)?.into_iter().unzip();
        let timed: Vec<_> =
            sources.iter().zip(&tracks).map(|(source, track)| schedule(source, track)).collect();
        let span = Span::of(&timed)?;
        let mut packets = Vec::new();
        let mut frames = Vec::new();
        for (index, (track, timed)) in tracks.iter().zip(&timed).enumerate() {
            let number = sources[index].track.number;
            let base = rescale(span.begin_90k, track.clock_rate_hz.into(), SEND_CLOCK_HZ as u32);
            for (frame, timed) in timed.frames.iter().enumerate() {
                let first = packets.len() as u32;
                let damaged = |reason| MediaError::DamagedFrame { track: number, frame, reason };
                packetize(track.format, &file, timed.data.clone(), &mut packets)
                    .map_err(damaged)?;
                let packets = first..packets.len() as u32;
                if !packets.is_empty() {
                    frames.push(Frame {
                        track: index,
                        key_frame: timed.key_frame,
                        send_at_90k: timed.send_at_90k.abs_diff(span.begin_90k),
                        rtp_time: timed.rtp_time.wrapping_sub(base) as u32,
                        packets,
                    });
                }
            }
        }
        let rates = tracks.iter().map(|track| track.clock_rate_hz).collect();
        let timeline = Timeline::new(file, rates, frames, packets, span.duration_90k)
            .ok_or(MediaError::NoKeyFrame)?;
        Ok(Self(Arc::new(Presentation { tracks, timeline })))
    }

    /// How long one loop lasts.
    pub fn loop_duration(&self) -> Duration {
        // At most half a day, so the nanoseconds fit.
        Duration::from_nanos(self.0.timeline.duration_90k() * 100_000 / (SEND_CLOCK_HZ / 10_000))
    }

    pub(crate) fn presentation(&self) -> Arc<Presentation> {
        self.0.clone()
    }
}

/// The tracks to serve, video first.
fn choose(sources: &[SourceTrack]) -> Result<Vec<(&SourceTrack, RtspTrack)>, MediaError> {
    let (mut video, mut audio) = (None, None);
    for source in sources.iter().filter(|source| !source.samples.is_empty()) {
        let Some(track) = codec::rtsp_track(&source.track) else { continue };
        let slot = if track.is_video { &mut video } else { &mut audio };
        slot.get_or_insert((source, track));
    }
    let chosen: Vec<_> = video.into_iter().chain(audio).collect();
    if chosen.is_empty() {
        let found: Vec<_> = sources.iter().map(|source| &*source.track.codec_id).collect();
        return Err(MediaError::NoUsableTrack { found: found.join(", ") });
    }
    Ok(chosen)
}

/// From the first frame of all tracks to the end of the last.
#[derive(Clone, Copy, Debug)]
struct Span {
    begin_90k: i64,
    duration_90k: u64,
}

impl Span {
    fn of(tracks: &[TimedTrack]) -> Result<Self, MediaError> {
        let begins = tracks.iter().flat_map(|track| track.frames.iter().map(|f| f.send_at_90k));
        let begin_90k = begins.min().unwrap_or_default();
        let end_90k = tracks.iter().map(|track| track.end_90k).max().unwrap_or_default();
        let duration_90k = end_90k.abs_diff(begin_90k);
        if duration_90k > DURATION_90K_MAX {
            return Err(MediaError::UnusableTimes("its frames lie more than twelve hours apart"));
        }
        Ok(Self { begin_90k, duration_90k })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MP4: &[u8] = include_bytes!("../../vigie-media/tests/fixtures/h264_bframes_aac.mp4");
    const FRAGMENTED: &[u8] =
        include_bytes!("../../vigie-media/tests/fixtures/h264_aac_fragmented.mp4");
    const MKV: &[u8] = include_bytes!("../tests/fixtures/h265_mulaw.mkv");
    const MOV: &[u8] = include_bytes!("../../vigie-media/tests/fixtures/h264_alaw.mov");
    const KVSSINK: &[u8] = include_bytes!("../../vigie-media/tests/fixtures/kvssink_http.mkv");

    fn parse(file: &'static [u8]) -> Media {
        Media::parse(Bytes::from_static(file)).unwrap()
    }

    #[test]
    fn a_loop_lasts_from_the_first_frame_to_the_end_of_the_last() {
        for (file, millis) in [(MKV, 2000), (MOV, 3000)] {
            assert_eq!(parse(file).loop_duration().as_millis(), millis);
        }
        // AAC begins one priming frame earlier and ends in a whole frame.
        assert_eq!(parse(MP4).loop_duration().as_millis(), 3072);
        assert_eq!(parse(FRAGMENTED).loop_duration().as_millis(), 3072);
    }

    #[test]
    fn a_real_producers_file_can_be_served() {
        let media = parse(KVSSINK);
        let names: Vec<_> = media.0.tracks.iter().map(|track| &*track.rtpmap).collect();
        assert_eq!(names, ["H264/90000", "MPEG4-GENERIC/44100/1"]);
    }

    #[test]
    fn what_cannot_be_looped_says_why() {
        let check =
            |file: &[u8]| Media::parse(Bytes::copy_from_slice(file)).err().unwrap().to_string();
        assert_eq!(check(b""), "not an MP4, MOV or Matroska file");
        assert_eq!(check(b"RIFF....AVI "), "not an MP4, MOV or Matroska file");
        assert!(check(&MP4[..1000]).starts_with("the MP4 file cannot be read: "));
        assert!(check(&MKV[..1000]).starts_with("the Matroska file cannot be read: "));
    }

    proptest! {
        #[test]
        fn damaged_files_are_read_or_refused_but_never_panic(
            file in prop::sample::select(vec![MP4, FRAGMENTED, MKV, MOV]),
            damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..40),
            cut in any::<prop::sample::Index>(),
            is_cut in any::<bool>(),
        ) {
            let mut bytes = file.to_vec();
            for (at, byte) in damage {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            if is_cut {
                bytes.truncate(cut.index(file.len()));
            }
            if let Ok(media) = Media::parse(Bytes::from(bytes)) {
                let timeline = &media.0.timeline;
                let join = timeline.next_join(timeline.live_at(123_456_789));
                prop_assert!(timeline.frame(join).key_frame);
            }
        }
    }
}
