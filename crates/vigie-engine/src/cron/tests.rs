//! Helpful refusals, the awkward hours of the year, and agreement with a brute-force evaluator.
//!
//! The grammar as a whole is held by the corpus (`tests/it/quartz_corpus.rs`).

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use proptest::prelude::*;
use vigie_media::Timestamp;

use super::CronExpression;

fn at(text: &str) -> Timestamp {
    Timestamp::from_millis(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
}

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap()
}

/// The error with its position, or `fine`.
fn refusal(expression: &str) -> String {
    match CronExpression::parse(expression) {
        Ok(_) => "fine".to_owned(),
        Err(error) => format!("{}: {error}", error.position),
    }
}

#[test]
fn refusals_name_the_field_the_place_and_the_remedy() {
    let expressions = [
        "* * * * *",
        "* * * * * *",
        "* * * ? * ?",
        "? * * * * ?",
        "0 0 0 ? * MON-FRI/2",
        "0 0 0 ? * MONDAY",
        "0 61 * * * ?",
        "0 0/99 * * * ?",
        "0 0 0 L-31 * ?",
        "0 0 0 L+2 * ?",
        "0 0 0 ? * 2#6",
        "0 0 0 ? * MON#1,TUE",
        "0 0 0 ? * 2L,3",
        "0 0 0 ? * L,MON",
        "0 0 0 ? * 2,3,l",
        "0 0 0 ? * L,L",
        "0 0 0 1,,2 * ?",
        "0 0 0 ? JAN-3 MON",
        "0 0 0 1 * ? 2030-2020",
        "0 0 0 1 * ? 2026 1",
        "0 0 0 1 * ?x",
        "a/",
    ];
    let refusals: Vec<_> =
        expressions.iter().map(|text| format!("{text:24} {}", refusal(text))).collect();
    insta::assert_snapshot!(refusals.join("\n"), @"
    * * * * *                9: only 5 of six fields are there; a Quartz expression begins with the seconds, put 0 in front
    * * * * * *              10: day-of-week field: day-of-month and day-of-week are both given; write '?' in the one that should not decide
    * * * ? * ?              10: day-of-week field: day-of-month and day-of-week are both '?'; write * in one of them
    ? * * * * ?              0: seconds field: '?' is for day-of-month or day-of-week only; write *
    0 0 0 ? * MON-FRI/2      17: day-of-week field: names take no step; write the numbers instead, 2-6/2 for every second one
    0 0 0 ? * MONDAY         10: day-of-week field: 'MONDAY' is not understood; write a number from 1 to 7, a range, a step or *, or a name from SUN to SAT
    0 61 * * * ?             2: minutes field: 61 is outside 0 to 59
    0 0/99 * * * ?           4: minutes field: the step 99 is greater than 59
    0 0 0 L-31 * ?           8: day-of-month field: the offset behind 'L-' must be 30 or less
    0 0 0 L+2 * ?            6: day-of-month field: write L, L-3, LW or L-3W
    0 0 0 ? * 2#6            12: day-of-week field: the number behind '#' must be 1 to 5
    0 0 0 ? * MON#1,TUE      10: day-of-week field: '#' must stand alone in the field
    0 0 0 ? * 2L,3           10: day-of-week field: a day with 'L' must stand alone in the field
    0 0 0 ? * L,MON          10: day-of-week field: 'L' must stand alone in the field; write 7 or SAT in a list
    0 0 0 ? * 2,3,l          14: day-of-week field: 'L' must stand alone in the field; write 7 or SAT in a list
    0 0 0 ? * L,L            10: day-of-week field: 'L' must stand alone in the field; write 7 or SAT in a list
    0 0 0 1,,2 * ?           8: day-of-month field: there is a comma without a value beside it
    0 0 0 ? JAN-3 MON        12: month field: a range takes two numbers or two names, not one of each
    0 0 0 1 * ? 2030-2020    12: year field: the range ends before it begins; years do not wrap around
    0 0 0 1 * ? 2026 1       17: there are more than seven fields; write seconds, minutes, hours, day-of-month, month, day-of-week and, if wanted, year
    0 0 0 1 * ?x             10: day-of-week field: '?' must stand alone in the field
    a/                       2: only 1 of six fields are there; write seconds, minutes, hours, day-of-month, month, day-of-week and, if wanted, year
    ");
}

#[test]
fn hostile_text_is_refused_and_never_panics() {
    for text in [
        "",
        " ",
        "\t\t\t",
        "é é é é é é",
        &"*".repeat(5000),
        &",".repeat(500),
        "0 0 0 999999999999 * ?",
    ] {
        assert!(CronExpression::parse(text).is_err(), "{text}");
    }
}

#[test]
fn impossible_dates_are_valid_and_end_quickly() {
    let never = CronExpression::parse("0 0 0 30 2 ?").unwrap();
    assert_eq!(never.next_valid_time_after(at("2026-11-22T00:00:00Z"), &TimeZone::UTC), None);
    assert_eq!(never.previous_valid_time(at("2026-11-22T00:00:00Z"), &TimeZone::UTC), None);
}

#[test]
fn times_beyond_the_calendar_have_no_fires() {
    let always = CronExpression::parse("* * * * * ?").unwrap();
    assert_eq!(always.next_valid_time_after(Timestamp::MAX, &TimeZone::UTC), None);
    assert_eq!(always.next_valid_time_after(Timestamp::MIN, &TimeZone::UTC), None);
    assert_eq!(always.previous_valid_time(Timestamp::MIN, &TimeZone::UTC), None);
}

#[test]
fn the_hour_that_spring_skips_does_not_fire() {
    let cron = CronExpression::parse("0 30 2 * * ?").unwrap();
    let berlin = zone("Europe/Berlin");
    let next = cron.next_valid_time_after(at("2026-03-28T02:00:00Z"), &berlin);
    assert_eq!(next, Some(at("2026-03-30T00:30:00Z")));
    assert_eq!(
        cron.previous_valid_time(at("2026-03-29T12:00:00Z"), &berlin),
        Some(at("2026-03-28T01:30:00Z"))
    );
}

#[test]
fn the_hour_that_autumn_repeats_fires_on_its_second_pass() {
    let cron = CronExpression::parse("0 30 2 * * ?").unwrap();
    let berlin = zone("Europe/Berlin");
    // 02:30 summer time is 00:30Z, 02:30 winter time is 01:30Z.
    let fire = at("2026-10-25T01:30:00Z");
    assert_eq!(cron.next_valid_time_after(at("2026-10-24T12:00:00Z"), &berlin), Some(fire));
    assert!(cron.is_satisfied_by(fire, &berlin));
    assert!(!cron.is_satisfied_by(at("2026-10-25T00:30:00Z"), &berlin));
    assert_eq!(
        cron.previous_valid_time(at("2026-10-25T00:45:00Z"), &berlin),
        Some(at("2026-10-24T00:30:00Z"))
    );
}

#[test]
fn asking_from_the_first_pass_skips_as_quartz_does_but_windows_do_not() {
    let cron = CronExpression::parse("0 0/10 2 * * ?").unwrap();
    let berlin = zone("Europe/Berlin");
    let first_pass = at("2026-10-25T00:45:00Z");
    assert_eq!(cron.next_valid_time_after(first_pass, &berlin), Some(at("2026-10-25T01:50:00Z")));
    assert_eq!(cron.next_fire_after(first_pass, &berlin), Some(at("2026-10-25T01:00:00Z")));
}

#[test]
fn a_skipped_day_is_skipped() {
    // Samoa had no 30 December 2011.
    let cron = CronExpression::parse("0 0 12 * * ?").unwrap();
    let apia = zone("Pacific/Apia");
    let noons: Vec<_> = std::iter::successors(Some(at("2011-12-29T00:00:00Z")), |after| {
        cron.next_valid_time_after(*after, &apia)
    })
    .skip(1)
    .take(2)
    .collect();
    assert_eq!(noons, [at("2011-12-29T22:00:00Z"), at("2011-12-30T22:00:00Z")]);
}

/// An expression with its meaning told independently of the parser.
#[derive(Clone, Debug)]
struct Told {
    minutes: Vec<u32>,
    hours: Vec<u32>,
    months: Vec<u32>,
    days: Days,
}

#[derive(Clone, Debug)]
enum Days {
    OfMonth(Vec<DayOfMonth>),
    OfWeek(Vec<u32>),
    Nth(u32, u32),
    Last(u32),
}

#[derive(Clone, Debug)]
enum DayOfMonth {
    Day(u32),
    NearestWeekday(u32),
    BeforeLast(u32),
    NearestWeekdayBeforeLast(u32),
}

fn list(items: impl Iterator<Item = String>) -> String {
    let items: Vec<_> = items.collect();
    if items.is_empty() { "*".to_owned() } else { items.join(",") }
}

impl Told {
    fn text(&self) -> String {
        let numbers = |set: &[u32]| list(set.iter().map(u32::to_string));
        let (days_of_month, days_of_week) = match &self.days {
            Days::OfMonth(days) => {
                let days = days.iter().map(|day| match day {
                    DayOfMonth::Day(day) => format!("{day}"),
                    DayOfMonth::NearestWeekday(day) => format!("{day}W"),
                    DayOfMonth::BeforeLast(0) => "L".to_owned(),
                    DayOfMonth::BeforeLast(n) => format!("L-{n}"),
                    DayOfMonth::NearestWeekdayBeforeLast(0) => "LW".to_owned(),
                    DayOfMonth::NearestWeekdayBeforeLast(n) => format!("L-{n}W"),
                });
                (list(days), "?".to_owned())
            }
            Days::OfWeek(days) => ("?".to_owned(), numbers(days)),
            Days::Nth(day, nth) => ("?".to_owned(), format!("{day}#{nth}")),
            Days::Last(day) => ("?".to_owned(), format!("{day}L")),
        };
        let (minutes, hours) = (numbers(&self.minutes), numbers(&self.hours));
        format!("0 {minutes} {hours} {days_of_month} {} {days_of_week}", numbers(&self.months))
    }

    fn matches(&self, wall: DateTime) -> bool {
        let holds = |set: &[u32], value: i8| set.is_empty() || set.contains(&(value as u32));
        wall.second() == 0
            && holds(&self.minutes, wall.minute())
            && holds(&self.hours, wall.hour())
            && holds(&self.months, wall.month())
            && self.matches_day(wall.date())
    }

    fn matches_day(&self, date: Date) -> bool {
        let weekday = date.weekday().to_sunday_one_offset() as u32;
        let last = date.days_in_month() as u32;
        let day = date.day() as u32;
        match &self.days {
            Days::OfMonth(days) if days.is_empty() => true,
            Days::OfMonth(days) => days.iter().any(|rule| match *rule {
                DayOfMonth::Day(nominal) => day == nominal,
                DayOfMonth::NearestWeekday(nominal) => Some(day) == nearest_weekday(date, nominal),
                DayOfMonth::BeforeLast(n) => day + n == last,
                DayOfMonth::NearestWeekdayBeforeLast(n) => {
                    n < last && Some(day) == nearest_weekday(date, last - n)
                }
            }),
            Days::OfWeek(days) => days.is_empty() || days.contains(&weekday),
            Days::Nth(of, nth) => weekday == *of && day.div_ceil(7) == *nth,
            Days::Last(of) => weekday == *of && day + 7 > last,
        }
    }
}

/// The weekday of the month of `date` that has the least distance to the nominal day.
fn nearest_weekday(date: Date, nominal: u32) -> Option<u32> {
    let last = date.days_in_month() as u32;
    if nominal > last {
        return None;
    }
    let is_weekday = |day: &u32| {
        let date = Date::new(date.year(), date.month(), *day as i8).unwrap();
        !matches!(date.weekday(), jiff::civil::Weekday::Saturday | jiff::civil::Weekday::Sunday)
    };
    (1..=last).filter(is_weekday).min_by_key(|day| day.abs_diff(nominal))
}

/// Fires at this instant, tried by the definition: the wall time matches, and does not come again.
fn fires(told: &Told, at: Timestamp, zone: &TimeZone) -> bool {
    let wall = |at: Timestamp| {
        zone.to_datetime(jiff::Timestamp::from_millisecond(at.as_millis()).unwrap())
    };
    let comes_again =
        || [30, 60, 120].iter().any(|minutes| wall(at.plus_millis(minutes * 60_000)) == wall(at));
    told.matches(wall(at)) && !comes_again()
}

fn some_of(range: std::ops::RangeInclusive<u32>) -> impl Strategy<Value = Vec<u32>> {
    prop::collection::btree_set(range, 0..4).prop_map(|set| set.into_iter().collect())
}

fn told() -> impl Strategy<Value = Told> {
    let day_of_month = prop_oneof![
        4 => (1u32..=31).prop_map(DayOfMonth::Day),
        2 => (1u32..=31).prop_map(DayOfMonth::NearestWeekday),
        1 => (0u32..=30).prop_map(DayOfMonth::BeforeLast),
        1 => (0u32..=30).prop_map(DayOfMonth::NearestWeekdayBeforeLast),
    ];
    let days = prop_oneof![
        3 => prop::collection::vec(day_of_month, 0..4).prop_map(Days::OfMonth),
        2 => some_of(1..=7).prop_map(Days::OfWeek),
        1 => (1u32..=7, 1u32..=5).prop_map(|(day, nth)| Days::Nth(day, nth)),
        1 => (1u32..=7).prop_map(Days::Last),
    ];
    (some_of(0..=59), some_of(0..=23), some_of(1..=12), days)
        .prop_map(|(minutes, hours, months, days)| Told { minutes, hours, months, days })
}

/// Moments around which clocks change in the zones below, and some others.
const MOMENTS: [&str; 8] = [
    "2026-03-29T01:00:00Z",
    "2026-10-25T01:00:00Z",
    "2026-03-08T07:00:00Z",
    "2026-11-01T06:00:00Z",
    "2026-04-04T15:00:00Z",
    "2026-10-03T15:30:00Z",
    "2028-02-28T22:00:00Z",
    "2026-12-31T23:00:00Z",
];
const ZONES: [&str; 5] =
    ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"];
const MINUTE_MS: i64 = 60_000;
const SEARCH_MINUTES: i64 = 3 * 24 * 60;

proptest! {
    #[test]
    fn searches_agree_with_trying_every_minute(
        told in told(),
        moment in prop::sample::select(&MOMENTS[..]),
        zone_name in prop::sample::select(&ZONES[..]),
        minutes_off in -200i64..200,
        seconds_off in 0i64..60,
    ) {
        let zone = zone(zone_name);
        let cron = CronExpression::parse(&told.text()).unwrap();
        let now = at(moment).plus_millis(minutes_off * MINUTE_MS + seconds_off * 1000);
        let minute = Timestamp::from_millis(now.as_millis().div_euclid(MINUTE_MS) * MINUTE_MS);
        let end = minute.plus_millis(SEARCH_MINUTES * MINUTE_MS);

        let next = (1..=SEARCH_MINUTES).map(|n| minute.plus_millis(n * MINUTE_MS)).find(|at| fires(&told, *at, &zone));
        prop_assert_eq!(cron.next_fire_after(now, &zone).filter(|fire| *fire <= end), next);

        let start = minute.plus_millis(-SEARCH_MINUTES * MINUTE_MS);
        let previous =
            (0..=SEARCH_MINUTES).map(|n| minute.plus_millis(-n * MINUTE_MS)).find(|at| fires(&told, *at, &zone));
        prop_assert_eq!(cron.previous_valid_time(now, &zone).filter(|fire| *fire >= start), previous);

        prop_assert_eq!(cron.is_satisfied_by(minute, &zone), fires(&told, minute, &zone));
    }

    #[test]
    fn any_text_is_parsed_or_refused(text in "[ -~]{0,60}|([0-9*?/,LW#A-Z-]{1,6} ){5,7}") {
        if let Err(error) = CronExpression::parse(&text) {
            prop_assert!(error.position <= text.len());
            prop_assert!(!error.message.is_empty());
        }
    }
}
