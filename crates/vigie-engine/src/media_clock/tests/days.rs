//! Days of a camera whose clock drifts and whose RTP time wraps, on a hub whose clock is disciplined and set.

use super::*;

const HOUR_US: i64 = 3_600_000_000;
/// Five pictures a second: what the clock does depends on time, not on how many pictures say it.
const INTERVAL_US: i64 = 200_000;
const RTP_HZ: i64 = 90_000;

/// One stream over simulated days.
struct Days {
    clock: MediaClock,
    /// True time since the start.
    true_us: i64,
    /// How fast the camera's clock and the hub's wall clock run beside true time.
    camera_ppm: i64,
    hub_ppm: i64,
    /// What the hub's clock was set by.
    hub_offset_us: i64,
    random: u64,
    /// The camera's RTP timestamp as last read, and what a client has made of it.
    rtp: u32,
    rtp_elapsed: i64,
    latest: Timestamp,
    wraps: u32,
}

impl Days {
    fn new(camera_ppm: i64, hub_ppm: i64) -> Self {
        Self {
            clock: MediaClock::new(Timestamp::MIN),
            true_us: 0,
            camera_ppm,
            hub_ppm,
            hub_offset_us: 0,
            random: 0x9E37_79B9_7F4A_7C15,
            rtp: 4_000_000_000,
            rtp_elapsed: 0,
            latest: Timestamp::MIN,
            wraps: 0,
        }
    }

    /// Up to 80 ms of the network, and of the batches in which sockets are drained.
    fn delay_us(&mut self) -> i64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random % 80_000) as i64
    }

    fn hub_us(&self, true_us: i64) -> i64 {
        true_us + true_us / 1_000_000 * self.hub_ppm + self.hub_offset_us
    }

    /// The next picture; how far its timestamp is from the hub's clock when it was taken, in milliseconds.
    fn picture(&mut self) -> i64 {
        self.true_us += INTERVAL_US;
        let camera_us = self.true_us + self.true_us / 1_000_000 * self.camera_ppm;
        // 32 bits that wrap every 13 hours, and a client that counts on from packet to packet.
        let rtp = (camera_us * (RTP_HZ / 10_000) / 100 + 4_000_000_000) as u32;
        self.wraps += u32::from(rtp < self.rtp);
        self.rtp_elapsed += i64::from(rtp.wrapping_sub(self.rtp) as i32);
        self.rtp = rtp;
        let media_us = self.rtp_elapsed * 100 / (RTP_HZ / 10_000);

        let arrives_us = self.true_us + self.delay_us();
        let now = Now {
            wall: START.plus_millis(self.hub_us(arrives_us) / 1000),
            mono: Duration::from_micros(arrives_us.unsigned_abs()),
        };
        let timestamp = self.clock.timestamp(VIDEO, media_us, now);
        assert!(timestamp > self.latest, "time went back from {} to {timestamp}", self.latest);
        self.latest = timestamp;
        timestamp.millis_since(START.plus_millis(self.hub_us(self.true_us) / 1000))
    }

    /// Hours during which every picture is within 250 ms.
    #[track_caller]
    fn hours(&mut self, hours: i64) {
        let until_us = self.true_us + hours * HOUR_US;
        while self.true_us < until_us {
            let off_ms = self.picture();
            assert!(off_ms.abs() <= 250, "{off_ms} ms off after {} s", self.true_us / 1_000_000);
        }
    }

    /// The camera is opened anew; its RTP time begins anywhere.
    fn reconnect(&mut self, silence_us: i64) {
        self.true_us += silence_us;
        self.clock = MediaClock::new(self.latest);
        self.rtp_elapsed = 0;
    }
}

#[test]
fn a_camera_that_drifts_by_200_ppm_stays_within_250_ms_for_three_days() {
    for camera_ppm in [-200, 200] {
        let mut days = Days::new(camera_ppm, 0);
        days.hours(72);
        assert_eq!(days.wraps, 6, "RTP time wraps every 13 hours");
    }
}

#[test]
fn a_hub_whose_clock_is_slewed_is_followed_as_well() {
    for (camera_ppm, hub_ppm) in [(200, -500), (-200, 500)] {
        Days::new(camera_ppm, hub_ppm).hours(24);
    }
}

#[test]
fn over_days_the_hub_s_clock_is_set_forwards_and_back_and_the_camera_comes_and_goes() {
    let mut days = Days::new(150, -50);
    days.hours(10);
    // Forwards by an hour, as by hand: at once.
    days.hub_offset_us += HOUR_US;
    days.hours(10);
    // By what a time server corrects.
    days.hub_offset_us -= 120_000;
    let settled_us = days.true_us + 60_000_000;
    while days.true_us < settled_us {
        let off_ms = days.picture();
        assert!(off_ms.abs() <= 370, "{off_ms} ms off");
    }
    days.hours(10);
    // Back by a minute: time cannot go back, so it is slept off at 5 %, in twenty minutes.
    days.hub_offset_us -= 60_000_000;
    let settled_us = days.true_us + 22 * 60_000_000;
    let mut ahead_ms = 60_250;
    while days.true_us < settled_us {
        let off_ms = days.picture();
        assert!(off_ms <= ahead_ms + 100, "{off_ms} ms ahead after {ahead_ms}");
        ahead_ms = ahead_ms.min(off_ms.max(0));
    }
    days.hours(10);
    for _ in 0..10 {
        days.reconnect(7_000_000);
        days.hours(1);
    }
}
