//! From a camera's media time to the hub's wall time: the producer timestamps of live media.
//!
//! Decides which instant a frame belongs to. Frames keep the camera's spacing (its RTP clock is smooth, arrival is not),
//! the whole follows the hub's clock, and time never runs backwards, not even from session to session. It never reads a
//! clock: both of the hub's come in with each frame.
//!
//! - A session is anchored where its first frame arrives, or just behind the last session when that is later.
//! - Every two seconds the least delay of the frames since tells how far camera and hub have drifted apart (a frame may
//!   arrive late, never early). Above 50 ms the rate is bent, by at most 5 %, until they meet again: a drifting camera
//!   stays well within 250 ms.
//! - A step of the hub's clock shows as a change between its two clocks. Forwards it is followed at once. Backwards it
//!   cannot be: time runs on, 5 % slower, until the hub's clock has caught up ([`MediaClock::ahead_ms`] says how far it
//!   is).
//! - A camera whose own time jumps by more than ten seconds is re-anchored on the spot, track by track.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use vigie_media::Timestamp;

use crate::clock::Now;

/// How often drift is judged.
const JUDGE_EVERY: Duration = Duration::from_secs(2);
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
/// A jump of the camera's own time.
const MEDIA_JUMP_US: i64 = 10_000_000;
/// A track that starts within this of the session's time line is taken to share it.
const SHARED_TIME_LINE_US: i64 = 250_000;

/// The time line of one stream.
#[derive(Clone, Debug)]
pub struct MediaClock {
    /// The greatest timestamp that was given out, in any session.
    latest_us: i64,
    session: Option<Session>,
}

/// What relates media time to wall time now.
#[derive(Clone, Debug)]
struct Session {
    /// A point on the line: this media time …
    base_media_us: i64,
    /// … is this wall time.
    base_wall_us: i64,
    /// How much faster (or slower) than media time the line runs.
    bend_ppm: i64,
    latest_media_us: i64,
    /// Wall clock minus monotonic clock at the last frame.
    wall_minus_mono_us: i64,
    judged_at: Duration,
    /// The least delay since then.
    least_delay_us: i64,
    tracks: BTreeMap<u64, TrackTime>,
}

/// One track's place on the session's time line.
#[derive(Clone, Copy, Debug)]
struct TrackTime {
    /// Added to the track's media time.
    offset_us: i64,
    last_media_us: i64,
    last_mono: Duration,
}

impl MediaClock {
    /// For a stream whose newest media, of whatever session, is at `latest`; [`Timestamp::MIN`] when it has none.
    pub fn new(latest: Timestamp) -> Self {
        Self { latest_us: latest.as_millis().saturating_mul(1000), session: None }
    }

    /// The source was opened anew: its media time may start anywhere.
    pub fn begin_session(&mut self) {
        self.session = None;
    }

    /// How far the time line is ahead of the hub's clock, after that was set back.
    pub fn ahead_ms(&self, now: Timestamp) -> i64 {
        self.latest_us.div_euclid(1000).saturating_sub(now.as_millis()).max(0)
    }

    /// The timestamp of a frame of `track` with the media time `media_us` (microseconds on the track's own clock, from
    /// anywhere) that is handled at `now`.
    ///
    /// Within a track, a greater media time never gets a lesser timestamp.
    pub fn timestamp(&mut self, track: u64, media_us: i64, now: Now) -> Timestamp {
        let wall_us = now.wall.as_millis().saturating_mul(1000);
        let latest_us = self.latest_us;
        let session = self.session.get_or_insert_with(|| {
            Session::anchored(
                media_us,
                wall_us.max(latest_us.saturating_add(1000)),
                wall_us,
                now.mono,
            )
        });
        session.follow_steps(wall_us, now.mono);
        let media_us = session.on_time_line(track, media_us, wall_us, now.mono);
        session.latest_media_us = session.latest_media_us.max(media_us);
        session.judge_drift(media_us, wall_us, now.mono);
        let timestamp_us = session.wall_of(media_us);
        self.latest_us = self.latest_us.max(timestamp_us);
        Timestamp::from_millis(timestamp_us.div_euclid(1000))
    }
}

impl Session {
    fn anchored(media_us: i64, anchor_us: i64, wall_us: i64, mono: Duration) -> Self {
        Self {
            base_media_us: media_us,
            base_wall_us: anchor_us,
            bend_ppm: 0,
            latest_media_us: media_us,
            wall_minus_mono_us: wall_us.saturating_sub(micros(mono)),
            judged_at: mono,
            least_delay_us: i64::MAX,
            tracks: BTreeMap::new(),
        }
    }

    fn wall_of(&self, media_us: i64) -> i64 {
        let elapsed_us = media_us.saturating_sub(self.base_media_us);
        let bent_us = elapsed_us.saturating_mul(self.bend_ppm) / 1_000_000;
        self.base_wall_us.saturating_add(elapsed_us).saturating_add(bent_us)
    }

    /// Makes the newest point the base, so that what changes next changes only what comes.
    fn rebase(&mut self) {
        self.base_wall_us = self.wall_of(self.latest_media_us);
        self.base_media_us = self.latest_media_us;
    }

    fn follow_steps(&mut self, wall_us: i64, mono: Duration) {
        let wall_minus_mono_us = wall_us.saturating_sub(micros(mono));
        let step_us = wall_minus_mono_us.saturating_sub(self.wall_minus_mono_us);
        self.wall_minus_mono_us = wall_minus_mono_us;
        if step_us.abs() > STEP_US {
            self.rebase();
            // Not farther than to the hub's clock: an earlier step back may have left the line ahead of it.
            let behind_us = wall_us.saturating_sub(self.base_wall_us);
            self.base_wall_us = self.base_wall_us.saturating_add(step_us.min(behind_us).max(0));
            // Delays from before the step say nothing any more.
            self.judged_at = mono;
            self.least_delay_us = i64::MAX;
        }
    }

    /// The media time of a frame on the time line that all tracks share.
    fn on_time_line(&mut self, track: u64, media_us: i64, wall_us: i64, mono: Duration) -> i64 {
        let line_us = match self.tracks.get(&track) {
            Some(time) => {
                let line_us = media_us.saturating_add(time.offset_us);
                let elapsed_us = micros(mono.saturating_sub(time.last_mono));
                let moved_us = line_us.saturating_sub(time.last_media_us);
                if moved_us < -MEDIA_JUMP_US || moved_us > elapsed_us.saturating_add(MEDIA_JUMP_US)
                {
                    time.last_media_us.saturating_add(elapsed_us.max(1000))
                } else {
                    line_us
                }
            }
            None => {
                let delay_us = wall_us.saturating_sub(self.wall_of(media_us));
                if self.tracks.is_empty() || delay_us.abs() <= SHARED_TIME_LINE_US {
                    media_us
                } else {
                    // A time line of its own: put it beside the newest frame of the others.
                    self.latest_media_us
                }
            }
        };
        let time = self.tracks.entry(track).or_insert(TrackTime {
            offset_us: 0,
            last_media_us: line_us,
            last_mono: mono,
        });
        time.offset_us = line_us.saturating_sub(media_us);
        time.last_media_us = time.last_media_us.max(line_us);
        time.last_mono = mono;
        line_us
    }

    fn judge_drift(&mut self, media_us: i64, wall_us: i64, mono: Duration) {
        let delay_us = wall_us.saturating_sub(self.wall_of(media_us));
        self.least_delay_us = self.least_delay_us.min(delay_us);
        if mono < self.judged_at + JUDGE_EVERY {
            return;
        }
        let drift_us = self.least_delay_us;
        self.rebase();
        self.bend_ppm = 0;
        if drift_us > JUMP_FORWARD_US {
            self.base_wall_us = self.base_wall_us.saturating_add(drift_us);
        } else if drift_us.abs() > TOLERANCE_US {
            // Microseconds over seconds are parts per million.
            self.bend_ppm = (drift_us / BEND_OVER_S).clamp(-BEND_PPM_MAX, BEND_PPM_MAX);
        }
        self.judged_at = mono;
        self.least_delay_us = i64::MAX;
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
