//! Quartz expressions and the schedules they make: the search ends, goes forwards, and agrees with itself.

use jiff::tz::TimeZone;
use vigie_engine::cron::CronExpression;
use vigie_engine::schedule::Schedule;
use vigie_media::Timestamp;

/// Zones whose clocks do what clocks can do: nothing, an hour, half an hour, a day left out.
const ZONES: [&str; 6] = [
    "UTC",
    "Europe/Paris",
    "America/New_York",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Asia/Kathmandu",
];

/// A line with a number of seconds since 1970, a line with a number that picks zone and window, the expression.
pub fn cron(data: &[u8]) {
    let (seconds, rest) = crate::first_line(data);
    let (pick, expression) = crate::first_line(rest);
    let Ok(expression) = std::str::from_utf8(expression) else { return };
    let pick = number(pick).unsigned_abs() as usize;
    let at = Timestamp::from_millis(number(seconds).saturating_mul(1000));
    let cron = match CronExpression::parse(expression) {
        Ok(cron) => cron,
        Err(error) => {
            assert!(error.position <= expression.len(), "{error:?}");
            return assert!(!error.message.is_empty());
        }
    };
    assert_eq!(CronExpression::parse(cron.as_str()).as_ref(), Ok(&cron));
    let Ok(zone) = TimeZone::get(ZONES[pick % ZONES.len()]) else { return };
    if let Some(next) = cron.next_valid_time_after(at, &zone) {
        assert!(next > at, "{next:?} is not after {at:?}");
        assert!(cron.is_satisfied_by(next, &zone), "does not fire at {next:?}");
        assert_eq!(cron.previous_valid_time(next, &zone), Some(next));
    }
    if let Some(previous) = cron.previous_valid_time(at, &zone) {
        assert!(previous <= at, "{previous:?} is after {at:?}");
    }
    let duration_seconds = [60, 3600, 86_400][pick % 3];
    let schedule = Schedule::Windows { cron, duration_seconds };
    if let Some(window) = schedule.window_at(at, &zone) {
        assert!(window.contains(at), "{window:?} at {at:?}");
    }
    if let Some(window) = schedule.next_window_after(at, &zone) {
        assert!(window.from > at && window.from < window.until, "{window:?} after {at:?}");
    }
}

fn number(text: &[u8]) -> i64 {
    std::str::from_utf8(text).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}
