//! Stamps that repeat once, on a machine that is late: where a frame lies is told by the stamps, not by arrival.

use super::*;

/// G.711 as GStreamer's payloader cuts it: 1,024 bytes a packet.
const PACKET_US: i64 = 128_000;

/// A file of four seconds that begins again: its last packet holds 32 ms, and the next one has the same stamp. Each
/// packet but the first comes so much late; how far each then lies from where its sound belongs, in milliseconds.
fn off_ms(late_us: impl Fn(i64) -> i64) -> Vec<i64> {
    let mut clock = MediaClock::new(Timestamp::MIN);
    let mut off_ms = Vec::new();
    for n in 0..120 {
        let (round, packet) = (n / 32, n % 32);
        let stamp_us = round * 31 * PACKET_US + packet * PACKET_US;
        let at_us = stamp_us + late_us(n);
        let now = Now {
            wall: START.plus_millis(at_us / 1000),
            mono: Duration::from_micros(at_us.unsigned_abs()),
        };
        let timestamp = clock.timestamp(AUDIO, 50_000_000 + stamp_us, now);
        off_ms.push(timestamp.millis_since(START.plus_millis(stamp_us / 1000)));
    }
    off_ms
}

#[test]
fn sound_whose_stamp_repeats_once_lies_where_it_says_however_late_it_comes() {
    let late: [fn(i64) -> i64; 4] = [
        |_| 0,
        |n| if n % 32 == 0 && n > 0 { 120_000 } else { 0 },
        |n| if n % 32 == 31 { 110_000 } else { 0 },
        |n| n * 7_919 % 120_000,
    ];
    for late_us in late {
        let off_ms = off_ms(late_us);
        for (n, off_ms) in off_ms.into_iter().enumerate() {
            let repeats = n % 32 == 0 && n > 0;
            assert_eq!(off_ms, if repeats { 1 } else { 0 }, "packet {n}");
        }
    }
}

#[test]
fn pictures_of_which_two_have_each_stamp_are_spaced_evenly() {
    let mut clock = MediaClock::new(Timestamp::MIN);
    for n in 0..500 {
        let at_us = n * 20_000 + n * 7_919 % 20_000;
        let now = Now {
            wall: START.plus_millis(at_us / 1000),
            mono: Duration::from_micros(at_us.unsigned_abs()),
        };
        let timestamp = clock.timestamp(VIDEO, n / 2 * 40_000, now);
        // What the distance is, the second pair shows.
        if n >= 2 {
            assert_eq!(timestamp.millis_since(START.plus_millis(n * 20)), 0, "picture {n}");
        }
    }
}
