//! Windows: joining, merging, zones, and agreement with a brute-force reading of the definition.

use proptest::prelude::*;

use super::*;

fn at(text: &str) -> Timestamp {
    Timestamp::from_millis(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
}

fn show(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.as_millis()).unwrap().to_string()
}

fn windows(expression: &str, duration_seconds: u32) -> Schedule {
    Schedule::Windows { cron: CronExpression::parse(expression).unwrap(), duration_seconds }
}

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap()
}

/// The window that holds now, as text.
fn check(schedule: &Schedule, now: &str, expect: &str) {
    let window = schedule.window_at(at(now), &TimeZone::UTC);
    let text =
        window.map_or("none".to_owned(), |w| format!("{} to {}", show(w.from), show(w.until)));
    assert_eq!(text, expect, "at {now}");
}

#[test]
fn a_window_begins_with_its_fire_and_ends_before_its_end() {
    let nine = windows("0 0 9 * * ?", 3600);
    check(&nine, "2026-11-22T08:59:59.999Z", "none");
    check(&nine, "2026-11-22T09:00:00Z", "2026-11-22T09:00:00Z to 2026-11-22T10:00:00Z");
    check(&nine, "2026-11-22T09:30:00Z", "2026-11-22T09:00:00Z to 2026-11-22T10:00:00Z");
    check(&nine, "2026-11-22T09:59:59.999Z", "2026-11-22T09:00:00Z to 2026-11-22T10:00:00Z");
    check(&nine, "2026-11-22T10:00:00Z", "none");
}

#[test]
fn the_window_after_is_the_one_of_the_next_fire() {
    let nine = windows("0 0 9 * * ?", 60);
    let next = nine.next_window_after(at("2026-11-22T09:00:00Z"), &TimeZone::UTC).unwrap();
    assert_eq!(
        (show(next.from), show(next.until)),
        ("2026-11-23T09:00:00Z".into(), "2026-11-23T09:01:00Z".into())
    );
    let never = windows("0 0 9 30 2 ?", 60);
    assert_eq!(never.next_window_after(at("2026-11-22T09:00:00Z"), &TimeZone::UTC), None);
}

#[test]
fn a_schedule_is_over_when_no_window_is_open_and_none_will_ever_open() {
    let over_at = |schedule: Schedule, now: &str| {
        ScheduleTracker::new(schedule, TimeZone::UTC).is_over(at(now))
    };
    let year = || windows("0 0 9 31 12 ? 2025", 3600);
    assert!(!over_at(year(), "2025-12-31T08:00:00Z"));
    // The last window is used to its end.
    assert!(!over_at(year(), "2025-12-31T09:59:59.999Z"));
    assert!(over_at(year(), "2025-12-31T10:00:00Z"));
    for never in ["0 0 9 30 2 ?", "0 0 9 31 4,6,9,11 ?", "0 0 9 29 2 ? 2027", "0 0 9 * * ? 2020"] {
        assert!(over_at(windows(never, 60), "2026-11-22T09:00:00Z"), "{never}");
    }
    assert!(!over_at(windows("0 0 9 29 2 ?", 60), "2026-11-22T09:00:00Z"));
    for open in [Schedule::Always, Schedule::Hourly] {
        assert!(!over_at(open, "2026-11-22T09:00:00Z"));
    }
    // A clock that is set back into the year finds its windows again.
    let mut tracker = ScheduleTracker::new(year(), TimeZone::UTC);
    assert!(tracker.is_over(at("2026-01-01T00:00:00Z")));
    assert!(!tracker.is_over(at("2025-06-01T00:00:00Z")));
}

#[test]
fn windows_that_touch_or_overlap_are_one() {
    let touching = windows("0 0 9-10 * * ?", 3600);
    check(&touching, "2026-11-22T10:30:00Z", "2026-11-22T09:00:00Z to 2026-11-22T11:00:00Z");
    let overlapping = windows("0 0/30 9 * * ?", 3600);
    check(&overlapping, "2026-11-22T09:45:00Z", "2026-11-22T09:00:00Z to 2026-11-22T10:30:00Z");
    let apart = windows("0 0 9-10 * * ?", 3599);
    check(&apart, "2026-11-22T09:59:58Z", "2026-11-22T09:00:00Z to 2026-11-22T09:59:59Z");
    check(&apart, "2026-11-22T09:59:59Z", "none");
}

#[test]
fn a_window_that_never_closes_is_told_in_parts_that_follow_each_other() {
    for always in
        [windows("0 0 * * * ?", 3600), windows("* * * * * ?", 3600), windows("0 * * * * ?", 60)]
    {
        let mut now = at("2026-11-22T09:17:03.5Z");
        for _ in 0..100 {
            let window = always.window_at(now, &TimeZone::UTC).unwrap();
            assert!(window.contains(now));
            assert!(window.until >= now + MERGE_HORIZON);
            assert!(window.until <= now + 3 * MERGE_HORIZON);
            now = window.until;
        }
    }
}

#[test]
fn a_window_lasts_as_long_as_it_says_across_a_clock_change() {
    // 01:00 to 02:30 of summer time, which ends at 03:00 (01:00Z).
    let berlin = zone("Europe/Berlin");
    let schedule = windows("0 30 0/1 25 10 ?", 1800);
    let window = schedule.window_at(at("2026-10-25T01:45:00Z"), &berlin).unwrap();
    assert_eq!(show(window.from), "2026-10-25T01:30:00Z");
    assert_eq!(show(window.until), "2026-10-25T02:00:00Z");
    // On the first pass of 02:30 nothing fires, as Quartz has it; the next window is known from there all the same.
    let first_pass = at("2026-10-25T00:45:00Z");
    assert_eq!(schedule.window_at(first_pass, &berlin), None);
    assert_eq!(
        schedule.next_window_after(first_pass, &berlin).map(|w| show(w.from)),
        Some("2026-10-25T01:30:00Z".into())
    );
}

#[test]
fn always_and_hourly_have_no_expression() {
    assert!(Schedule::Always.window_at(Timestamp::EPOCH, &TimeZone::UTC).is_some());
    assert_eq!(Schedule::Always.due_before(Timestamp::EPOCH, &TimeZone::UTC), Some(Timestamp::MAX));
    let now = at("2026-11-22T09:17:00Z");
    let due = |zone: TimeZone| Schedule::Hourly.due_before(now, &zone).map(show);
    assert_eq!(due(TimeZone::UTC), Some("2026-11-22T09:00:00Z".into()));
    // A full hour of India's clocks is half past one of UTC's.
    assert_eq!(due(zone("Asia/Kolkata")), Some("2026-11-22T08:30:00Z".into()));
}

#[test]
fn a_tracker_stays_right_when_the_clock_steps() {
    let mut tracker = ScheduleTracker::new(windows("0 0 9 * * ?", 600), TimeZone::UTC);
    let open = |tracker: &mut ScheduleTracker, now: &str| tracker.window_at(at(now)).is_some();
    assert!(!open(&mut tracker, "2026-11-22T08:00:00Z"));
    assert_eq!(show(tracker.next_change(at("2026-11-22T08:00:00Z"))), "2026-11-22T09:00:00Z");
    assert!(open(&mut tracker, "2026-11-22T09:05:00Z"));
    assert!(!open(&mut tracker, "2026-11-21T12:00:00Z"));
    assert!(open(&mut tracker, "2026-11-21T09:01:00Z"));
    assert!(!open(&mut tracker, "2030-01-01T09:10:00Z"));
    tracker.set_schedule(Schedule::Always);
    assert!(open(&mut tracker, "2030-01-01T09:10:00Z"));
}

/// Whether a window is open by the definition: some fire is less than a duration ago.
fn open_by_definition(cron: &CronExpression, duration_seconds: u32, now: Timestamp) -> bool {
    (0..i64::from(duration_seconds)).any(|ago| {
        let second = Timestamp::from_millis(now.as_millis().div_euclid(1000) * 1000 - ago * 1000);
        cron.is_satisfied_by(second, &TimeZone::UTC)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn windows_are_what_the_definition_says(
        expression in prop::sample::select(&[
            "0 0 9-16 ? * MON-FRI", "0 0/7 * * * ?", "30 5,6,40 3-5 * * ?", "* 0-5 9 * * ?", "0 0 22-2 * * ?",
            "0 59 23 L * ?", "15/45 * * ? * SUN",
        ][..]),
        duration_seconds in 60u32..900,
        offset_seconds in 0i64..(9 * 24 * 3600),
    ) {
        let schedule = windows(expression, duration_seconds);
        let Schedule::Windows { cron, .. } = &schedule else { unreachable!() };
        let now = at("2026-11-22T00:00:00Z").plus_millis(offset_seconds * 1000 + 123);
        let open = |now| open_by_definition(cron, duration_seconds, now);
        match schedule.window_at(now, &TimeZone::UTC) {
            Some(window) => {
                prop_assert!(open(now) && window.contains(now));
                // It closes no earlier than said, and is open all the while between.
                prop_assert!(open(window.until.plus_millis(-1)) && open(window.from));
                prop_assert!(open(Timestamp::from_millis((now.as_millis() + window.until.as_millis()) / 2)));
                if window.until < now + MERGE_HORIZON {
                    prop_assert!(!open(window.until));
                }
                if window.from > now - MERGE_HORIZON {
                    prop_assert!(!open(window.from.plus_millis(-1)));
                }
            }
            None => {
                prop_assert!(!open(now));
                if let Some(next) = schedule.next_window_after(now, &TimeZone::UTC) {
                    prop_assert!(next.from > now && open(next.from) && !open(next.from.plus_millis(-1)));
                }
            }
        }
    }
}

#[test]
fn the_windows_of_a_week_are_merged_whatever_their_length() {
    let (from, until) = (at("2026-11-22T00:00:00Z"), at("2026-11-29T00:00:00Z"));
    let check = |expression, duration, expect: &[(&str, &str)]| {
        let found = windows(expression, duration).windows_between(from, until, &TimeZone::UTC);
        let found: Vec<_> = found.iter().map(|w| (show(w.from), show(w.until))).collect();
        let expect: Vec<_> = expect
            .iter()
            .map(|(a, b)| (format!("2026-11-{a}:00Z"), format!("2026-11-{b}:00Z")))
            .collect();
        assert_eq!(found, expect, "{expression}");
    };
    // Monday to Friday, eight fires of an hour each day: one window each day.
    check(
        "0 0 9-16 ? * MON-FRI",
        3600,
        &[
            ("23T09:00", "23T17:00"),
            ("24T09:00", "24T17:00"),
            ("25T09:00", "25T17:00"),
            ("26T09:00", "26T17:00"),
            ("27T09:00", "27T17:00"),
        ],
    );
    check("0 30 23 ? * SAT", 3600, &[("21T23:30", "22T00:30"), ("28T23:30", "29T00:30")]);
    check("0 0 9 30 2 ?", 60, &[]);
    let always = windows("0 * * * * ?", 60).windows_between(from, until, &TimeZone::UTC);
    assert_eq!(always.len(), 1);
    assert!(always[0].from <= from && always[0].until >= until);
    let dense = windows("0 0/2 * * * ?", 60).windows_between(from, until, &TimeZone::UTC);
    assert_eq!(dense.len(), 7 * 24 * 30);
}
