//! A hub's clock that was far ahead, or never set, and is set right.

use super::*;

const DAY_MS: i64 = 86_400_000;

impl World {
    fn camera_frame(&mut self, media_us: i64, begins: bool) -> FrameTime {
        self.elapsed_us += FRAME_US;
        let now = self.now();
        self.clock.frame(CameraFrame { track: VIDEO, media_us, begins }, now)
    }
}

#[test]
fn a_clock_that_was_a_day_ahead_steps_back_where_a_fragment_may_begin() {
    let mut world = World::new();
    let mut media_us = 0;
    world.record(&mut media_us, 10);
    world.wall_offset_ms = DAY_MS;
    let (ahead, _) = world.record(&mut media_us, 15);
    world.wall_offset_ms = 0;
    for _ in 0..20 {
        media_us += FRAME_US;
        let time = world.camera_frame(media_us, false);
        assert!(time.timestamp > ahead && time.step.is_none(), "a group of pictures was torn");
    }
    media_us += FRAME_US;
    let time = world.camera_frame(media_us, true);
    let Some(TimeStep::Back { by_ms }) = time.step else { panic!("{:?}", time.step) };
    assert!((by_ms - DAY_MS).abs() <= 100, "{by_ms}");
    assert!(time.timestamp.millis_since(world.now().wall).abs() <= 50);
    assert_eq!(world.clock.ahead_ms(world.now().wall), 0);
    let (_, off_ms) = world.record(&mut media_us, 60);
    assert!(off_ms.abs() <= 50, "{off_ms} ms off");
}

#[test]
fn a_camera_without_key_frames_steps_back_after_twenty_seconds() {
    let mut world = World::new();
    world.wall_offset_ms = DAY_MS;
    let mut media_us = 0;
    world.record(&mut media_us, 10);
    world.wall_offset_ms = 0;
    let stepped = (0..600).find(|_| {
        media_us += FRAME_US;
        world.camera_frame(media_us, false).step.is_some()
    });
    assert_eq!(stepped, Some(500));
}

#[test]
fn a_session_that_begins_far_behind_the_media_steps_back_at_once() {
    // As after a restart of the agent, or of the hub.
    let latest = START.plus_millis(DAY_MS);
    let mut world = World { clock: MediaClock::new(latest), ..World::new() };
    let time = world.camera_frame(5, false);
    assert!(matches!(time.step, Some(TimeStep::Back { .. })), "{:?}", time.step);
    assert!(time.timestamp.millis_since(world.now().wall).abs() <= 1);
    // Two minutes and less are slept off.
    let latest = START.plus_millis(AHEAD_MS_MAX - 1000);
    let mut world = World { clock: MediaClock::new(latest), ..World::new() };
    let time = world.camera_frame(5, true);
    assert_eq!((time.step, time.timestamp), (None, latest.plus_millis(1)));
}

#[test]
fn sound_stays_beside_the_pictures_when_time_steps_back() {
    let mut world = World::new();
    world.wall_offset_ms = DAY_MS;
    let mut off_ms = 0;
    for n in 0..3000 {
        if n == 1000 {
            world.wall_offset_ms = 0;
        }
        let media_us = n * FRAME_US;
        world.elapsed_us = media_us;
        let now = world.now();
        let picture = CameraFrame { track: VIDEO, media_us, begins: n % 25 == 0 };
        let picture = world.clock.frame(picture, now);
        let sound = CameraFrame { track: AUDIO, media_us: media_us + 3_000, begins: false };
        let sound = world.clock.frame(sound, now);
        assert_eq!(sound.timestamp.millis_since(picture.timestamp), 3, "frame {n}");
        off_ms = picture.timestamp.millis_since(now.wall);
    }
    assert!(off_ms.abs() <= 50, "{off_ms} ms off");
}

#[test]
fn a_hub_without_a_clock_goes_on_behind_its_media_until_the_clock_is_set() {
    let latest = START;
    let mut world = World { clock: MediaClock::new(latest), ..World::new() };
    let booted_ms = -START.as_millis() + 20_000;
    world.wall_offset_ms = booted_ms;
    let mut media_us = 0;
    for n in 1..1000 {
        media_us += FRAME_US;
        let time = world.camera_frame(media_us, n % 25 == 0);
        assert_eq!(time.step, None);
        let passed_ms = (n - 1) * FRAME_US / 1000;
        assert_eq!(time.timestamp, latest.plus_millis(1 + passed_ms));
    }
    world.wall_offset_ms = 7_200_000;
    media_us += FRAME_US;
    let time = world.camera_frame(media_us, false);
    assert_eq!(time.step, Some(TimeStep::Forward));
    assert!(time.timestamp.millis_since(world.now().wall).abs() <= 50);
}

#[test]
fn a_hub_without_a_clock_and_without_media_records_where_its_clock_is() {
    let mut world = World::new();
    world.wall_offset_ms = -START.as_millis() + 20_000;
    let mut media_us = 0;
    let (_, off_ms) = world.record(&mut media_us, 30);
    assert!(off_ms.abs() <= 50);
    world.wall_offset_ms = 0;
    let (_, off_ms) = world.record(&mut media_us, 30);
    assert!(off_ms.abs() <= 50);
}
