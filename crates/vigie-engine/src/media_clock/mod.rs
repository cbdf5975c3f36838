//! From a camera's media time to the hub's wall time: the producer timestamps of live media.
//!
//! Decides which instant a frame belongs to. Frames keep the camera's spacing (its RTP clock is smooth, arrival is not),
//! the whole follows the hub's clock, and time does not run backwards, not even from session to session. It never reads
//! a clock: both of the hub's come in with each frame.
//!
//! - Each track's stamps are made steady first (`pace.rs`): stamps that jump, stand still or run at another rate.
//! - A session is anchored where its first frame arrives, or just behind the last session when that is later. Where what
//!   comes together with it shows that it is older (`opening.rs`), so much earlier.
//! - Every two seconds the least delay of the frames since tells how far camera and hub have drifted apart (a frame may
//!   arrive late, never early). Above 50 ms the rate is bent, by at most 5 %, until they meet again: a drifting camera
//!   stays well within 250 ms. What would lie 250 ms in the future is put where it arrives.
//! - A step of the hub's clock shows as a change between its two clocks. Forwards it is followed at once. Backwards time
//!   runs on, 5 % slower, until the hub's clock has caught up ([`MediaClock::ahead_ms`] says how far it is); where that
//!   would take more than two minutes of the hub's time ([`AHEAD_MS_MAX`]), time steps back, where a fragment may begin.
//! - A hub whose clock was never set (it says a year before [`CLOCK_SET_FROM`]) goes on behind the media that it has.

mod heard;
mod opening;
mod pace;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use vigie_media::Timestamp;

use crate::clock::Now;
use heard::Heard;
use opening::Opening;
use pace::Pace;

/// Time steps back when it is farther ahead of the hub's clock than this.
pub const AHEAD_MS_MAX: i64 = 120_000;
/// 2025-01-01T00:00:00Z. A hub's clock that says an earlier time was not set since it was switched on.
pub const CLOCK_SET_FROM: Timestamp = Timestamp::from_millis(1_735_689_600_000);

/// How often drift is judged.
const JUDGE_EVERY_US: i64 = 2_000_000;
/// Drift that is left alone.
const TOLERANCE_US: i64 = 50_000;
/// Drift is bent away over about ten seconds …
const BEND_OVER_S: i64 = 10;
/// … but the rate is never bent by more than 5 %.
const BEND_PPM_MAX: i64 = 50_000;
/// A camera that lags so far behind is not bent but moved forward.
const JUMP_FORWARD_US: i64 = 1_000_000;
/// A change between the hub's two clocks from one frame to the next that counts as a step.
const STEP_US: i64 = 250_000;
/// A track that starts within this of the session's time line is taken to share it.
const SHARED_TIME_LINE_US: i64 = 250_000;
/// Time does not wait longer than this for a frame that may begin a fragment.
const STEP_BACK_WAITS: Duration = Duration::from_secs(20);
/// The clock of a camera is set for all of its tracks: a jump of another one within this is the same.
const JUMP_SHARED_FOR: Duration = Duration::from_secs(3);
/// A track that was so much less early just now shows that the other one's stamps are wrong, and not the line.
const LESS_EARLY_US: i64 = 150_000;
const LESS_EARLY_WITHIN: Duration = Duration::from_secs(1);

/// What of a camera's stamps was not as it should be, and was lived with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StampDeviation {
    /// They jumped, forward or back.
    Jumped,
    /// They run at another rate than time.
    OffRate,
    /// They stand still.
    Constant,
}

impl StampDeviation {
    /// As it stands in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Jumped => "stamps_jumped",
            Self::OffRate => "stamps_off_rate",
            Self::Constant => "stamps_constant",
        }
    }
}

/// The time line was moved, because the hub's clock was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeStep {
    /// There is no media of what lies between.
    Forward,
    /// The media before lies in the future, by so much.
    Back {
        /// In milliseconds.
        by_ms: i64,
    },
}

/// A frame as it arrived.
#[derive(Clone, Copy, Debug)]
pub struct CameraFrame {
    pub track: u64,
    /// Microseconds on the track's own clock, from anywhere.
    pub media_us: i64,
    /// A fragment may begin with it.
    pub begins: bool,
}

/// Where a frame lies in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameTime {
    /// Its producer timestamp.
    pub timestamp: Timestamp,
    /// In microseconds on the camera's own time, from anywhere: what the distance between two frames of a track is, for
    /// the camera.
    pub camera_us: i64,
    /// What was wrong with its stamp.
    pub deviation: Option<StampDeviation>,
    /// Before this frame the time line was moved.
    pub step: Option<TimeStep>,
}

/// The time line of one stream.
#[derive(Clone, Debug)]
pub struct MediaClock {
    /// The greatest timestamp that was given out, in any session; since time last stepped back.
    latest_us: i64,
    session: Option<Session>,
    /// What is known of the next session before its first frame.
    opening: Opening,
    /// Added to the clock of a hub that was never set.
    lift_us: i64,
}

/// What relates steady time to wall time now.
#[derive(Clone, Debug)]
struct Session {
    /// A point on the line: this steady time …
    base_steady_us: i64,
    /// … is this wall time.
    base_wall_us: i64,
    /// How much faster (or slower) than steady time the line runs.
    bend_ppm: i64,
    latest_steady_us: i64,
    /// Wall clock minus monotonic clock at the last frame.
    wall_minus_mono_us: i64,
    last_mono: Duration,
    heard: Heard,
    /// It began with frames that were so old; never so old that they would lie over another session.
    opening: Opening,
    floor_us: i64,
    /// The line is ahead of the hub's clock by so much, knowingly.
    ahead_us: i64,
    too_far_ahead_since: Option<Duration>,
    tracks: BTreeMap<u64, Track>,
    /// The last jump that was lived with: whose, by how much, when.
    jump: Option<(u64, i64, Duration)>,
}

/// One track of a session.
#[derive(Clone, Debug)]
struct Track {
    pace: Pace,
    /// The timestamp of its newest frame.
    newest_ms: i64,
    /// How early that frame was, and when it came.
    early_us: i64,
    arrival: Duration,
    /// The least delay since drift was last judged.
    least_delay_us: Option<i64>,
}

impl MediaClock {
    /// For a stream whose media was last written up to `latest`, in whatever session; [`Timestamp::MIN`] when it has
    /// none.
    pub fn new(latest: Timestamp) -> Self {
        Self {
            latest_us: latest.as_millis().saturating_mul(1000),
            session: None,
            opening: Opening::default(),
            lift_us: 0,
        }
    }

    /// The source was opened anew: its media time may start anywhere.
    pub fn begin_session(&mut self) {
        self.session = None;
    }

    /// Frames that arrived together, by track, media time (see [`CameraFrame`]) and arrival, in their order and before each is
    /// handled: of the first ones of a session they say how old each track's first one was.
    pub fn arrived(&mut self, frames: impl IntoIterator<Item = (u64, i64, Duration)>) {
        if self.session.is_none() {
            self.opening = Opening::of(frames);
        }
    }

    /// How far the time line is ahead of the hub's clock, after that was set back.
    pub fn ahead_ms(&self, now: Timestamp) -> i64 {
        self.latest_us.div_euclid(1000).saturating_sub(now.as_millis()).max(0)
    }

    /// Where a frame lies in time that is handled at `now`.
    ///
    /// Within a track, a frame whose stamp is greater than all before it gets a greater timestamp than they have, unless
    /// time steps back.
    pub fn frame(&mut self, frame: CameraFrame, now: Now) -> FrameTime {
        let wall_us = self.wall_us(now);
        let mut step = None;
        let mut session = match self.session.take() {
            Some(session) => session,
            None => {
                let opening = std::mem::take(&mut self.opening);
                let taken_us = wall_us.saturating_sub(opening.age_us(frame.track));
                let mut anchor_us = taken_us.max(self.latest_us.saturating_add(1000));
                if anchor_us.saturating_sub(wall_us) > AHEAD_MS_MAX * 1000 {
                    step = Some(TimeStep::Back { by_ms: anchor_us.saturating_sub(wall_us) / 1000 });
                    (anchor_us, self.latest_us) = (wall_us, i64::MIN);
                }
                Session {
                    opening,
                    floor_us: self.latest_us,
                    ..Session::anchored(frame.media_us, anchor_us, wall_us, now.mono)
                }
            }
        };
        if session.follow_steps(wall_us, now.mono) {
            step = Some(TimeStep::Forward);
        }
        if let Some(by_us) = session.step_back(frame, wall_us, self.latest_us, now.mono) {
            step = Some(TimeStep::Back { by_ms: by_us / 1000 });
            self.latest_us = i64::MIN;
        }
        let (timestamp_ms, camera_us, deviation) = session.place(frame, wall_us, now.mono);
        self.latest_us = self.latest_us.max(timestamp_ms.saturating_mul(1000));
        self.session = Some(session);
        FrameTime { timestamp: Timestamp::from_millis(timestamp_ms), camera_us, deviation, step }
    }

    /// The hub's clock, or, before it is set, one that goes on where the media ends.
    fn wall_us(&mut self, now: Now) -> i64 {
        let wall_us = now.wall.as_millis().saturating_mul(1000);
        let set_from_us = CLOCK_SET_FROM.as_millis() * 1000;
        if wall_us >= set_from_us {
            self.lift_us = 0;
        } else if self.lift_us == 0 && self.latest_us >= set_from_us {
            self.lift_us = self.latest_us.saturating_add(1000).saturating_sub(wall_us);
        }
        wall_us.saturating_add(self.lift_us)
    }
}

impl Session {
    fn anchored(media_us: i64, anchor_us: i64, wall_us: i64, mono: Duration) -> Self {
        Self {
            base_steady_us: media_us,
            base_wall_us: anchor_us,
            bend_ppm: 0,
            latest_steady_us: media_us,
            wall_minus_mono_us: wall_us.saturating_sub(micros(mono)),
            last_mono: mono,
            heard: Heard::new(JUDGE_EVERY_US),
            opening: Opening::default(),
            floor_us: i64::MIN,
            ahead_us: anchor_us.saturating_sub(wall_us).max(0),
            too_far_ahead_since: None,
            tracks: BTreeMap::new(),
            jump: None,
        }
    }

    fn wall_of(&self, steady_us: i64) -> i64 {
        let elapsed_us = steady_us.saturating_sub(self.base_steady_us);
        let bent_us = elapsed_us.saturating_mul(self.bend_ppm) / 1_000_000;
        self.base_wall_us.saturating_add(elapsed_us).saturating_add(bent_us)
    }

    /// Makes the newest point the base, so that what changes next changes only what comes.
    fn rebase(&mut self) {
        self.base_wall_us = self.wall_of(self.latest_steady_us);
        self.base_steady_us = self.latest_steady_us;
    }

    /// Whether the line was moved forward.
    fn follow_steps(&mut self, wall_us: i64, mono: Duration) -> bool {
        let wall_minus_mono_us = wall_us.saturating_sub(micros(mono));
        let step_us = wall_minus_mono_us.saturating_sub(self.wall_minus_mono_us);
        self.wall_minus_mono_us = wall_minus_mono_us;
        if step_us.abs() <= STEP_US {
            return false;
        }
        self.rebase();
        // Not farther than to the hub's clock: an earlier step back may have left the line ahead of it.
        let behind_us = wall_us.saturating_sub(self.base_wall_us);
        let forward_us = step_us.min(behind_us).max(0);
        self.base_wall_us = self.base_wall_us.saturating_add(forward_us);
        let ahead_us = self.ahead_us.saturating_sub(step_us);
        self.ahead_us = ahead_us.max(0);
        // Delays from before the step say nothing any more.
        self.forget_delays();
        forward_us > 0
    }

    /// Steps back when the line is too far ahead, where a fragment may begin; by how much it was ahead.
    fn step_back(
        &mut self,
        frame: CameraFrame,
        wall_us: i64,
        latest_us: i64,
        mono: Duration,
    ) -> Option<i64> {
        // The frame before is put where it arrived.
        let waited_us = micros(mono.saturating_sub(std::mem::replace(&mut self.last_mono, mono)));
        let by_us = latest_us.saturating_sub(wall_us.saturating_sub(waited_us));
        if by_us <= AHEAD_MS_MAX * 1000 {
            self.too_far_ahead_since = None;
            return None;
        }
        let since = *self.too_far_ahead_since.get_or_insert(mono);
        if !frame.begins && mono < since + STEP_BACK_WAITS {
            return None;
        }
        // The tracks keep their places beside each other.
        self.rebase();
        self.base_wall_us = self.base_wall_us.saturating_sub(by_us);
        (self.bend_ppm, self.ahead_us) = (0, 0);
        self.forget_delays();
        self.tracks.values_mut().for_each(|track| track.newest_ms = i64::MIN);
        Some(by_us)
    }

    /// Timestamp in milliseconds, the camera's own time, and what was wrong.
    fn place(
        &mut self,
        frame: CameraFrame,
        wall_us: i64,
        mono: Duration,
    ) -> (i64, i64, Option<StampDeviation>) {
        let jump_us = self
            .jump
            .filter(|(track, _, at)| *track != frame.track && mono < *at + JUMP_SHARED_FOR)
            .map(|(_, by_us, _)| by_us);
        let begin_us = self.begin_of(frame, wall_us);
        let track = self.tracks.entry(frame.track).or_insert_with(|| Track {
            pace: Pace::new(frame.media_us, begin_us, mono),
            newest_ms: i64::MIN,
            early_us: 0,
            arrival: mono,
            least_delay_us: None,
        });
        let former_us = track.pace.newest_us();
        let is_first = track.newest_ms == i64::MIN;
        let paced = track.pace.frame(frame.media_us, mono, jump_us);
        let early_us_max = track.pace.early_us_max();
        if let Some(by_us) = paced.jump_us {
            self.jump = Some((frame.track, by_us, mono));
        }
        let is_newest = is_first || paced.steady_us > former_us;
        let mut timestamp_us = self.wall_of(paced.steady_us);
        let early_us = timestamp_us.saturating_sub(wall_us).saturating_sub(self.ahead_us);
        let mut steady_us = paced.steady_us;
        if is_newest && early_us > early_us_max {
            let excess_us = early_us - early_us_max;
            timestamp_us = timestamp_us.saturating_sub(excess_us);
            steady_us = self.bring_back(frame.track, steady_us, excess_us, early_us, mono);
        }
        self.latest_steady_us = self.latest_steady_us.max(steady_us);
        if !paced.is_guess {
            self.judge_drift(frame.track, wall_us.saturating_sub(timestamp_us), mono);
        }
        let mut timestamp_ms = timestamp_us.div_euclid(1000);
        if let Some(track) = self.tracks.get_mut(&frame.track).filter(|_| is_newest) {
            timestamp_ms = timestamp_ms.max(track.newest_ms.saturating_add(1));
            track.newest_ms = timestamp_ms;
            (track.early_us, track.arrival) = (early_us.min(early_us_max), mono);
        }
        (timestamp_ms, paced.camera_us, paced.deviation)
    }

    /// Where the first frame of a track stands on the line that all share.
    fn begin_of(&self, frame: CameraFrame, wall_us: i64) -> i64 {
        if self.tracks.is_empty() || self.tracks.contains_key(&frame.track) {
            return frame.media_us;
        }
        let offsets = self.tracks.values().filter_map(|track| track.pace.offset_us());
        let fits = |steady_us: &i64| {
            let delay_us =
                wall_us.saturating_sub(self.wall_of(*steady_us)).saturating_add(self.ahead_us);
            let age_us = self.opening.age_us(frame.track);
            (-SHARED_TIME_LINE_US..=SHARED_TIME_LINE_US + age_us).contains(&delay_us)
                && (age_us == 0 || self.wall_of(*steady_us) > self.floor_us)
        };
        offsets
            .chain([0])
            .map(|offset_us| frame.media_us.saturating_add(offset_us))
            .find(fits)
            // A time line of its own: put it beside the newest frame of the others.
            .unwrap_or(self.latest_steady_us)
    }

    /// A track's newest frame would lie in the future. Either its stamps are wrong, as another track shows, or the line:
    /// then the first frame of the session was late. The frame's place on the line from now on.
    fn bring_back(
        &mut self,
        number: u64,
        steady_us: i64,
        excess_us: i64,
        early_us: i64,
        mono: Duration,
    ) -> i64 {
        let is_own_fault = self.tracks.iter().any(|(other, track)| {
            *other != number
                && mono < track.arrival + LESS_EARLY_WITHIN
                && track.early_us < early_us - LESS_EARLY_US
        });
        if is_own_fault {
            if let Some(track) = self.tracks.get_mut(&number) {
                track.pace.slip(excess_us);
            }
            return steady_us.saturating_sub(excess_us);
        }
        self.base_wall_us = self.wall_of(steady_us).saturating_sub(excess_us);
        self.base_steady_us = steady_us;
        self.tracks.values_mut().for_each(|track| {
            track.pace.expect_later(-excess_us);
            track.early_us = track.early_us.saturating_sub(excess_us);
        });
        steady_us
    }

    fn forget_delays(&mut self) {
        self.heard.forget();
        self.tracks.values_mut().for_each(|track| track.least_delay_us = None);
    }

    fn judge_drift(&mut self, number: u64, delay_us: i64, mono: Duration) {
        if let Some(track) = self.tracks.get_mut(&number) {
            track.least_delay_us = Some(track.least_delay_us.map_or(delay_us, |d| d.min(delay_us)));
        }
        let usual_us = self.ahead_us.saturating_neg();
        let Some(least) = self.heard.frame(delay_us, usual_us, mono) else { return };
        let trusted = self.tracks.values().filter(|track| !track.pace.is_suspect());
        let drift_us =
            trusted.filter_map(|track| track.least_delay_us).min().unwrap_or(least.delay_us);
        self.forget_delays();
        self.rebase();
        self.bend_ppm = 0;
        self.ahead_us = self.ahead_us.min(drift_us.saturating_neg().max(0));
        if drift_us > JUMP_FORWARD_US {
            self.base_wall_us = self.base_wall_us.saturating_add(drift_us);
            self.tracks.values_mut().for_each(|track| track.pace.expect_later(drift_us));
        } else if drift_us.abs() > TOLERANCE_US {
            // Microseconds over seconds are parts per million.
            self.bend_ppm = (drift_us / BEND_OVER_S).clamp(-BEND_PPM_MAX, BEND_PPM_MAX);
        }
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
