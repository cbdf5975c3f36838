//! One track's own time made steady: stamps that jump, stand still or run at another rate become a time that runs as
//! arrival does.
//!
//! Decides what of a track's stamps is believed. The stamps of a camera that keeps time pass unchanged, picture
//! reordering included: then all this does is watch. It knows nothing of the hub's wall clock and of other tracks.
//!
//! - A stamp far behind the newest one, or one that would lie in the future, is a *jump*: the track goes on where
//!   arrival and the usual distance of its frames say, and what follows keeps its distance to that frame.
//! - A step back of a few frames is the reordering of B-pictures, if the track does such things.
//! - A stamp that repeats the one before once is believed as far as times can rise; half way to the next one where each
//!   stamp comes twice.
//! - A stamp that goes on repeating is *constant*: the frame comes behind the one before by the usual distance.
//! - Least delays that move the same way from stretch to stretch show a *rate* that is off: stamps are stretched by what
//!   was measured.

use std::time::Duration;

use super::heard::{Heard, Least};
use super::{StampDeviation, micros};

/// B-pictures come at most so far behind the newest stamp …
const REORDER_US_MAX: i64 = 600_000;
/// … and at most so many in a row (H.264 A.3.1: 16 pictures in the decoder's buffer).
const REORDER_FRAMES_MAX: u32 = 16;
/// Frames after which a track without reordering is known not to reorder.
const REORDER_SEEN_FRAMES: u32 = 250;
/// A track shows within so many frames whether it reorders.
const YOUNG_FRAMES: u32 = 16;
/// A frame that would have to be so much younger than what arrives at once was stamped wrongly …
pub(super) const EARLY_US_MAX: i64 = 250_000;
/// Equal stamps in a row that are no pair of fields.
const CONSTANT_MIN: u32 = 2;
/// Least delays are compared from stretch to stretch of this length.
const STRETCH_US: i64 = 1_000_000;
/// What the least delay may move without being looked at: jitter.
const JITTER_US: i64 = 80_000;
/// A rate that is off by less is a clock that drifts, which the line of all tracks follows.
const RATE_OFF_MIN: f64 = 0.007;
/// The usual delay follows a drifting clock by so much a stretch …
const FOLLOW_US: i64 = 1_000;
/// … that has not jumped for so many frames, for a jump is a guess, and guesses do not add up …
const FOLLOW_FRAMES: u32 = 5_000;
/// … and after so many stretches elsewhere it is what it is.
const ELSEWHERE_MAX: u32 = 5;
/// What is left after a rate was found is bent away over so long, by so much at most.
const BEND_OVER_US: f64 = 5_000_000.0;
const BEND_MAX: f64 = 0.15;
/// A rate that is known is measured over so many stretches, unless the track is far off.
const TRIM_STRETCHES: u32 = 4;
/// What is measured then is believed by so much, unless the rate is plainly another now.
const TRIM_WEIGHT: f64 = 0.25;
/// A rate that is measured to be right so often was never off.
const RIGHT_MIN: u32 = 4;
/// A rate that stays off is said again and again.
const SAID_EVERY: Duration = Duration::from_secs(40);
/// More shows that the track is not where it belongs.
const SUSPECT_BEND: f64 = 0.01;
/// Stamps in another unit: a thousand times too slow or too fast.
const RATE_MAX: f64 = 2_000.0;
/// Within this, a track's own time says how long a group of pictures is.
const OWN_TIME_RATES: std::ops::RangeInclusive<f64> = 0.7..=1.45;
/// Without stamps, frames that lag behind their arrival by more than this hurry …
const AHEAD_US: i64 = 60_000;
/// Frames are taken to be at least so far apart.
const STEP_US_MIN: i64 = 1_000;

/// One track. Times are microseconds.
#[derive(Clone, Debug)]
pub(super) struct Pace {
    /// This stamp …
    base_stamp_us: i64,
    /// … is this steady time …
    base_us: i64,
    /// … and this much of the camera's own time.
    base_camera_us: i64,
    /// Steady time per stamp time, and how it is bent for now.
    rate: f64,
    bend: f64,
    last_stamp_us: i64,
    newest: Newest,
    /// The usual time from frame to frame, by arrival; 0 while unknown.
    step_us: i64,
    /// The time from the stamp before to the newest one; 0 while unknown.
    stamp_step_us: i64,
    frames: u32,
    /// Frames in a row that came behind the newest.
    behind: u32,
    frames_since_behind: u32,
    same: u32,
    /// Other stamps since one that was repeated.
    stamps_since_repeat: u32,
    frames_since_jump: u32,
    /// The delay of a frame that nothing delays.
    usual_delay_us: i64,
    /// That is what the first stretch said, and when the track began: a rate that was off all the time made it wrong.
    began: Option<Duration>,
    /// How much later than at first its frames are expected, for the line of all tracks was moved.
    expected_us: i64,
    /// How much earlier the track was put since its rate was last measured: delays are compared without it.
    slipped_us: i64,
    heard: Heard,
    stretches: Stretches,
    off_rate: Option<OffRate>,
}

/// A rate that is off.
#[derive(Clone, Copy, Debug)]
struct OffRate {
    /// Added to stamps while they were believed.
    offset_us: i64,
    /// When it was last said.
    said_at: Duration,
    /// How often in a row it was measured to be right.
    right: u32,
}

/// The frame with the greatest steady time.
#[derive(Clone, Copy, Debug)]
struct Newest {
    stamp_us: i64,
    steady_us: i64,
    camera_us: i64,
    arrival: Duration,
}

/// What the latest stretches said.
#[derive(Clone, Copy, Debug, Default)]
struct Stretches {
    last: Option<Least>,
    before: Option<Least>,
    slope: f64,
    off_us: i64,
    elsewhere: u32,
}

/// What became of a frame's stamp.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paced {
    /// The frame's steady time.
    pub(super) steady_us: i64,
    /// The frame on the camera's own time, without what stretches it.
    pub(super) camera_us: i64,
    /// By how much the stamps were moved because they jumped.
    pub(super) jump_us: Option<i64>,
    /// Its place is a guess by the stamps around it, so that its delay says nothing of any clock.
    pub(super) is_guess: bool,
    pub(super) deviation: Option<StampDeviation>,
}

impl Pace {
    /// A track whose first frame has this stamp and this place.
    pub(super) fn new(stamp_us: i64, steady_us: i64, arrival: Duration) -> Self {
        Self {
            base_stamp_us: stamp_us,
            base_us: steady_us,
            base_camera_us: steady_us,
            rate: 1.0,
            bend: 0.0,
            last_stamp_us: stamp_us,
            newest: Newest { stamp_us, steady_us, camera_us: steady_us, arrival },
            step_us: 0,
            stamp_step_us: 0,
            frames: 0,
            behind: 0,
            frames_since_behind: 0,
            same: 0,
            stamps_since_repeat: u32::MAX,
            frames_since_jump: u32::MAX,
            usual_delay_us: micros(arrival).saturating_sub(steady_us),
            began: Some(arrival),
            expected_us: 0,
            slipped_us: 0,
            heard: Heard::new(STRETCH_US),
            stretches: Stretches::default(),
            off_rate: None,
        }
    }

    /// Added to a stamp; `None` while stamps are stretched.
    pub(super) fn offset_us(&self) -> Option<i64> {
        self.off_rate.is_none().then(|| self.base_us.saturating_sub(self.base_stamp_us))
    }

    /// A frame that is so much early is wrong. A picture that others are shown before is sent before it could be seen,
    /// by cameras that play a file.
    pub(super) fn early_us_max(&self) -> i64 {
        let may_reorder = self.frames <= YOUNG_FRAMES
            || self.frames > self.frames_since_behind
                && self.frames_since_behind < REORDER_SEEN_FRAMES;
        if may_reorder { REORDER_US_MAX } else { EARLY_US_MAX }
    }

    /// Its delays are not what they were, so that they say nothing of the line of all tracks.
    pub(super) fn is_suspect(&self) -> bool {
        self.slipped_us != 0
            || (self.stretches.elsewhere > 0 && self.off_rate.is_none())
            || self.bend.abs() > SUSPECT_BEND
    }

    /// The track's newest steady time.
    pub(super) fn newest_us(&self) -> i64 {
        self.newest.steady_us
    }

    /// The next frame. `other_jump_us`: by how much another track's stamps were just moved, which is tried first.
    pub(super) fn frame(
        &mut self,
        stamp_us: i64,
        arrival: Duration,
        other_jump_us: Option<i64>,
    ) -> Paced {
        self.frames = self.frames.saturating_add(1);
        self.frames_since_jump = self.frames_since_jump.saturating_add(1);
        let waited_us = micros(arrival.saturating_sub(self.newest.arrival));
        let is_same = self.frames > 1 && stamp_us == self.last_stamp_us;
        self.last_stamp_us = stamp_us;
        let rises = stamp_us > self.newest.stamp_us;
        let predicted_us = self.steady_of(stamp_us);
        let moved_us = predicted_us.saturating_sub(self.newest.steady_us);
        let mut paced = Paced {
            steady_us: predicted_us,
            camera_us: self.camera_of(stamp_us),
            jump_us: None,
            is_guess: false,
            deviation: None,
        };
        if self.frames == 1 {
            // It is where it was put.
        } else if is_same {
            self.same = self.same.saturating_add(1);
            paced = self.beside(self.repeated_step_us(arrival, waited_us));
            self.frames_since_jump = 0;
            paced.is_guess = self.repeats_once();
            paced.deviation = (self.same >= CONSTANT_MIN).then_some(StampDeviation::Constant);
        } else if moved_us <= 0 && rises && moved_us >= -EARLY_US_MAX {
            // What stood still has gone too far: slowly, until the stamps are there.
            paced = self.beside((self.step_us / 2).max(STEP_US_MIN));
        } else if moved_us <= 0 && !rises && self.is_reordering(moved_us) {
            self.behind += 1;
            self.frames_since_behind = 0;
            return paced;
        } else if moved_us <= 0
            || self.is_from_the_future(predicted_us, moved_us, waited_us, arrival)
        {
            if moved_us > -REORDER_US_MAX && moved_us < 0 {
                self.frames_since_behind = 0;
            }
            paced = self.jump(stamp_us, arrival, waited_us, other_jump_us);
        }
        if is_same {
            self.stamps_since_repeat = 0;
        } else {
            self.same = 0;
            self.stamps_since_repeat = self.stamps_since_repeat.saturating_add(1);
            let step_us = scaled(stamp_us.saturating_sub(self.newest.stamp_us), self.rate);
            self.stamp_step_us = if paced.jump_us.is_none() { step_us.max(0) } else { 0 };
        }
        self.behind = 0;
        self.frames_since_behind = self.frames_since_behind.saturating_add(1);
        self.count_step(waited_us);
        self.newest =
            Newest { stamp_us, steady_us: paced.steady_us, camera_us: paced.camera_us, arrival };
        if paced.is_guess {
            return paced;
        }
        let delay_us = micros(arrival).saturating_sub(paced.steady_us);
        let (delay_us, usual_us) = (
            delay_us.saturating_sub(self.slipped_us),
            self.usual_us().saturating_sub(self.slipped_us),
        );
        if let Some(least) = self.heard.frame(delay_us, usual_us, arrival)
            && self.judge(least)
        {
            paced.deviation = paced.deviation.or(Some(StampDeviation::OffRate));
        }
        paced
    }

    /// The track's newest frame belongs so much earlier, and so does what follows.
    pub(super) fn slip(&mut self, by_us: i64) {
        self.rebase();
        self.base_us = self.base_us.saturating_sub(by_us);
        self.newest.steady_us = self.base_us;
        self.slipped_us = self.slipped_us.saturating_add(by_us);
    }

    /// The line of all tracks was put so much later, or earlier when negative: what seemed late is as it should be.
    pub(super) fn expect_later(&mut self, by_us: i64) {
        self.expected_us = self.expected_us.saturating_add(by_us);
    }

    fn steady_of(&self, stamp_us: i64) -> i64 {
        let since_us = stamp_us.saturating_sub(self.base_stamp_us);
        self.base_us.saturating_add(scaled(since_us, self.rate * (1.0 + self.bend)))
    }

    fn camera_of(&self, stamp_us: i64) -> i64 {
        let since_us = stamp_us.saturating_sub(self.base_stamp_us);
        let rate = if OWN_TIME_RATES.contains(&self.rate) { 1.0 } else { self.rate };
        self.base_camera_us.saturating_add(scaled(since_us, rate))
    }

    /// Makes the newest frame the base, so that what changes next changes only what comes.
    fn rebase(&mut self) {
        self.base_stamp_us = self.newest.stamp_us;
        self.base_us = self.newest.steady_us;
        self.base_camera_us = self.newest.camera_us;
    }

    fn is_reordering(&self, moved_us: i64) -> bool {
        moved_us >= -REORDER_US_MAX
            && self.behind < REORDER_FRAMES_MAX
            && (self.frames < REORDER_SEEN_FRAMES || self.frames_since_behind < REORDER_SEEN_FRAMES)
    }

    fn is_from_the_future(
        &self,
        predicted_us: i64,
        moved_us: i64,
        waited_us: i64,
        arrival: Duration,
    ) -> bool {
        let usual_us = self.heard.least_us().map_or(self.usual_us(), |least| {
            // Until the first stretch is over, the first frame may have been a late one.
            let least_us = least.saturating_add(self.slipped_us);
            if self.stretches.last.is_none() {
                least_us.min(self.usual_us())
            } else {
                self.usual_us()
            }
        });
        let youngest_us = micros(arrival).saturating_sub(usual_us);
        predicted_us.saturating_sub(youngest_us).min(moved_us.saturating_sub(waited_us))
            > self.early_us_max()
    }

    /// Where the next frame is expected by arrival alone, behind the newest one.
    fn next_step_us(&self, arrival: Duration, waited_us: i64) -> i64 {
        let youngest_us = micros(arrival).saturating_sub(self.usual_us());
        let to_arrival_us = youngest_us.saturating_sub(self.newest.steady_us);
        let step_us = if self.step_us > 0 { self.step_us } else { waited_us };
        let is_silence = waited_us > EARLY_US_MAX.max(step_us.saturating_mul(4));
        let next_us = if is_silence {
            to_arrival_us.max(step_us)
        } else {
            // Frames that arrive together keep their distance; the rest is made up for little by little, but for what
            // would lie in the future.
            let late_us = to_arrival_us.saturating_sub(step_us);
            let future_us = late_us.saturating_add(AHEAD_US).min(0);
            let share = if self.frames_since_jump > 2 && self.same == 0 { 2 } else { 8 };
            step_us.saturating_add((late_us / share).min(step_us / 2)).saturating_add(future_us)
        };
        next_us.max(STEP_US_MIN)
    }

    fn repeats_once(&self) -> bool {
        self.same == 1 && self.stamp_step_us > 0
    }

    /// Where a frame is put whose stamp repeats the one before. GStreamer lets a Matroska file that it loops begin again
    /// where the last block began; how late the first block then comes says nothing. Fields of a picture, and pictures
    /// that are stamped at half their rate, repeat each stamp.
    fn repeated_step_us(&self, arrival: Duration, waited_us: i64) -> i64 {
        match self.stamps_since_repeat {
            _ if !self.repeats_once() => self.next_step_us(arrival, waited_us),
            0..=1 => (self.stamp_step_us / 2).clamp(STEP_US_MIN, EARLY_US_MAX / 2),
            _ => STEP_US_MIN,
        }
    }

    fn beside(&self, step_us: i64) -> Paced {
        Paced {
            steady_us: self.newest.steady_us.saturating_add(step_us),
            camera_us: self.newest.camera_us.saturating_add(step_us),
            jump_us: None,
            is_guess: false,
            deviation: None,
        }
    }

    fn jump(
        &mut self,
        stamp_us: i64,
        arrival: Duration,
        waited_us: i64,
        other_jump_us: Option<i64>,
    ) -> Paced {
        let predicted_us = self.steady_of(stamp_us);
        let mut step_us = self.next_step_us(arrival, waited_us);
        // The camera's clock was set, and another track shows by how much exactly: sound and pictures stay in step.
        if let Some(shared_us) = other_jump_us {
            let shared_us =
                predicted_us.saturating_add(shared_us).saturating_sub(self.newest.steady_us);
            if shared_us > 0 && shared_us.saturating_sub(step_us).abs() <= EARLY_US_MAX {
                step_us = shared_us;
            }
        }
        let paced = self.beside(step_us);
        self.base_stamp_us = stamp_us;
        self.base_us = paced.steady_us;
        self.base_camera_us = paced.camera_us;
        self.frames_since_jump = 0;
        let jump_us = Some(paced.steady_us.saturating_sub(predicted_us));
        Paced { jump_us, deviation: Some(StampDeviation::Jumped), ..paced }
    }

    fn count_step(&mut self, waited_us: i64) {
        if self.frames <= 1 {
            return;
        }
        if self.step_us == 0 {
            self.step_us = waited_us.clamp(STEP_US_MIN, 1_000_000);
            return;
        }
        let waited_us = waited_us.min(self.step_us.saturating_mul(4).max(100_000));
        // A mean over some sixteen frames, sooner while there are fewer.
        let over = i64::from(self.frames).clamp(2, 16);
        self.step_us = (self.step_us + (waited_us - self.step_us) / over).max(STEP_US_MIN);
    }

    /// A stretch is over; whether it is to be said that the rate is off.
    fn judge(&mut self, least: Least) -> bool {
        let Some(last) = self.stretches.last else {
            if self.off_rate.is_none() && self.slipped_us == 0 {
                (self.usual_delay_us, self.expected_us) = (least.delay_us, 0);
            }
            self.stretches.last = Some(least);
            return false;
        };
        let slope = slope(last, least);
        if let Some(off_rate) = self.off_rate {
            self.stretches.elsewhere += 1;
            let off_us = self.off_us(least, slope);
            let is_another = self.stretches.elsewhere > 1 && off_us.abs() > 2 * JITTER_US;
            if is_another || self.stretches.elsewhere >= TRIM_STRETCHES {
                let weight =
                    if is_another && slope.abs() > BEND_MAX / 2.0 { 1.0 } else { TRIM_WEIGHT };
                self.trim(slope, off_us, weight);
                return self.is_worth_saying(off_rate);
            }
            return false;
        }
        let before = self.stretches;
        // As if it had not been put where it belongs: that it had to be shows that it is off.
        let off_us = least.delay_us.saturating_sub(self.usual_delay_us);
        let (last, elsewhere) = (Some(least), before.elsewhere);
        self.stretches = Stretches { last, before: before.last, slope, off_us, elsewhere };
        if off_us.abs() <= JITTER_US {
            self.began = None;
            if self.frames_since_jump > FOLLOW_FRAMES {
                self.usual_delay_us += off_us.clamp(-FOLLOW_US, FOLLOW_US);
            }
            self.stretches.elsewhere = 0;
            return false;
        }
        let agree = |a: f64, b: f64| {
            a * b > 0.0
                && a.abs().min(b.abs()) > RATE_OFF_MIN
                && a.abs().max(b.abs()) < 3.0 * a.abs().min(b.abs())
        };
        let is_off = before.off_us.abs() > JITTER_US;
        if let Some(first) = before.before.filter(|_| is_off && agree(before.slope, slope)) {
            self.found_rate(first, least);
            return true;
        }
        self.stretches.elsewhere += 1;
        if self.stretches.elsewhere >= ELSEWHERE_MAX {
            // It was no rate: the way from the camera takes so long now.
            self.usual_delay_us = least.delay_us.saturating_add(self.slipped_us);
            self.expected_us = 0;
            self.begin_stretches();
        }
        false
    }

    /// How late the track's newest frame is beside what is usual, delays growing as they did.
    fn off_us(&self, least: Least, slope: f64) -> i64 {
        let since_us = micros(self.newest.arrival).saturating_sub(least.arrival_us);
        least
            .delay_us
            .saturating_add((slope * since_us as f64) as i64)
            .saturating_add(self.slipped_us)
            .saturating_sub(self.usual_us())
    }

    /// The delay of a frame that nothing delays, where the line of all tracks is now.
    fn usual_us(&self) -> i64 {
        self.usual_delay_us.saturating_add(self.expected_us)
    }

    fn found_rate(&mut self, first: Least, least: Least) {
        let passed_us = least.arrival_us.saturating_sub(first.arrival_us) as f64;
        if let Some(began) = self.began.take() {
            // As the first frame was.
            let since_us = first.arrival_us.saturating_sub(micros(began));
            let grown_us = slope(first, least) * since_us as f64;
            self.usual_delay_us = first.delay_us.saturating_sub(grown_us as i64);
        }
        let off_us = self.off_us(least, slope(first, least));
        let steady_us = passed_us - least.delay_us.saturating_sub(first.delay_us) as f64;
        let offset_us = self.base_us.saturating_sub(self.base_stamp_us);
        self.rebase();
        self.rate = limited(self.rate * passed_us / steady_us.max(1.0));
        self.off_rate = Some(OffRate { offset_us, said_at: self.newest.arrival, right: 0 });
        self.begin_stretches();
        if off_us > EARLY_US_MAX {
            self.base_us = self.base_us.saturating_add(off_us);
        } else {
            self.bend = bend_for(off_us);
        }
    }

    /// The rate is known to be off: keeps it right.
    fn trim(&mut self, slope: f64, off_us: i64, weight: f64) {
        let bent = self.rate * (1.0 + self.bend);
        let measured = bent / (1.0 - slope.clamp(-0.9, 0.9));
        self.rebase();
        self.rate = limited(self.rate + (measured - self.rate) * weight);
        self.bend = bend_for(off_us);
        if off_us > 4 * EARLY_US_MAX {
            self.base_us = self.base_us.saturating_add(off_us);
            self.bend = 0.0;
        }
        self.begin_stretches();
    }

    /// Whether the rate is off still, and was not said for a while. A network that got slower and slower looks like a
    /// rate that is off; when it was that, the stamps are believed again, and stand where they stood.
    fn is_worth_saying(&mut self, mut off_rate: OffRate) -> bool {
        off_rate.right =
            if (self.rate - 1.0).abs() < RATE_OFF_MIN { off_rate.right + 1 } else { 0 };
        if off_rate.right >= RIGHT_MIN {
            let former_us = self.newest.stamp_us.saturating_add(off_rate.offset_us);
            self.rebase();
            if former_us.saturating_sub(self.base_us).abs() <= EARLY_US_MAX {
                self.base_us = former_us;
            }
            (self.rate, self.bend, self.off_rate) = (1.0, 0.0, None);
            return false;
        }
        let is_news = off_rate.right == 0 && self.newest.arrival >= off_rate.said_at + SAID_EVERY;
        if is_news {
            off_rate.said_at = self.newest.arrival;
        }
        self.off_rate = Some(off_rate);
        is_news
    }

    /// Stamps are stretched otherwise from here on: delays of before compare with none behind.
    fn begin_stretches(&mut self) {
        self.slipped_us = 0;
        self.stretches = Stretches::default();
    }
}

/// How much faster than steady time the frames arrive, from stretch to stretch: how delays grow with time.
fn slope(from: Least, to: Least) -> f64 {
    let passed_us = to.arrival_us.saturating_sub(from.arrival_us).max(1);
    to.delay_us.saturating_sub(from.delay_us) as f64 / passed_us as f64
}

fn bend_for(off_us: i64) -> f64 {
    (off_us as f64 / BEND_OVER_US).clamp(-BEND_MAX, BEND_MAX)
}

fn limited(rate: f64) -> f64 {
    rate.clamp(1.0 / RATE_MAX, RATE_MAX)
}

/// Exact at the usual rate.
fn scaled(us: i64, rate: f64) -> i64 {
    if rate == 1.0 { us } else { (us as f64 * rate).round() as i64 }
}
