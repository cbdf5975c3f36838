//! An expression in words, for the person who wrote it: what it means, not how it is spelled.
//!
//! Reads what was parsed, so that two spellings of one meaning have one sentence. Never says when it fires next.

use super::CronExpression;
use super::field::{DayRule, FieldKind, YEAR_FIRST, YEAR_LAST, YearRange};

/// More clock times than these are said by their rule.
const TIMES_MAX: usize = 6;

const WEEKDAYS: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const ORDINALS: [&str; 5] = ["first", "second", "third", "fourth", "fifth"];

impl CronExpression {
    /// One sentence in English, without a full stop.
    ///
    /// ```
    /// use vigie_engine::cron::CronExpression;
    ///
    /// let office_hours = CronExpression::parse("0 0 9-16 ? * MON-FRI")?;
    /// assert_eq!(office_hours.describe(), "Every hour from 09:00 to 16:00, Monday to Friday");
    /// # Ok::<(), vigie_engine::cron::CronError>(())
    /// ```
    pub fn describe(&self) -> String {
        let mut sentence = self.time_words();
        for part in [Some(day_words(&self.days)), month_words(self.months), year_words(&self.years)]
            .into_iter()
            .flatten()
        {
            sentence.push_str(", ");
            sentence.push_str(&part);
        }
        capitalized(&sentence)
    }

    fn time_words(&self) -> String {
        let seconds = members(self.seconds, FieldKind::Seconds);
        let minutes = members(self.minutes, FieldKind::Minutes);
        let hours = members(self.hours, FieldKind::Hours);
        if seconds == [0] {
            return minute_words(&minutes, &hours);
        }
        if let ([second], [minute], true) =
            (&seconds[..], &minutes[..], hours.len() <= TIMES_MAX && hours.len() < 24)
        {
            let times = hours.iter().map(|hour| format!("{hour:02}:{minute:02}:{second:02}"));
            return format!("at {}", listed(times.collect()));
        }
        let each = match step(&seconds, 60) {
            Some(1) => "every second".to_owned(),
            Some(step) => format!("every {step} seconds"),
            None => format!("at {} {}", plural(&seconds, "second"), number_words(&seconds)),
        };
        if minutes.len() == 60 && hours.len() == 24 {
            return if step(&seconds, 60).is_some() {
                each
            } else {
                format!("{each} of every minute")
            };
        }
        format!("{each} of {}", minute_rule(&minutes, &hours))
    }
}

/// The time of day of an expression that fires at second 0.
fn minute_words(minutes: &[u32], hours: &[u32]) -> String {
    let first_and_last = || {
        let (first, last) = (first(hours), last(hours));
        let (from, until) = (clock(first, self::first(minutes)), clock(last, self::last(minutes)));
        format!("from {from} to {until}")
    };
    let all_day = hours.len() == 24;
    match (step(minutes, 60), minutes) {
        (Some(1), _) if all_day => "every minute".to_owned(),
        (Some(step), _) if all_day => format!("every {step} minutes"),
        (Some(1), _) if is_run(hours) => format!("every minute {}", first_and_last()),
        (Some(step), _) if is_run(hours) => format!("every {step} minutes {}", first_and_last()),
        (_, [0]) if all_day => "every full hour".to_owned(),
        (_, [minute]) if all_day => format!("every hour at minute {minute}"),
        (_, [_]) if is_run(hours) && hours.len() > 2 => format!("every hour {}", first_and_last()),
        _ if minutes.len() * hours.len() <= TIMES_MAX => {
            let times = hours.iter().flat_map(|h| minutes.iter().map(|m| clock(*h, *m)));
            format!("at {}", listed(times.collect()))
        }
        (_, [minute]) => match step(hours, 24) {
            Some(step) => format!("every {step} hours from {}", clock(first(hours), *minute)),
            None => minute_rule(minutes, hours),
        },
        _ => format!("at {}", minute_rule(minutes, hours)),
    }
}

/// Minutes and hours as sets, where nothing shorter says the same.
fn minute_rule(minutes: &[u32], hours: &[u32]) -> String {
    let minutes = match minutes.len() {
        60 => "every minute".to_owned(),
        _ => format!("{} {}", plural(minutes, "minute"), number_words(minutes)),
    };
    match hours.len() {
        24 => format!("{minutes} of every hour"),
        _ => format!("{minutes} of {} {}", plural(hours, "hour"), number_words(hours)),
    }
}

fn day_words(rule: &DayRule) -> String {
    match *rule {
        DayRule::DaysOfMonth {
            days,
            nearest_weekday,
            before_last,
            before_last_nearest_weekday,
        } => {
            let numbered = members(days.into(), FieldKind::DayOfMonth);
            if numbered.len() == 31 {
                return "every day".to_owned();
            }
            let mut parts = Vec::new();
            if !numbered.is_empty() {
                parts.push(format!("{} {}", plural(&numbered, "day"), number_words(&numbered)));
            }
            for day in bits(nearest_weekday) {
                parts.push(format!("the weekday nearest to day {day}"));
            }
            for before in bits(before_last) {
                parts.push(last_day(before));
            }
            for before in bits(before_last_nearest_weekday) {
                parts.push(match before {
                    0 => "the last weekday".to_owned(),
                    before => format!("the weekday nearest to {}", last_day(before)),
                });
            }
            format!("on {} of the month", listed(parts))
        }
        DayRule::DaysOfWeek(set) => weekday_words(set),
        DayRule::NthDayOfWeek { day, nth } => {
            let which = ORDINALS.get(nth as usize - 1).copied().unwrap_or("fifth");
            format!("on the {which} {} of the month", weekday(day))
        }
        DayRule::LastDayOfWeek { day } => format!("on the last {} of the month", weekday(day)),
    }
}

fn last_day(before: u32) -> String {
    match before {
        0 => "the last day".to_owned(),
        1 => "the day before the last".to_owned(),
        _ => format!("the day {before} days before the last"),
    }
}

/// Weeks begin on Monday for people, on Sunday for Quartz.
fn weekday_words(set: u32) -> String {
    let days: Vec<u32> = (0..7).filter(|day| set & (2 << ((*day + 1) % 7)) != 0).collect();
    let name = |day: u32| WEEKDAYS[day as usize].to_owned();
    match days.len() {
        7 => "every day".to_owned(),
        3.. if is_run(&days) => format!("{} to {}", name(first(&days)), name(last(&days))),
        _ => format!("on {}", listed(days.into_iter().map(name).collect())),
    }
}

/// The name of Quartz's weekday, 1 = Sunday.
fn weekday(day: u32) -> &'static str {
    WEEKDAYS[(day as usize + 5) % 7]
}

fn month_words(set: u64) -> Option<String> {
    let months = members(set, FieldKind::Month);
    let name = |month: u32| MONTHS[month as usize - 1].to_owned();
    match months.len() {
        12 => None,
        3.. if is_run(&months) => {
            Some(format!("from {} to {}", name(first(&months)), name(last(&months))))
        }
        _ => Some(format!("in {}", listed(months.into_iter().map(name).collect()))),
    }
}

fn year_words(ranges: &[YearRange]) -> Option<String> {
    let (earliest, latest) = (YEAR_FIRST as u32, YEAR_LAST as u32);
    let parts: Vec<_> = ranges
        .iter()
        .map(|range| {
            let open = range.last >= latest;
            match (range.first <= earliest && open, range.step) {
                (true, 1) => None,
                _ if range.first == range.last => Some(range.first.to_string()),
                (_, 1) if open => Some(format!("{} and later", range.first)),
                (_, 1) => Some(format!("{} to {}", range.first, range.last)),
                (_, step) if open => Some(format!("every {step} years from {}", range.first)),
                (_, step) => {
                    Some(format!("every {step} years from {} to {}", range.first, range.last))
                }
            }
        })
        .collect::<Option<_>>()?;
    let words = listed(parts);
    Some(if words.starts_with("every") { words } else { format!("in {words}") })
}

/// The numbers of a set, growing.
fn members(set: u64, kind: FieldKind) -> Vec<u32> {
    let (least, greatest) = kind.range();
    (least..=greatest).filter(|number| set & (1 << number) != 0).collect()
}

fn bits(set: u32) -> impl Iterator<Item = u32> {
    (0..32).filter(move |n| set & (1 << n) != 0)
}

/// The step of numbers that go from 0 through the whole of a field.
fn step(numbers: &[u32], count: u32) -> Option<u32> {
    let step = numbers.get(1).copied().filter(|_| numbers.first() == Some(&0))?;
    let whole = count.is_multiple_of(step) && numbers.len() as u32 == count / step;
    (whole && numbers.iter().enumerate().all(|(n, number)| *number == n as u32 * step))
        .then_some(step)
}

fn is_run(numbers: &[u32]) -> bool {
    numbers.windows(2).all(|pair| pair[1] == pair[0] + 1)
}

fn first(numbers: &[u32]) -> u32 {
    numbers.first().copied().unwrap_or(0)
}

fn last(numbers: &[u32]) -> u32 {
    numbers.last().copied().unwrap_or(0)
}

/// `1 to 5, 8 and 10`.
fn number_words(numbers: &[u32]) -> String {
    let runs = numbers.chunk_by(|a, b| *b == *a + 1).flat_map(|run| match run {
        [from, .., until] if run.len() > 2 => vec![format!("{from} to {until}")],
        run => run.iter().map(u32::to_string).collect(),
    });
    listed(runs.collect())
}

fn plural(numbers: &[u32], one: &str) -> String {
    if numbers.len() == 1 { one.to_owned() } else { format!("{one}s") }
}

fn listed(mut parts: Vec<String>) -> String {
    match parts.pop() {
        None => String::new(),
        Some(last) if parts.is_empty() => last,
        Some(last) => format!("{} and {last}", parts.join(", ")),
    }
}

fn clock(hour: u32, minute: u32) -> String {
    format!("{hour:02}:{minute:02}")
}

fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(expression: &str, expect: &str) {
        let words = CronExpression::parse(expression).unwrap().describe();
        assert_eq!(words, expect, "{expression}");
    }

    #[test]
    fn times_of_day() {
        check("0 0 * * * ?", "Every full hour, every day");
        check("0 15 * * * ?", "Every hour at minute 15, every day");
        check("0 * * * * ?", "Every minute, every day");
        check("0 0/5 * * * ?", "Every 5 minutes, every day");
        check("0 0,15,30,45 9-16 * * ?", "Every 15 minutes from 09:00 to 16:45, every day");
        check("0 * 22 * * ?", "Every minute from 22:00 to 22:59, every day");
        check("0 30 8-17 * * ?", "Every hour from 08:30 to 17:30, every day");
        check("0 0 9 * * ?", "At 09:00, every day");
        check("0 0,30 7,18 * * ?", "At 07:00, 07:30, 18:00 and 18:30, every day");
        check("0 0 0/2 * * ?", "Every 2 hours from 00:00, every day");
        check("0 5,7 * * * ?", "At minutes 5 and 7 of every hour, every day");
        check(
            "0 0/7 9,11 * * ?",
            "At minutes 0, 7, 14, 21, 28, 35, 42, 49 and 56 of hours 9 and 11, every day",
        );
    }

    #[test]
    fn seconds() {
        check("* * * * * ?", "Every second, every day");
        check("0/10 * * * * ?", "Every 10 seconds, every day");
        check("30 * * * * ?", "At second 30 of every minute, every day");
        check("30 15 9 * * ?", "At 09:15:30, every day");
        check("1-5 0 * * * ?", "At seconds 1 to 5 of minute 0 of every hour, every day");
    }

    #[test]
    fn days() {
        check("0 0 9 ? * MON-FRI", "At 09:00, Monday to Friday");
        check("0 0 9 ? * SAT,SUN", "At 09:00, on Saturday and Sunday");
        check("0 0 9 ? * 2,4,6", "At 09:00, on Monday, Wednesday and Friday");
        check("0 0 9 ? * SUN-SAT", "At 09:00, every day");
        check("0 0 9 1 * ?", "At 09:00, on day 1 of the month");
        check("0 0 9 1-7,15 * ?", "At 09:00, on days 1 to 7 and 15 of the month");
        check("0 0 9 L * ?", "At 09:00, on the last day of the month");
        check("0 0 9 L-1 * ?", "At 09:00, on the day before the last of the month");
        check("0 0 9 L-3 * ?", "At 09:00, on the day 3 days before the last of the month");
        check("0 0 9 LW * ?", "At 09:00, on the last weekday of the month");
        check("0 0 9 15W * ?", "At 09:00, on the weekday nearest to day 15 of the month");
        check("0 0 9 ? * 6#3", "At 09:00, on the third Friday of the month");
        check("0 0 9 ? * 1L", "At 09:00, on the last Sunday of the month");
    }

    #[test]
    fn months_and_years() {
        check("0 0 9 * JUN ?", "At 09:00, every day, in June");
        check("0 0 9 * 3-10 ?", "At 09:00, every day, from March to October");
        check("0 0 9 * 1,7 ?", "At 09:00, every day, in January and July");
        check("0 0 9 * * ? 2027", "At 09:00, every day, in 2027");
        check("0 0 9 * * ? 2027-2029", "At 09:00, every day, in 2027 to 2029");
        check("0 0 9 * * ? 2026/2", "At 09:00, every day, every 2 years from 2026");
        check("0 0 9 * * ? *", "At 09:00, every day");
    }

    #[test]
    fn one_meaning_has_one_sentence() {
        for spelling in
            ["0 0 9-17 ? * MON-FRI", "0 0 9,10-17 ? * 2-6", "00 00 9-17 ? JAN-DEC 2,3,4,5,6 *"]
        {
            check(spelling, "Every hour from 09:00 to 17:00, Monday to Friday");
        }
    }
}
