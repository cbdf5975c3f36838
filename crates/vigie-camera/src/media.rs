//! A media file made ready to be sent: tracks, packets and times, worked out once when it is loaded.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use tokio::io::AsyncReadExt as _;

use crate::codec::{self, RtspTrack};
use crate::container::{self, Sample, SourceTrack};
use crate::error::{CameraError, MediaError};
use crate::packetizer::{self, PayloadFormat};
use crate::timeline::{Frame, Packet, SEND_CLOCK_HZ, Timeline};

/// The whole file is held in memory.
const FILE_BYTES_MAX: u64 = 512 << 20;
/// Of the last frame, when there is no other to tell.
const FRAME_DURATION_90K: u64 = 3600;
/// G.711 goes out 20 ms at a time (RFC 3551 §4.2).
const G711_PACKETS_PER_SECOND: u32 = 50;
/// Container times this close to the sample count are the sample count, rounded (Matroska: to the millisecond).
const ROUNDING_PARTS_OF_SECOND: u32 = 500;

/// What all mounts loop: the first H.264 or H.265 track and the first AAC or G.711 track of an MP4, MOV or Matroska
/// file, packetised. Cheap to clone.
///
/// A loop is as long as its video (its audio when there is no video). Frames leave in decode order and carry their
/// presentation times, so B-frames arrive as a camera would send them. Audio outside the video's span is left out.
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
            return Err(MediaError::UnknownContainer);
        }
        let sources = container::read(&file)?;
        let chosen = choose(&sources)?;
        let lead = Clock::of_lead(&chosen[0].0.samples, chosen[0].0.ticks_per_second);
        let mut packets = Vec::new();
        let mut frames = Vec::new();
        for (track, (source, codec)) in chosen.iter().enumerate() {
            let timed = match codec.format {
                PayloadFormat::H264 { .. } | PayloadFormat::H265 { .. } => video(source, &lead),
                PayloadFormat::Aac => aac(source, codec, &lead),
                PayloadFormat::G711 => g711(source, codec, &lead),
            };
            for (index, timed) in timed.into_iter().enumerate() {
                let first = packets.len() as u32;
                packetizer::packetize(codec.format, &file, timed.data, &mut packets).map_err(
                    |reason| MediaError::DamagedFrame {
                        track: source.track.number,
                        frame: index,
                        reason,
                    },
                )?;
                let packets = first..packets.len() as u32;
                if !packets.is_empty() {
                    frames.push(Frame {
                        track,
                        key_frame: timed.key_frame,
                        send_at_90k: timed.send_at_90k,
                        rtp_time: timed.rtp_time,
                        packets,
                    });
                }
            }
        }
        Self::assemble(file, chosen.into_iter().map(|(_, codec)| codec), frames, packets, &lead)
    }

    fn assemble(
        file: Bytes,
        tracks: impl Iterator<Item = RtspTrack>,
        frames: Vec<Frame>,
        packets: Vec<Packet>,
        lead: &Clock,
    ) -> Result<Self, MediaError> {
        let tracks: Vec<_> = tracks.collect();
        let rates = tracks.iter().map(|track| track.clock_rate_hz).collect();
        let timeline = Timeline::new(file, rates, frames, packets, lead.duration_90k)
            .ok_or(MediaError::NoKeyFrame)?;
        Ok(Self(Arc::new(Presentation { tracks, timeline })))
    }

    /// How long one loop lasts.
    pub fn loop_duration(&self) -> std::time::Duration {
        std::time::Duration::from_nanos(
            (u128::from(self.0.timeline.duration_90k()) * 1_000_000_000 / u128::from(SEND_CLOCK_HZ))
                as u64,
        )
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

/// The loop's span, set by the lead track.
#[derive(Clone, Copy, Debug)]
struct Clock {
    /// Container time at which the loop begins, in 90 kHz.
    origin_90k: i64,
    duration_90k: u64,
}

impl Clock {
    fn of_lead(samples: &[Sample], ticks_per_second: u32) -> Self {
        let times = presentation_order(samples, ticks_per_second);
        let (first, last) = (times.first().copied(), times.last().copied());
        let interval = match times[..] {
            [.., before, last] if last > before => last.abs_diff(before),
            _ => FRAME_DURATION_90K,
        };
        let (first, last) = (first.unwrap_or_default(), last.unwrap_or_default());
        Self { origin_90k: first, duration_90k: last.abs_diff(first).saturating_add(interval) }
    }

    /// Time within the loop; `None` outside of it.
    fn within_90k(&self, time_90k: i64) -> Option<u64> {
        let within = u64::try_from(time_90k.checked_sub(self.origin_90k)?).ok()?;
        (within < self.duration_90k).then_some(within)
    }
}

/// A frame with its times in the loop.
#[derive(Debug, PartialEq, Eq)]
struct TimedFrame {
    send_at_90k: u64,
    rtp_time: u32,
    key_frame: bool,
    data: Range<usize>,
}

/// Frames leave in decode order at the presentation times in ascending order: without B-frames each at its own time.
fn video(source: &SourceTrack, lead: &Clock) -> Vec<TimedFrame> {
    let send_times = presentation_order(&source.samples, source.ticks_per_second);
    let timed = source.samples.iter().zip(send_times).filter_map(|(sample, send_at)| {
        let presented = to_90k(sample.pts, source.ticks_per_second);
        Some(TimedFrame {
            send_at_90k: lead.within_90k(send_at)?,
            rtp_time: lead.within_90k(presented)? as u32,
            key_frame: sample.key_frame,
            data: sample.data.clone(),
        })
    });
    timed.collect()
}

fn aac(source: &SourceTrack, codec: &RtspTrack, lead: &Clock) -> Vec<TimedFrame> {
    let mut sample_clock = SampleClock::new(codec.clock_rate_hz);
    let timed = source.samples.iter().filter_map(|sample| {
        let at_90k = lead.within_90k(to_90k(sample.pts, source.ticks_per_second))?;
        let rtp_time = sample_clock.time(at_90k, codec.samples_per_frame);
        Some(TimedFrame {
            send_at_90k: at_90k,
            rtp_time,
            key_frame: true,
            data: sample.data.clone(),
        })
    });
    timed.collect()
}

/// G.711 has no frames of its own: containers hold single samples (MP4) or runs of any length (Matroska). What lies
/// together in the file is joined, then cut anew.
fn g711(source: &SourceTrack, codec: &RtspTrack, lead: &Clock) -> Vec<TimedFrame> {
    let block_align = codec.samples_per_frame.max(1) as usize;
    let rate = codec.clock_rate_hz;
    let piece_bytes = (rate / G711_PACKETS_PER_SECOND).max(1) as usize * block_align;
    let mut runs: Vec<(i64, Range<usize>)> = Vec::new();
    for sample in &source.samples {
        match runs.last_mut() {
            Some((_, run)) if run.end == sample.data.start => run.end = sample.data.end,
            _ => runs.push((to_90k(sample.pts, source.ticks_per_second), sample.data.clone())),
        }
    }
    let mut sample_clock = SampleClock::new(rate);
    let mut timed = Vec::new();
    for (start_90k, run) in runs {
        for at in run.clone().step_by(piece_bytes) {
            let data = at..run.end.min(at + piece_bytes);
            let offset = ((at - run.start) / block_align) as u64 * SEND_CLOCK_HZ / u64::from(rate);
            let Some(at_90k) = lead.within_90k(start_90k.saturating_add(offset as i64)) else {
                continue;
            };
            let samples = (data.len() / block_align) as u32;
            let rtp_time = sample_clock.time(at_90k, samples);
            timed.push(TimedFrame { send_at_90k: at_90k, rtp_time, key_frame: true, data });
        }
    }
    timed
}

/// Audio RTP times: exact sample counts while the container's rounded times agree with them.
struct SampleClock {
    rate_hz: u32,
    expected: Option<u32>,
}

impl SampleClock {
    fn new(rate_hz: u32) -> Self {
        Self { rate_hz, expected: None }
    }

    /// The time of a frame of so many samples that the container puts at `at_90k`.
    fn time(&mut self, at_90k: u64, samples: u32) -> u32 {
        let rounded = (at_90k * u64::from(self.rate_hz) / SEND_CLOCK_HZ) as u32;
        let tolerance = self.rate_hz / ROUNDING_PARTS_OF_SECOND;
        let time = match self.expected {
            Some(expected) if expected.abs_diff(rounded) <= tolerance => expected,
            _ => rounded,
        };
        self.expected = Some(time.wrapping_add(samples));
        time
    }
}

fn presentation_order(samples: &[Sample], ticks_per_second: u32) -> Vec<i64> {
    let mut times: Vec<_> =
        samples.iter().map(|sample| to_90k(sample.pts, ticks_per_second)).collect();
    times.sort_unstable();
    times
}

/// Rounded down; saturates, as ticks are the file's word.
fn to_90k(ticks: i64, ticks_per_second: u32) -> i64 {
    let scaled = i128::from(ticks) * i128::from(SEND_CLOCK_HZ);
    let scaled = scaled.div_euclid(i128::from(ticks_per_second.max(1)));
    scaled.clamp(i64::MIN.into(), i64::MAX.into()) as i64
}
