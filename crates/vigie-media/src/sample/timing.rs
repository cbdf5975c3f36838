//! Decode times and durations of samples.
//!
//! # Video
//!
//! A fragment starts with a key frame and can be decoded by itself, so its pictures are shown in a permutation of the
//! order in which they are decoded. Both rules look at one fragment only, give the presentation time itself where
//! there are no B-frames, and keep fragments that do not overlap in presentation from overlapping in decode time.
//!
//! [`DecodeTimes::BeforePresentation`], for segments: **the earliest presentation time that is still to come**.
//! Pictures that would share one are spread evenly over the time since the former. So no decode time is after its
//! presentation time, as MPEG-TS demands, and no reader has to know of signed composition offsets or edit lists,
//! which each treats in its own way (ffmpeg moves the pictures by them, browsers ignore edit lists). The price is
//! decode times at uneven distances.
//!
//! [`DecodeTimes::Sorted`], for files: **the presentation times, sorted**; the first picture to be decoded gets the
//! earliest. The distances are those of the pictures. Composition offsets are of either sign, and the file's edit list
//! makes up for the most negative one, as encoders' own files do.
//!
//! The last picture of a fragment ends where the fragment does, if that is known and sensible (later than the picture
//! and no more than [`STRETCH_MAX`] times the distance before it); else it lasts as long as the one before it. A picture that is
//! alone in its fragment lasts until the fragment ends.
//!
//! # Audio
//!
//! Decode and presentation time are one. Times of milliseconds cannot count samples, so a frame follows the one before
//! it by as many samples as that one holds, and only the first one, and one that is more than [`JITTER_MS`] or half a
//! frame away from its own time, takes its own time.
//!
//! In segments, sound that pauses, comes late or never (a microphone that is off) becomes silence: no player goes on with the
//! pictures of a presentation whose sound is not there. In files a hole stays a hole, which they all play over.

use bytes::Bytes;

use super::SampleTrack;
use super::samples::{Sample, TrackSamples};
use crate::TrackKind;

/// How far an audio frame's time may be from where the samples before it end.
pub const JITTER_MS: i64 = 20;
/// In segments, time without sound for this long is filled with silence. Shorter holes at the ends of a fragment may hold sound of
/// its neighbours, whose frames are not cut where pictures are.
pub const HOLE_MS: i64 = 500;
/// A hole that is longer than any fragment that is played is left, …
const SILENCE_MS_MAX: i64 = 60_000;
/// … and one that would take more frames: what a stream says of its sampling frequency bounds nothing. A minute at 96 kHz
/// has 5,625.
const SILENT_FRAMES_MAX: i64 = 6_000;
/// How many times the usual distance the last picture may be shown to reach the end of its fragment.
pub const STRETCH_MAX: i64 = 4;
/// How long the only picture of a fragment may be shown to reach the end of it, where nothing else says how long it lasts.
pub const SINGLE_PICTURE_MS_MAX: i64 = 60_000;
/// The distance between pictures when nothing at all tells it: 25 pictures a second.
const PICTURE_MS: i64 = 40;

/// A sample with its times, in units of its track's timescale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimedSample {
    /// Decode time; at least 0 and never before the sample ahead of it.
    pub dts: u64,
    /// Presentation time minus decode time.
    pub composition_offset: i32,
    /// Until the decode time of the next sample.
    pub duration: u32,
    /// Whether decoding can start here.
    pub key_frame: bool,
    /// The coded bytes.
    pub data: Bytes,
}

/// Milliseconds in units of a timescale, rounded to the nearest; saturates.
pub fn ticks(millis: i64, timescale: u32) -> i64 {
    let scaled = (i128::from(millis) * i128::from(timescale) + 500).div_euclid(1000);
    i64::try_from(scaled).unwrap_or(if scaled < 0 { i64::MIN } else { i64::MAX })
}

/// Never negative: a time before the timeline's zero is its zero.
fn on_timeline(start_ms: i64, offset_ms: i64, timescale: u32) -> i64 {
    ticks(start_ms.saturating_add(offset_ms), timescale).max(0)
}

/// By which rule the decode times of pictures are derived; see the module's documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeTimes {
    /// Never after the presentation time.
    BeforePresentation,
    /// At the distances of the pictures.
    Sorted,
}

impl TrackSamples<'_> {
    /// With decode times and durations, by the module's rules. `start_ms` is where the Cluster's timestamp lies on the
    /// timeline that is written, `end_ms` where the fragment's media ends on it, if that is known.
    pub fn timed(&self, rule: DecodeTimes, start_ms: i64, end_ms: Option<i64>) -> Vec<TimedSample> {
        match self.track.kind() {
            TrackKind::Video => video(self, rule, start_ms, end_ms),
            _ => audio(self, rule, start_ms, end_ms),
        }
    }
}

fn video(
    of: &TrackSamples<'_>,
    rule: DecodeTimes,
    start_ms: i64,
    end_ms: Option<i64>,
) -> Vec<TimedSample> {
    let timescale = of.track.timescale();
    let time_of = |sample: &Sample| on_timeline(start_ms, sample.offset_ms, timescale);
    let pts: Vec<i64> = of.samples.iter().map(time_of).collect();
    let mut sorted = pts.clone();
    sorted.sort_unstable();
    let last = last_duration(of, &sorted, end_ms.map(|end_ms| ticks(end_ms, timescale)));
    let end = sorted.last().map(|&last_pts| last_pts.saturating_add(last));
    let dts = match rule {
        DecodeTimes::BeforePresentation => before_presentation(&pts),
        DecodeTimes::Sorted => sorted,
    };
    let ends = dts.iter().skip(1).copied().chain(end);
    of.samples
        .iter()
        .zip(pts)
        .zip(dts.iter().zip(ends))
        .map(|((sample, pts), (&dts, end))| TimedSample {
            dts: dts.unsigned_abs(),
            composition_offset: clamp_offset(pts.saturating_sub(dts)),
            duration: u32::try_from(end.saturating_sub(dts)).unwrap_or(u32::MAX),
            key_frame: sample.key_frame,
            data: sample.data.clone(),
        })
        .collect()
}

/// How long the picture that is shown last is shown, in ticks.
fn last_duration(of: &TrackSamples<'_>, sorted: &[i64], end: Option<i64>) -> i64 {
    let timescale = of.track.timescale();
    let usual = match sorted {
        [.., before, last] if last > before => last - before,
        _ => {
            let default_ms =
                of.default_duration_ns.map(|ns| (ns.saturating_add(500_000)) / 1_000_000);
            let millis = default_ms.and_then(|ms| i64::try_from(ms).ok()).filter(|&ms| ms > 0);
            ticks(millis.unwrap_or(PICTURE_MS), timescale)
        }
    };
    let until_end = sorted.last().zip(end).map(|(&last, end)| end.saturating_sub(last));
    let longest = match (sorted.len(), of.default_duration_ns) {
        (1, None) => ticks(SINGLE_PICTURE_MS_MAX, timescale),
        _ => usual.saturating_mul(STRETCH_MAX),
    };
    until_end.filter(|&ticks| ticks > 0 && ticks <= longest).unwrap_or(usual)
}

fn clamp_offset(offset: i64) -> i32 {
    i32::try_from(offset).unwrap_or(if offset < 0 { i32::MIN } else { i32::MAX })
}

fn audio(
    of: &TrackSamples<'_>,
    rule: DecodeTimes,
    start_ms: i64,
    end_ms: Option<i64>,
) -> Vec<TimedSample> {
    let timescale = of.track.timescale();
    let silence = match rule {
        DecodeTimes::BeforePresentation => Silence::of(of.track),
        DecodeTimes::Sorted => None,
    };
    let mut sound = Sound { timed: Vec::with_capacity(of.samples.len()), silence };
    let mut next = on_timeline(start_ms, 0, timescale);
    for (index, sample) in of.samples.iter().enumerate() {
        let own = on_timeline(start_ms, sample.offset_ms, timescale);
        let nominal = of.track.nominal_duration(&sample.data).unwrap_or(0);
        let tolerance = ticks(JITTER_MS, timescale).min(i64::from(nominal) / 2);
        let follows = index > 0 && next.abs_diff(own) <= tolerance.unsigned_abs();
        let dts = if follows { next } else { own };
        sound.fill(next, dts);
        next = sound.push(dts, nominal, sample.data.clone());
    }
    if let Some(end_ms) = end_ms {
        sound.fill(next, on_timeline(end_ms, 0, timescale));
    }
    sound.timed
}

/// What fills holes in a track's sound.
struct Silence {
    frame: Bytes,
    nominal: u32,
    /// Shorter holes are left.
    hole: i64,
    /// So are those that nobody could listen to.
    frames_max: i64,
}

impl Silence {
    fn of(track: &SampleTrack) -> Option<Self> {
        let frame = track.silence()?;
        let nominal = track.nominal_duration(&frame).filter(|&nominal| nominal > 0)?;
        let timescale = track.timescale();
        Some(Self {
            frame,
            nominal,
            hole: ticks(HOLE_MS, timescale),
            frames_max: SILENT_FRAMES_MAX
                .min(ticks(SILENCE_MS_MAX, timescale) / i64::from(nominal)),
        })
    }
}

struct Sound {
    timed: Vec<TimedSample>,
    silence: Option<Silence>,
}

impl Sound {
    /// Adds a frame and gives where it ends.
    fn push(&mut self, dts: i64, nominal: u32, data: Bytes) -> i64 {
        let mut dts = dts.max(0).unsigned_abs();
        if let Some(before) = self.timed.last_mut() {
            // A time that goes back cannot be written; then the frame follows at once.
            dts = dts.max(before.dts);
            before.duration = u32::try_from(dts - before.dts).unwrap_or(u32::MAX);
        }
        self.timed.push(TimedSample {
            dts,
            composition_offset: 0,
            duration: nominal,
            key_frame: true,
            data,
        });
        i64::try_from(dts).unwrap_or(i64::MAX).saturating_add(nominal.into())
    }

    /// Fills the time from `from` to `until` with as many frames of silence as fit, if it is long.
    fn fill(&mut self, from: i64, until: i64) {
        let Some(silence) = &self.silence else { return };
        let (frame, nominal) = (silence.frame.clone(), silence.nominal);
        let hole = until.saturating_sub(from);
        let count = hole / i64::from(nominal);
        if hole < silence.hole || count > silence.frames_max {
            return;
        }
        for index in 0..count {
            self.push(from + index * i64::from(nominal), nominal, frame.clone());
        }
    }
}

/// Decode times by [`DecodeTimes::BeforePresentation`] of presentation times, which are 0 or later, in decode order.
fn before_presentation(pts: &[i64]) -> Vec<i64> {
    let mut dts = pts.to_vec();
    for at in (0..dts.len().saturating_sub(1)).rev() {
        dts[at] = dts[at].min(dts[at + 1]);
    }
    // Now they never fall. Of those that share a time the last one keeps it.
    let mut former = None::<i64>;
    let mut at = 0;
    while at < dts.len() {
        let time = dts[at];
        let end = at + dts[at..].iter().take_while(|&&other| other == time).count();
        let count = (end - at) as i64;
        // Nothing stands before the first ones: they are a tick apart.
        let span = former.map_or(count, |former| time.saturating_sub(former)).min(time);
        for (left, dts) in (0..count).rev().zip(&mut dts[at..end]) {
            *dts = time - (span / count * left + span % count * left / count);
        }
        former = Some(time);
        at = end;
    }
    dts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pictures_are_decoded_before_they_are_shown() {
        let check = |pts: &[i64], expect: &[i64]| assert_eq!(before_presentation(pts), expect);
        check(&[], &[]);
        check(&[0, 40, 80], &[0, 40, 80]);
        check(&[0, 120, 40, 80, 240, 160, 200], &[0, 20, 40, 80, 120, 160, 200]);
        check(&[0, 160, 80, 40, 120], &[0, 14, 27, 40, 120]);
        // Leading pictures: shown before the key frame.
        check(&[80, 0, 40], &[0, 0, 40]);
        check(&[180, 100, 140], &[99, 100, 140]);
    }

    proptest! {
        #[test]
        fn decode_times_rise_and_are_not_after_the_presentation(
            depth in 0usize..16,
            order in prop::collection::vec(any::<prop::sample::Index>(), 1..120),
            interval in 1i64..9000,
            start in 16i64..1 << 40,
        ) {
            // Any decode order that holds back up to `depth` pictures.
            let mut waiting: Vec<i64> = Vec::new();
            let mut pts = vec![start];
            for (index, pick) in (1..).zip(&order) {
                waiting.push(start + index * interval);
                if waiting.len() > depth {
                    pts.push(waiting.remove(pick.index(waiting.len())));
                }
            }
            pts.extend(waiting);
            let dts = before_presentation(&pts);
            prop_assert!(dts.iter().zip(&pts).all(|(dts, pts)| dts <= pts));
            prop_assert!(dts.windows(2).all(|pair| pair[0] <= pair[1]));
            let rises = dts.windows(2).all(|pair| pair[0] < pair[1]);
            prop_assert!(rises || interval < pts.len() as i64);
            // So that the next fragment, which begins later, does not overlap.
            prop_assert!(dts[0] == start && dts.last() <= pts.iter().max());
        }

        #[test]
        fn arbitrary_times_do_no_harm(pts in prop::collection::vec(0i64..=i64::MAX, 0..40)) {
            let dts = before_presentation(&pts);
            prop_assert!(dts.iter().zip(&pts).all(|(dts, pts)| 0 <= *dts && dts <= pts));
            prop_assert!(dts.windows(2).all(|pair| pair[0] <= pair[1]));
        }
    }
}
