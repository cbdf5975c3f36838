//! Whether the wall clock is believed when it says that media is old.
//!
//! A wall clock that jumps (a time server with a wrong year, a machine without a battery clock, a virtual machine that
//! was asleep) makes fresh media look old, or old media fresh, all at once. So for an hour after a jump nothing is
//! deleted by age; limits of size go on, for a disk does not wait. Decides from samples of both clocks, which come in as
//! arguments, and from what an earlier process wrote down. It never reads a clock and deletes nothing.

use std::time::Duration;

use vigie_media::Timestamp;

use crate::clock::Now;

/// The wall clock has jumped when it moved so much more, or less, than the monotonic one.
pub const JUMP_MIN: Duration = Duration::from_secs(5 * 60);
/// For so long after a jump nothing is deleted by age.
pub const HOLD: Duration = Duration::from_secs(3600);
/// A clock that is slewed, or an oscillator that is off, moves by less than this part of the time that passes: no jump
/// comes of it, however long it goes on. Steps that are small each add up to one.
const SLEW_PARTS: u64 = 1000;

/// What an earlier process on the same folder wrote down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastRun {
    /// What its wall clock last said.
    pub seen_at: Timestamp,
    /// How much of a hold was left then.
    pub hold_left: Duration,
}

/// The wall clock moved in a way that no monotonic clock explains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Jump {
    /// By so much; negative: backwards.
    pub by_ms: i64,
}

#[derive(Clone, Debug)]
pub struct AgeHold {
    /// Wall minus monotonic time, as it was after the last jump and has been slewed since.
    offset_ms: i64,
    /// The time for which a slew was allowed.
    slewed_until: Duration,
    held_until: Duration,
}

impl AgeHold {
    /// A process begins. No monotonic clock runs on from the process before, so whatever is further away than a short
    /// restart is a jump: a boot into 1970, or far ahead, looks like weeks without power, which cost an hour's patience.
    /// `None`: nothing was written down, because the folder is new or was an older version's.
    pub fn start(last_run: Option<LastRun>, now: Now) -> (Self, Option<Jump>) {
        let mut hold =
            Self { offset_ms: offset_ms(now), slewed_until: now.mono, held_until: now.mono };
        let Some(LastRun { seen_at, hold_left }) = last_run else { return (hold, None) };
        hold.held_until = now.mono + hold_left.min(HOLD);
        let jump = jump(now.wall.millis_since(seen_at));
        if jump.is_some() {
            hold.held_until = now.mono + HOLD;
        }
        (hold, jump)
    }

    /// Takes a sample of both clocks; the jump that it shows. To be called before anything is deleted by age, and whenever
    /// something gets a time by which its age will be told: a clock that is wrong for a moment leaves media of that moment,
    /// which looks old when the clock is right again.
    pub fn sample(&mut self, now: Now) -> Option<Jump> {
        let moved_ms = offset_ms(now).saturating_sub(self.offset_ms);
        if let Some(jump) = jump(moved_ms) {
            self.offset_ms = offset_ms(now);
            self.held_until = now.mono + HOLD;
            return Some(jump);
        }
        // A millisecond for each whole second, however often is sampled meanwhile.
        let elapsed = now.mono.saturating_sub(self.slewed_until);
        let slew_ms_max = elapsed.as_millis() as u64 / SLEW_PARTS;
        self.slewed_until += Duration::from_millis(slew_ms_max * SLEW_PARTS);
        let slew_ms_max = i64::try_from(slew_ms_max).unwrap_or(i64::MAX);
        let slew_ms = moved_ms.clamp(-slew_ms_max, slew_ms_max);
        self.offset_ms = self.offset_ms.saturating_add(slew_ms);
        None
    }

    /// How long nothing is deleted by age yet; zero when the clock is believed.
    pub fn left(&self, now: Now) -> Duration {
        self.held_until.saturating_sub(now.mono)
    }

    /// The time by which age is told; so long as it is not believed, one at which nothing is old.
    pub fn age_clock(&self, now: Now) -> Timestamp {
        if self.left(now).is_zero() { now.wall } else { Timestamp::MIN }
    }

    /// For the next process, and the jump that `now` shows: what is written down is what the next one believes.
    pub fn to_write_down(&mut self, now: Now) -> (LastRun, Option<Jump>) {
        let jump = self.sample(now);
        (LastRun { seen_at: now.wall, hold_left: self.left(now) }, jump)
    }
}

fn offset_ms(now: Now) -> i64 {
    let mono_ms = i64::try_from(now.mono.as_millis()).unwrap_or(i64::MAX);
    now.wall.as_millis().saturating_sub(mono_ms)
}

fn jump(by_ms: i64) -> Option<Jump> {
    (u128::from(by_ms.unsigned_abs()) > JUMP_MIN.as_millis()).then_some(Jump { by_ms })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START_MS: i64 = 1_795_334_400_000;
    const MINUTE_MS: i64 = 60_000;

    fn at(wall_ms: i64, mono_s: u64) -> Now {
        Now { wall: Timestamp::from_millis(wall_ms), mono: Duration::from_secs(mono_s) }
    }

    fn last_run(seen_ms: i64, hold_left_s: u64) -> Option<LastRun> {
        let hold_left = Duration::from_secs(hold_left_s);
        Some(LastRun { seen_at: Timestamp::from_millis(seen_ms), hold_left })
    }

    fn running() -> AgeHold {
        AgeHold::start(None, at(START_MS, 0)).0
    }

    #[test]
    fn a_jump_of_more_than_five_minutes_holds_for_an_hour_of_the_monotonic_clock() {
        for by_ms in [5 * MINUTE_MS + 1, -5 * MINUTE_MS - 1, 30 * 24 * 60 * MINUTE_MS, -START_MS] {
            let mut hold = running();
            assert_eq!(hold.sample(at(START_MS + 60_000, 60)), None);
            let after = at(START_MS + 61_000 + by_ms, 61);
            assert_eq!(hold.age_clock(at(START_MS + 60_500, 60)).as_millis(), START_MS + 60_500);
            assert_eq!(hold.sample(after), Some(Jump { by_ms }), "{by_ms}");
            assert_eq!((hold.left(after), hold.age_clock(after)), (HOLD, Timestamp::MIN));
            let late = at(START_MS + by_ms + 3_660_000, 3660);
            assert_eq!((hold.sample(late), hold.left(late)), (None, Duration::from_secs(1)));
            let over = at(START_MS + by_ms + 3_661_000, 3661);
            assert_eq!((hold.sample(over), hold.age_clock(over)), (None, over.wall));
        }
    }

    #[test]
    fn five_minutes_themselves_are_no_jump_and_what_runs_with_the_monotonic_clock_is_none() {
        let mut hold = running();
        assert_eq!(hold.sample(at(START_MS + 60_000, 60)), None);
        assert_eq!(hold.sample(at(START_MS + 61_000 + 5 * MINUTE_MS, 61)), None);
        let mut asleep_and_explained = running();
        assert_eq!(asleep_and_explained.sample(at(START_MS + 86_400_000, 86_400)), None);
    }

    #[test]
    fn a_jump_back_to_the_right_time_holds_anew() {
        let mut hold = running();
        assert!(hold.sample(at(START_MS + 7_200_000, 10)).is_some());
        let right = at(START_MS + 3_000_000, 3_000);
        assert!(hold.sample(right).is_some());
        assert_eq!(hold.left(right), HOLD);
    }

    #[test]
    fn small_steps_add_up_and_a_slewed_clock_never_jumps() {
        let mut hold = running();
        assert_eq!(hold.sample(at(START_MS + 60_000 + 4 * MINUTE_MS, 60)), None);
        assert!(hold.sample(at(START_MS + 120_000 + 8 * MINUTE_MS, 120)).is_some());
        let mut slewed = running();
        // 500 parts in a million, the most that NTP slews by, for a year of minutes.
        for minute in 1..525_600u64 {
            let wall_ms = START_MS + (minute * 60_000 + minute * 30) as i64;
            assert_eq!(slewed.sample(at(wall_ms, minute * 60)), None, "{minute}");
        }
    }

    #[test]
    fn small_steps_add_up_however_often_is_sampled() {
        let mut hold = running();
        // A minute of it, a thousand times a second and more.
        for ms in (0..60_000).flat_map(|ms| [ms, ms]) {
            let now = Now {
                wall: Timestamp::from_millis(START_MS + ms + 4 * MINUTE_MS),
                mono: Duration::from_millis(ms as u64),
            };
            assert_eq!(hold.sample(now), None);
        }
        assert!(hold.sample(at(START_MS + 60_000 + 6 * MINUTE_MS, 60)).is_some());
        let mut slewed = running();
        // An hour that runs too fast by 500 parts in a million.
        for tenth in 0..36_000u64 {
            let mono = Duration::from_millis(tenth * 100);
            let wall_ms = START_MS + (tenth * 100 + tenth / 20) as i64;
            let now = Now { wall: Timestamp::from_millis(wall_ms), mono };
            assert_eq!(slewed.sample(now), None);
        }
        assert!(slewed.offset_ms - START_MS > 1_790, "{}", slewed.offset_ms - START_MS);
    }

    #[test]
    fn a_start_goes_by_what_the_process_before_wrote_down() {
        let start = |last_run, now_ms| {
            let (hold, jump) = AgeHold::start(last_run, at(now_ms, 7));
            (jump.map(|jump| jump.by_ms), hold.left(at(now_ms, 7)).as_secs())
        };
        assert_eq!(start(None, 0), (None, 0));
        assert_eq!(start(last_run(START_MS, 0), START_MS + 5 * MINUTE_MS), (None, 0));
        assert_eq!(start(last_run(START_MS, 0), START_MS + 6 * MINUTE_MS), (Some(360_000), 3600));
        // A boot without a battery clock, and then the time server answers.
        assert_eq!(start(last_run(START_MS, 0), 5_000), (Some(5_000 - START_MS), 3600));
        assert_eq!(start(last_run(5_000, 3_000), START_MS), (Some(START_MS - 5_000), 3600));
        // A restart does not end a hold, and what is damaged makes none that is longer.
        assert_eq!(start(last_run(START_MS, 1_800), START_MS + 2_000), (None, 1_800));
        assert_eq!(start(last_run(START_MS, 9_999_999), START_MS + 2_000), (None, 3_600));
    }

    #[test]
    fn a_jump_that_only_the_end_of_a_process_sees_is_written_down() {
        let mut hold = running();
        let end = at(START_MS + 61_000 + 40 * 86_400_000, 61);
        let (last_run, jump) = hold.to_write_down(end);
        assert_eq!(jump, Some(Jump { by_ms: 40 * 86_400_000 }));
        let started = at(end.wall.as_millis() + 1_000, 3);
        let (next, jump) = AgeHold::start(Some(last_run), started);
        assert_eq!((jump, next.left(started)), (None, HOLD));
    }

    proptest! {
        /// The definition, told independently: within an hour after a move of the two clocks against each other that
        /// is beyond five minutes at once, nothing is old.
        #[test]
        fn nothing_is_old_within_an_hour_of_a_jump(
            moves in prop::collection::vec((1u64..1800, prop_oneof![
                6 => Just(0i64),
                2 => -100_000_000i64..100_000_000,
                1 => Just(-2_000_000_000_000i64),
                1 => Just(2_000_000_000_000i64),
            ]), 1..40)
        ) {
            let mut hold = running();
            let (mut wall_ms, mut mono_s) = (START_MS, 0u64);
            let mut jumped_at = None;
            for (seconds, step_ms) in moves {
                mono_s += seconds;
                wall_ms = wall_ms.saturating_add(seconds as i64 * 1000).saturating_add(step_ms);
                let now = at(wall_ms, mono_s);
                hold.sample(now);
                // The slack of the slew.
                if step_ms.unsigned_abs() > 600_000 {
                    jumped_at = Some(mono_s);
                }
                if jumped_at.is_some_and(|at| mono_s < at + 3600) {
                    prop_assert_eq!(hold.age_clock(now), Timestamp::MIN);
                }
            }
        }
    }
}
