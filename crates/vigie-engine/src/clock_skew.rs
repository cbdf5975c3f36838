//! How far a hub's clock is from its server's.
//!
//! Measured with each call of `SyncEdgeAgent`, as NTP does it: what the way there and back took is halved. The server
//! says when the call came and how long it was held; the rest is the hub's own reading. It never reads a clock.

use std::time::Duration;

use vigie_media::Timestamp;

use crate::clock::Now;

/// Beyond this, media is dated so wrongly that people notice, and it is warned of.
pub const SKEW_MAX: Duration = Duration::from_secs(5);
/// What took longer says too little: the measure may be wrong by half of it.
const ROUND_TRIP_MAX: Duration = Duration::from_secs(4);
/// A wall clock that moves by more than this during the call was set in between.
const STEPPED_MS: u64 = 1000;

/// The clock of the hub minus that of the server, in milliseconds; `None` when this call cannot tell.
///
/// ```
/// use std::time::Duration;
/// use vigie_engine::clock::Now;
/// use vigie_engine::clock_skew::skew_ms;
/// use vigie_media::Timestamp;
///
/// let sent = Now { wall: Timestamp::from_millis(10_000), mono: Duration::ZERO };
/// // Held for 20 s, and 100 ms on the way.
/// let answered = Now { wall: Timestamp::from_millis(30_100), mono: Duration::from_millis(20_100) };
/// let came_at = Timestamp::from_millis(7_050);
/// assert_eq!(skew_ms(sent, came_at, Duration::from_secs(20), answered), Some(3_000));
/// ```
pub fn skew_ms(sent: Now, came_at: Timestamp, held: Duration, answered: Now) -> Option<i64> {
    let took = answered.mono.checked_sub(sent.mono)?;
    let took_ms = i64::try_from(took.as_millis()).ok()?;
    let round_trip = took.saturating_sub(held);
    let stepped_ms = answered.wall.millis_since(sent.wall).saturating_sub(took_ms).unsigned_abs();
    if round_trip > ROUND_TRIP_MAX || stepped_ms > STEPPED_MS {
        return None;
    }
    let half_ms = i64::try_from(round_trip.as_millis() / 2).ok()?;
    Some(sent.wall.plus_millis(half_ms).millis_since(came_at))
}

/// Whether a skew is to be warned of.
pub fn is_too_much(skew_ms: i64) -> bool {
    u128::from(skew_ms.unsigned_abs()) > SKEW_MAX.as_millis()
}

/// For logs: `6.2 s ahead of` or `6.2 s behind`.
pub fn in_words(skew_ms: i64) -> String {
    let seconds = skew_ms.unsigned_abs() as f64 / 1000.0;
    let side = if skew_ms < 0 { "behind" } else { "ahead of" };
    format!("{seconds:.1} s {side}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(wall_ms: i64, mono_ms: u64) -> Now {
        Now { wall: Timestamp::from_millis(wall_ms), mono: Duration::from_millis(mono_ms) }
    }

    #[test]
    fn a_slow_call_and_a_clock_that_was_set_during_it_tell_nothing() {
        let came_at = Timestamp::from_millis(1_000);
        let held = Duration::from_secs(20);
        assert_eq!(skew_ms(at(0, 0), came_at, held, at(24_000, 24_000)), Some(1_000));
        assert_eq!(skew_ms(at(0, 0), came_at, held, at(24_001, 24_001)), None);
        assert_eq!(skew_ms(at(0, 0), came_at, held, at(26_000, 20_000)), None);
        assert_eq!(skew_ms(at(0, 9), came_at, held, at(0, 0)), None);
        // A server that says that it held the call for longer than it took.
        assert_eq!(skew_ms(at(0, 0), came_at, held, at(50, 50)), Some(-1_000));
    }

    #[test]
    fn five_seconds_are_lived_with() {
        assert!(!is_too_much(5_000) && !is_too_much(-5_000));
        assert!(is_too_much(5_001) && is_too_much(-5_001) && is_too_much(i64::MIN));
        assert_eq!(
            (in_words(6_249), in_words(-180_000)),
            ("6.2 s ahead of".into(), "180.0 s behind".into())
        );
    }

    proptest! {
        /// However the time on the way is shared, the measure is right within half of it.
        #[test]
        fn the_measure_is_right_within_half_the_round_trip(
            skew in -400_000i64..400_000, there_ms in 0i64..2_000, back_ms in 0i64..2_000, held_ms in 0i64..60_000
        ) {
            let sent = 1_795_334_400_000;
            let came_at = Timestamp::from_millis(sent - skew + there_ms);
            let took = there_ms + held_ms + back_ms;
            let held = Duration::from_millis(held_ms as u64);
            let found = skew_ms(at(sent, 0), came_at, held, at(sent + took, took as u64)).unwrap();
            prop_assert!((found - skew).abs() <= (there_ms + back_ms) / 2 + 1, "{found} for {skew}");
        }
    }
}
