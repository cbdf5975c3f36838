//! The time line under drift, jitter, steps and jumps.

mod days;
mod misbehaving;
mod repeating;
mod stepping;

use proptest::prelude::*;

use super::*;

const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const VIDEO: u64 = 1;
const AUDIO: u64 = 2;
/// 25 frames per second.
const FRAME_US: i64 = 40_000;

impl MediaClock {
    /// The timestamp of a frame with which a fragment may begin.
    fn timestamp(&mut self, track: u64, media_us: i64, now: Now) -> Timestamp {
        self.frame(CameraFrame { track, media_us, begins: true }, now).timestamp
    }
}

/// A hub and a camera: time passes in steps, the hub's wall clock can be set.
struct World {
    clock: MediaClock,
    elapsed_us: i64,
    wall_offset_ms: i64,
}

impl World {
    fn new() -> Self {
        Self { clock: MediaClock::new(Timestamp::MIN), elapsed_us: 0, wall_offset_ms: 0 }
    }

    fn now(&self) -> Now {
        Now {
            wall: START.plus_millis(self.elapsed_us / 1000 + self.wall_offset_ms),
            mono: Duration::from_micros(self.elapsed_us.unsigned_abs()),
        }
    }

    /// One more frame interval passes and the frame of this media time is handled; how far its timestamp is from the
    /// hub's clock.
    fn frame(&mut self, track: u64, media_us: i64) -> (Timestamp, i64) {
        self.elapsed_us += FRAME_US;
        let now = self.now();
        let timestamp = self.clock.timestamp(track, media_us, now);
        (timestamp, timestamp.millis_since(now.wall))
    }

    /// Seconds of regular video, starting behind this media time; the last frame.
    fn record(&mut self, media_us: &mut i64, seconds: i64) -> (Timestamp, i64) {
        let mut last = (Timestamp::MIN, 0);
        for _ in 0..seconds * 25 {
            *media_us += FRAME_US;
            let next = self.frame(VIDEO, *media_us);
            assert!(next.0 > last.0, "time went back from {} to {}", last.0, next.0);
            last = next;
        }
        last
    }
}

#[test]
fn frames_keep_the_camera_s_spacing_whenever_they_arrive() {
    let mut world = World::new();
    let first = world.clock.timestamp(VIDEO, 7_000_000, world.now());
    assert_eq!(first, START);
    // Batches: the second frame waits for the third.
    world.elapsed_us = 85_000;
    assert_eq!(world.clock.timestamp(VIDEO, 7_040_000, world.now()), START.plus_millis(40));
    assert_eq!(world.clock.timestamp(VIDEO, 7_080_000, world.now()), START.plus_millis(80));
}

#[test]
fn a_picture_that_is_shown_earlier_than_the_one_before_gets_its_own_time() {
    let mut world = World::new();
    world.clock.timestamp(VIDEO, 120_000, world.now());
    assert_eq!(world.clock.timestamp(VIDEO, 40_000, world.now()), START.plus_millis(-80));
}

#[test]
fn audio_shares_the_time_line_or_is_put_beside_it() {
    let mut world = World::new();
    world.clock.timestamp(VIDEO, 1_000_000, world.now());
    assert_eq!(world.clock.timestamp(AUDIO, 980_000, world.now()), START.plus_millis(-20));

    let mut world = World::new();
    world.clock.timestamp(VIDEO, 1_000_000, world.now());
    let audio = world.clock.timestamp(AUDIO, 99_000_000, world.now());
    assert_eq!(audio, START);
    assert_eq!(world.clock.timestamp(AUDIO, 99_064_000, world.now()), START.plus_millis(64));
}

/// A session that begins with so many frames of each track at once, a frame interval apart, and goes on as they are taken;
/// the timestamps, and how far the newest is from the hub's clock.
fn begun_with_a_burst(world: &mut World, burst: i64, tracks: &[u64]) -> (Vec<Timestamp>, i64) {
    world.clock.begin_session();
    world.elapsed_us += FRAME_US;
    let frame = |track, number| CameraFrame { track, media_us: number * FRAME_US, begins: true };
    let together: Vec<_> = (0..burst)
        .flat_map(|number| tracks.iter().map(move |track| frame(*track, number)))
        .collect();
    let now = world.now();
    world.clock.arrived(together.iter().map(|frame| (frame.track, frame.media_us, now.mono)));
    let mut times: Vec<_> =
        together.iter().map(|frame| world.clock.frame(*frame, now).timestamp).collect();
    let mut last = 0;
    for number in burst..burst + 50 {
        world.elapsed_us += FRAME_US;
        for track in tracks {
            let now = world.now();
            let timestamp = world.clock.timestamp(*track, number * FRAME_US, now);
            last = timestamp.millis_since(now.wall);
            times.push(timestamp);
        }
    }
    (times, last)
}

#[test]
fn a_session_that_begins_with_two_seconds_at_once_lies_where_they_were_taken() {
    for tracks in [&[VIDEO][..], &[AUDIO, VIDEO]] {
        let mut world = World::new();
        world.elapsed_us = 60_000_000;
        let (times, last_ms) = begun_with_a_burst(&mut world, 50, tracks);
        for pair in times.chunks(tracks.len()).collect::<Vec<_>>().windows(2) {
            assert!(pair[0].iter().all(|time| *time == pair[0][0]), "{pair:?}");
            assert_eq!(pair[1][0].millis_since(pair[0][0]), 40, "{times:?}");
        }
        assert_eq!(last_ms, 0);
    }
}

#[test]
fn what_a_new_session_repeats_of_the_one_before_lies_behind_it() {
    let mut world = World::new();
    world.elapsed_us = 60_000_000;
    let mut media_us = 0;
    let (before, _) = world.record(&mut media_us, 10);
    let (times, last_ms) = begun_with_a_burst(&mut world, 50, &[VIDEO]);
    assert!(times[0] > before);
    assert!(times.is_sorted_by(|earlier, later| earlier < later), "{times:?}");
    assert!(last_ms <= 250, "{last_ms}");
}

#[test]
fn a_new_session_goes_on_where_the_last_one_ended() {
    let mut world = World::new();
    let mut media_us = 0;
    let (last, _) = world.record(&mut media_us, 10);
    // The hub's clock was set back by a minute while the camera was away.
    world.wall_offset_ms = -60_000;
    world.clock.begin_session();
    let (first, _) = world.frame(VIDEO, 123_456_789);
    assert_eq!(first, last.plus_millis(1));
}

#[test]
fn a_step_forwards_is_followed_at_once() {
    let mut world = World::new();
    let mut media_us = 0;
    world.record(&mut media_us, 10);
    world.wall_offset_ms = 3_600_000;
    let (_, off_ms) = world.record(&mut media_us, 1);
    assert!(off_ms.abs() <= 50, "{off_ms} ms off");
}

#[test]
fn a_step_backwards_is_slept_off_without_going_back() {
    let mut world = World::new();
    let mut media_us = 0;
    let (last, _) = world.record(&mut media_us, 10);
    world.wall_offset_ms = -3_000;
    let (next, off_ms) = world.record(&mut media_us, 1);
    assert!(next > last);
    assert!((2_900..=3_000).contains(&off_ms), "{off_ms} ms ahead");
    assert!(world.clock.ahead_ms(world.now().wall) > 2_800);
    // 5 % of a second in each second: caught up after about a minute.
    let (_, off_ms) = world.record(&mut media_us, 90);
    assert!(off_ms.abs() <= 100, "{off_ms} ms off");
}

#[test]
fn a_step_forwards_after_one_back_is_followed_only_to_the_hub_s_clock() {
    let mut world = World::new();
    let mut media_us = 0;
    world.record(&mut media_us, 10);
    world.wall_offset_ms = -60_000;
    world.record(&mut media_us, 2);
    world.wall_offset_ms = 0;
    let (_, off_ms) = world.record(&mut media_us, 5);
    assert!(off_ms.abs() <= 250, "{off_ms} ms off");
}

#[test]
fn a_camera_whose_time_jumps_is_re_anchored() {
    for jump_us in [3_600_000_000, -3_600_000_000, i64::MAX / 2, i64::MIN / 2] {
        let mut world = World::new();
        let mut media_us = 0;
        let (last, _) = world.record(&mut media_us, 10);
        media_us += jump_us;
        let (next, off_ms) = world.record(&mut media_us, 5);
        assert!(next > last);
        assert!(off_ms.abs() <= 100, "{off_ms} ms off after a jump of {jump_us}");
    }
}

#[test]
fn a_silence_and_the_burst_after_it_do_not_bend_the_line() {
    let mut world = World::new();
    let mut media_us = 0;
    world.record(&mut media_us, 10);
    // Five seconds of frames arrive at once, late.
    world.elapsed_us += 5_000_000;
    for _ in 0..125 {
        media_us += FRAME_US;
        world.clock.timestamp(VIDEO, media_us, world.now());
    }
    let (_, off_ms) = world.record(&mut media_us, 10);
    assert!(off_ms.abs() <= 50, "{off_ms} ms off");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_drifting_camera_behind_a_jittery_network_stays_within_250_ms(
        drift_ppm in -1000i64..1000, jitter_us in 0i64..120_000, seed in any::<u64>(), minutes in 1i64..20,
    ) {
        let mut world = World::new();
        let mut random = seed | 1;
        let mut latest = Timestamp::MIN;
        let mut arrived_us = 0;
        for n in 0..minutes * 60 * 25 {
            // Frames are taken by the true clock, stamped by the camera's, and arrive in order, late by chance.
            let taken_us = n * FRAME_US;
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let delay_us = if jitter_us == 0 { 0 } else { (random % jitter_us.unsigned_abs()) as i64 };
            arrived_us = arrived_us.max(taken_us + delay_us);
            world.elapsed_us = arrived_us;
            let media_us = taken_us + taken_us / 1000 * drift_ppm / 1000;
            let timestamp = world.clock.timestamp(VIDEO, media_us, world.now());
            prop_assert!(timestamp >= latest);
            latest = timestamp;
            let off_ms = timestamp.millis_since(START.plus_millis(taken_us / 1000));
            prop_assert!(off_ms.abs() <= 250, "{} ms off after {} s", off_ms, taken_us / 1_000_000);
        }
    }

    #[test]
    fn time_never_goes_back_whatever_the_clocks_do(
        moves in prop::collection::vec((0i64..200_000, -100_000i64..100_000, any::<bool>(), 0u8..40), 1..400),
    ) {
        let mut world = World::new();
        let (mut media_us, mut latest) = (0i64, Timestamp::MIN);
        for (step_us, step_wall_ms, is_new_session, kind) in moves {
            world.elapsed_us += step_us;
            media_us += step_us;
            match kind {
                0 => world.wall_offset_ms += step_wall_ms,
                1 => media_us += step_wall_ms.abs() * 1000,
                2 if is_new_session => {
                    world.clock.begin_session();
                    media_us = step_wall_ms;
                }
                _ => {}
            }
            let frame = CameraFrame { track: VIDEO, media_us, begins: true };
            let time = world.clock.frame(frame, world.now());
            let timestamp = time.timestamp;
            if let Some(TimeStep::Back { by_ms }) = time.step {
                prop_assert!(by_ms >= AHEAD_MS_MAX && latest.millis_since(world.now().wall) >= AHEAD_MS_MAX - 200);
                prop_assert!(timestamp.millis_since(world.now().wall).abs() <= 250);
            } else {
                prop_assert!(timestamp >= latest, "from {} to {}", latest, timestamp);
            }
            latest = timestamp;
        }
    }
}
