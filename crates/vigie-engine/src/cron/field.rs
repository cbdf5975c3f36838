//! What the fields of an expression hold: their names and ranges, and the days that a day field selects in one month.
//!
//! Never parses and never searches.

/// Nothing fires before Quartz's first year.
pub(crate) const YEAR_FIRST: i16 = 1970;
/// Nothing fires after this year (see the module `cron`).
pub(crate) const YEAR_LAST: i16 = 2126;

/// The seven fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FieldKind {
    Seconds,
    Minutes,
    Hours,
    DayOfMonth,
    Month,
    DayOfWeek,
    Year,
}

impl FieldKind {
    /// In the order of an expression.
    pub(crate) const ALL: [Self; 7] = [
        Self::Seconds,
        Self::Minutes,
        Self::Hours,
        Self::DayOfMonth,
        Self::Month,
        Self::DayOfWeek,
        Self::Year,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Seconds => "seconds",
            Self::Minutes => "minutes",
            Self::Hours => "hours",
            Self::DayOfMonth => "day-of-month",
            Self::Month => "month",
            Self::DayOfWeek => "day-of-week",
            Self::Year => "year",
        }
    }

    /// The least and the greatest number of the field.
    pub(crate) fn range(self) -> (u32, u32) {
        match self {
            Self::Seconds | Self::Minutes => (0, 59),
            Self::Hours => (0, 23),
            Self::DayOfMonth => (1, 31),
            Self::Month => (1, 12),
            Self::DayOfWeek => (1, 7),
            Self::Year => (YEAR_FIRST as u32, YEAR_LAST as u32),
        }
    }

    /// Names that stand for numbers, the first for the field's least.
    pub(crate) fn names(self) -> &'static [&'static str] {
        match self {
            Self::Month => &[
                "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
            ],
            Self::DayOfWeek => &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
            _ => &[],
        }
    }
}

/// Years `first`, `first + step` … up to `last`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct YearRange {
    pub(crate) first: u32,
    pub(crate) last: u32,
    pub(crate) step: u32,
}

impl YearRange {
    pub(crate) fn contains(self, year: i16) -> bool {
        let Ok(year) = u32::try_from(year) else { return false };
        year >= self.first && year <= self.last && (year - self.first).is_multiple_of(self.step)
    }
}

/// Which days of a month fire. Exactly one of the two day fields decides; the other is `?`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DayRule {
    DaysOfMonth {
        /// Bit n: day n.
        days: u32,
        /// Bit n: `nW`, the weekday nearest to day n.
        nearest_weekday: u32,
        /// Bit n: `L-n`, n days before the last; bit 0 is `L`.
        before_last: u32,
        /// Bit n: `L-nW`; bit 0 is `LW`.
        before_last_nearest_weekday: u32,
    },
    /// Bit n: weekday n, 1 = Sunday.
    DaysOfWeek(u32),
    /// `d#k`: the k-th weekday d of the month.
    NthDayOfWeek { day: u32, nth: u32 },
    /// `dL`: the last weekday d of the month.
    LastDayOfWeek { day: u32 },
}

impl DayRule {
    /// The days that fire in a month of `length` days whose first is weekday `first_weekday` (1 = Sunday); bit n is
    /// day n.
    pub(crate) fn days_in_month(&self, length: u32, first_weekday: u32) -> u64 {
        match *self {
            Self::DaysOfMonth {
                days,
                nearest_weekday,
                before_last,
                before_last_nearest_weekday,
            } => {
                let mut fires = u64::from(days) & (u64::MAX >> (63 - length));
                for n in bits(nearest_weekday).filter(|&n| n <= length) {
                    fires |= 1 << nearest_weekday_to(n, length, first_weekday);
                }
                for n in bits(before_last).filter(|&n| n < length) {
                    fires |= 1 << (length - n);
                }
                for n in bits(before_last_nearest_weekday).filter(|&n| n < length) {
                    fires |= 1 << nearest_weekday_to(length - n, length, first_weekday);
                }
                fires
            }
            Self::DaysOfWeek(weekdays) => (1..=length)
                .filter(|&day| weekdays & (1 << weekday(day, first_weekday)) != 0)
                .fold(0, |fires, day| fires | 1 << day),
            Self::NthDayOfWeek { day, nth } => {
                let date = first_day_of_week(day, first_weekday) + (nth - 1) * 7;
                if date <= length { 1 << date } else { 0 }
            }
            Self::LastDayOfWeek { day } => {
                let first = first_day_of_week(day, first_weekday);
                1 << (first + (length - first) / 7 * 7)
            }
        }
    }
}

fn bits(set: u32) -> impl Iterator<Item = u32> {
    (0..32).filter(move |n| set & (1 << n) != 0)
}

/// The weekday (1 = Sunday) of a day of the month.
fn weekday(day: u32, first_weekday: u32) -> u32 {
    (first_weekday - 1 + day - 1) % 7 + 1
}

/// The first day of the month that is this weekday.
fn first_day_of_week(weekday: u32, first_weekday: u32) -> u32 {
    1 + (weekday + 7 - first_weekday) % 7
}

/// `W`: the day itself on a weekday, else Friday before or Monday after, but never in another month.
fn nearest_weekday_to(day: u32, length: u32, first_weekday: u32) -> u32 {
    match weekday(day, first_weekday) {
        7 if day == 1 => 3,
        7 => day - 1,
        1 if day == length => day - 2,
        1 => day + 1,
        _ => day,
    }
}
