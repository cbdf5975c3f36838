//! When each frame of a track leaves and which time it carries: from a container's ticks to RTP's clocks.
//!
//! Pure, one track at a time; all times still count from the container's zero and may be negative.

use std::ops::Range;

use crate::codec::RtspTrack;
use crate::container::{Sample, SourceTrack};
use crate::packetizer::PayloadFormat;
use crate::timeline::SEND_CLOCK_HZ;

/// Of the last frame, when there is no other to tell.
const FRAME_DURATION_90K: u64 = 3600;
/// G.711 goes out 20 ms at a time (RFC 3551 §4.2).
const G711_PACKETS_PER_SECOND: u32 = 50;
/// Container times this close to the sample count are the sample count, rounded (Matroska: to the millisecond).
const ROUNDINGS_PER_SECOND: u32 = 500;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TimedFrame {
    pub(crate) send_at_90k: i64,
    /// Presentation time in the track's RTP clock.
    pub(crate) rtp_time: i64,
    pub(crate) key_frame: bool,
    pub(crate) data: Range<usize>,
}

/// The frames of a track in the order in which they leave, and when the last of them ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TimedTrack {
    pub(crate) frames: Vec<TimedFrame>,
    pub(crate) end_90k: i64,
}

/// Works out the times of one track.
pub(crate) fn schedule(source: &SourceTrack, codec: &RtspTrack) -> TimedTrack {
    match codec.format {
        PayloadFormat::H264 { .. } | PayloadFormat::H265 { .. } => video(source),
        PayloadFormat::Aac => aac(source, codec),
        PayloadFormat::G711 => g711(source, codec),
    }
}

/// Frames leave in decode order at the presentation times in ascending order: without B-frames each at its own time.
fn video(source: &SourceTrack) -> TimedTrack {
    let presented = |sample: &Sample| rescale(sample.pts, SEND_CLOCK_HZ, source.ticks_per_second);
    let mut times: Vec<_> = source.samples.iter().map(presented).collect();
    times.sort_unstable();
    let interval = match times[..] {
        [.., before, last] if last > before => last.abs_diff(before),
        _ => FRAME_DURATION_90K,
    };
    let end_90k = times.last().map_or(0, |last| last.saturating_add_unsigned(interval));
    let timed = |(sample, &send_at_90k): (&Sample, &i64)| TimedFrame {
        send_at_90k,
        rtp_time: presented(sample),
        key_frame: sample.key_frame,
        data: sample.data.clone(),
    };
    TimedTrack { frames: source.samples.iter().zip(&times).map(timed).collect(), end_90k }
}

fn aac(source: &SourceTrack, codec: &RtspTrack) -> TimedTrack {
    let mut clock = SampleClock::new(codec.clock_rate_hz);
    let frames = source.samples.iter().map(|sample| {
        let samples = codec.samples_per_frame;
        clock.frame(sample.pts, source.ticks_per_second, samples, sample.data.clone())
    });
    let frames = frames.collect();
    TimedTrack { frames, end_90k: clock.end_90k() }
}

/// G.711 has no frames of its own: containers hold runs of any length. What lies together in the file is joined,
/// then cut anew.
fn g711(source: &SourceTrack, codec: &RtspTrack) -> TimedTrack {
    let mut runs: Vec<(i64, Range<usize>)> = Vec::new();
    for sample in &source.samples {
        match runs.last_mut() {
            Some((_, run)) if run.end == sample.data.start => run.end = sample.data.end,
            _ => runs.push((sample.pts, sample.data.clone())),
        }
    }
    let rate = codec.clock_rate_hz;
    let block_align = codec.samples_per_frame.max(1) as usize;
    let piece_bytes = (rate / G711_PACKETS_PER_SECOND).max(1) as usize * block_align;
    let mut clock = SampleClock::new(rate);
    let mut frames = Vec::new();
    for (start, run) in runs {
        let start = rescale(start, rate.into(), source.ticks_per_second);
        for at in run.clone().step_by(piece_bytes) {
            let data = at..run.end.min(at + piece_bytes);
            let time = start.saturating_add_unsigned(((at - run.start) / block_align) as u64);
            let samples = (data.len() / block_align) as u32;
            frames.push(clock.frame(time, rate, samples, data));
        }
    }
    TimedTrack { frames, end_90k: clock.end_90k() }
}

/// Audio times: exact sample counts while the container's rounded times agree with them.
struct SampleClock {
    rate_hz: u32,
    /// Where the last frame ended.
    end: Option<i64>,
}

impl SampleClock {
    fn new(rate_hz: u32) -> Self {
        Self { rate_hz, end: None }
    }

    fn frame(
        &mut self,
        pts: i64,
        ticks_per_second: u32,
        samples: u32,
        data: Range<usize>,
    ) -> TimedFrame {
        let rounded = rescale(pts, self.rate_hz.into(), ticks_per_second);
        let tolerance = u64::from(self.rate_hz / ROUNDINGS_PER_SECOND);
        let rtp_time = match self.end {
            Some(end) if end.abs_diff(rounded) <= tolerance => end,
            _ => rounded,
        };
        self.end = Some(rtp_time.saturating_add(samples.into()));
        let send_at_90k = rescale(rtp_time, SEND_CLOCK_HZ, self.rate_hz);
        TimedFrame { send_at_90k, rtp_time, key_frame: true, data }
    }

    fn end_90k(&self) -> i64 {
        self.end.map_or(0, |end| rescale(end, SEND_CLOCK_HZ, self.rate_hz))
    }
}

/// Ticks in another rate, rounded down. Saturates, as ticks are the file's word.
pub(crate) fn rescale(ticks: i64, to_hz: u64, from_hz: u32) -> i64 {
    let scaled = (i128::from(ticks) * i128::from(to_hz)).div_euclid(i128::from(from_hz.max(1)));
    scaled.clamp(i64::MIN.into(), i64::MAX.into()) as i64
}

#[cfg(test)]
mod tests {
    use vigie_media::codec::g711::{self, Law};

    use super::*;

    fn source(ticks_per_second: u32, samples: &[(i64, Range<usize>)]) -> SourceTrack {
        let samples = samples
            .iter()
            .map(|(pts, data)| Sample { pts: *pts, key_frame: false, data: data.clone() })
            .collect();
        // Which track it is does not matter to the times.
        SourceTrack { track: g711::track(1, "", Law::A, 8000, 1), ticks_per_second, samples }
    }

    fn audio(format: PayloadFormat, clock_rate_hz: u32, samples_per_frame: u32) -> RtspTrack {
        RtspTrack {
            is_video: false,
            payload_type: 97,
            clock_rate_hz,
            rtpmap: String::new(),
            fmtp: None,
            format,
            samples_per_frame,
        }
    }

    #[test]
    fn b_frames_leave_in_decode_order_and_keep_their_presentation_times() {
        // I P B B at 25 fps, first picture after two intervals' delay.
        let track = source(25, &[(2, 0..1), (5, 1..2), (3, 2..3), (4, 3..4)]);
        let timed = video(&track);
        let times: Vec<_> = timed.frames.iter().map(|f| (f.send_at_90k, f.rtp_time)).collect();
        assert_eq!(times, [(7200, 7200), (10_800, 18_000), (14_400, 10_800), (18_000, 14_400)]);
        assert_eq!(timed.end_90k, 21_600);
    }

    #[test]
    fn a_single_picture_lasts_a_25th_of_a_second() {
        assert_eq!(video(&source(1000, &[(0, 0..1)])).end_90k, 3600);
    }

    #[test]
    fn aac_rounded_to_milliseconds_is_counted_in_samples_again() {
        let rounded: Vec<_> = (0..100).map(|n| (n * 1024 * 1000 / 44_100, 0..1)).collect();
        let timed = aac(&source(1000, &rounded), &audio(PayloadFormat::Aac, 44_100, 1024));
        let times: Vec<_> = timed.frames.iter().map(|frame| frame.rtp_time).collect();
        assert_eq!(times, (0..100).map(|n| n * 1024).collect::<Vec<_>>());
    }

    #[test]
    fn a_gap_in_audio_stays_a_gap() {
        let track = source(48_000, &[(-1024, 0..1), (0, 1..2), (48_000, 2..3)]);
        let timed = aac(&track, &audio(PayloadFormat::Aac, 48_000, 1024));
        let times: Vec<_> = timed.frames.iter().map(|f| (f.send_at_90k, f.rtp_time)).collect();
        assert_eq!(times, [(-1920, -1024), (0, 0), (90_000, 48_000)]);
        assert_eq!(timed.end_90k, 91_920);
    }

    #[test]
    fn g711_is_joined_where_it_lies_together_and_cut_into_20_ms() {
        let track = source(8000, &[(0, 10..110), (100, 110..210), (200, 300..420)]);
        let timed = super::g711(&track, &audio(PayloadFormat::G711, 8000, 1));
        let pieces: Vec<_> = timed.frames.iter().map(|f| (f.rtp_time, f.data.clone())).collect();
        assert_eq!(pieces, [(0, 10..170), (160, 170..210), (200, 300..420)]);
        assert_eq!(timed.end_90k, 320 * 90_000 / 8000);
    }

    #[test]
    fn hostile_times_saturate() {
        let track = source(1, &[(i64::MAX, 0..1), (i64::MIN, 1..2)]);
        assert_eq!(video(&track).frames.len(), 2);
        assert_eq!(aac(&track, &audio(PayloadFormat::Aac, 8000, 1024)).frames.len(), 2);
        assert_eq!(super::g711(&track, &audio(PayloadFormat::G711, 8000, 1)).frames.len(), 1);
    }
}
